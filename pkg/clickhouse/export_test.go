package clickhouse

import "time"

// TrustClocks makes the writer take plans to be as old as they say.
func (w *Writer) TrustClocks() { w.tolerance = 0 }

// PrecisionOfUptime is how late a server can seem to have started.
const PrecisionOfUptime = time.Second
