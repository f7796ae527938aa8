#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The cluster as one Docker host: Docker's client and berth's own at the server's socket, containers on three agents. Only n1 has the image at first.

load helpers
load cluster

setup_file() {
	command -v docker >/dev/null || return 0
	IMAGES_AT=n1 start_cluster
	export DOCKER_HOST=unix://$BERTH_SOCKET DOCKER_CONFIG=$DIR/docker HOME=$DIR
	mkdir "$DIR/docker"
	head -c 20000000 /dev/urandom >"$DIR/big"
}

setup() {
	command -v docker >/dev/null || skip "docker is not installed"
}

teardown_file() {
	[ -n "${DIR:-}" ] || return 0
	end_cluster
}

# A name of its own for what a test leaves running.
idle() { # NAME OPTION...
	local name=$1
	shift
	docker run -d --network none --name "$name" "$@" busybox sleep 10000 >/dev/null
}

node_of() { # CONTAINER
	docker inspect -f '{{index .Config.Labels "berth.node"}}' "$1"
}

remove() {
	docker rm -f "$@" >/dev/null
}

@test "docker run: output, exit code and input, wherever it runs" {
	run --separate-stderr docker run --rm --network none busybox sh -c 'echo out; echo err >&2; exit 3'
	[ "$status" = 3 ]
	[ "$output" = out ]
	[ "$stderr" = err ]
	[ "$(echo hi | docker run --rm -i --network none busybox cat)" = hi ]
}

@test "containers are spread over the nodes, the image goes where it is needed, and ps shows the nodes" {
	idle a1
	idle b1
	idle c1
	[ "$(for i in a1 b1 c1; do node_of $i; done | sort | xargs)" = "n1 n2 n3" ]
	[ "$(docker ps --format '{{.Names}}' | sort | xargs)" = "$(for i in a1 b1 c1; do echo "$(node_of $i)/$i"; done | sort | xargs)" ]
	[ "$(docker ps -q --filter label=berth.node=n2 | wc -l)" = 1 ]
	[ "$(on n2 ps -q | wc -l)" = 1 ]
	[ "$(docker images -q busybox | wc -l)" = 1 ]
	for _ in 1 2; do
		docker create --network none busybox true >>"$DIR/unnamed"
	done
	[ "$(docker ps -a --filter status=created --format '{{.Names}}' | sort -u | grep -cE '^n[123]/[a-z]+_[a-z]+[0-9]{3}$')" = 2 ]
	xargs docker rm <"$DIR/unnamed"
	remove a1 b1 c1
	[ -z "$(docker ps -aq)" ]
}

@test "constraints, labels and names say where; a wish that nobody meets is an error that says why" {
	berth node label n3 disk=ssd
	idle d1 -e constraint:node==n2
	idle e1 -e constraint:disk==ssd -e KEPT=1
	idle f1 --label berth.node=n1
	idle n2/g1
	idle h1 -e affinity:container==e1
	[ "$(for i in d1 e1 f1 g1 h1; do node_of $i; done | xargs)" = "n2 n3 n1 n2 n3" ]
	[ "$(docker inspect -f '{{json .Config.Env}}' e1 | jq -c 'map(select(test("^(KEPT|constraint)")))')" = '["KEPT=1"]' ]
	run docker run --rm --network none -e constraint:disk==tape busybox true
	fails_with "no node can take the container" "n1 does not meet the constraints"
	run docker run --rm --network none -e constraint:disk busybox true
	fails_with "is no constraint"
	remove d1 e1 f1 g1 h1
}

@test "what a container may use is taken from its node" {
	idle big1 --cpus 2
	idle big2 --cpus 2
	idle big3 --cpus 2
	[ "$(for i in 1 2 3; do node_of big$i; done | sort | xargs)" = "n1 n2 n3" ]
	run docker run --rm --network none --cpus 1 busybox true
	fails_with "no node can take the container" "n3 has no room"
	run docker run --rm --network none --gpus 1 busybox true
	fails_with "no node can take the container" "n2 has not so many GPUs that no job uses"
	id=$(job_of waits 1 "true")
	job_state_is "$id" pending
	remove big2
	docker run --rm --network none --cpus 1 busybox true
	remove big1 big3
	berth wait "$id"
	berth rm "$id"
}

