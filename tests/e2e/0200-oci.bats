#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# berth oci: the command line of an OCI runtime.
#
# What stands in '...' is for the shell in the container:
# shellcheck disable=SC2016

load helpers
load oci

setup() {
	new_oci
}

teardown() {
	end_oci
}

@test "create, state, start, kill, delete: each status in its time" {
	waits
	background create --bundle "$BUNDLE" --pid-file "$DIR/pid" "$NAME"
	run -0 oci state "$NAME"
	[ "$(jq -r .status <<<"$output")" = created ]
	[ "$(jq -r .id <<<"$output")" = "$NAME" ]
	[ "$(jq -r .bundle <<<"$output")" = "$BUNDLE" ]
	[ "$(jq -r .rootfs <<<"$output")" = "$BUNDLE/rootfs" ]
	[ "$(jq -r .pid <<<"$output")" = "$(cat "$DIR/pid")" ]
	[ "$(jq -r .ociVersion <<<"$output")" = "$(jq -r .ociVersion "$BUNDLE/config.json")" ]
	[ "$(stat -c %a "$DIR/root/$NAME")" = 700 ]
	oci start "$NAME"
	has_status "$NAME" running
	oci kill "$NAME" KILL
	eventually has_status "$NAME" stopped
	[ "$(oci state "$NAME" | jq .pid)" = 0 ]
	oci delete "$NAME"
	run -1 oci state "$NAME"
	[[ $output == *"does not exist"* ]]
	[ ! -e "$DIR/root/$NAME" ]
}

@test "a created container has not run its program" {
	args sh -c 'echo ran >/tmp/ran'
	background create -b "$BUNDLE" "$NAME"
	[ ! -e "$BUNDLE/rootfs/tmp/ran" ]
	# The root of the default configuration is read-only; what the program would write is seen by its exit.
	oci start "$NAME"
	eventually has_status "$NAME" stopped
}

@test "run: exit codes and signals, and nothing stays" {
	local row
	for row in 0 1 7 255; do
		args sh -c "exit $row"
		run -"$row" oci run -b "$BUNDLE" "$NAME"
		[ ! -e "$DIR/root/$NAME" ]
	done
	args sh -c 'kill -9 $$; while :; do :; done'
	change 'del(.linux.namespaces[] | select(.type == "pid"))'
	run -137 oci run -b "$BUNDLE" "$NAME"
	[ ! -e "$DIR/root/$NAME" ]
}

@test "run: standard input, output and error, environment and directory" {
	args sh -c 'cat; echo err >&2; pwd; echo $KEY'
	change '.process.cwd = "/tmp" | .process.env += ["KEY=value of it"]'
	oci run -b "$BUNDLE" "$NAME" <<<"typed" >"$DIR/o" 2>"$DIR/e"
	[ "$(cat "$DIR/o")" = $'typed\n/tmp\nvalue of it' ]
	[ "$(cat "$DIR/e")" = err ]
}

@test "run: our signals go to the container" {
	args sh -c 'trap "echo told; exit 42" TERM; echo ready; while :; do sleep 0.05; done'
	"$BERTH" oci --root "$DIR/root" run -b "$BUNDLE" "$NAME" >"$DIR/o" 2>&1 3>&- 4>&- &
	local pid=$!
	eventually grep -q ready "$DIR/o"
	kill -TERM "$pid"
	wait "$pid" && return 1
	[ $? -eq 42 ]
	grep -q told "$DIR/o"
	[ ! -e "$DIR/root/$NAME" ]
}

@test "run --detach and --keep" {
	waits
	background run --detach -b "$BUNDLE" "$NAME"
	has_status "$NAME" running
	# The first process of a container hears only what it has a trap for, which takes a moment.
	told() { oci kill "$NAME" || true; has_status "$NAME" stopped; }
	eventually told
	oci delete "$NAME"
	args true
	oci run --keep -b "$BUNDLE" "$NAME"
	has_status "$NAME" stopped
}

