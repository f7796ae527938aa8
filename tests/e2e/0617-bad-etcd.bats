#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Two servers on one etcd, each with a way to it of its own that these tests make slow, cut and hold (tests/lib/slow_etcd): what was acknowledged is there, once,
# and whoever is told an error knows whether it may be there all the same. All of it is in one network namespace. BAD_ETCD=long tries what takes long, too.

load helpers

declare -gA WAYS=([a]=2381 [b]=2382) DOORS=([a]=7421 [b]=7422)

# at SERVER COMMAND...: berth's command line at a server
at() {
	local server=$1
	shift
	BERTH_SOCKET=$DIR/$server.sock timeout 200 "$BERTH" "$@"
}

start_etcd() {
	nsenter --net="$DIR/netns" etcd --data-dir "$DIR/etcd" --unsafe-no-fsync --log-level error --heartbeat-interval 20 --election-timeout 200 \
		>/dev/null 2>&1 3>&- 4>&- &
	echo $! >"$DIR/etcd.pid"
}

start_way() { # SERVER
	mkdir "$DIR/way.$1"
	mkfifo "$DIR/way.$1/ring"
	nsenter --net="$DIR/netns" "$TOP/tests/lib/slow_etcd" "$DIR/way.$1" "${WAYS[$1]}" 2379 2>"$DIR/way.$1/errors" 3>&- 4>&- &
	echo $! >"$DIR/way.$1/pid"
	eventually grep listens "$DIR/way.$1/done"
}

said() { # SERVER N: its way has said so many lines
	[ "$(wc -l <"$DIR/way.$1/done")" -ge "$2" ]
}

way() { # SERVER ORDER...
	local n
	n=$(wc -l <"$DIR/way.$1/done")
	echo "${@:2}" >"$DIR/way.$1/order"
	echo >"$DIR/way.$1/ring"
	eventually said "$1" $((n + 1))
}

start_server() { # NAME
	BERTH_SOCKET=$DIR/$1.sock apart "$BERTH" server --data "$DIR/$1" --agents "127.0.0.1:${DOORS[$1]}" \
		--store "etcd://127.0.0.1:${WAYS[$1]}/bad?ttl=${TTL:-6}" 2>"$DIR/$1.says" 3>&- 4>&-
}

pid_of() { # NAME
	cut -d' ' -f1 "$DIR/$1/lock"
}

leads() { # NAME
	at "$1" jobs >/dev/null 2>&1
}

waits() { # NAME
	at "$1" jobs 2>&1 | grep -q "this server waits, another one leads"
}

waits_for_etcd() { # NAME
	at "$1" jobs 2>&1 | grep -q "this server waits for its store"
}

# Sets old, which leads, and new.
who_leads() {
	eventually eval '{ leads a && old=a new=b; } || { leads b && old=b new=a; }'
	eventually waits "$new"
}

submit() { # NAME TEXT
	at "$1" submit "$(job_file "$2" <<<"{name: $2, services: {one: {image: busybox, command: ['true']}}}")" --json
}

job() { # NAME TEXT: a job that is acknowledged
	local answer
	answer=$(submit "$1" "$2") || return 1
	jq -r .id <<<"$answer" >>"$DIR/taken"
}

steps() { # NAME: how often it has stepped down
	grep -c "the server steps down" "$DIR/$1/berth.log" || true
}

steps_down() { # NAME N: has stepped down more often
	[ "$(steps "$1")" -gt "$2" ]
}

jobs_named() { # NAME TEXT: how many there are
	at "$1" jobs -a -q | grep -c "^$2-" || true
}

# taken_once NAME: what was acknowledged is known to the server, and lies in etcd, where a log with a gap or anything else that is not whole cannot be read.
taken_once() {
	local id
	at "$1" jobs -a -q | sort >"$DIR/known"
	[ "$(sort "$DIR/taken" | comm -23 - "$DIR/known")" = "" ]
	[ "$(sort "$DIR/taken" | uniq -d)" = "" ]
	rm -f "$DIR/backup"
	apart "$BERTH" backup --store etcd://127.0.0.1:2379/bad "$DIR/backup"
	while read -r id; do
		grep -q "$id" "$DIR/backup"
	done <"$DIR/taken"
}

# What the processes do with their memory the other tests of etcd look at.
is_tried() {
	command -v etcd >/dev/null && [[ "$BERTH" != *build-asan* ]]
}

setup() {
	is_tried || skip "without etcd, or in the build with sanitizers"
}

setup_file() {
	local server
	is_tried || return 0
	new_place
	apart true
	start_etcd
	for server in a b; do
		start_way "$server"
		start_server "$server"
	done
}

