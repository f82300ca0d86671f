package store

import "context"

// Ping is one look of Run at ClickHouse.
func (s *Store) Ping(ctx context.Context) { s.ping(ctx) }
