# Verbs of the project; `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLUSTER := $(PYTHON) -m dev.cluster
CRD := fastapitunings.fastapituning.io.yaml
CHART := charts/fastapi-tuning-operator
IMAGES := prometheus operator sample
# helm and kubectl of the development cluster, in the versions it was built with, go before any others.
export PATH := $(shell $(CLUSTER) path):$(PATH)

KUBECONFIG_OF_CLUSTER = $(if $(KUBECONTEXT),,KUBECONFIG=$$($(CLUSTER) kubeconfig))

.PHONY: help check generate sbom audit-dependencies lock test test-unit fuzz test-agent test-integration test-e2e chaos demo cluster simulate-report down clean
help: ## List the verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# The stamp's date is compared with the lock file's: a changed lock installs again, and nothing else does.
$(VENV)/.installed: requirements-dev.lock pyproject.toml
	@echo "  … virtual environment in $(VENV) (about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

check: $(VENV)/.installed ## Lint, types, layers, generated files, chart
	@$(CLUSTER) build helm
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy operator/fastapi_tuning agent/fastapi_tuning_agent sample_app dev tests benchmarks
	$(BIN)/lint-imports
	$(BIN)/fastapi-tuning crd --check crds/$(CRD)
	$(BIN)/fastapi-tuning reference --check docs/reference.md
	cmp crds/$(CRD) $(CHART)/files/$(CRD)
	helm lint --strict $(CHART) --set prometheus.url=http://prometheus.monitoring:9090
	$(call render) | cmp - charts/rendered/install.yaml
	$(BIN)/kubernetes-validate --kubernetes-version 1.34 --strict --quiet charts/rendered/install.yaml
	$(MAKE) --no-print-directory sbom

define render
helm template fastapi-tuning-operator $(CHART) --namespace fastapi-tuning-system --set createNamespace=true --set prometheus.url=http://prometheus.monitoring:9090
endef

generate: $(VENV)/.installed ## Write the files that are made from the models and the chart
	@$(CLUSTER) build helm
	$(BIN)/fastapi-tuning crd --output crds/$(CRD)
	$(BIN)/fastapi-tuning reference --output docs/reference.md
	cp crds/$(CRD) $(CHART)/files/$(CRD)
	$(call render) > charts/rendered/install.yaml

# From the lock file alone, so that it names what is installed by hash, and is the same wherever it is made.
sbom: $(VENV)/.installed ## List what the operator is made of (CycloneDX) in build/sbom.cdx.json
	@mkdir -p build
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --mc-type application --output-reproducible --output-format JSON --output-file build/sbom.cdx.json requirements.lock

audit-dependencies: $(VENV)/.installed ## Ask for known vulnerabilities of what the lock files pin
	$(BIN)/python -m dev.dependency_audit requirements.lock requirements-dev.lock sample_app/requirements.lock

test: test-unit test-integration test-e2e ## All tests

test-unit: $(VENV)/.installed ## Tests that need no cluster
	@$(CLUSTER) build helm
	$(BIN)/pytest -q --numprocesses 2 tests/unit --cov=fastapi_tuning.control --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=100

PARSERS := fuzz observe/test_hostile_input.py observe/test_confinement.py webhooks/test_injection.py agent/test_settings_document.py web/test_openapi.py

fuzz: $(VENV)/.installed ## The parsers of outside input with fifty times the examples
	$(BIN)/pytest -q --numprocesses 2 $(addprefix tests/unit/,$(PARSERS)) --hypothesis-profile fuzz

test-agent: $(VENV)/.installed ## The agent in real servers of every kind; makes their environments once
	$(BIN)/pytest -q tests/integration/agent

# With KUBECONTEXT the machine is not ours to add packages to.
test-integration: $(VENV)/.installed ## The operator against a real API server and a real Prometheus, and test-agent
ifeq ($(KUBECONTEXT),)
	@$(CLUSTER) packages etcd-server
else
	@command -v etcd > /dev/null || { echo "etcd is missing (Debian: etcd-server)" >&2; exit 1; }
endif
	@$(CLUSTER) build kube helm prometheus
	$(BIN)/pytest -q --numprocesses 2 --dist loadfile tests/integration

test-e2e: $(VENV)/.installed cluster ## The operator on a cluster, with Prometheus and load
	@$(CLUSTER) build helm
	$(KUBECONFIG_OF_CLUSTER) $(BIN)/pytest -v --no-header -m "not disruptive" --numprocesses 3 --dist worksteal tests/e2e
	$(KUBECONFIG_OF_CLUSTER) $(BIN)/pytest -v --no-header -m disruptive tests/e2e

chaos: $(VENV)/.installed cluster ## Break what the operator depends on, and put the table into docs/reliability.md (45 minutes)
	@$(CLUSTER) build helm
	$(KUBECONFIG_OF_CLUSTER) $(BIN)/python -m dev.chaos --into docs/reliability.md

# With KUBECONTEXT the cluster is yours, and so are the images (IMAGE_REGISTRY, PROMETHEUS_IMAGE; see README.md).
cluster: ## Start the development cluster and give it the images
ifeq ($(KUBECONTEXT),)
	@$(CLUSTER) up
	@$(CLUSTER) images $(IMAGES)
endif

demo: $(VENV)/.installed cluster ## Show the operator mend a badly tuned service under load
	@$(KUBECONFIG_OF_CLUSTER) $(BIN)/python -m dev.demo

# TRACE=FILE adds a load curve of yours: requests per second, one number a line.
simulate-report: $(VENV)/.installed ## Compare with other autoscalers in simulation, and write benchmarks/results/
	TRACE='$(TRACE)' $(BIN)/python -m dev.simulate_report

down: ## Remove every trace of the development cluster
	@$(CLUSTER) down

# An extra without its pin (coverage[toml]) makes pip take the newest release, which has no hash here.
lock: $(VENV)/.installed ## Pin the dependencies anew
	$(BIN)/pip install --quiet uv
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile pyproject.toml --no-strip-extras --generate-hashes --python-version 3.11 --quiet --output-file requirements.lock
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile pyproject.toml --extra simulate --group dev --constraint requirements.lock --no-strip-extras --generate-hashes --python-version 3.11 --quiet --output-file requirements-dev.lock
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile sample_app/requirements.in --universal --no-strip-extras --generate-hashes --python-version 3.11 --quiet --output-file sample_app/requirements.lock

clean: ## Remove what the verbs above made in the work tree
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
