// Command cdc-ingest is the service; see cdc-ingest --help.
package main

import (
	"os"

	cdcingest "github.com/nova-data/nova/services/cdc-ingest"
)

func main() { os.Exit(cdcingest.Main(os.Args[1:], os.Stdout, os.Stderr)) }
