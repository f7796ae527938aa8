# SPDX-License-Identifier: Apache-2.0
#
# A door in front of meson: every target first lets tools/setup look for the Debian packages it needs. No logic lives here.

PREFIX  ?= /usr/local
DESTDIR ?=
SECONDS ?= 60
BUILD   := build

.DEFAULT_GOAL := all
.PHONY: all attack demo test test-chaos test-vm lint bench fuzz install clean help
export PREFIX DESTDIR

all: ## build berth into build/
	@tools/setup build
	@tools/build $(BUILD)

demo: ## count the words of a folder in containers: make demo [INPUT=DIR] [PARTS=N] [KEEP=1]
	@tools/setup build demo
	@tools/build $(BUILD) src/berth
	@BERTH="$(CURDIR)/$(BUILD)/src/berth" tools/demo

test: ## unit, simulation, end-to-end and fuzz tests, normal and with sanitizers
	@tools/setup build test vm
	@tools/test

test-vm: ## unit, end-to-end and limits tests in a virtual machine with version 2 of cgroups alone
	@tools/setup build test vm
	@tools/test vm

test-chaos: ## ten minutes of 1,000 kills and partitions of one server and eight agents (CHAOS_SEED=N)
	@tools/setup build test
	@tools/build $(BUILD)
	@CHAOS_SECONDS=$${CHAOS_SECONDS:-600} CHAOS_KILLS=$${CHAOS_KILLS:-1000} BERTH="$(CURDIR)/$(BUILD)/src/berth" tests/chaos/chaos

attack: ## try the known attacks on container runtimes, and print the table of them
	@tools/setup build test
	@tools/build $(BUILD)
	@tools/attack $(BUILD)

lint: ## formatting, static analysis, layers, sizes, banned calls, both compilers without warnings
	@tools/setup build test lint
	@tools/lint

bench: ## measure, print one table, write build/bench.json
	@tools/setup build bench
	@tools/build $(BUILD)
	@bench/run
	@bench/run api

fuzz: ## run each fuzz target for SECONDS (60)
	@tools/setup build test
	@tools/fuzz $(SECONDS)

install: all ## install, stripped, below PREFIX (/usr/local) and DESTDIR
	@tools/install $(BUILD)

clean: ## remove all that was built
	rm -rf build build-asan build-clang build-werror build-fuzz

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | sort | awk -F '\t' '{ printf "make %-9s %s\n", $$1, $$2 }'
