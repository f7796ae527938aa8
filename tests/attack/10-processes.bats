#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # scripts for the inside; variables of helpers.bash
#
# R1, R2, R8, R18, R21: what a process that enters a container, or is run for it, takes along and leaves open.

load helpers

# ---- R1: the host's program is run inside, and written over ----

# The image's program is "#!/proc/self/exe", so that the runtime's own file is run in the container, with the image's libraries. A copy of the
# runtime stands for it: the real one is not put at risk.
copy_of_runtime() {
	local real
	real=$(berth_of "$WHO")
	cp "$real" "$DIR/bin/runtime"
	sha256sum <"$DIR/bin/runtime" >"$DIR/hash"
}

# The image's libraries are the host's, so that the loader finds its way.
image_with_libraries() { # ROOTFS
	local library
	printf '#!/proc/self/exe\n' >"$1/bin/evil"
	chmod 755 "$1/bin/evil"
	cp "$ATTACK_BIN/preload.so" "$1/preload.so"
	for library in $({ ldd "$DIR/bin/runtime"; ldd "$ATTACK_BIN/preload.so"; } | grep -o '/[^ ]*' | sort -u); do
		mkdir -p "$1$(dirname "$library")"
		cp -L "$library" "$1$library"
	done
}

runtime_is_unchanged() { # WHEN
	sha256sum <"$DIR/bin/runtime" | cmp -s - "$DIR/hash" || bitten "$1: the runtime's program was written over"
}

with_copy() {
	case $WHO in
	berth) set -- env BERTH="$DIR/bin/runtime" "$@" ;;
	unguarded) set -- env UNGUARDED="$DIR/bin/runtime" "$@" ;;
	esac
	WHO=$WHO DIR=$DIR BERTH=$BERTH UNGUARDED=$UNGUARDED ROW=R1 "$@"
}

exe_overwrite() {
	local i EXECS=${EXECS:-1000}
	copy_of_runtime
	bundle exe "$(args /bin/attacker exe /tmp/exe.log) | .process.env += [\"LD_PRELOAD=/preload.so\"]"
	image_with_libraries "$DIR/exe/rootfs"
	# The entrypoint itself.
	bundle entry "$(args /bin/evil) | .process.env += [\"LD_PRELOAD=/preload.so\"]"
	image_with_libraries "$DIR/entry/rootfs"
	for i in 1 2 3; do
		with_copy timeout -k 1 "$(limit)" "$BATS_TEST_DIRNAME/rt" run --bundle "$DIR/entry" "entry$i" <"$DIR/nothing" || true
		with_copy "$BATS_TEST_DIRNAME/rt" delete --force "entry$i" 2>/dev/null || true
	done
	grep -q . "$DIR/entry/rootfs/loaded" || echo "the runtime was not run inside"
	runtime_is_unchanged entrypoint || return 1
	# And what is run in a container whose program watches.
	with_copy "$BATS_TEST_DIRNAME/rt" create --bundle "$DIR/exe" exe >"$DIR/exe.out" 2>&1 <"$DIR/nothing"
	with_copy "$BATS_TEST_DIRNAME/rt" start exe
	# One that is bitten is so soon.
	[ "$WHO" = berth ] || EXECS=50
	with_copy "$ATTACKER" repeat "${EXECS:-1000}" "$BATS_TEST_DIRNAME/rt" exec exe /bin/evil <"$DIR/nothing" >"$DIR/repeat.out" 2>&1
	echo "execs that ended with 0: $(tail -n 1 "$DIR/repeat.out"); opened: $(grep -c opened "$DIR/exe/rootfs/tmp/exe.log")"
	tail -n 2 "$DIR/exe/rootfs/tmp/exe.log"
	runtime_is_unchanged exec
}

# A health check is the engine's way to run something in a container.
engine_exe_overwrite() {
	local status
	copy_of_runtime
	case $WHO in
	unguarded) local UNGUARDED=$DIR/bin/runtime ;;
	*) local BERTH=$DIR/bin/runtime ;;
	esac
	eb up --data "$DIR/data" && engine_image exe 'image_with_libraries .' || return 2
	cat >"$DIR/job.yaml" <<-END
		services:
		  s:
		    image: exe
		    command: ["/bin/attacker", "exe", "/tmp/exe.log"]
		    environment: {LD_PRELOAD: /preload.so}
		    stop_grace_period: 100ms
		    volumes: ["$DIR/seen:/tmp"]
		    healthcheck: {test: ["CMD", "/bin/evil"], interval: 20ms, retries: 100000}
	END
	mkdir -p "$DIR/seen"
	eb submit "$DIR/job.yaml" || return 2
	eventually enough_opened || echo "opened: $(grep -c opened "$DIR/seen/exe.log")"
	eb run --network none --rm -e LD_PRELOAD=/preload.so exe /bin/evil || true
	runtime_is_unchanged "health check"
	status=$?
	# As long as the daemon runs, nobody can write to its program; what was opened may be held for longer than that.
	! grep writable "$DIR/seen/exe.log" || status=1
	eb down --all >/dev/null || return 2
	return "$status"
}

