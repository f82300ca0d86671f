// Package trending ranks posts by their engagement in a window of time that ends
// now, keeps the list in the cache, and reads it from there.
//
// A list is exact for whole minutes (windows up to 6 h, and those up to 24 h that
// are no whole hours) or whole hours, the running one included: its scores are
// those of the events that ClickHouse had when it was computed. Reader gives the
// list that the cache holds, computes it when the cache has none, and while
// ClickHouse is away gives an old one and says that it is stale.
//
// All of it is safe for concurrent use. Several readers that miss the same list
// at a time cause one query.
//
// A failed Task has written nothing, or the list and not when it was made; then
// readers compute it. A Reader fails only when neither the cache nor ClickHouse
// answers and it has no list from before.
package trending
