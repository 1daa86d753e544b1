# SPDX-License-Identifier: Apache-2.0
# The commands people type. Each one does its own set-up; the work is in tools/.
.DEFAULT_GOAL := help
.PHONY: help run stop test soak build bench examples runtimes setup format tidy image clean

JOBS ?= $(shell nproc)

help: ## this list
	@echo "Shallop: any container image as a function, on the Docker you already have."
	@echo
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | while IFS="	" read -r name text; do printf '  make %-9s %s\n' "$$name" "$$text"; done

run: ## install what is missing, build, start the daemon, register an example, print a curl line
	@tools/setup run
	@tools/build release
	@tools/build-examples hello
	@tools/run

stop: ## stop the daemon that make run started
	@tools/stop

test: ## the same set-up, then every test; the last line is "N passed, N failed"
	@tools/setup test
	@tools/test

soak: ## a hundred kills and ten minutes of load and faults against a model; SOAK_SECONDS=3600 SOAK_SEED=7 make soak
	@tools/setup test
	@tools/build release
	@SHALLOP_BIN=$(CURDIR)/build/release/shallop tests/soak/run --keep

build: ## build/release/shallop
	@tools/setup build
	@tools/build release

bench: ## against the engine, nginx and the bare host, as ratios; writes bench/results/
	@tools/setup bench
	@tools/build release
	@bench/run $(PARTS)

examples: ## build the images of all examples
	@tools/setup run
	@tools/build-examples

runtimes: ## build the images that run functions from source
	@tools/setup run
	@tools/build-runtimes

image: ## build the daemon's own image, shallop:latest
	@tools/setup run
	@tools/build-image

setup: ## only install what is missing and start an engine
	@tools/setup run

format: ## format the C++ files
	@tools/format

tidy: ## run clang-tidy over src/ and shim/
	@tools/tidy

clean: ## remove what was built; stops the daemon first
	@tools/stop
	rm -rf build var
