// Package feedcache keeps pages of users' feeds in Redis: reading, writing and
// removing them.
//
// A page is feed:v1:<user_id>:<offset>:<limit> and lives for TTL and up to Jitter
// more. Write also keeps, of each user, the index of pages and, of all, the users
// who have any: index first, then page, then the index once more. Invalidate
// removes by them, page first, and takes from an index only what nobody has
// written again since it was read. So a page that Write has put is found, also
// when both happen at once. A writer that dies between its steps can leave a page
// that only Sweep finds, as it finds what others wrote without the index.
//
// A Cache is safe for concurrent use, and all it does bears repetition. Keys of
// one user lie in different slots of a cluster; no command takes more than one.
//
// Open does not connect. While Redis does not answer, calls return an error
// within Config.Timeout of each step; what they have done by then stays.
package feedcache
