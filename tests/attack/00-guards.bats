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
	# What is installed is what is tested.
	run grep -rn unguarded "$TOP/tools/install" "$TOP/Makefile" "$TOP/.ci/run" "$TOP/packaging"
	[ "$status" -ne 0 ]
}

@test "R0: every source that has a guard is in the program without them" {
	cd "$TOP/src"
	grep -rlE '"(base/core|node/image)/guard\.h"|"node/registry/session_auth\.h"' --include='*.c' . | sed 's|^\./||' | grep -vE '/test/|^main\.c$' | sort >"$BATS_TEST_TMPDIR/with"
	[ -s "$BATS_TEST_TMPDIR/with" ]
	# (What is below face/daemon belongs to main.c.)
	sed -n "/^  executable('berth-unguarded'/,/include_directories/p" meson.build | grep -oE "[a-z]+/[a-z/_0-9]+\.c" | grep -v '^face/daemon/' | sort | diff "$BATS_TEST_TMPDIR/with" -
	# The headers that bring a guard along are the ones looked for.
	run -1 grep -rlE '/guard\.h"' --include='*.h' base/wire node/runtime node/oci node/engine node/build node/depot face
	[ "$(grep -rlE '/guard\.h"' --include='*.h' .)" = ./node/registry/session_auth.h ]
}