# What looked at the health checks long enough: opened their programs, or saw a hundred.
enough_opened() {
	[ "$(grep -c opened "$DIR/seen/exe.log")" -ge 20 ] || ! runtime_is_unchanged now >/dev/null
}

@test "R1: the program of the runtime is the same after it was run and opened inside" {
	withstands oci exe_overwrite
	withstands engine engine_exe_overwrite
	bites engine engine_exe_overwrite -- unguarded
	bites oci exe_overwrite -- unguarded
}

# ---- R2: a working directory that is a descriptor ----

cwd_script() {
	sh_args "for up in . .. ../.. ../../.. ../../../..; do cat \$up$DIR/canary/secret \$up/canary/secret 2>/dev/null; done; true"
}

leaked_cwd() {
	local n
	# A careless parent: 9 is the host's root.
	exec 9</
	for n in $(seq 3 "${LAST:-64}"); do
		bundle cwd "$(cwd_script) | .process.cwd = \"/proc/self/fd/$n\""
		run_box cwd || true
		! grep -q "$SECRET" "$DIR/out" || bitten "run, cwd /proc/self/fd/$n" || return 1
	done
	bundle stays "$(args sleep 1000)"
	start_box stays || return 2
	for n in $(seq 3 "${LAST:-64}"); do
		rt exec --cwd "/proc/self/fd/$n" stays sh -c \
			"for up in . .. ../.. ../../..; do cat \$up$DIR/canary/secret 2>/dev/null; done; true" >"$DIR/out" 2>&1 <"$DIR/nothing" || true
		! grep -q "$SECRET" "$DIR/out" || bitten "exec, cwd /proc/self/fd/$n" || return 1
	done
	exec 9<&-
}

