# `make` lists the targets. Each does its own set-up: a virtual environment in .venv, pinned packages, the data.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PROFILE ?= quick
PYTHON ?= python3
RUN := .venv/bin/python -m inertia_utils
export PYTHON

# Notebooks run in a folder of their own, so that a relative path would lead elsewhere.
ifdef INERTIA_DATA
override INERTIA_DATA := $(abspath $(INERTIA_DATA))
export INERTIA_DATA
endif

.PHONY: help study report site test lint env data bench lock

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

study: env ## rerun the whole study: PROFILE=quick (default), smoke or full
	@$(RUN) data --profile $(PROFILE)
	@$(RUN) notebooks --profile $(PROFILE)

report: env ## render notebooks/ and figures/ anew from the committed results, without training
	@$(RUN) notebooks --profile report --publish
	@.venv/bin/python -m inertia_utils.contents # the README shows some of it

test: env data lint ## unit tests, then every notebook in the smoke profile
	@mkdir -p executed
	@.venv/bin/python -m pytest -q -n 2 | tee executed/pytest.log
	@$(RUN) notebooks --profile smoke
	@tail -n 1 executed/pytest.log # the closing line of the unit tests; the notebooks' table is above

lint: env ## ruff over code and notebooks
	@.venv/bin/ruff check --quiet .
	@.venv/bin/ruff format --check --quiet .

env: ## build the environment in .venv
	@scripts/env.sh

data: env ## make the data available
	@$(RUN) data

site: env ## build a static site of the notebooks in executed/site/html
	@.venv/bin/python -m inertia_utils.site

bench: env ## images per second: the original training loop against this one
	@$(RUN) bench train

lock: env ## rewrite requirements.lock from pyproject.toml
	@.venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url --extra dev --extra docs \
		pyproject.toml --output-file requirements.lock
	@{ echo '# The exact versions the study was made with; `make lock` rewrites this file from pyproject.toml.'; \
		cat requirements.lock; } > requirements.lock.new && mv requirements.lock.new requirements.lock
