#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Three servers on three members of one etcd, and two agents: five network namespaces and a bridge. The server that leads and the member of etcd that leads, which
# are on one machine then, are killed and cut off in turn, while jobs are submitted: what was acknowledged has run, once, and what runs meanwhile is not touched.
# HA_ROUNDS=20 does it more often, also with the two leaders on different machines, and holds the new leader to
# five seconds from when etcd can decide (with two rounds they are only told: other tests may run beside).

load helpers

SERVERS="s1 s2 s3"
AGENTS="n1 n2"
HA_ROUNDS=${HA_ROUNDS:-2}

inside() { # NODE COMMAND...: in its network namespace
	local node=$1
	shift
	nsenter --net="$DIR/net.$node" "$@"
}

at() { # NODE COMMAND...: berth's command line there
	local node=$1
	shift
	BERTH_SOCKET=$DIR/$node.sock timeout 100 "$BERTH" "$@"
}

add_node() { # NODE LAST
	touch "$DIR/net.$1"
	unshare --net="$DIR/net.$1" ip link set lo up
	inside "$1" ip link add up0 type veth peer name "$1"
	inside "$1" ip link set "$1" netns "$DIR/netns"
	inside "$1" ip addr add "10.9.1.$2/24" dev up0
	inside "$1" ip link set up0 up
	apart ip link set "$1" master br0
	apart ip link set "$1" up
}

