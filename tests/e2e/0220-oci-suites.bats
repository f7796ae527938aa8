#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# berth oci: what the suites of other runtimes (tools/compat) found and the other tests had not.

load helpers
load oci

setup() {
	new_oci
}

teardown() {
	end_oci
}

@test "a variable that is given twice has its last value, PATH too" {
	waits
	change '.process.env = ["PATH=/nonesuch", "A=1", "A=2", "PATH=/bin", "AB=3"]'
	background run -d -b "$BUNDLE" "$NAME"
	run -0 oci exec "$NAME" env
	[ "$(grep -c ^A= <<<"$output")" = 1 ]
	[ "$(grep ^A= <<<"$output")" = A=2 ]
	run -0 oci exec -e A=4 -e PATH=/none -e AB= "$NAME" /bin/env
	[ "$(grep -E '^(A|AB|PATH)=' <<<"$output" | sort)" = $'A=4\nAB=\nPATH=/none' ]
	run -255 oci exec -e PATH=/none "$NAME" env
	[[ $output == *"executable file not found"* ]]
}

@test "exec: a working directory that is not there is an error and is not made" {
	waits
	change '.root.readonly = false'
	background run -d -b "$BUNDLE" "$NAME"
	run -255 oci exec --cwd /none/such "$NAME" true
	[[ $output == *'chdir to "/none/such": '*"no such file or directory"* ]]
	[ ! -e "$BUNDLE/rootfs/none" ]
	run -0 oci exec --cwd /tmp "$NAME" pwd
	[ "$output" = /tmp ]
}

@test "a tmpfs has the mode of the directory that it covers, or its own" {
	mkdir -m 712 "$BUNDLE/rootfs/kept" "$BUNDLE/rootfs/told"
	change '.root.readonly = false
		| .mounts += [("kept", "told", "new") | {destination: ("/" + .), type: "tmpfs", source: "tmpfs", options: ["ro"]}]
		| (.mounts[] | select(.destination == "/told")).options += ["mode=1755"]'
	cp /bin/busybox "$BUNDLE/rootfs/bin/stat"
	args stat -c '%a %n' /kept /told /new
	run -0 oci run -b "$BUNDLE" "$NAME"
	[ "$output" = $'712 /kept\n1755 /told\n1777 /new' ]
}

# binds KIND TARGET: what the container finds in a file, or in the file "in" of a directory, that is mounted on TARGET.
binds() {
	local kind=$1 source=$DIR/file
	[ "$kind" = file ] || source=$DIR
	change --arg to "$2" --arg from "$source" '.mounts = [.mounts[] | select(.type != "bind")]
		+ [{destination: $to, type: "bind", source: $from, options: ["bind", "ro"]}]'
}

@test "a link of the image that leads nowhere yet leads a mount to a place inside the image" {
	echo mounted >"$DIR/file"
	change '.root.readonly = false'
	ln -s ../run/deep/file "$BUNDLE/rootfs/etc/relative"
	ln -s /jump/over/file "$BUNDLE/rootfs/etc/absolute"
	ln -s ../../../../../outside "$BUNDLE/rootfs/jump"
	ln -s loop "$BUNDLE/rootfs/etc/loop"

	binds file /etc/relative
	args cat /etc/relative /run/deep/file
	run -0 oci run -b "$BUNDLE" "$NAME"
	[ "$output" = $'mounted\nmounted' ]
	binds file /etc/absolute
	args cat /etc/absolute /outside/over/file
	run -0 oci run -b "$BUNDLE" "$NAME"
	[ "$output" = $'mounted\nmounted' ]
	[ -f "$BUNDLE/rootfs/outside/over/file" ]
	rm -r "$BUNDLE/rootfs/outside"
	binds directory /jump
	args cat /jump/file
	run -0 oci run -b "$BUNDLE" "$NAME"
	[ "$output" = mounted ]
	[ -d "$BUNDLE/rootfs/outside" ]
	binds file /etc/loop
	run -1 oci run -b "$BUNDLE" "$NAME"
	[[ $output == *"oo many levels of symbolic links"* ]]
}

@test "a container and an exec may run on all processors, wherever their caller may" {
	local all
	all=$(grep Cpus_allowed_list: /proc/self/status)
	[ "$(nproc)" -gt 1 ] || skip "there is one processor"
	ln -s busybox "$BUNDLE/rootfs/bin/grep"
	args grep Cpus_allowed_list: /proc/self/status
	run -0 taskset -c 0 "$BERTH" oci --root "$DIR/root" run -b "$BUNDLE" "$NAME" 3>&- 4>&-
	[ "$output" = "$all" ]
	waits
	background run -d -b "$BUNDLE" "$NAME"
	run -0 taskset -c 0 "$BERTH" oci --root "$DIR/root" exec "$NAME" grep Cpus_allowed_list: /proc/self/status 3>&- 4>&-
	[ "$output" = "$all" ]
}

