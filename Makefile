# What a contributor types. Nothing is installed outside build/.

PYTHON ?= python3
VENV := build/venv
TOOLS := build/tools
SECONDS ?= 60
PYZ := dist/claude-proxy.pyz

.DEFAULT_GOAL := all
.PHONY: all run test histories docs-test fuzz check pyz matrix tokens e2e e2e-full chaos bench bench-compare release clean help

all: test check               ## test and check

run:                          ## serve with the configuration that is found
	$(PYTHON) -m claude_proxy

# Compiled modules are kept in build/, also where the environment has it that none is written: 100 starts use them.
test histories docs-test matrix: export PYTHONDONTWRITEBYTECODE =
test histories docs-test matrix: export PYTHONPYCACHEPREFIX = $(CURDIR)/build/pycache

test: $(VENV)/ready           ## the suite, in an environment of its own that has pytest alone
	$(VENV)/bin/python -m pytest $(ARGS)

histories: $(VENV)/ready      ## 20,000 random answers instead of the suite's few, cuts at every byte, longer sessions
	HISTORIES=20000 CUTS=all $(VENV)/bin/python -m pytest tests/test_answer_properties.py tests/test_fast.py \
		tests/test_provider_shapes.py tests/test_sessions.py

docs-test: $(VENV)/ready      ## every command, configuration and table of both READMEs against the program
	$(VENV)/bin/python -m pytest tests/test_docs.py

fuzz: build/fuzz/ready        ## random input for all that reads what strangers write; SECONDS=60
	SECONDS_TO_FUZZ=$(SECONDS) build/fuzz/venv/bin/python tests/fuzz/run.py $(ARGS)

check: $(TOOLS)/ready         ## ruff and mypy
	$(TOOLS)/bin/ruff check .
	$(TOOLS)/bin/mypy

pyz:                          ## dist/claude-proxy.pyz: the program in one file, the same bytes from the same commit
	$(PYTHON) .ci/pyz.py $(PYZ)

tokens:                       ## the token estimator against the real tokenizers, installed into build/
	$(PYTHON) tests/calibration/tokens.py

matrix:                       ## the suite and the .pyz on every Python from 3.7 on that this machine has
	.ci/matrix

e2e:                          ## real clients through the proxy, installed into build/
	tests/e2e/run

e2e-full:                     ## all of it: each scenario streamed and not, `transformers serve` too: installs PyTorch (6 GB)
	tests/e2e/run claude fallback sdk llama transformers dashboard web metrics balancers pyz

chaos:                        ## misbehaving providers and clients around the running proxy, and a minute of all at once
	$(PYTHON) tests/chaos/run $(ARGS)

bench:                        ## how fast it is, in figures and ratios to the provider asked directly; kept in build/bench/, program and all
	$(PYTHON) tests/bench/run --out build/bench/figures.json $(ARGS)

bench-compare:                ## in turn with the program that `make bench` has kept: more than 15 % CPU per unit fails
	$(PYTHON) tests/bench/run --compare build/bench/figures.json $(ARGS)

release: pyz $(TOOLS)/ready   ## dist/: the .pyz, sdist, wheel, unit, completions, manual page, SHA256SUMS
	.ci/release $(TOOLS)/bin/python

clean:                        ## remove what was made
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache *.egg-info
	find claude_proxy tests -name __pycache__ -prune -exec rm -rf {} +

help:                         ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 12

$(VENV)/ready:
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check pytest
	touch $@

build/fuzz/ready:
	$(PYTHON) -m venv build/fuzz/venv
	build/fuzz/venv/bin/python -m pip install --quiet --disable-pip-version-check hypothesis
	touch $@

$(TOOLS)/ready: Makefile
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check "ruff>=0.4" "mypy>=1.8" build
	touch $@
