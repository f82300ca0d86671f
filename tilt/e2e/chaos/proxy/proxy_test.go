package proxy_test

import (
	"bytes"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/tilt/e2e/chaos/proxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo starts a server that sends back what it gets, and a proxy before it.
func echo(t *testing.T) *proxy.Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p, err := proxy.Listen(listener.Addr().String())
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(connection, connection)
				_ = connection.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		p.Close()
		p.Close()
		_ = listener.Close()
		<-done
	})
	return p
}

func dial(t *testing.T, p *proxy.Proxy) *net.TCPConn {
	t.Helper()
	connection, err := net.Dial("tcp", p.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	require.NoError(t, connection.SetDeadline(time.Now().Add(20*time.Second)))
	tcp, ok := connection.(*net.TCPConn)
	require.True(t, ok)
	return tcp
}

// exchange sends data and an end of stream, and returns what comes back.
func exchange(t *testing.T, p *proxy.Proxy, data []byte) ([]byte, error) {
	t.Helper()
	connection := dial(t, p)
	go func() {
		_, _ = connection.Write(data)
		_ = connection.CloseWrite()
	}()
	return io.ReadAll(connection)
}

// Bytes pass whole and in order, and the end of stream too; slow means slow.
func TestPass(t *testing.T) {
	p := echo(t)
	data := bytes.Repeat([]byte("0123456789"), 100_000)
	got, err := exchange(t, p, data)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(data, got))

	p.SetMode(proxy.Slow)
	started := time.Now()
	got, err = exchange(t, p, data[:proxy.SlowRate/4])
	require.NoError(t, err)
	assert.Len(t, got, proxy.SlowRate/4)
	assert.Greater(t, time.Since(started), 200*time.Millisecond)
}

// Refused connections are reset, old ones and new ones, until the mode ends.
func TestRefuse(t *testing.T) {
	p := echo(t)
	old := dial(t, p)
	_, err := old.Write([]byte("x"))
	require.NoError(t, err)
	_, err = io.ReadFull(old, make([]byte, 1))
	require.NoError(t, err)
	p.SetMode(proxy.Refuse)
	_, err = old.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	fresh, err := net.Dial("tcp", p.Addr())
	if err == nil { // else it was reset before that returned
		t.Cleanup(func() { _ = fresh.Close() })
		_, err = fresh.Read(make([]byte, 1))
	}
	require.ErrorIs(t, err, syscall.ECONNRESET)
	p.SetMode(proxy.Pass)
	got, err := exchange(t, p, []byte("x"))
	require.NoError(t, err)
	assert.Equal(t, "x", string(got))
}

// While a connection hangs nothing passes; what was sent passes afterwards.
func TestHang(t *testing.T) {
	p := echo(t)
	p.SetMode(proxy.Hang)
	connection := dial(t, p)
	_, err := connection.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, connection.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = connection.Read(make([]byte, 1))
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
	p.SetMode(proxy.Pass)
	require.NoError(t, connection.SetReadDeadline(time.Now().Add(10*time.Second)))
	_, err = io.ReadFull(connection, make([]byte, 1))
	require.NoError(t, err)
}

// A reset comes right behind the byte that was named, in its direction, once.
func TestResetAfter(t *testing.T) {
	p := echo(t)
	p.ResetAfter(proxy.ToClient, 1000, 1)
	got, err := exchange(t, p, make([]byte, 5000))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	assert.LessOrEqual(t, len(got), 1000)
	p.ResetAfter(proxy.ToServer, 10, 1)
	_, err = exchange(t, p, make([]byte, 5000))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	assert.EqualValues(t, 2, p.Resets())
	got, err = exchange(t, p, make([]byte, 5000))
	require.NoError(t, err)
	assert.Len(t, got, 5000)
}
