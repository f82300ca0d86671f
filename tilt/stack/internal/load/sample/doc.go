// Package sample is what users do, as far as every generator of the stack draws it
// alike: which action, from which device, on which post, under which id.
//
// Draws follow their source of randomness alone. Ids of different runs never meet,
// unless two runs begin in the same millisecond.
//
// Functions are safe for concurrent use with a source for each goroutine. Nothing
// here fails.
package sample
