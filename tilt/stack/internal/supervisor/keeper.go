package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nova-data/nova/tilt/stack/internal/pidfile"
)

const (
	probeEvery   = 100 * time.Millisecond
	probeTimeout = 5 * time.Second
	// patience is how long a start may take that names no Patience.
	patience = time.Minute
	// mention is how often a part that is still awaited is mentioned.
	mention = 15 * time.Second
)

// keeper keeps one part running.
type keeper struct {
	cfg    Config
	part   Part
	report func(Report)

	cancel context.CancelFunc
	ready  chan struct{} // closed when the part is ready for the first time
	done   chan struct{} // closed when nothing of the part runs any more

	mu     sync.Mutex
	status Status
	// held is not nil while the part is stopped by hand; resume closes it.
	held chan struct{}
	// interrupt ends the run under way.
	interrupt context.CancelFunc
}

func newKeeper(cfg Config, part Part, report func(Report)) *keeper {
	if part.Patience == 0 {
		part.Patience = patience
	}
	return &keeper{
		cfg:    cfg,
		part:   part,
		report: report,
		ready:  make(chan struct{}),
		done:   make(chan struct{}),
		status: Status{Part: part.Name, Address: part.Address, State: Waiting, Since: time.Now()},
	}
}

// start begins to keep the part; failed gets the reason when it is given up on.
// The part outlives ctx until stop, so that parts end in order.
func (k *keeper) start(ctx context.Context, failed chan<- error) {
	ctx, k.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(k.done)
		err := k.keep(ctx)
		if ctx.Err() != nil {
			k.set(Stopped, 0, "")
			return
		}
		if err != nil {
			k.set(Failed, 0, err.Error())
			failed <- fmt.Errorf("%s: %w", k.part.Name, err)
		}
	}()
}

// stop ends the part and returns when nothing of it is left.
func (k *keeper) stop() {
	if k.cancel == nil {
		return
	}
	k.cancel()
	<-k.done
}

// keep returns nil when a task is done, an error when the part is given up on,
// and anything once ctx has ended.
func (k *keeper) keep(ctx context.Context) error {
	if k.part.Prepare != nil {
		k.set(Starting, 0, "")
		if err := k.part.Prepare(ctx); err != nil {
			return fmt.Errorf("preparing: %w", err)
		}
	}
	for {
		running, end, err := k.admit(ctx)
		if err != nil {
			return err
		}
		err = k.repeat(running)
		isInterrupted := running.Err() != nil
		end()
		if !isInterrupted || ctx.Err() != nil {
			return err
		}
		k.set(Stopped, 0, "")
		k.say("stopped by hand")
	}
}

// repeat starts the part until that succeeds for a task, it is given up on, or
// ctx ends.
func (k *keeper) repeat(ctx context.Context) error {
	pause := k.cfg.Pause
	for attempt := 1; ; attempt++ {
		began := time.Now()
		err := k.once(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if !k.wasReady() && (attempt >= k.cfg.Attempts || k.part.Command == nil) {
			return err
		}
		if time.Since(began) > 2*k.cfg.MaxPause {
			pause = k.cfg.Pause
		}
		k.say("%v\nstarting it again in %s", err, pause)
		k.set(Restarting, 0, firstLine(err))
		if !sleep(ctx, pause) {
			return ctx.Err()
		}
		pause = min(2*pause, k.cfg.MaxPause)
		k.countRestart()
	}
}

// once starts the part and returns how it ended.
func (k *keeper) once(ctx context.Context) error {
	began := time.Now()
	if k.part.Command == nil {
		k.set(Starting, 0, "")
		return k.attend(ctx, began, nil)
	}
	p, err := startProcess(*k.part.Command, k.logPath())
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(k.pidPath()) }()
	defer func() {
		if ctx.Err() != nil {
			k.set(Stopping, p.pid(), "")
		}
		p.stop(k.part.Command.Stop, k.cfg.Grace)
	}()
	k.set(Starting, p.pid(), "")
	if identity, err := pidfile.Of(p.pid()); err == nil {
		if err := identity.Write(k.pidPath()); err != nil {
			return err
		}
	}
	if k.part.Once {
		return k.awaitTask(ctx, began, p)
	}
	return k.attend(ctx, began, p)
}

func (k *keeper) awaitTask(ctx context.Context, began time.Time, p *process) error {
	timer := time.NewTimer(k.part.Patience)
	defer timer.Stop()
	select {
	case <-p.exited:
		if p.end != nil {
			return k.withLog(fmt.Errorf("ended (%w)", p.end))
		}
		k.markReady(Done, 0, began)
		return nil
	case <-timer.C:
		return k.withLog(fmt.Errorf("not done after %s", k.part.Patience))
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attend waits until the part is ready, and then until it ends. p is nil for a
// server that someone else runs, which ends only with ctx.
func (k *keeper) attend(ctx context.Context, began time.Time, p *process) error {
	pid, exited := 0, (<-chan struct{})(nil)
	if p != nil {
		pid, exited = p.pid(), p.exited
	}
	if err := k.awaitReady(ctx, exited); err != nil {
		return k.explain(ctx, p, err)
	}
	if !k.wasReady() && k.part.Settle != nil {
		if err := k.part.Settle(ctx); err != nil {
			return k.explain(ctx, p, fmt.Errorf("setting up: %w", err))
		}
	}
	k.markReady(Ready, pid, began)
	return k.explain(ctx, p, k.watch(ctx, exited))
}

var errEnded = errors.New("ended")

// awaitReady probes until the part is ready, has ended or is out of time.
func (k *keeper) awaitReady(ctx context.Context, exited <-chan struct{}) error {
	if k.part.Ready == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, k.part.Patience)
	defer cancel()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	remind := time.NewTicker(mention)
	defer remind.Stop()
	for {
		err := k.probe(ctx)
		if err == nil || errors.Is(err, ErrBroken) {
			return err
		}
		select {
		case <-tick.C:
		case <-remind.C:
			k.say("not ready yet: %v", err)
		case <-exited:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("not ready after %s: %w", k.part.Patience, err)
		}
	}
}

// watch returns when the part has ended, is broken, or ctx ends. A failed probe
// alone only shows in the status.
func (k *keeper) watch(ctx context.Context, exited <-chan struct{}) error {
	tick := time.NewTicker(k.cfg.Watch)
	defer tick.Stop()
	for {
		select {
		case <-exited:
			return errEnded
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			if k.part.Ready == nil {
				continue
			}
			err := k.probe(ctx)
			if errors.Is(err, ErrBroken) {
				return err
			}
			k.setProblem(err)
		}
	}
}

func (k *keeper) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return k.part.Ready(ctx)
}

// explain turns the reason why an attempt is over into what a person needs: how
// the process ended, and the end of its log.
func (k *keeper) explain(ctx context.Context, p *process, err error) error {
	if ctx.Err() != nil || p == nil {
		return err
	}
	if errors.Is(err, errEnded) {
		err = errors.New("ended (exit status 0)")
		if p.end != nil {
			err = fmt.Errorf("ended (%w)", p.end)
		}
	}
	return k.withLog(err)
}

func (k *keeper) withLog(err error) error {
	return fmt.Errorf("%w\n%s", err, tail(k.logPath()))
}

func (k *keeper) logPath() string { return filepath.Join(k.cfg.LogDir, k.part.Name+".log") }

func (k *keeper) pidPath() string { return filepath.Join(k.cfg.PIDDir, k.part.Name) }

// sleep waits for d and tells whether ctx lasted as long.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
