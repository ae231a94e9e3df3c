# Polity. `make demo` runs it, `make test` tests it, `make help` lists the rest.

SHELL := /bin/bash
PORT ?= 8080
GOFLAGS_BUILD := -trimpath -buildvcs=false -ldflags="-s -w"

export GOFLAGS ?= -buildvcs=false

.PHONY: help build demo test lint fmt generate clean attacks conformance-ngsi-ld

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-zA-Z_%-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '  make %-20s %s\n' 'bench-NAME' "one of: $$(ls bench/*/main.go | cut -d/ -f2 | tr '\n' ' ')"

build: ## set up what running needs; leaves bin/polity
	@setup/setup run
	@$(MAKE) -s programs

.PHONY: programs
programs: generate
	@CGO_ENABLED=0 go build $(GOFLAGS_BUILD) -o bin/ ./cmd/polity ./cmd/polity-native

generate: ## write what is generated from Go: types and bundles of the pages
	@go generate ./console/...

demo: build ## a city on http://127.0.0.1:8080 (PORT=... for another port)
	@exec bin/polity demo --port $(PORT)

test: ## set up, lint, and run all tests
	@setup/setup test
	@$(MAKE) -s programs lint
	@go test -race -timeout 20m $$(go list ./... | grep -v /scenario)
	@go test -timeout 20m ./scenario/...

lint: ## every check of style and safety that needs no running
	@go vet ./...
	@.cache/tools/golangci-lint run ./...
	@shellcheck -x setup/setup setup/lib.sh .ci/run
	@go mod tidy -diff >/dev/null || { echo "go.mod is not tidy: run 'go mod tidy'" >&2; exit 1; }

fmt: ## put all Go files into the agreed form
	@.cache/tools/golangci-lint fmt ./...

bench-%: ## run the benchmark NAME; its last line is one JSON object
	@$(MAKE) -s build >&2
	@setup/setup bench $*
	@POLITY_PARTS="$(CURDIR)/bin/parts" POLITY_PROGRAMS="$(CURDIR)/bin" go run ./bench/$*

clean: ## remove what was built; keeps downloads
	@rm -rf bin/polity bin/polity-native console/dist/*
