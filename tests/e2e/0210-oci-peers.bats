#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# berth oci as the runtime of other engines: Debian's podman, dockerd and containerd.

# What stands in '...' is for the shell in the container:
# shellcheck disable=SC2016

load helpers
load oci
load peers

setup() {
	new_oci
	ln -s "$BERTH" "$DIR/berth-oci"
	# shellcheck disable=SC2034 # for pod
	PODMAN=(--runtime "$DIR/berth-oci")
	their_cgroups >"$DIR/cgroups"
	tar -C "$BUNDLE/rootfs" -cf "$DIR/image.tar" .
}

teardown() {
	[ ! -d "$DIR/podman" ] || pod rm --all --force --time 0 >/dev/null 2>&1 || true
	if [ -S "$DIR/docker.sock" ]; then
		dock ps -aq | xargs -r timeout 200 docker -H "unix://$DIR/docker.sock" rm -f >/dev/null 2>&1 || true
	fi
	peers_end
	# A shim outlives its daemon; TERM alone only makes it ask a daemon that is gone.
	pgrep -f "^[^ ]*containerd-shim[^ ]* .*$DIR/" | xargs -r kill -KILL || true
	# The cgroups above those of their containers, which they never remove.
	their_cgroups | grep -vxFf "$DIR/cgroups" | while read -r dir; do
		find "$dir" -depth -type d -exec rmdir {} \;
	done || true
	end_oci
}

their_cgroups() {
	find /sys/fs/cgroup -maxdepth 3 -type d \( -name libpod_parent -o -name docker \)
}

# Limits that a machine without CAP_SYS_RESOURCE can set; no network of theirs is needed.
LIMITS="--ulimit nofile=1000:1000 --network none"

# bats test_tags=once
@test "podman: run, exec, pause, stop, limits, a terminal, and what is not there" {
	need podman conmon
	pod import "$DIR/image.tar" box >/dev/null
	# shellcheck disable=SC2086
	set -- $LIMITS --ulimit nproc=4000:4000
	run -4 pod run --rm "$@" box sh -c 'echo in; exit 4'
	[ "${lines[-1]}" = in ]
	pod run -d --name one "$@" box sh -c 'trap "exit 7" TERM; touch /tmp/trap; while :; do sleep 0.05; done' >/dev/null
	[ "$(pod inspect one --format '{{.State.Status}}')" = running ]
	eventually pod exec one test -e /tmp/trap
	run -0 pod exec one echo hello
	[ "$output" = hello ]
	run -9 pod exec one sh -c 'exit 9'
	run -127 pod exec one nonesuch
	run -0 pod exec -u 1000:1000 -w /tmp -e A=b one sh -c 'id -u; pwd; echo $A'
	[ "$output" = "1000
/tmp
b" ]
	pod pause one >/dev/null
	[ "$(pod inspect one --format '{{.State.Status}}')" = paused ]
	pod unpause one >/dev/null
	pod top one | grep -q sleep
	pod stop -t 20 one >/dev/null
	[ "$(pod inspect one --format '{{.State.ExitCode}}')" = 7 ]
	pod rm one >/dev/null
	run -127 pod run --rm "$@" box nonesuch
	run -126 pod run --rm "$@" box /etc
	run -0 pod run --rm -t "$@" box tty
	[[ $output == *"/dev/pts/0"* ]]
	run -0 pod run --rm --read-only --memory 64m --pids-limit 30 --cpus 0.5 --cap-drop all "$@" box \
		cat /proc/self/status
	[[ $output == *$'CapEff:\t0000000000000000'* ]]
}

# bats test_tags=once
@test "dockerd: run, exec, stop, limits, and what is not there" {
	need dockerd docker containerd
	cat >"$DIR/daemon.json" <<-END
		{"runtimes": {"berth": {"path": "$DIR/berth-oci"}}, "default-runtime": "berth"}
	END
	dockerd_start --default-ulimit nofile=1000:1000
	eventually dock info
	[ "$(dock info --format '{{.DefaultRuntime}}')" = berth ]
	dock import "$DIR/image.tar" box >/dev/null
	# shellcheck disable=SC2086
	set -- $LIMITS
	run -4 dock run --rm "$@" box sh -c 'echo in; exit 4'
	[ "${lines[-1]}" = in ]
	dock run -d --name one "$@" box sh -c 'trap "exit 7" TERM; touch /tmp/trap; while :; do sleep 0.05; done' >/dev/null
	eventually dock exec one test -e /tmp/trap
	run -0 dock exec one echo hello
	[ "$output" = hello ]
	run -9 dock exec one sh -c 'exit 9'
	run -0 dock exec -t one tty
	[[ $output == *"/dev/pts/"* ]]
	dock pause one >/dev/null
	[ "$(dock inspect one --format '{{.State.Status}}')" = paused ]
	dock unpause one >/dev/null
	dock update --memory 100m --memory-swap 100m one >/dev/null
	dock top one | grep -q sleep
	dock stop -t 20 one >/dev/null
	[ "$(dock inspect one --format '{{.State.ExitCode}}')" = 7 ]
	dock rm one >/dev/null
	run -127 dock run --rm "$@" box nonesuch
	run -126 dock run --rm "$@" box /etc
	run -0 dock run --rm --memory 64m --pids-limit 30 --cpus 0.5 --cap-drop all "$@" box cat /proc/self/status
	[[ $output == *$'CapEff:\t0000000000000000'* ]]
	[[ $output == *$'Seccomp:\t2'* ]]
}
