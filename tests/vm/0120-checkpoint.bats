#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Checkpoint and restore: criu works with the kernel of this machine. The container counts, so that one which goes on can be told from
# one which began anew.

load helpers
load ../e2e/oci

setup() {
	new_oci
	args sh -c 'n=0; trap "exit 7" TERM; while :; do n=$((n + 1)); echo $n >/tmp/count; read -t 0.05 line && echo "got $line"; done'
	change '.mounts += [{destination: "/tmp", type: "tmpfs", source: "tmpfs"}]'
}

teardown() {
	end_oci
}

count() {
	cat "/proc/$(oci state "$NAME" | jq .pid)/root/tmp/count"
}

counts_past() { # N
	[ "$(count)" -gt "$1" ]
}

# On a busy machine the time that it waits for a line may end in the middle of one.
answers() {
	grep -q "got word" "$DIR/output" && return
	echo word >&7
	return 1
}

@test "a container goes on where it was: count, descriptors, limits, mounts, hooks; it may run on meanwhile" {
	mkdir "$DIR/host"
	echo "from outside" >"$DIR/host/file"
	change --arg dir "$DIR" '
		.mounts += [{destination: "/data/host", source: ($dir + "/host"), options: ["rbind"]}] |
		.linux.resources = {pids: {limit: 77}} |
		.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 99, hard: 99}] |
		.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "cat >>$dir/hooks"], env: ["dir=" + $dir]}]}'
	mkfifo "$DIR/pipe"
	exec 7<>"$DIR/pipe"
	oci run -d -b "$BUNDLE" "$NAME" <&7 >"$DIR/output" 2>&1
	eventually counts_past 3
	oci checkpoint --leave-running --image-path "$DIR/image" --work-path "$DIR/work" "$NAME"
	has_status "$NAME" running
	[ -s "$DIR/work/dump.log" ]
	# Between the opening of the file and its number it is empty.
	eventually eval '[ -n "${before:=$(count)}" ]'
	eventually counts_past "$before"
	oci checkpoint --image-path "$DIR/image" "$NAME"
	run -1 oci state "$NAME"
	rm -r "$BUNDLE/rootfs/data"
	oci restore -b "$BUNDLE" --image-path "$DIR/image" --pid-file "$DIR/pid" "$NAME" <&7 >>"$DIR/output" 2>&1 &
	restored=$!
	eventually counts_past "$before"
	has_status "$NAME" running
	[ "$(oci state "$NAME" | jq .pid)" = "$(cat "$DIR/pid")" ]
	eventually answers
	[ "$(oci exec "$NAME" cat /data/host/file)" = "from outside" ]
	grep -q 'Max open files  *99 ' "/proc/$(cat "$DIR/pid")/limits"
	[ "$(cat "$CGROUPS$(sed -n 's/^0:://p' "/proc/$(cat "$DIR/pid")/cgroup")/pids.max")" = 77 ]
	[ "$(jq -s length "$DIR/hooks")" = 2 ]
	run -1 grep "$DIR/root" /proc/self/mountinfo
	oci kill "$NAME" TERM
	status=0
	wait "$restored" || status=$?
	[ "$status" -eq 7 ]
	run -1 oci state "$NAME"
}

# Takes the terminal of the next container at $DIR/console, types a line into it (again when nothing comes of it, as above) and keeps what it says until
# it ends.
console() {
	rm -f "$DIR/console"
	python3 - "$DIR/console" >"$DIR/typed" 3>&- 4>&- <<-'END' &
		import os, select, socket, sys
		sock = socket.socket(socket.AF_UNIX)
		sock.bind(sys.argv[1])
		sock.listen(1)
		connection = sock.accept()[0]
		_, fds, _, _ = socket.recv_fds(connection, 100, 1)
		seen = b""
		try:
		    while True:
		        if select.select(fds[:1], [], [], 0.3)[0]:
		            data = os.read(fds[0], 1000)
		            os.write(1, data)
		            seen += data
		        elif b"got typed" not in seen:
		            os.write(fds[0], b"typed\n")
		except OSError:
		    pass
	END
	CONSOLE=$!
	eventually test -S "$DIR/console"
}

@test "a terminal comes back through the console socket" {
	change '.process.terminal = true'
	console
	background run -d -b "$BUNDLE" --console-socket "$DIR/console" "$NAME"
	eventually counts_past 3
	oci checkpoint --image-path "$DIR/image" "$NAME"
	wait "$CONSOLE"
	console
	background restore -d -b "$BUNDLE" --image-path "$DIR/image" --console-socket "$DIR/console" "$NAME"
	has_status "$NAME" running
	eventually grep -q "got typed" "$DIR/typed"
	oci kill "$NAME" TERM
	wait "$CONSOLE"
}
