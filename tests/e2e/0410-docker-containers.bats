#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Docker's API for containers: what decides whether a client works, each by a test of its own, then the docker command and docker-py. The daemon has a network
# namespace of its own, so that nothing of the machine's is touched.

load helpers

setup_file() {
	new_place
	export DOCKER_HOST=unix://$BERTH_SOCKET DOCKER_CONFIG=$DIR/docker
	mkdir "$DIR/docker"
	# What is at the place of the journal's socket is ours, too.
	mkdir "$DIR/journal"
	unshare --net --mount sh -c 'ip link set lo up && mount -t tmpfs none /run && mkdir -p /run/systemd/journal &&
		mount --bind "$2" /run/systemd/journal && exec "$0" up --data "$1"' "$BERTH" "$DIR/data" "$DIR/journal" 3>&- 4>&-
	import_busybox
}

teardown_file() {
	end_place
}

setup() {
	command -v docker >/dev/null || skip "docker is not installed"
}

teardown() {
	tell_words
	command -v docker >/dev/null || return 0
	docker_remove_all
}

# create NAME JSON-MEMBERS: a container by hand.
create() {
	docker_api 201 POST "/containers/create?name=$1" -d "{\"Image\":\"busybox\",$2}"
}

python() {
	/usr/bin/python3 -c 'import docker' 2>/dev/null || skip "docker-py (python3-docker) is not installed"
	timeout 200 /usr/bin/python3 - "$@"
}

is() { # NAME STATE
	[ "$(docker inspect -f '{{.State.Status}}' "$1")" = "$2" ]
}

@test "point 1: a wait is answered before the container has ended, even before it is started" {
	create w1 '"Cmd":["sh","-c","exit 7"]'
	for condition in next-exit removed; do
		curl -sSN --unix-socket "$BERTH_SOCKET" -D "$DIR/$condition.head" -X POST "http://d/containers/w1/wait?condition=$condition" \
			>"$DIR/$condition" 3>&- 4>&- &
		eventually grep -q '^HTTP/1.1 200' "$DIR/$condition.head"
		eval "${condition//-/_}=$!"
	done
	[ ! -s "$DIR/next-exit" ]
	docker start w1
	# shellcheck disable=SC2154
	wait "$next_exit"
	[ "$(jq .StatusCode "$DIR/next-exit")" = 7 ]
	[ ! -s "$DIR/removed" ]
	docker_api 200 POST /containers/w1/wait
	[ "$(body .StatusCode)" = 7 ]
	docker rm w1
	# shellcheck disable=SC2154
	wait "$removed"
	[ "$(jq .StatusCode "$DIR/removed")" = 7 ]
	docker_api 400 POST "/containers/w1/wait?condition=never"
	docker_api 404 POST /containers/w1/wait
}

@test "point 4: clients and server agree on a version" {
	[ "$(docker version -f '{{.Server.APIVersion}} {{.Server.MinAPIVersion}}')" = "1.44 1.24" ]
	# Debian's client knows 1.41, newer ones come down to ours.
	[[ "$(docker version -f '{{.Client.APIVersion}}')" == 1.4[1-4] ]]
	for version in 1.24 1.40 1.41; do
		[ "$(DOCKER_API_VERSION=$version docker run --rm busybox echo "spoke $version")" = "spoke $version" ]
	done
	run docker --host "$DOCKER_HOST" version
	succeeds
	run env DOCKER_API_VERSION=1.45 docker ps
	fails_with "client version 1.45 is too new. Maximum supported API version is 1.44"
}

@test "point 5: an error is JSON with the status and the words that clients know" {
	create e1 '"Cmd":["sleep","1000"]'
	docker_api 204 POST /containers/e1/start
	docker_api 304 POST /containers/e1/start
	docker_api 409 DELETE /containers/e1
	[[ "$(body .message)" == *"container is running: stop the container before removing or force remove" ]]
	docker_api 409 POST '/containers/create?name=e1' -d '{"Image":"busybox","Cmd":["true"]}'
	[[ "$(body .message)" == 'Conflict. The container name "/e1" is already in use by container '* ]]
	docker_api 204 POST '/containers/e1/stop?t=0'
	docker_api 304 POST /containers/e1/stop
	docker_api 409 POST /containers/e1/kill
	docker_api 409 POST /containers/e1/pause
	docker_api 409 GET /containers/e1/top
	docker_api 400 GET /containers/e1/logs
	[[ "$(body .message)" == *"you must choose at least one stream" ]]
	docker_api 404 GET /containers/nope/json
	[ "$(body .message)" = "No such container: nope" ]
	docker_api 404 POST /containers/create -d '{"Image":"nope","Cmd":["true"]}'
	[ "$(body .message)" = "No such image: nope:latest" ]
	docker_api 400 POST /containers/create -d '{"Image":'
	docker_api 400 POST /containers/create -d '{"Image":"busybox","Tty":1,"Cmd":["true"]}'
	docker_api 400 POST '/containers/create?name=no/name' -d '{"Image":"busybox","Cmd":["true"]}'
	docker_api 400 GET '/containers/json?filters=%7B%22wrong%22%3A%5B%22x%22%5D%7D'
	docker_api 400 POST '/containers/e1/kill?signal=LOUD'
	python <<'PY'
import docker
c = docker.from_env()
for call, kind in ((lambda: c.containers.get("nope"), docker.errors.NotFound),
		   (lambda: c.containers.create("nope"), docker.errors.ImageNotFound),
		   (lambda: c.containers.create("busybox", name="e1"), docker.errors.APIError)):
	try:
		call()
	except kind as e:
		assert e.explanation
	else:
		raise SystemExit("no error")
PY
}

