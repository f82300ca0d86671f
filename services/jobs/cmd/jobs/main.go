// Command jobs migrates an installation; see jobs --help.
package main

import (
	"os"

	"github.com/nova-data/nova/services/jobs"
)

func main() { os.Exit(jobs.Main(os.Args[1:], os.Stdout, os.Stderr)) }
