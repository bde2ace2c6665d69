# `make` alone lists what there is. Everything runs from ./.venv, made from the hashed locks.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export TF_CPP_MIN_LOG_LEVEL ?= 2

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.venv/.ready: locks/dev.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/uv.txt
	@VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes locks/dev.txt
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

setup: .venv/.ready ## Make .venv with the locked dependencies

demo: .venv/.ready ## Make a data set, run chain_tqeb on it, show the table
	@$(BIN)/poseline demo

test: .venv/.ready ## Lint, type-check, and run the default tests
	@$(MAKE) --no-print-directory lint
	@$(BIN)/pytest -q -m "not slow and not cluster"

test-slow: .venv/.ready ## Run the longer tests
	@$(BIN)/pytest -q -m "slow"

lint: .venv/.ready ## ruff, mypy strict, import rules, stale schemas
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache >/tmp/poseline-imports.$$$$ || (cat /tmp/poseline-imports.$$$$; exit 1)
	@$(BIN)/mypy
	@$(BIN)/poseline schema --check

schema: .venv/.ready ## Regenerate every schema and table that comes from the config models
	@$(BIN)/poseline schema

bench: .venv/.ready ## Run the side-by-side speed comparisons
	@for f in benchmarks/*.py; do echo "== $$f"; $(BIN)/python $$f || exit 1; done

lock: .venv/.ready ## Resolve the locks again
	@$(BIN)/uv pip compile --quiet --universal --no-emit-index-url --generate-hashes --no-header pyproject.toml --all-extras --group dev -o locks/dev.txt
	@for world in ml pipelines operator; do \
	  extras="--extra $$world"; test $$world = ml && extras="--extra ml --extra onnx"; \
	  $(BIN)/uv pip compile --quiet --universal --no-emit-index-url --generate-hashes --no-header pyproject.toml $$extras -c locks/dev.txt -o locks/$$world.txt; done
	@grep -A200 '^uv==' locks/dev.txt | awk 'NR>1 && /^[a-z]/{exit} {print}' > locks/uv.txt

clean: ## Remove .venv and every output
	@rm -rf .venv demo experiments_outputs .mypy_cache .ruff_cache .pytest_cache

.PHONY: help setup demo test test-slow lint schema bench lock clean