@test "point 6: what could not be started gives the exit codes 127, 126 and 125" {
	for case in "127 nosuch" "127 /no/such/program" "126 /etc" "126 /etc/passwd"; do
		run "-${case%% *}" docker run --name c1 busybox "${case#* }"
		is c1 created
		[ "$(docker inspect -f '{{.State.ExitCode}}' c1)" = "${case%% *}" ]
		[ -n "$(docker inspect -f '{{.State.Error}}' c1)" ]
		docker rm c1
	done
	run -125 docker run --rm --network nosuch busybox true
	run -125 docker run --name c1 --user nobody-here busybox true
	[ "$(docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' c1)" = "created 128" ]
	docker rm c1
	run -42 docker run --rm busybox sh -c 'exit 42'
}

@test "inspect tells where files lie, and info the id of the data directory" {
	docker run -d --name files busybox sh -c 'echo hi >/new; exec sleep 1000'
	eventually docker exec files test -s /new
	docker inspect -f '{{.GraphDriver.Data.UpperDir}} {{.GraphDriver.Data.WorkDir}} {{.GraphDriver.Data.MergedDir}} {{.GraphDriver.Data.LowerDir}}' files >"$DIR/places"
	read -r upper work merged lower <"$DIR/places"
	[ "$(cat "$upper/new" "$merged/new" | xargs)" = "hi hi" ]
	[ -d "$work" ] && [ -x "$lower/bin/busybox" ] && [ ! -e "$lower/new" ]
	[ "$(docker inspect -f '{{.GraphDriver.Data.UpperDir}}' busybox)" = "$lower" ]
	docker kill files
	docker wait files
	[ "$(docker inspect -f '{{.GraphDriver.Data.UpperDir}} {{.GraphDriver.Data.MergedDir}}' files)" = "$upper <no value>" ]
	[[ "$(docker info -f '{{.ID}}')" =~ ^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$ ]]
	[ "$(docker info -f '{{.ID}}')" = "$(cat "$DIR/data/id")" ]
}

@test "names: two words where nobody gave one, and none of one letter" {
	for _ in 1 2 3; do
		docker create busybox true
	done >"$DIR/ids"
	docker ps -a --format '{{.Names}}' >"$DIR/names"
	[ "$(sort -u "$DIR/names" | grep -cE '^[a-z]{2,10}_[a-z]{2,10}$')" = 3 ]
	for name in x _x x/y 'x y'; do
		run docker create --name "$name" busybox true
		fails_with "Invalid container name ($name), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
	done
	run docker rename "$(head -n 1 "$DIR/names")" x
	fails_with "Invalid container name (x), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
}

@test "point 10: prefixes of an id name a container, and names begin with a slash" {
	create a1 '"Cmd":["true"]'
	id=$(body .Id)
	[[ "$id" =~ ^[0-9a-f]{64}$ ]]
	docker_api 200 GET "/containers/${id:0:12}/json"
	[ "$(body '.Id + " " + .Name')" = "$id /a1" ]
	docker_api 200 GET "/containers//a1/json"
	[ "$(body .Id)" = "$id" ]
	docker_api 200 GET '/containers/json?all=1'
	[ "$(body '.[0].Id + " " + .[0].Names[0]')" = "$id /a1" ]
}

@test "point 11: events come as they happen, and again for who asks for the past" {
	since=$(date +%s.%N)
	curl -sSN --unix-socket "$BERTH_SOCKET" 'http://d/events?filters=%7B%22container%22%3A%5B%22ev%22%5D%7D' >"$DIR/events" 3>&- 4>&- &
	client=$!
	eventually eval "docker run --rm --name ev --label a=b busybox sh -c 'exit 3' 2>/dev/null; grep -q destroy '$DIR/events'"
	kill "$client"
	wait "$client" || true
	[ "$(jq -r 'select(.Action == "die") | .Actor.Attributes | .exitCode + " " + .name + " " + .image + " " + .a' "$DIR/events" | head -n 1)" = "3 ev busybox b" ]
	until=$(date +%s.%N)
	docker_api 200 GET "/events?since=$since&until=$until&filters=%7B%22label%22%3A%7B%22a%3Db%22%3Atrue%7D%2C%22type%22%3A%7B%22container%22%3Atrue%7D%7D"
	[ "$(jq -r .Action "$DIR/body" | grep -Ex 'create|start|die|destroy' | head -n 4 | tr '\n' ' ')" = "create start die destroy " ]
	[ "$(jq -r 'select((.Actor.ID | length) != 64 or .scope != "local" or .time != (.timeNano / 1000000000 | floor))' "$DIR/body")" = "" ]
	docker_api 200 GET "/events?since=$since&until=$until&filters=%7B%22event%22%3A%5B%22die%22%5D%7D"
	[ "$(jq -r .Action "$DIR/body" | sort -u)" = die ]
	docker_api 400 GET '/events?since=5&until=4'
	docker_api 400 GET '/events?since=yesterday'
}

