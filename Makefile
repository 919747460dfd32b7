# Everything for users and developers. Each target makes what it needs, a virtual environment in .venv first of all.

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
MADE := $(VENV)/.made
RUNS := $(VENV)/.runs
DEVELOPS := $(VENV)/.develops
QUICK := -m pytest -n auto --dist worksteal -m "not slow"
# Quick tests to which Numba's settings may matter.
NUMBAS := -m pytest -n auto --dist worksteal -m "not slow and not without_numba"

.PHONY: help environment train test test-all kernels lint docs linkcheck readme-figures coverage coverage-report \
  uncompiled boundscheck stress wheel benchmarks clean

help:
	@echo "make environment  make the virtual environment in .venv"
	@echo "make train        train LeNet on the packaged images (ARGS=\"--epochs 3\" adds options)"
	@echo "make test         run the quick tests and the examples in the documents"
	@echo "make test-all     run the slow tests too"
	@echo "make kernels      compile every kernel into the cache, so that no test has to"
	@echo "make lint         check style and types"
	@echo "make docs         build the documentation in docs/_build/html and check its links"
	@echo "make linkcheck    ask the network whether the documentation's links to elsewhere answer"
	@echo "make readme-figures  draw the README's figures anew, in docs/images"
	@echo "make coverage     run the quick tests and report the lines that they don't reach"
	@echo "make uncompiled   run the quick tests with Numba's compiler off, as where it can't run"
	@echo "make boundscheck  run the tests of the backends with every index of an array checked"
	@echo "make stress       attack it for 20 minutes: kills, damaged files, exits, interrupts, races, threads, forks"
	@echo "make wheel        build the wheel in dist"
	@echo "make benchmarks   measure on this machine (ARGS=--quick for a short run)"
	@echo "make clean        remove the environment and everything built; runs stay"

train: $(RUNS)
	$(BIN)/python -m minidl train $(ARGS)

test: $(DEVELOPS)
	$(BIN)/python $(QUICK) $(ARGS)

# COVERED=1 also notes the lines that are reached, for `make coverage-report`: here, and in `make kernels` those of what
# writes the kernels' code.
test-all: $(DEVELOPS)
	$(BIN)/$(if $(COVERED),coverage run,python) -m pytest -n auto --dist worksteal $(ARGS)

environment: $(DEVELOPS)

kernels: $(DEVELOPS)
	$(BIN)/$(if $(COVERED),coverage run,python) -m tests.kernels

lint: $(DEVELOPS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(DEVELOPS)
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	$(BIN)/python docs/check_links.py docs/_build/html
	@echo "docs/_build/html/index.html"

linkcheck: $(DEVELOPS)
	$(BIN)/sphinx-build -q -b linkcheck docs docs/_build/linkcheck

readme-figures: $(DEVELOPS)
	$(BIN)/python docs/build_figures.py --readme

coverage: $(DEVELOPS)
	$(BIN)/coverage erase
	$(BIN)/coverage run $(QUICK) $(ARGS)
	@$(MAKE) --no-print-directory coverage-report

coverage-report: $(DEVELOPS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

uncompiled: $(DEVELOPS)
	NUMBA_DISABLE_JIT=1 MINIDL_BACKEND=vectorized $(BIN)/python $(NUMBAS) $(ARGS)

# A cache of its own: kernels with and without the checks must not be mixed. Which backend is chosen, and where kernels
# are kept, has nothing to do with arrays.
boundscheck: $(DEVELOPS)
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR="$(CURDIR)/build/boundscheck" $(BIN)/python $(NUMBAS) tests/backends \
	  -k "not test_choice and not test_kernel_cache"

stress: $(DEVELOPS)
	$(BIN)/python -m tests.stress $(ARGS)

wheel: $(MADE)
	rm -rf dist
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

benchmarks: $(RUNS)
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) build dist docs/_build docs/_figures docs/_tables .coverage .coverage.* htmlcov .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find minidl tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "minidl needs Python 3.11 or newer, and $(PYTHON) isn't: $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(RUNS): $(MADE) pyproject.toml
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(DEVELOPS): $(MADE) pyproject.toml
	$(BIN)/pip install --quiet --editable ".[dev]"
	@touch $@ $(RUNS)
