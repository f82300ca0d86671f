// Package layout says where everything of one local stack is: its directories,
// its addresses, and the variables by which people and tests find them.
//
// Two stacks with different RUN_DIR and PORT_BASE share nothing but the cache of
// downloads. A server whose variable is set beforehand belongs to the user and is
// only used. A variable that names the stack's own address, as after
// `source .run/env`, means whoever listens there, and the stack's own part when
// nobody does.
//
// A Layout is immutable and safe for concurrent use.
//
// Load finds the workspace by its go.work above the working directory, and
// fails outside of it.
package layout
