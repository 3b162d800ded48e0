# All that a machine needs is Python 3.11 or newer and make; everything else comes into .venv and frontend/node_modules.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONPATH :=

WEB_SOURCES := $(shell find frontend -type f -not -path '*/node_modules/*' -not -path '*/.next/*' -not -path '*/out/*' 2>/dev/null)

.PHONY: setup demo test whole frontend-tests lint peers bench soak soak-kills thorough live mutants fuzz migrate-up run-api run-worker lock clean

setup: .venv/.runtime opsintel_api/web/.built

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "opsintel needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv

.venv/.runtime: requirements/runtime.lock pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/runtime.lock
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

.venv/.test: requirements/test.lock .venv/.runtime
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/test.lock
	touch $@

# Not `npm ci`: it refuses a lock file without the optional packages of other platforms, and not every registry
# mirror carries those. The versions are those of the lock file all the same.
frontend/node_modules/.installed: frontend/package-lock.json .venv/.runtime
	cd frontend && npm install --no-save --no-audit --no-fund --loglevel=error
	touch $@

opsintel_api/web/.built: frontend/node_modules/.installed $(WEB_SOURCES)
	cd frontend && npm run build --silent
	rm -rf opsintel_api/web && cp -R frontend/out opsintel_api/web
	touch $@

demo: setup
	$(BIN)/opsintel demo

tests/peers/aimock/node_modules/.installed: tests/peers/aimock/package-lock.json .venv/.runtime
	cd tests/peers/aimock && npm install --no-save --no-audit --no-fund --loglevel=error
	touch $@

# Servers that the tests start themselves: from Debian's packages where this is root on Debian, one from npm.
peers: .venv/.test tests/peers/aimock/node_modules/.installed
	$(BIN)/python -m tests.peers.install

# The files of tests are spread over the processors; each process has its own servers.
PYTEST := $(BIN)/python -m pytest tests -n logical --dist loadfile --no-loadscope-reorder

# What starts no more than a database, a broker, one server, and of large products of cases a part: before each push.
test: setup peers lint frontend-tests
	$(PYTEST) -m "not stack and not browser and not complete and not soak and not thorough and not live"

# The same, all cases of those products, and the whole product as processes, killed and restarted, and the dashboard in a browser; CI runs this.
whole: setup peers lint frontend-tests
	$(PYTEST) --durations 30

frontend-tests: frontend/node_modules/.installed
	cd frontend && npm run --silent lint && npm test --silent

.venv/.bench: requirements/bench.lock .venv/.test
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/bench.lock
	touch $@

# Some rows only: make bench ROWS="ingest queue"
bench: setup .venv/.bench
	$(BIN)/python -m bench $(ROWS)

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The event plane under load while something fails every other second: make soak MINUTES=10 QUEUE=postgres SEED=2
MINUTES ?= 10
QUEUE ?= rabbitmq
SEED ?= 1
soak: setup .venv/.test peers
	$(BIN)/python -m tests.faults.soak --minutes $(MINUTES) --queue $(QUEUE) --seed $(SEED)

# Every place of isolation taken away, one at a time: policies, references, predicates, keys, refusals. Some only:
# make mutants PLACES="message.tenant queue"
mutants: setup .venv/.test
	$(BIN)/python -m tests.isolation.mutants $(PLACES)

.venv/.fuzz: requirements/fuzz.lock .venv/.test
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements/fuzz.lock
	touch $@

# Public functions under bytes that a fuzzer chooses; the time is shared by the targets. Some only:
# make fuzz MINUTES=10 TARGETS="mime slack"
# Then every property on a thousand other examples than those of `make test`; left out where targets are named.
fuzz: .venv/.fuzz
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(TARGETS)
	$(if $(TARGETS),,$(BIN)/python -m pytest tests -m hypothesis --hypothesis-profile random --timeout 7200 -n logical --dist loadfile)

# Whole products of cases, of which `make test` takes a part: every fault of the database at every route.
thorough: setup .venv/.test peers
	$(BIN)/python -m pytest tests -m thorough -n logical --dist loadfile

# The read-only part of the contract of connectors, against a real account: make live PROVIDER=gmail ACCOUNT=gmail.json
# The file holds {"config": {...}, "credential": {...}} as `opsintel source add` takes them; renewed tokens are kept in it.
live: setup .venv/.test
	LIVE_PROVIDER=$(PROVIDER) LIVE_ACCOUNT=$(ACCOUNT) $(BIN)/python -m pytest tests/live -m live -v

# Every process killed at every stage, a demo each. SOAK_SEED=2 chooses other moments.
soak-kills: setup .venv/.test
	$(BIN)/python -m pytest tests/end_to_end -m soak -v

migrate-up: .venv/.runtime
	$(BIN)/opsintel migrate

run-api: setup
	$(BIN)/python -m opsintel_api

run-worker: .venv/.runtime
	$(BIN)/python -m opsintel_pipeline.worker

LOCK := $(BIN)/uv pip compile pyproject.toml --generate-hashes --no-strip-extras --no-emit-index-url --no-annotate --no-header -q --universal --python-version 3.11
lock: .venv/.test
	$(LOCK) --group build --group test --group bench -o requirements/bench.lock
	$(LOCK) --group build --group test -c requirements/bench.lock -o requirements/test.lock
	$(LOCK) --group build --group test --group fuzz -c requirements/test.lock -o requirements/fuzz.lock
	$(LOCK) --group build -c requirements/test.lock -o requirements/runtime.lock

clean:
	rm -rf .venv frontend/node_modules frontend/.next frontend/out opsintel_api/web
