package clickhouse

// step is what is to be done next about a block.
type step int

const (
	// insertBlock sends the block under its token.
	insertBlock step = iota
	// askTable asks the table which of the block's rows it lacks.
	askTable
	// settle waits until no attempt can be in flight any more, and asks again.
	settle
	// insertMissing sends the rows that the table lacks, with de-duplication off.
	insertMissing
	// finished is when every row is stored.
	finished
)

// answer is what the table has said of the block's rows.
type answer string

const (
	unasked answer = ""
	allRows answer = "all"
	someRow answer = "some"
	noRow   answer = "none"
)

// situation is what is known of a block during one attempt to store it.
type situation struct {
	// isOld: the plan's age is beyond what the windows are sure to remember. A token
	// that is forgotten would store the block again.
	isOld bool
	// isRestarted: the server has restarted since the plan was made, and the table
	// is plain: it may know the token of a part that it has lost.
	isRestarted bool
	// isInserted: an INSERT under the token was acknowledged in this attempt.
	isInserted bool
	// isSettled: rows were missing after such an INSERT, and since then everything
	// that could be in flight has ended.
	isSettled bool
	// answer is the newest since the INSERT.
	answer answer
}

// next decides. A plan that is neither old nor over a restart is stored by its
// token alone. An old one is looked for first, so that a forgotten token does no
// harm. After a restart the INSERT comes first: it stores whatever the table or one
// of its views lacks and whose token is not known, and doubles nothing. Rows that
// are missing after an acknowledged INSERT have a token without a part, unless the
// attempt that wrote the token is about to add it: that one is waited for.
func next(s situation) step {
	switch {
	case s.answer == allRows:
		return finished
	case s.isSettled && s.answer == unasked:
		return askTable
	case s.isSettled:
		return insertMissing
	case !s.isInserted && s.isOld && s.answer == unasked:
		return askTable
	case !s.isInserted:
		return insertBlock
	case !s.isOld && !s.isRestarted:
		return finished
	case s.answer == unasked:
		return askTable
	default:
		return settle
	}
}

// answerOf names what a table lacks of a block.
func answerOf(missing, rows int) answer {
	switch missing {
	case 0:
		return allRows
	case rows:
		return noRow
	default:
		return someRow
	}
}
