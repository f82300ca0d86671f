package repair

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/nova-data/nova/pkg/kafkatest"
	"github.com/nova-data/nova/pkg/lifecycle"
	"github.com/nova-data/nova/services/cdc-ingest/internal/table"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const group = "nova-cdc-ingest"

// call runs a command of the command line and returns what it has printed.
func call(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	for _, c := range Commands(group) {
		if c.Name == args[0] {
			var out, progress bytes.Buffer
			err = c.Run(t.Context(), args[1:], &out, &progress)
			return out.String(), progress.String(), err
		}
	}
	require.Fail(t, "no such command", args)
	return "", "", nil
}

// startKafka starts Kafka with the tables' topics, and sets its variable.
func startKafka(t *testing.T) *kafkatest.Cluster {
	t.Helper()
	var topics []kafkatest.Topic
	for _, mapped := range table.All() {
		topics = append(topics, kafkatest.Topic{Name: mapped.Topic(), Partitions: 2})
	}
	kafka := kafkatest.Start(t, topics...)
	t.Setenv("KAFKA_BROKERS", strings.Join(kafka.Brokers, ","))
	return kafka
}

// startConnect starts a Kafka Connect that gives these answers and no others, and
// sets its variable.
func startConnect(t *testing.T, answer func(path string) string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text := ""
		if r.Method == http.MethodGet {
			text = answer(r.URL.Path)
		}
		if text == "" {
			t.Errorf("unexpected request: %s %s", r.Method, r.URL)
		}
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(server.Close)
	t.Setenv("CONNECT_URL", server.URL)
}

// A command line that makes no sense is refused before any server is asked, with what
// is wrong.
func TestArguments(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"epoch", "say begin or finish"},
		{"epoch end", "say begin or finish"},
		{"epoch begin", "--prefix must be"},
		{"epoch finish --prefix a.b", "--prefix must be"},
		{"epoch finish --prefix nova2 --wait 0s", "--wait must be positive"},
		{"epoch finish --prefix nova2 --table jobs", `no table "jobs" is mapped: want one of users, posts, comments, likes, follows`},
		{"rewind", "--to must be earliest, or a time"},
		{"rewind --to yesterday", "--to must be earliest, or a time"},
		{"rewind --to earliest posts", `"posts" is not a flag`},
		{"resync", "--table is needed"},
		{"resync --table posts --table likes --where true", "--where is for one table"},
		{"resync --table posts --quiet 0s", "--quiet must be positive"},
		{"resync --table posts --signals a;b", "--signals must be a table's name"},
		{"resync --all", "flag provided but not defined"},
	} {
		_, _, err := call(t, strings.Fields(test.args)...)
		var misused *lifecycle.UsageError
		require.ErrorAs(t, err, &misused, test.args)
		assert.ErrorContains(t, err, test.want)
	}
	t.Setenv("CDC_EPOCHS", "nova:0")
	_, _, err := call(t, "epoch", "finish", "--prefix", "nova2")
	require.ErrorContains(t, err, "CDC_EPOCHS is nova:0, without nova2")
	_, _, err = call(t, "resync", "--table", "posts")
	require.ErrorContains(t, err, "POSTGRES_DSN is required")
}
