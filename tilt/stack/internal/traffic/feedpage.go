package traffic

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/nova-data/nova/pkg/clickhouse"
	"github.com/nova-data/nova/pkg/clickhouse/block"
	"github.com/nova-data/nova/pkg/feedcache"
	"github.com/nova-data/nova/pkg/redis"
)

// feedPage is always one row, so that a page behind the end of the feed has the
// total too.
const feedPage = `
SELECT
    count() AS total,
    arrayStringConcat(arraySlice(
        arrayMap(post -> toString(post.2), arrayReverseSort(groupArray((created_at, id)))),
        {offset:UInt32} + 1, {limit:UInt32}), ',') AS page
FROM posts FINAL
WHERE status = 'published' AND soft_delete IS NULL AND user_id IN (
    SELECT followee_id FROM user_relationships_current FINAL
    WHERE follower_id = {user:UUID} AND status = 'active')`

// computer makes feed pages out of what ClickHouse holds.
type computer struct{ from Querier }

// compute returns the newest published posts of those whom the user follows.
func (c computer) compute(ctx context.Context, l look) (feedcache.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, feedTimeout)
	defer cancel()
	page := feedcache.Page{CachedAt: time.Now()}
	err := c.from.Query(ctx, feedPage, clickhouse.Parameters{
		"user":   l.user.String(),
		"offset": strconv.Itoa(l.at.Offset),
		"limit":  strconv.Itoa(l.at.Limit),
	}, func(rows *block.Reader) error {
		var ids string
		if err := rows.Scan(0, &page.TotalCount, &ids); err != nil {
			return err
		}
		for id := range strings.FieldsFuncSeq(ids, func(r rune) bool { return r == ',' }) {
			parsed, err := uuid.Parse(id)
			if err != nil {
				return err
			}
			page.PostIDs = append(page.PostIDs, parsed)
		}
		return nil
	})
	if err != nil {
		return feedcache.Page{}, fmt.Errorf("computing a feed page: %w", err)
	}
	return page, nil
}

// olderLife is how long the older service lets a page live.
const olderLife = 120 // seconds

// olderService writes pages with nothing beside them, as services did before
// there was an index of pages.
type olderService struct{ connector *redis.Connector }

func openOlderService(server redis.Config) (*olderService, error) {
	connector, err := redis.NewConnector(server, redis.Options{ClientName: "older-feed-service", Timeout: feedTimeout})
	if err != nil {
		return nil, fmt.Errorf("preparing the older service: %w", err)
	}
	return &olderService{connector: connector}, nil
}

func (s *olderService) close() { s.connector.Close() }

func isOfOlderService(user uuid.UUID) bool { return user[len(user)-1]%2 == 1 }

func (s *olderService) write(ctx context.Context, l look, page feedcache.Page) error {
	client, err := s.connector.Client(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, feedTimeout)
	defer cancel()
	set := client.B().Set().Key(feedcache.Key(l.user, l.at)).Value(string(feedcache.Encode(page))).ExSeconds(olderLife).Build()
	if err := client.Do(ctx, set).Error(); err != nil {
		return fmt.Errorf("writing a feed page without the index: %w", err)
	}
	return nil
}
