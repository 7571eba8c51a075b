# dom0kit: `make iso` builds the ISO, `make test` tests it. Both install what they need first.
.DEFAULT_GOAL := help
DOM0KIT := .venv/bin/dom0kit
ISO := build/dom0kit.iso
SCENARIO ?=
SET ?= $(if $(SCENARIO),,nightly)
JOBS ?= auto
BUDGET ?=
COVERED := 'installer/apply/*' 'installer/bootloader/*' dom0kit/process.py

.PHONY: help prepare iso release deb test check unit fuzz integration coverage qa run repro refresh bench docs docs-site pictures report-check test-results lock clean distclean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 18

prepare: ## install system packages and the virtual environment (every other target does this first)
	@python3 -m prepare

iso: prepare ## build build/dom0kit.iso
	@$(DOM0KIT) iso

release: prepare ## build build/dom0kit-release.iso, with the best compression
	@$(DOM0KIT) iso --release

deb: prepare ## build the Debian package of the builder, for Debian 13, into build/
	@packaging/debian/build build

test: check unit iso integration ## style checks, unit tests, an ISO build, integration tests with its image, the set smoke: BIOS and UEFI (JOBS=1: one by one)
	@$(DOM0KIT) qa --set smoke --jobs $(JOBS)

check: prepare ## style and types: ruff, mypy, shellcheck
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/mypy --no-error-summary
	@shellcheck $$(git ls-files -co --exclude-standard ':!*.md' | xargs grep -lE '^#!/bin/(ba)?sh|^# shellcheck shell=' --)

unit: prepare ## unit tests: seconds, no process is started
	@.venv/bin/pytest tests/unit

fuzz: prepare ## 100,000 damaged inputs for each reader of what comes from outside (FUZZ_EXAMPLES=N)
	@FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),100000) .venv/bin/pytest tests/unit/fuzz

integration: prepare ## the real tools on loop devices, sshd on loopback, real processes: seconds, as root
	@.venv/bin/pytest tests/integration

coverage: prepare ## branch coverage of unit and integration tests; fails below 90 % where disks are written and commands are run
	@.venv/bin/coverage run -m pytest tests/unit tests/integration
	@.venv/bin/coverage report
	@for part in $(COVERED); do \
	    .venv/bin/coverage report --include="$$part" --format=total --fail-under=90 >build/covered || \
	        { echo "branch coverage of $$part is $$(cat build/covered) %, less than 90 %" >&2; exit 1; }; \
	    echo "branch coverage of $$part: $$(cat build/covered) %"; \
	done

qa: prepare ## run QEMU scenarios against the ISO: all, SET=san or SCENARIO="a b"; BUDGET=100m continues next time
	@$(DOM0KIT) iso
	@$(DOM0KIT) qa --jobs $(JOBS) $(if $(BUDGET),--budget $(BUDGET) --resume) $(SET:%=--set %) $(SCENARIO)

run: prepare ## boot the ISO in QEMU, in a window or on this terminal; ANSWERS=FILE installs unattended
	@$(DOM0KIT) iso
	@$(DOM0KIT) run $(if $(ANSWERS),--answers $(ANSWERS))

repro: prepare ## build twice from nothing and compare byte for byte
	@$(DOM0KIT) repro

refresh: prepare ## build with newer package lists
	@$(DOM0KIT) iso --refresh

bench: prepare ## instructions of a boot (BIOS, UEFI, PXE) into bench/results; times of builds and of rendering 10,000 hosts
	@$(DOM0KIT) iso
	@.venv/bin/python -m bench.boot $(patsubst %,--firmware %,$(or $(FIRMWARE),bios uefi pxe))
	@.venv/bin/python bench/build.py
	@.venv/bin/python bench/render.py

pictures: prepare ## renew all pictures of README.md and docs/ from an installation under QEMU
	@$(DOM0KIT) iso
	@$(DOM0KIT) qa install-uefi tui-uefi-vga
	@$(DOM0KIT) qa --pictures

report-check: prepare ## check the report of scenarios in headless Chromium, which must be installed
	@$(DOM0KIT) qa --check-report

test-results: prepare ## renew docs/test-results.md from the artifacts of the scenarios that ran
	@$(DOM0KIT) qa --test-results

docs: prepare ## renew the references that are made from the code: answers, their schema, commands, time limits, refusals, QA
	@.venv/bin/python -m reference_pages

docs-site: build/docs-venv/ready ## build the documentation as a site with search into build/site
	@NO_MKDOCS_2_WARNING=1 build/docs-venv/bin/mkdocs --quiet build --strict --clean
	@echo "build/site/index.html"

build/docs-venv/ready: requirements-docs.lock
	@python3 -m venv --clear build/docs-venv
	@build/docs-venv/bin/pip --quiet --disable-pip-version-check install --no-deps --require-hashes -r requirements-docs.lock
	@touch $@

lock: ## renew the lock files from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra test --no-emit-index-url \
	    --custom-compile-command "make lock" pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra docs --no-emit-index-url \
	    --custom-compile-command "make lock" pyproject.toml -o requirements-docs.lock

clean: ## remove what was built here; the history of scenario runs stays
	if [ -e build ]; then rm -rf --one-file-system build; fi
	if [ -d artifacts ]; then find artifacts -mindepth 1 -maxdepth 1 ! -name history.jsonl -exec rm -rf {} +; fi

distclean: clean ## also the history, the virtual environment and the package cache
	rm -rf artifacts .venv $${DOM0KIT_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/dom0kit}
