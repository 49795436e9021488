# Every target installs what it needs into .venv first, so on a new machine one command is enough.
#   make demo    an example cohort, from scans to report        make lint    style and import layers
#   make test    everything quick                               make types   strict type check
#   make slow    the tests marked slow                          make docs    reference, links
#   make proof   benchmarks on real data, by hand               make bench   speed against the plain script
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Two workers, one thread each: OpenMP's loops, two threads on a busy core, wait for each other for minutes.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest
WANTED := pyproject.toml constraints.txt

.PHONY: demo test slow proof lint types docs bench clean
.DEFAULT_GOAL := test
.DELETE_ON_ERROR:

# A stamp for each set of dependencies: installing is skipped until one of WANTED changes.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Isocenter needs Python 3.11 or newer: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(WANTED) | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.test $(VENV)/.dev: $(VENV)/.%: $(WANTED) | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[$*]'
	@touch $@ $(VENV)/.core

demo: $(VENV)/.core
	$(BIN)/isocenter demo

test: $(VENV)/.test
	$(PYTEST) -m 'not slow' --durations=10 --numprocesses 2 --dist worksteal

slow: $(VENV)/.test
	$(PYTEST) -m slow --durations=10 --numprocesses 2 --dist worksteal

proof: $(VENV)/.test
	set -e; for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

bench: $(VENV)/.core
	$(BIN)/python benchmarks/run_overhead.py

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: $(VENV)/.dev
	$(BIN)/mypy

docs: $(VENV)/.core
	$(BIN)/python tools/build_docs.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis docs/reference isocenter-project demo
