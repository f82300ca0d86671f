package httpapi

import "strings"

// defaultFormat is the output format of a query that names none.
const defaultFormat = "TabSeparated"

// joinable are the output formats of which two documents, one behind the other, are
// one document.
var joinable = map[string]bool{
	"TabSeparated": true, "TSV": true, "TabSeparatedRaw": true, "TSVRaw": true, "Raw": true, "LineAsString": true,
	"CSV": true, "TSKV": true,
	"JSONEachRow": true, "JSONLines": true, "NDJSON": true, "JSONStringsEachRow": true,
	"JSONCompactEachRow": true, "JSONCompactStringsEachRow": true,
	"RowBinary": true, "Native": true, "Null": true,
}

// contentType returns the type that ClickHouse gives a document of the format.
func contentType(format string) string {
	base, _, hasNames := strings.Cut(format, "WithNames")
	switch {
	case base == "TabSeparated" || base == "TSV":
		return "text/tab-separated-values; charset=UTF-8"
	case base == "CSV" && hasNames:
		return "text/csv; charset=UTF-8; header=present"
	case base == "CSV":
		return "text/csv; charset=UTF-8; header=absent"
	case base == "JSONLines" || base == "NDJSON" || strings.HasPrefix(base, "JSON") && strings.HasSuffix(base, "EachRow"):
		return "application/x-ndjson; charset=UTF-8"
	case strings.HasPrefix(base, "JSON"):
		return "application/json; charset=UTF-8"
	case base == "XML":
		return "application/xml; charset=UTF-8"
	case base == "RowBinary" || base == "Native" || base == "Parquet" || base == "Arrow" || base == "ArrowStream" || base == "ORC" || base == "Avro":
		return "application/octet-stream"
	default:
		return "text/plain; charset=UTF-8"
	}
}
