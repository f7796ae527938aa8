#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# One server and eight agents, and random kills, stops and partitions: tests/chaos in its short form. CHAOS_SEED repeats what happens when.

load helpers

@test "30 s of kills and pulled cables: nothing lost, nothing twice, nothing left" {
	# The processes of nine daemons with sanitizers stand in each other's way; what each of them does the other tests look at.
	[[ "$BERTH" != *build-asan* ]] || skip "in the normal build only"
	CHAOS_SEED=${CHAOS_SEED:-1} CHAOS_SECONDS=30 CHAOS_KILLS=60 "$TOP/tests/chaos/chaos"
}
