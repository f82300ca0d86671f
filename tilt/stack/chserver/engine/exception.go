package engine

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// Exception is an error that ClickHouse reports.
type Exception struct { //nolint:errname // ClickHouse's own word for it
	// Code is ClickHouse's error code, such as 60.
	Code int32
	// Name is the code's name, such as UNKNOWN_TABLE.
	Name string
	// Message is the text without code and name.
	Message string
}

const (
	codeStandard    = 1001 // STD_EXCEPTION, for an error without a code of its own
	codeBadArgument = 36
)

func (e *Exception) Error() string {
	return "Code: " + strconv.Itoa(int(e.Code)) + ". DB::Exception: " + e.Message + ". (" + e.Name + ")"
}

var (
	exceptionHead = regexp.MustCompile(`^(?:Error: )?Code: (\d+)\. DB::[A-Za-z:]*Exception: `)
	exceptionTail = regexp.MustCompile(`\.? \(([A-Z0-9_]+)\)(?: \(version [^)]*(?:\([^)]*\))?\))?\s*$`)
)

// parseException reads the text form in which the library gives exceptions,
// where one may wrap another; the outermost has the code.
func parseException(text string) *Exception {
	text = strings.TrimSpace(text)
	e := &Exception{Code: codeStandard, Name: "STD_EXCEPTION", Message: text}
	head := exceptionHead.FindStringSubmatch(text)
	if head == nil {
		return e
	}
	code, err := strconv.ParseInt(head[1], 10, 32)
	if err != nil {
		return e
	}
	e.Code, e.Name = int32(code), ""
	for e.Message = text; head != nil; head = exceptionHead.FindStringSubmatch(e.Message) {
		e.Message = e.Message[len(head[0]):]
		if tail := exceptionTail.FindStringSubmatchIndex(e.Message); tail != nil {
			e.Name = cmp.Or(e.Name, e.Message[tail[2]:tail[3]])
			e.Message = e.Message[:tail[0]]
		}
	}
	return e
}
