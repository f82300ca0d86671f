// Package offsets looks at topics and at a consumer group from outside: where
// partitions begin and end, what the group has committed, whether it has members,
// how old a topic's newest record is. It can also set a group's offsets.
//
// Kafka takes offsets from outside only while the group has no members, so Set
// never races with a consumer: it is refused with ErrMembers.
//
// A Group is safe for concurrent use. An error of one partition is one of the
// whole; nothing is retried.
package offsets
