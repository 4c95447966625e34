# make run: real nights through the whole pipeline.  make test: all tests.  Both set up what they need.
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RIVALS := .venv-bench/.ready

.DEFAULT_GOAL := help
.PHONY: help setup run test test-system test-compose up down lint bench lock env

help: ## Print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make the virtual environment from the locked, hashed requirements

$(READY): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: Python 3.11, 3.12 or 3.13 is needed, and none was found. Install one, or name it: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"make: {sys.executable} is Python {v[0]}.{v[1]}; Python 3.11, 3.12 or 3.13 is needed. Name one: make PYTHON=/path/to/python")'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: $(PYTHON) has no venv. On Debian: apt-get install python3-venv"; exit 1; }
	@echo "Virtual environment from requirements.txt (once, about a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: setup ## Real nights through the whole pipeline, on a real Airflow; ends by itself
	@$(BIN)/python -m orchestration.nights

up: setup ## Airflow's page and scheduler, until Ctrl-C
	@$(BIN)/python -m orchestration.serve up

down: setup ## End what 'make up' left behind
	@$(BIN)/python -m orchestration.serve down

test: setup ## All tests; needs nothing that is not installed by this project
	@echo "Tests (some half an hour on two cores; PostgreSQL, Airflow and Slack's API are started by the tests themselves)"
	@$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist worksteal --ignore=tests/system --ignore=tests/walk --ignore=tests/compose/test_compose.py
	@$(BIN)/pytest tests/system

test-system: setup ## README's commands, typed in a fresh clone (some ten minutes)
	@$(BIN)/pytest tests/walk

test-compose: setup ## docker-compose.yml brought up for real; needs a container engine
	@$(BIN)/pytest tests/compose/test_compose.py

env: ## Write .env with fresh secrets for docker-compose.yml; never overwrites one
	@$(or $(PYTHON),python3) include/orchestration/container.py env

lint: setup ## ruff, mypy, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup $(RIVALS) ## Measure, as ratios; writes bench.json; PARTS="path judging" measures only these
	@$(BIN)/python -m orchestration.bench $(PARTS)

$(RIVALS): requirements-bench.txt
	@echo "Virtual environment with what the benchmark compares with (once, about a minute)"
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements-bench.txt
	@touch $@

lock: ## Compile requirements.txt anew (needs uv)
	uv pip compile --universal --generate-hashes --python-version 3.11 --no-header --output-file requirements.txt requirements.in
	uv pip compile --universal --generate-hashes --python-version 3.11 --no-header --output-file requirements-bench.txt requirements-bench.in
