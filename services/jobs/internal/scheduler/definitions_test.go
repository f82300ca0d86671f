package scheduler_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/services/jobs/internal/definition"
	"github.com/nova-data/nova/services/jobs/internal/scheduler"
)

// Disabling, changing, removing and revoking end a run at once and wait for it;
// what was cut short is left to whoever has the job next.
func TestRunsAreCancelled(t *testing.T) {
	for name, end := range map[string]func(r *replica){
		"disabled": func(r *replica) { r.define(row{name: "a", schedule: everyMinute, disabled: true}) },
		"removed":  func(r *replica) { r.remove("a") },
		"revoked":  func(r *replica) { r.Revoked() },
		"stopped":  func(r *replica) { r.end() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newReplica(t, options{})
				r.kind.blocks()
				r.assign(row{name: "a", schedule: everyMinute})
				assert.Equal(t, scheduler.Running, r.job("a").State)
				assert.Equal(t, 1, r.kind.running)
				end(r)
				assert.Zero(t, r.kind.running)
				assert.Empty(t, r.claims.keys(), "the claim is given back")
				pass(10 * time.Minute)
				assert.Len(t, r.kind.ran(), 1)
			})
		})
	}
}

// A definition that changes is in force at once, one that was written again as
// it was changes nothing, and one enabled again runs.
func TestDefinitionChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, options{})
		r.assign(row{name: "a", schedule: everyMinute})
		r.define(row{name: "a", schedule: everyMinute})
		assert.Len(t, r.kind.ran(), 1)
		r.define(row{name: "a", schedule: "@every 1h", version: "2"})
		assert.Len(t, r.kind.ran(), 2)
		assert.Equal(t, "2000-01-01 01:00:00", r.job("a").NextRun.Format(time.DateTime))
		r.define(row{name: "a", schedule: "@every 1h", version: "3", disabled: true})
		assert.Equal(t, scheduler.Disabled, r.job("a").State)
		assert.NotNil(t, r.job("a").LastRun, "how it went before is still shown")
		r.define(row{name: "a", schedule: "@every 1h", version: "4"})
		assert.Len(t, r.kind.ran(), 3)
		for _, said := range []string{"job accepted", "job changed", "job disabled"} {
			assert.Contains(t, r.log.text.String(), said)
		}
	})
}

// A definition that makes no sense is refused with all that is wrong, and holds
// up nobody; corrected, it runs.
func TestRefusedDefinitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, options{})
		r.assign(
			row{name: "good", schedule: everyMinute},
			row{name: "kind", schedule: everyMinute, kind: "magic"},
			row{name: "Name", schedule: "whenever", params: "{}"},
			row{name: "toast", schedule: everyMinute, params: "__debezium_unavailable_value"},
		)
		assert.Len(t, r.kind.ran(), 1)
		assert.Equal(t, `kind: "magic" is unknown; there is test`, r.job("kind").Reason)
		for _, part := range []string{"name: must be 1 to 63 of", "schedule: must be @every", "params.name: is required"} {
			assert.Contains(t, r.job("Name").Reason, part)
		}
		assert.Contains(t, r.job("toast").Reason, "write them again")
		assert.Equal(t, scheduler.Refused, r.job("toast").State)
		assert.Equal(t, 3, strings.Count(r.log.text.String(), "job definition refused"))

		r.define(row{name: "kind", schedule: everyMinute})
		assert.Equal(t, scheduler.Scheduled, r.job("kind").State)
	})
}

// Parameters that PostgreSQL leaves out because they have not changed are those
// that came before.
func TestUnchangedParams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, options{})
		r.assign(row{name: "a", schedule: everyMinute})
		r.define(row{name: "a", schedule: "@every 1h", params: "__debezium_unavailable_value"})
		assert.Len(t, r.kind.ran(), 2)
		assert.JSONEq(t, `{"name":"a"}`, string(r.job("a").Params))
	})
}

