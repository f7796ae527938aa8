#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Node sources: agents as processes of this machine, made and destroyed by the server (docs/SOURCES.md).

load helpers

source_field() { # NAME FILTER
	berth source inspect "$1" | jq -r ".[0]$2"
}

field_is() { # NAME FILTER VALUE
	[ "$(source_field "$1" "$2")" = "$3" ]
}

source_has() { # NAME N: so many nodes are up, and there is nothing else
	[ "$(source_field "$1" '.nodes | map(.state) | join(" ")')" = "$(yes up | head -n "$2" | xargs)" ]
}

source_gone() { # NAME
	! berth source inspect "$1"
}

node_is() { # NODE STATE
	[ "$(berth node inspect "$1" | jq -r '.[0].state')" = "$2" ]
}

job_is() { # ID STATE
	[ "$(job_field "$1" .state)" = "$2" ]
}

start_server() {
	apart "$BERTH" server --data "$DIR/data" --agents 127.0.0.1 --lease 5s 3>&- 4>&-
}

setup_file() {
	new_place
	# What the nodes of the cloud begin with: an image.
	BERTH_SOCKET=$DIR/seed.sock apart "$BERTH" up --data "$DIR/seed" 3>&- 4>&-
	BERTH_SOCKET=$DIR/seed.sock berth image import "$(busybox_tar)" busybox >/dev/null
	BERTH_SOCKET=$DIR/seed.sock berth down --all >/dev/null
	export SSH_LOG=$DIR/ssh.log
	start_server
}

teardown_file() {
	local name status=0
	for name in $(berth source ls -q); do
		berth source rm "$name" >/dev/null || status=1
	done
	for name in $(berth source ls -q); do
		eventually source_gone "$name" || status=1
	done
	end_place || status=1
	return "$status"
}

job_of() { # NAME COPIES COMMAND: submits, prints the job's ID
	job_file "$1" <<-END >/dev/null
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "$3"]
		    x-berth: {kind: task, replicate: $2}
	END
	berth submit "$DIR/$1.yaml" --json | jq -r .id
}

cloud_source() { # NAME: the rest of the file is standard input
	{
		echo "name: $1"
		echo "kind: command"
		echo "command: [$TOP/tests/lib/cloud, $DIR]"
		cat
	} >"$DIR/$1.yaml"
	berth source add --file "$DIR/$1.yaml"
}

@test "agents beside the server come, one is told to go, and nothing of them stays" {
	[ "$(berth source add here --kind local --max 3 --slots 2 --counter seat=3 --count 2 --price 0.5 --zone shelf)" = here ]
	eventually source_has here 2
	node_is here-1 free
	[ "$(berth node inspect here-2 | jq -c '.[0] | [.source, .zone, .price, .slots, .counters.seat.total]')" = '["here","shelf",0.5,2,3]' ]
	# Nobody gets in by a token that a source has used.
	[ "$(berth token ls --json)" = "[]" ]
	berth source add here --replace --kind local --max 3 --slots 2 --count 1
	eventually source_has here 1
	[ "$(berth node ls -q)" = here-1 ]
	[ "$(ls "$DIR/data/sources")" = here-1 ]
	# One that dies is destroyed, its containers too, and another one comes.
	kill -9 "$(BERTH_SOCKET=$DIR/data/sources/here-1/berth.sock berth info --json | jq -r .pid)"
	job=$(printf 'name: here\nkind: local\nmax: 3\nslots: 2\nlost_after: 0s\npolicy: {kind: static, nodes: 1}\n')
	berth source add --replace --file - <<<"$job"
	eventually node_is here-2 free
	eventually source_has here 1
	berth source rm here
	eventually source_gone here
	[ "$(berth node ls -q)" = "" ]
	[ "$(ls "$DIR/data/sources")" = "" ]
}

@test "a node with work is drained, and is destroyed when that has ended" {
	berth source add work --kind local --max 1 --zone attic --price 0.25
	eventually source_has work 1
	socket=$DIR/data/sources/work-1/berth.sock
	BERTH_SOCKET=$socket berth image import "$(busybox_tar)" busybox >/dev/null
	# What the source says of its nodes can be selected.
	job_file last <<-END >/dev/null
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "until [ -e /tmp/go ]; do sleep 0.1; done"]
		    x-berth: {kind: task, select: "zone == attic && price < 0.3 && source == work"}
	END
	id=$(berth submit "$DIR/last.yaml" --json | jq -r .id)
	eventually job_is "$id" running
	eventually node_is work-1 busy
	berth source rm work
	eventually node_is work-1 draining
	[[ "$(berth node inspect work-1 | jq -r '.[0].reason')" == *"its source is removed"* ]]
	[ "$(source_field work .state)" = leaving ]
	run -1 berth source add work --kind local --max 1
	fails_with "being removed"
	BERTH_SOCKET=$socket last_word berth exec "$id-t-0" touch /tmp/go
	eventually source_gone work
	job_is "$id" finished
	[ "$(job_field "$id" '.tasks[0].instances[0].attempts | length')" = 1 ]
}

@test "a cloud by its command: nodes come for what waits, and go when they were idle" {
	cloud_source spot <<-END
		max: 2
		slots: 2
		policy: {kind: idle, idle: 1s}
	END
	[ "$(berth node ls -q)" = "" ]
	id=$(job_of wave 4 "echo done")
	eventually job_is "$id" finished
	[ "$(source_field spot '.nodes | length')" -le 2 ]
	eventually source_has spot 0
	[ "$(grep -c ^create "$DIR/cloud.log")" = 2 ]
	# What create has told is given back.
	[ "$(grep ^destroy "$DIR/cloud.log" | sort | xargs)" = "destroy spot-1 id-of-spot-1 destroy spot-2 id-of-spot-2" ]
	[ "$(ls "$DIR/cloud")" = "" ]
	[ "$(berth events --json | jq -r 'select(.kind == "machine" and .node == "spot-1") | .state' | xargs)" = "creating joining up draining destroying gone" ]
	berth source rm spot
	eventually source_gone spot
}