@test "a name is one in the cluster, and is free when the container has gone, however" {
	idle only --label berth.node=n1
	run docker create --network none --name only --label berth.node=n2 busybox true
	fails_with "Conflict" "is already in use"
	docker rename only other
	eventually docker inspect other
	run docker run --network none --name other busybox true
	fails_with "Conflict"
	# Removed by somebody at the node itself.
	on n1 rm -f other
	eventually docker create --network none --name other busybox true
	remove other
	# By itself.
	docker run --rm --network none --name other busybox true
	eventually docker create --network none --name other busybox true
	remove other
	run docker inspect other
	fails_with "No such"
}

@test "start, stop, restart, pause, kill, wait, top, diff, port, update, by names and by the beginnings of ids" {
	id=$(docker create --network none --name life --label berth.node=n3 busybox sleep 10000)
	short=${id:0:12}
	docker start "$short"
	[ "$(docker inspect -f '{{.State.Status}} {{.Node.Name}}' life)" = "running n3" ]
	docker pause life
	[ "$(docker inspect -f '{{.State.Status}}' n3/life)" = paused ]
	docker unpause life
	docker top life | grep -q sleep
	docker exec life touch /new
	docker diff life | grep -qx "A /new"
	docker port life
	docker update --memory 64m --memory-swap -1 life
	docker restart -t 0 "$short"
	docker kill life
	[ "$(docker wait life)" = 137 ]
	docker start life
	docker stop -t 0 life
	# What a path holds when it is decoded ends no line of the request that the node gets.
	[ "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$BERTH_SOCKET" \
		"http://berth/v1.44/containers/life/json%0D%0AX-Other:%20a")" = 501 ]
	remove "$short"
}

