# `make` alone lists what there is. Everything happens in .venv; nothing is installed elsewhere.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup test test-fast lint second-opinion demo bench lock docs

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
ARGS ?=

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(READY) ## make .venv, or bring it up to date

# Run again only when something that is installed has changed.
$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "Thera needs Python 3.11 or newer as '$(PYTHON)'; try: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "Making .venv"; $(PYTHON) -m venv .venv; }
	@echo "Installing what requirements/dev.txt pins"
	@$(BIN)/pip install -qq --disable-pip-version-check --no-input --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install -qq --disable-pip-version-check --no-input --no-deps --no-build-isolation -e .
	@touch $@

test: lint ## set up, check and test everything
	$(BIN)/pytest $(ARGS)

test-fast: setup ## only the tests that take less than ten seconds and need no services
	$(BIN)/pytest -q -m "not slow and not postgres and not redis and not terraform and not browser" $(ARGS)

lint: setup ## format, lint, import rules, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# An emulator of GitHub that others wrote; its tests are skipped without it, and fail in CI. Nothing of it is run here.
EMULATE := 0.12.2
EMULATE_SHA512 := 707cf52134f7c66dc724ceaa4a4b3bf8c139070fd6ef3a7b932d957b833800d96ce3a11f780cb49bf9d63a34cb24480b110700f605be2f77168ee51c925271b5
second-opinion: setup ## fetch the emulator that the GitHub App is tested against as well (npm)
	@mkdir -p .venv/emulate
	@cd .venv/emulate && npm pack --silent --ignore-scripts emulate@$(EMULATE) >/dev/null
	@cd .venv/emulate && echo "$(EMULATE_SHA512)  emulate-$(EMULATE).tgz" | sha512sum --check --quiet
	@tar -xzf .venv/emulate/emulate-$(EMULATE).tgz -C .venv/emulate

demo: setup ## a forge, a server and pull requests on this machine, to look at
	@$(BIN)/python -m sandbox.demo $(ARGS)

bench: setup ## measure
	@$(BIN)/python -m tests.benchmarks $(ARGS)

docs: setup ## write the generated pages of docs/ anew
	$(BIN)/python -m server.config.reference > docs/reference/settings.md.new
	mv docs/reference/settings.md.new docs/reference/settings.md
	$(BIN)/python -m server.atlantis.page
	$(BIN)/python -m server.config.schema repo > docs/reference/schemas/thera.schema.json
	$(BIN)/python -m server.config.schema server > docs/reference/schemas/repos.schema.json

# Whatever this machine's pip is told about other indexes stays out of the locks, and no place is named in them.
COMPILE = PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= PIP_EXTRA_INDEX_URL= CUSTOM_COMPILE_COMMAND="make lock" \
  $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-emit-options \
  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

lock: setup ## pin the newest versions (ARGS=--upgrade) or what pyproject.toml newly asks for
	$(COMPILE) $(ARGS) -o requirements/runtime.txt pyproject.toml
	$(COMPILE) $(ARGS) -c requirements/runtime.txt -o requirements/dev.txt --extra dev pyproject.toml requirements/build.in
	$(COMPILE) $(ARGS) -c requirements/dev.txt -o requirements/build.txt requirements/build.in
