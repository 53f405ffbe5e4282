# Two commands do everything: `make quickstart` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help quickstart test test-slow test-cluster check bench clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

quickstart: $(VENV)/installed  ## install, run the default sweep, write and print its table
	$(BIN)/python -m hpsearch.train -m head.activation=tanh,relu report.auto=false
	$(BIN)/python -m hpsearch.report

# The files in their order, not those of many tests first: a test of minutes is often alone in its
# file, and at the end one of the two workers would wait for it.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

test: $(VENV)/installed-test  ## install with the test extra, run the suite (some eight minutes on two cores)
	$(BIN)/python -m pytest -m "not slow and not cluster" $(PARALLEL)

test-slow: $(VENV)/installed-test  ## the suite's heavy part
	$(BIN)/python -m pytest -m "slow and not cluster" $(PARALLEL)

test-cluster: $(VENV)/installed-test  ## Slurm, Ray and PostgreSQL, really started; `.ci/services` starts them
	$(BIN)/python -m pytest -m cluster

check: $(VENV)/installed-test  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# DATA is a folder with train.parquet and test.parquet; without it the embedded reviews serve.
DATA ?=
ON_DATA := trial_anatomy train_throughput head_sweep longformer search_efficiency

bench: $(VENV)/installed-benchmark  ## measure against named peers, on a quiet machine (DATA=FOLDER)
	@failed=; for name in sweep_overhead scale_simulation report_scale; do \
		$(BIN)/python "benchmarks/$$name.py" || failed="$$failed $$name"; \
	done; \
	for name in $(ON_DATA); do \
		echo "benchmarks/$$name.py" >&2; \
		$(BIN)/python "benchmarks/$$name.py" $(if $(DATA),--data "$(DATA)") || failed="$$failed $$name"; \
	done; test -z "$$failed" || { echo "failed:$$failed" >&2; exit 1; }

clean:  ## remove the environment and what runs left behind
	rm -rf $(VENV) outputs cache mlflow.db mlflow.db-shm mlflow.db-wal

# torch comes first and alone: on a machine without a GPU, a wheel of the CPU build that lies at
# hand satisfies the pin, where a plain `torch` would pull gigabytes of CUDA.
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "hpsearch needs Python 3.11 or newer; try: make PYTHON=python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q "$$(grep '^torch==' constraints.txt)"
	$(PIP) install -q -c constraints.txt -e .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(PIP) install -q -c constraints.txt -e '.[test,offline]'
	@touch $@

$(VENV)/installed-benchmark: $(VENV)/installed
	$(PIP) install -q -c constraints.txt -e '.[offline,benchmark]'
	@touch $@
