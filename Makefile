# Everything that people and CI run. `make` alone lists it.

PYTHON ?= python3
# The interpreter itself: a shim would mean another one in another folder, and Cargo would build anew.
override PYTHON := $(or $(shell $(PYTHON) -c 'import sys; print(sys.executable)' 2>/dev/null),$(PYTHON))
export PYTHON
export PYO3_PYTHON := $(PYTHON)
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help setup venv browser demo test test-other bench ratios fuzz-figures planted three-hosts fuzz lint doc rules clean
.DEFAULT_GOAL := help

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo '  PYTHON=/path/to/python3 picks the interpreter that is embedded (now $(PYTHON))'

setup: ## see that Rust and an embeddable Python are there; as root on Debian, install what is missing
	@scripts/setup

venv: setup ## make .venv with the Plugin SDK for the tests
	@scripts/make-venv .venv

browser: ## see that there is a Chromium for the tests of pages; as root on Debian, install it
	@scripts/setup browser

# The demo has done its work when hookstorm found something, which is its exit status 1.
demo: setup ## build, then find the faults of an example plugin
	cargo build --release --locked --quiet
	@$(TARGET_DIR)/release/hookstorm test examples/faulty-store --seed 1 --corpus $(TARGET_DIR)/demo; status=$$?; \
	if [ $$status -ne 1 ]; then \
		echo "error: the demo ended with status $$status, not with findings (1)" >&2; exit 1; \
	fi

test: venv browser ## run every test, those on the real SDK included
	HOOKSTORM_TEST_VENV=$(CURDIR)/.venv cargo test --locked

# A target folder and a virtual environment of its own, so that nothing built against the usual interpreter is lost.
test-other: OTHER_DIR = $(TARGET_DIR)/$(shell $(PYTHON) -c 'import sys; print("py3.%d" % sys.version_info[1])')
test-other: setup ## run the tests of the runtime built against another interpreter: PYTHON=python3.12
	@mkdir -p $(OTHER_DIR)
	@scripts/make-venv $(OTHER_DIR)/venv
	HOOKSTORM_TEST_VENV=$(abspath $(OTHER_DIR))/venv CARGO_TARGET_DIR=$(OTHER_DIR) cargo test --locked --test runtime --test feedback

bench: setup ## run the benchmarks of criterion
	cargo bench --locked $(foreach bench,manifest archive generate wire oracle call report,--bench $(bench))

ratios: venv ## print the promised figures, each beside what it is held against
	HOOKSTORM_TEST_VENV=$(CURDIR)/.venv cargo bench --locked --bench ratios

fuzz-figures: venv ## print the promised figures of fuzz: MINUTES=30 watches memory for that long
	HOOKSTORM_TEST_VENV=$(CURDIR)/.venv cargo bench --locked --bench fuzz

# Atheris and Hypothesis, which `fuzz` is held against, in an environment of their own.
RIVALS_VENV := $(abspath $(TARGET_DIR))/rivals-venv
RIVALS := benches/planted/harness/requirements.txt
$(RIVALS_VENV)/done: $(RIVALS)
	$(PYTHON) -m venv $(RIVALS_VENV)
	$(RIVALS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-input -r $(RIVALS)
	@touch $@

planted: setup $(if $(filter-out 0,$(COMPARE)),$(RIVALS_VENV)/done) ## find twelve planted defects with fuzz; COMPARE=1: Atheris and Hypothesis too
	RIVALS_VENV=$(RIVALS_VENV) cargo bench --locked --bench planted

three-hosts: setup ## show that three hosts share a corpus through an S3 server, cut off, killed and refused
	cargo build --release --locked --quiet
	@scripts/three-hosts $(TARGET_DIR)/release/hookstorm

# What libFuzzer learns and breaks stays in fuzz/; the seeds are only read.
TIME ?= 60
fuzz: ## run a libFuzzer target (nightly, cargo-fuzz): TARGET=manifest TIME=60, and PLUGIN=… for TARGET=session
	@test -n "$(TARGET)" -a -f "fuzz/fuzz_targets/$(TARGET).rs" || \
		{ echo "error: TARGET names one of $(notdir $(basename $(wildcard fuzz/fuzz_targets/*.rs)))" >&2; exit 2; }
	@cargo +nightly --version >/dev/null 2>&1 || \
		{ echo 'error: no nightly compiler: `rustup toolchain install nightly`' >&2; exit 2; }
	@cargo fuzz --version >/dev/null 2>&1 || \
		{ echo 'error: no cargo-fuzz: `cargo install cargo-fuzz`' >&2; exit 2; }
	@test "$(TARGET)" != session -o -n "$(PLUGIN)" || \
		{ echo 'error: the target `session` wants a plugin: PLUGIN=examples/faulty-store' >&2; exit 2; }
	@test "$(TARGET)" != session || cargo build --release --locked --quiet
	@mkdir -p fuzz/corpus/$(TARGET)
	HOOKSTORM_FUZZ_PLUGIN="$(abspath $(PLUGIN))" HOOKSTORM_WORKER="$(abspath $(TARGET_DIR))/release/hookstorm-worker" \
		cargo +nightly fuzz run --sanitizer none $(TARGET) fuzz/corpus/$(TARGET) $(wildcard corpora/fuzz/$(TARGET)) -- \
		-max_total_time=$(TIME) $(patsubst %,-dict=%,$(wildcard fuzz/dictionaries/$(TARGET).dict))

lint: setup ## check format and lints, warnings denied
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

doc: setup ## build the documentation, warnings denied
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

rules: setup ## make docs/rules.md anew from the registry
	HOOKSTORM_UPDATE_DOCS=1 cargo test --locked --test documents the_page_of_rules

clean: ## remove what was built and the virtual environment
	cargo clean
	rm -rf .venv
