#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Standard streams of containers and processes in them, by Docker's own clients and by bytes on the socket.

load helpers

setup_file() {
	command -v docker >/dev/null || return 0
	start_apart
	export DOCKER_HOST=unix://$BERTH_SOCKET DOCKER_CONFIG=$DIR/docker HOME=$DIR
	mkdir "$DIR/docker"
	docker run -d --name idle busybox sleep 10000
	head -c 20000000 /dev/urandom >"$DIR/big"
}

setup() {
	command -v docker >/dev/null || skip "docker is not installed"
}

teardown_file() {
	[ -n "${DIR:-}" ] || return 0
	# A sleep that is PID 1's child does not hear SIGTERM.
	docker rm -f idle >/dev/null
	end_place
}

bytes() {
	python3 "$BATS_TEST_DIRNAME/docker_streams.py" "$BERTH_SOCKET" "$@"
}

@test "docker run: output, exit code and input" {
	run --separate-stderr docker run --rm busybox sh -c 'echo out; echo err >&2; exit 3'
	[ "$status" = 3 ]
	[ "$output" = out ]
	[ "$stderr" = err ]
	[ "$(echo hi | docker run --rm -i busybox cat)" = hi ]
	run docker run --rm -i busybox cat </dev/null
	[ "$status" = 0 ]
	[ -z "$output" ]
}

@test "big data goes through run and exec and comes back the same" {
	local sum
	sum=$(sha256sum <"$DIR/big")
	[ "$(docker run --rm -i busybox cat <"$DIR/big" | sha256sum)" = "$sum" ]
	[ "$(docker exec -i idle cat <"$DIR/big" | sha256sum)" = "$sum" ]
}

@test "docker exec: exit codes, users, environment, working directory" {
	run docker exec idle sh -c 'exit 7'
	[ "$status" = 7 ]
	run -127 docker exec idle no-such-command
	[[ "$output" == *"executable file not found"* ]]
	run -126 docker exec idle /etc
	run -126 docker exec -w /nowhere idle true
	run -126 docker exec -u nobody-here idle true
	run -137 docker exec idle sh -c 'kill -9 $$'
	run -143 docker exec -t idle sh -c 'kill -15 $$'
	run docker exec -u 1000:7 -w /tmp -e A=b idle sh -c 'id -u; id -g; pwd; echo $A'
	[ "$output" = $'1000\n7\n/tmp\nb' ]
	docker exec -d idle touch /touched
	eventually docker exec idle test -e /touched
	run docker exec -d idle no-such-command
	[ "$status" != 0 ]
}

@test "attach and exec are told as events" {
	local since
	since=$(date +%s.%N)
	docker run --rm --name told busybox true
	run -7 docker exec idle sh -c 'exit 7'
	docker events --since "$since" --until "$(date +%s.%N)" --filter type=container --format '{{json .}}' >"$DIR/told"
	[ "$(jq -r 'select(.Actor.Attributes.name == "told").Action' "$DIR/told" | grep -Ex 'create|attach|start|die' | tr '\n' ' ')" = "create attach start die " ]
	[ "$(jq -r 'select(.Actor.Attributes.name == "idle") | .Action + "|" + (.Actor.Attributes.exitCode // "")' "$DIR/told")" = \
		$'exec_create: sh -c exit 7|\nexec_start: sh -c exit 7|\nexec_die|7' ]
	[ "$(jq -r 'select(.Actor.Attributes.name == "idle").Actor.Attributes.execID' "$DIR/told" | sort -u | grep -Exc '[0-9a-f]{64}')" = 1 ]
}

@test "docker exec is refused in a container that is paused or has ended" {
	docker run --name ended busybox true
	run docker exec ended true
	[ "$status" = 1 ]
	[[ "$output" == *"is not running"* ]]
	docker rm ended
	run docker exec no-such-container true
	[ "$status" = 1 ]
	[[ "$output" == *"No such container"* ]]
}

@test "a terminal: its size, signals of a new one, the detach keys" {
	bytes terminal
}

@test "exec: the start decides about frames, and its keys may be written small" {
	bytes frames
}

@test "logs: a frame for each line" {
	bytes log_lines
}

@test "hijack in both forms, half-close, frames, types by version" {
	bytes hijack
}

@test "attach: before the start, with the log, by many, too many" {
	bytes attach
}

@test "attach by a websocket: data, pings, closes, and clients that break the rules" {
	bytes websocket
}

@test "a daemon that goes away leaves streams and processes alone" {
	bytes outlive "$BERTH" "$DIR/data"
}

@test "A5: clients that do not read, or come and go, do not make the monitor grow" {
	[[ "$BERTH" != *asan* ]] || skip "the sanitizer keeps what is freed"
	bytes flat
}

@test "docker-py: demultiplexed exec, attach, sockets" {
	python3 -c 'import docker' 2>/dev/null || skip "no docker-py"
	bytes docker_py
}
