# Every target sets up .venv by itself and installs again only when pyproject.toml or constraints.txt change.
# Another interpreter: make test PYTHON=/path/to/python

PYTHON ?= python3.11 python3.12 python3.13 python3 python
WORKERS ?= auto

BIN := .venv/bin
# On a terminal pip shows its progress; elsewhere it is silent unless it fails.
PIP := $(BIN)/python -m pip install --disable-pip-version-check $(if $(MAKE_TERMOUT),,--quiet) -c constraints.txt

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test bench docs format

help:
	@echo "make demo    train an equivariant network and a plain CNN on rotated digits; results in demo/"
	@echo "make test    lint, format check, types and tests"
	@echo "make bench   benchmarks"
	@echo "make docs    the documentation, in site/"
	@echo "make format  format the code and fix what can be fixed"

demo: .venv/.demo
	$(BIN)/torsor train rotated-digits --out demo

test: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) --maxprocesses=8 --dist=worksteal

bench: .venv/.dev
	$(BIN)/python -m benchmarks

docs: .venv/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --site-dir site

format: .venv/.dev
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

$(BIN)/python:
	@for python in $(PYTHON); do \
	    if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	    then echo "creating .venv with $$("$$python" --version)"; \
	         "$$python" -m venv .venv && exit 0; rm -rf .venv; exit 1; fi; \
	done; \
	echo "torsor needs Python 3.11 or newer with its venv module; tried: $(PYTHON). Install one, or name it: make PYTHON=/path/to/python" >&2; \
	exit 1

# What the demo needs.
.venv/.demo: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing torsor[train,cli,plot] into .venv"
	@$(PIP) -e ".[train,cli,plot]"
	@touch $@

# What development needs, the demo's packages included.
.venv/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing torsor[dev] into .venv"
	@$(PIP) -e ".[dev]"
	@touch .venv/.demo $@
