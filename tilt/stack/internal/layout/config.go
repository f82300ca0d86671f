package layout

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nova-data/nova/pkg/config"
)

// highestPort is the highest port of the stack before PORT_BASE is added.
const highestPort = 9104

var errDSN = errors.New("POSTGRES_DSN must be a URL: postgres://user:password@host:port/database")

// Config is what the caller of the stack sets.
type Config struct {
	PortBase     int           `split_words:"true" default:"0" desc:"Number added to every port of the stack."`
	RunDir       string        `split_words:"true" desc:"Directory for data, logs and pids; .run in the workspace when empty."`
	NovaCache    string        `split_words:"true" desc:"Directory for downloads; nova in the user's cache directory when empty."`
	KafkaBrokers string        `split_words:"true" desc:"Kafka to use in place of the stack's own: host:port, comma-separated."`
	RedisAddr    string        `split_words:"true" desc:"Redis to use in place of the stack's own: host:port."`
	PostgresDSN  config.Secret `split_words:"true" desc:"PostgreSQL database to use in place of the stack's own, as a URL."`
	ClickHouse   ClickHouse    `envconfig:"CLICKHOUSE"`
}

// ClickHouse is a ClickHouse server of the user's.
type ClickHouse struct {
	Addr string `split_words:"true" desc:"ClickHouse to use in place of the stack's own: host:port of its native protocol."`
	HTTP string `split_words:"true" desc:"URL of the HTTP interface of the server that CLICKHOUSE_ADDR names; port 8123 there when empty."`
}

// Validate implements config.Validator.
func (c Config) Validate() error {
	var problems []error
	if c.PortBase < 0 || c.PortBase+highestPort > 65535 {
		problems = append(problems, fmt.Errorf("PORT_BASE must be 0 to %d", 65535-highestPort))
	}
	for _, address := range []struct{ name, value string }{
		{"KAFKA_BROKERS", c.KafkaBrokers}, {"REDIS_ADDR", c.RedisAddr}, {"CLICKHOUSE_ADDR", c.ClickHouse.Addr},
	} {
		for _, one := range strings.FieldsFunc(address.value, func(r rune) bool { return r == ',' }) {
			if _, _, err := net.SplitHostPort(one); err != nil {
				problems = append(problems, fmt.Errorf("%s must be host:port", address.name))
			}
		}
	}
	if dsn := c.PostgresDSN.Reveal(); dsn != "" {
		if parsed, err := url.Parse(dsn); err != nil || !strings.HasPrefix(parsed.Scheme, "postgres") {
			problems = append(problems, errDSN)
		}
	}
	return errors.Join(problems...)
}

// Load reads the environment and finds the workspace. runDir replaces RUN_DIR
// unless it is empty.
func Load(runDir string) (Layout, error) {
	var cfg Config
	if err := config.Load(&cfg); err != nil {
		return Layout{}, err
	}
	if runDir != "" {
		cfg.RunDir = runDir
	}
	root, err := workspace()
	if err != nil {
		return Layout{}, err
	}
	return New(cfg, root)
}

// New returns the layout of the stack that cfg describes, of the workspace at
// root.
func New(cfg Config, root string) (Layout, error) {
	l := Layout{Root: root, Run: cfg.RunDir, Cache: cfg.NovaCache, portBase: cfg.PortBase}
	if l.Run == "" {
		l.Run = filepath.Join(root, ".run")
	}
	if l.Cache == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return Layout{}, fmt.Errorf("finding the cache directory: %w", err)
		}
		l.Cache = filepath.Join(cache, "nova")
	}
	for _, dir := range []*string{&l.Run, &l.Cache} {
		absolute, err := filepath.Abs(*dir)
		if err != nil {
			return Layout{}, fmt.Errorf("finding the directories: %w", err)
		}
		*dir = absolute
	}
	l.Kafka = server(cfg.KafkaBrokers, l.Address(KafkaPort))
	l.Redis = server(cfg.RedisAddr, l.Address(RedisPort))
	l.ClickHouse = server(cfg.ClickHouse.Addr, l.Address(ClickHousePort))
	l.clickHouseHTTP = clickHouseHTTP(cfg.ClickHouse, l)
	return l, l.setPostgres(cfg.PostgresDSN.Reveal())
}

// Server is a server that the stack runs or uses.
type Server struct {
	// Addr is host:port, or several of them for Kafka.
	Addr string
	// Own says that it is a part of the stack.
	Own bool
}

func server(given, own string) Server {
	if given == "" || (given == own && !listening(own)) {
		return Server{Addr: own, Own: true}
	}
	return Server{Addr: given}
}

func (l *Layout) setPostgres(dsn string) error {
	address := ""
	if dsn != "" {
		parsed, err := url.Parse(dsn)
		if err != nil {
			return errDSN // url's own error holds the password
		}
		address = parsed.Host
		if parsed.Port() == "" {
			address = net.JoinHostPort(parsed.Hostname(), "5432")
		}
	}
	l.Postgres = server(address, l.Address(PostgresPort))
	l.postgresDSN = dsn
	if l.Postgres.Own {
		l.postgresDSN = fmt.Sprintf("postgres://postgres@%s/nova?sslmode=disable", l.Postgres.Addr)
	}
	return nil
}

func clickHouseHTTP(cfg ClickHouse, l Layout) string {
	if l.ClickHouse.Own {
		return l.URL(ClickHouseHTTPPort)
	}
	if cfg.HTTP != "" {
		return cfg.HTTP
	}
	host, _, _ := net.SplitHostPort(l.ClickHouse.Addr) // Validate has split it
	return "http://" + net.JoinHostPort(host, "8123")
}

func listening(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second) //nolint:noctx // bounded, and on this machine
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func workspace() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the workspace: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("finding the workspace: no go.work in this directory or above")
		}
		dir = parent
	}
}
