# The front door. `make demo` and `make test` install what they need (packaging/build-deps.txt),
# build, and run; everything they make lies under build/.
SHELL := /bin/sh
.DEFAULT_GOAL := build
BUILD := build
# The test build: both sanitizers, and clang, so that one build serves unit tests and fuzzing.
CHECK := $(BUILD)/check
TESTBED ?= $(BUILD)/testbed
export TESTBED

.PHONY: build test demo deps testbed check unit fuzz e2e bench lint format clean

deps:
	@packaging/install-deps

build: deps
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) >/dev/null
	@ninja -C $(BUILD) --quiet kickline
	@ninja -C $(BUILD) --quiet

testbed: deps
	@tests/lab/make-testbed $(TESTBED)

$(CHECK)/build.ninja: | deps
	@CC=clang meson setup $(CHECK) -Dtests=true -Dfuzz=true -Db_sanitize=address,undefined \
	    -Db_lundef=false >/dev/null

check: deps $(CHECK)/build.ninja
	@ninja -C $(CHECK) --quiet

# Everything, in the order of what fails fastest.
test: build check testbed
	@tests/run all

unit: check testbed
	@tests/run unit
fuzz: check
	@tests/run fuzz
e2e: build check testbed
	@tests/run e2e

demo: build testbed
	@tests/lab/demo

bench: build testbed
	@bench/run

lint: check
	@tests/run lint
format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf --one-file-system $(BUILD)
