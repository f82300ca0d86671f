// Package tlstest makes an authority and certificates for one test.
//
// Every call makes a new authority, so that what one signed the other refuses.
//
// It is safe for concurrent use by tests.
//
// What goes wrong fails the test.
package tlstest
