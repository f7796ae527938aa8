#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A5: clients of a container's streams that do not read, come and go, or stay, many of them: the monitor's memory and descriptors stay as they are. Its limits
# are out one and all in the build without guards; each attack needs one of them.

load helpers

streams() { # TEST of docker_streams.py
	engine_up && eb run -d --network none --name idle box sleep 10000 >/dev/null || return 2
	timeout -k 1 200 python3 "$BATS_TEST_DIRNAME/../e2e/docker_streams.py" "$BERTH_SOCKET" "$1" >"$DIR/streams.log" 2>&1 && return 0
	cat "$DIR/streams.log"
	grep -q "AssertionError: grown" "$DIR/streams.log" || return 2
	bitten "the monitor has $(sed -n 's/^AssertionError: //p' "$DIR/streams.log")"
}

@test "A5: a client that does not read" {
	[[ "$BERTH" != *asan* ]] || skip "the sanitizer keeps what is freed"
	withstands engine streams flat_stalled
	bites engine streams flat_stalled -- unguarded
}

@test "A5: clients that come and go" {
	[[ "$BERTH" != *asan* ]] || skip "the sanitizer keeps what is freed"
	withstands engine streams flat_dropped
	bites engine streams flat_dropped -- unguarded
}

@test "A5: clients that come and stay" {
	withstands engine streams flat_crowd
	bites engine streams flat_crowd -- unguarded
}
