# Safeconduct. `make` alone prints the targets.
SHELL := /bin/bash
GOBIN := $(CURDIR)/bin
LINT  := $(GOBIN)/golangci-lint
LINT_VERSION := v2.15.0
# The arithmetic of Ed25519 is on numbers that nobody else has, and is most of what the
# race detector would watch; what is signed, and by which key, it watches as ever.
RACE  := -race -gcflags='crypto/internal/fips140/edwards25519/...=-race=false'
# Lint and vet look at every package: what go test would vet of it, with and without
# the race detector and every tag, they have vetted.
PLAIN := go test -vet=off -timeout 10m
TEST  := $(PLAIN) $(RACE) -shuffle=on

.DEFAULT_GOAL := help
.PHONY: help setup npm wasm build demo test alone scripts skipped hsm check differential fmt lint vet tidy interop screenshots smoke bench cover fuzz crash clean

help: ## print the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

# The verifier that pages run in the browser. It is in the binary, so what builds or
# tests package web wants it first; without it the pages say that it is missing.
WASM     := registry/web/built/verifier.wasm.gz
WASM_MAX := 4194304
WASM_SRC := $(shell find attest internal policy presentation screening verify registry/web/display registry/web/verifier -name '*.go' ! -name '*_test.go') go.mod go.sum
wasm: $(WASM) ## build the verifier that the pages run in the browser

$(WASM): $(WASM_SRC) $(shell go env GOROOT)/VERSION Makefile
	@mkdir -p $(@D)
	GOOS=js GOARCH=wasm go build -buildvcs=false -trimpath -ldflags='-s -w' -o $(@D)/verifier.wasm ./registry/web/verifier/wasm
	gzip -9 -n -f $(@D)/verifier.wasm
	cp "$$(go env GOROOT)/lib/wasm/wasm_exec.js" $(@D)/wasm_exec.js
	@size=$$(wc -c < $@); if [ $$size -gt $(WASM_MAX) ]; then rm $@; echo "the verifier has $$size bytes, packed; at most $(WASM_MAX) are served"; exit 1; fi

build: wasm ## build bin/safeconduct; TAGS=pkcs11 for keys in hardware
	@mkdir -p $(GOBIN)
	go build $(if $(TAGS),-tags $(TAGS)) -o $(GOBIN)/safeconduct ./cmd/safeconduct

demo: build ## the main job, on the embedded default: sign, log, check, prove, verify
	@$(GOBIN)/safeconduct demo $(DEMO)

setup: ## install what the tests need beside Go and make, where it is missing
	@bash .ci/setup

NPM_MODULES := interop/npm/node_modules/.package-lock.json
npm: $(NPM_MODULES) ## install the JavaScript libraries that interop tests against

$(NPM_MODULES): interop/npm/package.json interop/npm/package-lock.json | setup
	cd interop/npm && npm ci

# What nothing runs concurrently in, or only what other tests of the same package run
# with the race detector, which makes minutes of these: processes that are killed, files
# that are damaged, tiles one by one, what is packed, one request after another.
ALONE := ^(TestWhatWasAcknowledgedSurvivesAKill|TestADamagedFileLosesNothingSilently|TestEveryTileOfEveryWidthIsServed|TestAtWhicheverReadTheDiskFails.*|TestACheckFindsEveryDamageAndARebuildHealsWhatIsDerived|TestTheVerifierIsServedPackedByItsDigest|TestWhatIsSentIsTextInEveryField)$$

# The command's scripts start it hundreds of times, which the race detector makes
# minutes of, too; what runs concurrently in it is tested with it in the packages.
test: export SAFECONDUCT_MUST_WASM := 1
test: setup wasm ## every test, those of packages with the race detector
	$(TEST) -skip '$(ALONE)' $$(go list ./... | grep -v /cmd/safeconduct$$)
	@$(MAKE) --no-print-directory -j2 --output-sync=target alone scripts hsm interop
	@$(MAKE) --no-print-directory skipped

