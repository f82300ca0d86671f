package trending

import (
	"fmt"
	"strconv"
	"time"

	"github.com/nova-data/nova/pkg/clickhouse"
)

// ranking is the SQL of a list. The bounds are those of whole buckets, so that
// every bucket counts as a whole or not at all.
const ranking = `SELECT post_id, sum(%[1]s) AS total
FROM %[2]s
WHERE %[3]s >= {from:DateTime('UTC')} AND %[3]s < {to:DateTime('UTC')}
GROUP BY post_id
HAVING total > 0
ORDER BY total DESC, post_id ASC
LIMIT {top_k:UInt64}`

// decayed is a bucket's score at its age: from its end to the window's.
const decayed = `score * exp2(-({newest:Int64} - toInt64(toUnixTimestamp(%s))) / {half_life:Float64})`

// sql returns the query of the list and the values of its placeholders.
func (p Params) sql(database string, from, to time.Time) (string, clickhouse.Parameters) {
	table, bucket := "post_engagement_hourly", "hour"
	if p.Window.bucket() == time.Minute {
		table, bucket = "post_engagement_minutely", "minute"
	}
	parameters := clickhouse.Parameters{
		"from":  from.Format(time.DateTime),
		"to":    to.Format(time.DateTime),
		"top_k": strconv.Itoa(p.TopK),
	}
	score := "score"
	if p.HalfLife > 0 {
		score = fmt.Sprintf(decayed, bucket)
		parameters["newest"] = strconv.FormatInt(to.Add(-p.Window.bucket()).Unix(), 10)
		parameters["half_life"] = strconv.FormatFloat(p.HalfLife.Seconds(), 'f', -1, 64)
	}
	return fmt.Sprintf(ranking, score, "`"+database+"`."+table, bucket), parameters
}
