#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The checks of tools/ must be able to fail: each is given a small tree that breaks its rule.

setup() {
	TOOLS=$BATS_TEST_DIRNAME/../../tools
	TREE=$BATS_TEST_TMPDIR/tree
	mkdir -p "$TREE/src/base/core" "$TREE/src/node/image/test" "$TREE/src/node/data"
	cat >"$TREE/src/LAYERS" <<-'END'
		# comment
		base/core ->
		node/image -> base/core
		node/data -> base/core
		main.c -> base/core node/image
		<archive.h> <- node/image
		<openssl/*> <- base/core
	END
	echo '#include "base/core/err.h"' >"$TREE/src/node/image/image.c"
	cp "$TREE/src/node/image/image.c" "$TREE/src/main.c"
}

@test "check_layers accepts a tree that obeys" {
	run "$TOOLS/check_layers" "$TREE"
	[ "$status" -eq 0 ]
	[ "$output" = "check_layers: 2 includes, 0 wrong" ]
}

@test "check_layers names file, line, arrow and what is allowed" {
	printf '#include <stdio.h>\n#include "node/data/data.h"\n' >"$TREE/src/node/image/test/image_test.c"
	run "$TOOLS/check_layers" "$TREE"
	[ "$status" -eq 1 ]
	[[ "$output" == *"src/node/image/test/image_test.c:2: arrow node/image -> node/data (\"node/data/data.h\") is not allowed"* ]]
	[[ "$output" == *"node/image may include: node/image base/core"* ]]
}

@test "check_layers refuses an include that does not start at src/" {
	echo '#include "err.h"' >"$TREE/src/base/core/err.c"
	run "$TOOLS/check_layers" "$TREE"
	[ "$status" -eq 1 ]
	[[ "$output" == *'src/base/core/err.c:1: "err.h" does not start at src/'* ]]
}

@test "check_layers keeps a library in its folder" {
	printf '#include <archive.h>\n' >"$TREE/src/node/data/data.c"
	printf '#include <openssl/ssl.h>\n' >>"$TREE/src/node/data/data.c"
	run "$TOOLS/check_layers" "$TREE"
	[ "$status" -eq 1 ]
	[[ "$output" == *"data.c:1: node/data includes <archive.h>, which only node/image may"* ]]
	[[ "$output" == *"data.c:2: node/data includes <openssl/ssl.h>, which only base/core may"* ]]
}

@test "check_layers refuses arrows that form a circle, and lines that are no arrow" {
	printf 'base/core -> node/data\nnonsense\n' >>"$TREE/src/LAYERS"
	run "$TOOLS/check_layers" "$TREE"
	[ "$status" -eq 1 ]
	[[ "$output" == *"base/core can reach itself"* ]]
	[[ "$output" == *'not an arrow: "nonsense"'* ]]
}

@test "check_size refuses a long function and a long file, and lists a middling one" {
	{
		printf 'int long_one(void)\n{\n'
		seq -f '	f(%g);' 100
		printf '}\n\nstatic int middling(int a,\n		    int b)\n{\n'
		seq -f '	f(%g);' 70
		printf '}\n\nconst int table[] = {\n'
		seq -f '	%g,' 700
		printf '};\n'
	} >"$TREE/src/main.c"
	run "$TOOLS/check_size" "$TREE"
	[ "$status" -eq 1 ]
	[[ "$output" == *"src/main.c:1: long_one() has 103 lines, the limit is 100"* ]]
	[[ "$output" == *"src/main.c:105: middling() has 74 lines"* ]]
	[[ "$output" == *"src/main.c: 881 lines, the limit is 800"* ]]
	[[ "$output" != *table* ]]
}

@test "check_banned finds calls, but not in comments, literals and longer names" {
	cat >"$TREE/src/main.c" <<-'END'
		/* SPDX-License-Identifier: Apache-2.0 */
		/* strcpy(a, b) */
		const char *s = "system(x)";
		int ok = my_sprintf(1) + x.gets(2) + snprintf(0, 0, "");
		int bad = atoi("1");
	END
	run "$TOOLS/check_banned" "$TREE"
	[ "$status" -eq 1 ]
	[[ "$output" == *"src/main.c:5: atoi() is not used here"* ]]
	[[ "$output" != *"main.c:2:"* && "$output" != *"main.c:3:"* && "$output" != *"main.c:4:"* ]]
	[[ "$output" == *'src/node/image/image.c:1: no line "SPDX-License-Identifier'* ]]
}

@test "check_banned finds blanks at the end and wrong indentation" {
	printf '/* SPDX-License-Identifier: Apache-2.0 */\nint a; \n        int b;\n' >"$TREE/src/main.c"
	run "$TOOLS/check_banned" "$TREE"
	[[ "$output" == *"src/main.c:2: blanks at the end"* ]]
	[[ "$output" == *"src/main.c:3: indented with blanks"* ]]
}

