# gandl: label-free phenomics with a StyleGAN2 discriminator. See README.md.
#
#   make reproduce   environment, workflow, report
#   make plan        what a run, or a target in ARGS, would download, store and train, and which jobs it has
#   make report      Snakemake's report of a finished run
#   make dag         the rule graph as a picture; of one figure: make dag ARGS=figure_4
#   make test        every test but those of:
#   make test-cluster  a Slurm cluster, started on this machine (its packages: tests/cluster/local_slurm.py)
#   make lint        ruff, mypy, snakefmt, snakemake --lint
#   make bench       how long the Snakefile takes to parse
#   make config      rewrite the generated parts of config/
#   make lock        pin the newest versions again (requirements.lock, envs/; of tools that tests try: envs/interop.lock)
#
#   CONFIG=config/mine.yaml   another configuration (default: config/config.yaml)
#   PROFILE=profiles/slurm    where jobs run (default: on this machine): docs/clusters.md
#   MIRROR=folder-or-url      where downloads are taken from instead of the official hosts
#   CORES=4                   cores to use (default: all of this machine; of a cluster, what each job requests)
#   TORCH=cuda                build of PyTorch in .venv: cpu or cuda (default: what the machine has; TORCH_INDEX=url: from where)
#   PYTHON=python3.13         makes .venv (default: the first of python3.11 ... python3.14, python3 that can)
#   ARGS="figure_plate -n"    targets first, options after; for `make test`: arguments of pytest

SHELL := /bin/bash
PYTHON ?=
TORCH ?=
TORCH_INDEX ?=
CONFIG ?= config/config.yaml
PROFILE ?=
MIRROR ?=
CORES ?=
ARGS ?=

BIN := .venv/bin
READY := .venv/ready
SNAKEMAKE := $(BIN)/snakemake
OPTIONS := --configfile "$(CONFIG)" $(if $(MIRROR),--config mirror="$(MIRROR)")
HERE := --cores $(or $(CORES),all) $(OPTIONS)
# With a profile no number of cores unless one is given: it would limit the threads of jobs on other machines, too.
RUN_OPTIONS := $(if $(PROFILE),--workflow-profile "$(PROFILE)" $(if $(CORES),--cores $(CORES)) $(OPTIONS),$(HERE))

# A run is hundreds of processes: what Python compiles for one is kept for all, also where it is told to keep nothing (containers).
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help environment reproduce report plan dag test test-cluster lint bench config lock configuration

help:
	@sed -n '1,20s/^# \{0,1\}//p' Makefile

environment: $(READY)

$(READY): requirements.lock pyproject.toml
	@bash envs/install.sh "$(PYTHON)" "$(TORCH)" "$(TORCH_INDEX)"

# A Python or a build of PyTorch named on the command line is compared with that of .venv each time.
ifneq ($(filter command line,$(origin PYTHON) $(origin TORCH)),)
.PHONY: $(READY)
endif

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
		if [ ! -e $$report ] || [ -n "$$newer" ]; then \
			$(SNAKEMAKE) $(HERE) --quiet all --report $$report && \
			$(SNAKEMAKE) $(HERE) --quiet all --report $${report%.zip}.html; fi
	@$(BIN)/python -m gandl finish --configfile "$(CONFIG)"

plan: $(READY) configuration
	@$(BIN)/python -m gandl plan --configfile "$(CONFIG)" $(if $(PROFILE),--profile "$(PROFILE)") \
		$(if $(MIRROR),--mirror "$(MIRROR)") -- $(ARGS)

dag: $(READY) configuration
	@set -o pipefail; $(SNAKEMAKE) $(ARGS) $(HERE) --quiet all --rulegraph mermaid-js | \
		$(BIN)/python -m gandl dag $(ARGS) --configfile "$(CONFIG)"

configuration:
	@[ -f "$(CONFIG)" ] || { echo "There is no configuration $(CONFIG); those of the project lie in config/"; exit 1; }
	@[ -z "$(PROFILE)" ] || [ -e "$(PROFILE)" ] || [ -d "profiles/$(PROFILE)" ] || \
		{ echo "There is no profile $(PROFILE); those of the project lie in profiles/"; exit 1; }

# Two processes with one thread each: with more, libraries of both wait awake for each other's cores.
test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

test-cluster: $(READY)
	$(BIN)/python -m pytest tests/cluster $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow/Snakefile rules
	$(SNAKEMAKE) --lint

bench: $(READY)
	$(BIN)/python -m benchmarks.speed.parsing

config: $(READY)
	$(BIN)/python -m gandl.config.files

lock:
	python=$$(bash envs/choose-python.sh "$(PYTHON)") && "$$python" -m venv --clear .cache/lock
	.cache/lock/bin/python -m pip install --quiet pip-tools==7.6.2
	echo 'torch==2.13.0' > .cache/lock/torch.in # installed before the lock, and left out of it
	for lock in requirements envs/interop; do \
		.cache/lock/bin/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
			--allow-unsafe --strip-extras --no-header --no-annotate --constraint .cache/lock/torch.in \
			--output-file $$lock.lock $$lock.in || exit 1; \
		awk '/^[a-z0-9]/ { keep = !/^(torch|triton|nvidia-|cuda-)/ } keep' $$lock.lock > .cache/lock/kept && cp .cache/lock/kept $$lock.lock; \
	done
	$(BIN)/python -m gandl.workflow.environments
