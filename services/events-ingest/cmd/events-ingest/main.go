// Command events-ingest accepts client events and stores them; see events-ingest
// --help.
package main

import (
	"os"

	eventsingest "github.com/nova-data/nova/services/events-ingest"
)

func main() { os.Exit(eventsingest.Main(os.Args[1:], os.Stdout, os.Stderr)) }
