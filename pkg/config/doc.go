// Package config fills a component's Config from environment variables and
// describes it for the manual.
//
// Load reports every problem at once, each by the name of its variable: values
// that do not parse, required ones that are missing or empty, unknown ones that
// look like a typing error, and whatever the Validate methods of the struct and
// of its nested structs find. The value of a variable never appears in an error,
// since any of them may be a secret.
//
// Everything here is safe for concurrent use; nothing is kept between calls.
//
// A Config that fails to load is left partly filled and must not be used.
package config
