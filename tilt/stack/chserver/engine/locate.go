package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// LibraryVersion is the version of the npm packages @chdb/lib-linux-* that
// the library is taken from.
const LibraryVersion = "26.7.3-stable.1"

// LibraryPath returns where the shared library is: explicit if it is not
// empty, else $LIBCHDB_PATH, else the place in the cache ($NOVA_CACHE, or
// nova in the user's cache directory) where `make deps` puts it. It fails when
// there is no such file.
func LibraryPath(explicit string) (string, error) {
	path := explicit
	if path == "" {
		path = os.Getenv("LIBCHDB_PATH")
	}
	if path == "" {
		cached, err := cachedLibrary()
		if err != nil {
			return "", err
		}
		path = cached
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("finding the ClickHouse library (`make deps` installs it): %w", err)
	}
	return path, nil
}

func cachedLibrary() (string, error) {
	cache := os.Getenv("NOVA_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("finding the cache directory: %w", err)
		}
		cache = filepath.Join(user, "nova")
	}
	return filepath.Join(cache, "libchdb", LibraryVersion, runtime.GOARCH, "libchdb.so"), nil
}