teardown_file() {
	local status=0 server
	is_tried || return 0
	for server in a b; do
		way "$server" pass
		kill -TERM "$(pid_of "$server")" 2>/dev/null || true
	done
	for server in a b; do
		eventually gone "$(pid_of "$server")" || status=1
		kill -KILL "$(cat "$DIR/way.$server/pid")" || status=1
	done
	kill -KILL "$(cat "$DIR/etcd.pid")" || status=1
	end_place || status=1
	return "$status"
}

teardown() {
	tell_words
	[ -n "${BATS_TEST_COMPLETED:-}" ] || tail -n 15 "$DIR"/?/berth.log "$DIR"/way.?/done
}

@test "a write that breaks off before etcd has it, before its answer or within it is done once" {
	local fault
	who_leads
	for fault in lost-request lost-answer half-answer; do
		way "$old" next "$fault"
		job "$old" "$fault"
		tail -n 1 "$DIR/way.$old/done" | grep "has happened"
		[ "$(jobs_named "$old" "$fault")" -eq 1 ]
	done
	at "$new" jobs 2>&1 | grep "pid $(pid_of "$old")"
}

@test "etcd is slow: answers wait" {
	who_leads
	way "$old" delay 0.1
	job "$old" slow
	way "$old" pass
	[ "$(jobs_named "$old" slow)" -eq 1 ]
	leads "$old"
}

@test "etcd answers when the leader has given up: the error says that it may be done, and it is, once" {
	who_leads
	way "$old" delay 3
	run submit "$old" late
	fails_with "does not lead any more" "may have been done all the same"
	way "$old" pass
	who_leads
	[ "$(jobs_named "$old" late)" -eq 1 ]
	taken_once "$old"
}

@test "what a leader has sent comes to etcd when another one leads: it is refused" {
	who_leads
	way "$old" hold
	run submit "$old" held
	fails_with "does not lead any more" "may have been done all the same"
	eventually leads "$new"
	job "$new" of-the-next
	way "$old" pass
	eventually grep "a late write was answered" "$DIR/way.$old/done"
	leads "$new"
	job "$new" after-it
	[ "$(jobs_named "$new" held)" -eq 0 ]
	taken_once "$new"
	run ! grep held- "$DIR/backup"
}

compact() {
	local revision
	revision=$(apart curl -sS -d '{"key":"AA=="}' http://127.0.0.1:2379/v3/kv/range | jq -r .header.revision)
	apart curl -sS --fail-with-body -d "{\"revision\":$revision,\"physical\":true}" http://127.0.0.1:2379/v3/kv/compaction
}

@test "one that waits has missed what etcd has forgotten: it reads all again, and leads with all of it" {
	who_leads
	way "$new" cut
	for i in 1 2 3; do
		job "$old" "missed-$i"
	done
	compact
	job "$old" after-the-compaction
	eventually waits_for_etcd "$new"
	way "$new" pass
	eventually waits "$new"
	kill -KILL "$(pid_of "$old")"
	eventually leads "$new"
	taken_once "$new"
	start_server "$old"
}

alarm() { # ACTION
	apart curl -sS --fail-with-body -d "{\"action\":\"$1\",\"alarm\":\"NOSPACE\"}" http://127.0.0.1:2379/v3/maintenance/alarm
}

@test "etcd is full, and no longer: jobs are refused with what is to do, then taken; nobody steps down" {
	local id
	who_leads
	id=$(at "$old" jobs -q | head -n 1)
	alarm ACTIVATE
	run submit "$old" no-room
	fails_with "is full and takes nothing new" "etcdctl alarm disarm"
	run at "$old" cancel "$id"
	fails_with "is full"
	alarm DEACTIVATE
	job "$old" room
	[ "$(jobs_named "$old" no-room)" -eq 0 ]
	leads "$old"
	taken_once "$old"
}

@test "etcd is killed, and is there again: the server steps down, and leads with all that it had" {
	local n
	[ "${BAD_ETCD:-}" = long ] || skip "BAD_ETCD=long"
	who_leads
	n=$(steps "$old")
	kill -KILL "$(cat "$DIR/etcd.pid")"
	eventually steps_down "$old" "$n"
	start_etcd
	who_leads
	taken_once "$old"
	job "$old" again
}

@test "delays from 50 ms to 10 s, and back: nobody stays without a leader, nothing is done twice" {
	local delay n=0
	[ "${BAD_ETCD:-}" = long ] || skip "BAD_ETCD=long"
	for delay in 0.05 0.2 0.3 0.5 1 2 5 10; do
		who_leads
		way "$old" delay "$delay"
		n=$((n + 1))
		if job "$old" "delayed-$n"; then
			echo "# $delay s each way: taken" >&3
		else
			echo "# $delay s each way: refused" >&3
		fi
		way "$old" pass
		who_leads
		[ "$(jobs_named "$old" "delayed-$n")" -le 1 ]
		taken_once "$old"
	done
}