# None of what we have open reaches the program.
leaked_descriptors() {
	exec 9</ 15</etc
	bundle fds "$(sh_args 'for fd in /proc/self/fd/*; do echo "fd ${fd##*/}"; done')"
	run_box fds || return 2
	exec 9<&- 15<&-
	! sed -n 's/^fd //p' "$DIR/out" | grep -v '^[0-3]$' || bitten "a descriptor is open inside"
}

engine_leaked_cwd() {
	local n
	exec 9</
	engine_up || return 2
	exec 9<&-
	for n in $(seq 3 "${ENGINE_LAST:-24}"); do
		eb run --network none --rm --workdir "/proc/self/fd/$n" box sh -c \
			"for up in . .. ../.. ../../..; do cat \$up$DIR/canary/secret 2>/dev/null; done; true" >"$DIR/out" 2>&1 || true
		! grep -q "$SECRET" "$DIR/out" || bitten "run --workdir /proc/self/fd/$n" || return 1
	done
	eb run --network none --rm box sh -c 'for fd in /proc/self/fd/*; do echo "fd ${fd##*/}"; done' >"$DIR/out" || return 2
	! sed -n 's/^fd //p' "$DIR/out" | grep -v '^[0-3]$' || bitten "a descriptor is open inside"
}

@test "R2: no descriptor of the host is a way out, neither as working directory nor open" {
	withstands oci leaked_cwd
	withstands oci leaked_descriptors
	withstands engine engine_leaked_cwd
	bites engine engine_leaked_cwd -- unguarded
	bites oci leaked_cwd -- runc crun unguarded
}

# ---- R8: inheritable capabilities ----

caps_of() { # OUTPUT-FILE WHEN
	grep -q '^CapInh' "$1" || return 2
	! grep -v ':[[:space:]]*0*$' "$1" || bitten "$2: $(cat "$1")"
}

inheritable() {
	local show='grep -E "^Cap(Inh|Amb)" /proc/self/status'
	bundle caps "$(sh_args "$show")"
	run_box caps || return 2
	caps_of "$DIR/out" init || return
	bundle capsd "$(args sleep 1000)"
	start_box capsd || return 2
	rt exec capsd sh -c "$show" >"$DIR/out" <"$DIR/nothing" || return 2
	caps_of "$DIR/out" exec || return
	rt exec --cap CAP_NET_RAW --cap CAP_SYS_PTRACE capsd sh -c "$show" >"$DIR/out" <"$DIR/nothing" || return 2
	caps_of "$DIR/out" "exec --cap" || return
	rt exec --cap CAP_NET_RAW --user 1000:1001 capsd sh -c "$show" >"$DIR/out" <"$DIR/nothing" || return 2
	caps_of "$DIR/out" "exec --cap --user"
}

# The first process, and one that comes later: the health check.
engine_inheritable() {
	engine_up || return 2
	eb run --network none --rm box sh -c 'grep -E "^Cap(Inh|Amb)" /proc/self/status' >"$DIR/out" || return 2
	caps_of "$DIR/out" run || return
	mkdir "$DIR/seen"
	cat >"$DIR/job.yaml" <<-END
		services:
		  s:
		    image: box
		    command: ["sleep", "1000"]
		    stop_grace_period: 100ms
		    volumes: ["$DIR/seen:/seen"]
		    healthcheck: {test: ["CMD-SHELL", "grep -E '^Cap(Inh|Amb)' /proc/self/status >/seen/caps.new && mv /seen/caps.new /seen/caps"], interval: 50ms}
	END
	eb submit "$DIR/job.yaml" || return 2
	eventually test -s "$DIR/seen/caps" || return 2
	caps_of "$DIR/seen/caps" "health check"
}

@test "R8: no capability is inheritable or ambient, in the first process or a later one" {
	withstands oci inheritable
	withstands engine engine_inheritable
	bites engine engine_inheritable -- unguarded
	bites oci inheritable -- runc crun unguarded
}

# ---- R18: hooks run with what the image says ----

# startContainer is not among them: it is a program of the container itself, run inside with the container's environment.

hook_environment() {
	local kind
	cat >"$DIR/hook" <<-END
		#!/bin/sh
		{ echo "hook \$1"; tr '\\0' '\\n' <"/proc/\$\$/environ"; echo "cwd \$(pwd)"; ls -l "/proc/\$\$/fd"; } >>"$DIR/hooks.log"
	END
	chmod 755 "$DIR/hook"
	: >"$DIR/hooks.log"
	bundle hooks "$(args true) | .process.env += [\"LD_PRELOAD=/preload.so\", \"LD_LIBRARY_PATH=/evil\", \"BASH_ENV=/evil\", \"ENV=/evil\",
		\"GCONV_PATH=/evil\"] | .hooks = ([\"prestart\", \"createRuntime\", \"createContainer\", \"poststart\", \"poststop\"] |
		map({key: ., value: [{path: \"$DIR/hook\", args: [\"hook\", .]}]}) | from_entries)"
	exec 9</
	run_box hooks || return 2
	exec 9<&-
	for kind in prestart createRuntime createContainer poststart poststop; do
		grep -qx "hook $kind" "$DIR/hooks.log" || { echo "the hook $kind was not run" && return 2; }
	done
	cat "$DIR/hooks.log"
	! grep -E 'preload|evil' "$DIR/hooks.log" || bitten "a hook has the image's environment" || return 1
	! grep -E 'cwd .*rootfs' "$DIR/hooks.log" || bitten "a hook starts in the image" || return 1
	! grep -E ' 9 -> /$' "$DIR/hooks.log" || bitten "a hook has a descriptor of ours" || return 1
}

@test "R18: hooks run with an environment of their own, not the image's" {
	withstands oci hook_environment
	bites oci hook_environment -- runc crun unguarded
}

# ---- R21: a number that was given to another process ----

# In a pid namespace of its own, where the next number can be chosen: the container's process is killed behind the runtime's back, its number goes
# to an innocent one, and then the runtime is asked for all that it can do to a container.
reused_pid() {
	bundle reuse "$(args sleep 1000)"
	export WHO DIR BERTH UNGUARDED ATTACKER
	export RT=$BATS_TEST_DIRNAME/rt
	ROW=$(row) timeout -k 1 200 unshare --pid --fork --mount-proc --kill-child bash -c '
		"$RT" create --bundle "$DIR/reuse" --pid-file "$DIR/reuse.pid" reuse <"$DIR/nothing" >"$DIR/reuse.out" 2>&1 && "$RT" start reuse || exit 2
		pid=$(cat "$DIR/reuse.pid")
		kill -KILL "$pid"
		# Its parent is gone; whoever reaps here, init or this shell, does it when asked.
		while [ -d "/proc/$pid" ]; do wait; done
		coproc VICTIM { exec "$ATTACKER" pid "$pid"; }
		exec {out}<&"${VICTIM[0]}" {in}>&"${VICTIM[1]}" {VICTIM[1]}>&-
		read -t 60 -r word <&"$out"
		[ "$word" = ready ] || exit 3
		echo "process $pid: $(tr "\0" " " <"/proc/$pid/cmdline")"
		"$RT" state reuse
		"$RT" exec reuse touch /entered <"$DIR/nothing" && echo "exec: ok"
		"$RT" kill reuse USR1 && echo "kill: ok"
		"$RT" kill --all reuse USR1
		"$RT" kill reuse KILL
		"$RT" pause reuse && echo "pause: ok"
		"$RT" resume reuse
		"$RT" delete --force reuse
		exec {in}>&-
		while read -t 60 -r line <&"$out"; do
			[ "$line" != end ] || { echo survived; exit 0; }
			echo "victim: $line"
		done' >"$DIR/reuse.log" 2>&1
	local status=$?
	cat "$DIR/reuse.log"
	[ "$status" -ne 2 ] && [ "$status" -ne 3 ] && [ "$status" -ne 124 ] || return "$status"
	! grep -q 'exec: ok' "$DIR/reuse.log" || bitten "exec entered another process" || return 1
	! grep 'victim:' "$DIR/reuse.log" || bitten "the other process was sent a signal" || return 1
	grep -qx survived "$DIR/reuse.log" || bitten "the other process was killed"
}

@test "R21: a process that got the number of a container's dead one is left alone" {
	withstands oci reused_pid
	bites oci reused_pid -- runc crun unguarded
}
