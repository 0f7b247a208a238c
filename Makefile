# Thin over `python3 -m deploy.dev`, which does the same on machines without make.
PYTHON ?= python3
DEV = @$(PYTHON) -m deploy.dev
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo run start test lint bench chaos weights lock clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make .venv with all that the product needs; again only when the lock changed
	$(DEV) setup

demo: ## Play one blast through against the sandbox, and tell the story
	$(DEV) demo $(ARGS)

run: ## Start every process against the sandbox, and stay up; prints the page's address
	$(DEV) run $(ARGS)

start: ## Start every process with the settings of .env
	$(DEV) start $(ARGS)

test: ## Run all the tests, on real servers (ARGS="-k stop" for some)
	$(DEV) test $(ARGS)

lint: ## Check style, types and imports
	$(DEV) lint

bench: ## Run the benchmarks; prints JSON lines
	$(DEV) bench $(ARGS)

chaos: ## Kill everything in mid-send, many times over; prints JSON lines (ARGS="--seeds 5")
	$(DEV) chaos $(ARGS)

weights: ## Learn the weights of the reader's second opinion from the labelled texts
	$(DEV) weights

lock: ## Pin the newest libraries that requirements/*.in allow
	$(DEV) lock

clean: ## Remove .venv, var and all caches
	$(DEV) clean
