// Package jobs is the service behind the jobs binary: it keeps lists in Redis as
// job definitions say, and serves them over HTTP. Its other command, jobs
// migrate, brings an installation up to date: ClickHouse's schema and Kafka's
// topics, both declared as files.
//
// A definition is in force within seconds of being written to PostgreSQL, and
// each of its ticks is run by one replica, or by the next when that one dies in
// it. A list is exact for its bounds and says how old it is. A migration changes
// nothing when either side differs from what the files made; it says how.
//
// One process is one HTTP server and one member of the group nova-jobs, by which
// replicas share the jobs. Migrations may run any number of times, also at the
// same time.
//
// While ClickHouse is away the lists that Redis has are served as stale; while
// Redis is away they are computed for each reader; while Kafka is away no job
// runs, and readers get what Redis has. The service starts without any of them, and
// /readyz stays 200 and says what is missing. On SIGTERM it finishes its
// requests, cuts runs short and leaves their ticks to others. A migration waits
// for what does not answer, up to MIGRATE_TIMEOUT; what it applied until a
// failure stays, and the next run does the rest.
package jobs
