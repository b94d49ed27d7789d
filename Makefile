# make demo and make test are all a user needs; make check test is what CI runs.

GO ?= go
TOOLS := $(or $(POSTERN_TOOLS),$(HOME)/.cache/postern-tools)
GOLANGCI := $(TOOLS)/golangci-lint-v2.15.0
GOFUMPT := $(TOOLS)/gofumpt-v0.12.0
PERF := v0.0.0-20260908200009-22c9c6c9d4da
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 10s
BENCHSTAT := $(TOOLS)/benchstat-$(PERF)
BASE ?= main
DATE := $(shell date -u +%F)

.PHONY: build demo test unit allocs interop fuzz check lint fmt docs golden bench bench-quick bench-profile compare clean

build: ## the binary, static
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/postern ./cmd/postern

demo: build ## brokers, certificates, gateway and a walk through the demo, in one process
	./bin/postern demo $(ARGS)

test: unit allocs interop fuzz ## everything; the real-Kafka tests say plainly when Java is missing

unit: ## all packages but interop, under the race detector
	$(GO) test -race $$($(GO) list ./... | grep -v /interop)

allocs: ## no allocation on the way of a request; without the race detector, which makes its own
	$(GO) test -count=1 -run Alloc ./codec ./session ./tlsterm ./engine ./mapping

interop: ## real brokers and real clients
	$(GO) test -count=1 -timeout 20m ./interop/...

fuzz: ## every fuzz target for FUZZTIME
	./scripts/fuzz $(FUZZTIME)

check: lint ## formatting, linters, the direction of imports

lint: $(GOLANGCI) $(GOFUMPT)
	@test -z "$$($(GOFUMPT) -l .)" || { echo "not formatted (make fmt):"; $(GOFUMPT) -l .; exit 1; }
	$(GO) vet ./...
	$(GOLANGCI) run ./...

fmt: $(GOFUMPT)
	$(GOFUMPT) -w .

docs: ## write the generated pages anew
	$(GO) test ./codec ./cmd/postern/config -run 'TestTablePage|InStep' -update

golden: ## record the wire vectors of real brokers anew; read the patches before committing
	$(GO) test -count=1 ./interop -run TestFrames -record-golden
	$(GO) test -count=1 ./codec -run TestGolden -update

bench: build ## side by side with all peers that are installed; takes an hour or more
	$(GO) run ./bench -out bench/results/$(DATE) $(ARGS)

bench-quick: build ## the same, little of everything, in under three minutes: does it work?
	$(GO) run ./bench -quick -out bench/results/quick $(ARGS)

bench-profile: ## where the gateway's CPU time goes; needs perf
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/postern-symbols ./cmd/postern
	$(GO) run ./bench -rounds 1 -peers postern -workloads produce,fetch,pingpong,openloop \
		-postern bin/postern-symbols -profile bench/results/profile $(ARGS)

compare: $(BENCHSTAT) ## micro-benchmarks of this tree against another commit: make compare BASE=main
	BENCHSTAT=$(BENCHSTAT) ./bench/compare.sh $(BASE)

clean:
	rm -rf bin postern-demo

$(GOLANGCI):
	mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	mv $(TOOLS)/golangci-lint $@

$(GOFUMPT):
	mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) $(GO) install mvdan.cc/gofumpt@v0.12.0
	mv $(TOOLS)/gofumpt $@

$(BENCHSTAT):
	mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) $(GO) install golang.org/x/perf/cmd/benchstat@$(PERF)
	mv $(TOOLS)/benchstat $@
