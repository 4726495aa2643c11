# `make demo` and `make test` need Python 3.11 or 3.12, git and make; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin

# As many tests at once as there are cores; each computes on one.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal

.PHONY: install demo test test-slow test-all faults gpu lint types audit clean

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# From nothing to a scored melody: shards, a small CREPE, its figures, a pianoroll and an f0 table.
demo: install
	$(BIN)/melisma demo

test: install
	$(PYTEST)

# What continuous integration runs of the tests: all that a machine without GPU or SLURM does in ten minutes.
test-slow: install
	$(PYTEST) -m 'not cluster and not long'
	if command -v slurmctld >/dev/null; then $(BIN)/python -m pytest -m 'cluster and not long' tests/experiments/test_cluster.py; fi

# With the slow and the long tests, those that open pages in Chromium or start a local SLURM where it is installed, and
# those for a GPU where there is one.
test-all: install
	$(PYTEST) -m 'not cluster'
	$(BIN)/python -m pytest -m cluster tests/experiments/test_cluster*.py

# Faults of the machine injected for real, most of which need root on Linux, and ten thousand hostile inputs.
faults: install
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m faults
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.hostile --inputs 10000

# All that needs a GPU: its tests, and training steps measured in one line RESULT. Says so where there is none.
gpu: install
	@if $(BIN)/python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then \
	  $(BIN)/python -m pytest -m gpu && $(BIN)/python -m experiments.benchmarks.gpu; \
	else echo 'No GPU on this machine: nothing is tested or measured.'; fi

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: MYPY_WORKERS ?= auto
types: install
	MYPY_NUM_WORKERS=$(MYPY_WORKERS) $(BIN)/mypy

# Known vulnerabilities of what is installed, by pip-audit in an environment of its own. It asks a database on the network;
# what it cannot look up is a failure, not a pass.
audit: install
	$(BIN)/python -m pip list --format=freeze --exclude-editable | sed 's/+.*//' >.venv/audited.txt
	$(PYTHON) -m venv .venv/audit
	.venv/audit/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.10'
	.venv/audit/bin/pip-audit --strict --disable-pip --no-deps --requirement .venv/audited.txt

clean:
	rm -rf .venv runs data
