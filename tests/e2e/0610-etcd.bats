#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Two servers on one etcd: one leads, the other waits and takes over. etcd and the servers are in a network namespace of their own.

load helpers

# at SERVER COMMAND...: berth's command line at a server
at() {
	local server=$1
	shift
	BERTH_SOCKET=$DIR/$server.sock berth "$@"
}

start_server() { # NAME PORT
	BERTH_SOCKET=$DIR/$1.sock apart "$BERTH" server --data "$DIR/$1" --agents "127.0.0.1:$2" --store "$STORE" 3>&- 4>&-
}

pid_of() { # NAME
	cut -d' ' -f1 "$DIR/$1/lock"
}

leads() { # NAME
	at "$1" jobs >/dev/null 2>&1
}

job() { # NAME TEXT: submits a job at a server, prints its ID
	printf 'name: %s\nservices:\n  one:\n    image: busybox\n    command: ["true"]\n' "$2" >"$DIR/$2.yaml"
	at "$1" submit "$DIR/$2.yaml" --json | jq -r .id
}

setup_file() {
	command -v etcd >/dev/null || skip "etcd is not installed"
	new_place
	export STORE="etcd://127.0.0.1:2379/e2e?ttl=2"
	apart true
	nsenter --net="$DIR/netns" etcd --data-dir "$DIR/etcd" --unsafe-no-fsync --log-level error --heartbeat-interval 20 --election-timeout 200 >/dev/null 2>&1 3>&- 4>&- &
	echo $! >"$DIR/etcd.pid"
	start_server a 7421
	start_server b 7422 2>"$DIR/b.says"
}

teardown_file() {
	local status=0 server
	[ -n "${DIR:-}" ] || return 0
	for server in a b; do
		kill -TERM "$(pid_of "$server")" 2>/dev/null || true
	done
	for server in a b; do
		eventually gone "$server" || status=1
	done
	kill -KILL "$(cat "$DIR/etcd.pid")" || status=1
	end_place || status=1
	return "$status"
}

gone() {
	! kill -0 "$(pid_of "$1")" 2>/dev/null
}

@test "a second server says who leads, and waits" {
	grep "another server leads (.* pid $(pid_of a))" "$DIR/b.says"
	leads a
	run ! leads b
	run at b jobs
	fails_with "this server waits" "another one leads" "pid $(pid_of a)"
}

@test "a server that waits is ended by berth down, and waits again when it is started" {
	at b down
	eventually gone b
	start_server b 7422 2>"$DIR/b.says"
	grep "another server leads (.* pid $(pid_of a))" "$DIR/b.says"
	at a jobs
}

@test "the leader is killed: the other one has every job that was taken, and decides" {
	for i in 1 2 3; do
		job a "job$i" >>"$DIR/ids"
	done
	kill -KILL "$(pid_of a)"
	eventually leads b
	while read -r id; do
		at b job "$id" --json | jq -e --arg id "$id" '.id == $id'
	done <"$DIR/ids"
	[ "$(wc -l <"$DIR/ids")" -eq 3 ]
	job b job4
}

@test "a leader that ends in order is followed at once by the one that waits" {
	start_server a 7421 2>"$DIR/a.says"
	grep "another server leads (.* pid $(pid_of b))" "$DIR/a.says"
	kill -TERM "$(pid_of b)"
	eventually leads a
	at a jobs | grep "job4-"
}
