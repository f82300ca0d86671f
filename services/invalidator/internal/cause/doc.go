// Package cause reads records of the topic "events" and of the cdc topics and
// says whose feed pages each of them makes stale.
//
// A change of a like, comment or share makes stale the pages of its user and of
// the followers of the post's author; of a post, those of its author and the
// author's followers; of a follow, those of the follower; of a user, those of
// the user's followers. An update that moves a row from one to another names
// both. Views, impressions, rows of snapshots and what is no change of a row are
// no causes.
//
// A Reader is used by one goroutine at a time and keeps nothing but memory.
//
// Whatever the bytes, Read never panics: what cannot be read is a Problem with
// its reason, beside what could be read.
package cause
