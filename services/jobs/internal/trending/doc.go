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
// A failed Task has written nothing, or one of a list and its meta, which says
// when the list was made; the two have a key each. A list whose meta is missing or
// another run's is computed by readers, and where they cannot the latter is given
// as stale. A Reader fails only when neither the cache nor ClickHouse has a list
// and it has none from before.
package trending
