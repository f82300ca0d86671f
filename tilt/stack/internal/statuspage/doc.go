// Package statuspage shows the table of the stack's parts over HTTP: as text for
// curl and `stack status`, as a page that refreshes itself for a browser, as
// JSON for programs.
//
// What it shows is what the supervisor says at that moment.
//
// A Handler is safe for concurrent use. Fetch connects anew at each call.
//
// Fetch fails when no stack listens at the address.
package statuspage
