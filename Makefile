# Verbs of the project; `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help check generate lock test test-unit clean
help: ## List the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# The stamp holds the lock file's date, so a changed lock installs again and nothing else does.
$(VENV)/.installed: requirements-dev.lock pyproject.toml
	@echo "  … virtual environment in $(VENV) (about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

check: $(VENV)/.installed ## Lint, types, layers, generated files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy operator/fastapi_tuning tests
	$(BIN)/lint-imports
	$(BIN)/python -m fastapi_tuning.cli.main crd --check crds/fastapitunings.fastapituning.io.yaml

generate: $(VENV)/.installed ## Write the files that are made from the models
	$(BIN)/python -m fastapi_tuning.cli.main crd --output crds/fastapitunings.fastapituning.io.yaml

test: test-unit ## All tests

test-unit: $(VENV)/.installed ## Tests that need nothing but Python
	$(BIN)/pytest -q tests/unit

lock: ## Pin the dependencies anew
	$(BIN)/pip install --quiet uv
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile pyproject.toml --generate-hashes --python-version 3.11 --quiet --output-file requirements.lock
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile pyproject.toml --group dev --constraint requirements.lock --generate-hashes --python-version 3.11 --quiet --output-file requirements-dev.lock

clean: ## Remove what the verbs above made in the work tree
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis
