module github.com/nova-data/nova/services/events-ingest

go 1.26.8

require (
	github.com/nova-data/nova/pkg v0.0.0
	github.com/nova-data/nova/proto v0.0.0
)

require (
	github.com/google/uuid v1.6.0 // indirect
	github.com/stretchr/testify v1.12.1 // indirect
	go.uber.org/goleak v1.3.0 // indirect
)

replace github.com/nova-data/nova/pkg => ../../pkg

replace github.com/nova-data/nova/proto => ../../proto
