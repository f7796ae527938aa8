# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# BuildKit's tables for Dockerfiles, from the checkout BUILDKIT_SRC: the parser's files with the trees they give, files that must be
# refused, the lines of instructions, and the two tables of the shell's words. A table counts as one test. RUNTIME has no part in it.

: "${BUILDKIT_SRC:=}"
BUILDKIT_PROGRAM=${BUILDKIT_PROGRAM:-$top/build/tests/compat/buildkit}
export BUILDKIT_PROGRAM

buildkit_build() {
	ninja -C "$top/build" tests/compat/buildkit
}

buildkit_list() {
	(cd "$BUILDKIT_SRC/frontend/dockerfile/parser" && printf '%s\n' testfiles/* testfiles-negative/* testfile-line)
	printf '%s\n' shell/envVarTest shell/wordsTest
}

# The lines that the test of testfile-line names: first and last of its three instructions.
buildkit_lines() {
	printf '%s\n' '5 5' '11 12' '17 31'
}

buildkit_one() {
	local dir=$BUILDKIT_SRC/frontend/dockerfile test=$1
	echo "# $test"
	if case $test in
		testfiles/*) diff <("$BUILDKIT_PROGRAM" dump "$dir/parser/$test/Dockerfile") "$dir/parser/$test/result" ;;
		testfiles-negative/*) ! "$BUILDKIT_PROGRAM" dump "$dir/parser/$test/Dockerfile" ;;
		testfile-line) diff <("$BUILDKIT_PROGRAM" lines "$dir/parser/$test/Dockerfile") <(buildkit_lines) ;;
		shell/envVarTest) "$BUILDKIT_PROGRAM" vars "$dir/$test" ;;
		shell/wordsTest) "$BUILDKIT_PROGRAM" words "$dir/$test" ;;
		esac 2>&1; then
		echo "ok 1 - $test"
	else
		echo "not ok 1 - $test"
	fi
}

buildkit_parse() {
	local status=$2
	tap_one "$1"
}
