# Two commands do everything: `make demo` and `make test`. Both make what they need.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# The first Python that is new enough, unless one is named: make PYTHON=python3.13 test
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stratus-installed
WORKERS ?= 2
PYTEST_ARGS ?=

# pip compiles what it installs on one core, which takes as long as the rest; this takes all of them.
# As pip does, it passes over the files of packages that are for other Pythons.
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --no-compile
COMPILE = $(1)/bin/python -m compileall -qq -j 0 $(1)/lib || true

.PHONY: help setup demo test lint format docs lowest highest browser bench services clean

help: ## Say what there is
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

setup: $(STAMP) ## Make .venv and install stratus with its tools

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "stratus needs Python 3.11 or newer; name one: make PYTHON=/path/to/python3 setup"; exit 1; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python $(PIP_INSTALL) -c constraints.txt -e '.[dev]'
	$(call COMPILE,$(VENV))
	@touch $@

demo: $(STAMP) ## Predict for the bundled crystals, print the table, write a page
	rm -rf demo-out
	$(BIN)/stratus examples demo-out/crystals
	$(BIN)/python examples/demo.py demo-out/crystals -o demo-out/demo.html

test: $(STAMP) ## Run every test
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

lint: $(STAMP) ## Style, types, import contract
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## Rewrite the code in house style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(STAMP) ## Build the documentation; a warning is an error
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# Not editable: so the wheel is proven to carry its data too.
lowest: $(STAMP) ## Prove that the lowest declared versions resolve and work
	rm -rf .venv-lowest
	"$(PYTHON)" -m venv .venv-lowest
	$(BIN)/python .ci/lowest.py pyproject.toml > .venv-lowest/lowest.txt
	.venv-lowest/bin/python $(PIP_INSTALL) -c .venv-lowest/lowest.txt \
		'.[ase,excel,fetch,lmdb,optimade,ray]' pytest pytest-xdist hypothesis
	$(call COMPILE,.venv-lowest)
	.venv-lowest/bin/python -m pip freeze --disable-pip-version-check
	.venv-lowest/bin/python -c 'import ase.io, ray.data'
	PATH="$(CURDIR)/.venv-lowest/bin:$$PATH" .venv-lowest/bin/python -m pytest -n $(WORKERS) \
		tests/unit tests/integration/test_examples.py

highest: $(STAMP) ## Prove that the newest versions of everything still resolve together
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --dry-run --ignore-installed '.[dev]'
	@echo "the newest versions resolve"

browser: ## Install Debian's Chromium, if no browser is there: tests open pages with it
	@if command -v chromium google-chrome google-chrome-stable chrome chromium-browser; then \
		echo "a browser is there"; \
	elif ! command -v apt-get >/dev/null || [ "$$(id -u)" -ne 0 ]; then \
		echo "not installed: that takes apt-get and root; the tests that open pages are skipped"; \
	elif timeout 600 apt-get update -qq && DEBIAN_FRONTEND=noninteractive timeout 600 \
		apt-get install -qq -y --no-install-recommends chromium >/dev/null; then \
		command -v chromium; \
	else \
		echo "not installed: apt-get failed; the tests that open pages are skipped"; \
	fi

bench: $(STAMP) ## How long importing and asking for help take
	$(BIN)/python bench/startup.py

services: ## Say which servers the tests start, and how
	@echo "The tests start their servers themselves, on loopback and free ports: nothing to do."
	@echo "OPTIMADE with faults:  $(BIN)/python bench/fetch_faults.py"

clean: ## Remove what the commands above made
	rm -rf .venv .venv-lowest demo-out docs/_build dist build
