package parts

import (
	"context"
	"os"
	"strconv"
	"time"

	"github.com/nova-data/nova/tilt/stack/internal/host"
	"github.com/nova-data/nova/tilt/stack/internal/layout"
	"github.com/nova-data/nova/tilt/stack/internal/probe"
	"github.com/nova-data/nova/tilt/stack/internal/supervisor"
)

func redisPart(l layout.Layout) (supervisor.Part, error) {
	part := supervisor.Part{Name: "redis", Address: l.Redis.Addr, Ready: probe.Redis(l.Redis.Addr)}
	if !l.Redis.Own {
		return part, nil
	}
	server, err := host.Command("redis-server")
	if err != nil {
		return supervisor.Part{}, err
	}
	part.Prepare = makeDirs(l.Data("redis"))
	part.Command = &supervisor.Command{
		Path: server,
		Args: []string{
			"--bind", "127.0.0.1",
			"--port", strconv.Itoa(l.Port(layout.RedisPort)),
			"--dir", l.Data("redis"),
			// Claims of events must survive a restart, and never be evicted.
			"--appendonly", "yes",
			"--save", "",
			"--maxmemory-policy", "noeviction",
		},
		Dir: l.Data("redis"),
	}
	return part, nil
}

func clickHousePart(l layout.Layout, library string) supervisor.Part {
	part := supervisor.Part{
		Name:     "clickhouse",
		Address:  l.ClickHouse.Addr,
		Ready:    probe.TCP(l.ClickHouse.Addr),
		Patience: 2 * time.Minute,
	}
	if !l.ClickHouse.Own {
		return part
	}
	home := l.Data("clickhouse")
	part.Prepare = makeDirs(home)
	part.Ready = probe.HTTP(l.ClickHouseHTTP() + "/?query=SELECT%201")
	part.Command = &supervisor.Command{
		Path: l.Bin("chserver"),
		Args: []string{
			"--data", home,
			"--listen", l.ClickHouse.Addr,
			"--http", l.Address(layout.ClickHouseHTTPPort),
			"--lib", library,
		},
		Dir: home,
	}
	return part
}

func makeDirs(dirs ...string) func(context.Context) error {
	return func(context.Context) error {
		for _, dir := range dirs {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
		}
		return nil
	}
}
