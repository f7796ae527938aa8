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
