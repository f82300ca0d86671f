package feedcache

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/redis/rueidis"
)

// scanCount is how many keys a node is asked to look at in one SCAN.
const scanCount = 1000

// Sweep looks at every key there is and removes each page of a user that
// isPending names, whoever wrote it. It returns how many it removed. A page that
// is there when Sweep begins, and is not written again, is found; in a cluster
// that changes its masters meanwhile, one may not be.
func (c *Cache) Sweep(ctx context.Context, isPending func(user uuid.UUID) bool) (pages int, err error) {
	client, err := c.connector.Client(ctx)
	if err != nil {
		return 0, err
	}
	for address, node := range client.Nodes() {
		isMaster, err := c.isMaster(ctx, node)
		if err != nil && c.isReplica(ctx, client, address) {
			continue
		}
		removed := 0
		if isMaster {
			removed, err = c.sweepNode(ctx, client, node, isPending)
		}
		pages += removed
		if err != nil {
			return pages, fmt.Errorf("sweeping Redis at %s: %w", address, err)
		}
	}
	return pages, nil
}

// isReplica asks the nodes of a cluster whether the one at address, which does
// not answer itself, is a replica: it has no page that its master has not.
func (c *Cache) isReplica(ctx context.Context, client rueidis.Client, address string) bool {
	if client.Mode() != rueidis.ClientModeCluster {
		return false
	}
	for _, node := range client.Nodes() {
		table, err := c.clusterNodes(ctx, node)
		if err != nil {
			continue
		}
		for line := range strings.Lines(table) {
			// <id> <host:port@bus> <flags> <id of the master> …
			fields := strings.Fields(line)
			if len(fields) > 2 && strings.HasPrefix(fields[1], address+"@") {
				return strings.Contains(fields[2], "slave")
			}
		}
	}
	return false
}

func (c *Cache) clusterNodes(ctx context.Context, node rueidis.Client) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return node.Do(ctx, node.B().ClusterNodes().Build()).ToString()
}

func (c *Cache) sweepNode(ctx context.Context, client, node rueidis.Client, isPending func(user uuid.UUID) bool) (pages int, err error) {
	var cursor uint64
	for {
		found, err := c.scan(ctx, node, cursor)
		if err != nil {
			return pages, err
		}
		removed, err := c.unlink(ctx, client, slices.DeleteFunc(found.Elements, func(key string) bool {
			user, isPage := userOf(key)
			return !isPage || !isPending(user)
		}))
		pages += removed
		if err != nil {
			return pages, err
		}
		if cursor = found.Cursor; cursor == 0 {
			return pages, nil
		}
	}
}

func (c *Cache) scan(ctx context.Context, node rueidis.Client, cursor uint64) (rueidis.ScanEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return node.Do(ctx, node.B().Scan().Cursor(cursor).Match(pagePrefix+"*").Count(scanCount).Build()).AsScanEntry()
}

// isMaster is false of a replica, whose keys its master has too.
func (c *Cache) isMaster(ctx context.Context, node rueidis.Client) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	role, err := node.Do(ctx, node.B().Role().Build()).ToArray()
	if err != nil || len(role) == 0 {
		return false, err
	}
	name, err := role[0].ToString()
	return name == "master", err
}
