#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Files, volumes and figures of containers by Docker's own client: cp, diff, export, commit, stats, volume.

load helpers

setup_file() {
	command -v docker >/dev/null || return 0
	start_apart
	export DOCKER_HOST=unix://$BERTH_SOCKET DOCKER_CONFIG=$DIR/docker HOME=$DIR/home
	mkdir "$DIR/docker" "$DIR/home" "$DIR/seeded"
	tar -C "$DIR/seeded" -xf "$(busybox_tar)"
	(
		cd "$DIR/seeded" || exit
		mkdir seed && echo s >seed/f && ln seed/f seed/g && ln -s f seed/l && chown 7:8 seed seed/f && chmod 2750 seed
	)
	tar -C "$DIR/seeded" -cf - . | berth image import - seeded >"$DIR/import.log"
}

setup() {
	command -v docker >/dev/null || skip "docker is not installed"
}

teardown_file() {
	[ -z "${DIR:-}" ] || end_place
}

teardown() {
	tell_words
	command -v docker >/dev/null || return 0
	docker_remove_all
	docker volume ls -q | xargs -r docker volume rm -f >/dev/null
}

# wait_ready NAME: until it has said so.
wait_ready() {
	for _ in $(seq 500); do
		docker logs "$1" 2>&1 | grep -qx ready && return
	done
	docker logs "$1"
	return 1
}

# A container that is ready when this returns.
run_ready() { # NAME [OPTION...] -- COMMAND
	local name=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	docker run -d --name "$name" "${options[@]}" busybox sh -c "$2
echo ready; exec sleep 1000" >"$DIR/id"
	wait_ready "$name"
}

refused() { # TEXT COMMAND...
	local text=$1
	shift
	run "$@"
	[ "$status" -ne 0 ]
	[[ $output == *"$text"* ]] || {
		echo "not \"$text\" but: $output"
		return 1
	}
}

@test "cp takes files, directories and links out of a running container, and tars by standard output" {
	run_ready c1 -- 'mkdir -p /d/sub; echo hello >/d/f; ln /d/f /d/hard; ln -s /d/f /link; ln -s nowhere /dangling; chmod 4711 /d/f'
	docker cp c1:/d "$DIR/out"
	[ "$(cat "$DIR/out/f")" = hello ]
	[ "$(stat -c %i "$DIR/out/f")" = "$(stat -c %i "$DIR/out/hard")" ]
	[ -d "$DIR/out/sub" ]
	docker cp c1:/link "$DIR/link" && [ "$(readlink "$DIR/link")" = /d/f ]
	docker cp -L c1:/link "$DIR/followed" && [ "$(cat "$DIR/followed")" = hello ]
	docker cp c1:/d/. "$DIR/out2" && [ -f "$DIR/out2/f" ]
	[ "$(docker cp c1:/d/f - | tar tv | cut -c1-10)" = -rws--x--x ]
	# All of it, but nothing of the kernel's own file systems.
	docker cp c1:/ - | tar t 2>/dev/null >"$DIR/names"
	grep -q 'd/sub/$' "$DIR/names"
	run ! grep -q 'proc/.\|sys/.\|dev/null' "$DIR/names"
	run docker cp c1:/nosuch "$DIR/x"
	[ "$status" -ne 0 ]
	[[ $output == *"Could not find the file /nosuch in container c1"* || $output == *"No such container:path: c1:/nosuch"* ]]
	refused "No such container" docker cp nobody:/x "$DIR/x"
}

@test "point 12: the header of a path tells docker-py what it is" {
	/usr/bin/python3 -c 'import docker' 2>/dev/null || skip "docker-py (python3-docker) is not installed"
	docker run -d --name stat busybox sh -c 'mkdir -m 1777 /s; echo 12345 >/s/f; chmod 4751 /s/f; ln -s f /s/l; sleep 1000'
	eventually docker exec stat test -L /s/l
	DOCKER_HOST=$DOCKER_HOST /usr/bin/python3 - <<'PY'
import docker
c = docker.from_env().containers.get("stat")
# Bits of Go's FileMode: directory 1<<31, symlink 1<<27, setuid 1<<23, sticky 1<<20.
want = {"/s": ("s", 1 << 31 | 1 << 20 | 0o777, None), "/s/f": ("f", 1 << 23 | 0o751, 6), "/s/l": ("l", 1 << 27 | 0o777, None)}
for path, (name, mode, size) in want.items():
    stat = c.get_archive(path)[1]
    assert (stat["name"], stat["mode"]) == (name, mode) and (size is None or stat["size"] == size), stat
    assert stat["mtime"][:2] == "20" and (stat["linkTarget"] != "") == (name == "l"), stat
PY
	docker rm -f stat
}

