# `make` alone lists what there is. Everything runs from ./.venv, made from the hashed locks.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export TF_CPP_MIN_LOG_LEVEL ?= 2

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# Byte code is written now: without it, as where PYTHONDONTWRITEBYTECODE is set, each start of a
# command compiles all that it imports, which takes longer than most of them.
.venv/.ready: locks/dev.txt pyproject.toml
	@echo "installing the locked packages into .venv: 3.8 GB, some minutes" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/uv.txt
	@VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode locks/dev.txt
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

setup: .venv/.ready ## Make .venv with the locked dependencies

demo: .venv/.ready ## Make a data set, run chain_tqeb on it, show the table
	@$(BIN)/poseline demo

# Tests that need nothing but this machine and minutes.
HERE := not cluster and not images and not node and not kubeflow and not guides
# A file is one process's, so that what its tests share is made once; TensorFlow takes the rest.
SPREAD := -n logical --maxprocesses 4 --dist loadfile
test: .venv/.ready ## Lint, type-check, and run the default tests
	@$(MAKE) --no-print-directory lint
	@$(BIN)/pytest -q $(SPREAD) -m "not slow and $(HERE)"

coverage: .venv/.ready ## Run the default tests and report their coverage
	@$(BIN)/pytest -q -m "not slow and $(HERE)" \
	  --cov --cov-report=term:skip-covered

test-slow: .venv/.ready ## Run the longer tests; as root on Debian, with the cross compiler and QEMU
	@command -v arm-none-eabi-gcc qemu-system-arm clang >/dev/null || ! command -v apt-get >/dev/null || \
	  test "$$(id -u)" != 0 || (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install \
	  -qq -y --no-install-recommends gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm clang \
	  libclang-rt-dev >/dev/null) || true
	@$(BIN)/pytest -q $(SPREAD) -m "slow and $(HERE)"

test-guides: .venv/.ready ## Follow the guides from top to bottom, command by command
	@$(BIN)/pytest -q -m guides tests/docs

control-plane: .venv/.ready ## Build etcd, the API server and kubectl into ~/.cache/poseline
	@$(BIN)/python tests/support/control_plane/programs.py

test-cluster: .venv/.ready ## Run the tests on a real API server: our own, or KUBECONFIG's
	@test -n "$$KUBECONFIG" || $(MAKE) --no-print-directory control-plane
	@$(BIN)/pytest -q -m "cluster" tests/cluster

# DOCKER_FLAGS brings a mirror: --build-arg BASE_IMAGE=..., --secret id=pip.conf,src=...
DOCKER ?= docker
IMAGE_PREFIX ?=
TAG ?= $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' poseline/__init__.py)
images: ## Build the images poseline-{ml,pipelines,operator} (IMAGE_PREFIX, TAG, DOCKER_FLAGS)
	@for world in ml pipelines operator; do \
	  DOCKER_BUILDKIT=1 $(DOCKER) build $(DOCKER_FLAGS) --build-arg VERSION=$(TAG) \
	    --build-arg REVISION=$$(git rev-parse HEAD) -f images/$$world.Dockerfile \
	    -t $(IMAGE_PREFIX)poseline-$$world:$(TAG) . || exit 1; done

push: ## Push the images to a registry (IMAGE_PREFIX, TAG)
	@test -n "$(IMAGE_PREFIX)" || { echo "IMAGE_PREFIX=registry.example.com/team/ is missing" >&2; exit 2; }
	@for world in ml pipelines operator; do \
	  $(DOCKER) push $(IMAGE_PREFIX)poseline-$$world:$(TAG) || exit 1; done

test-images: .venv/.ready ## Start a Docker engine, build the images and test them (Debian, root)
	@tests/images/engine.sh

test-node: .venv/.ready ## Run our images as pods on a real kubelet (Debian, root)
	@$(BIN)/python tests/support/control_plane/programs.py --node
	@tests/images/engine.sh tests/cluster -m node

test-kubeflow: .venv/.ready ## Run whole chains on a Kubeflow backend that KUBEFLOW_PROGRAMS holds (Debian, root)
	@test -n "$$KUBEFLOW_PROGRAMS" || { $(BIN)/pytest -q -rs -m kubeflow tests/cluster; exit; }; \
	  test -x /usr/sbin/mariadbd || ! command -v apt-get >/dev/null || (apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
	  mariadb-server-core >/dev/null); \
	  $(BIN)/python tests/support/control_plane/programs.py --node && \
	  tests/images/engine.sh tests/cluster -m kubeflow

kind-up: images ## Make a kind cluster with KFP, load the images, install the chart
	@tests/cluster/kind.sh

lint: .venv/.ready ## ruff, mypy strict, import rules, dead code, stale schemas
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache >/tmp/poseline-imports.$$$$ || (cat /tmp/poseline-imports.$$$$; exit 1)
	@$(BIN)/mypy
	@$(BIN)/python .ci/dead_code.py
	@$(BIN)/poseline schema --check

schema: .venv/.ready ## Regenerate every schema and table that comes from the config models
	@$(BIN)/poseline schema

docs: .venv/.ready ## Build the documentation into site/ and check its links
	@$(BIN)/zensical build --clean --strict

bench: .venv/.ready ## Run the side-by-side comparisons and write docs/benchmarks.md (BENCH="train start")
	@$(BIN)/python benchmarks/_page.py $(BENCH)

ML_EXTRAS := --extra ml --extra onnx --extra postgres --extra search
COMPILE := $(BIN)/uv pip compile --quiet --universal --no-emit-index-url --generate-hashes --no-header
lock: .venv/.ready ## Resolve the locks again
	@$(COMPILE) pyproject.toml --all-extras --group dev -o locks/dev.txt
	@for world in ml pipelines operator; do \
	  extras="--extra $$world"; test $$world = ml && extras="$(ML_EXTRAS)"; \
	  $(COMPILE) pyproject.toml $$extras -c locks/dev.txt -o locks/$$world.txt; done
	@echo "tensorflow[and-cuda]>=2.21,<2.22" | $(COMPILE) pyproject.toml - $(ML_EXTRAS) -c locks/dev.txt \
	  --override <(echo "tensorflow-cpu; sys_platform == 'never'") -o locks/ml-gpu.txt
	@echo hatchling | $(COMPILE) - -c locks/dev.txt -o locks/build.txt
	@echo kfp | $(COMPILE) --no-deps - -c locks/dev.txt -o locks/executor.txt
	@grep -A200 '^uv==' locks/dev.txt | awk 'NR>1 && /^[a-z]/{exit} {print}' > locks/uv.txt

clean: ## Remove .venv and every output
	@rm -rf .venv .cache site demo experiments_outputs .mypy_cache .ruff_cache .pytest_cache

.PHONY: help setup demo test coverage test-slow test-guides control-plane test-cluster images push test-images test-node test-kubeflow kind-up lint schema docs bench lock clean