# The disk is what these wait for, so that others go on beside them.
alone:
	$(PLAIN) -run '$(ALONE)' ./registry ./registry/badgerlog ./registry/httpapi ./registry/web

scripts:
	$(PLAIN) -shuffle=on ./cmd/safeconduct

# Each asks as the tests themselves do.
skipped: ## say which groups of tests do not run here, and why
	@if [ ! -e /usr/lib/softhsm/libsofthsm2.so ]; then echo "SKIPPED, NOTHING IS SHOWN ABOUT PKCS#11: SoftHSM is not installed (make setup does that)"; fi
	@cd interop && go test -count=1 -v -run '^Test(NPM|Chromium|Axe|Verifier)IsThere$$' . ./pages | sed -n 's/^.*: SKIPPED,/SKIPPED,/p'
	@if [ -z "$$SAFECONDUCT_MUST_MOUNT" ]; then echo "skipped where it could not mount: full and read-only disks, power cuts (registry/badgerlog, as root)"; fi

hsm: setup ## keys in hardware, which SoftHSM plays
	$(TEST) -tags pkcs11 ./attest/signer/pkcs11 ./attest/signer/keyref
	$(PLAIN) -shuffle=on -tags pkcs11 -run HSM ./cmd/safeconduct

# Where the libraries cannot be had, what needs them is skipped. The pages are what
# a browser makes of them: the race detector would only slow it down.
interop: setup wasm ## tests against other implementations, and of the pages in a browser, in a module of their own
	-@$(MAKE) --no-print-directory npm
	cd interop && $(TEST) $$(go list ./... | grep -v /pages$$)
	cd interop && $(PLAIN) -shuffle=on ./pages

screenshots: setup wasm ## pictures of every page, in docs/screenshots
	@mkdir -p docs/screenshots
	cd interop && SCREENSHOTS=$(CURDIR)/docs/screenshots go test -count=1 -run '^TestScreenshots$$' ./pages

# As root no test that mounts a file system is skipped, unless this is empty.
check: export SAFECONDUCT_MUST_MOUNT ?= $(if $(filter 0,$(shell id -u)),1)
check: fmt lint vet test differential smoke tidy ## what CI runs: format, lint, vet, every test, tidy
	@$(MAKE) --no-print-directory skipped

fmt: ## fail where gofmt would change something
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi

$(LINT):
	GOBIN=$(GOBIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

lint: $(LINT) ## golangci-lint, at a pinned version
	$(LINT) run --build-tags pkcs11 ./...
	$(LINT) run ./attest/signer/pkcs11

vet: ## go vet of what lint does not look at: other systems, other modules
	for os in darwin windows; do GOOS=$$os go vet ./registry/badgerlog || exit 1; done
	GOOS=js GOARCH=wasm go vet ./registry/web/verifier/wasm
	cd interop && go vet ./...

tidy: ## fail where go mod tidy would change something
	go mod tidy -diff
	cd interop && go mod tidy -diff
	cd bench && go mod tidy -diff

smoke: ## the benchmarks' own tests, and that they run
	cd bench && go vet ./... && $(PLAIN) ./... && go run . -quick -results ""

bench: ## measure beside our peers and the limit; BENCH='-full' for 10^6 subjects
	cd bench && go run . $(BENCH)

cover: ## coverage of the decision
	go test -coverpkg=./policy -coverprofile=cover.out ./policy ./registry/scenario && go tool cover -func=cover.out | tail -1

differential: ## online and offline decide the same on 2,000 stages; with the race detector `make test` plays fewer
	$(PLAIN) -run TestOnlineAndOfflineDecideTheSame ./registry/scenario

fuzz: ## every parser, 30 s each
	@set -e; for p in $$(go list ./...); do \
	  for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	    echo "== $$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime 30s -fuzzminimizetime 50x $$p; done; done

crash: ## 500 kills of a writing log
	CRASH_ROUNDS=500 go test -run SurvivesAKill -timeout 60m ./registry/badgerlog

clean: ## remove what was built
	rm -rf bin cover.out interop/npm/node_modules $(WASM) registry/web/built/wasm_exec.js