@test "cp puts files, directories and a tar of standard input into a container, running or not" {
	mkdir -p "$DIR/in/sub" && echo one >"$DIR/in/a" && echo two >"$DIR/in/sub/b"
	docker create --name c1 -v vol:/data busybox sh -c 'cat /data/a /new/sub/b; echo ready; exec sleep 1000' >"$DIR/id"
	docker cp "$DIR/in/a" c1:/data/a
	docker cp "$DIR/in" c1:/new
	# Before the first start they are there, and empty; no change of the container.
	[ "$(docker cp c1:/etc/resolv.conf - | tar tv | awk '{ print $1, $3, $6 }')" = "-rw-r--r-- 0 resolv.conf" ]
	[ "$(docker diff c1 | grep -c /etc)" = 0 ]
	docker start c1
	wait_ready c1
	[ "$(docker logs c1 | tr '\n' ' ')" = "one two ready " ]
	docker cp "$DIR/in" c1:/new
	[ "$(docker cp c1:/new - | tar t | sort | tr '\n' ' ')" = "new/ new/a new/in/ new/in/a new/in/sub/ new/in/sub/b new/sub/ new/sub/b " ]
	tar -C "$DIR/in" -cf - a | docker cp - c1:/tmp
	[ "$(docker cp c1:/tmp/a - | tar xO)" = one ]
	mkdir -p "$DIR/other/a"
	tar -C "$DIR/other" -cf - a | docker_api 500 PUT "/containers/c1/archive?path=/new&noOverwriteDirNonDir=true" -T -
	[[ "$(body .message)" == *'cannot overwrite non-directory'* ]]
	# An archive of simple files has no records that a simple reader does not know.
	docker_api 200 GET "/containers/c1/archive?path=/new/a"
	[ "$(dd if="$DIR/body" bs=1 skip=156 count=1 2>/dev/null)" = 0 ]
	[ "$(cat "$DIR/data/volumes/vol/a")" = one ]
	docker cp c1:/etc/hosts "$DIR/hosts"
	docker stop -t 0 c1
	[ "$(docker cp c1:/tmp/a - | tar xO)" = one ]
	# As it was last, but it stays the start's: what is put there is for the container alone.
	docker cp c1:/etc/hosts - | tar xO | diff "$DIR/hosts" -
	docker cp "$DIR/in/a" c1:/etc/hosts
	docker cp c1:/etc/hosts - | tar xO | diff "$DIR/hosts" -
}

@test "cp writes nothing into a read-only root" {
	echo x >"$DIR/x"
	run_ready c1 --read-only -v vol:/data -- true
	refused "container rootfs is marked read-only" docker cp "$DIR/x" c1:/x
	docker cp "$DIR/x" c1:/data/x
	docker stop -t 0 c1
	refused "container rootfs is marked read-only" docker cp "$DIR/x" c1:/x
}

@test "a process that swaps parts of the path leads cp neither in nor out" {
	mkdir "$DIR/canary" && echo secret >"$DIR/canary/f"
	echo poison >"$DIR/poison"
	run_ready c1 -- "mkdir /a; echo own >/a/f; (while :; do ln -s $DIR/canary /l; mv /a /c; mv -T /l /a; mv -T /a /l; mv /c /a; rm /l; done) &"
	for _ in $(seq 8); do
		run -0 sh -c "docker cp c1:/a/f - 2>/dev/null | tar xO 2>/dev/null || true"
		[[ $output != *secret* ]]
		docker cp "$DIR/poison" c1:/a/poison >/dev/null 2>&1 || true
		[ "$(ls "$DIR/canary")" = f ]
	done
	[ "$(cat "$DIR/canary/f")" = secret ]
}

