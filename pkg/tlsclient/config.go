package tlsclient

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// Config says whether and how a connection is encrypted.
type Config struct {
	Enabled    bool   `split_words:"true" default:"false" desc:"Whether connections are encrypted with TLS."`
	CAFile     string `split_words:"true" desc:"PEM file of the authorities that may sign the server's certificate; empty means the system's."`
	CertFile   string `split_words:"true" desc:"PEM file of the client's certificate, for mutual TLS."`
	KeyFile    string `split_words:"true" desc:"PEM file of the client certificate's private key."`
	ServerName string `split_words:"true" desc:"Name expected in the server's certificate; empty means the host connected to."`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if (c.CertFile == "") != (c.KeyFile == "") {
		problems = append(problems, errors.New("CERT_FILE and KEY_FILE must be set together"))
	}
	if !c.Enabled && (c.CAFile != "" || c.CertFile != "" || c.ServerName != "") {
		problems = append(problems, errors.New("ENABLED must be true when other TLS variables are set"))
	}
	return errors.Join(problems...)
}

// Build returns the configuration for crypto/tls, or nil when TLS is off.
func (c Config) Build() (*tls.Config, error) {
	if !c.Enabled {
		return nil, nil
	}
	built := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CAFile != "" {
		pool, err := readAuthorities(c.CAFile)
		if err != nil {
			return nil, err
		}
		built.RootCAs = pool
	}
	if c.CertFile != "" {
		if _, err := c.clientCertificate(nil); err != nil {
			return nil, err
		}
		built.GetClientCertificate = c.clientCertificate
	}
	return built, nil
}

func (c Config) clientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	certificate, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the client certificate: %w", err)
	}
	return &certificate, nil
}

func readAuthorities(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("reading the certificate authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading the certificate authorities: %s holds no PEM certificate", path)
	}
	return pool, nil
}
