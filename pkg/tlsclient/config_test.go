package tlsclient_test

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/pkg/tlsclient"
	"github.com/nova-data/nova/pkg/tlsclient/tlstest"
)

// handshake connects a client of cfg with a server that asks for a certificate
// of the files' authority, and returns what each side says.
func handshake(t *testing.T, cfg tlsclient.Config, files tlstest.Files) (client, server error) {
	t.Helper()
	settings, err := cfg.Build()
	require.NoError(t, err)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{files.Server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: files.Authority, MinVersion: tls.VersionTLS12,
	})
	require.NoError(t, err)
	answered := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			answered <- err
			return
		}
		answered <- errors.Join(conn.(*tls.Conn).HandshakeContext(t.Context()), conn.Close())
	}()
	if settings.ServerName == "" {
		settings.ServerName = "nova.test"
	}
	dialer := &tls.Dialer{Config: settings}
	conn, client := dialer.DialContext(t.Context(), "tcp", listener.Addr().String())
	server = <-answered
	if client == nil {
		_ = conn.Close()
	}
	require.NoError(t, listener.Close())
	return client, server
}

// TestBothSidesAreVerified holds that a server of another authority or name is
// refused, that the client's certificate is shown, and that a renewed one is used
// without a new Config.
func TestBothSidesAreVerified(t *testing.T) {
	t.Parallel()
	files, others := tlstest.Make(t, "nova.test"), tlstest.Make(t, "nova.test")
	cfg := tlsclient.Config{Enabled: true, CAFile: files.CAFile, CertFile: files.CertFile, KeyFile: files.KeyFile}
	client, server := handshake(t, cfg, files)
	require.NoError(t, client)
	require.NoError(t, server)

	other := cfg
	other.CAFile = others.CAFile
	client, _ = handshake(t, other, files)
	require.ErrorContains(t, client, "unknown authority")

	elsewhere := cfg
	elsewhere.ServerName = "elsewhere.test"
	client, _ = handshake(t, elsewhere, files)
	require.ErrorContains(t, client, "elsewhere.test")

	anonymous := cfg
	anonymous.CertFile, anonymous.KeyFile = "", ""
	_, server = handshake(t, anonymous, files)
	require.Error(t, server)

	settings, err := cfg.Build()
	require.NoError(t, err)
	before, err := settings.GetClientCertificate(nil)
	require.NoError(t, err)
	for from, to := range map[string]string{others.CertFile: cfg.CertFile, others.KeyFile: cfg.KeyFile} {
		renewed, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, renewed, 0o600))
	}
	after, err := settings.GetClientCertificate(nil)
	require.NoError(t, err)
	assert.NotEqual(t, before.Certificate, after.Certificate)
}

// TestOffIsNil holds that without TLS there is no configuration at all.
func TestOffIsNil(t *testing.T) {
	t.Parallel()
	settings, err := tlsclient.Config{}.Build()
	require.NoError(t, err)
	assert.Nil(t, settings)
}

// TestMistakesAreNamed holds that half a pair, files without the switch, and
// files that are missing or hold something else are errors.
func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, tlsclient.Config{Enabled: true, CertFile: "a"}.Validate(), "CERT_FILE and KEY_FILE")
	require.ErrorContains(t, tlsclient.Config{CAFile: "a"}.Validate(), "ENABLED")
	require.NoError(t, tlsclient.Config{Enabled: true, CAFile: "a", CertFile: "b", KeyFile: "c"}.Validate())

	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for _, cfg := range []tlsclient.Config{
		{Enabled: true, CAFile: "absent.pem"}, {Enabled: true, CAFile: empty}, {Enabled: true, CertFile: empty, KeyFile: empty},
	} {
		_, err := cfg.Build()
		require.Error(t, err)
	}
}
