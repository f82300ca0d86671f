package board

import (
	"slices"
	"strings"
)

func panels(v View) []panel {
	rates := panel{rows: [][]string{{"traffic", "per s", "total"}}}
	for _, r := range v.Rates {
		rates.rows = append(rates.rows, []string{r.Name, rate(r.PerSecond), count(r.Total)})
	}
	tables := panel{rows: [][]string{{"ClickHouse", "rows", "per s"}}}
	for _, t := range v.Tables {
		tables.rows = append(tables.rows, []string{t.Name, count(t.Rows), rate(t.PerSecond)})
	}
	groups := panel{rows: [][]string{{"consumer", "lag", "oldest", "dead letters"}}}
	for i, g := range v.Groups {
		groups.rows = append(groups.rows, []string{g.Service, count(g.Lag), seconds(g.Oldest), count(g.DeadLetters)})
		if g.DeadLetters > 0 {
			groups.alarm = append(groups.alarm, i+1)
		}
	}
	freshness := panel{rows: [][]string{{"freshness", "p50", "p99"}}}
	for _, f := range v.Freshness {
		freshness.rows = append(freshness.rows, []string{f.Name, seconds(f.P50), seconds(f.P99)})
	}
	caches := panel{rows: [][]string{{"caches", ""}}}
	for _, f := range v.Caches {
		caches.rows = append(caches.rows, []string{f.Name, f.Value})
	}
	addresses := panel{rows: [][]string{{"to look at", ""}}, texts: true}
	for _, a := range v.Addresses {
		addresses.rows = append(addresses.rows, []string{a.Name, a.URL})
	}
	all := []panel{rates, tables, groups, freshness, origin(v.Source), parts(v.Parts), caches, trending(v.Trending), addresses}
	return slices.DeleteFunc(all, func(b panel) bool { return len(b.rows) == 1 })
}

// parts lists what needs attention by itself, and the rest by name: a part a
// line would push everything else off a small terminal.
func parts(all []Part) panel {
	p := panel{rows: [][]string{{"part", "state"}}, texts: true}
	var ready []string
	for _, one := range all {
		if one.Ready && one.Note == "" {
			ready = append(ready, one.Name)
			continue
		}
		p.rows = append(p.rows, []string{one.Name, strings.TrimSpace(one.State + "  " + one.Note)})
		if !one.Ready {
			p.alarm = append(p.alarm, len(p.rows)-1)
		}
	}
	label := "ready"
	for _, line := range wrap(ready, readyWidth) {
		p.rows = append(p.rows, []string{label, line})
		label = ""
	}
	return p
}

// trending lists the posts, or a dash while they are not known.
func trending(t *Trending) panel {
	heading := "trending, last hour"
	if t == nil {
		return panel{rows: [][]string{{heading, ""}}}
	}
	if t.Stale {
		heading += ", stale"
	}
	p := panel{rows: [][]string{{heading, "score"}}}
	for _, post := range t.Posts {
		p.rows = append(p.rows, []string{post.Post, rate(post.Score)})
	}
	if len(t.Posts) == 0 {
		p.rows = append(p.rows, []string{unknown, unknown})
	}
	return p
}

// Line draws v as one line, for outputs that are not terminals.
func Line(v View) string {
	parts := []string{clock(v.Running)}
	for _, r := range v.Rates {
		parts = append(parts, r.Name+" "+rate(r.PerSecond)+"/s")
	}
	for _, g := range v.Groups {
		parts = append(parts, g.Service+" lag "+count(g.Lag)+", dead letters "+count(g.DeadLetters))
	}
	for _, f := range v.Freshness {
		parts = append(parts, f.Name+" p99 "+seconds(f.P99))
	}
	if v.Source != nil {
		parts = append(parts, v.Source.line())
	}
	for _, f := range v.Caches {
		parts = append(parts, f.Name+" "+f.Value)
	}
	if v.Trending != nil {
		parts = append(parts, "trending "+best(*v.Trending))
	}
	for _, t := range v.Tables {
		parts = append(parts, t.Name+" "+count(t.Rows))
	}
	for _, p := range v.Parts {
		if !p.Ready {
			parts = append(parts, strings.TrimSpace(p.Name+" "+p.State+" "+p.Note))
		}
	}
	return strings.Join(parts, " | ")
}

// lineTrending is how many trending posts fit into a line that has all the rest.
const lineTrending = 3

// best are the posts that trend most.
func best(t Trending) string {
	posts := make([]string, 0, lineTrending)
	for _, post := range t.Posts[:min(len(t.Posts), lineTrending)] {
		posts = append(posts, post.Post+" "+rate(post.Score))
	}
	text := unknown
	if len(posts) > 0 {
		text = strings.Join(posts, ", ")
	}
	if t.Stale {
		text += " (stale)"
	}
	return text
}
