#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Jobs and roles at a server that is no node itself: what jobs say, and their containers, are at three agents, which know no roles.

load helpers
load cluster

BUILDER=20001 WATCHER=20002 TRUSTED=20005

setup_file() {
	printf '{"default": "none", "rules": [{"who": "uid:%d", "role": "no-host-access"}, {"who": "uid:%d", "role": "read-only"},
		{"who": "uid:20004", "role": "no-host-access"}, {"who": "uid:%d", "role": "no-host-access", "jobs": "all"}]}\n' $BUILDER $WATCHER $TRUSTED \
		>"$BATS_FILE_TMPDIR/policy.json"
	export SERVER_OPTIONS=(--policy "$BATS_FILE_TMPDIR/policy.json")
	LEASE=20s start_cluster
	chmod 711 "$DIR"
	chmod 666 "$BERTH_SOCKET"
	export DOCKER_HOST=unix://$BERTH_SOCKET DOCKER_CONFIG=$DIR/docker
}

teardown_file() {
	[ -n "${DIR:-}" ] || return 0
	end_cluster
}

setup() {
	command -v docker >/dev/null || skip "docker is not installed"
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
	last_word docker exec "$id-a-0" touch /go
	eventually grep -qx "a/0#2 | begun" "$DIR/followed"
	last_word docker exec "$id-a-0-try2" touch /go
	wait "$follower"
	[ "$(sort "$DIR/followed" | tr '\n' ';')" = "a/0 | begun;a/0#2 | begun;b/0 | after;" ]
	[ "$(job_field "$id" '.tasks[0].instances[0].attempts | map(.node) | unique | length')" = 2 ]
	berth rm "$id"
}

@test "exec, cp, top, stats and attach take a task or a copy where they take a container" {
	id=$(job_of used 2 "until [ -e /go ]; do sleep 0.1; done; cat /go")
	eventually all_run "$id" 2
	run -125 berth exec "$id/t" true
	fails_with "task \"t\" of job $id has 2 copies: say which one, $id/t/INDEX"
	run -125 berth exec "$id/t/2" true
	fails_with "has no copy 2"
	run -125 berth exec "$id/u" true
	fails_with "has no task \"u\""
	run -125 berth exec nobody/t true
	fails_with "No such container: nobody/t"
	run berth rename "$id-t-0" other
	fails_with "belongs to job $id"
	[ "$(berth exec "$id/t/1" hostname)" = "$(berth exec "$id-t-1" hostname)" ]
	berth top "$id/t/0" | grep -q sleep
	[ "$(berth stats --no-stream --format '{{.Name}}' "$id/t/0" "$id/t/1" | xargs)" = "$id-t-0 $id-t-1" ]
	echo went >"$DIR/go"
	berth attach --no-stdin "$id/t/0" >"$DIR/attached" 3>&- &
	attached=$!
	node=$(job_field "$id" '.tasks[0].instances[0].attempts[0].node')
	berth cp "$DIR/go" "$id/t/1:/go"
	berth cp "$DIR/go" "$node/$id-t-0:/go"
	ends_with 0 "$attached"
	berth wait "$id"
	[ "$(sorted_logs "$id")" = "t/0 | went;t/1 | went;" ]
	berth rm "$id"
}

@test "a node whose agent is away is named in one line; what is followed goes on where it was" {
	id=$(job_of counts 2 "i=0; until [ -e /go ]; do echo \$\$i; i=\$\$((i + 1)); sleep 0.05; done; echo end")
	eventually all_run "$id" 2
	node=$(job_field "$id" '.tasks[0].instances[0].attempts[0].node')
	berth logs -f "$id/t/0" >"$DIR/counted" 2>"$DIR/words" 3>&- &
	follower=$!
	eventually grep -qx "t/0 | 3" "$DIR/counted"
	berth logs -f -t --tail 2 "$id/t/0" >"$DIR/counted2" 2>/dev/null 3>&- &
	follower2=$!
	eventually bash -c "[ \$(wc -l <'$DIR/counted2') -gt 3 ]"
	kill -9 "$(on "$node" info --json | jq -r .pid)"
	eventually grep -qx "berth: node $node went away: what it has of $id is shown when it is there again" "$DIR/words"
	run berth logs "$id"
	[ "$(grep -c "node $node is not connected now: what it has of $id is not shown" <<<"$output")" = 1 ]
	docker_api 404 GET "/containers/$id-t-0/logs?stdout=1"
	[ "$(body .message)" = "No such container: $id-t-0 on the nodes that are connected; $node is not" ]
	run berth logs nobody
	fails_with "no container and no job" "; $node is not"
	seen=$(wc -l <"$DIR/counted")
	start_agent "$node"
	eventually bash -c "[ \$(wc -l <'$DIR/counted') -gt $((seen + 5)) ]"
	last_word docker exec "$id-t-0" touch /go
	last_word docker exec "$id-t-1" touch /go
	wait "$follower"
	wait "$follower2"
	# Of the last lines, too: none twice, none lost, each with its time once.
	sed -nE 's/^t.0 [|] [0-9TZ:.-]+ ([0-9]+)$/\1/p' "$DIR/counted2" >"$DIR/numbers"
	[ "$(wc -l <"$DIR/numbers")" = "$(($(wc -l <"$DIR/counted2") - 1))" ]
	[ "$(head -n 1 "$DIR/numbers")" -gt 0 ]
	seq "$(head -n 1 "$DIR/numbers")" "$(tail -n 1 "$DIR/numbers")" | cmp - "$DIR/numbers"
	sed 's/^t.0 | //' "$DIR/counted" >"$DIR/numbers"
	[ "$(tail -n 1 "$DIR/numbers")" = end ]
	seq 0 $(($(wc -l <"$DIR/numbers") - 2)) | cmp - <(head -n -1 "$DIR/numbers")
	[ "$(wc -l <"$DIR/words")" = 1 ]
	berth wait "$id"
	berth rm "$id"
}

