package redrive

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// arguments are the flags of one action.
type arguments struct {
	*flag.FlagSet

	filter filter
}

func newArguments(name string) *arguments {
	a := &arguments{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError)}
	a.SetOutput(io.Discard)
	return a
}

// withFilter adds the flags that choose letters.
func (a *arguments) withFilter() {
	f := &a.filter
	a.StringVar(&f.Class, "class", "", "")
	a.StringVar(&f.Error, "error", "", "")
	a.StringVar(&f.Key, "key", "", "")
	a.StringVar(&f.Topic, "topic", "", "")
	a.Func("since", "", f.Since.set)
	a.Func("until", "", f.Until.set)
}

// parse reads args, which are flags and so many others.
func (a *arguments) parse(args []string, others int) error {
	var words []string
	for len(args) > 0 { // flags may stand behind the others
		if err := a.Parse(args); err != nil {
			return err
		}
		if args = a.Args(); len(args) > 0 {
			words, args = append(words, args[0]), args[1:]
		}
	}
	if len(words) > others {
		return fmt.Errorf("%q is not a flag", words[others])
	}
	if len(words) < others {
		return errors.New("say which letter")
	}
	return a.Parse(append([]string{"--"}, words...)) // for Arg
}

func parseList(args []string) (action, error) {
	a := newArguments("list")
	a.withFilter()
	l := listing{}
	a.IntVar(&l.limit, "limit", 50, "")
	a.BoolVar(&l.asJSON, "json", false, "")
	if err := a.parse(args, 0); err != nil {
		return nil, err
	}
	if l.limit < 0 {
		return nil, errors.New("--limit must not be negative")
	}
	l.filter = a.filter
	return l.run, nil
}

func parseShow(args []string) (action, error) {
	a := newArguments("show")
	s := showing{}
	a.BoolVar(&s.asJSON, "json", false, "")
	a.BoolVar(&s.isRaw, "raw", false, "")
	if err := a.parse(args, 1); err != nil {
		return nil, err
	}
	if s.asJSON && s.isRaw {
		return nil, errors.New("say --json or --raw")
	}
	place, err := parsePlace(a.Arg(0))
	if err != nil {
		return nil, err
	}
	s.place = place
	return s.run, nil
}

func parseRedrive(args []string) (action, error) {
	a := newArguments("redrive")
	a.withFilter()
	var o options
	a.BoolVar(&o.isDryRun, "dry-run", false, "")
	a.IntVar(&o.rate, "rate", 1000, "")
	a.IntVar(&o.limit, "limit", 0, "")
	a.StringVar(&o.state, "state", "", "")
	a.DurationVar(&o.wait, "wait", 30*time.Second, "")
	a.BoolVar(&o.asJSON, "json", false, "")
	if err := a.parse(args, 0); err != nil {
		return nil, err
	}
	switch {
	case o.rate < 0:
		return nil, errors.New("--rate must not be negative")
	case o.limit < 0:
		return nil, errors.New("--limit must not be negative")
	case o.wait < 0:
		return nil, errors.New("--wait must not be negative")
	case o.state != "" && a.filter.Until.isRelative():
		return nil, errors.New("--until must be a time with --state: what it leaves out now would be meant later")
	}
	o.filter = a.filter
	return func(ctx context.Context, s *session) error { return redrive(ctx, s, o) }, nil
}