@test "point 13: null and 0 mean that nothing is set" {
	create n1 '"Cmd":["sh","-c","echo set"],"Entrypoint":null,"Env":null,"Labels":null,"Volumes":null,"ExposedPorts":null,"Healthcheck":null,
		"HostConfig":{"PidsLimit":0,"MemorySwappiness":-1,"Memory":0,"NetworkMode":"default","Binds":null,"PortBindings":null,"LogConfig":null,
		"RestartPolicy":{"Name":"","MaximumRetryCount":0},"Ulimits":null,"Devices":null,"CapAdd":null,"Tmpfs":null,"Mounts":null,"Init":null,
		"OomKillDisable":null,"MaskedPaths":null,"ConsoleSize":[0,0]},"NetworkingConfig":{"EndpointsConfig":{"default":null}}'
	docker_api 204 POST /containers/n1/start
	docker_api 200 POST /containers/n1/wait
	[ "$(docker logs n1)" = set ]
	docker_api 200 GET /containers/n1/json
	[ "$(body '.HostConfig.RestartPolicy.Name + " " + (.HostConfig.PidsLimit | tostring) + " " + (.Config.Labels | tostring)')" = "no null {}" ]
	[ "$(body -c '.HostConfig | [.MemorySwappiness, .Memory, .MemorySwap]')" = '[null,0,0]' ]
	[ "$(body '.NetworkSettings.Networks | keys[0]')" = bridge ]
}

@test "members of a body may be written with other capitals, as Go's programs take them" {
	docker_api 201 POST /containers/create?name=small -d '{"image":"busybox","cmd":["true"],"hostconfig":{"memory":67108864},"LABELS":{"Image":"x"}}'
	docker_api 200 GET /containers/small/json
	[ "$(body '[.Config.Image, .Config.Cmd[0], .HostConfig.Memory, .Config.Labels.Image] | join(" ")')" = "busybox true 67108864 x" ]
	docker_api 200 POST /containers/small/update -d '{"memory":134217728,"restartPolicy":{"name":"always"}}'
	docker_api 200 GET /containers/small/json
	[ "$(body '[.HostConfig.Memory, .HostConfig.RestartPolicy.Name] | join(" ")')" = "134217728 always" ]
	docker_api 201 POST /networks/create -d '{"name":"small","labels":{"a":"b"},"ipam":{"config":[{"subnet":"10.78.0.0/24"}]}}'
	docker_api 200 POST /networks/small/connect -d '{"container":"small","endpointConfig":{"aliases":["tiny"]}}'
	docker_api 200 GET /containers/small/json
	[ "$(body '.NetworkSettings.Networks.small.Aliases[0]')" = tiny ]
	docker_api 200 GET /networks/small
	[ "$(body '[.Labels.a, .IPAM.Config[0].Subnet] | join(" ")')" = "b 10.78.0.0/24" ]
	docker_api 201 POST /volumes/create -d '{"name":"small","labels":{"Name":"c"}}'
	[ "$(body '[.Name, .Labels.Name] | join(" ")')" = "small c" ]
	docker_api 204 DELETE /containers/small
	docker_api 204 DELETE /networks/small
	docker_api 204 DELETE /volumes/small
}

@test "point 14: filters are maps or lists" {
	create f1 '"Cmd":["true"],"Labels":{"l":"1"}'
	create g1 '"Cmd":["true"],"Labels":{"l":"2"}'
	for filters in '{"label":{"l=1":true}}' '{"label":["l=1"]}' '{"name":["^/f1$"],"status":{"created":true}}' '{"name":{"f1":true},"label":["l"]}'; do
		docker_api 200 GET /containers/json -G --data-urlencode all=1 --data-urlencode "filters=$filters"
		[ "$(body 'map(.Names[0]) | join(" ")')" = /f1 ]
	done
}

@test "point 15: bodies come as they like, connections stay, and idle ones are no burden" {
	for header in 'Expect: 100-continue' 'Transfer-Encoding: chunked'; do
		docker_api 201 POST /containers/create -H "$header" -d '{"Image":"busybox","Cmd":["true"]}'
	done
	[ "$(curl -sS --unix-socket "$BERTH_SOCKET" -o /dev/null -o /dev/null -w '%{num_connects} ' http://d/_ping http://d/containers/json)" = "1 0 " ]
	python "$BERTH_SOCKET" <<'PY'
import socket, sys, docker
idle = []
for _ in range(300):
	s = socket.socket(socket.AF_UNIX)
	s.connect(sys.argv[1])
	idle.append(s)
assert docker.from_env().containers.run("busybox", "echo works", remove=True) == b"works\n"
PY
}

@test "times that are none or lie beyond all clocks, and filters without end" {
	create t1 '"Cmd":["true"]'
	docker_api 400 POST /containers/prune -G --data-urlencode 'filters={"until":["nonsense"]}'
	docker_api 200 POST /containers/prune -G --data-urlencode 'filters={"until":["1h30m"]}'
	docker_api 200 POST /containers/prune -G --data-urlencode 'filters={"until":["2000-01-01T00:00:00Z"]}'
	is t1 created
	docker_api 200 GET '/containers/t1/logs?stdout=1&since=9999-12-31T23:59:59Z'
	docker_api 400 GET '/containers/t1/logs?stdout=1&since=0001-01-01T00:00:00Z'
	docker_api 400 GET /containers/json -G --data-urlencode "filters=$(jq -cn '{name: [range(300) | "n\(.)"]}')"
	[[ "$(body .message)" == "filters: 300 values; the limit is 256" ]]
	docker_api 200 POST /containers/prune -G --data-urlencode 'filters={"until":["9999-12-31T23:59:59Z"]}'
	docker_api 404 GET /containers/t1/json
}

