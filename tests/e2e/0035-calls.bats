#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What a container's start and end ask the kernel for. Nothing is timed: calls are counted against a budget, and those that wait for the kernel are known.

load helpers

setup_file() {
	start_apart
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

no_monitor() {
	! pgrep -P "$(launcher_pid)" >/dev/null
}

# traced NETWORK: the calls of a container from the request to the monitor's end, in DIR/calls. One before it has filled what is kept.
traced() {
	local pid tracer
	pid=$(launcher_pid)
	"$BERTH" run --rm --network "$1" busybox true
	eventually no_monitor
	strace -f -qq -yy -s 80 -p "$pid" -o "$DIR/calls" 3>&- 4>&- &
	tracer=$!
	eventually grep -q "^TracerPid:[[:space:]]$tracer$" "/proc/$pid/status"
	"$BERTH" run --rm --network "$1" busybox true
	eventually no_monitor
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