start_etcd() { # NODE
	local ip=10.9.1.${1#s}
	nsenter --net="$DIR/net.$1" etcd --name "$1" --data-dir "$DIR/etcd.$1" --unsafe-no-fsync --log-level error \
		--listen-client-urls "http://$ip:2379" --advertise-client-urls "http://$ip:2379" --listen-peer-urls "http://$ip:2380" \
		--initial-advertise-peer-urls "http://$ip:2380" --heartbeat-interval 50 --election-timeout 500 --initial-cluster s1=http://10.9.1.1:2380,s2=http://10.9.1.2:2380,s3=http://10.9.1.3:2380 \
		>/dev/null 2>&1 3>&- 4>&- &
	echo $! >"$DIR/etcd.$1.pid"
}

etcd_call() { # NODE PATH JSON: of its member
	inside "$1" curl -sS --fail-with-body --max-time 5 -d "$3" "http://10.9.1.${1#s}:2379/v3/$2"
}

etcd_leads() { # NODE
	etcd_call "$1" maintenance/status '{}' | jq -e '.leader == .header.member_id'
}

member_of() { # NODE
	etcd_call "$1" maintenance/status '{}' | jq -r .header.member_id
}

# etcd is led by this node's member now: whoever leads is told to give it away, again when another one was elected meanwhile.
lead_etcd() { # NODE
	local node
	for node in $SERVERS; do
		if [ "$node" != "$1" ] && etcd_leads "$node"; then
			etcd_call "$node" maintenance/transfer-leadership "{\"targetID\":\"$(member_of "$1")\"}"
		fi
	done
	etcd_leads "$1"
}

kill_etcd() { # NODE
	kill -KILL "$(cat "$DIR/etcd.$1.pid")"
}

start_server() { # NODE: its own member of etcd comes first
	local own=10.9.1.${1#s}:2379 all=10.9.1.1:2379,10.9.1.2:2379,10.9.1.3:2379
	inside "$1" "$BERTH" server --data "$DIR/$1" --socket "$DIR/$1.sock" --authority-secret "$DIR/secret" \
		--store "etcd://$own,$all/servers" 2>>"$DIR/$1.says" 3>&- 4>&-
}

start_agent() { # NODE OPTION...
	local node=$1
	shift
	inside "$node" "$BERTH" agent --data "$DIR/$node" --socket "$DIR/$node.sock" --node-name "$node" --slots 8 \
		--server 10.9.1.1,10.9.1.2,10.9.1.3 "$@" 3>&- 4>&-
}

pid_of() { # NODE
	cut -d' ' -f1 "$DIR/$1/lock"
}

# The one that leads: prints its name.
leader() {
	local server
	for server in $SERVERS; do
		[ "$server" != "${stopped:-}" ] || continue # it would not answer
		if at "$server" jobs >/dev/null 2>&1; then
			echo "$server"
			return
		fi
	done
	return 1
}

# It answers: it waits, or, on a machine with too much to do, leads again.
is_back() { # NODE
	local says
	says=$(at "$1" jobs 2>&1) || [[ "$says" == *"another one leads"* ]]
}

linked() { # NODE
	at "$(leader)" node inspect "$1" | jq -e '.[0].connected'
}

setup_file() {
	local node i=0 starting=()
	command -v etcd >/dev/null || skip "etcd is not installed"
	new_place
	mkdir "$DIR/shared"
	(umask 077 && head -c 24 /dev/urandom | base64 >"$DIR/secret")
	apart ip link add br0 type bridge
	apart ip link set br0 up
	for node in $SERVERS; do
		add_node "$node" "${node#s}"
		start_etcd "$node"
	done
	# All at the same moment, on an etcd that is empty: one of them makes the authority.
	for node in $SERVERS; do
		start_server "$node" &
		starting+=($!)
	done
	wait "${starting[@]}"
	eventually eval 'at "$(leader)" token create >"$DIR/token"'
	for node in $AGENTS; do
		i=$((i + 1))
		add_node "$node" $((10 + i))
		start_agent "$node" --token "@$DIR/token"
		at "$node" image import "$(busybox_tar)" busybox >/dev/null
		eventually linked "$node"
	done
}

teardown_file() {
	local node status=0
	[ -n "${DIR:-}" ] || return 0
	touch "$DIR/stop"
	for node in $AGENTS; do
		at "$node" down --all >/dev/null || status=1
	done
	for node in $SERVERS; do
		kill -TERM "$(pid_of "$node")" || status=1
	done
	for node in $SERVERS; do
		eventually gone "$(pid_of "$node")" || status=1
	done
	for node in $SERVERS; do
		kill_etcd "$node" || status=1
	done
	for node in $SERVERS $AGENTS; do
		umount "$DIR/net.$node" || status=1
	done
	end_place || status=1
	return "$status"
}

teardown() {
	tell_words
	[ -n "${BATS_TEST_COMPLETED:-}" ] || tail -n 15 "$DIR"/s?/berth.log
}

# A job that says that it runs, once for each start, and notices when it is not alone.
job_file_of() { # NAME COMMAND
	job_file "$1" <<-END
		name: $1
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "echo run >>/shared/$1; mkdir /shared/$1.lock || echo twice >>/shared/twice; $2; rmdir /shared/$1.lock"]
		    volumes: ["$DIR/shared:/shared"]
		    x-berth: {kind: task}
	END
}

# submit NAME COMMAND [BUT]: at whoever leads, but for one, until somebody has taken it; prints the server's name and the ID. A try that was not answered may have
# been taken, so each has a name of its own.
submit() {
	local n=0 server id file
	while [ ! -e "$DIR/stop" ] && [ -d "$DIR/shared" ]; do
		n=$((n + 1))
		file=$(job_file_of "$1-$n" "$2")
		for server in $SERVERS; do
			[ "$server" != "${3:-}" ] || continue
			id=$(at "$server" submit "$file" --json 2>/dev/null | jq -r .id)
			if [ -n "$id" ]; then
				echo "$1-$n $id" >>"$DIR/taken"
				echo "$server $id"
				return
			fi
		done
	done
	return 1
}

# One short job after the other, until there is a file "stop".
keep_submitting() {
	local i=0
	while [ ! -e "$DIR/stop" ]; do
		i=$((i + 1))
		submit "short-$1-$i" true >/dev/null || return 0
		sleep 0.1
	done
}

finished() { # ID
	[ "$(at "$(leader)" job "$1" --json | jq -r .state)" = finished ]
}

# A read by a majority, asked at a member that was not hit.
etcd_can() { # OLD
	local node
	for node in $SERVERS; do
		if [ "$node" != "$1" ] && etcd_call "$node" kv/range '{"key":"AA=="}' >/dev/null 2>&1; then
			return
		fi
	done
	return 1
}

# The time from now until etcd can decide again, a job that is submitted now was taken, and has run: in ms; and who took it.
decides_within() { # NAME OLD
	local begin=${EPOCHREALTIME/./} can taken server id
	eventually etcd_can "$2" || return 1
	can=$(((${EPOCHREALTIME/./} - begin) / 1000))
	read -r server id < <(submit "$1" true "$2")
	taken=$(((${EPOCHREALTIME/./} - begin) / 1000))
	eventually finished "$id" || return 1
	echo "$can $taken $(((${EPOCHREALTIME/./} - begin) / 1000)) $server"
}

judge() { # WHAT CAN TAKEN RAN
	echo "# $1: etcd could decide after $2 ms, the next leader had taken a job after $3 ms, and it had run after $4 ms" >&3
	[ "$HA_ROUNDS" -le 2 ] || [ $(($3 - $2)) -lt 5000 ]
}

# What runs all the time: two on each node.
still_there() {
	local node
	for node in $AGENTS; do
		at "$node" ps --no-trunc --format '{{.ID}} {{.Names}}' | grep long- | sort
	done
}

all_long_run() {
	[ "$(find "$DIR/shared" -name 'long-?-1.lock' | wc -l)" -eq 4 ]
}

others_wait() {
	local now server says
	now=$(leader) || return 1
	for server in $SERVERS; do
		[ "$server" != "$now" ] || continue
		says=$(at "$server" jobs 2>&1) && return 1
		[[ "$says" == *"this server waits, another one leads"*"pid $(pid_of "$now")"* ]] || return 1
		says=$(inside "$server" bash -c "exec 9<>/dev/tcp/10.9.1.${server#s}/7420" 2>&1) && return 1
		[[ "$says" == *refused* ]] || return 1
	done
}

@test "those that wait say who leads, and have no door for agents" {
	eventually others_wait
}

@test "the authority's key lies in etcd encrypted" {
	[ ! -e "$DIR/s1/cluster/ca.key" ]
	inside s1 strings -a "$DIR/etcd.s1/member/snap/db" "$DIR"/etcd.s1/member/wal/*.wal >"$DIR/strings"
	grep -q "BEGIN ENCRYPTED PRIVATE KEY" "$DIR/strings"
	run ! grep -q "BEGIN PRIVATE KEY" "$DIR/strings"
}

# hit HOW SERVER: sets can, taken, ran, new and how. With etcd's leader on its machine, or on another one.
hit() {
	local old=$2 other=s1
	[ "$old" != s1 ] || other=s2
	[ "$1" -ge 2 ] || other=$old
	eventually lead_etcd "$other"
	how="$old, with etcd led by $other,"
	if [ $(($1 % 2)) -eq 0 ]; then
		[ "$other" != "$old" ] || kill_etcd "$old"
		kill -KILL "$(pid_of "$old")"
		read -r can taken ran new < <(decides_within "after-kill-$round" "$old")
		[ "$other" != "$old" ] || start_etcd "$old"
		start_server "$old"
		how+=" killed"
	else
		apart ip link set "$old" down
		read -r can taken ran new < <(decides_within "after-cut-$round" "$old")
		run -0 eventually grep -q "the server steps down" "$DIR/$old/berth.log"
		apart ip link set "$old" up
		how+=" cut off"
	fi
}

@test "the leader and etcd's leader are killed or cut off at once: the next one decides, what was taken has run once, and what runs is not touched" {
	for i in 1 2 3 4; do
		submit "long-$i" "until [ -e /shared/go ]; do sleep 0.2; done"
	done
	eventually all_long_run
	before=$(still_there)
	keep_submitting a 3>&- 4>&- &
	submitter=$!
	for round in $(seq "$HA_ROUNDS"); do
		eventually eval 'old=$(leader)'
		hit "$(((round - 1) % 4))" "$old"
		[ "$new" != "$old" ]
		eventually is_back "$old"
		judge "$how" "$can" "$taken" "$ran"
		[ "$(still_there)" = "$before" ]
	done
	touch "$DIR/stop"
	wait "$submitter"
	rm "$DIR/stop"
	touch "$DIR/shared/go"
}

all_ended() {
	local ids
	ids=$(at "$(leader)" jobs -q) && [ -z "$ids" ]
}

ran_once() { # ID
	[ "$(at "$(leader)" job "$1" --json | jq -r '.state + " " + (.tasks[0].instances[0].attempts | length | tostring)')" = "finished 1" ]
}

@test "everything that was taken has run, once" {
	eventually all_ended
	[ ! -e "$DIR/shared/twice" ]
	while read -r name id; do
		eventually ran_once "$id"
		[ "$(wc -l <"$DIR/shared/$name")" -eq 1 ]
	done <"$DIR/taken"
	# Nor did one of those run twice that nobody was told of.
	for file in "$DIR"/shared/*-*; do
		[ "$(wc -l <"$file")" -eq 1 ]
	done
	echo "# $(wc -l <"$DIR/taken") jobs" >&3
}

stop_leader() { # its process hangs: its kernel still acknowledges, so only its silence tells
	kill -STOP "$(pid_of "$1")"
}

@test "the leader hangs: its agents leave it, and when it goes on it is none" {
	eventually eval 'old=$(leader)'
	stop_leader "$old"
	stopped=$old
	result=$(decides_within after-hang "$old")
	read -r can taken ran new <<<"$result"
	[ "$new" != "$old" ]
	kill -CONT "$(pid_of "$old")"
	stopped=
	eventually is_back "$old"
	for node in $AGENTS; do
		eventually linked "$node"
	done
}
