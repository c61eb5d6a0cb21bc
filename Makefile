# The list of commands. Logic lives in scripts/; `make help` prints what there is.
#
# Needs git, make, a Rust toolchain and a C compiler. What a target needs beyond that it installs itself or names.

SHELL := /bin/bash
CARGO ?= cargo
PREFIX ?= /usr/local
TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
STATIC_BIN := $(TARGET_DIR)/static/tessera
# Seconds per fuzz target.
FUZZ_SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: help run check test release test-static bench fuzz install ci docs deny

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 14

run: ## build and start a development server on ports 4444 and 4445
	$(CARGO) run -q -p tessera-cli -- serve all --dev

check: ## format, lints, dependency rules, tests of the core (seconds when warm)
	$(CARGO) fmt --all --check
	scripts/check-dependencies.sh
	$(CARGO) clippy --workspace --all-targets --features tessera-store/contract -- -D warnings
	$(CARGO) test -q -p tessera-crypto -p tessera-protocol -p tessera-store --features tessera-store/contract

test: ## every test, on SQLite and on a PostgreSQL that is started for it
	scripts/test.sh

release: ## the static binary, target/static/tessera
	scripts/release.sh $(STATIC_BIN)

test-static: release ## the static binary alone in an empty root directory
	TESSERA_STATIC_BIN=$(STATIC_BIN) scripts/test-static.sh

bench: ## measure speed
	scripts/bench.sh

fuzz: ## feed the parsers random bytes, FUZZ_SECONDS each
	scripts/fuzz.sh $(FUZZ_SECONDS)

install: release ## binary, `hydra` link, completions and man pages below PREFIX (and DESTDIR)
	scripts/install.sh $(STATIC_BIN) $(DESTDIR)$(PREFIX)

ci: ## what continuous integration runs
	.ci/run

docs: ## regenerate docs/configuration.md
	scripts/docs.sh docs/configuration.md

deny: ## licences, advisories, banned crates
	scripts/deny.sh
