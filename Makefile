# Everything a developer or CI does with this repository. `make` prints the list.

SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS     += --no-print-directory

BIN      := .run/bin
TOOLS    := .run/tools
# Module and service lists come from go.work, so that a new one is never forgotten.
MODULES   = $(shell go list -m -f '{{.Dir}}')
PACKAGES  = $(addsuffix /...,$(MODULES))
SERVICES  = $(notdir $(filter $(CURDIR)/services/%,$(MODULES)))
# The stack is built, not `go run`: it gets the terminal's signals itself.
STACK    := go build -o $(BIN)/stack ./tilt/stack/cmd/stack && exec $(BIN)/stack

.PHONY: help deps build build-modules test test-units test-model lint fmt generate generate-check tidy tidy-check run up down status stop start e2e e2e-cdc contract e2e-full capture chaos chaos-short chaos-load bench bench-short ci clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[1m%-15s\033[0m %s\n", $$1, $$2}'

deps: ## get what the stack and the tests need and is missing (system packages, JVM artifacts, libchdb)
	@$(STACK) deps

build: ## compile every service and tool into .run/bin
	@mkdir -p $(BIN)
	go build -o $(BIN)/ $(foreach s,$(SERVICES),./services/$(s)/cmd/$(s)) ./tilt/stack/cmd/...

build-modules: ## compile every module by itself, as an image build does (GOWORK=off)
	@for module in $(MODULES); do echo "GOWORK=off go build $${module#$(CURDIR)/}"; (cd $$module && GOWORK=off go build -mod=readonly -o /dev/null ./...); done

test: deps ## unit and wire tests of all modules with the race detector, the model, and the short end-to-end test
	@$(MAKE) -j2 --output-sync=target test-units test-model
	go test -count=1 -timeout 20m ./tilt/e2e # builds what it tests, which the test cache does not see

test-units: # all packages but those that test the whole system
	go test -race -timeout 20m $$(go list $(PACKAGES) | grep -vE '/tilt/e2e(/chaos|/cdc|/capture|/bench|/apicontract)?$$')

test-model: # the protocol's, which is built without the race detector
	go test -timeout 20m ./pkg/consumer/protocol

e2e: deps ## the end-to-end tests only, not from the test cache
	go test -count=1 -timeout 20m -v ./tilt/e2e

e2e-cdc: deps ## PostgreSQL, real Debezium and ClickHouse: the scenarios of change data capture, a small run
	go test -count=1 -timeout 20m -v ./tilt/e2e/cdc

contract: deps ## events-ingest against its own OpenAPI document, by Schemathesis
	go test -count=1 -timeout 10m -v ./tilt/e2e/apicontract

e2e-full: e2e ## all of both, with 100 000 random changes, freshness, verify over a million rows, and 330 kills of ClickHouse (40 minutes)
	CDC_FULL=1 CDC_CHANGES=100000 go test -count=1 -timeout 40m -v ./tilt/e2e/cdc
	VERIFY_ROWS=1000000 go test -count=1 -timeout 20m -v -run TestFindsOneAmongMany ./services/cdc-ingest/internal/verify
	PLACED_KILLS=30 RANDOM_KILLS=300 go test -count=1 -timeout 60m -v ./tilt/stack/chserver/killtest

capture: deps ## record what the connector sends, as fixtures of the decoder's tests; read the difference and commit it
	go test -count=1 -timeout 20m -v ./tilt/e2e/capture -update
	go test ./pkg/debezium -run TestDecodes -update

chaos-short: deps ## a bounded fault run with a fresh seed, and what proves that the harness finds what it is there for
	go test -count=1 -timeout 20m -v ./tilt/e2e/chaos

chaos: deps ## the fault harness: make chaos ROUNDS=100 SEED=1 KAFKA=apache (default: 19 rounds, a random seed, kfake)
	CHAOS_ROUNDS=$(ROUNDS) CHAOS_SEED=$(SEED) CHAOS_KAFKA=$(KAFKA) go test -count=1 -timeout 0 -v -run 'TestChaos$$' ./tilt/e2e/chaos

chaos-load: deps ## inserts a second, freshness, and a ClickHouse outage of 60 s, measured at full length
	CHAOS_LOAD_SECONDS=30 CHAOS_OUTAGE_SECONDS=60 go test -count=1 -timeout 20m -v -run 'TestInsertsPerSecond|TestFreshness|TestOutage' ./tilt/e2e/chaos

bench-short: deps ## each measurement of make bench for seconds: that all of them can be made
	go test -count=1 -timeout 10m -v ./tilt/e2e/bench

bench: deps ## measure the events path and print the table, targets beside it (6 minutes); JSON in .run/bench or BENCH_JSON; BENCH_KAFKA=kfake, BENCH_PROFILE=path
	BENCH_FULL=1 go test -count=1 -timeout 20m -v -run 'TestBench$$' ./tilt/e2e/bench

lint: $(TOOLS)/golangci-lint $(TOOLS)/buf ## linters over Go and protobuf, and the house rules they cannot hold
	$(TOOLS)/golangci-lint run $(PACKAGES)
	cd proto && ../$(TOOLS)/buf lint && ../$(TOOLS)/buf breaking --against "$$(ls released/*.binpb | sort -V | tail -n 1)"
	@! git grep -nE 'Errorf\("(failed|error|unable|could not|cannot) [^"]*%w' -- '*.go' || { echo 'wrap errors with a gerund: "inserting block: %w"'; exit 1; }
	@! git grep -nE '\bt\.Skip' -- '*_test.go' || { echo 'a test that cannot run here fails; it is not skipped'; exit 1; }
	@for d in $$(go list -f '{{if ne .Name "main"}}{{.Dir}}{{end}}' $(PACKAGES) | grep -v '/proto/'); do test -f $$d/doc.go || { echo "no doc.go in $${d#$(CURDIR)/}"; exit 1; }; done

fmt: $(TOOLS)/golangci-lint $(TOOLS)/buf ## format Go and protobuf
	$(TOOLS)/golangci-lint fmt $(PACKAGES)
	cd proto && ../$(TOOLS)/buf format -w

generate: $(TOOLS)/buf ## generate protobuf code and the configuration tables of the services' READMEs
	cd proto && GOBIN=$(CURDIR)/$(TOOLS) go install google.golang.org/protobuf/cmd/protoc-gen-go && PATH="$(CURDIR)/$(TOOLS):$$PATH" ../$(TOOLS)/buf generate
	@for s in $(SERVICES); do \
		go run ./services/$$s/cmd/$$s config > $(TOOLS)/config.md; \
		awk -v table=$(TOOLS)/config.md ' \
			/<!-- config:end -->/   { inside = 0 } \
			!inside                 { print } \
			/<!-- config:begin -->/ { inside = 1; while ((getline line < table) > 0) print line }' \
			services/$$s/README.md > $(TOOLS)/README.md; \
		cmp -s $(TOOLS)/README.md services/$$s/README.md || cp $(TOOLS)/README.md services/$$s/README.md; \
	done

generate-check: generate ## fail when a generated file differs from what is committed
	@test -z "$$(git status --porcelain -- proto services | tee /dev/stderr)" || { echo 'generated files differ: run make generate and commit'; exit 1; }

tidy: ## tidy every go.mod
	@for module in $(MODULES) $(CURDIR)/tilt/tools; do (cd $$module && GOWORK=off go mod tidy); done

tidy-check: ## fail when a go.mod or go.sum is not tidy
	@for module in $(MODULES) $(CURDIR)/tilt/tools; do (cd $$module && GOWORK=off go mod tidy -diff); done

run: deps ## start everything with sample traffic and a live table; FOR=60s ends by itself with a reconciliation
	@$(STACK) run

up: deps ## start everything in the background, without traffic; addresses in .run/env
	@$(STACK) up

down: ## stop what `make up` started; data stays
	@$(STACK) down

status: ## what runs, where, and since when
	@$(STACK) status

stop: ## stop one part of a running stack, to try an outage: make stop PART=clickhouse
	@$(STACK) stop $(PART)

start: ## start it again: make start PART=clickhouse
	@$(STACK) start $(PART)

# Nothing is taken from a test cache: some tests build the servers that they start.
ci: export GOFLAGS := -count=1
ci: deps build-modules tidy-check lint generate-check test contract e2e-cdc bench-short chaos-short ## what CI runs, on a fresh clone

clean: ## stop everything and remove data, logs and built files (downloads stay in the user's cache)
	@rm -rf .run/chtest
	@$(STACK) clean

# Developer tools, in the versions that tilt/tools/go.mod pins. That module stays
# out of go.work: its dependencies would raise the versions of ours.
$(TOOLS)/golangci-lint $(TOOLS)/buf &: tilt/tools/go.mod tilt/tools/go.sum
	@mkdir -p $(TOOLS)
	@echo "building the developer tools (three minutes the first time)"
	@cd tilt/tools && GOWORK=off go build -o ../../$(TOOLS)/ tool && touch ../../$(TOOLS)/golangci-lint ../../$(TOOLS)/buf
