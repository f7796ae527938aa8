#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# R0: the switch for the guards is no part of what is installed.

load helpers

@test "R0: the guards of the program cannot be switched off" {
	run grep -c BERTH_UNGUARDED "$BERTH"
	[ "$output" = 0 ]
	# And would be found if they could.
	[ "${QUICK:-no}" = yes ] || grep -q BERTH_UNGUARDED "$UNGUARDED"
	# What is installed is what is tested: the option is off, in the kinds of build and by default.
	grep -q "option('unguarded', type: 'boolean', value: false" "$TOP/meson_options.txt"
	run grep -n unguarded=true "$TOP/tools/install" "$TOP/Makefile" "$TOP/.ci/run"
	[ "$status" -ne 0 ]
}
