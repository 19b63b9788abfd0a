# benchfarm for its developers: every target is safe to repeat, as root or not.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PACKAGES := orchestrator agents inventory reports tests

.PHONY: help setup demo test long chaos arm-test compose-secrets compose-test check format bench clean
help:  ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

setup: $(STAMP)  ## .venv with the project in it
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "benchfarm needs Python >= 3.11; run: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,lint]'
	@touch $@

demo: setup  ## measure examples/digits on this machine; ends on a verdict and a report
	$(BIN)/farm run --variants examples/digits --preset quick --max-blocks 8

test: setup  ## the whole suite, with the servers it needs
	tests/servers
	$(BIN)/python -m pytest -m "not long and not arm and not compose" -n 5 --dist loadfile --no-loadscope-reorder

long: setup  ## chaos of ten seeds and golden runs at full length
	tests/servers
	$(BIN)/python -m pytest -m long

chaos: setup  ## 10,000 launches through every fault, on SQLite and PostgreSQL; CHAOS='--seed 7 --minutes 30'
	tests/servers
	PYTHONPATH=tests $(BIN)/python -m chaos $(CHAOS)

arm-test: setup  ## a board of another architecture, an emulated arm64 userland; Linux, root
	@trap 'tests/arm/userland rest' EXIT; trap 'exit 130' INT TERM; tests/arm/userland up && \
	$(BIN)/python -m pytest -m arm -rP --durations 0 tests/arm

compose-secrets:  ## passwords and keys for docker-compose.yml, in .farm/compose
	orchestrator/compose/secrets

compose-test: setup  ## docker-compose.yml for real: built, started, used, broken; Linux, root, podman
	tests/compose/engine up
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,lint,compose]'
	$(BIN)/python -m pytest -m compose -rP --durations 0 tests/compose

check: setup  ## lint, types, import rules
	$(BIN)/ruff format --check $(PACKAGES)
	$(BIN)/ruff check $(PACKAGES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml

format: setup  ## put the code into shape
	$(BIN)/ruff format $(PACKAGES)
	$(BIN)/ruff check --fix $(PACKAGES)

bench: setup  ## the tables of the README, as ratios side by side in one run
	tests/servers
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,lint,bench]'
	PYTHONPATH=tests $(BIN)/python -m bench

clean:  ## remove what make made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist chaos.jsonl
