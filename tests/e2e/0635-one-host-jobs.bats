#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Jobs seen and used from a server that is no node itself: what they say, and their containers, are at three agents.

load helpers
load cluster

setup_file() {
	LEASE=20s start_cluster
	export DOCKER_HOST=unix://$BERTH_SOCKET DOCKER_CONFIG=$DIR/docker
}

teardown_file() {
	[ -n "${DIR:-}" ] || return 0
	end_cluster
}

sorted_logs() { # what `berth logs` says, one source after the other
	berth logs "$@" 2>&1 | sort | tr '\n' ';'
}

@test "logs of a job, a task and a copy come from the nodes that ran them" {
	job_file said <<-END >/dev/null
		name: said
		services:
		  a:
		    image: busybox
		    command: [sh, -c, "echo out; echo err >&2"]
		    x-berth: {kind: task, replicate: 3, topology: apart}
		  b:
		    image: busybox
		    command: [echo, after]
		    depends_on: {a: {condition: service_completed_successfully}}
		    x-berth: {kind: task}
	END
	id=$(berth submit "$DIR/said.yaml" --json | jq -r .id)
	berth wait "$id"
	[ "$(sorted_logs "$id")" = "a/0 | err;a/0 | out;a/1 | err;a/1 | out;a/2 | err;a/2 | out;b/0 | after;" ]
	[ "$(sorted_logs "$id/a/1")" = "a/1 | err;a/1 | out;" ]
	[ "$(sorted_logs "$id/b")" = "b/0 | after;" ]
	[ "$(sorted_logs said/b)" = "b/0 | after;" ]
	[ "$(berth logs --tail 1 "$id" 2>&1 | wc -l)" = 4 ]
	[[ "$(berth logs -t "$id/b")" =~ ^b/0\ \|\ 2[0-9-]*T[0-9:.]*Z\ after$ ]]
	[ -z "$(berth logs --until 2020-01-01T00:00:00Z "$id" 2>&1)" ]
	[ "$(docker logs "$id-b-0")" = after ]
	run berth logs "$id/c"
	fails_with "has no task \"c\""
	run berth logs "$id/a/3"
	fails_with "has no copy 3 (it has 3, from 0)"
	run berth logs -f --until 1s "$id"
	fails_with "not both"
	run berth logs nobody
	fails_with "there is no container and no job \"nobody\""
	berth rm "$id"
}

@test "logs -f: what starts later, tries on other nodes, and the end with the job" {
	job_file follows <<-END >/dev/null
		services:
		  a:
		    image: busybox
		    command: [sh, -c, "echo begun; until [ -e /go ]; do sleep 0.1; done; exit 1"]
		    x-berth: {kind: task, retry: {attempts: 2, delay: 10ms, where: elsewhere}, on_error: continue}
		  b:
		    image: busybox
		    command: [echo, after]
		    depends_on: {a: {condition: service_started}}
		    x-berth: {kind: task}
	END
	id=$(berth submit "$DIR/follows.yaml" --json | jq -r .id)
	berth logs -f "$id" >"$DIR/followed" 3>&- &
	follower=$!
	eventually grep -qx "a/0 | begun" "$DIR/followed"
	docker exec "$id-a-0" touch /go
	eventually grep -qx "a/0#2 | begun" "$DIR/followed"
	docker exec "$id-a-0-try2" touch /go
	wait "$follower"
	[ "$(sort "$DIR/followed" | tr '\n' ';')" = "a/0 | begun;a/0#2 | begun;b/0 | after;" ]
	[ "$(job_field "$id" '.tasks[0].instances[0].attempts | map(.node) | unique | length')" = 2 ]
	berth rm "$id"
}

@test "a node whose agent is away is named in one line; what is followed goes on where it was" {
	id=$(job_of counts 2 "i=0; until [ -e /go ]; do echo \$\$i; i=\$\$((i + 1)); sleep 0.05; done; echo end")
	eventually all_run "$id" 2
	node=$(job_field "$id" '.tasks[0].instances[0].attempts[0].node')
	berth logs -f "$id/t/0" >"$DIR/counted" 2>"$DIR/words" 3>&- &
	follower=$!
	eventually grep -qx "t/0 | 3" "$DIR/counted"
	kill -9 "$(on "$node" info --json | jq -r .pid)"
	eventually grep -qx "berth: node $node went away: what it has of $id is shown when it is there again" "$DIR/words"
	run berth logs "$id"
	[ "$(grep -c "node $node is not connected now: what it has of $id is not shown" <<<"$output")" = 1 ]
	seen=$(wc -l <"$DIR/counted")
	start_agent "$node"
	eventually bash -c "[ \$(wc -l <'$DIR/counted') -gt $((seen + 5)) ]"
	docker exec "$id-t-0" touch /go
	docker exec "$id-t-1" touch /go
	wait "$follower"
	sed 's/^t.0 | //' "$DIR/counted" >"$DIR/numbers"
	[ "$(tail -n 1 "$DIR/numbers")" = end ]
	seq 0 $(($(wc -l <"$DIR/numbers") - 2)) | cmp - <(head -n -1 "$DIR/numbers")
	[ "$(wc -l <"$DIR/words")" = 1 ]
	berth wait "$id"
	berth rm "$id"
}
