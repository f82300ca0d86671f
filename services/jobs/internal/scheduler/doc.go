// Package scheduler runs the jobs that this replica is assigned.
//
// A Scheduler is the Handler of the group that reads cdc.job_definitions: it runs
// the jobs whose definitions lie in its partitions, or, when they come from a
// file, those whose names fall to its partitions. Nothing runs before the
// assignment has been read to its end, so history does not come to life again. A
// job runs once when its definition comes into force, and then at every tick. Each
// of these is claimed before, so that replicas which both take a job for theirs
// for a while do not both run it. A tick that nobody has run, because the job was
// on its way from one replica to another or its owner died, is made up for by the
// next owner: a claim lasts for one attempt and the pause after it, and says that
// its tick is done once it is. Whoever finds one that does not looks again until
// the next tick is due.
//
// All that is assigned and defined is changed by one goroutine, Run; each job has
// a goroutine that Run waits for. A job never overlaps itself, and at most
// Config.Concurrency jobs run at a time. When Revoked returns, nothing is left at
// work.
//
// A run that fails, times out or panics is tried again until the next tick is
// due. A definition that makes no sense is refused with its reason, and shown; a
// record that is no definition is counted and passed. Neither holds up others.
package scheduler