// Records that are no definitions are passed, and logged once a minute at most.
func TestUndecodableRecordsArePassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, options{})
		r.assign(row{name: "a", schedule: everyMinute})
		for range 5 {
			r.handle("{}", "no JSON")
		}
		assert.Equal(t, 1, strings.Count(r.log.text.String(), "record passed"))
		pass(time.Minute)
		r.handle("{}", "no JSON")
		assert.Equal(t, 2, strings.Count(r.log.text.String(), "record passed"))
		assert.Equal(t, []string{"a"}, r.names())
	})
}

// The jobs of a file are shared by their names, every one at one replica; the
// topic says nothing then; and a file that is broken is shown and changes
// nothing.
func TestDefinitionsFromFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var file []definition.Definition
		for _, name := range []string{"trending-1h", "trending-24h", "trending-7d", "a", "b", "c"} {
			file = append(file, definition.Definition{Name: name, Kind: "test", Schedule: everyMinute, Enabled: true, Params: `{"name":"` + name + `"}`})
		}
		shared := newClaims()
		a, b := newReplica(t, options{claims: shared, fromFile: true}), newReplica(t, options{claims: shared, fromFile: true})
		a.FileChanged(file)
		a.Assigned(map[string]consumer.Share{"cdc.job_definitions": {Partitions: []int{0}, Of: 3}})
		a.define(row{name: "topic", schedule: everyMinute})
		a.CaughtUp()
		b.Assigned(map[string]consumer.Share{"cdc.job_definitions": {Partitions: []int{1, 2}, Of: 3}})
		b.CaughtUp()
		b.FileChanged(file)
		synctest.Wait()
		assert.NotEmpty(t, a.names())
		assert.NotEmpty(t, b.names())
		assert.ElementsMatch(t, []string{"trending-1h", "trending-24h", "trending-7d", "a", "b", "c"}, append(a.names(), b.names()...))
		assert.Len(t, append(a.kind.ran(), b.kind.ran()...), 6)

		a.FileFailed(errors.New("it is gone"))
		_, problem := a.Jobs()
		assert.Equal(t, "it is gone", problem)
		assert.Equal(t, "it is gone", a.health.degraded["definitions file"])
		assert.NotEmpty(t, a.names())
		a.FileChanged(nil)
		assert.Empty(t, a.names())
		assert.Empty(t, a.health.degraded)
	})
}

// Readers find the task of a job that runs here, and of no other.
func TestFind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, options{})
		r.assign(row{name: "a", schedule: everyMinute}, row{name: "b", schedule: everyMinute, disabled: true}, row{name: "c", schedule: "x"})
		find := func(name string) (time.Duration, bool) {
			_, freshFor, found := r.Find(func(t scheduler.Task) bool { return t.(task).name == name })
			return freshFor, found
		}
		freshFor, found := find("a")
		assert.True(t, found)
		assert.Equal(t, 2*time.Minute+5*time.Second, freshFor)
		for _, name := range []string{"b", "c"} {
			_, found = find(name)
			assert.False(t, found, name)
		}
	})
}

// What comes after the end is refused and waits for nobody.
func TestAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, options{})
		r.assign(row{name: "a", schedule: everyMinute})
		r.end()
		r.Revoked()
		r.CaughtUp()
		r.FileChanged(nil)
		value := `{"after":{"name":"b","kind":"test","schedule":"@daily"},"source":{"name":"nova","lsn":8},"op":"c"}`
		assert.Error(t, r.Handle(t.Context(), []consumer.Record{{Value: []byte(value)}}))
		assert.Empty(t, r.names())
	})
}

// All problems of a configuration are named at once.
func TestValidate(t *testing.T) {
	assert.NoError(t, scheduler.Config{Timeout: time.Second, Concurrency: 1}.Validate())
	err := scheduler.Config{}.Validate()
	for _, name := range []string{"TIMEOUT", "CONCURRENCY"} {
		assert.ErrorContains(t, err, name)
	}
}
