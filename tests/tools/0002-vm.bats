#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# tools/vm where there can be no virtual machine.

bats_require_minimum_version 1.5.0

setup() {
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	mkdir -p "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/build"
	for program in bash env dirname mkdir rm cat awk tail uname; do
		ln -s "$(command -v "$program")" "$BATS_TEST_TMPDIR/bin/"
	done
}

@test "without qemu tools/vm run says so and exits with 77" {
	run -77 env PATH="$BATS_TEST_TMPDIR/bin" VM_BUILD="$BATS_TEST_TMPDIR/build" "$TOP/tools/vm" run true
	[ "$output" = "vm: qemu-system-x86_64 is not installed (tools/setup vm)" ]
}

@test "without qemu tools/vm test is one skipped test with the reason" {
	env PATH="$BATS_TEST_TMPDIR/bin" VM_BUILD="$BATS_TEST_TMPDIR/build" "$TOP/tools/vm" test
	run cat "$BATS_TEST_TMPDIR/build/vm/machine.tap"
	[ "${lines[0]}" = 1..1 ]
	[[ "${lines[1]}" == "ok 1 - "*" # skip vm: qemu-system-x86_64 is not installed"* ]]
	[ "$(ls "$BATS_TEST_TMPDIR/build/vm")" = "errors
machine.tap" ]
}
