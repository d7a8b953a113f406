# `make run` and `make test` do all their own set-up; `make help` lists the rest.
PYTHON  ?= python3
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV    := .venv/$(VERSION)
BIN     := $(VENV)/bin
SAM     := .venv/sam-$(VERSION)
# One worker more than cores, since tests wait for processes. A file's tests stay in one, for what they share.
WORKERS := $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
PYTEST  ?= -n $(WORKERS) --dist loadfile --no-loadscope-reorder
packages = $(shell grep -c '^[a-z0-9].*==' $(1))
RUN     := $(BIN)/python -m leadgen_local $(if $(filter 1,$(ONCE)),--once)

# Tests and the stack start a hundred processes: compiled modules are kept, also where the environment says otherwise.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run apply test race check bench bench-simulate bench-route bench-deliver bench-invoice build schema pictures lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.local ## the whole stack, with the examples in an empty database; FILES="a.yaml b.yaml" instead; ONCE=1 ends after a report
	@$(RUN) $(FILES)

apply: $(VENV)/.local ## apply configuration files to the running stack: FILES=my-market.yaml
	@$(BIN)/leadgen config apply $(FILES)

test: $(VENV)/.dev ## every test, and which ten took longest
	@$(BIN)/python -m pytest --durations=10 $(PYTEST)

race: $(VENV)/.dev ## races, kills and properties with many repetitions: an hour
	@RACES=50 $(BIN)/python -m pytest tests/routing/stage/test_route_races.py $(PYTEST)
	@RACES=50 KILLS=200 $(BIN)/python -m pytest tests/delivery/test_deliver_races.py tests/delivery/test_deliver_kills.py $(PYTEST)
	@MONEY_RUNS=3 MONEY_OPERATIONS=600 $(BIN)/python -m pytest tests/walk/test_money_at_random.py -m "not hypothesis" $(PYTEST)
	@$(BIN)/python -m pytest -m hypothesis --hypothesis-profile=long -o timeout=3600 $(PYTEST)

check: $(VENV)/.dev ## lint, types and import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(VENV)/.dev ## latencies of this machine: ingest over HTTP, and from POST to webhook
	@$(BIN)/python -m bench

bench-simulate: $(VENV)/.dev ## what-if over 100,000 recorded leads: at most 60 s
	@$(BIN)/python -m bench simulate

bench-route: $(VENV)/.dev ## routing a batch with 10,000 buyers enrolled against 20: at most 1.5 times
	@$(BIN)/python -m bench route

bench-deliver: $(VENV)/.dev ## from routing to taken, with half of the buyers hanging against none: at most 1.1 times
	@$(BIN)/python -m bench deliver

bench-invoice: $(VENV)/.dev ## a run that invoices 100,000 leads of 500 buyers: under 60 s, at most 11 times that of a tenth
	@$(BIN)/python -m bench invoice

build: $(SAM)/.sam ## lint the template and build the deployment packages
	@AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 $(SAM)/bin/sam validate --lint
	@AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 PATH="$(CURDIR)/$(SAM)/bin:$$PATH" $(SAM)/bin/sam build

schema: $(VENV)/.dev ## record what the migrations make, in sql/schema.sql, and the JSON Schema of configuration files, in docs
	@$(BIN)/python -m tests.support.record.schema
	@$(BIN)/python -m tests.support.record.configuration_schema

pictures: $(VENV)/.dev ## an invoice and a credit note as pictures, in docs/pictures (needs pdftoppm)
	@$(BIN)/python -m tests.support.record.pictures

lock: $(VENV)/.dev ## pin the newest versions that the requirements/*.in files allow
	@$(BIN)/python -m pip install --quiet uv
	@for set in runtime:layers/core/requirements.txt local:requirements/local.txt dev:requirements/dev.txt sam:requirements/sam.txt; do \
	  $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	    --no-emit-index-url --no-emit-find-links requirements/$${set%%:*}.in -o $${set#*:}; done

clean: ## remove the virtual environments, build output and caches (not the stack's data in .local)
	rm -rf .venv .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "LeadGen needs Python 3.11 or newer; this is %s. Name another with: make PYTHON=python3.13 …" % sys.version.split()[0])'
	@echo "Making a virtual environment of Python $(VERSION) in $(VENV): seconds …"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.local: requirements/local.txt pyproject.toml | $(BIN)/python
	@echo "Installing the stack's $(call packages,requirements/local.txt) pinned packages into $(VENV), once: a minute or two …"
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements/local.txt
	@echo "Installing LeadGen itself into $(VENV), as links to this folder: seconds …"
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.local
	@echo "Installing the $(call packages,requirements/dev.txt) pinned packages of the tests into $(VENV), once: a minute or two …"
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

$(SAM)/.sam: requirements/sam.txt
	@echo "Installing the SAM CLI and its $(call packages,requirements/sam.txt) pinned packages into $(SAM), once: a minute or two …"
	@$(PYTHON) -m venv $(SAM)
	@$(SAM)/bin/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/sam.txt
	@touch $@