@test "exec: output, exit code, user, environment, directory, process file, pid file" {
	waits
	background run -d -b "$BUNDLE" "$NAME"
	run -5 oci exec "$NAME" sh -c 'echo out; exit 5'
	[ "$output" = out ]
	run -0 oci exec -u 1000:2000 -g 3000 "$NAME" id
	[[ $output == *"uid=1000"*"gid=2000"*"3000"* ]]
	run -0 oci exec -e A=1 -e B=2 --cwd /tmp "$NAME" sh -c 'echo $A$B $PWD'
	[ "$output" = "12 /tmp" ]
	jq '.process | .args = ["sh", "-c", "echo from a file; exit 6"]' "$BUNDLE/config.json" >"$DIR/process.json"
	run -6 oci exec --process "$DIR/process.json" "$NAME"
	[ "$output" = "from a file" ]
	background exec -d --pid-file "$DIR/pid" "$NAME" sleep 1000
	[ "$(tr '\0' ' ' <"/proc/$(cat "$DIR/pid")/cmdline")" = "sleep 1000 " ]
	[ "$(oci ps -f json "$NAME" | jq "index($(cat "$DIR/pid")) != null")" = true ]
	run -255 oci exec "$NAME" nonesuch
	[[ $output == *"executable file not found"* ]]
	run -255 oci exec -u 4294967296 "$NAME" id
	run -255 oci exec -u root "$NAME" id
	run -255 oci exec "$NAME"
	[[ $output == *"args cannot be empty"* ]]
}

@test "exec gets no more rights than the container" {
	waits
	background run -d -b "$BUNDLE" "$NAME"
	oci exec "$NAME" cat /proc/self/status >"$DIR/status"
	grep -q $'^NoNewPrivs:\t1' "$DIR/status"
	grep -q $'^CapInh:\t0000000000000000' "$DIR/status"
	grep -q $'^CapAmb:\t0000000000000000' "$DIR/status"
	run -0 oci exec "$NAME" sh -c 'ls /proc/self/fd | cat'
	[ "$(wc -l <<<"$output")" -le 4 ]
	change '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["getcwd"], action: "SCMP_ACT_ERRNO"}]}'
	oci delete --force "$NAME"
	background run -d -b "$BUNDLE" "$NAME"
	run -0 oci exec "$NAME" cat /proc/self/status
	[[ $output == *$'Seccomp:\t2'* ]]
}

@test "hooks: all kinds, in order, with the state and a clean environment" {
	local log=$DIR/hooks
	cat >"$DIR/hook" <<-END
		#!/bin/sh
		echo "\$1 \$(sed 's/.*"status":"\([a-z]*\)".*/\1/') \$(env | grep -c LEAK) \$OWN" >>$log
	END
	chmod +x "$DIR/hook"
	cp "$DIR/hook" "$BUNDLE/rootfs/hook"
	change --arg hook "$DIR/hook" '.hooks = (["prestart", "createRuntime", "createContainer", "poststart", "poststop"]
		| map({key: ., value: [{path: $hook, args: ["hook", .], env: ["OWN=" + ., "PATH=/usr/bin:/bin"]}]}) | from_entries)'
	export LEAK=1
	args true
	oci run -b "$BUNDLE" "$NAME"
	run -0 cat "$log"
	[ "$output" = "prestart creating 0 prestart
createRuntime creating 0 createRuntime
createContainer creating 0 createContainer
poststart running 0 poststart
poststop stopped 0 poststop" ]
}

@test "a hook that fails stops the start and says what it said" {
	local kind
	for kind in prestart createRuntime createContainer poststart; do
		change --arg kind "$kind" '.hooks = {($kind): [{path: "/bin/sh", args: ["sh", "-c", "echo no room >&2; exit 3"]}]}'
		waits
		run -1 oci run -b "$BUNDLE" "$NAME"
		[[ $output == *"error running $kind hook #0"*"no room"* ]]
		[ ! -e "$DIR/root/$NAME" ]
	done
	change '.hooks = {startContainer: [{path: "/bin/false"}]}'
	run -1 oci run -b "$BUNDLE" "$NAME"
	[[ $output == *"error running startContainer hook #0"* ]]
	[ ! -e "$DIR/root/$NAME" ]
	change '.hooks = {poststop: [{path: "/bin/false"}]}'
	args true
	run -0 oci run -b "$BUNDLE" "$NAME"
	[[ $output == *"poststop hook #0"* ]]
}

@test "a terminal goes to the console socket" {
	args sh -c 'tty; read x; echo "got $x"; exit 0'
	change '.process.terminal = true'
	run -1 oci create -b "$BUNDLE" "$NAME"
	[[ $output == *"--console-socket"* ]]
	python3 - "$DIR/console" "$DIR/said" 3>&- 4>&- <<-'END' &
		import array, os, socket, sys
		server = socket.socket(socket.AF_UNIX)
		server.bind(sys.argv[1])
		server.listen(1)
		server.settimeout(200)
		peer, _ = server.accept()
		name, control, _, _ = peer.recvmsg(100, socket.CMSG_SPACE(4))
		fd = array.array('i', control[0][2])[0]
		os.write(fd, b'hello\n')
		said = name + b'\n'
		try:
		    while part := os.read(fd, 1000):
		        said += part
		except OSError:
		    pass
		open(sys.argv[2], 'wb').write(said)
	END
	local agent=$!
	eventually test -S "$DIR/console"
	background run -d --console-socket "$DIR/console" -b "$BUNDLE" "$NAME"
	wait "$agent"
	run -0 cat "$DIR/said"
	[[ $output == "/dev/pts/0"*"/dev/pts/0"*"got hello"* ]]
}

@test "a terminal in the foreground" {
	args sh -c 'tty; exit 9'
	change '.process.terminal = true'
	run -9 oci run -b "$BUNDLE" "$NAME" </dev/null
	[[ $output == *"/dev/pts/0"* ]]
	waits
	change '.process.terminal = false'
	background run -d -b "$BUNDLE" "$NAME"
	run -8 oci exec -t "$NAME" sh -c 'tty; exit 8' </dev/null
	[[ $output == *"/dev/pts/"* ]]
}

@test "pause and resume" {
	waits
	background run -d -b "$BUNDLE" "$NAME"
	run -1 oci resume "$NAME"
	[[ $output == *"not paused"* ]]
	oci pause "$NAME"
	has_status "$NAME" paused
	run -255 oci exec "$NAME" true
	[[ $output == *"cannot exec in a paused container"* ]]
	run -1 oci pause "$NAME"
	oci resume "$NAME"
	has_status "$NAME" running
	oci exec "$NAME" true
	oci pause "$NAME"
	oci delete --force "$NAME"
	[ ! -e "$DIR/root/$NAME" ]
}

memory_file() {
	if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
		echo "/sys/fs/cgroup$(awk -F: '$1 == 0 { print $3 }' "/proc/$1/cgroup")/memory.max"
	else
		echo "/sys/fs/cgroup/memory$(awk -F: '$2 == "memory" { print $3 }' "/proc/$1/cgroup")/memory.limit_in_bytes"
	fi
}

@test "update: options, a file and standard input" {
	local file
	waits
	change '.linux.resources.memory = {limit: 67108864}'
	background run -d --pid-file "$DIR/pid" -b "$BUNDLE" "$NAME"
	file=$(memory_file "$(cat "$DIR/pid")")
	[ "$(cat "$file")" = 67108864 ]
	oci update --memory 96M --pids-limit 20 "$NAME"
	[ "$(cat "$file")" = 100663296 ]
	[ "$(oci events --stats "$NAME" | jq .data.pids.limit)" = 20 ]
	echo '{"memory": {"limit": 50331648}}' >"$DIR/res.json"
	oci update -r "$DIR/res.json" "$NAME"
	[ "$(cat "$file")" = 50331648 ]
	echo '{"memory": {"limit": 33554432}}' | oci update -r - "$NAME"
	[ "$(cat "$file")" = 33554432 ]
	run -1 oci update --memory lots "$NAME"
	[[ $output == *"invalid value for memory"* ]]
	run -1 oci update --l3-cache-schema x "$NAME"
	[[ $output == *"Intel RDT"* ]]
	echo '{"memory": ' | run -1 oci update -r - "$NAME"
}

