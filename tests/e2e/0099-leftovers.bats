#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Nothing stays on the machine: after a whole session, and after a test run that is interrupted in the middle.

load helpers

setup() {
	"$TOP/tools/check_leftovers" snapshot "$BATS_TEST_TMPDIR/before"
}

nothing_new() {
	run "$TOP/tools/check_leftovers" compare "$BATS_TEST_TMPDIR/before"
	succeeds
}

shared_cgroups() {
	find /sys/fs/cgroup -type d -name berth
}

# What an earlier berth of this machine left goes first; one in use by a neighbour cannot go.
no_shared_cgroups() {
	shared_cgroups | xargs -rI{} find {} -depth -type d | xargs -r rmdir 2>/dev/null
	[ -z "$(shared_cgroups)" ]
}

# bats test_tags=vm
@test "a session leaves nothing: no process, mount, cgroup, namespace, interface or folder" {
	start_with_image
	berth run -d busybox sleep 1000
	berth run --rm --memory 64m --pids 50 busybox true
	file=$(job_file svc <<-'END'
		services:
		  s: {image: busybox, command: ["sleep", "1000"], stop_grace_period: 100ms}
	END
	)
	berth submit "$file"
	berth down --all
	end_place
	nothing_new
}

# bats test_tags=vm
@test "the cgroups above those of the containers go with the daemon" {
	eventually no_shared_cgroups
	start_with_image
	berth run --memory 64m --pids 50 busybox true
	[ -n "$(shared_cgroups)" ]
	berth down --all
	[ -z "$(shared_cgroups)" ]
	end_place
}

@test "the cgroups above that of a build's step go with the build" {
	eventually no_shared_cgroups
	new_place
	mkdir "$DIR/context"
	cp /bin/busybox "$DIR/context/sh"
	cat >"$DIR/context/Dockerfile" <<-'END'
		FROM scratch
		COPY sh /bin/
		RUN ["/bin/sh", "-c", ":"]
	END
	berth build --data "$DIR/data" "$DIR/context"
	[ -z "$(shared_cgroups)" ]
	end_place
}

@test "an interrupted test run leaves nothing" {
	# Not spelled out below: bats rewrites each line of this file that begins with the word.
	local word=@test
	for signal in INT TERM; do
		mkfifo "$BATS_TEST_TMPDIR/ready.$signal"
		mkdir -p "$BATS_TEST_TMPDIR/e2e/inner"
		cp "$BATS_TEST_DIRNAME/helpers.bash" "$BATS_TEST_TMPDIR/e2e/inner/"
		sed -i "s|^TOP=.*|TOP=$TOP|" "$BATS_TEST_TMPDIR/e2e/inner/helpers.bash"
		cat >"$BATS_TEST_TMPDIR/e2e/inner/inner.bats" <<-END
			load helpers
			setup() { start_with_image; }
			teardown() { end_place; }
			$word "is interrupted" {
				berth run -d busybox sleep 1000
				# Said from inside, so that the shell surely waits for this command when the signal comes.
				berth run busybox sh -c 'echo ready; exec sleep 1000' >"$BATS_TEST_TMPDIR/ready.$signal"
			}
		END
		# A session of its own, as a terminal gives it to the programs that ^C reaches together; "&" made the shell ignore ^C for it.
		setsid env --default-signal=INT,QUIT -u BATS_RUN_TMPDIR -u BATS_ROOT_PID bats "$BATS_TEST_TMPDIR/e2e/inner" >"$BATS_TEST_TMPDIR/inner.log" 2>&1 3>&- &
		runner=$!
		# Opened for both, so that a run that dies before it is ready cannot keep us waiting.
		exec {ready}<>"$BATS_TEST_TMPDIR/ready.$signal"
		if ! read -t 200 -r _ <&"$ready"; then
			cat "$BATS_TEST_TMPDIR/inner.log"
			return 1
		fi
		exec {ready}<&-
		kill "-$signal" -- "-$runner"
		wait "$runner" || true
		nothing_new || {
			cat "$BATS_TEST_TMPDIR/inner.log"
			return 1
		}
	done
}

# bats test_tags=once
@test "an interrupted demo leaves nothing" {
	# Enough to be at it when the signal comes, on any machine.
	mkdir "$BATS_TEST_TMPDIR/texts"
	yes "so many words of a text that is long" | head -c 60000000 >"$BATS_TEST_TMPDIR/texts/long"
	for signal in INT TERM; do
		setsid env --default-signal=INT,QUIT INPUT="$BATS_TEST_TMPDIR/texts" "$TOP/tools/demo" >"$BATS_TEST_TMPDIR/demo.log" 2>&1 3>&- &
		runner=$!
		eventually grep -q '^demo: .* files' "$BATS_TEST_TMPDIR/demo.log"
		eventually compgen -G "${TMPDIR:-/tmp}/berth-demo.*/data"
		kill "-$signal" -- "-$runner"
		wait "$runner" || true
		[[ "$(tail -n 1 "$BATS_TEST_TMPDIR/demo.log")" == "demo: failed: "* ]]
		nothing_new
	done
}
