package deps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/nova-data/nova/tilt/stack/internal/host"
)

// ErrNeedsRoot is wrapped by the error that shows a user what to run as root.
var ErrNeedsRoot = errors.New("programs are missing that only root can install")

// policyFile is what Debian's packages ask whether they may start their service.
const policyFile = "/usr/sbin/policy-rc.d"

// program is something that runs and the packages that bring it.
type program struct {
	name     string
	find     func(context.Context) (string, error)
	packages []string
}

func programs() []program {
	command := func(name string) func(context.Context) (string, error) {
		return func(context.Context) (string, error) { return host.Command(name) }
	}
	return []program{
		{"PostgreSQL", host.Postgres, []string{"postgresql"}},
		{"psql", command("psql"), []string{"postgresql-client"}},
		{"Redis", command("redis-server"), []string{"redis-server"}},
		{"Java", host.Java, []string{"openjdk-17-jre-headless"}},
		{"Maven", command("mvn"), []string{"maven"}},
		{"npm", command("npm"), []string{"npm"}},
		{"strace", command("strace"), []string{"strace"}},
		// The check of the API against its description, which make ci runs, is Python.
		{"Python's venv", pythonVenv, []string{"python3", "python3-venv"}},
		// The race detector of `make test` is C; what the stack runs is not.
		{"C compiler", command("gcc"), []string{"gcc", "libc6-dev"}},
	}
}

// pythonVenv finds a Python that can make an environment of its own with pip in it:
// Debian's cannot without a package more.
func pythonVenv(ctx context.Context) (string, error) {
	path, err := host.Command("python3")
	if err != nil {
		return "", err
	}
	if err := exec.CommandContext(ctx, path, "-c", "import ensurepip, venv").Run(); err != nil { //nolint:gosec // of the search path
		return "", fmt.Errorf("looking for venv and ensurepip of %s: %w", path, err)
	}
	return path, nil
}

// missing returns the programs that are not here, by name, and the packages that
// bring them.
func missing(ctx context.Context, all []program) (names, packages []string) {
	for _, p := range all {
		if _, err := p.find(ctx); err != nil {
			names = append(names, p.name)
			packages = append(packages, p.packages...)
		}
	}
	return names, packages
}

// installScript returns what root has to run, on one line. Installing a Debian
// package starts its service and creates PostgreSQL's default cluster; both
// would take ports, now and after each boot, that the stack or something of the
// user's wants. The file that suppresses it goes however the line ends: it would
// stop every later package from starting its service.
func installScript(packages []string) string {
	steps := []string{
		`set -e`,
		`test -e ` + policyFile + ` || { trap "rm -f ` + policyFile + `" EXIT; trap "exit 130" HUP INT TERM; printf "#!/bin/sh\nexit 101\n" >` + policyFile + `; chmod 755 ` + policyFile + `; }`,
	}
	if slices.Contains(packages, "postgresql") {
		steps = append(steps,
			`mkdir -p /etc/postgresql-common/createcluster.d`,
			`echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/nova-stack.conf`)
	}
	steps = append(steps,
		`apt-get update`,
		`DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends `+strings.Join(packages, " "))
	if slices.Contains(packages, "redis-server") {
		steps = append(steps, `if command -v systemctl >/dev/null; then systemctl disable --now redis-server || true; fi`)
	}
	return strings.Join(steps, "; ")
}

// installPrograms installs what is missing, as root, or says how.
func installPrograms(ctx context.Context, all []program, out io.Writer) error {
	names, packages := missing(ctx, all)
	if len(names) == 0 {
		return nil
	}
	if _, err := host.Command("apt-get"); err != nil {
		return fmt.Errorf("missing: %s; without apt-get, install them in your own way", strings.Join(names, ", "))
	}
	script := installScript(packages)
	if os.Getuid() != 0 {
		return fmt.Errorf("%w (%s); run this line once, then again what you ran:\n\n  sudo sh -c '%s'",
			ErrNeedsRoot, strings.Join(names, ", "), script)
	}
	fmt.Fprintf(out, "installing %s (apt packages %s)\n", strings.Join(names, ", "), strings.Join(packages, " "))
	if err := runScript(ctx, script, out); err != nil {
		return fmt.Errorf("installing packages: %w", err)
	}
	if names, _ := missing(ctx, all); len(names) > 0 {
		return fmt.Errorf("still missing after apt-get install: %s; a newer release of this system may have them", strings.Join(names, ", "))
	}
	return nil
}

// runScript runs a script that is interrupted, not killed, when ctx ends: the
// script tidies up, and apt-get lets dpkg finish the package in hand. It returns
// when both are done.
func runScript(ctx context.Context, script string, out io.Writer) error {
	shell := exec.CommandContext(ctx, "sh", "-c", script) //nolint:gosec // the line that a user is shown
	shell.Stdout, shell.Stderr = out, out
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	shell.Cancel = func() error { return syscall.Kill(-shell.Process.Pid, syscall.SIGINT) }
	err := shell.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