@test "a stop by another signal is a stop: no policy starts the container again" {
	create s1 '"Cmd":["sh","-c","trap \"exit 5\" USR1; echo ready; while :; do sleep 0.05; done"],"HostConfig":{"RestartPolicy":{"Name":"always"}}'
	docker start s1
	eventually eval '[ "$(docker logs s1)" = ready ]'
	docker_api 400 POST '/containers/s1/stop?signal=LOUD'
	docker_api 204 POST '/containers/s1/stop?signal=USR1&t=60'
	[ "$(docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}' s1)" = "exited 5 0" ]
	docker start s1
	docker_api 204 POST '/containers/s1/stop?signal=WINCH&t=0'
	[ "$(docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' s1)" = "exited 137" ]
}

@test "a list is the same when it comes from memory, and system df tells who uses what" {
	create d1 '"Cmd":["true"],"HostConfig":{"Binds":["used:/used"],"Tmpfs":{"/t":""}},"ExposedPorts":{"80/tcp":{}}'
	docker_api 200 GET '/containers/json?all=1'
	cp "$DIR/body" "$DIR/first"
	[ "$(body '.[0] | (.NetworkSettings.Networks | keys | join(",")) + " " + (.Mounts | map(.Name) | join(","))')" = "bridge used" ]
	docker_api 200 GET '/containers/json?all=1'
	cmp "$DIR/first" "$DIR/body"
	docker update --restart always d1
	docker_api 200 GET /containers/json -G --data-urlencode all=1 --data-urlencode size=1 --data-urlencode \
		'filters={"volume":["/used"],"expose":["80"],"network":["bridge"],"ancestor":["busybox"]}'
	[ "$(body 'map(del(.SizeRw, .SizeRootFs, .Status))')" = "$(jq 'map(del(.Status))' "$DIR/first")" ]
	body -e '.[0] | .SizeRw >= 0 and .SizeRootFs >= .SizeRw'
	docker volume create idle
	docker_api 200 GET /system/df
	[ "$(body '[.Images[0].Containers, (.Volumes[] | select(.Name == "used" or .Name == "idle").UsageData.RefCount)] | join(" ")')" = "1 0 1" ]
	body -e '(.Images[0] | .SharedSize >= 0 and .Size >= .SharedSize) and .LayersSize >= .Images[0].Size and (.Volumes | all(.UsageData.Size >= 0)) and .Containers[0].SizeRw >= 0'
	docker rm d1
	docker volume rm used idle
	docker_api 200 GET /system/df
	[ "$(body '.Images[0].Containers')" = 0 ]
}

@test "the docker command makes, shows, changes and removes containers" {
	[ "$(docker run --rm busybox echo hello)" = hello ]
	[ "$(echo typed | docker run -i --rm busybox cat)" = typed ]
	docker run -d --name web --label tier=front --hostname h -e A=b -v data:/data --tmpfs /t -w /data busybox \
		sh -c 'trap "exit 9" TERM; echo out; echo err >&2; while :; do sleep 0.05; done'
	[ "$(docker ps --filter label=tier=front --format '{{.Names}} {{.Image}} {{.State}}')" = "web busybox running" ]
	[ "$(docker ps -q --filter status=exited)" = "" ]
	[ "$(docker ps -q --filter ancestor=busybox --filter volume=data --no-trunc)" = "$(docker inspect -f '{{.Id}}' web)" ]
	eventually eval '[ "$(docker logs web 2>/dev/null)" = out ]'
	eventually eval '[ "$(docker logs web 2>&1 >/dev/null)" = err ]'
	[[ "$(docker logs --timestamps --tail 1 web 2>&1)" == 20*Z\ * ]]
	[ -z "$(docker logs --until 2000-01-01T00:00:00Z web 2>&1)" ]
	[ -z "$(docker logs --since "$(($(date +%s) + 1000))" web 2>&1)" ]
	[[ "$(docker top web -o pid,args)" == *PID*COMMAND*"sh -c trap "* ]]
	[[ "$(docker top web)" == UID*PID*PPID*CMD* ]]
	docker rename web shop
	docker update --restart on-failure:3 shop
	[ "$(docker inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' shop)" = "on-failure 3" ]
	docker update --restart no shop
	[ "$(docker inspect -f '{{.Config.Hostname}} {{.Config.WorkingDir}} {{(index .Mounts 0).Name}} {{index .Config.Labels "tier"}}' shop)" = "h /data data front" ]
	docker restart shop
	is shop running
	# In its second life, too, it is not to be told before it can hear.
	eventually eval '[ "$(docker logs shop 2>/dev/null | wc -l)" = 2 ]'
	docker stop shop
	[ "$(docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' shop)" = "exited 9" ]
	[[ "$(docker ps -a --format '{{.Status}}')" == "Exited (9) "* ]]
	docker start shop
	docker kill -s KILL shop
	[ "$(docker wait shop)" = 137 ]
	run docker rm nope
	fails_with "No such container: nope"
	docker container prune -f --filter label=tier=back
	is shop exited
	docker container prune -f --filter label=tier=front | grep -q 'Total reclaimed space'
	[ -z "$(docker ps -aq)" ]
	docker volume rm data
}

