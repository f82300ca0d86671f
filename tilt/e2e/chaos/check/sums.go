package check

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/event"
)

// bucket is a row of a summing view when all its parts are merged.
type bucket struct {
	start int64 // seconds since 1970
	post  uuid.UUID
}

// sums is what a bucket adds up to: views, likes, comments, shares, dwell.
type sums [5]int64

// sums compares both summing views with the sums over the unique events.
func (a *Auditor) sums(ctx context.Context) ([]Violation, error) {
	var found []Violation
	for _, view := range []struct {
		table, column string
		width         int64
		since         time.Time // the view forgets what is older
	}{
		{"post_engagement_hourly", "hour", 3600, time.Unix(0, 0)},
		{"post_engagement_minutely", "minute", 60, a.deps.Start.Add(-24 * time.Hour)},
	} {
		want := a.wanted(view.width, view.since)
		sql := fmt.Sprintf(`SELECT toString(toUnixTimestamp(%[1]s)), toString(post_id), toString(sum(views)), toString(sum(likes)), toString(sum(comments)),
			toString(sum(shares)), toString(sum(dwell)) FROM %[2]s WHERE %[1]s >= toDateTime(%[3]d) GROUP BY %[1]s, post_id FORMAT JSONCompactEachRow`,
			view.column, view.table, view.since.Unix())
		err := rows(ctx, a, sql, func(row [7]string) error {
			at, got, err := readBucket(row)
			if err == nil && got != want[at] {
				found = append(found, Violation{view.table, harmOf(got, want[at]), fmt.Sprintf("%v of %s: sums %v, want %v", time.Unix(at.start, 0).UTC(), at.post, got, want[at])})
			}
			delete(want, at)
			return err
		})
		if err != nil {
			return nil, err
		}
		for at, sums := range want {
			found = append(found, Violation{view.table, Lost, fmt.Sprintf("%v of %s: nothing, want %v", time.Unix(at.start, 0).UTC(), at.post, sums)})
		}
	}
	return found, nil
}

func readBucket(row [7]string) (at bucket, got sums, err error) {
	if at.post, err = uuid.Parse(row[1]); err != nil {
		return at, got, err
	}
	if _, err = fmt.Sscan(row[0], &at.start); err != nil {
		return at, got, err
	}
	for i := range got {
		if _, err := fmt.Sscan(row[2+i], &got[i]); err != nil {
			return at, got, err
		}
	}
	return at, got, nil
}

func harmOf(got, want sums) Harm {
	for i := range got {
		if got[i] > want[i] {
			return Doubled
		}
	}
	return Lost
}

// wanted is the sums over the unique events.
func (a *Auditor) wanted(width int64, since time.Time) map[bucket]sums {
	want := map[bucket]sums{}
	for _, e := range a.deps.Truth.Events() {
		if e.IsForbidden || e.Action == event.Impression || e.TimeMS < since.UnixMilli() {
			continue
		}
		seconds := e.TimeMS / 1000
		at := bucket{seconds - seconds%width, e.PostID}
		s := want[at]
		switch e.Action {
		case event.View:
			s[0]++
		case event.Like:
			s[1]++
		case event.Comment:
			s[2]++
		case event.Share:
			s[3]++
		case event.Impression:
		}
		s[4] += int64(e.DwellMS)
		want[at] = s
	}
	return want
}
