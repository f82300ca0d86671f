// Package statuspage shows the table of the stack's parts over HTTP: as text for
// curl and `stack status`, as a page that refreshes itself for a browser, as
// JSON for programs. It also takes orders to stop a part and to start it again.
//
// What it shows is what the supervisor says at that moment. Orders are refused to
// web pages, which a browser on this machine could be made to open.
//
// A Handler is safe for concurrent use. Fetch, Stop and Start connect anew at each
// call.
//
// They fail when no stack listens at the address; Stop and Start also with the
// reason for which the stack refuses.
package statuspage
