// Package consumer reads topics as a member of a consumer group and hands their
// records, in batches, to a service.
//
// A service is a Handler or a Sink. A Handler gives records their effect, and
// their offsets are committed after: at least once. A Sink with plans gets each
// batch a name that lies on Kafka before the first attempt to store it, so that
// whoever stores it, after any crash, does so under the same name: exactly once,
// where the store drops names it knows. Package protocol decides each step of
// that; this one carries the steps out. A Sink without plans commits after.
//
// An offset is committed after its record has had its effect or its letter is
// acknowledged, and never for a partition of another member. Records of aborted
// transactions, control records and what compaction left of a batch are no
// records. A damaged batch, a lost range of a log, a contradiction beside an
// offset, or a service that fails pauses the partitions concerned; nothing is
// skipped to get past it, unless ON_DATA_LOSS says so of what the log has lost.
//
// One Consumer is one member. It runs a fetch loop for each assigned partition,
// and lanes: one for each topic of a Handler, and for a Sink one for every 16
// partitions of a topic. Batches of a lane do not overlap, those of several lanes
// do. The next batch is fetched while one is handled, and prepared while one is
// stored; a Finisher completes batches while later ones are handled. Records that
// are fetched and not done with are bounded by Config.MemoryBudget, which the
// partitions share fairly.
//
// Whatever fails is tried again for as long as the assignment lasts, with the
// group membership kept and nothing fetched meanwhile, and is shown in logs,
// metrics and health; so is a call of the service's that does not return. A
// member that cannot store what others can leaves until it can. A refused commit
// ends the generation: everything held is forgotten and read again from the
// committed offsets by whoever is assigned next. A commit without an answer makes
// the member leave and join as a new one, because the lost request might still
// take effect later.
package consumer
