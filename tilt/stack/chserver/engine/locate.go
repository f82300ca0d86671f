package engine

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/nova-data/nova/pkg/config"
)

// LibraryVersion is the version of the npm packages @chdb/lib-linux-* that
// the library is taken from.
const LibraryVersion = "26.7.3-stable.1"

// LibraryPath returns where the shared library is: explicit if it is not
// empty, else $LIBCHDB_PATH, else the place in the cache ($NOVA_CACHE, or
// nova in the user's cache directory) where `make deps` puts it. It fails when
// there is no such file.
func LibraryPath(explicit string) (string, error) {
	var environment struct {
		LibchdbPath string `split_words:"true" desc:"path of libchdb.so"`
		NovaCache   string `split_words:"true" desc:"directory of what make deps has fetched"`
	}
	if err := config.Load(&environment); err != nil {
		return "", fmt.Errorf("finding the ClickHouse library: %w", err)
	}
	path := cmp.Or(explicit, environment.LibchdbPath)
	if path == "" {
		cache := environment.NovaCache
		if cache == "" {
			user, err := os.UserCacheDir()
			if err != nil {
				return "", fmt.Errorf("finding the cache directory: %w", err)
			}
			cache = filepath.Join(user, "nova")
		}
		path = filepath.Join(cache, "libchdb", LibraryVersion, runtime.GOARCH, "libchdb.so")
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("finding the ClickHouse library (`make deps` installs it): %w", err)
	}
	return path, nil
}
