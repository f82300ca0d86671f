// Package dlq keeps records that cannot be processed, as letters on a topic of
// their own, with what is needed to understand and to redrive them.
//
// Write returns nil only when every letter is acknowledged by all replicas, so an
// offset may be committed after it. A letter holds the record's exact bytes:
// Original returns them whatever they are. Its key is where the record came from,
// so that a letter written twice is recognisable.
//
// A Writer is safe for concurrent use. Letters are values.
//
// A letter too large for its topic loses its headers first; if it is still too
// large Write fails, because a letter without the record would lose it. Topics
// for letters therefore take messages four times the size of the topics they
// serve.
package dlq
