// Package apicontract holds the API of events-ingest to its own description: the
// test runs Schemathesis, which reads /openapi.json, sends requests that keep to it
// and requests that do not, and fails for an answer that the description does not
// have, a server error, or a body or header in another form.
//
// It runs the real binary on loopback, with Kafka's protocol by pkg/kafkatest and
// without ClickHouse and Redis: events are accepted while those are away. Only JSON is
// sent: Schemathesis cannot write protobuf, which the tests beside the handlers hold
// against the same description.
//
// Schemathesis and all it needs are pinned in requirements.txt and installed by
// pip, once for each version of that file, into .run/schemathesis. Tests run one
// after the other; test processes that install at the same time take turns.
//
// Where Python or pip is missing the test fails and says what to install. A run
// takes 90 seconds at the most.
package apicontract
