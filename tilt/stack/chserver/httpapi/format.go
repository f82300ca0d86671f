package httpapi

import "strings"

// defaultFormat is the output format of a query that names none.
const defaultFormat = "TabSeparated"

// isJoinable reports whether two documents of an output format, one behind the other,
// are one document.
func isJoinable(format string) bool {
	switch format {
	case "TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "Raw", "LineAsString", "CSV", "TSKV",
		"JSONEachRow", "JSONLines", "NDJSON", "JSONStringsEachRow", "JSONCompactEachRow", "JSONCompactStringsEachRow",
		"RowBinary", "Native", "Null":
		return true
	}
	return false
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
