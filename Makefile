# Everything a developer types. Nothing here needs root, save for the Debian packages of the tests.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Compiled once, Airflow and MLflow start in a third of the time.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help demo up down test lint format bench secrets clean

UV_ON_PATH := $(shell command -v uv 2>/dev/null)
UV := $(or $(UV_ON_PATH),.venv/bin/uv)
BIN := .venv/bin
# The first Python of a supported version; PYTHON=/path/to/python makes the choice yours.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& { echo $$p; break; }; done)
# More or fewer test processes: make test WORKERS=4; some tests only: make test TESTS=tests/unit
WORKERS ?= 3
TESTS ?= tests
# Other ports than the usual ones: make up AIRFLOW_PORT=8090 MLFLOW_PORT=0 (0 is any free one)
AIRFLOW_PORT ?=
MLFLOW_PORT ?=
PUSHGATEWAY_PORT ?=
PROMETHEUS_PORT ?=
ALERTMANAGER_PORT ?=
PORTS := $(if $(AIRFLOW_PORT),'--airflow-port=$(AIRFLOW_PORT)') \
	$(if $(MLFLOW_PORT),'--mlflow-port=$(MLFLOW_PORT)') \
	$(if $(PUSHGATEWAY_PORT),'--pushgateway-port=$(PUSHGATEWAY_PORT)') \
	$(if $(PROMETHEUS_PORT),'--prometheus-port=$(PROMETHEUS_PORT)') \
	$(if $(ALERTMANAGER_PORT),'--alertmanager-port=$(ALERTMANAGER_PORT)')
# Parts of the benchmark: make bench SECTIONS="engine push" ROWS="1000 1000000" WIDE_ROWS="10000"
QUICK ?=
SECTIONS ?=
ROWS ?=
WIDE_ROWS ?=
BENCH := $(if $(QUICK),--quick) $(if $(SECTIONS),--sections $(SECTIONS)) $(if $(ROWS),--rows $(ROWS)) \
	$(if $(WIDE_ROWS),--wide-rows $(WIDE_ROWS))

help:  ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.synced-demo  ## Run the whole monitoring day on this machine, under .demo/
	@$(BIN)/monitoring-jobs demo

up: .venv/.synced-demo  ## Start Airflow, MLflow, Prometheus on the demo's results, until make down
	@$(BIN)/python -m monitoring_jobs.demo up $(PORTS)

down:  ## End what make up has started
	@test -x $(BIN)/python || { echo "Nothing is running: there is no .venv."; exit 0; }; \
	$(BIN)/python -m monitoring_jobs.demo down

test: .venv/.synced-dev  ## Run all tests against real services
	@.ci/packages
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

lint: .venv/.synced-dev  ## Check style, types, imports, SQL, images, licenses, secrets and the docs
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint --processes 1 sql
	@$(BIN)/hadolint docker/*/Dockerfile
	@$(BIN)/shellcheck .ci/packages .ci/run .ci/audit docker/*/*.sh
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker/compose.yaml
	@$(BIN)/python .ci/licenses.py
	@$(BIN)/python .ci/secret_scan.py
	@$(BIN)/pytest -q -p no:randomly tests/unit/test_docs.py

format: .venv/.synced-dev  ## Format the code and mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: .venv/.synced-dev  ## Time and memory beside other tools: an hour, with QUICK=1 two minutes
	@$(BIN)/python -m tests.benchmarks $(BENCH)

secrets:  ## Write docker/.env and docker/secrets for the compose stack: what is missing, nothing else
	@python3 docker/write_secrets.py

clean: down  ## Remove the virtual environments, caches and the demo
	@rm -rf .venv .demo .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the virtual environment: made once, brought up to date when the lock file changes --------------
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python 3.11, 3.12 or 3.13 found;" \
		"install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
		echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13; name one that is:" \
		"make PYTHON=/path/to/python3.12" >&2; exit 1; }
ifdef UV_ON_PATH
	@$(UV) venv --quiet --allow-existing --python "$(PYTHON)" .venv
else
	@$(PYTHON) -m venv .venv || { \
		echo "$(PYTHON) cannot make virtual environments; install python3-venv, or uv" >&2; exit 1; }
endif

.venv/bin/uv: | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'

.venv/.synced-demo: pyproject.toml uv.lock | $(BIN)/python $(UV)
	@echo "Installing into .venv what uv.lock names ..."
	@$(UV) sync --quiet --frozen --inexact --extra demo
	@touch $@

# All that the demo needs is among it.
.venv/.synced-dev: pyproject.toml uv.lock | $(BIN)/python $(UV)
	@echo "Installing into .venv what uv.lock names ..."
	@$(UV) sync --quiet --frozen --inexact --extra dev
	@touch $@ .venv/.synced-demo