@test "diff, export and commit see what was changed" {
	run_ready c1 -e A=b -w /tmp -- 'echo hi >/new; rm /etc/group; echo x >>/etc/passwd; rm -r /bin2 2>/dev/null; true'
	[ "$(docker diff c1 | tr '\n' ' ')" = "C /etc D /etc/group C /etc/passwd A /new " ]
	docker export c1 | tar t >"$DIR/names"
	grep -qx new "$DIR/names"
	run ! grep -q 'etc/group\|^proc/.' "$DIR/names"
	docker commit -a me -m "said so" -c 'CMD ["cat", "/new"]' -c 'ENV X="y z"' -c 'EXPOSE 80' c1 made:1
	[ "$(docker inspect -f '{{.State.Status}}' c1)" = running ]
	[ "$(docker inspect -f '{{.Config.Cmd}} {{.Config.WorkingDir}} {{index .Config.Env 0}}' made:1)" = "[cat /new] /tmp A=b" ]
	docker inspect -f '{{.Config.Env}}' made:1 | grep -q 'X=y z'
	docker create --name d1 made:1 >"$DIR/id"
	docker start d1
	[ "$(docker wait d1)" = 0 ]
	[ "$(docker logs d1)" = hi ]
	refused "RUN is not a valid change command" docker commit -c 'RUN x' c1
	# A Config of the client's: what it does not say the container says.
	curl -sS --unix-socket "$BERTH_SOCKET" -H 'Content-Type: application/json' -d '{"Cmd":["id"],"Env":["C=d"]}' \
		"http://d/v1.44/commit?container=c1&repo=made&tag=2" | jq -e .Id
	[ "$(docker inspect -f '{{.Config.Cmd}} {{.Config.WorkingDir}} {{index .Config.Env 0}}' made:2)" = "[id] /tmp C=d" ]
	docker inspect -f '{{.Config.Env}}' made:2 | grep -q 'A=b'
}

@test "stats tell what a container uses, and nothing of one that does not run" {
	run_ready c1 -- true
	docker stats --no-stream --format '{{.Name}} {{.PIDs}} {{.MemUsage}}' c1 >"$DIR/stats"
	grep -Eq '^c1 [1-9][0-9]* [1-9][0-9.]*(B|KiB|MiB) / ' "$DIR/stats"
	curl -sS --unix-socket "$BERTH_SOCKET" "http://d/containers/c1/stats?stream=0&one-shot=1" >"$DIR/json"
	[ "$(jq -r '.name, (.cpu_stats.cpu_usage.total_usage > 0), (.memory_stats.usage > 0), .precpu_stats.cpu_usage.total_usage' "$DIR/json" | tr '\n' ' ')" = "/c1 true true 0 " ]
	# A stream has an object in each chunk: the first chunk ends where the first line does.
	curl -sS --raw -N --max-time 200 --unix-socket "$BERTH_SOCKET" "http://d/containers/c1/stats" 2>/dev/null | head -n 3 >"$DIR/raw" || true
	[ "$(($(wc -c < <(sed -n 2p "$DIR/raw"))))" = $((0x$(head -n 1 "$DIR/raw" | tr -d '\r'))) ]
	docker stop -t 0 c1
	curl -sS --unix-socket "$BERTH_SOCKET" "http://d/containers/c1/stats?stream=0" >"$DIR/json"
	[ "$(jq -c '[.memory_stats, .pids_stats, .read]' "$DIR/json")" = '[{},{},"0001-01-01T00:00:00Z"]' ]
}

