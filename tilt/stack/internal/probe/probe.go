package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/nova-data/nova/pkg/broker"
)

const (
	// timeout bounds a connection whose context has no deadline.
	timeout = 5 * time.Second
	// answerBytes is how much of an unexpected answer an error shows.
	answerBytes = 300
)

// Probe returns nil when a server is ready.
type Probe = func(context.Context) error

// Postgres is ready when the database of dsn answers a query.
func Postgres(dsn string) Probe {
	return func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(ctx) }()
		_, err = conn.Exec(ctx, "SELECT 1")
		return err
	}
}

// Redis is ready when it answers PING, which it does not do while it loads its
// data. A server that asks for a password first is ready too.
func Redis(address string) Probe {
	return func(ctx context.Context) error {
		conn, err := dial(ctx, address)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
			return fmt.Errorf("asking %s: %w", address, err)
		}
		answer, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil {
			return fmt.Errorf("asking %s: %w", address, err)
		}
		if answer = strings.TrimSpace(answer); answer != "+PONG" && !strings.HasPrefix(answer, "-NOAUTH") {
			return fmt.Errorf("asking %s: answer %q", address, answer)
		}
		return nil
	}
}

// Kafka is ready when one of brokers, which are comma-separated, knows a broker
// that takes requests.
func Kafka(brokers string) Probe {
	return func(ctx context.Context) error {
		cluster, err := broker.Open(broker.Config{Brokers: strings.Split(brokers, ","), DialTimeout: timeout, Timeout: timeout})
		if err != nil {
			return err
		}
		defer cluster.Close()
		var problems []error
		for _, address := range cluster.Addresses() {
			err := askBroker(ctx, cluster, address)
			if err == nil {
				return nil
			}
			problems = append(problems, err)
		}
		return errors.Join(problems...)
	}
}

func askBroker(ctx context.Context, cluster *broker.Cluster, address string) error {
	conn, err := cluster.Dialer().DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(deadline(ctx)); err != nil {
		return fmt.Errorf("asking %s: %w", address, err)
	}
	known, err := conn.Brokers()
	if err != nil {
		return fmt.Errorf("asking %s: %w", address, err)
	}
	if len(known) == 0 {
		return fmt.Errorf("asking %s: no broker is registered yet", address)
	}
	return nil
}

// TCP is ready when it takes a connection.
func TCP(address string) Probe {
	return func(ctx context.Context) error {
		conn, err := dial(ctx, address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// HTTP is ready when url answers 200.
func HTTP(url string) Probe {
	return func(ctx context.Context) error {
		_, err := get(ctx, url)
		return err
	}
}

// get returns the body of a 200 answer.
func get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	// A connection of its own: a kept one may lead to the process before.
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s: %s", url, response.Status, strings.TrimSpace(string(body[:min(len(body), answerBytes)])))
	}
	return body, nil
}

func dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: timeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(deadline(ctx)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func deadline(ctx context.Context) time.Time {
	if deadline, ok := ctx.Deadline(); ok {
		return deadline
	}
	return time.Now().Add(timeout)
}
