# Two commands: `make run` decides about audio, `make test` proves it. Both set up first.
.DEFAULT_GOAL := help
.PHONY: help lock newest setup run test lint docs release unit kafka soak helm image generate clean console-scale console-load
BIN := .venv/bin
# the matrices are small: more threads would only wait for each other, and busily
export OPENBLAS_NUM_THREADS ?= 1
# compiled modules are kept, also where the environment forbids it: otherwise each process recompiles
unexport PYTHONDONTWRITEBYTECODE

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: .venv/.ready ## virtual environment, pinned packages, libchromaprint (a second when done)

.venv/.ready: pyproject.toml models/pyproject.toml constraints.txt deploy/setup.sh deploy/build_kernels.py detector/kernels/library.py $(wildcard detector/kernels/*.[ch])
	@sh deploy/setup.sh

run: setup ## decide about AUDIO=file-or-folder (none: self-made samples); ONCE=1 ends, OUT=file.jsonl
	@$(BIN)/earmark up $(if $(AUDIO),--audio "$(AUDIO)") $(if $(ONCE),--once) $(if $(OUT),--out "$(OUT)")

# Types take half a minute of one core, so lint runs beside the tests; what is wrong is said at once.
# Tests of the pipeline wait a lot: four at once keep two cores busy; a fifth made nothing quicker.
test: setup ## everything: style, types, import directions, all tests (JOBS=4 at once)
	@sh deploy/test-tools.sh
	@mkdir -p build; \
	{ $(MAKE) --no-print-directory lint >build/lint.log 2>&1 || { cat build/lint.log; false; }; } & lint=$$!; \
	$(BIN)/pytest -n $(or $(JOBS),4) --dist loadfile --no-loadscope-reorder; tests=$$?; \
	wait $$lint; linted=$$?; cat build/lint.log; exit $$((tests | linted))

lint: setup ## style, types, import directions, names and prose
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m deploy.prose

unit: setup ## the tests that need no broker
	$(BIN)/pytest -m 'not pipeline'

kafka: setup ## an Apache Kafka to try things on (Java, Maven); SECURE=1 adds TLS and SASL
	@$(BIN)/python -m tests.support.kafka $(if $(SECURE),--secure)

soak: setup ## UPLOADS=20000 and KILLS=20 faults, then the sums; BROKER=tansu|kafka, none: both
	@for broker in $(or $(BROKER),tansu kafka); do $(BIN)/python -m tests.soak \
	  --uploads $(or $(UPLOADS),20000) --kills $(or $(KILLS),20) --broker $$broker || exit 1; done

helm: ## build helm for the tests of the chart (Go; two minutes, once)
	@sh deploy/helm.sh

image: ## build the image TAG=earmark:1.0.0; DEVICE=gpu: earmark-classify, for CUDA; PACKAGES=s3fs for buckets (docker, podman or buildah)
	@sh deploy/image.sh

generate: setup ## write what is generated: chart README and schema, dashboards, docs/reference
	@$(BIN)/python -m deploy.generate

docs: setup ## the documents as a site, in build/site; SERVE=1 shows it at http://127.0.0.1:8000
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs $(if $(SERVE),serve,build --quiet)

release: setup ## of the tag on this commit, tried: wheels, sdists, SBOM, notes, sums in build/release
	@$(BIN)/python -m deploy.release

console-scale: setup ## how quick the console is with TRACKS=100000 TASKS=20000, on both databases
	@$(BIN)/python -m tests.bench.console_scale --tracks $(or $(TRACKS),100000) --tasks $(or $(TASKS),20000)

console-load: setup ## memory of the API while 50 uploads of 10 MB arrive at once
	@$(BIN)/python -m tests.bench.console_load

lock: setup ## deploy/requirements*.txt: the images' packages with their hashes, from constraints.txt
	@$(BIN)/python -m pip install -q uv==0.13.9
	@for gpu in "" -gpu; do $(BIN)/uv pip compile -q pyproject.toml --extra tracing $${gpu:+--extra gpu} \
	  -c constraints.txt --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --output-file deploy/requirements$$gpu.txt || exit 1; done

newest: ## the tests that need no broker with the newest versions of all packages, beyond our upper bounds
	@sh deploy/newest.sh

clean: ## remove the environment and the state (ledger included)
	rm -rf .venv .earmark build *.egg-info