@test "what fails is shown and rests, what it may have left is destroyed, and the next source is asked" {
	touch "$DIR/cloud.fails"
	: >"$DIR/cloud.log"
	cloud_source cheap <<-END
		max: 2
		slots: 1
		policy: {kind: idle, idle: 1s}
	END
	berth source add dear --kind local --max 1 --slots 1 --order 1 --policy idle --idle 1h
	id=$(job_of over 1 "true")
	eventually source_has dear 1
	eventually field_is cheap .trouble "cheap-1: exit code 7: quota exceeded"
	eventually field_is cheap '.nodes[0].state' failed
	[ "$(source_field cheap .retry_ms)" -gt 0 ]
	[[ "$(berth source ls)" == *"exit code 7: quota exceeded"* ]]
	[ "$(grep -v ^list "$DIR/cloud.log" | xargs)" = "create cheap-1 destroy cheap-1" ]
	berth cancel "$id" || true
	rm "$DIR/cloud.fails"
	berth source rm cheap dear
	eventually source_gone dear
	eventually source_gone cheap
}

@test "a machine that nobody asked for is destroyed; other people's are left alone" {
	mkdir -p "$DIR/cloud/old-7" "$DIR/cloud/older-1"
	cloud_source old <<-END
		max: 1
		slots: 1
		policy: {kind: static, nodes: 0}
	END
	eventually [ ! -e "$DIR/cloud/old-7" ]
	[ -d "$DIR/cloud/older-1" ]
	rmdir "$DIR/cloud/older-1"
	berth source rm old
	eventually source_gone old
}

@test "the server is killed while a machine is being made: there is one of it, and it joins" {
	touch "$DIR/cloud.waits"
	: >"$DIR/cloud.log"
	cloud_source twice <<-END
		max: 1
		slots: 1
	END
	eventually grep -q "^create twice-1" "$DIR/cloud.log"
	kill -9 "$(daemon_pid)"
	start_server
	source_field twice ""
	tail -n 30 "$DIR/data/berth.log"
	[ "$(source_field twice '.nodes[0].state')" = joining ]
	rm "$DIR/cloud.waits"
	eventually source_has twice 1
	[ "$(grep -c ^create "$DIR/cloud.log")" = 1 ]
	# Paused: nothing is released, and the pause is kept.
	berth source pause twice
	kill -9 "$(daemon_pid)"
	start_server
	[ "$(source_field twice .state)" = paused ]
	eventually node_is twice-1 free
	berth source resume twice
	berth source rm twice
	eventually source_gone twice
}

@test "hosts by ssh: the program is copied once, the token is in no word of a command, an unknown host is refused" {
	cat >"$DIR/rack.yaml" <<-END
		name: rack
		kind: ssh
		hosts: [root@one, "root@two:2222", root@unknown]
		ssh: $TOP/tests/lib/ssh_here
		dir: $DIR/far
		server: 127.0.0.1
		slots: 1
		counters: {seat: 2}
	END
	berth source add --file "$DIR/rack.yaml"
	eventually node_is rack-1 free
	[ "$(berth node inspect rack-1 | jq .[0].counters.seat.total)" = 2 ]
	eventually node_is rack-2 free
	eventually field_is rack '.nodes[2].state' failed
	[[ "$(source_field rack '.nodes[2].error')" == *"Host key verification failed."* ]]
	[ "$(source_field rack '.nodes[1].host')" = root@two:2222 ]
	cmp "$BERTH" "$DIR/far/berth"
	grep -q -- "-p 2222 -- root@two" "$SSH_LOG"
	run -1 grep -F berth1. "$SSH_LOG"
	# The one that is there already is not copied again.
	: >"$SSH_LOG"
	berth source rm rack
	eventually source_gone rack
	[ "$(ls "$DIR/far")" = berth ]
	berth source add --file "$DIR/rack.yaml"
	eventually node_is rack-1 free
	run -1 grep -F "cat >" "$SSH_LOG"
	berth source rm rack
	eventually source_gone rack
}

@test "nodes that are expected and have not come are shown" {
	berth source add own --kind static --expect n1 --expect n2 --zone rack4
	[ "$(berth node ls --json | jq -c '[.[] | [.name, .state, .source, .zone]]')" = '[["n1","missing","own","rack4"],["n2","missing","own","rack4"]]' ]
	[[ "$(berth source ls)" == *"has never joined"* ]]
	berth source rm own
	eventually source_gone own
	[ "$(berth node ls --json)" = "[]" ]
}

@test "a wrong file is an error with its place" {
	printf 'name: bad\nkind: local\nmax: 3\npolicy:\n  kind: load\n  low: 3\n' >"$DIR/bad.yaml"
	run -1 berth source add --file "$DIR/bad.yaml"
	fails_with "$DIR/bad.yaml:6:3: policy.low: 3 is not below policy.high, 1"
	printf 'name: bad\nkind: local\nmax: 3\npolicy:\n  kind: times\n  times:\n    - {from: "25:00", to: "08:00", nodes: 1}\n' >"$DIR/bad.yaml"
	run -1 berth source add --file "$DIR/bad.yaml"
	fails_with "$DIR/bad.yaml:7:8: policy: times: 0: from: a time from 00:00 to 24:00"
	run -1 berth source add
	fails_with "a name or --file FILE is needed"
	run -1 berth source rm nothing
	fails_with 'there is no node source "nothing"'
}
