// Package consumer reads topics as a member of a consumer group and hands their
// records, in batches, to a Handler.
//
// Its guarantee is at least once: the offset of a record is committed after the
// Handler has taken it, and never for a partition of another member. Records of
// aborted transactions, control records and what compaction left of a batch are
// no records. A damaged batch, a lost range of a log or a failing Handler pauses
// the partitions concerned; nothing is skipped to get past it.
//
// One Consumer is one member. It runs a fetch loop for each assigned partition
// and a lane for each topic; a lane calls Handle from one goroutine, so batches
// of a topic do not overlap, while those of different topics do. The next batch
// is fetched while one is handled; a Finisher completes batches while later ones
// are handled, and commits follow it, at most a batch's rows behind. Memory is
// bounded by two batches a lane and one fetch a partition.
//
// Whatever fails is tried again for as long as the assignment lasts, with the
// group membership kept, and is shown in logs, metrics and health. A refused
// commit ends the generation: everything held is forgotten and read again from
// the committed offsets by whoever is assigned next. A commit without an answer
// makes the member leave and join as a new one, because the lost request might
// still take effect later.
package consumer
