// Package sink stores batches of Kafka records in ClickHouse, and what can never
// be stored on a dead-letter topic: it is a consumer.Sink over the Batch of a
// service, which turns records into the rows of one table.
//
// Every record ends in one place: in its rows, or in a letter that is acknowledged
// before its rows are left out of an INSERT, or dropped by its Batch on purpose. A
// record is refused only after three tries, by its Batch, by a panic of its Batch
// that it causes alone, or by a table that does not take it alone. A block is
// never split, so its token stays good for all of it: what is refused is left out.
//
// A batch is filled while the one before it is stored. A Completer fills its batch
// once more when that is done, if rows of it take what is stored; a Finisher has
// effects after its rows, which are repeated until they succeed, before offsets are
// committed.
//
// A Sink is safe for concurrent use by lanes; a load belongs to one of them. The
// memory of batches is used again, so that a row costs no allocation.
//
// What fails without being a record's fault (ClickHouse, Kafka, Redis, a view that
// throws, a panic no record causes alone) is an error: the caller pauses and tries
// the same again, with the letters written so far not written twice. When the
// dead-letter guard has tripped no batch is prepared, and none that is prepared
// writes its first letter.
package sink
