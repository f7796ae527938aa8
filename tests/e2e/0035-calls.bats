#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What a container's start and end, and a list, ask the kernel for. Nothing is timed: calls are counted against a budget, and those that wait for the kernel are known.

load helpers

# A container that stays keeps the cgroups above all of them: they go with the last container of any daemon on the machine, and would have to be made again.
setup_file() {
	start_apart
	"$BERTH" run -d --network none --name stays busybox sleep 100000
}

teardown_file() {
	end_place
}

setup() {
	[[ "$BERTH" != *build-asan* ]] || skip "the sanitizer makes calls of its own"
	command -v strace >/dev/null || skip "strace is not installed"
}

launcher_pid() {
	pgrep -P "$(daemon_pid)" -f berth-launcher
}

no_other_monitor() {
	[ "$(pgrep -c -P "$(launcher_pid)")" = 1 ]
}

# traced NETWORK: the calls of a container from the request to the monitor's end, in DIR/calls. One before it has filled what is kept.
traced() {
	local pid tracer
	pid=$(launcher_pid)
	"$BERTH" run --rm --network "$1" busybox true
	eventually no_other_monitor
	strace -f -qq -yy -s 80 -p "$pid" -o "$DIR/calls" 3>&- 4>&- &
	tracer=$!
	eventually grep -q "^TracerPid:[[:space:]]$tracer$" "/proc/$pid/status"
	"$BERTH" run --rm --network "$1" busybox true
	eventually no_other_monitor
	kill "$tracer"
	wait "$tracer" || true
}

# within NETWORK: nothing but what the budget has.
within() {
	traced "$1"
	python3 "$BATS_TEST_DIRNAME/start_calls.py" "$DIR/calls" "$BATS_TEST_DIRNAME/start_calls.budget" "$1"
}

@test "a start without a network makes no call that its budget does not have, and none that waits for a grace period" {
	within none
}

@test "a start on a bridge, too, and what waits for the kernel comes after the end is told" {
	within bridge
	grep -q NETLINK_NETFILTER "$DIR/calls"
}

# networks NAME: what a list of all containers shows as its networks.
networks() {
	docker_api 200 GET "/containers/json?all=1"
	jq -r --arg name "/$1" '.[] | select(.Names == [$name]) | .NetworkSettings.Networks | keys | join(" ")' "$DIR/body"
}

@test "a list of containers opens none of their files, and shows what a network got or lost" {
	local pid tracer
	pid=$(daemon_pid)
	"$BERTH" create --name first busybox true
	"$BERTH" create --name other busybox true >"$DIR/other"
	"$BERTH" network create apart
	"$BERTH" network connect apart first
	networks first
	strace -f -qq -e trace=open,openat,openat2 -p "$pid" -o "$DIR/opened" 3>&- 4>&- &
	tracer=$!
	eventually grep -q "^TracerPid:[[:space:]]$tracer$" "/proc/$pid/status"
	[ "$(networks first)" = "apart bridge" ]
	kill "$tracer"
	wait "$tracer" || true
	grep -q networks.json "$DIR/opened" # that of the one that has it
	[ "$(grep -c "$(cat "$DIR/other")" "$DIR/opened" || true)" = 0 ]
	"$BERTH" network connect apart other
	[ "$(networks other)" = "apart bridge" ]
	"$BERTH" network disconnect bridge other
	[ "$(networks other)" = apart ]
	"$BERTH" rm first other
	"$BERTH" network rm apart
}
