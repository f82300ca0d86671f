// Package traffic plays the users of a small social app against the local
// stack: sign-ups, posts, likes, follows, unfollows, comments, edits and
// removals in PostgreSQL, and views, impressions, likes, comments and shares
// over HTTP, with the duplicates that real clients send. They also look at their
// feeds, as the app lets them: a page comes from Redis, or is computed in
// ClickHouse and put there. Half of the users are served by an older service,
// which puts pages there without the index that finds them again.
//
// A body of events is repeated, byte for byte, until its 202, so the Ledger
// ends up knowing of every event whether it must be stored, may be stored
// (its body's fate is unknown) or must not be. PostgreSQL keeps its own truth.
// The choices follow the seed; identifiers are new in every run, so a second
// run goes on with the data of the first.
//
// Run owns its goroutines and returns when all have ended. A Ledger may be
// read while it is being written.
//
// PostgreSQL or the API being away stops that part until it is back: nothing
// is skipped and nothing piles up, since only a few bodies are outstanding. An
// answer that no repetition can change (a 400, an SQL error of our own making)
// ends Run with that answer as its error. Feeds that cannot be read are counted,
// and read later: they never end Run.
package traffic
