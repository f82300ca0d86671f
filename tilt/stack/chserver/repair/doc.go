// Package repair takes orphan tokens out of the deduplication logs of a data
// directory, so that a batch whose insert a kill cut off can be sent again.
//
// A plain MergeTree table writes the token of an insert to its deduplication log
// and then renames tmp_insert_* to the part. A kill between the two leaves a token
// whose part does not exist: the batch sent again under that token is dropped as a
// duplicate and is lost. The engine takes block number, token and rename under the
// one lock of the table's parts, so no merge can cover the number of a missing part
// and each kill leaves at most one such token per table. A token is an orphan when
// its record is the last word on it (no DROP record follows) and no part directory
// of its partition contains its block number. All logs of a table are read, not only
// the newest: the log rotates between the write of a token and the rename. Lines
// that are cut short go too; the engine would stop reading there, and forget every
// token behind it.
//
// A token whose part exists, merged, mutated or waiting for its removal, is never
// touched. Parts removed by DROP, DETACH, TRUNCATE or TTL leave a DROP record or an
// empty part that covers them. Only REPLACE PARTITION and MOVE PARTITION leave
// neither: the tokens of the parts they took away are removed as orphans once the
// engine has deleted those parts, so that what was inserted under them could be
// inserted again. An orphan whose block number was used again because the engine
// ran over it without a repair is not recognised.
//
// Run must have the directory for itself. A log is replaced as a whole (write, sync,
// rename, sync), so a kill during Run leaves the old or the new file; running it again
// changes nothing more. On an error what was replaced until then stays, and is right.
package repair