@test "volumes are made, listed, filtered, inspected and removed" {
	[ "$(docker volume create --label a=b one)" = one ]
	[ "$(docker volume create one)" = one ]
	docker volume create two
	docker volume create >"$DIR/anonymous"
	[ "$(wc -c <"$DIR/anonymous")" = 65 ]
	[ "$(docker volume ls -q -f label=a=b)" = one ]
	[ "$(docker volume ls -q -f name=tw)" = two ]
	[ "$(docker volume inspect -f '{{.Labels.a}} {{.Driver}} {{.Scope}}' one)" = "b local local" ]
	run docker volume inspect nope
	[ "$status" -ne 0 ]
	[[ ${output,,} == *"no such volume"* ]]
	refused "includes invalid characters for a local volume name" docker volume create x/y
	refused 'invalid option: "size"' docker volume create -o size=1 sized
	refused 'create x: volume name is too short, names should be at least two alphanumeric characters' docker volume create x
	refused 'create x: volume name is too short' docker create -v x:/x busybox true
	refused 'missing required option: "device"' docker volume create -o type=nfs sized
	docker create --name c1 -v one:/x busybox true >"$DIR/id"
	refused "remove one: volume is in use - [$(cat "$DIR/id")]" docker volume rm one
	[ "$(docker volume ls -q -f dangling=false)" = one ]
	# Of the names that nobody gave alone, as it is from 1.42 on; older clients mean all that is unused.
	curl -sS -X POST --unix-socket "$BERTH_SOCKET" http://d/v1.44/volumes/prune | jq -r '.VolumesDeleted[]' | cmp - "$DIR/anonymous"
	[ "$(docker volume ls -q | tr '\n' ' ')" = "one two " ]
	docker rm c1
	# A damaged record takes nothing away from the others, and not the volume's end.
	echo '{' >"$DIR/data/volume-records/one.json"
	[ "$(docker volume ls -q | tr '\n' ' ')" = "one two " ]
	refused 'the record of volume "one"' docker volume inspect one
	refused 'the record of volume "one"' docker create -v one:/x busybox true
	docker volume rm one two
	[ -z "$(docker volume ls -q)" ]
}

@test "volumes tell who uses them, and how much they take" {
	local since
	since=$(date +%s.%N)
	docker run --name c1 -v used:/x busybox sh -c 'head -c 100000 /dev/zero >/x/f'
	docker events --since "$since" --until "$(date +%s.%N)" --filter type=volume --filter volume=used --format '{{json .}}' >"$DIR/told"
	[ "$(jq -r .Action "$DIR/told" | tr '\n' ' ')" = "create mount unmount " ]
	[ "$(jq -r 'select(.Action == "mount").Actor.Attributes.container' "$DIR/told")" = "$(docker inspect -f '{{.Id}}' c1)" ]
	docker volume create spare
	curl -sS --unix-socket "$BERTH_SOCKET" http://d/system/df >"$DIR/json"
	[ "$(jq -c '[.Volumes[] | [.Name, .UsageData.RefCount, .UsageData.Size]]' "$DIR/json")" = '[["spare",0,0],["used",1,100000]]' ]
	# A file that nobody wrote has no bytes.
	[ "$(docker ps -as --format '{{.Size}}' | sed 's/ .*//')" = 0B ]
}

@test "a new volume begins with what the image has there, unless nocopy says otherwise; anonymous ones go with rm -v" {
	docker run -d --name c1 -v new:/seed --mount type=volume,src=empty,dst=/seed2,volume-nocopy -v /anonymous seeded sleep 1000
	[ "$(stat -c '%u:%g %a' "$DIR/data/volumes/new" "$DIR/data/volumes/new/f" | tr '\n' ' ')" = "7:8 2750 7:8 644 " ]
	[ "$(stat -c %i "$DIR/data/volumes/new/f")" = "$(stat -c %i "$DIR/data/volumes/new/g")" ]
	[ "$(readlink "$DIR/data/volumes/new/l")" = f ]
	[ -z "$(ls "$DIR/data/volumes/empty")" ]
	[ "$(docker volume ls -q | wc -l)" = 3 ]
	docker rm -f -v c1
	[ "$(docker volume ls -q | tr '\n' ' ')" = "empty new " ]
	rm "$DIR/data/volumes/new/f"
	docker run -d --name c1 -v new:/seed seeded sleep 1000
	[ ! -e "$DIR/data/volumes/new/f" ]
}

@test "a volume of options is mounted as they say" {
	mkdir "$DIR/host" && echo here >"$DIR/host/f"
	docker volume create -o type=none -o o=bind -o "device=$DIR/host" bound
	docker volume create -o type=tmpfs -o device=tmpfs -o o=size=1m,mode=0711 memory
	run_ready c1 -v bound:/h -v memory:/m -- 'cat /h/f; stat -c %a /m'
	[ "$(docker logs c1 | tr '\n' ' ')" = "here 711 ready " ]
}
