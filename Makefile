# Polity. `make demo` runs it, `make test` tests it, `make help` lists the rest.

SHELL := /bin/bash
PORT ?= 8080
GOFLAGS_BUILD := -trimpath -buildvcs=false -ldflags="-s -w"

# The same settings everywhere, so that programs, tests and linters share what was
# compiled. Nothing here needs a C compiler but the race detector.
export GOFLAGS ?= -buildvcs=false -trimpath
export CGO_ENABLED ?= 0

.PHONY: help build demo test lint fmt generate clean

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-zA-Z_%-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '  make %-20s %s\n' 'bench-NAME' "one of: $$(ls bench/*/main.go | cut -d/ -f2 | tr '\n' ' ')"

build: ## set up what running needs; leaves bin/polity
	@setup/setup run
	@$(MAKE) -s programs

.PHONY: programs
programs: generate
	@go build $(GOFLAGS_BUILD) -o bin/ ./cmd/polity ./cmd/polity-native

generate: ## write what is generated from Go: types and bundles of the pages
	@go generate ./console/...

demo: build ## a city on http://127.0.0.1:8080 (PORT=... for another port)
	@exec bin/polity demo --port $(PORT)

# Where goroutines meet the race detector runs. It costs several times the time, so
# that number crunching does without; camera/decode does, too, since its tests play a
# decoder within bounds of memory that the race detector's runtime does not keep to; so does
# console, whose feeds run in hub and camera/live with it, and which takes two minutes.
CONCURRENT := ./ledger/log ./ledger/witness ./ledger/monitor ./access/... ./opendata ./spine ./edge ./hub/... ./plane/... ./room/... ./recording/recorder ./recording/remote ./release/custodian/... ./release/case/... ./sensors/alarm ./sensors/transit ./internal/... ./cmd/polity-native/... ./demo ./bench/harness/... \
	$(addprefix ./camera/,detect link/... live process screening source/... standin)
# A test that fails once and passes three times alone is told as unsteady, to be mended.
TELL := go run ./internal/testtell -again 'go test -timeout 15m'
TELL_RACE := go run ./internal/testtell -again 'env CGO_ENABLED=1 go test -race -timeout 15m'

test: ## set up, lint, and run all tests
	@setup/setup test
	@$(MAKE) -s programs lint
	@echo "tests, with the race detector where goroutines meet" >&2
	@CGO_ENABLED=1 go test -race -json -timeout 15m $(CONCURRENT) | $(TELL_RACE)
	@echo "all other tests" >&2
	@go test -json -timeout 15m $$(go list ./... | grep -vxF -f <(go list $(CONCURRENT)) | grep -v /scenario) | $(TELL)
	@go test -json -timeout 15m -run 'Joined|PowerLoss' ./hub ./ledger/log | $(TELL) # which is left out with the race detector
	@go test -json -timeout 15m $$(go list ./... | grep /scenario) | $(TELL) # alone: they start the whole program

lint: ## every check of style and safety that needs no running
	@go vet ./...
	@.cache/tools/golangci-lint run ./...
	@shellcheck -x setup/setup setup/lib.sh .ci/run bench/*/setup
	@go mod tidy -diff >&2 || { echo "go.mod or go.sum is not tidy (see above): run 'go mod tidy'" >&2; exit 1; }

fmt: ## put all Go files into the agreed form
	@.cache/tools/golangci-lint fmt ./...

SCHEMAS ?= ../shared/data/rsmp/schemas

.PHONY: conformance-rsmp
conformance-rsmp: ## validate what is said over RSMP against its published schemas (SCHEMAS=...)
	@POLITY_RSMP_SCHEMAS="$(abspath $(SCHEMAS))" go test -count=1 -v -run Conformance ./services/traffic/rsmp

.PHONY: conformance-ngsi-ld
conformance-ngsi-ld: bench-conformance-ngsi-ld ## run ETSI's NGSI-LD test suite against the hub (SUITE=... GROUPS=... TEST=...)

bench-%: ## run the benchmark NAME; its last line is one JSON object
	@$(MAKE) -s build >&2
	@setup/setup bench $*
	@POLITY_PARTS="$(CURDIR)/bin/parts" POLITY_PROGRAMS="$(CURDIR)/bin" go run ./bench/$*

.PHONY: attacks
attacks: bench-attacks ## carry out every attack on sealed footage and its public log, and tell why each failed

clean: ## remove what was built; keeps downloads
	@rm -rf bin/polity bin/polity-native console/dist/*
