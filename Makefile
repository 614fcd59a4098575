# gandl: label-free phenomics with a StyleGAN2 discriminator. README.md tells more.
#
#   make reproduce   environment, workflow, report
#   make plan        what a run would download, store and train, and which jobs it has
#   make report      Snakemake's report of a finished run
#   make test        every test
#   make lint        ruff, mypy, snakefmt, snakemake --lint
#   make bench       how long the Snakefile takes to parse
#   make config      rewrite the generated parts of config/
#   make lock        pin the newest versions again (requirements.lock, envs/)
#
#   CONFIG=config/mine.yaml   another configuration (default: config/config.yaml)
#   MIRROR=folder-or-url      where downloads are taken from instead of the official hosts
#   CORES=4                   cores to use (default: all)
#   ARGS="figure_plate -n"    targets first, options after; for `make test`: arguments of pytest

SHELL := /bin/bash
PYTHON ?= python3.11
CONFIG ?= config/config.yaml
MIRROR ?=
CORES ?= all
ARGS ?=

BIN := .venv/bin
READY := .venv/ready
SNAKEMAKE := $(BIN)/snakemake
RUN_OPTIONS := --cores $(CORES) --configfile "$(CONFIG)" $(if $(MIRROR),--config mirror="$(MIRROR)")

.DEFAULT_GOAL := help
.PHONY: help environment reproduce report plan test lint bench config lock configuration

help:
	@sed -n '1,16s/^# \{0,1\}//p' Makefile

environment: $(READY)

# PyTorch first, at its exact version (its builds differ by machine, so it has no hash here); then everything else, pinned and
# hashed, PyTorch's own requirements among it; then gandl itself, without asking for more.
$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found; name one with PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

# Targets in ARGS come before the options, since an option like --configfile takes every word behind it.
# A run of everything ends with Snakemake's report and with what was found.
reproduce: $(READY) configuration
	$(SNAKEMAKE) $(ARGS) $(RUN_OPTIONS)
ifeq ($(strip $(ARGS)),)
	@$(MAKE) --no-print-directory report
endif

# Snakemake's report is built again when the audit page (which follows everything), a rule or a caption is newer.
report: $(READY) configuration
	@report=$$($(BIN)/python -m gandl report-path --configfile "$(CONFIG)") && \
		{ [ -e "$$(dirname $$report)/report/audit.html" ] || { echo "The run of $(CONFIG) is not finished: make reproduce CONFIG=$(CONFIG)"; exit 1; }; } && \
		newer=$$(find Snakefile rules workflow/report "$$(dirname $$report)/report" -newer $$report 2>/dev/null | head -n 1) && \
		if [ ! -e $$report ] || [ -n "$$newer" ]; then $(SNAKEMAKE) $(RUN_OPTIONS) --quiet all --report $$report; fi
	@$(BIN)/python -m gandl finish --configfile "$(CONFIG)"

plan: $(READY) configuration
	@$(BIN)/python -m gandl plan --configfile "$(CONFIG)" $(if $(MIRROR),--mirror "$(MIRROR)")
	@$(SNAKEMAKE) $(ARGS) $(RUN_OPTIONS) --dry-run --quiet rules

configuration:
	@[ -f "$(CONFIG)" ] || { echo "There is no configuration $(CONFIG); those of the project lie in config/"; exit 1; }

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile rules
	$(SNAKEMAKE) --lint

bench: $(READY)
	$(BIN)/python benchmarks/parsing.py

config: $(READY)
	$(BIN)/python -m gandl.config_files

lock:
	$(PYTHON) -m venv .cache/lock
	.cache/lock/bin/python -m pip install --quiet pip-tools==7.6.2
	.cache/lock/bin/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--allow-unsafe --strip-extras --no-header --no-annotate --output-file requirements.lock requirements.in
	$(BIN)/python -m gandl.environments
