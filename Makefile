# Everything that people and CI run. `make` alone lists it.

PYTHON ?= python3
# The interpreter itself: a shim would mean another one in another folder, and Cargo would build anew.
override PYTHON := $(or $(shell $(PYTHON) -c 'import sys; print(sys.executable)' 2>/dev/null),$(PYTHON))
export PYTHON
export PYO3_PYTHON := $(PYTHON)
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help setup venv browser demo test test-other bench bench-save bench-compare bench-peers ratios fuzz-figures load-figures planted three-hosts fuzz lint doc rules clean
.DEFAULT_GOAL := help

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo '  PYTHON=/path/to/python3 picks the interpreter that is embedded (now $(PYTHON))'

setup: ## check that Rust and an embeddable Python are there; as root on Debian, install what is missing
	@scripts/setup

venv: setup ## make .venv with the Plugin SDK for the tests
	@scripts/make-venv .venv

browser: ## check that there is a Chromium for the tests of pages; as root on Debian, install it
	@scripts/setup browser

# The demo succeeds if hookstorm finds something, which is its exit status 1.
demo: setup ## build, then find the faults of an example plugin
	cargo build --release --locked --quiet
	@$(TARGET_DIR)/release/hookstorm test examples/faulty-store --seed 1 --corpus $(TARGET_DIR)/demo; status=$$?; \
	if [ $$status -ne 1 ]; then \
		echo "error: the demo ended with status $$status, not with findings (1)" >&2; exit 1; \
	fi

test: venv browser ## run every test, those on the real SDK included
	HOOKSTORM_TEST_VENV=$(CURDIR)/.venv cargo test --locked

# It builds in a folder of its own, so that nothing built against the usual interpreter is lost. OTHER_TARGET names another
# folder: in the usual one, only what depends on the interpreter is built again, in both directions.
test-other: OTHER_DIR = $(TARGET_DIR)/$(shell $(PYTHON) -c 'import sys; print("py3.%d" % sys.version_info[1])')
test-other: setup ## run the tests of the runtime built against another interpreter: PYTHON=python3.12
	@mkdir -p $(OTHER_DIR)
	@scripts/make-venv $(OTHER_DIR)/venv
	HOOKSTORM_TEST_VENV=$(abspath $(OTHER_DIR))/venv CARGO_TARGET_DIR=$(or $(OTHER_TARGET),$(OTHER_DIR)) \
		cargo test --locked --test runtime --test feedback --test worker

# BENCHES="oracle wire" runs those alone.
BENCHES ?= manifest archive generate wire oracle call report
# Cargo builds the worker for no bench, since it is another package.
BUILD = cargo build --release --locked --quiet
CRITERION = $(BUILD) && cargo bench --locked $(foreach bench,$(BENCHES),--bench $(bench))
bench: venv ## run the benchmarks of criterion, then print the promised figures
	$(CRITERION)
	@$(MAKE) --no-print-directory ratios

# Baselines are in target/criterion, together with the files of every other run of criterion.
BASE_NAMED = test -n "$(filter-out new change report,$(BASE))" || \
	{ echo "error: BASE is \`$(BASE)\`, which is no name for a baseline" >&2; echo '  hint: BASE=main' >&2; exit 2; }
bench-save: setup ## keep the benchmarks' times under a name: BASE=main, and BENCHES="oracle wire" for some alone
	@$(BASE_NAMED)
	$(CRITERION) -- --save-baseline "$(BASE)"

THRESHOLD ?= 10
bench-compare: setup ## fail if a benchmark is slower than in BASE=main by more than THRESHOLD=10 percent
	@$(BASE_NAMED)
	@scripts/bench-compare forget $(TARGET_DIR)/criterion
	$(CRITERION) -- --baseline-lenient "$(BASE)"
	@scripts/bench-compare judge $(TARGET_DIR)/criterion "$(BASE)" "$(THRESHOLD)"

ratios: venv ## print the promised figures, each beside its goal
	$(BUILD)
	HOOKSTORM_TEST_VENV=$(CURDIR)/.venv cargo bench --locked --bench ratios

load-figures: browser ## print the promised figures of load
	$(BUILD)
	CHROMIUM=$$(command -v chromium) cargo bench --locked --bench load

fuzz-figures: venv ## print the promised figures of fuzz: MINUTES=30 watches memory for that long
	$(BUILD)
	HOOKSTORM_TEST_VENV=$(CURDIR)/.venv cargo bench --locked --bench fuzz