@test "a created container with a terminal does not hold the output of create" {
	change '.process.terminal = true'
	waits
	python3 - "$DIR/console" <<'PYTHON' 3>&- 4>&- &
import array, os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1] + '.new')
server.listen()
os.rename(sys.argv[1] + '.new', sys.argv[1])
connection, _ = server.accept()
_, control, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
os.write(array.array('i', control[0][2])[0], b'')
connection.recv(1)
PYTHON
	local console=$!
	eventually test -S "$DIR/console"
	# The pipe ends with the last that can write to it.
	oci create -b "$BUNDLE" --console-socket "$DIR/console" "$NAME" 2>&1 | timeout 200 cat >"$DIR/out"
	[ "${PIPESTATUS[*]}" = "0 0" ]
	has_status "$NAME" created
	oci delete --force "$NAME"
	wait "$console"
}

@test "run and exec with a terminal into a pipe: the lines arrive as they were written" {
	change '.process.terminal = true'
	args sh -c 'echo one; echo two; test -t 1 && echo three'
	oci run -b "$BUNDLE" "$NAME" </dev/null | cat >"$DIR/o"
	[ "$(od -c <"$DIR/o")" = "$(printf 'one\ntwo\nthree\n' | od -c)" ]
	change '.process.terminal = false'
	waits
	background run -d -b "$BUNDLE" "$NAME"
	oci exec -t "$NAME" sh -c 'test -t 1 && echo four' </dev/null | cat >"$DIR/o"
	[ "$(od -c <"$DIR/o")" = "$(printf 'four\n' | od -c)" ]
}

@test "a container that waits for its start holds nothing of the host's open" {
	waits
	background create -b "$BUNDLE" "$NAME"
	pid=$(oci state "$NAME" | jq .pid)
	# Its standard descriptors and the gate: what it talked to its maker with is gone.
	[ "$(ls "/proc/$pid/fd")" = $'0\n1\n2\n4' ]
	oci start "$NAME"
	has_status "$NAME" running
}

@test "exec: a process file may be named by its descriptor" {
	waits
	background run -d -b "$BUNDLE" "$NAME"
	jq '.process.args = ["echo", "by descriptor"] | .process' <"$BUNDLE/config.json" >"$DIR/process.json"
	run -0 oci exec --process /dev/fd/9 "$NAME" 9<"$DIR/process.json"
	[ "$output" = "by descriptor" ]
}

@test "an empty HOME is replaced by that of passwd" {
	echo "root:x:0:0::/of/passwd:/bin/sh" >"$BUNDLE/rootfs/etc/passwd"
	change '.process.env += ["HOME="]'
	args sh -c 'echo "$HOME"; env | busybox grep -c ^HOME='
	run -0 oci run -b "$BUNDLE" "$NAME"
	[ "$output" = $'/of/passwd\n1' ]
}

@test "delete ends what a container without a pid namespace of its own has left" {
	change '.linux.namespaces = [.linux.namespaces[] | select(.type != "pid")]'
	args sh -c 'sleep 1000 </dev/null >/dev/null 2>&1 & echo $!'
	background run -d -b "$BUNDLE" "$NAME"
	eventually has_status "$NAME" stopped
	left=$(cat "$DIR/out")
	kill -0 "$left"
	oci delete "$NAME"
	eventually gone "$left"
}

# In a mount namespace of the test's own, where "/" is shared.
spreading() {
	unshare --mount --propagation shared "$@"
}

@test "the root's mount spreads as it is told, read-only or not; a mapped slave stays a slave" {
	local read_only how tags
	for read_only in true false; do
		while read -r how tags; do
			change --argjson ro "$read_only" --arg how "$how" '.root.readonly = $ro | .linux.rootfsPropagation = $how'
			args cat /proc/self/mountinfo
			run -0 spreading "$BERTH" oci --root "$DIR/root" run -b "$BUNDLE" "$NAME"
			[ "$(awk 'NR == 1 { for (i = 7; $i != "-"; i++) printf "%s", $i }' <<<"$output" | tr -d 0-9)" = "$tags" ]
		done <<-END
			slave master:
			private
			shared shared:
		END
	done
	mkdir "$DIR/there"
	change --arg from "$DIR/there" '.linux.rootfsPropagation = "private" | .mounts += [{destination: "/tmp", type: "bind", source: $from,
		options: ["bind", "rslave"], uidMappings: [{containerID: 0, hostID: 1000, size: 1}], gidMappings: [{containerID: 0, hostID: 1000, size: 1}]}]'
	run -0 spreading "$BERTH" oci --root "$DIR/root" run -b "$BUNDLE" "$NAME"
	grep " /tmp " <<<"$output" | grep -q " master:"
	[[ ${lines[0]} != *" master:"* ]]
}
