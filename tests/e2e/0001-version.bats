#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What works without a daemon: version, help, and clear words when a daemon is missing.

load helpers

setup() {
	new_place
}

teardown() {
	end_place
}

@test "version tells the version, as text and as JSON" {
	run -0 berth version
	[[ "$output" =~ ^berth\ [0-9]+\.[0-9]+\.[0-9]+ ]]
	run -0 berth version --json
	[[ "$(jq -r .version <<<"$output")" =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]
}

@test "--help lists every command, and every command has --help" {
	run -0 berth --help
	local commands=(up down info version image run submit jobs job ps logs wait kill cancel events)
	for command in "${commands[@]}"; do
		[[ "$output" == *"$command"* ]] || { echo "no $command in: $output"; return 1; }
	done
	for command in "${commands[@]}" "image import" "image ls" "image rm"; do
		# shellcheck disable=SC2086 # two words on purpose
		run -0 berth $command --help
		[[ "$output" == *"berth $command"* ]] || { echo "$command: $output"; return 1; }
	done
}

@test "an unknown command and an unknown option are refused with words on stderr" {
	run --separate-stderr berth frobnicate
	fails_with frobnicate
	[ -z "$output" ]
	run --separate-stderr berth ps --frobnicate
	fails_with frobnicate
	[ -z "$output" ]
}

@test "without a daemon every command says so, names the socket and what to do" {
	for command in ps jobs info "image ls" "run busybox true" "job x" "logs x" "wait x" "kill x" "cancel x" events; do
		# shellcheck disable=SC2086
		run --separate-stderr berth $command
		fails_with "$BERTH_SOCKET" "berth up"
	done
}

@test "run without a daemon ends with 125, as docker does" {
	run -125 berth run busybox true
}
