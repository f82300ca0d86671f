// Package fault does to a cluster what a schedule says, when it says so, and undoes
// it again.
//
// A Runner belongs to the goroutine of its test. What is not undone when its time
// is over, because the part that must do it is away, is undone by Heal.
//
// A fault that does not come about is counted as not struck, and is no error; that a
// cluster cannot be healed is one.
package fault
