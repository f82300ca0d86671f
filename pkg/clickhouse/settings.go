package clickhouse

import (
	"math"
	"strconv"
	"time"

	"github.com/ClickHouse/ch-go"
)

// limits makes the server give up when the client does.
func limits(timeout time.Duration) []ch.Setting {
	seconds := int(math.Ceil(timeout.Seconds()))
	return []ch.Setting{
		required("max_execution_time", seconds),
		required("receive_timeout", seconds),
		required("send_timeout", seconds),
	}
}

// insertSettings makes an INSERT of one block one unit: stored when the answer
// comes, by one thread, whatever months its rows belong to, and not compared
// with blocks stored before. De-duplication of tables that replace by version
// could only lose a block; the server's profile may have switched it on.
func insertSettings(timeout time.Duration) []ch.Setting {
	return append(limits(timeout),
		required("async_insert", 0),
		required("max_insert_threads", 1),
		required("max_partitions_per_insert_block", 0),
		required("insert_deduplicate", 0),
		required("deduplicate_blocks_in_dependent_materialized_views", 0),
		// Known, and decisive, from 26.2 on.
		ch.Setting{Key: "deduplicate_insert", Value: "disable"},
	)
}

// required is a setting that the server must know.
func required(name string, value int) ch.Setting {
	return ch.Setting{Key: name, Value: strconv.Itoa(value), Important: true}
}
