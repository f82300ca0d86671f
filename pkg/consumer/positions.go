package consumer

import (
	"errors"
	"fmt"
)

// Positions is where partitions begin, for a service that keeps its place in
// committed offsets.
type Positions struct {
	StartOffsets StartOffsets `split_words:"true" default:"auto" desc:"Where a partition begins for which the group has no commit: earliest, latest, or auto, which is earliest and pauses the member where rows of the partition are stored already."`
	OnDataLoss   OnDataLoss   `split_words:"true" default:"halt" desc:"When a partition's log no longer holds the next offset: halt, or skip to the first record there is; what is lost is counted."`
}

// StartOffsets says where a partition without a commit begins.
type StartOffsets string

// The places to begin at.
const (
	Auto     StartOffsets = "auto"
	Earliest StartOffsets = "earliest"
	Latest   StartOffsets = "latest"

	// always is the start of the log, whatever is committed.
	always StartOffsets = "always"
)

// OnDataLoss says what follows when records to be read are gone.
type OnDataLoss string

// The ways to meet lost records. Both count and log them.
const (
	Halt OnDataLoss = "halt"
	Skip OnDataLoss = "skip"
)

// FromStart is for a service whose state is the topic: it reads each partition
// from its start on every assignment, and commits only to show its lag.
func FromStart() Positions { return Positions{StartOffsets: always, OnDataLoss: Skip} }

// Validate implements config.Validator.
func (p Positions) Validate() error {
	var problems []error
	if p.StartOffsets != Auto && p.StartOffsets != Earliest && p.StartOffsets != Latest {
		problems = append(problems, fmt.Errorf("START_OFFSETS must be %s, %s or %s", Auto, Earliest, Latest))
	}
	if p.OnDataLoss != Halt && p.OnDataLoss != Skip {
		problems = append(problems, fmt.Errorf("ON_DATA_LOSS must be %s or %s", Halt, Skip))
	}
	return errors.Join(problems...)
}
