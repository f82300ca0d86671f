package redrive

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/nova-data/nova/pkg/broker"
	"github.com/nova-data/nova/pkg/config"
	"github.com/nova-data/nova/pkg/consumer/offsets"
	"github.com/nova-data/nova/pkg/dlq"
	"github.com/nova-data/nova/pkg/lifecycle"
)

// Service is whose letters the command is about. All of it is required.
type Service struct {
	// Group is its consumer group, Topics what it reads.
	Group  string
	Topics []string
	// Letters returns the topic of its letters.
	Letters func() (string, error)
	// Open returns what examines records before they are redriven, and what closes
	// it.
	Open func() (Examiner, func(), error)
}

// Examiner says what would become of records if they came again.
type Examiner interface {
	// Examine returns a verdict on each of the records, or why there is none.
	Examine(ctx context.Context, records []dlq.Record) ([]Verdict, error)
}

// Protect calls examine and returns its error, or its panic as one: whatever made a
// letter of a record must not end a redrive.
func Protect(examine func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while decoding: %v", p)
		}
	}()
	return examine()
}

// Verdict is what would become of a record; its zero value is that the record would
// be stored.
type Verdict struct {
	// IsStored says that the effect of the record is there already.
	IsStored bool
	// Refused is why the record would become a letter again.
	Refused error
}

// variables are what an operator sets for all of it.
type variables struct {
	Kafka broker.Config `envconfig:"KAFKA"`
}

const help = `  list              print the letters, the oldest of each partition first
  show WHICH        print one letter whole; WHICH is its place, as list prints it, or
                    that of the record it holds: topic/partition/offset
  redrive           put the records of letters back on their topics

Which letters (list and redrive; all of the flags must hold):
  --class syntax    of this error class
  --error text      with this text in the error
  --key key         of records with this key
  --topic events    of records of this topic
  --since 2h        that failed since then: a time of RFC 3339, or how long ago
  --until 2h        that failed before then

list:
  --limit 50        print so many; 0 means all
  --json            one JSON object a line: the letter, and its place as "letter"
show:
  --json            the letter as it is
  --raw             the bytes of the record's value and nothing else
redrive:
  --dry-run         examine and count, and publish nothing
  --rate 1000       so many records a second; 0 means as fast as Kafka takes them
  --limit 0         redrive so many and end; 0 means all
  --state FILE      remember in FILE how far it got and what was refused, and go on
                    there the next time, with what was refused first
  --wait 30s        how long the group may take to pass the newest dead records
  --json            write the result as JSON

It reads the variables of Kafka, and redrive those of what the service stores in. A
record that is stored, or that would be refused again, is left where it is, and so
are all letters: redriving twice is harmless. Of a record that died again after it
was redriven only the newest letter counts. Exit code 0: done; 1: not, or records
would be refused again; 2: the command line is wrong.
`

// Command is "dlq" of the service's command line.
func Command(s Service) lifecycle.Command {
	return lifecycle.Command{
		Name:    "dlq",
		Usage:   "list|show|redrive [flags]",
		Summary: "look at dead letters, and put their records back",
		Help:    help,
		Run: func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
			return s.run(ctx, args, printer{stdout, stderr})
		},
	}
}

// printer is where results and progress go.
type printer struct{ stdout, stderr io.Writer }

func (p printer) say(format string, a ...any) { fmt.Fprintf(p.stderr, format+"\n", a...) }

func (s Service) run(ctx context.Context, args []string, to printer) error {
	what := ""
	if len(args) > 0 {
		what, args = args[0], args[1:]
	}
	parse, isKnown := map[string]func([]string) (action, error){
		"list": parseList, "show": parseShow, "redrive": parseRedrive,
	}[what]
	if !isKnown {
		return &lifecycle.UsageError{Err: errors.New("say list, show or redrive")}
	}
	do, err := parse(args)
	if err != nil {
		return &lifecycle.UsageError{Err: err}
	}
	var cfg variables
	if err := config.Load(&cfg); err != nil {
		return err
	}
	letters, err := s.Letters()
	if err != nil {
		return err
	}
	kafka, err := broker.Open(cfg.Kafka)
	if err != nil {
		return err
	}
	defer kafka.Close()
	return do(ctx, &session{
		service: s, to: to,
		archive: &archive{cluster: kafka, group: offsets.New(kafka, s.Group), topic: letters},
	})
}

// action is a command line that makes sense.
type action func(ctx context.Context, s *session) error

// session is what an action works with.
type session struct {
	service Service
	archive *archive
	to      printer
}