@test "roles hold on every node as on one machine" {
	local own open call host cmd='"Image": "busybox", "Cmd": ["sleep", "600"]'
	as 20003 403 GET /containers/json
	as $WATCHER 200 GET /containers/json?all=1
	as $WATCHER 403 POST /containers/create "{$cmd}"
	as $WATCHER 403 POST /v1/containers/run '{"image": "busybox"}'
	as $WATCHER 403 DELETE /images/busybox
	as $WATCHER 403 GET /images/busybox/get
	as $BUILDER 201 POST /containers/create?name=own "{$cmd, \"HostConfig\": {\"NetworkMode\": \"none\"}}"
	own=$(made)
	as $BUILDER 204 POST /containers/own/start
	as $BUILDER 200 GET /containers/own/json
	as $BUILDER 201 POST /containers/own/exec '{"Cmd": ["true"]}'
	as $BUILDER 200 POST "/exec/$(made)/start" '{"Detach": true}'
	as $WATCHER 403 POST /containers/own/stop
	as $BUILDER 204 POST "/containers/own/stop?t=0"
	as $BUILDER 204 DELETE "/containers/$own"
	for host in '"Binds": ["/:/host"]' '"Privileged": true' '"PidMode": "host"' '"CapAdd": ["SYS_ADMIN"]' '"CgroupParent": "/x"'; do
		as $BUILDER 403 POST /containers/create?name=opens "{$cmd, \"HostConfig\": {\"NetworkMode\": \"none\", $host}}"
	done
	as $BUILDER 403 POST /v1/containers/run '{"image": "busybox", "mounts": [{"type": "bind", "source": "/", "target": "/h"}]}'
	as $BUILDER 403 POST /volumes/create '{"Name": "n1/etc", "DriverOpts": {"type": "none", "o": "bind", "device": "/etc"}}'
	as $BUILDER 403 GET /v1/nodes/n1/api/v1/containers
	as 0 201 POST /containers/create?name=opens "{$cmd, \"HostConfig\": {\"Binds\": [\"/:/host\"], \"NetworkMode\": \"none\"}}"
	open=$(made)
	as 0 204 POST /containers/opens/start
	for call in "POST /containers/opens/exec" "POST /containers/$open/attach?stdin=1" "GET /containers/opens/attach/ws?stdin=1" "GET /containers/opens/archive?path=/host/etc/shadow" \
		"GET /containers/opens/export" "POST /containers/opens/stop" "POST /containers/opens/rename?name=x" "POST /commit?container=opens" "DELETE /v1/containers/opens?force=1" \
		"POST /v1/containers/opens/kill"; do
		# shellcheck disable=SC2086 # two words
		as $BUILDER 403 $call '{"Cmd": ["cat", "/host/etc/shadow"]}'
	done
	as 0 201 POST /containers/opens/exec '{"Cmd": ["true"]}'
	as $BUILDER 403 POST "/exec/$(made)/start" '{"Detach": true}'
	as 0 204 POST "/containers/opens/stop?t=0"
	as $BUILDER 200 POST /containers/prune
	as 0 204 DELETE /containers/opens
}

job_as() { # UID FILE: its ID
	setpriv --reuid "$1" --regid "$1" --clear-groups "$BERTH" submit "$2" --json | jq -r .id
}

