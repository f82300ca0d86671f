package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go"
)

// Class says what an error means for what was tried.
type Class string

// The classes. Only Data is about the rows themselves.
const (
	// Transient passes by itself: the network, a restart, a replica. Try the
	// same again.
	Transient Class = "transient"
	// Overload passes when the server is given time. Try the same again, later
	// and with less at a time.
	Overload Class = "overload"
	// Data is a value that the table does not take. Trying again is in vain.
	Data Class = "data"
	// Schema is a table or column that is missing or of another type: a
	// migration is due. Wait for it.
	Schema Class = "schema"
	// Statement is SQL or a setting that this server does not take. Wait for
	// another release of the one or the other.
	Statement Class = "statement"
	// Access is a login or a grant that is missing. Wait for the operator.
	Access Class = "access"
)

// Error is a failed call.
type Error struct {
	// Operation is what was tried, as a gerund: "inserting into posts".
	Operation string
	Class     Class
	// Code is the server's error code, 0 if the error is not the server's.
	Code int
	// Name is the code's name, such as "TOO_MANY_PARTS", or what failed instead:
	// "connection", "timeout", "cancelled". It is fit for a label.
	Name string

	err error
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s (%s): %s", e.Operation, e.Name, e.Class, e.err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.err }

// ClassOf returns the class of the *Error in err's chain, and Transient for any
// other error: what is unknown is tried again, never dropped.
func ClassOf(err error) Class {
	if failure := classified(err); failure != nil {
		return failure.Class
	}
	return Transient
}

// IsInfrastructure says whether an error of this package speaks against the server
// or the way to it: it is Transient or Overload, and no cancellation. It is what a
// breaker counts.
func IsInfrastructure(err error) bool {
	failure := classified(err)
	if failure == nil || failure.Name == cancelled {
		return false
	}
	return failure.Class == Transient || failure.Class == Overload
}

// cancelled is the name of an error that the caller's context has caused.
const cancelled = "cancelled"

// classify makes an *Error of what a call returned; nil of nil.
func classify(operation string, err error) *Error {
	if err == nil {
		return nil
	}
	failure := &Error{Operation: operation, Class: Transient, Name: "connection", err: err}
	exception, isException := ch.AsException(err)
	switch {
	case isException:
		failure.Code = int(exception.Code)
		failure.Class, failure.Name = meaningOf(failure.Code, exception.Message)
	case errors.Is(err, context.Canceled):
		failure.Name = cancelled
	case errors.Is(err, context.DeadlineExceeded):
		failure.Name = "timeout"
	}
	return failure
}

// classified returns the *Error in err's chain, or nil.
func classified(err error) *Error {
	var failure *Error
	if !errors.As(err, &failure) {
		return nil
	}
	return failure
}

// asError avoids a nil *Error inside a non-nil error.
func asError(failure *Error) error {
	if failure == nil {
		return nil
	}
	return failure
}

// tooManyPartitions is the other meaning of TOO_MANY_PARTS: the block spans more
// months than a setting allows, which waiting does not change.
const (
	codeTooManyParts  = 252
	tooManyPartitions = "Too many partitions for single INSERT block"
)

// meaningOf looks a code up. One that is not in the table is transient: never
// data, since a record is not given up for an error nobody thought of.
func meaningOf(code int, message string) (Class, string) {
	if code == codeTooManyParts && strings.Contains(message, tooManyPartitions) {
		return Statement, "TOO_MANY_PARTITIONS"
	}
	for _, known := range codes() {
		if known.code == code {
			return known.class, known.name
		}
	}
	return Transient, "CODE_" + strconv.Itoa(code)
}