# Atheris and Hypothesis in a virtual environment of their own, with the SDK.
PEERS_VENV := $(abspath $(TARGET_DIR))/peers-venv
PEERS := benches/peers/requirements.txt
$(PEERS_VENV)/done: $(PEERS) scripts/test-requirements.txt
	scripts/make-venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps -r $(PEERS)
	@touch $@

planted: setup $(if $(filter-out 0,$(COMPARE)),$(PEERS_VENV)/done) ## find twelve planted defects with fuzz; COMPARE=1: Atheris and Hypothesis too
	$(BUILD)
	PEERS_VENV=$(PEERS_VENV) cargo bench --locked --bench planted

bench-peers: setup $(PEERS_VENV)/done ## compare hookstorm with the plain loop, Hypothesis and Atheris: SEEDS=10 RIVAL_SEEDS=3 TIME=60 ONLY=…
	$(BUILD)
	PEERS_VENV=$(PEERS_VENV) cargo bench --locked --bench peers

three-hosts: setup ## show that three hosts share a corpus through an S3 server, cut off, killed and refused
	cargo build --release --locked --quiet
	@scripts/three-hosts $(TARGET_DIR)/release/hookstorm

# What libFuzzer learns and breaks stays in fuzz/; the seeds are only read. All targets run one after another, a clean plugin
# for `session`, and one that breaks does not keep the others from running.
TIME ?= 60
FUZZ_TARGETS := $(notdir $(basename $(wildcard fuzz/fuzz_targets/*.rs)))
fuzz: ## run the libFuzzer targets (nightly, cargo-fuzz), each TIME=60 seconds; TARGET=manifest one of them, PLUGIN=… for session
	@cargo +nightly --version >/dev/null 2>&1 || \
		{ echo 'error: no nightly compiler: `rustup toolchain install nightly`' >&2; exit 2; }
	@cargo fuzz --version >/dev/null 2>&1 || \
		{ echo 'error: no cargo-fuzz: `cargo install cargo-fuzz`' >&2; exit 2; }
ifeq ($(TARGET),)
	@broken=; for target in $(FUZZ_TARGETS); do \
		$(MAKE) --no-print-directory fuzz TARGET=$$target PLUGIN="$(or $(PLUGIN),examples/clean-store)" || broken="$$broken $$target"; \
	done; test -z "$$broken" || { echo "error: these targets broke:$$broken; look into fuzz/artifacts" >&2; exit 1; }
else
	@test -f "fuzz/fuzz_targets/$(TARGET).rs" || { echo "error: TARGET names one of $(FUZZ_TARGETS)" >&2; exit 2; }
	@test "$(TARGET)" != session -o -n "$(PLUGIN)" || \
		{ echo 'error: the target `session` needs a plugin: PLUGIN=examples/faulty-store' >&2; exit 2; }
	@test "$(TARGET)" != session || cargo build --release --locked --quiet
	@mkdir -p fuzz/corpus/$(TARGET)
	HOOKSTORM_FUZZ_PLUGIN="$(abspath $(PLUGIN))" HOOKSTORM_WORKER="$(abspath $(TARGET_DIR))/release/hookstorm-worker" \
		cargo +nightly fuzz run --sanitizer none $(TARGET) fuzz/corpus/$(TARGET) $(wildcard corpora/fuzz/$(TARGET)) -- \
		-max_total_time=$(TIME) $(patsubst %,-dict=%,$(wildcard fuzz/dictionaries/$(TARGET).dict))
endif

# The fuzz targets are a workspace of their own. Nothing is linked here, so they need neither libFuzzer nor a compiler for C++;
# with the same target folder and the same profile, they share what was built.
FUZZ_WORKSPACE := --manifest-path fuzz/Cargo.toml
lint: setup ## check format and lints, warnings denied, of the benchmarks and fuzz targets too
	cargo fmt --all --check
	cargo fmt --check $(FUZZ_WORKSPACE)
	cargo clippy --locked --workspace --all-targets -- -D warnings
	CUSTOM_LIBFUZZER_PATH=/nowhere/libfuzzer.a CARGO_TARGET_DIR=$(TARGET_DIR) \
		cargo clippy --locked $(FUZZ_WORKSPACE) --all-targets -- -D warnings

doc: setup ## build the documentation, warnings denied
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items

rules: setup ## make docs/rules.md anew from the registry
	HOOKSTORM_UPDATE_DOCS=1 cargo test --locked --test documents the_page_of_rules

clean: ## remove what was built and the virtual environment
	cargo clean
	rm -rf .venv
