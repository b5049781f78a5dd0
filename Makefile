# Two commands matter: `make demo` and `make test`. Both install what they need (apt, pip) on a fresh Debian 12.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-down try test test-all fuzz check check-lint check-types check-floors check-links check-clocks bench \
	apt-lab apt-test apt-bench

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EDGEDEPLOY := $(BIN)/edgedeploy
# the virtual board lives on the loopback: a demo has no business asking the conference network
DEMO := EDGEDEPLOY_INTERFACES=127.0.0.1 $(EDGEDEPLOY)

# for `make fuzz`: over all targets (default: every one) together
SECONDS ?= 600
TARGETS ?=

APT_LAB := qemu-system-arm e2fsprogs fakeroot openssh-client
APT_TEST := $(APT_LAB) openssh-server avahi-daemon dbus iproute2 git qemu-user-static cpio busybox-static u-boot-qemu
# for the bench of the serial line alone: what it is measured beside
APT_BENCH := lrzsz ckermit

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

define apt_install
@missing=$$(for p in $(1); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
if [ -n "$$missing" ]; then \
  echo "installing with apt:" $$missing; \
  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get update -q >/dev/null; \
  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing >/dev/null; \
fi
endef

apt-lab:
	$(call apt_install,$(APT_LAB))

apt-test:
	$(call apt_install,$(APT_TEST))

apt-bench:
	$(call apt_install,$(APT_BENCH))

$(VENV)/ready: pyproject.toml
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(SUDO) apt-get update -q >/dev/null; $(SUDO) apt-get install -q -y --no-install-recommends python3-venv >/dev/null; }
	@echo "installing edgedeploy and its tools into $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install -q --disable-pip-version-check --no-compile -e '.[dev]'
	@touch $@

setup: $(VENV)/ready ## edgedeploy and its tools in .venv

demo: apt-lab setup ## a virtual board with Xen, and a talk live on it
	@# a new talk has a history of its own: the board that served another clone's demo would rightly refuse it
	@echo "the first time this downloads about 110 MB: Debian packages for the board, kept in ~/.cache/edgedeploy"
	@fresh=$$([ -e demo/decks ] || echo --fresh); echo "$(DEMO) lab up demo $$fresh"; $(DEMO) lab up demo $$fresh
	@[ -e demo/decks ] || { echo '$(DEMO) lab talk demo/decks'; $(DEMO) lab talk demo/decks; }
	$(DEMO) push demo/decks --on demo
	@echo; echo "edit demo/decks/slides/index.html, then: $(DEMO) push demo/decks"; echo "make demo-down ends it"

try: setup ## a talk on this computer, without a board: TALK=folder of your slides
	@$(EDGEDEPLOY) try $(TALK)

demo-down: ## stop the demo's virtual board
	@[ ! -x $(EDGEDEPLOY) ] || ! $(EDGEDEPLOY) lab status demo >/dev/null 2>&1 || $(EDGEDEPLOY) lab down demo

# namespaces and taps need root; as root the virtual board's image is cached in root's own folder
# what root compiles stays out of a person's checkout
AS_ROOT := $(if $(SUDO),$(SUDO) env PYTHONPYCACHEPREFIX=/root/.cache/edgedeploy/bytecode HOME=/root,)

test: apt-test setup ## all that needs no board, and what people do with one (real Xen under QEMU)
	$(AS_ROOT) $(BIN)/python -m tests.run

test-all: apt-test setup ## every test there is: the whole board tier, fuzzing, more examples of each property
	$(AS_ROOT) $(BIN)/python -m tests.run --all

fuzz: setup ## fuzz what reads bytes from outside: SECONDS=600 TARGETS="probe elf"
	@# the next run goes on from what is in .fuzz/; what breaks something is put into tests/fuzz/corpus
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(TARGETS)

CHECKS := lint types floors links clocks

check: setup ## lint, types, floors and circles, links, no timed tests
	@# the types take as long as all else together
	+@$(MAKE) --no-print-directory --jobs --keep-going --output-sync=target $(CHECKS:%=check-%)

check-lint:
	$(BIN)/ruff check .

check-types:
	$(BIN)/mypy

check-floors:
	$(BIN)/lint-imports

check-links:
	$(BIN)/python -m tests.links

check-clocks:
	$(BIN)/python -m tests.clocks

bench: apt-test apt-bench setup ## measure, and write docs/performance*.md
	$(AS_ROOT) $(BIN)/python -m bench.outage --write docs/performance.md
	$(BIN)/python -m bench.check --write docs/performance-check.md
	$(BIN)/python -m bench.start --write docs/performance-start.md
	$(BIN)/python -m bench.agentstart --write docs/performance-agent.md
	$(BIN)/python -m bench.bundle --write docs/performance-bundle.md
	$(BIN)/python -m bench.serial --write docs/performance-serial.md
	$(BIN)/python -m bench.xenconsole --write docs/performance-console.md
	$(AS_ROOT) $(BIN)/python -m bench.waits --write docs/performance-waits.md
	$(BIN)/python -m bench.transfers
