package eventsv1_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	root        = "../../.." // of the module
	tools       = "../tilt/tools"
	releasedDir = "released"
	schema      = "nova/events/v1/events.proto"
)

// buf returns the pinned buf, which is built unless Go's cache has it.
func buf(t *testing.T) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "tool", "-n", "buf")
	command.Dir = filepath.Join(root, tools)
	command.Env = append(command.Environ(), "GOWORK=off")
	path, err := command.Output()
	if err != nil {
		t.Fatal("building buf: ", err)
	}
	return strings.TrimSpace(string(path))
}

// newestReleased is what `make lint` compares with.
func newestReleased(t *testing.T) string {
	t.Helper()
	found, err := exec.CommandContext(t.Context(), "sh", "-c", "ls "+filepath.Join(root, releasedDir)+"/*.binpb | sort -V | tail -n 1").Output()
	if err != nil {
		t.Fatal(err)
	}
	path, err := filepath.Abs(strings.TrimSpace(string(found)))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A change that would break a released client or record does not pass the check of
// `make lint`, which names it; an addition passes.
func TestBreakingChangeIsFound(t *testing.T) {
	binary, released := buf(t), newestReleased(t)
	for name, change := range map[string]struct{ from, to, found string }{
		"nothing":                {},
		"a field is added":       {"  string device_id = 11;\n", "  string device_id = 11;\n  string screen = 12;\n", ""},
		"an action is added":     {"  ACTION_SHARE = 5;\n", "  ACTION_SHARE = 5;\n  ACTION_SAVE = 6;\n", ""},
		"a type is changed":      {"  bytes author_id = 5;\n", "  string author_id = 5;\n", `Field "5" with name "author_id" on message "Event" changed type from "bytes" to "string"`},
		"a field is removed":     {"  string device_id = 11;\n", "", `Previously present field "11" with name "device_id" on message "Event" was deleted`},
		"a field is renumbered":  {"  string app_ver = 9;\n", "  string app_ver = 12;\n", `Previously present field "9" with name "app_ver" on message "Event" was deleted`},
		"a field is renamed":     {"  uint32 dwell_ms = 7;\n", "  uint32 dwell = 7;\n", `Field "7" on message "Event" changed name from "dwell_ms" to "dwell"`},
		"a field is made a list": {"  string device = 8;\n", "  repeated string device = 8;\n", `Field "8" with name "device" on message "Event" changed cardinality`},
		"an action is renumbered": {
			"  ACTION_SHARE = 5;\n", "  ACTION_SHARE = 6;\n",
			`Previously present enum value "5" on enum "Action" was deleted`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), binary, "breaking", "--against", released)
			command.Dir = copied(t, change.from, change.to)
			said, err := command.CombinedOutput()
			output := string(said)
			if change.found == "" {
				if err != nil {
					t.Errorf("%v: %s", err, output)
				}
				return
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				t.Fatalf("the check passes, %v", err)
			}
			if !strings.Contains(output, change.found) || !strings.Contains(output, schema+":") {
				t.Errorf("%q names neither %q nor the file", output, change.found)
			}
		})
	}
}

// copied is a directory with a copy of the schema in which from has become to.
func copied(t *testing.T, from, to string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"buf.yaml", schema} {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if name == schema && from != "" {
			if strings.Count(string(content), from) != 1 {
				t.Fatalf("%q is not in %s once", from, name)
			}
			content = []byte(strings.Replace(string(content), from, to, 1))
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A released schema can be added, and is never changed or removed.
func TestReleasedSchemasNeverChange(t *testing.T) {
	list, err := os.ReadFile(filepath.Join(root, releasedDir, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(root, releasedDir, "*.binpb"))
	if err != nil {
		t.Fatal(err)
	}
	listed := strings.Split(strings.TrimSpace(string(list)), "\n")
	if len(paths) != len(listed) {
		t.Errorf("%d files are listed, %d are there", len(listed), len(paths))
	}
	for _, line := range listed {
		want, name, _ := strings.Cut(line, "  ")
		content, err := os.ReadFile(filepath.Join(root, releasedDir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s has changed", name)
		}
	}
}