tally() {
	run "$TOOLS/tally" "$@"
}

@test "tally adds up TAP and meson logs" {
	cd "$BATS_TEST_TMPDIR"
	printf '1..3\nok 1 - a\nok 2 - b # skip no cgroup\nnot ok 3 - c\n' >a.tap
	printf '{"name":"t","result":"OK","returncode":0,"stdout":"1..2\\nok 1\\nok 2\\n"}\n{"name":"u","result":"OK","returncode":0}\n' >b.json
	tally a.tap b.json
	[ "$status" -eq 1 ]
	[ "${lines[-1]}" = "4 passed, 1 failed, 1 skipped" ]
	[ "${lines[0]}" = "failed: a.tap: c" ]
}

@test "tally counts what did not report as failed" {
	cd "$BATS_TEST_TMPDIR"
	printf '1..3\nok 1 - a\n' >short.tap
	: >empty.tap
	printf '{"name":"t","result":"ERROR","returncode":-11,"stdout":"1..2\\nok 1\\nok 2\\n"}\n' >crash.json
	tally short.tap empty.tap crash.json missing.tap
	[ "$status" -eq 1 ]
	[ "${lines[-1]}" = "3 passed, 5 failed, 0 skipped" ]
}

@test "setup prints the packages of its sets and refuses an unknown one" {
	run "$TOOLS/setup" -l demo
	[ "$output" = busybox-static ]
	run "$TOOLS/setup" nonsense
	[ "$status" -eq 2 ]
}

@test "setup says what to type when it may not install" {
	[ "$(id -u)" -eq 0 ] || skip "needs root to become somebody else"
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\nexit 1\n' >"$BATS_TEST_TMPDIR/bin/sudo"
	printf '#!/bin/sh\nprintf "installed:gcc "\n' >"$BATS_TEST_TMPDIR/bin/dpkg-query"
	chmod -R a+rx "$BATS_TEST_TMPDIR"
	printf '#!/bin/sh\necho 1000\n' >"$BATS_TEST_TMPDIR/bin/id"
	chmod a+rx "$BATS_TEST_TMPDIR/bin/id"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run "$TOOLS/setup" build
	[ "$status" -eq 1 ]
	[[ "$output" == *"sudo apt-get update && sudo apt-get install -y --no-install-recommends "*meson* ]]
	[[ "$output" != *" gcc "* ]]
}

@test "check_leftovers sees a folder and a process that were not there before" {
	"$TOOLS/check_leftovers" snapshot "$BATS_TEST_TMPDIR/before"
	run "$TOOLS/check_leftovers" compare "$BATS_TEST_TMPDIR/before" no-such-thing
	[ "$status" -eq 0 ]
	folder=$(mktemp -d /tmp/berth-leftover.XXXXXX)
	export WITHIN=1
	run "$TOOLS/check_leftovers" compare "$BATS_TEST_TMPDIR/before" "$folder"
	rmdir "$folder"
	[ "$status" -eq 1 ]
	[ "$output" = "left behind: folder $folder" ]
	# A process of another program, which the folder of a test was given to.
	tail -f /dev/null --pid=$$ -s 1000 "$folder" 2>/dev/null 3>&- &
	pid=$!
	run "$TOOLS/check_leftovers" compare "$BATS_TEST_TMPDIR/before" "process $pid "
	kill "$pid"
	[ "$status" -eq 1 ]
	[[ ${lines[0]} == "left behind: process $pid "*": tail ("*"$folder)" ]]
}

@test "check_symbols names both files of a name that is defined twice, and is content with one" {
	dir=$BATS_TEST_TMPDIR/built
	mkdir -p "$dir/src/a/liba.a.p" "$dir/src/b/libb.a.p"
	echo 'int thing_find(void) { return 1; } static int same(void) { return 2; } int one(void) { return same(); }' >"$BATS_TEST_TMPDIR/one.c"
	echo 'long thing_look(void) { return 3; } static int same(void) { return 4; } int two(void) { return same(); }' >"$BATS_TEST_TMPDIR/two.c"
	cc -c -o "$dir/src/a/liba.a.p/one.c.o" "$BATS_TEST_TMPDIR/one.c"
	cc -c -o "$dir/src/b/libb.a.p/two.c.o" "$BATS_TEST_TMPDIR/two.c"
	run "$TOOLS/check_symbols" "$dir"
	[ "$status" -eq 0 ]
	[ "$output" = "check_symbols: 2 files, 0 names defined twice" ]
	sed -i s/thing_look/thing_find/ "$BATS_TEST_TMPDIR/two.c"
	cc -c -o "$dir/src/b/libb.a.p/two.c.o" "$BATS_TEST_TMPDIR/two.c"
	run "$TOOLS/check_symbols" "$dir"
	[ "$status" -eq 1 ]
	[[ "$output" == *"thing_find is defined by "*"one.c.o and "*"two.c.o"* ]]
}
