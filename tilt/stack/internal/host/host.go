package host

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
)

const (
	// oldestPostgres is the oldest version that the stack was run on.
	oldestPostgres = 15
	// oldestJava is the first version that Kafka 4 runs on.
	oldestJava = 17
)

// Command returns the path of a program in PATH.
func Command(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is not installed", name)
	}
	return path, nil
}

// Postgres returns the directory of the newest PostgreSQL's programs, which
// Debian keeps out of PATH.
func Postgres(ctx context.Context) (string, error) {
	return postgresIn(ctx, "/usr/lib/postgresql")
}

func postgresIn(ctx context.Context, dir string) (string, error) {
	newest, programs := 0, ""
	found, _ := filepath.Glob(filepath.Join(dir, "*", "bin", "initdb"))
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			found = append(found, path)
		}
	}
	for _, path := range found {
		bin := filepath.Dir(path)
		version := majorVersion(ctx, `PostgreSQL\) (\d+)`, filepath.Join(bin, "postgres"), "--version")
		if version > newest {
			newest, programs = version, bin
		}
	}
	if newest < oldestPostgres {
		return "", fmt.Errorf("PostgreSQL %d or newer is not installed", oldestPostgres)
	}
	return programs, nil
}

// Java returns a java that is new enough: the one in PATH, or else one that is
// installed beside it.
func Java(ctx context.Context) (string, error) {
	return javaIn(ctx, "/usr/lib/jvm")
}

func javaIn(ctx context.Context, dir string) (string, error) {
	candidates, _ := filepath.Glob(filepath.Join(dir, "*", "bin", "java"))
	if path, err := exec.LookPath("java"); err == nil {
		candidates = append([]string{path}, candidates...)
	}
	for _, path := range candidates {
		// Old ones call themselves 1.8.
		if majorVersion(ctx, `version "(?:1\.)?(\d+)`, path, "-version") >= oldestJava {
			return path, nil
		}
	}
	return "", fmt.Errorf("Java %d or newer is not installed", oldestJava)
}

// majorVersion returns the number that the group of pattern matches in what a
// program prints, or 0.
func majorVersion(ctx context.Context, pattern, program string, args ...string) int {
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput() //nolint:gosec // an installed program
	if err != nil {
		return 0
	}
	match := regexp.MustCompile(pattern).FindSubmatch(out)
	if match == nil {
		return 0
	}
	version, err := strconv.Atoi(string(match[1]))
	if err != nil {
		return 0
	}
	return version
}

// Unprivileged returns whom a program runs as that refuses root: nil, which
// means the caller, unless the caller is root.
func Unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("finding an unprivileged user: %w", err)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("finding an unprivileged user: %w", err)
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("finding an unprivileged user: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
