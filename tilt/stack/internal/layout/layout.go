package layout

import (
	"net"
	"path/filepath"
	"strconv"
)

// The ports of the stack, to which PORT_BASE is added.
const (
	EventsPort          = 8080
	JobsPort            = 8081
	ConnectPort         = 8083
	StatusPort          = 8088
	ClickHouseHTTPPort  = 8123
	ClickHousePort      = 9000
	KafkaPort           = 9092
	KafkaControllerPort = 9093
	PostgresPort        = 5432
	RedisPort           = 6379
	CDCIngestAdmin      = 9101
	EventsIngestAdmin   = 9102
	InvalidatorAdmin    = 9103
	JobsAdmin           = 9104
)

// Layout is where everything of one stack is.
type Layout struct {
	// Root is the workspace, Run what the stack writes, Cache what it downloads.
	Root, Run, Cache string

	Kafka, Redis, ClickHouse, Postgres Server

	portBase       int
	postgresDSN    string
	clickHouseHTTP string
}

// Port returns the port that stands for port here.
func (l Layout) Port(port int) int { return port + l.portBase }

// Address returns host:port of one of the stack's ports.
func (l Layout) Address(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(l.Port(port)))
}

// URL returns the URL of one of the stack's ports, without a path.
func (l Layout) URL(port int) string { return "http://" + l.Address(port) }

// PostgresDSN returns the URL of the database, which may hold a password.
func (l Layout) PostgresDSN() string { return l.postgresDSN }

// ClickHouseHTTP returns the URL of ClickHouse's HTTP interface.
func (l Layout) ClickHouseHTTP() string { return l.clickHouseHTTP }

// Bin returns the path of a built program.
func (l Layout) Bin(name string) string { return filepath.Join(l.Run, "bin", name) }

// Data returns the directory where a part keeps its data.
func (l Layout) Data(part string) string { return filepath.Join(l.Run, "data", part) }

// LogDir returns the directory of the parts' logs.
func (l Layout) LogDir() string { return filepath.Join(l.Run, "logs") }

// PIDDir returns the directory of the parts' pid files.
func (l Layout) PIDDir() string { return filepath.Join(l.Run, "pids") }

// SupervisorPID returns the pid file of the stack itself.
func (l Layout) SupervisorPID() string { return filepath.Join(l.Run, "stack.pid") }

// LockFile returns the file that the running stack holds locked.
func (l Layout) LockFile() string { return filepath.Join(l.Run, "stack.lock") }

// EnvFile returns the file of shell variables.
func (l Layout) EnvFile() string { return filepath.Join(l.Run, "env") }
