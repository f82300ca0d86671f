// Package dlq keeps records that cannot be processed, as letters on a topic of
// their own, with what is needed to understand and to redrive them.
//
// Write returns nil only when every letter is acknowledged by all replicas, so an
// offset may be committed after it. A letter holds the record's exact bytes:
// Original returns them whatever they are. Its key is where the record came from,
// so that a letter written twice is recognisable.
//
// A Guard pauses a service whose records become letters too often: it keeps a bad
// deployment from draining a topic. It is told of every record, trips on the one
// that is too many, and stays tripped until somebody resumes it on the admin port
// or the process restarts. The batch that trips it is finished, so nothing is lost
// or done twice by the pause.
//
// A Writer and a Guard are safe for concurrent use. Letters are values.
//
// A letter too large for its topic loses its headers first; if it is still too
// large Write fails, because a letter without the record would lose it. Topics
// for letters therefore take messages four times the size of the topics they
// serve.
package dlq