@test "a container that was frozen is shown so, and is let go" {
	docker run -d --name p1 busybox sleep 1000
	docker pause p1 || skip "this machine cannot freeze: $(docker pause p1 2>&1)"
	is p1 paused
	[ "$(docker ps --filter status=paused --format '{{.Names}}')" = p1 ]
	[[ "$(docker ps --format '{{.Status}}')" == *"(Paused)" ]]
	[ "$(docker info -f '{{.ContainersPaused}} {{.ContainersRunning}}')" = "1 0" ]
	docker unpause p1
	is p1 running
}

@test "logs are followed to the end, and what a client sees of a container of berth itself is complete" {
	docker run -d --name l1 busybox sh -c 'i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i + 1)); done'
	[ "$(docker logs -f l1 | tail -n 1)" = "line 199" ]
	[ "$(docker logs --tail 5 l1 | head -n 1)" = "line 195" ]
	berth run -d --name ours -e X=y --memory 64m busybox sleep 1000 || berth run -d --name ours -e X=y busybox sleep 1000
	[ "$(docker ps --filter name=ours --format '{{.Command}}' --no-trunc)" = '"sleep 1000"' ]
	docker inspect ours | jq -e '.[0] | .Config.Cmd == ["sleep", "1000"] and (.Config.Env | index("X=y")) and .HostConfig.NetworkMode and (.Image | startswith("sha256:"))'
	docker stop -t 0 ours
	docker rm ours
}

@test "the IPC of a container that an old client makes is for others to join" {
	docker_api 201 POST "/v1.39/containers/create?name=old" -d '{"Image":"busybox","Cmd":["sleep","1000"]}'
	docker_api 201 POST "/v1.40/containers/create?name=new" -d '{"Image":"busybox","Cmd":["sleep","1000"]}'
	[ "$(docker inspect -f '{{.HostConfig.IpcMode}}' old new | xargs)" = "shareable private" ]
	docker start old new
	docker run --rm --ipc container:old busybox true
	run ! docker run --rm --ipc container:new busybox true
	docker rm -f old new
}

@test "logs of several files are read across them: all, tail, since, until, follow" {
	for driver in json-file local; do
		docker run -d --name "rot-$driver" --log-driver "$driver" --log-opt max-size=64k --log-opt max-file=3 busybox \
			sh -c 'i=0; while [ $i -lt 30000 ]; do echo "line $i"; i=$((i + 1)); done'
		docker logs -f "rot-$driver" >/dev/null
		[ "$(docker wait "rot-$driver")" = 0 ]
		[ "$(find "$DIR/data/containers/$(docker inspect -f '{{.Id}}' "rot-$driver")" -name 'log*' | wc -l)" = 3 ]
		docker logs -t "rot-$driver" >"$DIR/all"
		# What was rotated away is gone, nothing of the rest is.
		first=$(head -n 1 "$DIR/all" | cut -d' ' -f3)
		[ "$first" -gt 0 ]
		cmp <(cut -d' ' -f2- "$DIR/all") <(seq -f 'line %.0f' "$first" 29999)
		n=$(wc -l <"$DIR/all")
		cmp <(docker logs --tail $((n - 10)) "rot-$driver") <(tail -n +11 "$DIR/all" | cut -d' ' -f2-)
		cmp <(docker logs -f --tail $((n - 10)) "rot-$driver") <(tail -n +11 "$DIR/all" | cut -d' ' -f2-)
		early=$(sed -n 100p "$DIR/all" | cut -d' ' -f1) late=$(sed -n "$((n - 100))p" "$DIR/all" | cut -d' ' -f1)
		docker logs -t --since "$early" --until "$late" "rot-$driver" >"$DIR/part"
		cmp "$DIR/part" <(awk -v from="$early" -v to="$late" '$1 >= from && $1 <= to' "$DIR/all")
		docker rm "rot-$driver"
	done
}

# What is rotated is packed, and read as if it were not: all, tail, since, while it is written and in a next life.
@test "logs that are compressed are read like others" {
	for driver in json-file local; do
		opts=(--log-driver "$driver" --log-opt max-size=128k --log-opt max-file=50)
		[ "$driver" = local ] || opts+=(--log-opt compress=true)
		docker run -d --name "pack-$driver" "${opts[@]}" busybox \
			sh -c 'i=0; while [ $i -lt 30000 ]; do echo "line $i"; i=$((i + 1)); done; exec sleep 1000'
		dir=$DIR/data/containers/$(docker inspect -f '{{.Id}}' "pack-$driver")
		docker logs -f "pack-$driver" >"$DIR/followed" 3>&- &
		reader=$!
		all_followed() { [ "$(wc -l <"$DIR/followed")" = 30000 ]; }
		eventually all_followed
		first_is_packed() { [ "$(head -c 8 "$dir/log.1")" = berthlgz ]; }
		eventually first_is_packed
		for file in "$dir"/log.?*; do
			[ "$(head -c 8 "$file")" = berthlgz ]
			[ "$(stat -c %s "$file")" -lt 60000 ]
		done
		[ "$(head -c 8 "$dir/log")" = berthlog ]
		docker logs -t "pack-$driver" >"$DIR/all"
		cmp <(cut -d' ' -f2- "$DIR/all") <(seq -f 'line %.0f' 0 29999)
		cmp <(docker logs --tail 29990 "pack-$driver") <(seq -f 'line %.0f' 10 29999)
		early=$(sed -n 100p "$DIR/all" | cut -d' ' -f1)
		cmp <(docker logs -t --since "$early" "pack-$driver") <(awk -v from="$early" '$1 >= from' "$DIR/all")
		docker kill "pack-$driver"
		wait "$reader"
		cmp "$DIR/followed" <(seq -f 'line %.0f' 0 29999)
		# As when they move on, or a monitor was killed then: there is no log.2, and older ones are there.
		for ((i = $(find "$dir" -name 'log.*' | wc -l); i > 1; i--)); do
			mv "$dir/log.$i" "$dir/log.$((i + 1))"
		done
		cmp <(docker logs "pack-$driver") <(seq -f 'line %.0f' 0 29999)
		docker start "pack-$driver"
		docker logs -f "pack-$driver" >"$DIR/followed" 3>&- &
		reader=$!
		all_again() { [ "$(wc -l <"$DIR/followed")" = 60000 ]; }
		eventually all_again
		docker rm -f "pack-$driver"
		wait "$reader"
		cmp "$DIR/followed" <(seq -f 'line %.0f' 0 29999; seq -f 'line %.0f' 0 29999)
	done
	run -125 docker run --rm --log-opt compress=true --log-opt max-file=1 busybox true
	[[ "$output" == *"compress cannot be true when max-file is less than 2"* ]]
}

