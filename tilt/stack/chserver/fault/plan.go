package fault

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Action is what happens to an INSERT.
type Action string

// The actions.
const (
	// Exception answers with the rule's code.
	Exception Action = "exception"
	// Delay waits for the rule's delay and goes on.
	Delay Action = "delay"
	// Cut closes the connection: in the middle of the first block, or after
	// executing instead of answering.
	Cut Action = "cut"
	// Exit ends the server's process at once.
	Exit Action = "exit"
)

// Moment is when it happens.
type Moment string

// The moments: before the rows reach the engine, or after they are stored and
// before the answer.
const (
	Before Moment = "before"
	After  Moment = "after"
)

// Rule is a fault for the next INSERTs.
type Rule struct {
	Action Action `json:"action"`
	// When is Before if empty.
	When Moment `json:"when,omitempty"`
	// Code is ClickHouse's error code of an Exception.
	Code int32 `json:"code,omitempty"`
	// DelayMS is the length of a Delay in milliseconds.
	DelayMS int `json:"delay_ms,omitempty"`
	// Count is how many INSERTs it holds for; 0 is one.
	Count int `json:"count,omitempty"`
	// Table is the name, without database, of the only table it holds for.
	Table string `json:"table,omitempty"`
}

// Delay is the length of the rule's delay.
func (r Rule) Delay() time.Duration { return time.Duration(r.DelayMS) * time.Millisecond }

// At reports whether the rule is this action at this moment.
func (r Rule) At(moment Moment, action Action) bool { return r.When == moment && r.Action == action }

func (r Rule) validate() error {
	var problems []error
	switch r.Action {
	case Exception:
		if r.Code <= 0 {
			problems = append(problems, errors.New("code must be positive"))
		}
	case Delay:
		if r.DelayMS <= 0 {
			problems = append(problems, errors.New("delay_ms must be positive"))
		}
	case Cut, Exit:
	default:
		problems = append(problems, fmt.Errorf("action %q is none of exception, delay, cut, exit", r.Action))
	}
	if r.When != Before && r.When != After {
		problems = append(problems, fmt.Errorf("when %q is neither before nor after", r.When))
	}
	if r.Count < 0 {
		problems = append(problems, errors.New("count must not be negative"))
	}
	return errors.Join(problems...)
}

// Plan holds the rules that are still to be carried out. A nil *Plan has none.
type Plan struct {
	mu    sync.Mutex
	rules []Rule
}

// Add appends rules. When one of them is not valid it adds none and returns an
// error.
func (p *Plan) Add(rules ...Rule) error {
	for i := range rules {
		rules[i].When = cmp.Or(rules[i].When, Before)
		rules[i].Count = cmp.Or(rules[i].Count, 1)
		if err := rules[i].validate(); err != nil {
			return fmt.Errorf("checking rule %d: %w", i, err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = append(p.rules, rules...)
	return nil
}

// Clear drops all rules.
func (p *Plan) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = nil
}

// Rules returns what is still to be carried out.
func (p *Plan) Rules() []Rule {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Rule{}, p.rules...)
}

// Take returns the rule for an INSERT into table and counts it down. Without
// one it returns the zero Rule, which is never At anything.
func (p *Plan) Take(table string) Rule {
	if p == nil {
		return Rule{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, rule := range p.rules {
		if rule.Table != "" && rule.Table != table {
			continue
		}
		if p.rules[i].Count--; p.rules[i].Count == 0 {
			p.rules = append(p.rules[:i:i], p.rules[i+1:]...)
		}
		return rule
	}
	return Rule{}
}

// ServeHTTP controls the plan: GET lists the rules, POST adds a rule or an
// array of rules, DELETE drops all.
func (p *Plan) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
	case http.MethodDelete:
		p.Clear()
	case http.MethodPost:
		rules, err := decode(http.MaxBytesReader(w, r.Body, 1<<20))
		if err == nil {
			err = p.Add(rules...)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	default:
		w.Header().Set("Allow", "GET, POST, DELETE")
		http.Error(w, "use GET, POST or DELETE", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// An error here is the client's connection ending.
	_ = json.NewEncoder(w).Encode(p.Rules())
}
