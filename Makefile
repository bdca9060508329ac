# Two commands: `make run` decides about audio, `make test` proves it. Both set up first.
.DEFAULT_GOAL := help
.PHONY: help setup run test lint unit kafka clean
BIN := .venv/bin

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: .venv/.ready ## virtual environment, pinned packages, libchromaprint (a second when done)

.venv/.ready: pyproject.toml constraints.txt deploy/setup.sh
	@sh deploy/setup.sh

run: setup ## decide about AUDIO=file-or-folder (none: self-made samples); ONCE=1 ends, OUT=file.jsonl
	@$(BIN)/earmark up $(if $(AUDIO),--audio "$(AUDIO)") $(if $(ONCE),--once) $(if $(OUT),--out "$(OUT)")

test: setup lint ## everything: style, types, import directions, all tests
	@sh deploy/test-tools.sh
	$(BIN)/pytest

lint: setup ## style, types, import directions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: setup ## the tests that need no broker
	$(BIN)/pytest -m 'not pipeline'

kafka: setup ## an Apache Kafka to try things on (Java, Maven); SECURE=1 adds TLS and SASL
	@$(BIN)/python -m tests.kafka $(if $(SECURE),--secure)

clean: ## remove the environment and the state (ledger included)
	rm -rf .venv .earmark build *.egg-info
