package cdc

import (
	"context"
	"fmt"
	"os/exec"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/nova-data/nova/tilt/e2e/stacktest"
)

// The slot is lost and the database is one of some days ago: a new topic prefix
// with the next epoch brings what is there, and `epoch finish` removes what is not,
// for good: old records that are read again bring nothing back. A transaction that
// is open at the initial snapshot is not lost.
func testNewPrefix(t *testing.T, w *world) {
	t.Helper()
	user, other := w.user(t), w.user(t)
	older, gone, across := w.post(t, user), w.post(t, user), w.post(t, user)
	w.exec(t, "UPDATE posts SET caption = 'newest' WHERE id = $1", older)
	w.likes(t, older, 50)
	unfollowed := w.follow(t, user, other)
	w.check(t)

	w.stack.StopConnector(t, stacktest.Connector)
	w.dropSlot(t)
	w.exec(t, "UPDATE posts SET caption = 'first' WHERE id = $1", older)
	w.exec(t, "DELETE FROM posts WHERE id = $1", gone)
	w.exec(t, "DELETE FROM follows WHERE id = $1", unfollowed)
	w.exec(t, "DELETE FROM likes WHERE id::text < '8'")

	w.restartIngest(t, func() { w.newPrefix(t) })
	w.openAcrossInitial(t, across)
	w.awaitCaptured(t)
	w.awaitCommitted(t)
	require.NotEmpty(t, w.differences(w.source(t, tables()[1]), tables()[1].follows[0]), "there are ghosts")
	w.finishEpoch(t)
	w.check(t)
	w.rewind(t)
	w.check(t)
	w.likes(t, older, 20)
	w.exec(t, "DELETE FROM posts WHERE id = $1", older)
}

func (w *world) dropSlot(t *testing.T) {
	t.Helper()
	var problem error
	stacktest.Await(t, recordWithin, func() bool {
		_, problem = w.db.Exec(t.Context(), "SELECT pg_drop_replication_slot('nova')")
		return problem == nil
	}, func() string { return fmt.Sprint("the slot stays: ", problem) })
}

// newPrefix configures the connector, which has stopped, for a new source.
func (w *world) newPrefix(t *testing.T) {
	t.Helper()
	prefix := fmt.Sprintf("nova%d", len(w.epochs)+1)
	w.epochs = append(w.epochs, prefix)
	w.stack.CreateTopics(t, "__debezium-heartbeat."+prefix, prefix+".transaction", prefix+".message")
	w.stack.PutConnector(t, stacktest.Connector, w.stack.ConnectorConfig(t, map[string]string{"topic.prefix": prefix}))
}

// openAcrossInitial lets the connector start its initial snapshot, and commits a
// change of a post that was made before the snapshot's point and not committed.
//
// PostgreSQL makes a slot in two waits, each for all transactions that are open
// when it begins. One that begins in the second wait is open at the slot's point.
func (w *world) openAcrossInitial(t *testing.T, post string) {
	t.Helper()
	from := w.ends(t, "cdc.posts")
	first := w.begin(t)
	number := xid(t, first)
	w.stack.ResumeConnector(t, stacktest.Connector)
	w.awaitWaiting(t, number)
	second := w.begin(t)
	number = xid(t, second)
	require.NoError(t, first.Commit(t.Context()))
	w.awaitWaiting(t, number)
	third := w.begin(t)
	execIn(t, third, "UPDATE posts SET caption = 'open at the initial snapshot' WHERE id = $1", post)
	require.NoError(t, second.Commit(t.Context()))
	w.awaitSnapshotOf(t, "posts", post, from)
	require.NoError(t, third.Commit(t.Context()))
}

// xid is the number of a transaction.
func xid(t *testing.T, tx pgx.Tx) (number string) {
	t.Helper()
	require.NoError(t, tx.QueryRow(t.Context(), "SELECT pg_current_xact_id()::xid::text").Scan(&number))
	return number
}

// awaitWaiting returns when somebody waits for the end of a transaction.
func (w *world) awaitWaiting(t *testing.T, number string) {
	t.Helper()
	stacktest.Await(t, recordWithin, func() bool {
		var waiting bool
		err := w.db.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'transactionid' AND transactionid::text = $1 AND NOT granted)", number).Scan(&waiting)
		require.NoError(t, err)
		return waiting
	}, func() string { return "nobody waits for transaction " + number })
}

func (w *world) finishEpoch(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), recordWithin)
	defer cancel()
	args := []string{"epoch", "finish", "--prefix", w.epochs[len(w.epochs)-1], "--connector", stacktest.Connector, "--yes"}
	for _, of := range tables() { // by name, since some may have no row
		args = append(args, "--table", of.name)
	}
	finish := exec.CommandContext(ctx, w.program(), args...)
	finish.Env = w.environment()
	output, err := finish.CombinedOutput()
	require.NoError(t, err, string(output))
}
