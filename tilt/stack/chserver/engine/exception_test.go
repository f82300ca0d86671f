package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// An exception's text is taken apart, whatever wraps it, and a text of another
// form is kept whole.
func TestParseException(t *testing.T) {
	for text, want := range map[string]Exception{
		"Code: 60. DB::Exception: Unknown table t. Maybe you meant u?. (UNKNOWN_TABLE)\n": {60, "UNKNOWN_TABLE", "Unknown table t. Maybe you meant u?"},
		"Error: Code: 115. DB::Exception: Code: 115. DB::Exception: Unknown setting 'n'. (UNKNOWN_SETTING) (version 26.7.2.1). (UNKNOWN_SETTING)": {
			115, "UNKNOWN_SETTING", "Unknown setting 'n'",
		},
		"Code: 76. DB::ErrnoException: Cannot open file f: No space. (CANNOT_OPEN_FILE) (version 26.7.2.1 (official build))": {
			76, "CANNOT_OPEN_FILE", "Cannot open file f: No space",
		},
		"Code: 7. DB::Exception: without a name": {7, "", "without a name"},
		"Invalid or closed connection":           {1001, "STD_EXCEPTION", "Invalid or closed connection"},
		"Code: 99999999999999. DB::Exception: x": {1001, "STD_EXCEPTION", "Code: 99999999999999. DB::Exception: x"},
	} {
		require.Equal(t, want, *parseException(text), text)
	}
	e := &Exception{Code: 60, Name: "UNKNOWN_TABLE", Message: "No t"}
	require.EqualError(t, e, "Code: 60. DB::Exception: No t. (UNKNOWN_TABLE)")
}
