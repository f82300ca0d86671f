package tlstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Files are an authority and two certificates that it signed.
type Files struct {
	// CAFile holds the authority's certificate, CertFile and KeyFile a client's.
	CAFile, CertFile, KeyFile string
	// Server is the certificate of a server at the host.
	Server tls.Certificate
	// Authority is CAFile as a pool.
	Authority *x509.CertPool
}

// Make makes an authority, a certificate for a server at host (a name or an IP
// address), and one for a client.
func Make(tb testing.TB, host string) Files {
	tb.Helper()
	dir := tb.TempDir()
	authorityKey := newKey(tb)
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	sign := func(template *x509.Certificate, key *ecdsa.PrivateKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, template, authority, &key.PublicKey, authorityKey)
		check(tb, err)
		return der
	}
	leaf := func(serial int64, usage x509.ExtKeyUsage) tls.Certificate {
		key := newKey(tb)
		template := &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: host}, NotAfter: time.Now().Add(time.Hour),
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage}, DNSNames: []string{host},
		}
		if ip := net.ParseIP(host); ip != nil {
			template.DNSNames, template.IPAddresses = nil, []net.IP{ip}
		}
		return tls.Certificate{Certificate: [][]byte{sign(template, key)}, PrivateKey: key}
	}
	const serverSerial, clientSerial = 2, 3
	authorityDER := sign(authority, authorityKey)
	client := leaf(clientSerial, x509.ExtKeyUsageClientAuth)
	clientKey, err := x509.MarshalPKCS8PrivateKey(client.PrivateKey)
	check(tb, err)
	files := Files{
		CAFile:    write(tb, filepath.Join(dir, "ca.pem"), "CERTIFICATE", authorityDER),
		CertFile:  write(tb, filepath.Join(dir, "client.pem"), "CERTIFICATE", client.Certificate[0]),
		KeyFile:   write(tb, filepath.Join(dir, "client.key"), "PRIVATE KEY", clientKey),
		Server:    leaf(serverSerial, x509.ExtKeyUsageServerAuth),
		Authority: x509.NewCertPool(),
	}
	parsed, err := x509.ParseCertificate(authorityDER)
	check(tb, err)
	files.Authority.AddCert(parsed)
	return files
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(tb, err)
	return key
}

func write(tb testing.TB, path, kind string, der []byte) string {
	tb.Helper()
	check(tb, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