@test "log drivers: none keeps nothing, others are not known, and options are checked" {
	[ "$(docker run --name quiet --log-driver none busybox echo shown)" = shown ]
	run -1 docker logs quiet
	[[ "$output" == *"configured logging driver does not support reading"* ]]
	[ -z "$(find "$DIR/data/containers/$(docker inspect -f '{{.Id}}' quiet)" -name 'log*' -size +16c)" ]
	docker_api 400 POST /containers/create -d '{"Image":"busybox","Cmd":["true"],"HostConfig":{"LogConfig":{"Type":"gelf","Config":{}}}}'
	[[ "$(body .message)" == "logger: no log driver named 'gelf' is registered"* ]]
	run -125 docker run --rm --log-opt max-fiel=3 busybox true
	[[ "$output" == *"unknown log opt 'max-fiel' for json-file log driver"* ]]
}

# Datagrams at a socket, each followed by an empty line, until there are as many lines with MESSAGE or ": " as wanted.
receive() { # PATH COUNT FILE
	python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
with open(sys.argv[3], "wb", 0) as out:
	for _ in range(int(sys.argv[2])):
		out.write(s.recv(65536) + b"\n")' "$@" 3>&- &
	RECEIVER=$!
	eventually test -S "$1"
}

@test "log drivers: journald and syslog get each line, and docker logs has them, too" {
	receive "$DIR/log" 2 "$DIR/lines"
	docker run --name says --log-driver syslog --log-opt "syslog-address=unixgram://$DIR/log" --log-opt tag='{{.Name}}' \
		--log-opt syslog-format=rfc5424 busybox sh -c 'echo out; echo err >&2'
	wait "$RECEIVER"
	# One stream may overtake the other.
	sort "$DIR/lines" | grep -q '^<27>1 20.*Z .* says [0-9]* says - err$'
	sort "$DIR/lines" | grep -q '^<30>1 20.*Z .* says [0-9]* says - out$'
	[ "$(docker logs says 2>/dev/null)" = out ]
	run -125 docker run --name alone --log-driver syslog --log-opt "syslog-address=unixgram://$DIR/none" busybox true
	[[ "$output" == *"failed to initialize logging driver: connect to \"$DIR/none\": No such file or directory"* ]]
	run -125 docker run --rm --log-driver journald busybox true
	[[ "$output" == *"failed to initialize logging driver: connect to \"/run/systemd/journal/socket\": No such file"* ]]
	receive "$DIR/journal/socket" 1 "$DIR/fields"
	docker run --name told --log-driver journald --log-opt labels=com.team -l com.team=blue busybox echo hello
	wait "$RECEIVER"
	for line in PRIORITY=6 MESSAGE=hello CONTAINER_NAME=told IMAGE_NAME=busybox COM_TEAM=blue \
		"CONTAINER_ID_FULL=$(docker inspect -f '{{.Id}}' told)"; do
		grep -qx "$line" "$DIR/fields"
	done
	[ "$(docker logs told)" = hello ]
	docker rename told other
	rm "$DIR/journal/socket"
	receive "$DIR/journal/socket" 1 "$DIR/fields"
	docker start other
	wait "$RECEIVER"
	grep -qx CONTAINER_NAME=other "$DIR/fields"
	receive "$DIR/last" 1 "$DIR/fields"
	docker run --name unkept --log-driver syslog --log-opt "syslog-address=unixgram://$DIR/last" --log-opt cache-disabled=true busybox echo hello
	run -1 docker logs unkept
	[[ "$output" == *"configured logging driver does not support reading"* ]]
}

@test "health checks, exit and restart counts are in inspect" {
	docker run -d --name h1 --health-cmd 'echo fine' --health-interval 20ms busybox sleep 1000
	eventually eval '[ "$(docker inspect -f "{{.State.Health.Status}}" h1)" = healthy ]'
	docker inspect h1 | jq -e '.[0].State.Health | .FailingStreak == 0 and .Log[0].ExitCode == 0 and .Log[0].Output == "fine\n"'
	[ "$(docker ps --filter health=healthy --format '{{.Names}}')" = h1 ]
	docker stop -t 0 h1
	[ "$(docker inspect -f "{{.State.Health.Status}}" h1)" = unhealthy ]
	[ -z "$(docker ps -a --filter health=healthy --format '{{.Names}}')" ]
	docker run -d --name r1 --restart on-failure:2 busybox false
	eventually eval '[ "$(docker inspect -f "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}" r1)" = "2 exited 1" ]'
}

