package load

import "flag"

// Flags declares the flags of the load, whose defaults are what c holds.
func (c *Config) Flags(set *flag.FlagSet) {
	set.StringVar(&c.URL, "url", c.URL, "base address of the events API (EVENTS_URL of the stack that ran last)")
	set.Float64Var(&c.Rate, "rate", c.Rate, "events a second, copies included")
	set.DurationVar(&c.Duration, "duration", c.Duration, "how long events are due, ramp included; what is held back by then is still sent for "+grace.String()+", the rest is counted as not sent")
	set.Var(&c.Ramp, "ramp", "how the rate is reached: 30s is evenly, 30s/5 is in five steps")
	set.IntVar(&c.Batch, "batch", c.Batch, "events in a request")
	set.Float64Var(&c.Duplicates, "duplicates", c.Duplicates, "share of events that are copies of earlier ones, half of them in one request with the original")
	set.Float64Var(&c.Skew, "skew", c.Skew, "Zipf exponent by which users and posts are drawn; 0 is evenly")
	set.IntVar(&c.Users, "users", c.Users, "users who act")
	set.IntVar(&c.Posts, "posts", c.Posts, "posts on which they act")
	set.IntVar(&c.Payload, "payload", c.Payload, "bytes of each event in the body, padded by attributes; 0 is without padding")
	set.Var(&c.Format, "format", "form of the bodies: json or protobuf")
	set.BoolVar(&c.Gzip, "gzip", c.Gzip, "compress the bodies")
	set.StringVar(&c.Token, "token", c.Token, "bearer token")
	set.IntVar(&c.Connections, "connections", c.Connections, "most requests under way; what is due and finds no connection is held back and counted")
	set.DurationVar(&c.Timeout, "timeout", c.Timeout, "time limit for one request")
	set.DurationVar(&c.ProbeEvery, "probe", c.ProbeEvery, "time between the events by which freshness is measured; 0 is none")
	set.DurationVar(&c.ProbeTimeout, "probe-timeout", c.ProbeTimeout, "how long they are asked for after the end")
	set.Uint64Var(&c.Seed, "seed", c.Seed, "seed of all choices; ids are new in every run")
}
