package scheduler

import (
	"context"
	"hash/fnv"
	"slices"
	"sync"

	"github.com/nova-data/nova/pkg/consumer"
	"github.com/nova-data/nova/services/jobs/internal/definition"
)

// Assigned implements consumer.Assignee: of the one topic, or of none.
func (s *Scheduler) Assigned(shares map[string]consumer.Share) {
	_ = s.do(func(ctx context.Context) { // after the end nothing is assigned
		s.share = consumer.Share{}
		for _, share := range shares {
			s.share = share
		}
		s.isAssigned, s.isCaughtUp = true, false
		s.reconcile(ctx)
	})
}

// CaughtUp implements consumer.Assignee.
func (s *Scheduler) CaughtUp() {
	_ = s.do(func(ctx context.Context) { // after the end nothing is to be started
		s.isCaughtUp = true
		s.reconcile(ctx)
	})
}

// Revoked implements consumer.Assignee.
func (s *Scheduler) Revoked() {
	_ = s.do(func(context.Context) { // after the end nothing is at work
		s.isAssigned, s.isCaughtUp = false, false
		s.stopAll()
	})
}

// Handle implements consumer.Handler: the last record of a name counts.
func (s *Scheduler) Handle(ctx context.Context, records []consumer.Record) error {
	if s.deps.FromFile {
		return nil
	}
	changes := s.decode(ctx, records)
	if len(changes) == 0 {
		return nil
	}
	return s.do(func(ctx context.Context) {
		for _, change := range changes {
			s.apply(change)
		}
		s.reconcile(ctx)
	})
}

// decode reads records and passes those that are no definitions.
func (s *Scheduler) decode(ctx context.Context, records []consumer.Record) []definition.Change {
	var changes []definition.Change
	for _, r := range records {
		change, isChange, err := s.decoder.Decode(r.Key, r.Value)
		if err != nil {
			s.metrics.undecodable.Add(ctx, 1)
			if s.undecodable.Due(r.Topic) {
				s.deps.Log.WarnContext(ctx, "record passed that is no job definition",
					"topic", r.Topic, "partition", r.Partition, "offset", r.Offset, "error", err)
			}
			continue
		}
		if isChange {
			changes = append(changes, change)
		}
	}
	return changes
}

func (s *Scheduler) apply(change definition.Change) {
	if change.Definition == nil {
		delete(s.fromTopic, change.Name)
		return
	}
	d := *change.Definition
	if before, isKnown := s.fromTopic[d.Name]; isKnown && d.IsUnknown() {
		d.Params = before.Params
	}
	s.fromTopic[d.Name] = d
}

// wanted returns the definitions that fall to this replica.
func (s *Scheduler) wanted() map[string]definition.Definition {
	if !s.isAssigned {
		return nil
	}
	if !s.deps.FromFile {
		return s.fromTopic
	}
	wanted := map[string]definition.Definition{}
	for _, d := range s.fromFile {
		if s.owns(d.Name) {
			wanted[d.Name] = d
		}
	}
	return wanted
}

// owns spreads the names of a file over the partitions, and so over replicas.
func (s *Scheduler) owns(name string) bool {
	if s.share.Of == 0 {
		return false
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(name)) // it never fails
	return slices.Contains(s.share.Partitions, int(hash.Sum32()%uint32(s.share.Of)))
}

// reconcile ends the jobs whose definitions are gone or others now, and begins
// those that are new.
func (s *Scheduler) reconcile(ctx context.Context) {
	wanted := s.wanted()
	ended := map[string]*job{}
	for name, j := range s.jobs {
		if d, isWanted := wanted[name]; !isWanted || d != j.definition {
			ended[name] = j
			delete(s.jobs, name)
		}
	}
	stop(ended)
	for name, d := range wanted {
		if s.jobs[name] == nil {
			s.jobs[name] = s.newJob(d, ended[name])
			delete(ended, name)
		}
	}
	if s.isCaughtUp {
		for _, j := range s.jobs {
			s.start(ctx, j)
		}
		for name := range ended {
			s.deps.Log.InfoContext(ctx, "job removed", "job", name)
		}
	}
	s.show()
}

// start lets a job begin, unless it has, and says what it came to.
func (s *Scheduler) start(ctx context.Context, j *job) {
	if j.isStarted {
		return
	}
	j.isStarted = true
	log := s.deps.Log.With("job", j.definition.Name, "kind", j.definition.Kind, "schedule", j.definition.Schedule)
	switch {
	case j.refusal != "":
		j.set(Refused, j.refusal)
		log.WarnContext(ctx, "job definition refused", "reason", j.refusal)
		return
	case !j.definition.Enabled:
		j.set(Disabled, "")
		log.InfoContext(ctx, "job disabled")
		return
	case j.isChanged:
		log.InfoContext(ctx, "job changed")
	default:
		log.InfoContext(ctx, "job accepted")
	}
	j.set(Waiting, "waiting for the ClickHouse schema")
	working, cancel := context.WithCancel(ctx)
	j.cancel, j.done = cancel, make(chan struct{})
	go func() {
		defer close(j.done)
		newRunner(s, j).work(working)
	}()
}

func (s *Scheduler) stopAll() {
	stop(s.jobs)
	s.jobs = map[string]*job{}
	s.fromTopic = map[string]definition.Definition{}
	s.show()
}

// stop ends jobs together and waits for them.
func stop(jobs map[string]*job) {
	var ending sync.WaitGroup
	for _, j := range jobs {
		if j.cancel != nil {
			j.cancel()
			ending.Go(func() { <-j.done })
		}
	}
	ending.Wait()
}
