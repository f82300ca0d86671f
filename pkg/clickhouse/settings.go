package clickhouse

import (
	"math"
	"strconv"
	"time"

	"github.com/ClickHouse/ch-go"
)

// attemptLimit is the time after which neither side works on an attempt any more.
func (p *Pool) attemptLimit() time.Duration {
	return time.Duration(wholeSeconds(p.cfg.Timeout)) * time.Second
}

// wholeSeconds rounds up, since the server's limits are in seconds.
func wholeSeconds(timeout time.Duration) int { return int(math.Ceil(timeout.Seconds())) }

// limits makes the server give up when the client does.
func limits(timeout time.Duration) []ch.Setting {
	seconds := wholeSeconds(timeout)
	return []ch.Setting{
		required("max_execution_time", seconds),
		required("receive_timeout", seconds),
		required("send_timeout", seconds),
	}
}

// blockSettings makes an INSERT of one block one unit: stored when the answer
// comes, by one thread, whatever months its rows belong to.
func blockSettings(timeout time.Duration) []ch.Setting {
	return append(limits(timeout),
		required("async_insert", 0),
		required("max_insert_threads", 1),
		required("max_partitions_per_insert_block", 0),
	)
}

// plainSettings stores a block without comparing it with blocks stored before,
// which the server's profile may have switched on. For tables that replace by
// version it could only lose a block.
func plainSettings(timeout time.Duration) []ch.Setting {
	return append(blockSettings(timeout),
		required("insert_deduplicate", 0),
		required("deduplicate_blocks_in_dependent_materialized_views", 0),
		sinceUnified("disable"),
	)
}

// tokenSettings stores a block unless the table has taken one with that token, and
// passes it on to each view, which takes it, if withViews, unless it has before.
func tokenSettings(timeout time.Duration, token string, withViews bool) []ch.Setting {
	views := 0
	if withViews {
		views = 1
	}
	return append(blockSettings(timeout),
		ch.Setting{Key: "insert_deduplication_token", Value: token, Important: true},
		required("insert_deduplicate", 1),
		required("deduplicate_blocks_in_dependent_materialized_views", views),
		sinceUnified("enable"),
	)
}

// sinceUnified is the setting that decides from ClickHouse 26.2 on, whatever the
// profile says of insert_deduplicate. Servers that do not know it ignore it.
func sinceUnified(mode string) ch.Setting {
	return ch.Setting{Key: "deduplicate_insert", Value: mode}
}

// required is a setting that the server must know.
func required(name string, value int) ch.Setting {
	return ch.Setting{Key: name, Value: strconv.Itoa(value), Important: true}
}