@test "out of memory: exit code, inspect and event" {
	docker run --rm --memory 20m busybox true || skip "memory cannot be limited here"
	run docker run --name oom --memory 20m --memory-swap 20m busybox sh -c 'x=a; while :; do x=$x$x; done'
	[ "$status" = 137 ]
	[ "$(docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' oom)" = "true 137" ]
	docker events --since 0 --until "$(date +%s.%N)" --filter container=oom --filter event=oom --filter event=die --format '{{.Action}}' >"$DIR/events"
	[ "$(cat "$DIR/events")" = $'oom\ndie' ]
}

# The one that runs out of memory is not the first process: the container goes on, and who listens hears of it meanwhile.
@test "out of memory is told when it happens" {
	docker run --rm --memory 20m busybox true || skip "memory cannot be limited here"
	docker run -d --name oom2 --memory 20m --memory-swap 20m busybox sh -c 'sh -c "x=a; while :; do x=\$x\$x; done"; sleep 1000'
	berth run -d --name oom3 --memory 20m busybox sh -c 'sh -c "x=a; while :; do x=\$x\$x; done"; sleep 1000'
	for name in oom2 oom3; do
		told() { docker events --since 0 --until "$(date +%s.%N)" --filter "container=$name" --filter event=oom --format '{{.Action}}' | grep -q oom; }
		eventually told
		[ "$(docker inspect -f '{{.State.Running}} {{.State.OOMKilled}}' "$name")" = "true true" ]
		before=$(docker events --since 0 --until "$(date +%s.%N)" --filter "container=$name" --filter event=oom --format '{{.Action}}' | wc -l)
		docker kill "$name"
		docker wait "$name"
		# Not once more with the end.
		[ "$(docker events --since 0 --until "$(date +%s.%N)" --filter "container=$name" --filter event=oom --format '{{.Action}}' | wc -l)" = "$before" ]
		[ "$(docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' "$name")" = "true 137" ]
		docker rm "$name"
	done
}

@test "an init reaps, passes signals on and has a name" {
	docker run -d --init --name init busybox sh -c 'trap "exit 5" TERM; (sh -c "echo \$\$ >/orphan" & exit); while :; do sleep 0.02; done'
	eventually docker exec init test -s /orphan
	eventually docker exec init sh -c '! test -e /proc/$(cat /orphan)'
	# Not by its place in the list, where numbers that began anew come first.
	[ "$(docker top init -o pid,args | awk '$2 == "/sbin/docker-init" { print $1 }')" = "$(docker inspect -f '{{.State.Pid}}' init)" ]
	[ "$(docker exec init cat /proc/1/cmdline | tr -d '\0')" = /sbin/docker-init ]
	docker stop init
	[ "$(docker inspect -f '{{.State.ExitCode}}' init)" = 5 ]
}

@test "health checks: failures within the start period do not count, and one that takes too long says so" {
	# Docker's client of Debian has no word for the last one.
	docker_api 201 POST "/containers/create?name=early" -d '{"Image":"busybox","Cmd":["sleep","1000"],"Healthcheck":{"Test":["CMD-SHELL","test -e /ready"],
		"Retries":1,"Interval":3600000000000,"StartPeriod":3600000000000,"StartInterval":20000000}}'
	docker start early
	eventually eval 'docker inspect early | jq -e ".[0].State.Health.Log | length == 5"'
	docker inspect early | jq -e '.[0].State.Health | .Status == "starting" and .FailingStreak == 0'
	docker exec early touch /ready
	eventually eval '[ "$(docker inspect -f "{{.State.Health.Status}}" early)" = healthy ]'
	docker run -d --name late --health-cmd 'echo begun; sleep 100' --health-interval 20ms --health-timeout 300ms --health-retries 2 busybox sleep 1000
	eventually eval '[ "$(docker inspect -f "{{.State.Health.Status}}" late)" = unhealthy ]'
	# One of them: on a busy machine the time may end before there is a word.
	eventually eval 'docker inspect late | jq -e ".[0].State.Health.Log | any(.ExitCode == -1 and .Output == \"Health check exceeded timeout (300ms): begun\n\")"'
}

@test "an image that a container has keeps its last name, and goes only by force when none that runs has it" {
	docker create --name first busybox true
	id=$(docker commit first kept)
	docker run -d --name holder kept sleep 1000
	docker tag kept second
	docker rmi second
	run -1 docker rmi kept
	[[ "$output" == *"conflict: unable to remove repository reference \"kept\" (must force) - container $(docker inspect -f '{{.Id}}' holder | cut -c1-12) is using"* ]]
	run -1 docker rmi -f "$id"
	[[ "$output" == *"(cannot be forced) - image is being used by running container"* ]]
	docker kill holder
	run -1 docker rmi "$id"
	[[ "$output" == *"(must be forced) - image is being used by stopped container"* ]]
	docker image prune -af
	docker image inspect kept
	[ "$(docker rmi -f kept)" = "Untagged: kept:latest" ]
	run -1 docker image inspect kept
	docker start holder
	docker image inspect "$id"
	docker rm -f first holder
	run -1 docker image inspect "$id"
}

