package clickhouse

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"time"

	"github.com/ClickHouse/ch-go"

	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/tlsclient"
)

// Config is how ClickHouse is reached. Its prefix is CLICKHOUSE.
type Config struct {
	Addr        []string         `split_words:"true" default:"127.0.0.1:9000" desc:"Addresses (host:port, native protocol), comma-separated; the next is tried when one does not answer."`
	Database    string           `split_words:"true" default:"nova" desc:"Database that holds Nova's tables."`
	Username    string           `split_words:"true" default:"default" desc:"User name for the login."`
	Password    config.Secret    `split_words:"true" desc:"Password for the login."`
	Compression Compression      `split_words:"true" default:"lz4" desc:"Compression of blocks on the wire: lz4, zstd or none."`
	DialTimeout time.Duration    `split_words:"true" default:"5s" desc:"Time limit for connecting to one address, login included."`
	Timeout     time.Duration    `split_words:"true" default:"60s" desc:"Time limit for one insert, statement or query, here and on the server."`
	MaxConns    int              `split_words:"true" default:"8" desc:"Largest number of connections at a time."`
	TLS         tlsclient.Config `envconfig:"TLS"`
}

// Compression is how blocks are compressed on the wire.
type Compression string

// The compressions there are.
const (
	LZ4            Compression = "lz4"
	ZSTD           Compression = "zstd"
	NoCompression  Compression = "none"
	minimumTimeout             = time.Second
)

var databaseName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if len(c.Addr) == 0 {
		problems = append(problems, errors.New("ADDR must hold at least one address"))
	}
	for _, address := range c.Addr {
		if _, _, err := net.SplitHostPort(address); err != nil {
			problems = append(problems, fmt.Errorf("ADDR: %q is not host:port", address))
		}
	}
	if !databaseName.MatchString(c.Database) {
		problems = append(problems, errors.New("DATABASE must be letters, digits and underscores"))
	}
	if _, err := c.Compression.native(); err != nil {
		problems = append(problems, err)
	}
	if c.DialTimeout <= 0 {
		problems = append(problems, errors.New("DIAL_TIMEOUT must be positive"))
	}
	if c.Timeout < minimumTimeout {
		problems = append(problems, fmt.Errorf("TIMEOUT must be at least %s", minimumTimeout))
	}
	if c.MaxConns <= 0 {
		problems = append(problems, errors.New("MAX_CONNS must be positive"))
	}
	return errors.Join(problems...)
}

func (c Compression) native() (ch.Compression, error) {
	switch c {
	case LZ4:
		return ch.CompressionLZ4, nil
	case ZSTD:
		return ch.CompressionZSTD, nil
	case NoCompression:
		return ch.CompressionDisabled, nil
	default:
		return 0, fmt.Errorf("COMPRESSION must be %s, %s or %s", LZ4, ZSTD, NoCompression)
	}
}
