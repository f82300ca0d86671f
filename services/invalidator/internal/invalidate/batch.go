package invalidate

import (
	"time"

	"github.com/nova-data/nova/services/invalidator/internal/audience"
	"github.com/nova-data/nova/services/invalidator/internal/cause"
)

// batch is what the records of one topic come to.
type batch struct {
	topic    string
	question audience.Question
	times    []time.Time // of the causes

	causes       map[cause.Kind]int64
	ignored      map[cause.Ignored]int64
	undecodable  map[cause.Reason]int64
	unknownPosts int
}

func newBatch(topic string) *batch {
	return &batch{
		topic:       topic,
		question:    audience.Question{Users: audience.Set{}, Authors: audience.Set{}, Posts: audience.Set{}},
		causes:      map[cause.Kind]int64{},
		ignored:     map[cause.Ignored]int64{},
		undecodable: map[cause.Reason]int64{},
	}
}

// add takes note of what a record says and returns its problem, if it has one.
func (b *batch) add(found cause.Finding) *cause.Problem {
	if c := found.Cause; c != nil {
		b.causes[c.Kind]++
		b.times = append(b.times, c.At)
		b.question.Users.Add(c.Users...)
		b.question.Authors.Add(c.Authors...)
		b.question.Posts.Add(c.Posts...)
	}
	if found.Ignored != "" {
		b.ignored[found.Ignored]++
	}
	if found.Problem != nil {
		b.undecodable[found.Problem.Reason]++
	}
	return found.Problem
}