@test "ps, list, events" {
	waits
	background run -d -b "$BUNDLE" "$NAME"
	run -0 oci list
	[ "$(wc -l <<<"$output")" -eq 2 ]
	[[ ${lines[0]} == ID*PID*STATUS*BUNDLE*CREATED*OWNER ]]
	[[ ${lines[1]} == "$NAME"*running*"$BUNDLE"* ]]
	[ "$(oci list -q)" = "$NAME" ]
	[ "$(oci list -f json | jq -r '.[0].status')" = running ]
	run -0 oci ps "$NAME"
	[[ ${lines[0]} == *PID*CMD* ]]
	[ "${#lines[@]}" -ge 2 ]
	run -0 oci ps "$NAME" -o pid,comm
	[[ ${lines[0]} == *PID*COMMAND* ]]
	run -0 oci events --stats "$NAME"
	[ "$(jq -r '.type, .id' <<<"$output")" = "stats
$NAME" ]
	[ "$(jq '.data.pids.current >= 1' <<<"$output")" = true ]
	oci events --interval 20ms "$NAME" >"$DIR/events" 2>&1 3>&- 4>&- &
	local pid=$!
	eventually grep -q '"type":"stats"' "$DIR/events"
	oci kill "$NAME" KILL
	wait "$pid"
}

@test "an out of memory kill is told by events" {
	change '.linux.resources.memory = {limit: 16777216}'
	args sh -c 'trap "x=\$(cat /dev/zero | busybox head -c 100000000 | busybox tr \"\\\\0\" x); exit 0" USR1; while :; do sleep 0.05; done'
	ln -s busybox "$BUNDLE/rootfs/bin/head"
	background run -d -b "$BUNDLE" "$NAME"
	oci events --interval 1h "$NAME" >"$DIR/events" 2>"$DIR/e" 3>&- 4>&- &
	local pid=$!
	oci exec "$NAME" sh -c 'x=$(busybox head -c 100000000 /dev/zero | busybox tr "\0" x)' || true
	eventually grep -q '"type":"oom"' "$DIR/events"
	# The kernel may have chosen the container's first process, too.
	oci kill "$NAME" KILL || [ "$(oci state "$NAME" | jq -r .status)" = stopped ]
	wait "$pid"
}

@test "spec and features" {
	mkdir "$DIR/new"
	oci spec -b "$DIR/new"
	[ "$(jq -r '.process.args[0]' "$DIR/new/config.json")" = sh ]
	run -1 oci spec -b "$DIR/new"
	[[ $output == *"exists. Remove it first"* ]]
	run -0 oci features
	[ "$(jq -r .ociVersionMin <<<"$output")" = 1.0.0 ]
	[ "$(jq '.hooks | index("createContainer") != null' <<<"$output")" = true ]
	[ "$(jq '.linux.memoryPolicy.modes | index("MPOL_BIND")' <<<"$output")" = 2 ]
}

@test "errors: each misuse names itself, and leaves nothing" {
	local row words text
	waits
	background run -d -b "$BUNDLE" "$NAME"
	while IFS='|' read -r words text; do
		# shellcheck disable=SC2086
		run -1 oci ${words//NAME/$NAME}
		[[ $output == *"$text"* ]] || {
			echo "$words: $output"
			return 1
		}
	done <<-END
		|say what to do
		nonesuch|unknown command "nonesuch"
		create|requires exactly 1 argument
		create a b|requires exactly 1 argument
		create -b $BUNDLE ../x|invalid container ID
		create -b $BUNDLE ..|invalid container ID
		create -b $BUNDLE NAME|already exists
		create -b $DIR/nothing other|open the bundle
		create -b $DIR other|config.json not found
		create --nonesuch other|unknown option
		create --preserve-fds 5 -b $BUNDLE other|--preserve-fds
		create --console-socket $DIR/none -b $BUNDLE other|--console-socket
		start NAME|already running
		start other|does not exist
		state other|does not exist
		kill other|does not exist
		kill NAME NONESUCH|unknown signal
		kill NAME 99|unknown signal
		delete NAME|that is not stopped: running
		delete other|does not exist
		list -f xml|invalid format
		ps -f xml NAME|invalid format
		events --interval 0s NAME|interval
		--log-format xml list|invalid log-format
		--cgroup-manager other list|--cgroup-manager
		--root / list|cannot be the folder
	END
	run -0 oci delete --force other
	[ "$(ls "$DIR/root")" = "$NAME" ]
}

@test "a configuration that is wrong is refused with its place" {
	change '.linux.namespaces[0].type = "nonesuch"'
	run -1 oci run -b "$BUNDLE" "$NAME"
	[[ $output == *"linux.namespaces[0].type"* ]]
	new_oci_config='{"ociVersion": "1.0.0"'
	echo "$new_oci_config" >"$BUNDLE/config.json"
	run -1 oci run -b "$BUNDLE" "$NAME"
	[[ $output == *"config.json"* || $output == *"line"* ]]
	[ ! -e "$DIR/root/$NAME" ]
}

@test "--log: one JSON record each, as containerd and podman read it" {
	run -1 oci --log "$DIR/log" --log-format json state none
	[ "$(jq -r .level "$DIR/log")" = error ]
	[[ $(jq -r .msg "$DIR/log") == *'"none" does not exist'* ]]
	[ "$(jq -r '.time | sub("\\.[0-9]+"; "") | fromdate > 0' "$DIR/log")" = true ]
	run -1 oci --log "$DIR/text" state none
	grep -q 'level=error msg="container \\"none\\" does not exist"' "$DIR/text"
	args true
	run -0 oci --systemd-cgroup --log "$DIR/warned" --log-format json run -b "$BUNDLE" "$NAME"
	[ "$(jq -r .level "$DIR/warned")" = warning ]
	[[ $(jq -r .msg "$DIR/warned") == *systemd* ]]
}

@test "the name berth-oci" {
	ln -s "$BERTH" "$DIR/berth-oci"
	run -0 "$DIR/berth-oci" --version
	[[ ${lines[0]} == "berth-oci version "* ]]
	[[ ${lines[1]} == "spec: 1."* ]]
	args sh -c 'exit 12'
	run -12 "$DIR/berth-oci" --root "$DIR/root" run -b "$BUNDLE" "$NAME"
	run -0 "$DIR/berth-oci" --help
	[[ $output == *"Commands:"*create*update* ]]
	run -0 "$DIR/berth-oci" exec --help
	[[ $output == *"--preserve-fds N"* ]]
}

@test "descriptors: given ones arrive, others do not" {
	args sh -c 'ls /proc/self/fd; cat <&3'
	echo "through three" >"$DIR/three"
	run -0 bash -c 'exec 3<"$1" 9<"$1"; exec timeout 100 "$2" oci --root "$3" run --preserve-fds 1 -b "$4" "$5"' - \
		"$DIR/three" "$BERTH" "$DIR/root" "$BUNDLE" "$NAME"
	[[ $output == *"through three"* ]]
	run -1 grep -x 9 <<<"$output"
	args sh -c 'echo $LISTEN_FDS $LISTEN_PID; cat <&3'
	run -0 bash -c 'exec 3<"$1"; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$2" oci --root "$3" run -b "$4" "$5"' - \
		"$DIR/three" "$BERTH" "$DIR/root" "$BUNDLE" "$NAME"
	[ "$output" = "1 1
through three" ]
}

@test "the program that containers can see cannot be written" {
	waits
	background create -b "$BUNDLE" --pid-file "$DIR/pid" "$NAME"
	run -1 bash -c 'echo x >>"/proc/$1/exe"' - "$(cat "$DIR/pid")"
	[[ $output == *"Read-only file system"* || $output == *"Permission denied"* || $output == *"Text file busy"* ]]
	python3 -c 'import os, sys; fd = os.open(sys.argv[1], os.O_RDONLY); sys.exit(not os.fstatvfs(fd).f_flag & os.ST_RDONLY)' \
		"/proc/$(cat "$DIR/pid")/exe"
}

@test "a tmpfs shows the mode it inherits, a path is masked once, hooks of createContainer start in the bundle, /dev may be read-only" {
	mkdir -m 710 "$BUNDLE/rootfs/kept"
	mkdir "$BUNDLE/rootfs/hidden"
	change '.mounts += [{destination: "/kept", type: "tmpfs", source: "tmpfs"}] | .linux.maskedPaths = ["/hidden", "/hidden"] |
		.hooks = {createContainer: [{path: "/bin/sh", args: ["sh", "-c", "test -e rootfs/proc/self && echo here >./made"]}]} |
		(.mounts[] | select(.destination == "/dev") | .options) += ["ro"]'
	args sh -c 'grep -c " /hidden " /proc/self/mounts; grep " /kept " /proc/self/mounts; grep "^tmpfs /dev " /proc/self/mounts'
	run -0 oci run -b "$BUNDLE" "$NAME"
	[ "${lines[0]}" = 1 ]
	[[ ${lines[1]} == *mode=710* ]]
	[[ ${lines[2]} == "tmpfs /dev tmpfs ro"* ]]
	[ "$(cat "$BUNDLE/made")" = here ]
	change '.process.terminal = true | del(.hooks)'
	run -0 script -qefc "$(printf '%q ' "$BERTH" oci --root "$DIR/root" run -b "$BUNDLE" "$NAME")" /dev/null </dev/null
	[[ $output == *"tmpfs /dev tmpfs ro"* ]]
}

@test "words that mean nothing are errors: a root that is not there for list, an idle switch of 2" {
	run -1 "$BERTH" oci --root "$DIR/typo" list
	[[ $output == *"$DIR/typo"* ]]
	[ ! -e "$DIR/typo" ]
	waits
	background run -d -b "$BUNDLE" "$NAME"
	for word in 2 -1; do
		run -1 oci update --cpu-idle "$word" "$NAME"
		[[ $output == *"neither 0 nor 1"* ]]
	done
}

@test "exec gives a process the scheduler that is asked for, one that a fork would lose too" {
	waits
	background run -d -b "$BUNDLE" "$NAME"
	echo '{"user": {"uid": 0, "gid": 0}, "cwd": "/", "args": ["sleep", "600"], "env": ["PATH=/bin"], "scheduler": {"policy": "SCHED_BATCH",
		"nice": 5, "flags": ["SCHED_FLAG_RESET_ON_FORK"]}}' >"$DIR/process.json"
	background exec -d --pid-file "$DIR/pid" --process "$DIR/process.json" "$NAME"
	run -0 chrt -p "$(cat "$DIR/pid")"
	[[ ${lines[0]} == *"SCHED_BATCH|SCHED_RESET_ON_FORK" ]]
	jq '.scheduler = {policy: "SCHED_DEADLINE", runtime: 5, deadline: 3, period: 4}' "$DIR/process.json" >"$DIR/wrong.json"
	run -255 oci exec -d --process "$DIR/wrong.json" "$NAME"
	[[ $output == *"set the scheduler"* ]]
}

@test "memory comes from the nodes that linux.memoryPolicy names, also of what exec adds" {
	[ -e /proc/self/numa_maps ] || skip "the kernel knows no NUMA"
	change '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"]}'
	waits
	background run -d -b "$BUNDLE" "$NAME"
	run -0 oci exec "$NAME" cat /proc/self/numa_maps
	[[ $output == *" bind=static:0 "* ]]
	run -0 head -n 1 "/proc/$(oci state "$NAME" | jq .pid)/numa_maps"
	[[ $output == *" bind=static:0 "* ]]
	oci delete --force "$NAME"
	change '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "1023"}'
	run -1 oci run -b "$BUNDLE" "$NAME"
	[[ $output == *"set the memory policy"* ]]
}

@test "checkpoint and restore say why they cannot, and leave the container alone" {
	waits
	background run -d -b "$BUNDLE" "$NAME"
	if criu check >/dev/null 2>&1; then
		skip "criu works here"
	fi
	run -1 oci checkpoint --image-path "$DIR/image" "$NAME"
	[[ $output == *criu* ]]
	has_status "$NAME" running
	run -1 oci checkpoint --page-server nowhere "$NAME"
	[[ $output == *"ADDRESS:PORT"* ]]
	run -1 oci restore -b "$BUNDLE" --image-path "$DIR/none" "$NAME-2"
	[[ $output == *criu* || $output == *"open the image"* ]]
	mkdir -p "$DIR/image"
	echo '["/dev/null", "/dev/null", "/dev/null"]' >"$DIR/image/descriptors.json"
	run -1 oci restore -b "$BUNDLE" --image-path "$DIR/image" "$NAME-2"
	[[ $output == *criu* ]]
	run -1 oci restore -b "$BUNDLE" --manage-cgroups-mode soso "$NAME-2"
	[[ $output == *soso* ]]
	[ "$(ls "$DIR/root")" = "$NAME" ]
}

@test "an ordinary user" {
	id nobody >/dev/null || skip "there is no user nobody"
	chmod 711 "$DIR"
	rm "$BUNDLE/config.json"
	install -d -o nobody -m 700 "$DIR/home"
	cp -a "$BUNDLE" "$DIR/home/bundle"
	chown -hR nobody "$DIR/home/bundle"
	cp "$BERTH" "$DIR/berth"
	cd "$DIR/home/bundle"
	local as=(setpriv --reuid nobody --regid nogroup --clear-groups env -u XDG_RUNTIME_DIR)
	"${as[@]}" "$DIR/berth" oci spec --rootless
	jq '.process.terminal = false | .process.args = ["sh", "-c", "id -u; exit 5"]' config.json >new.json
	run -5 "${as[@]}" timeout 100 "$DIR/berth" oci --root "$DIR/home/root" run -f new.json "$NAME"
	[ "${lines[-1]}" = 0 ]
	[ -z "$(ls -A "$DIR/home/root")" ]
}

@test "a container that was interrupted while it was made can be deleted" {
	mkdir -p "$DIR/root/$NAME"
	run -1 oci state "$NAME"
	[[ $output == *"does not exist"* ]]
	run -1 oci create -b "$BUNDLE" "$NAME"
	[[ $output == *"already exists"* ]]
	oci delete --force "$NAME"
	[ ! -e "$DIR/root/$NAME" ]
}

@test "a process that got the number of an ended container is left alone" {
	waits
	background run -d -b "$BUNDLE" "$NAME"
	oci kill "$NAME" KILL
	eventually has_status "$NAME" stopped
	sleep 1000 3>&- 4>&- &
	local other=$!
	jq --argjson pid "$other" '.pid = $pid' "$DIR/root/$NAME/state.json" >"$DIR/state.json"
	cp "$DIR/state.json" "$DIR/root/$NAME/state.json"
	has_status "$NAME" stopped
	run -1 oci kill "$NAME" KILL
	[[ $output == *"container not running"* ]]
	oci delete --force "$NAME"
	kill -0 "$other"
	kill "$other"
}
