package repair

import "bytes"

// operation is the first field of a record.
type operation byte

const (
	add  operation = '1'
	drop operation = '2'
)

// record is one line of a deduplication log: operation, part, and the block id,
// which is the token's hash behind the partition.
type record struct {
	operation operation
	part      part
	partName  string
	block     string
}

// parseRecord reads a line with its newline. A line without one was cut off by a
// kill: its part was not renamed, since the write comes first.
func parseRecord(line []byte) (record, bool) {
	text, complete := bytes.CutSuffix(line, []byte("\n"))
	fields := bytes.Split(text, []byte("\t"))
	if !complete || len(fields) != 3 || len(fields[0]) != 1 || len(fields[2]) == 0 {
		return record{}, false
	}
	op := operation(fields[0][0])
	name := string(fields[1])
	p, ok := parsePart(name)
	if !ok || op != add && op != drop {
		return record{}, false
	}
	return record{operation: op, part: p, partName: name, block: string(fields[2])}, true
}

// Token is a record that was removed from a log.
type Token struct {
	// Part is the name of the part that the insert would have made.
	Part string
	// Block is the block id that the engine compares.
	Block string
}

// cleaned is the logs of one table without what does not belong there.
type cleaned struct {
	// logs are the new contents, in the order of the input; a log that stays as
	// it is has the same length as before.
	logs [][]byte
	// orphans are the tokens removed, unreadable the number of lines removed
	// because the engine cannot read them.
	orphans    []Token
	unreadable int
}

// clean removes orphan tokens and unreadable lines from the logs of a table, which
// come in the order in which the engine reads them.
func clean(logs [][]byte, parts coverage) cleaned {
	orphans := findOrphans(logs, parts)
	out := cleaned{logs: make([][]byte, len(logs))}
	line := 0
	for i, log := range logs {
		out.logs[i] = make([]byte, 0, len(log))
		for text := range bytes.Lines(log) {
			r, ok := parseRecord(text)
			switch {
			case !ok:
				out.unreadable++
			case orphans[line]:
				out.orphans = append(out.orphans, Token{Part: r.partName, Block: r.block})
			default:
				out.logs[i] = append(out.logs[i], text...)
			}
			line++
		}
	}
	return out
}

// findOrphans returns the numbers of the lines, counted through all logs, that add
// a token whose part is missing and that no later record drops.
func findOrphans(logs [][]byte, parts coverage) map[int]bool {
	byBlock := map[string][]int{}
	line := 0
	for _, log := range logs {
		for text := range bytes.Lines(log) {
			r, ok := parseRecord(text)
			switch {
			case !ok:
			case r.operation == drop:
				delete(byBlock, r.block)
			case !parts.covers(r.part):
				byBlock[r.block] = append(byBlock[r.block], line)
			}
			line++
		}
	}
	orphans := map[int]bool{}
	for _, lines := range byBlock {
		for _, line := range lines {
			orphans[line] = true
		}
	}
	return orphans
}