@test "exec, with and without a terminal, and attach" {
	idle x1 --label berth.node=n2
	run docker exec x1 sh -c 'exit 7'
	[ "$status" = 7 ]
	[ "$(echo typed | docker exec -i x1 cat)" = typed ]
	run script -qec "docker exec -it x1 sh -c 'tty; stty size'" "$DIR/tty" </dev/null
	[[ "$output" == */dev/pts/* ]]
	sum=$(sha256sum <"$DIR/big")
	[ "$(docker exec -i x1 cat <"$DIR/big" | sha256sum)" = "$sum" ]
	remove x1
	[ "$(docker run --rm -i --network none --label berth.node=n3 busybox cat <"$DIR/big" | sha256sum)" = "$sum" ]
}

@test "cp of more than a request may hold, both ways" {
	idle y1 --label berth.node=n2
	docker cp "$DIR/big" y1:/big
	docker cp y1:/big "$DIR/back"
	cmp "$DIR/big" "$DIR/back"
	berth cp y1:/big "$DIR/back2"
	cmp "$DIR/big" "$DIR/back2"
	docker export y1 | tar -t | grep -qx big
	remove y1
}

@test "images: build, tag, save, load and commit on the cluster" {
	mkdir -p "$DIR/context"
	cp "$DIR/big" "$DIR/context/big"
	printf 'FROM busybox\nCOPY big /big\n' >"$DIR/context/Dockerfile"
	DOCKER_BUILDKIT=0 docker build -q -t built "$DIR/context"
	[ "$(docker run --rm --network none --label berth.node=n3 built sha256sum </dev/null /big | cut -d ' ' -f 1)" = "$(sha256sum <"$DIR/big" | cut -d ' ' -f 1)" ]
	docker tag built again:1
	docker save again:1 >"$DIR/saved.tar"
	docker rmi built again:1 >/dev/null
	[ -z "$(docker images -q built)" ]
	docker load -q <"$DIR/saved.tar"
	docker run --rm --network none --label berth.node=n2 again:1 test -s /big
	idle z1
	docker exec z1 touch /marked
	docker commit z1 marked >/dev/null
	docker run --rm --network none --label berth.node=n1 marked test -e /marked
	remove z1
	docker rmi again:1 marked >/dev/null
	run docker run --rm --network none marked true
	fails_with "marked"
}

@test "logs -f, events and stats of all nodes" {
	docker events >"$DIR/events" 3>&- &
	events=$!
	berth events -f --json >"$DIR/own" 3>&- &
	own=$!
	# They hear: something happens until both have said so.
	eventually eval 'docker run --rm --network none --label berth.node=n2 busybox true
		grep -q "container die" "$DIR/events" && grep -q "\"container_exited\".*\"exit_code\":0.*\"node\":\"n2\"" "$DIR/own"'
	kill "$own"
	wait "$own" || true
	docker run -d --network none --name said --label berth.node=n2 busybox sh -c 'echo here; until [ -e /go ]; do sleep 0.1; done; echo gone' >/dev/null
	docker logs -f said >"$DIR/followed" 3>&- &
	follower=$!
	eventually grep -qx here "$DIR/followed"
	[ "$(docker stats --no-stream --format '{{.Name}}' said)" = said ]
	last_word docker exec said touch /go
	wait "$follower"
	[ "$(xargs <"$DIR/followed")" = "here gone" ]
	eventually grep -q "container die .*name=said.*node.name=n2\|container die .*node.name=n2.*name=said" "$DIR/events"
	kill "$events"
	wait "$events" || true
	# What has been comes in the order of time, whatever node it was on; with a follower, what comes after it once.
	docker run -d --network none --name said2 --label berth.node=n1 busybox true >/dev/null
	docker wait said2
	docker events --since 1h --until 0s --format '{{.TimeNano}}' >"$DIR/past"
	[ "$(wc -l <"$DIR/past")" -ge 6 ]
	sort -n "$DIR/past" | cmp - "$DIR/past"
	docker events --since 1h --filter type=container --format '{{.TimeNano}} {{.Action}}' >"$DIR/events" 3>&- &
	events=$!
	eventually grep -q die "$DIR/events"
	before=$(grep -c destroy "$DIR/events" || true)
	remove said
	eventually bash -c "[ \"\$(grep -c destroy '$DIR/events')\" -gt $before ]"
	kill "$events"
	wait "$events" || true
	sort -n "$DIR/events" | cmp - "$DIR/events"
	[ -z "$(sort "$DIR/events" | uniq -d)" ]
	remove said2
}

@test "docker info shows the nodes and their sums; df and prune are sums" {
	docker info >"$DIR/info"
	grep -q "Nodes: 3" "$DIR/info"
	grep -q "n2: free" "$DIR/info"
	docker run --network none busybox true
	[ "$(docker container prune -f | grep -c '^[0-9a-f]\{64\}$')" = 1 ]
	docker system df >/dev/null
}

@test "a network and a volume are of one node, which their names say" {
	run docker volume create data
	fails_with "is of one node" "NODE/NAME"
	docker volume create n2/data
	[ "$(docker volume ls -q)" = n2/data ]
	docker run --rm --network none -v n2/data:/data busybox sh -c 'echo kept >/data/f'
	[ "$(docker run --rm --network none -v n2/data:/data busybox cat /data/f)" = kept ]
	docker volume rm n2/data
	docker network create n3/inner
	docker run -d --name member --network n3/inner busybox sleep 10000
	[ "$(node_of member)" = n3 ]
	remove member
	docker network rm n3/inner
	docker network ls --format '{{.Name}}' | grep -qx n1/bridge
}

@test "berth's own commands see the same" {
	berth run -d --name own busybox sh -c 'echo said; sleep 10000' >/dev/null
	node=$(berth ps --json | jq -r '.[0].node')
	[ "$(on "$node" ps -q | wc -l)" = 1 ]
	[ "$(berth run --rm busybox echo hello)" = hello ]
	run berth run --rm busybox sh -c "exit 5"
	[ "$status" = 5 ]
	eventually bash -c "$BERTH logs own | grep -x said"
	[ "$(echo typed | berth exec -i own cat)" = typed ]
	berth stats --no-stream own | grep -q own
	run docker create --network none --name own busybox true
	fails_with "Conflict"
	berth kill own
	exits_with 137 own
	berth rm own
	eventually docker create --network none --name own busybox true
	remove own
}

@test "top shows nodes, queue and rates, once or on a terminal until q" {
	idle seen --cpus 2 --label berth.node=n2
	id=$(job_of wide 1 "true")
	job_file wider <<-END >/dev/null
		services: {t: {image: busybox, command: ["true"], x-berth: {kind: task, slots: 9}}}
	END
	wide=$(berth submit "$DIR/wider.yaml" --json | jq -r .id)
	berth wait "$id"
	run -0 berth top --once --sort slots
	[[ "${lines[0]}" == "nodes 3, "*"; slots 2 of 6; memory "* ]]
	[[ "${lines[1]}" == "jobs 0 running, 1 waiting; copies 0 running, 1 waiting, submitted 0.0/s, started 0.0/s, ended 0.0/s" ]]
	[[ "${lines[3]}" =~ ^n2\ .*\ 2/2\ .*\ 1$ ]]
	[[ "$output" == *"$wide"*pending*"needs 9 slots"* ]]
	run -0 timeout 200 script -qec "stty rows 9 cols 90; TERM=xterm $BERTH top" "$DIR/screen" <<<q
	grep -q "NODE.*STATE" "$DIR/screen"
	run berth top --sort nothing
	fails_with "none of name, slots, memory, containers"
	berth cancel "$wide"
	berth rm "$id" "$wide"
	remove seen
}

@test "a job's containers are there, too" {
	id=$(job_of shown 3 "until [ -e /tmp/go ]; do sleep 0.1; done")
	eventually all_run "$id" 3
	[ "$(docker ps -q | wc -l)" = 3 ]
	last_word docker exec "$id-t-0" touch /tmp/go
	last_word docker exec "$id-t-1" touch /tmp/go
	last_word docker exec "$id-t-2" touch /tmp/go
	berth wait "$id"
	berth rm "$id"
}

@test "the server is killed: names, nodes and what is used are known again" {
	idle kept --cpus 2 --label berth.node=n2
	kill -9 "$(daemon_pid)"
	apart "$BERTH" server --data "$DIR/data" --agents 10.9.0.1 --lease 5s 3>&- 4>&-
	eventually bash -c "$BERTH node inspect n2 | jq -e '.[0].connected'"
	[ "$(berth node inspect n2 | jq '.[0].slots_used')" = 2 ]
	run docker create --network none --name kept busybox true
	fails_with "Conflict" "n2"
	docker exec kept true
	remove kept
	eventually bash -c "[ \$($BERTH node inspect n2 | jq '.[0].slots_used') = 0 ]"
}

requests_at_n3() { # N: so many connections has its socket
	[ "$(inside n3 ss -xH state connected src "$DIR/n3.sock" | wc -l)" = "$1" ]
}

@test "a node is lost while streams run: each ends with a word about it, and ps shows what was there" {
	docker run -d --network none --name gone --label berth.node=n3 busybox sh -c 'echo begun; sleep 10000' >/dev/null
	# One is the server's, which listens to what becomes of the container.
	eventually requests_at_n3 1
	docker wait gone >"$DIR/wait" 2>&1 3>&- &
	waiter=$!
	eventually requests_at_n3 2
	docker logs -f gone >"$DIR/log" 2>&1 3>&- &
	follower=$!
	eventually grep -qx begun "$DIR/log"
	apart ip link set n3 down
	eventually node_is n3 lost
	wait "$follower" || true
	grep -q "node n3 was lost" "$DIR/log"
	wait "$waiter" || true
	[ "$(cat "$DIR/wait")" = 125 ]
	run docker exec gone true
	fails_with "n3"
	docker ps -a --format '{{.Names}} {{.Status}}' | grep -qx "n3/gone Host Down"
	apart ip link set n3 up
	eventually node_is n3 free
	eventually docker exec gone true
	remove gone
}

@test "nothing is left over" {
	[ -z "$(docker ps -aq)" ]
	for node in $AGENTS; do
		eventually bash -c "[ \$(BERTH_SOCKET=$DIR/$node.sock $BERTH ps -aq | wc -l) = 0 ]"
	done
}
