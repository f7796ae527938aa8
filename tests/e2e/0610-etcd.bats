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
	export STORE="etcd://127.0.0.1:2379/e2e?ttl=8"
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

# A server whose etcd nobody has started, in the background; its command is $!.
start_lonely() {
	BERTH_SOCKET=$DIR/none.sock nsenter --net="$DIR/netns" "$BERTH" server --data "$DIR/none" --agents 127.0.0.1:7429 --store "etcd://127.0.0.1:1/x?ttl=2" 2>"$DIR/none.says" 3>&- 4>&- &
}

waits_for_store() {
	[[ $(at none jobs 2>&1) = *"this server waits for its store"* ]]
}

@test "a server without an etcd says what it waits for, and ends with the command that started it, or by berth down" {
	start_lonely
	eventually waits_for_store
	kill -KILL $!
	eventually gone none
	start_lonely
	eventually waits_for_store
	eventually grep -q "etcd does not answer.*Connection refused; it is tried again" "$DIR/none.says"
	at none down
	ends_with 1 $!
	grep -q "stopped while it waited for etcd" "$DIR/none.says"
	eventually gone none
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

# counts TEXT: "N documents, N events, N snapshots" of what a command has said
counts() {
	echo "${1##*: }"
}

@test "a backup of a running server, a restore of it, and the way from etcd to a directory and back" {
	at a jobs -a -q | sort >"$DIR/before"
	[ "$(wc -l <"$DIR/before")" -ge 4 ]
	said=$(apart "$BERTH" backup --store "$STORE" "$DIR/backup")
	[[ "$said" == "backed up to $DIR/backup: "* ]]
	run apart "$BERTH" backup --store "$STORE" "$DIR/backup"
	fails_with "is there already"
	again=$(apart "$BERTH" restore --data "$DIR/restored" "$DIR/backup")
	[ "$(counts "$said")" = "$(counts "$again")" ]
	run apart "$BERTH" restore --data "$DIR/restored" "$DIR/backup"
	fails_with "$DIR/restored" "there is a state already"
	# A server on it knows all, the authority among it.
	BERTH_SOCKET=$DIR/r.sock apart "$BERTH" up --data "$DIR/restored" --agents 127.0.0.1:7423 3>&- 4>&-
	at r jobs -a -q | sort | cmp - "$DIR/before"
	[ "$(at r token create | cut -d. -f4)" = "$(at a token create | cut -d. -f4)" ]
	run apart "$BERTH" restore --data "$DIR/restored" "$DIR/backup"
	fails_with "in use"
	run apart "$BERTH" store copy "$DIR/restored" "etcd://127.0.0.1:2379/copied"
	fails_with "in use"
	at r token create >/dev/null
	at r down
	run apart "$BERTH" store copy "$STORE" "$DIR/fourth"
	fails_with "is in use by a server"
	apart "$BERTH" store copy "$DIR/restored" "etcd://127.0.0.1:2379/copied"
	BERTH_SOCKET=$DIR/r.sock apart "$BERTH" server --data "$DIR/third" --agents 127.0.0.1:7423 --store "etcd://127.0.0.1:2379/copied" 3>&- 4>&-
	at r jobs -a -q | sort | cmp - "$DIR/before"
	[ "$(at r token ls --json | jq length)" -eq 2 ]
	at r down
	apart "$BERTH" store copy "etcd://127.0.0.1:2379/copied" "$DIR/fourth"
	run apart "$BERTH" backup --data "$DIR/nowhere" "$DIR/other"
	fails_with "there is no state in"
	[ ! -e "$DIR/other" ]
}

@test "a copy that was broken off starts no server" {
	mkdir "$DIR/half"
	apart "$BERTH" restore --data "$DIR/half" "$DIR/backup"
	python3 - "$DIR/half/berth.db" <<-'END'
		import sqlite3, sys
		with sqlite3.connect(sys.argv[1]) as db:
		    db.execute("INSERT INTO docs VALUES ('unfinished-copy', '{}')")
	END
	run apart "$BERTH" up --data "$DIR/half" --socket "$DIR/half.sock"
	fails_with "a copy that was not finished" "delete it"
}