@test "roles hold for jobs, also of what only the node knows" {
	as 0 201 POST /volumes/create '{"Name": "n2/etc", "DriverOpts": {"type": "none", "o": "bind", "device": "/etc"}}'
	job_file takes <<-END >/dev/null
		volumes: {v: {name: etc}}
		services:
		  t:
		    image: busybox
		    command: [cat, /v/shadow]
		    volumes: ["v:/v"]
		    deploy: {placement: {constraints: [node.hostname == n2]}}
		    x-berth: {kind: task}
	END
	job_file stays <<-END >/dev/null
		services:
		  t:
		    image: busybox
		    command: [sleep, "600"]
		    stop_grace_period: 0s
		    labels: {io.berth.owner: "20004"}
		    x-berth: {kind: task}
	END
	id=$(job_as $BUILDER "$DIR/takes.yaml")
	run berth wait "$id"
	[[ "$(job_field "$id" '.tasks[0].instances[0].attempts[0].error')" == 'your role may not use the volume "etc", which was made with options' ]]
	berth rm "$id"
	id=$(job_as 0 "$DIR/takes.yaml")
	berth wait "$id"
	berth rm "$id"
	id=$(job_as $BUILDER "$DIR/stays.yaml")
	eventually all_run "$id" 1
	other=$(job_as 20004 "$DIR/stays.yaml")
	eventually all_run "$other" 1
	for call in "POST /v1/jobs/$id/cancel" "POST /v1/jobs/$id/pause" "POST /v1/jobs/$id/resume" "DELETE /v1/jobs/$id" "POST /containers/$id-t-0/kill" \
		"POST /v1/containers/$id-t-0/stop?grace_ms=0" "POST /containers/$id-t-0/pause" "POST /containers/$id-t-0/attach?stdin=1" "GET /containers/$id-t-0/archive?path=/etc"; do
		# shellcheck disable=SC2086 # two words
		as 20004 403 $call
		grep -q "not yours" "$DIR/body"
	done
	as 20004 403 POST "/v1/jobs/$id/restart" '{"task": "t"}'
	as 20004 403 POST "/v1/jobs/$id/finish" '{"task": "t"}'
	as 20004 403 POST "/containers/$id-t-0/exec" '{"Cmd": ["true"]}'
	as 20004 200 GET "/v1/jobs/$id"
	as 20004 200 GET "/containers/$id-t-0/json"
	as 20004 201 POST "/containers/$other-t-0/exec" '{"Cmd": ["true"]}'
	# It names itself, and nobody else.
	setpriv --reuid 20004 --regid 20004 --clear-groups curl -sS --unix-socket "$BERTH_SOCKET" -H "Berth-Owner: $BUILDER" -X POST "http://d/v1/jobs/$id/cancel" | grep -q "not yours"
	as $TRUSTED 202 POST "/v1/jobs/$id/pause"
	as $BUILDER 202 POST "/v1/jobs/$id/resume"
	as $BUILDER 201 POST "/containers/$id-t-0/exec" '{"Cmd": ["true"]}'
	as 20004 202 POST "/v1/jobs/$other/cancel"
	as $BUILDER 202 POST "/v1/jobs/$id/cancel"
	run berth wait "$id" "$other"
	as 20004 403 DELETE "/v1/jobs/$id"
	as $BUILDER 200 DELETE "/v1/jobs/$id"
	as 20004 200 DELETE "/v1/jobs/$other"
	sed -i 's|"v:/v"|"/etc:/v"|' "$DIR/takes.yaml"
	run job_as $BUILDER "$DIR/takes.yaml"
	[[ "$output" == *'your role may not use "mounts" like that'* ]]
	as 0 204 DELETE /volumes/n2/etc
}

names_in() { # ARCHIVE: the names of its images
	tar -xOf "$1" manifest.json | jq -r '.[].RepoTags[]' | sort | xargs
}

@test "images of several nodes are one archive, and the figures of the disks are sums" {
	on n1 image tag busybox own:1
	on n2 image tag busybox own:2
	docker save own:1 own:2 busybox >"$DIR/several.tar"
	[ "$(names_in "$DIR/several.tar")" = "busybox:latest own:1 own:2" ]
	berth save -o "$DIR/one.tar" own:1
	[ "$(names_in "$DIR/one.tar")" = own:1 ]
	run berth save --node n3 own:1
	fails_with "No such image"
	run docker save own:1 own:3
	fails_with "No such image: own:3"
	run berth pull --node n1 127.0.0.1:1/own:1
	fails_with 127.0.0.1:1
	run berth build --node n1 "$DIR"
	fails_with "cannot be opened from here"
	run berth push own:1
	fails_with "in this machine's own store"
	nsenter --net="$DIR/net.n1" "$BERTH" registry --addr 127.0.0.1:5000 --data "$DIR/registry" >"$DIR/registry.out" 3>&- 4>&- &
	registry=$!
	eventually grep -q "is up" "$DIR/registry.out"
	on n1 image tag busybox 127.0.0.1:5000/team/own:1
	on n1 image tag busybox 127.0.0.1:5000/team/own:2
	docker push -q 127.0.0.1:5000/team/own:1
	docker push -qa 127.0.0.1:5000/team/own
	run docker push 127.0.0.1:5000/team/none
	fails_with "No such image"
	on n2 image tag busybox 127.0.0.1:5000/team/own:3
	run docker push -a 127.0.0.1:5000/team/own
	fails_with "no node has all tags" "n1 has 2 of 3"
	[ "$(inside n1 curl -s 127.0.0.1:5000/v2/team/own/tags/list | jq -c .tags)" = '["1","2"]' ]
	kill "$registry"
	wait "$registry" || true
	docker rmi own:1 own:2 127.0.0.1:5000/team/own:1 127.0.0.1:5000/team/own:2 127.0.0.1:5000/team/own:3 >/dev/null
	docker load -qi "$DIR/several.tar"
	[ "$(docker history -q own:2 | head -n 1)" = "$(docker images -q own:2)" ]
	[ "$(berth system df --json | jq '[.parts[] | select(.what == "layers")] | length')" = 1 ]
	docker rmi own:1 own:2 >/dev/null
}
