package redistest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

const commandTimeout = 5 * time.Second

// do runs one command on a connection of its own.
func do(ctx context.Context, addr string, arguments ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(commandTimeout)); err != nil {
		return "", err
	}
	var request strings.Builder
	fmt.Fprintf(&request, "*%d\r\n", len(arguments))
	for _, argument := range arguments {
		fmt.Fprintf(&request, "$%d\r\n%s\r\n", len(argument), argument)
	}
	if _, err := io.WriteString(conn, request.String()); err != nil {
		return "", err
	}
	return readReply(bufio.NewReader(conn))
}

// readReply reads a RESP2 reply; an array's elements become lines.
func readReply(reader *bufio.Reader) (string, error) {
	line, err := reader.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("reading reply: %w", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errors.New("reading reply: empty line")
	}
	kind, rest := line[0], line[1:]
	if kind != '$' && kind != '*' {
		if kind == '-' {
			return line, nil
		}
		return rest, nil
	}
	size, err := strconv.Atoi(rest)
	if err != nil || size < 0 {
		return "", err
	}
	if kind == '*' {
		elements := make([]string, size)
		for i := range elements {
			if elements[i], err = readReply(reader); err != nil {
				return "", err
			}
		}
		return strings.Join(elements, "\n"), nil
	}
	content := make([]byte, size+len("\r\n"))
	if _, err := io.ReadFull(reader, content); err != nil {
		return "", fmt.Errorf("reading reply: %w", err)
	}
	return string(content[:size]), nil
}
