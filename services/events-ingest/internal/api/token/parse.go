package token

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Limits of a file.
const (
	maxFileBytes  = 1 << 20
	minTokenBytes = 16
	maxTokenBytes = 512
)

// digest is what is kept of a token.
type digest = [sha256.Size]byte

// caller is one token and whose it is.
type caller struct {
	digest digest
	name   string
}

// parse reads the lines of a file. Its error names every line that is wrong, and
// nothing of what stands there.
func parse(content []byte) ([]caller, error) {
	name := regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
	// What RFC 6750 lets stand behind "Bearer".
	token := regexp.MustCompile(fmt.Sprintf(`^[A-Za-z0-9._~+/-]{%d,%d}=*$`, minTokenBytes, maxTokenBytes))
	var callers []caller
	var problems []error
	lines := map[digest]int{}
	number := 0
	for line := range bytes.Lines(content) {
		number++
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' {
			continue
		}
		before, after, _ := strings.Cut(text, ":")
		sum := sha256.Sum256([]byte(after))
		switch {
		case !name.MatchString(before):
			problems = append(problems, fmt.Errorf("line %d: must be name:token with a name of 1 to 64 letters, digits, '.', '_' or '-'", number))
		case !token.MatchString(after):
			problems = append(problems, fmt.Errorf("line %d: the token must have %d to %d letters, digits or '.', '_', '~', '+', '/', '-'", number, minTokenBytes, maxTokenBytes))
		case lines[sum] != 0:
			problems = append(problems, fmt.Errorf("line %d: is the token of line %d", number, lines[sum]))
		default:
			lines[sum] = number
			callers = append(callers, caller{digest: sum, name: before})
		}
	}
	if len(callers) == 0 && len(problems) == 0 {
		problems = append(problems, errors.New("holds no token: nobody could call"))
	}
	return callers, errors.Join(problems...)
}
