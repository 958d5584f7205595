# Two commands need no other: `make demo` and `make test`. Each sets up what it needs.
export ORT_DYLIB_PATH ?= $(CURDIR)/.cache/onnxruntime/libonnxruntime.so
export PATH := $(PATH):$(CURDIR)/.cache/node/bin

.PHONY: demo test bench setup-demo setup-test pages fmt clippy services-start services-stop help

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

demo: setup-demo pages ## The whole system in one process, with a simulated hall; ARGS="--seconds 60" ends it
	cargo run --quiet --bin hydra -- demo $(ARGS)

test: ## Format, clippy, unit, transports, databases, end to end; CI=true adds the longest
	scripts/test.sh $(ARGS)

bench: setup-test pages ## The table of speed and cost, optimised build; ARGS go to `hydra bench`
	scripts/bench.sh $(ARGS)

setup-demo: ## What a fresh machine lacks for the demo
	@scripts/setup.sh demo

setup-test: ## What a fresh machine lacks for the tests
	@scripts/setup.sh test

pages: ## Builds the web pages, where their sources are newer than the last build
	@scripts/pages.sh

fmt: ## Formats all Rust
	cargo fmt --all

clippy: ## All lints; a warning is an error
	cargo clippy --workspace --all-targets -- -D warnings

services-start: ## RabbitMQ, MariaDB, PostgreSQL on 127.0.0.1
	@scripts/services.sh start

services-stop: ## Ends those that services-start started
	@scripts/services.sh stop
