// Package tlsclient builds a client's *tls.Config from the files an operator
// names: the form in which every dependency (Kafka, ClickHouse, Redis) is given
// its certificates.
//
// TLS is 1.2 or newer and the server's certificate is always verified. A client
// certificate is read again at each handshake, so one that is renewed on disk is
// used without a restart; the CA file is read once.
//
// A built *tls.Config is safe for concurrent use.
//
// A file that is missing or does not parse is an error of Build, or, if it
// breaks later, of the handshake that reads it.
package tlsclient
