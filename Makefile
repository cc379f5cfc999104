# Everything a newcomer needs; each goal installs first what it uses. Nothing outside this folder and the user's state folder is touched.

FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
# The first that runs and fits; name another with: make PYTHON=/path/to/python3.12
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do $$p -c '$(FITS)' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet

.PHONY: help install tools demo test soak lint types docs screenshots bench clean

help:
	@echo "make install   .venv/bin/mahnlauf, pinned by constraints.txt"
	@echo "make demo      the whole chain on a real Kafka, and the audit of it"
	@echo "make test      every test, with one seed of each scenario"
	@echo "make soak      the repetitions that are promised: ten chaos runs, ten of five minutes over three brokers, twenty kills, 20,000 random lives"
	@echo "make lint      style, and the walls between the rooms"
	@echo "make types     mypy --strict over everything"
	@echo "make docs      draw what the documentation takes from the code"
	@echo "make screenshots   the pictures of docs/console.md; needs Debian's chromium"
	@echo "make bench     the figures of docs/performance.md"
	@echo "make clean     remove what was built, fetched or cached here (not .venv)"

install: $(VENV)/.installed
tools: $(VENV)/.tools

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python 3.11, 3.12 or 3.13 here; name one: make PYTHON=/path/to/python3.11 install" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps: installed once, and again when what is asked for changes.
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[docker]'
	@touch $@

$(VENV)/.tools: $(VENV)/.installed
	$(PIP) --editable '.[docker,dev,bench]'
	@touch $@

demo: install
	$(BIN)/mahnlauf demo

# Two processes, a file in one of them, in the order of the folders: the long ones come first.
test: tools
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

soak: tools
	$(BIN)/pytest -m soak

lint: tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: tools
	$(BIN)/mypy

docs: tools
	$(BIN)/python -m docs.generate

screenshots: tools
	$(BIN)/python -m docs.screenshots

bench: tools
	$(BIN)/python -m bench.apply
	$(BIN)/python -m bench.preview
	$(BIN)/python -m bench.night
	$(BIN)/python -m bench.engine
	$(BIN)/python -m bench.connector
	$(BIN)/python -m bench.console
	$(BIN)/python -m bench.scale
	$(BIN)/python -m bench.table

clean:
	rm -rf build dist *.egg-info deploy/kafka/target bench/peers/kafka-streams/target .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