@test "what a container names must be there, in words by which docker run fetches no image" {
	for option in '--link=nobody' '--pid=container:nobody' '--volumes-from=nobody' '--network=container:nobody'; do
		run -125 docker run --rm "$option" busybox true
		[[ "$output" == *"No such container: nobody"* ]]
		[[ "$output" != *"Unable to find image"* ]]
	done
	run -125 docker run --rm --cpus 100000 busybox true
	[[ "$output" == *"range of CPUs is from 0.01 to $(getconf _NPROCESSORS_ONLN).00, as there are only"* ]]
	run -125 docker run --rm --mount type=bind,src=/nonexistent,dst=/x busybox true
	[[ "$output" == *'invalid mount config for type "bind": bind source path does not exist: /nonexistent'* ]]
	run -127 docker run --rm --device /nonexistent busybox true
	[[ "$output" == *'adding custom device "/nonexistent": no such file or directory'* ]]
	run docker network create --ipam-driver nosuch made
	fails_with 'plugin "nosuch" not found'
	for filter in exited=x publish=x publish=/tcp expose=http; do
		run docker ps -a --filter "$filter"
		fails_with "invalid filter '$filter'"
	done
	run docker images --filter dangling=x
	fails_with "invalid filter 'dangling=[x]'"
	[ -z "$(docker events --since 1 --until 2 --filter foo=bar)" ]
}

@test "docker-py runs, lists, waits, follows logs and hears events" {
	python <<'PY'
import docker
c = docker.from_env()
assert c.containers.run("busybox", ["echo", "hi"], remove=True) == b"hi\n"
try:
	c.containers.run("busybox", "sh -c 'echo why >&2; exit 3'", remove=True)
	raise SystemExit("no error")
except docker.errors.ContainerError as e:
	assert e.exit_status == 3 and b"why" in e.stderr
import time
since = time.time()
x = c.containers.run("busybox", "sh -c 'for i in 1 2 3; do echo $i; done; sleep 1000'", detach=True, name="py",
		     labels={"k": "v"}, environment={"A": "b"}, ports={"80/tcp": None}, tmpfs={"/t": "size=1m"})
seen = b""
for piece in x.logs(stream=True, follow=True):
	seen += piece
	if len(seen) >= 6:
		break
assert seen == b"1\n2\n3\n"
assert [y.id for y in c.containers.list(filters={"label": "k=v"})] == [x.id]
assert x.status in ("created", "running") and x.name == "py"
x.reload()
assert x.attrs["State"]["Running"] and x.attrs["Config"]["Env"].count("A=b") == 1
assert any("sleep 1000" in row[-1] for row in x.top()["Processes"])
x.rename("py2")
x.stop(timeout=0)
assert x.wait()["StatusCode"] in (137, 143)
x.remove()
actions = [e["Action"] for e in c.events(since=int(since), until=int(time.time()) + 1, decode=True, filters={"container": x.id})]
assert actions[0] == "create" and actions[-1] == "destroy" and "rename" in actions, actions
assert c.containers.list(all=True, filters={"name": "py2"}) == []
assert c.containers.prune()["SpaceReclaimed"] == 0
PY
}

@test "what programs and scripts look for: .dockerenv, mtab, a tmpfs without exec, quoted commands, published ports, the network namespace" {
	docker run --name look --network none --tmpfs /t --tmpfs /x:exec busybox sh -c 'stat -c %s /.dockerenv; readlink /etc/mtab; grep -E " /(t|x) " /proc/mounts' >"$DIR/out"
	[ "$(head -n 2 "$DIR/out")" = "$(printf '0\n/proc/mounts')" ]
	grep -q 'tmpfs /t .*noexec' "$DIR/out"
	run ! grep -q 'tmpfs /x .*noexec' "$DIR/out"
	[ -z "$(docker diff look)" ]
	# Nothing of the kind comes into what the user mounts.
	mkdir "$DIR/etc"
	docker run --rm --network none -v "$DIR/etc:/etc" busybox true
	run ! test -L "$DIR/etc/mtab"
	[ "$(docker ps -a --no-trunc --format '{{.Command}}' -f name=look | cut -c1-13)" = "\"sh -c 'stat " ]
	run -0 --separate-stderr docker create --cidfile "$DIR/cid" -p 8080:80 --name port busybox true
	[ -z "$stderr" ]
	[ "$(docker ps -aq -f publish=8000-8080/tcp)" = "$(docker ps -aq -f name=port)" ]
	[ -z "$(docker ps -aq -f publish=80)" ]
	docker run -d --name runs --network none busybox sleep 1000 >/dev/null
	[ "$(stat -L -c %i "$(docker inspect -f '{{.NetworkSettings.SandboxKey}}' runs)")" = "$(docker exec runs stat -L -c %i /proc/self/ns/net)" ]
	[ "$(docker network inspect -f '{{index .Options "com.docker.network.bridge.name"}}' bridge)" = berth0 ]
	run -127 docker exec runs nosuch
	[[ $output == *'unable to start container process: exec: "nosuch": executable file not found in $PATH'* ]]
	run -126 docker exec runs /etc/passwd
	[[ $output == *'exec: "/etc/passwd": permission denied'* ]]
}

@test "an import with changes is one image with one line of history, and asking for names shows those alone" {
	docker import -c 'CMD ["a"]' "$(busybox_tar)" plain:1 >/dev/null
	[ -z "$(docker images -q -f dangling=true)" ]
	[ "$(docker history --format '{{.Comment}}' plain:1)" = "Imported from -" ]
	docker tag plain:1 other/name:2
	[ "$(docker images --format '{{.Repository}}:{{.Tag}}' other/name)" = other/name:2 ]
	docker rmi plain:1 other/name:2 >/dev/null
}
