# AMP: set up, run, check and test. `make help` says what there is.

SHELL := /bin/sh
PY := .venv/bin/python
UV := .tools/uv/bin/uv
# Node of the system where it is new enough for the console's build; else one from a wheel.
NODE_PATH_ENV := PATH="$(CURDIR)/.tools/node/bin:$$PATH"

.DEFAULT_GOAL := help
.PHONY: help setup console run test lint unit sim e2e servers bench damage nemesis soak model lock clean wheel

help: ## say what there is
	@sed -n 's/^\([a-z0-9]*\):.*## /  make \1\t/p' Makefile | expand -t 20

setup: .tools/setup.stamp console ## make .venv with the `amp` command, and build the console

$(UV):
	@python3 -m pip install --quiet --disable-pip-version-check --target .tools/uv -r requirements/uv.txt --require-hashes

.tools/setup.stamp: $(UV) requirements/dev.txt pyproject.toml
	@test -x .venv/bin/python || $(UV) venv --quiet --python "$$(bin/find-python)" .venv
	@$(UV) pip sync --quiet --require-hashes --python .venv/bin/python requirements/dev.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation --python .venv/bin/python -e .
	@touch $@

console: .tools/setup.stamp ## build the web console if its sources changed
	@bin/build-console

run: setup ## start a two-node plane with the example application; Ctrl-C ends it
	@exec $(PY) bin/run_plane.py

lint: setup ## style, types, layers
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-cache > .tools/layers.log || { cat .tools/layers.log; exit 1; }

unit: setup servers
	@.venv/bin/pytest

SEEDS ?= 2000
WORK ?= 150
FIRST ?= 1
sim: setup ## play SEEDS seeds of the simulated plane, and WORK of the work on it, from FIRST on
	@$(PY) -m amp.testing.sim --seeds $(SEEDS) --first $(FIRST)
	@$(PY) -m amp.testing.simwork --seeds $(WORK) --first $(FIRST)

model: setup ## the exhaustive models: every order of events within their bounds, and each planted bug
	@bin/need-spin
	@$(PY) bin/check_models.py $(MODELS)

e2e: setup ## the console in headless Chromium, and the tutorial on real processes
	@bin/need-browser
	@cd console && $(NODE_PATH_ENV) npm run --silent e2e
	@examples/tutorial/run --store directory --timeout 3s
	@examples/tutorial/run --store s3 --timeout 3s

test: MODELS = --short
test: lint sim model unit e2e ## all of it

servers: .tools/servers.stamp ## object stores for the tests: S3, Azure

# The console's build has seen to it that there is a Node.
.tools/servers.stamp: $(UV) requirements/servers.txt requirements/npm/package-lock.json bin/need-versitygw | console
	@test -x .tools/servers/bin/python || $(UV) venv --quiet --python "$$(bin/find-python)" .tools/servers
	@$(UV) pip sync --quiet --require-hashes --python .tools/servers/bin/python requirements/servers.txt
	@mkdir -p .tools/npm && cp requirements/npm/package.json requirements/npm/package-lock.json requirements/npm/.npmrc .tools/npm/
	@cd .tools/npm && $(NODE_PATH_ENV) npm ci --silent --ignore-scripts
	@bin/need-versitygw
	@touch $@

ONLY ?=
bench: setup servers ## measure everything, or the sections ONLY, on this machine
	@$(PY) -m bench $(ONLY)

damage: setup ## each byte and length of each object of a plane damaged, and loaded by a node each time: minutes
	@AMP_DAMAGE=whole .venv/bin/pytest --timeout=3600 tests/cli/test_store_damage.py

ROUNDS ?= 40
SEED ?= 1
S3SERVER ?= ministack
NEMESIS = $(PY) -m amp.testing.nemesis --seed $(SEED) --server $(S3SERVER)
UNTIL = $(if $(FAILOVERS),--failovers $(FAILOVERS),--rounds $(ROUNDS))
nemesis: setup servers ## ROUNDS faults (or FAILOVERS) on real nodes on a directory, as many on S3, and a verdict
	@$(NEMESIS) --store directory $(UNTIL)
	@$(NEMESIS) --store s3 $(UNTIL)

MINUTES ?= 60
STORE ?= directory
soak: setup servers ## MINUTES of load and failovers that end no process on STORE, and what the nodes hold
	@$(NEMESIS) --store $(STORE) --soak $(MINUTES)

wheel: setup ## build the wheel, console and all
	@$(UV) build --quiet --wheel

lock: $(UV) ## make the lock files anew
	@for each in uv core dev servers; do \
	  $(UV) pip compile --quiet --python-version 3.11 --generate-hashes --no-header requirements/$$each.in -o requirements/$$each.txt || exit 1; \
	done
	@cd requirements/npm && $(NODE_PATH_ENV) npm install --silent --package-lock-only --ignore-scripts

clean: ## remove what was built and installed here
	@rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache console/node_modules src/amp/server/console
