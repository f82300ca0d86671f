package token

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// interval is how soon a changed file counts.
	interval = 2 * time.Second
	// part is the name under which health reports the file.
	part = "API tokens"
)

// Health is told what works worse than it should.
type Health interface {
	Degraded(part, reason string)
	Healthy(part string)
}

// Deps is what Callers work with. All of it is required.
type Deps struct {
	Health Health
	Log    *slog.Logger
}

// Callers are those who may call.
type Callers struct {
	path  string
	deps  Deps
	known atomic.Pointer[[]caller]
	// content is the digest of the file that known is from, and said what the
	// log was last told of a file that is wrong. Both are Watch's.
	content digest
	said    string
}

// Open reads the file. Its errors are that it cannot be read, and every line that
// is wrong.
func Open(path string, deps Deps) (*Callers, error) {
	c := &Callers{path: path, deps: deps}
	if _, err := c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// Caller is the name of who sent an Authorization header. It is false unless the
// header is "Bearer" and a token of the file.
func (c *Callers) Caller(authorization string) (name string, isKnown bool) {
	const scheme = "Bearer "
	if len(authorization) < len(scheme) || !strings.EqualFold(authorization[:len(scheme)], scheme) {
		return "", false
	}
	sum := sha256.Sum256([]byte(strings.Trim(authorization[len(scheme):], " ")))
	known := *c.known.Load()
	found := -1
	for i := range known {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], known[i].digest[:]), i, found)
	}
	if found < 0 {
		return "", false
	}
	return known[found].name, true
}

// Watch reads the file again when it changes, until ctx ends.
func (c *Callers) Watch(ctx context.Context) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			c.look(ctx)
		}
	}
}

func (c *Callers) look(ctx context.Context) {
	changed, err := c.read()
	if err != nil {
		c.deps.Health.Degraded(part, "the tokens before the file changed are still in use: "+err.Error())
		if c.said != err.Error() {
			c.said = err.Error()
			c.deps.Log.ErrorContext(ctx, "keeping the tokens from before their file changed", "error", err)
		}
		return
	}
	c.deps.Health.Healthy(part)
	if changed || c.said != "" {
		c.said = ""
		c.deps.Log.InfoContext(ctx, "tokens are those of the file", "tokens", len(*c.known.Load()))
	}
}

// read takes the tokens of the file, all or none.
func (c *Callers) read() (changed bool, err error) {
	content, err := readFile(c.path)
	if err != nil {
		return false, fmt.Errorf("reading tokens: %w", err)
	}
	sum := sha256.Sum256(content)
	if sum == c.content {
		return false, nil
	}
	known, err := parse(content)
	if err != nil {
		return false, fmt.Errorf("reading tokens of %s: %w", c.path, err)
	}
	c.known.Store(&known)
	c.content = sum
	return true, nil
}

// readFile is os.ReadFile with a bound.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the operator's choice
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err == nil && len(content) > maxFileBytes {
		err = fmt.Errorf("%s has more than %d bytes", path, maxFileBytes)
	}
	return content, errors.Join(err, file.Close())
}
