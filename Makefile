# What a stranger types. Each target installs what it needs: system packages through apt-get where
# that is possible, Python packages pinned by hash into .venv.

VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
JUDGES_VENV := .venv-judges
PIP := install --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest -n 3
PAGE := src/evidence_vault/verify/page
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help demo test test-all judges tamper strip-table fault-table lint bench bench-catalogue \
    lock clean page page-tools up down system-demo system-test system-servers

help:  ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

demo: system-demo $(VENV)/ready-run  ## the main job on the sample material, in under two minutes
	@$(BIN)/evidence-vault demo

test: lint system-test page-tools  ## lint, types, layers, documents and the quick tests
	$(PYTEST) -m "not slow"

test-all: lint system-test page-tools $(JUDGES_VENV)/ready  ## the same with the slow tests: corpus, sweeps, kills
	$(PYTEST)

judges: $(JUDGES_VENV)/ready  ## the programs of others that judge CASE and RO-Crate, for the slow tests

tamper: $(VENV)/ready-test system-test page-tools  ## every class of tampering on all three verifiers: docs/tamper-table.md
	$(BIN)/python -m tests.tamper.table

page: $(VENV)/ready-run system-test page-tools  ## build the verifier page, verify.html, from its sources
	$(BIN)/python $(PAGE)/messages.py | node $(PAGE)/build.mjs $(PAGE).html.new
	@mv $(PAGE).html.new $(dir $(PAGE))verify.html

strip-table: $(VENV)/ready-test system-test  ## hunt for leaks in copies of the corpus: docs/strip-table.md
	$(BIN)/python -m tests.strip.table

up: system-servers $(VENV)/ready-run  ## start an S3 server and a PostgreSQL in .servers/ to try a vault on
	@tests/servers/try-up.sh .servers

down:  ## stop both; what they hold stays in .servers/ (remove it: make down WIPE=--wipe)
	@tests/servers/rgw-down.sh $(WIPE) .servers/rgw
	@tests/servers/pg-down.sh $(WIPE) .servers/pg

fault-table: $(VENV)/ready-test system-test  ## bring about every fault and judge what is left: docs/faults.md
	$(BIN)/python -m tests.faults.table

lint: $(VENV)/ready-test  ## style, formatting, types and import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: system-demo $(BENCH_VENV)/ready  ## the measures of benchmarks/RESULTS.md
	$(BENCH_VENV)/bin/python benchmarks/run.py $(BENCH_ARGS)

bench-catalogue: $(BENCH_VENV)/ready  ## a catalogue of 1,000,000 items (BENCH_ARGS=--database=URL: PostgreSQL, too)
	$(BENCH_VENV)/bin/python benchmarks/catalogue.py $(BENCH_ARGS)

clean:  ## remove the environments and what tools left behind; no vault is touched
	rm -rf $(VENV) $(BENCH_VENV) $(JUDGES_VENV) build dist .pytest_cache .mypy_cache .ruff_cache
	rm -rf .hypothesis .import_linter_cache .grimp_cache $(PAGE)/node_modules
	find src tests seeds benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- what the targets stand on ----

system-demo:
	@.ci/need exiftool=libimage-exiftool-perl

system-test: system-demo
	@.ci/need age=age go=golang-go \
	    /usr/share/gocode/src/golang.org/x/mod=golang-golang-x-mod-dev \
	    mkfs.vfat=dosfstools mount=mount openssl=openssl node=nodejs npm=npm git=git \
	    busybox=busybox mawk=mawk gawk=gawk ssh-keygen=openssh-client \
	    ffmpeg=ffmpeg ffprobe=ffmpeg qpdf=qpdf pdftotext=poppler-utils \
	    chromium=chromium /usr/share/fonts/truetype/noto/NotoSansMyanmar-Regular.ttf=fonts-noto-core \
	    gcc=gcc /usr/include/stdio.h=libc6-dev
	@$(MAKE) --no-print-directory system-servers

# What builds the verifier page and judges it, pinned by package-lock.json. Without npm or a network
# the page that is there is used; tests that need these packages say so.
page-tools: system-test
	@cmp -s $(PAGE)/package-lock.json $(PAGE)/node_modules/installed-lock.json || { \
	    (cd $(PAGE) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) && \
	    cp $(PAGE)/package-lock.json $(PAGE)/node_modules/installed-lock.json; } || \
	    echo "npm ci failed: the verifier page can't be built again here" >&2

system-servers:
	@.ci/need ceph-mon=ceph-mon ceph-osd=ceph-osd radosgw=radosgw ceph=ceph-common \
	    pg_createcluster=postgresql openssl=openssl curl=curl

$(VENV)/ready-run: requirements.lock pyproject.toml .ci/venv
	@.ci/venv $(VENV)
	$(BIN)/pip $(PIP) --require-hashes -r requirements.lock
	$(BIN)/pip $(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/ready-test: $(VENV)/ready-run tests/requirements.lock
	$(BIN)/pip $(PIP) --require-hashes -r tests/requirements.lock
	@touch $@

$(BENCH_VENV)/ready: benchmarks/requirements.lock pyproject.toml .ci/venv
	@.ci/venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip $(PIP) --require-hashes -r benchmarks/requirements.lock
	$(BENCH_VENV)/bin/pip $(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(JUDGES_VENV)/ready: tests/judges.lock .ci/venv
	@.ci/venv $(JUDGES_VENV)
	$(JUDGES_VENV)/bin/pip $(PIP) --require-hashes -r tests/judges.lock
	@touch $@

COMPILE = uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --custom-compile-command "make lock"
LOCK = $(COMPILE) pyproject.toml --extra build

lock:  ## choose the newest versions again (needs uv)
	$(LOCK) -o requirements.lock
	$(LOCK) --extra dev --extra c2pa -c requirements.lock -o tests/requirements.lock
	$(LOCK) --extra bench -o benchmarks/requirements.lock
	$(COMPILE) tests/judges.in -o tests/judges.lock
