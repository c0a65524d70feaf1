# Everything runs in .venv, made from any Python >= 3.12 that has venv and pip.
# `make` alone lists the targets.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help fit test check-slow bench notebooks real-data lint format lock clean

PY := .venv/bin/python
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(PY) -m pip
INSTALL := $(PIP) install -qq --no-deps
# The locks are complete, so that pip need not resolve; Python compiles the modules that are used.
INSTALL_LOCKED := $(INSTALL) --no-compile --require-hashes
INSTALL_SELF := $(INSTALL) --no-build-isolation --editable .
# Tried in this order; `make PYTHON=/path/to/python3 ...` puts another one first.
PYTHONS := $(PYTHON) python3 python3.14 python3.13 python3.12
LOCK := --universal --python-version 3.12 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" --quiet

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

fit: .venv/.runtime  ## install what is needed, fit the joint model, write runs/ and the report
	@$(PY) -m bayes_rootc fit --overwrite $(ARGS)

test: .venv/.dev  ## every test but the slow ones, doctests included
	@$(PY) -m pytest $(ARGS)

check-slow: .venv/.dev  ## the slow tests: recovery of known truth, calibration
	@$(PY) -m pytest -m slow $(ARGS)

bench: .venv/.runtime  ## the benchmarks; results go to benchmarks/results/
	@$(PY) -m benchmarks.run $(ARGS)

notebooks: .venv/.dev  ## execute the notebooks on runs/ and maps/ and store what they show
	@$(PY) tools/run_notebooks.py $(ARGS)

real-data: .venv/.runtime  ## every run on the data set, from nothing, and reports/real-data (1.5 h)
	@$(PY) -m bayes_rootc fit --overwrite
	@$(PY) -m bayes_rootc learn --overwrite
	@$(PY) -m bayes_rootc map --overwrite
	@$(PY) -m bayes_rootc structures --joint --overwrite
	@for result in runs/joint runs/learning maps/map runs/structures; do \
		$(PY) -m bayes_rootc report $$result --output reports/real-data/$${result#*/} || exit 1; \
	done
	@cp reports/real-data/joint/figures/loss_biomes.png docs/figures/loss_biomes.png
	@$(MAKE) --no-print-directory notebooks

lint: .venv/.dev  ## ruff (rules and format) and mypy (strict)
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PY) -m mypy

format: .venv/.dev  ## put the code into ruff's format and mend what ruff can mend
	@$(PY) -m ruff check --fix
	@$(PY) -m ruff format

lock: $(PY)  ## write both locks anew from pyproject.toml (newest versions: UV_ARGS=--upgrade)
	@echo "Resolving for CPython 3.12 and later, Linux and macOS ..."
	@$(PIP) install -qq 'uv>=0.9,<1'
	@$(PY) -m uv pip compile pyproject.toml --extra learners --group build $(LOCK) $(UV_ARGS) -o requirements.txt
	@$(PY) -m uv pip compile pyproject.toml --extra learners --group build --group dev \
		-c requirements.txt $(LOCK) $(UV_ARGS) -o requirements-dev.txt

clean:  ## remove .venv, caches and build leftovers; runs/ and reports/ stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.runtime: $(PY) requirements.txt pyproject.toml
	@echo "Installing the locked packages into .venv (the first time takes a minute or two) ..."
	@$(INSTALL_LOCKED) -r requirements.txt
	@$(INSTALL_SELF)
	@touch $@

.venv/.dev: $(PY) requirements-dev.txt pyproject.toml
	@echo "Installing the locked packages and the developers' tools into .venv" \
		"(the first time takes a minute or two) ..."
	@$(INSTALL_LOCKED) -r requirements-dev.txt
	@$(INSTALL_SELF)
	@touch .venv/.runtime $@

$(PY):
	@for python in $(PYTHONS); do \
		if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then \
			echo "Making .venv with $$python ($$("$$python" --version))"; \
			"$$python" -m venv --clear .venv && exit 0; \
			rm -rf .venv; \
			echo "error: $$python cannot make a virtual environment; install its venv module" \
				"(Debian, Ubuntu: the package python3-venv)" >&2; \
			exit 1; \
		fi; \
	done; \
	echo "error: bayes_rootc needs Python 3.12 or newer; python3 here is" \
		"$$(python3 --version 2>&1). Install one, or name it: make PYTHON=/path/to/python3.12" >&2; \
	exit 1
