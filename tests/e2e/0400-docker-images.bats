#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Docker's API for images and builds: by curl, where the bytes matter, and by Docker's own clients, where they are installed.

load registry

setup_file() {
	start_with_image
	export DOCKER_HOST=unix://$BERTH_SOCKET DOCKER_CONFIG=$DIR/docker HOME=$DIR/home
	mkdir "$DIR/docker" "$DIR/home" "$DIR/context"
	cp /bin/busybox "$DIR/context/busybox"
	printf '%s\n' 'FROM busybox' 'ARG WORD=none' 'COPY busybox /copy' 'RUN echo "$WORD" >/word' 'LABEL a=b' 'CMD ["cat", "/word"]' \
		>"$DIR/context/Dockerfile"
	tar -C "$DIR/context" -cf "$DIR/context.tar" .
}

teardown_file() {
	end_place
}

teardown() {
	tell_words
	registry_stop
}

# auth_header USER PASSWORD: as clients send it.
auth_header() {
	printf 'X-Registry-Auth: %s' "$(printf '{"username":"%s","password":"%s"}' "$1" "$2" | base64 -w0 | tr '+/' '-_')"
}

no_tool() {
	! pgrep -P "$(pgrep -P "$(daemon_pid)" -x berth-launcher)" -f berth-tool >/dev/null
}

@test "every version from 1.24 to 1.44 is spoken, none too, and others are told so in Docker's words" {
	docker_api 200 HEAD /_ping
	grep -qi '^Api-Version: 1.44' "$DIR/head"
	grep -qi '^Builder-Version: 1' "$DIR/head"
	grep -qi '^OSType: linux' "$DIR/head"
	for version in "" /v1.24 /v1.41 /v1.44; do
		docker_api 200 GET "$version/version"
		[ "$(body .ApiVersion)" = 1.44 ]
	done
	docker_api 400 GET /v1.45/version
	[ "$(body .message)" = "client version 1.45 is too new. Maximum supported API version is 1.44" ]
	docker_api 400 GET /v1.23/info
	[[ "$(body .message)" == *"is too old. Minimum supported API version is 1.24"* ]]
	docker_api 404 GET /v1.44/nothing
	docker_api 404 GET /v1.x/version
	docker_api 400 POST /session
	docker_api 400 POST /grpc
	docker_api 503 GET /services
}

@test "images are listed, inspected, tagged and removed" {
	docker_api 200 GET /images/json
	[ "$(body '.[0].RepoTags[0]')" = busybox:latest ]
	[ "$(body '.[0].VirtualSize')" = null ]
	docker_api 200 GET /v1.43/images/json
	[ "$(body '.[0].VirtualSize')" = "$(body '.[0].Size')" ]
	docker_api 201 POST "/images/busybox/tag?repo=docker.io/library/other&tag=2"
	docker_api 200 GET /images/other:2/json
	[ "$(body '.RepoTags | sort | join(" ")')" = "busybox:latest other:2" ]
	# Docker's order is that of whole names.
	berth tag busybox acme/tool:1
	docker_api 200 GET /images/busybox/json
	[ "$(body '.RepoTags | join(" ")')" = "acme/tool:1 busybox:latest other:2" ]
	berth image rm acme/tool:1
	[ "$(body .RootFS.Type)" = layers ]
	[ "$(body '.ContainerConfig == .Config')" = true ]
	docker_api 200 GET /images/docker.io/library/other:2/history
	[ "$(body 'length')" -ge 1 ]
	docker_api 200 GET '/images/json?filters=%7B%22reference%22%3A%5B%22oth*%22%5D%7D'
	[ "$(body length)" = 1 ]
	docker_api 200 GET '/images/json?filters=%7B%22reference%22%3A%7B%22nope%22%3Atrue%7D%7D'
	[ "$(body length)" = 0 ]
	docker_api 400 GET '/images/json?filters=%7B%22wrong%22%3A%5B%22x%22%5D%7D'
	docker_api 409 DELETE "/images/$(berth image ls --json | jq -r '.[] | select(.name == "other:2").id')"
	docker_api 200 DELETE /images/other:2
	[ "$(body '.[0].Untagged')" = other:2 ]
	docker_api 404 DELETE /images/other:2
	[ "$(body .message)" = "No such image: other:2" ]
	docker_api 404 DELETE /images/lab:5000/nope
	[ "$(body .message)" = "No such image: lab:5000/nope:latest" ]
	docker_api 200 GET /system/df
	[ "$(body '.Images | length')" = 1 ]
	docker_api 200 POST /images/prune
	[ "$(body .SpaceReclaimed)" = 0 ]
}

@test "a context is built in the words that clients read, from the cache the next time, and fails with the line" {
	docker_api 200 POST '/build?networkmode=none&t=built:1&buildargs=%7B%22WORD%22%3A%22hello%22%7D&labels=%7B%22x%22%3A%22y%22%7D' \
		-H 'Content-Type: application/x-tar' --data-binary "@$DIR/context.tar"
	id=$(body 'select(.aux).aux.ID')
	[ "$(body 'select(.stream) | .stream' | grep -c '^Step ')" -ge 2 ]
	body 'select(.stream) | .stream' | grep -qx "Successfully built ${id:7:12}"
	body 'select(.stream) | .stream' | grep -qx "Successfully tagged built:1"
	docker_api 200 POST "/build?networkmode=none&t=docker.io/team/built:1" --data-binary "@$DIR/context.tar"
	docker_api 200 DELETE /images/team/built:1
	[ "$(body '.[0].Untagged')" = team/built:1 ]
	[ "$(berth run --rm built:1)" = hello ]
	docker_api 200 GET /images/built:1/json
	[ "$(body .Id) $(body .Config.Labels.a) $(body .Config.Labels.x) $(body .Config.Tty)" = "$id b y false" ]
	docker_api 200 POST '/build?networkmode=none&t=built:1&buildargs=%7B%22WORD%22%3A%22hello%22%7D&labels=%7B%22x%22%3A%22y%22%7D' --data-binary "@$DIR/context.tar"
	body 'select(.stream) | .stream' | grep -q -- '---> Using cache'
	[ "$(body 'select(.aux).aux.ID')" = "$id" ]
	docker_api 200 POST '/build?networkmode=none&q=1' --data-binary "@$DIR/context.tar"
	[ "$(body 'select(.stream) | .stream' | grep -c .)" = 1 ]
	printf 'FROM busybox\nRUN echo why; exit 7\n' >"$DIR/context/Fails"
	docker_api 200 POST '/build?networkmode=none&dockerfile=Fails' --data-binary "@-" < <(tar -C "$DIR/context" -cf - .)
	[[ "$(body 'select(.error) | .error')" == *"Fails:2: RUN echo why; exit 7: the command returned a non-zero code: 7"* ]]
	[ "$(body 'select(.error) | .error')" = "$(body 'select(.error) | .errorDetail.message')" ]
	[[ "$(body 'select(.error) | .error')" == "The command '/bin/sh -c echo why; exit 7' returned a non-zero code: 7"* ]]
	[ "$(body 'select(.error) | .errorDetail.code')" = 7 ]
	printf 'FROM busybox\nCOPY nothing /\n' >"$DIR/context/Fails"
	docker_api 200 POST '/build?networkmode=none&dockerfile=Fails' --data-binary "@-" < <(tar -C "$DIR/context" -cf - .)
	[ "$(body 'select(.error) | .errorDetail | has("code")')" = false ]
	docker_api 404 POST '/build?networkmode=container:web' --data-binary "@$DIR/context.tar"
	grep -q 'No such container: web' "$DIR/body"
	docker_api 404 POST '/build?networkmode=shop' --data-binary "@$DIR/context.tar"
	grep -q 'network shop not found' "$DIR/body"
	if command -v docker >/dev/null; then
		run ! env DOCKER_HOST="unix://$BERTH_SOCKET" DOCKER_BUILDKIT=0 docker build --network container:web "$DIR/context"
		[[ "$output" == *"No such container: web"* ]]
	fi
	# BuildKit's build of libraries: with a context in the body, it needs no session.
	docker_api 200 POST '/build?networkmode=none&version=2&t=kit:1&buildargs=%7B%22WORD%22%3A%22hello%22%7D' --data-binary "@$DIR/context.tar"
	id=$(body 'select(.id == "moby.image.id").aux.ID')
	docker_api 200 GET /images/kit:1/json
	[ "$(body .Id)" = "$id" ]
	[ "$(berth run --rm kit:1)" = hello ]
	# The last words come, although nobody is left then for whom the process would stay.
	for _ in 1 2 3 4 5; do
		docker_api 200 POST '/build?networkmode=none&version=2&dockerfile=Fails' --data-binary "@-" < <(tar -C "$DIR/context" -cf - .)
		[[ "$(body 'select(.error) | .error')" == *nothing* ]]
	done
	docker_api 400 POST '/build?networkmode=none&version=2&remote=client-session' --data-binary "@$DIR/context.tar"
	docker_api 400 POST '/build?networkmode=none&buildargs=nonsense' --data-binary "@$DIR/context.tar"
}

@test "RUN sees its own cgroups, with its limits, and can change nothing" {
	mkdir "$DIR/limited"
	printf '%s\n' 'FROM busybox' 'RUN cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory.max 2>/dev/null; find . -name "build-*" -o -name berth; echo changed | tee -a x memory/x memory/tasks cgroup.procs; mkdir x memory/x; grep " /sys/fs/cgroup[^ ]* " /proc/self/mountinfo | grep -v " ro,"; ls -d x memory/x; true' \
		>"$DIR/limited/Dockerfile"
	tar -C "$DIR/limited" -cf "$DIR/limited.tar" .
	docker_api 200 POST '/build?networkmode=none&nocache=1&memory=104857600' --data-binary "@$DIR/limited.tar"
	[[ "$(body 'select(.error) | .error')" != *"cannot limit memory"* ]] || skip "this machine cannot limit memory"
	body -j 'select(.stream) | .stream' >"$DIR/said"
	grep -qx 104857600 "$DIR/said"
	grep -q 'Read-only file system' "$DIR/said"
	run ! grep -Ev '^Step|^ --->|^104857600$|^changed$|Read-only file system|No such file or directory|nonexistent directory|^Successfully built' "$DIR/said"
}

@test "images go to a registry and come back with what the client knows of it, not what the daemon's user knows" {
	echo "$USERS" >"$DIR/users"
	registry_start --htpasswd "$DIR/users"
	image=$HOST/team/app
	docker_api 201 POST "/images/busybox/tag?repo=$image&tag=1"
	docker_api 200 POST "/images/$image/push?tag=1"
	[[ "$(body 'select(.error) | .error')" == *"wants to know who asks"* ]]
	docker_api 200 POST "/images/$image/push?tag=1" -H "$(auth_header alice wonderland)"
	[[ "$(body 'select(.aux).aux.Digest')" == sha256:* ]]
	body 'select(.status) | .status' | grep -q '^1: digest: sha256:.* size: '
	docker_api 200 DELETE "/images/$image:1"
	docker_api 200 POST "/images/create?fromImage=$image&tag=1" -H "$(auth_header alice wrong)"
	[ -n "$(body 'select(.error) | .error')" ]
	docker_api 404 GET "/images/$image:1/json"
	since=$(date +%s.%N)
	docker_api 200 POST "/images/create?fromImage=$image&tag=1" -H "$(auth_header alice wonderland)"
	[ "$(body 'select(.status) | .status' | tail -n 1)" = "Status: Downloaded newer image for $image:1" ]
	docker_api 200 GET "/events?since=$since&until=$(date +%s.%N)"
	[ "$(body '[.Type, .Action, .Actor.ID] | join(" ")')" = "image pull $image:1" ]
	docker_api 200 POST "/images/create?fromImage=$image&tag=1" -H "$(auth_header alice wonderland)"
	[ "$(body 'select(.status) | .status' | tail -n 1)" = "Status: Image is up to date for $image:1" ]
	printf 'FROM %s:1\nLABEL c=d\n' "$image" >"$DIR/home/Dockerfile"
	tar -C "$DIR/home" -cf "$DIR/again.tar" Dockerfile
	docker_api 200 POST "/build?networkmode=none&pull=1" --data-binary "@$DIR/again.tar" \
		-H "X-Registry-Config: $(printf '{"%s":{"username":"alice","password":"wonderland"}}' "$HOST" | base64 -w0 | tr '+/' '-_')"
	body 'select(.status) | .status' | grep -qx "Status: Image is up to date for $image:1"
	# So do builds of BuildKit that send their context as the body.
	docker_api 200 POST "/build?networkmode=none&pull=1&version=2&t=known:1" --data-binary "@$DIR/again.tar" \
		-H "X-Registry-Config: $(printf '{"%s":{"username":"alice","password":"wonderland"}}' "$HOST" | base64 -w0 | tr '+/' '-_')"
	[[ "$(body 'select(.id == "moby.image.id").aux.ID')" == sha256:* ]]
	docker_api 200 DELETE /images/known:1
	docker_api 200 POST "/build?networkmode=none&pull=1&version=2" --data-binary "@$DIR/again.tar"
	[[ "$(body 'select(.error) | .error')" == *"wants to know who asks"* ]]
	# A header that nobody can decode, and the one of nobody, are no reason for an error of their own (point 9).
	for header in '!!!' e30= bm90IGpzb24=; do
		docker_api 200 POST "/images/create?fromImage=$image&tag=1" -H "X-Registry-Auth: $header"
		[[ "$(body 'select(.error) | .error')" == *"wants to know who asks"* ]]
	done
	docker_api 200 POST "/images/create?fromImage=$image&tag=nope" -H "$(auth_header alice wonderland)"
	[[ "$(body 'select(.error) | .error')" == *"does not have it"* ]]
	docker_api 200 POST /auth -H 'Content-Type: application/json' -d "{\"username\":\"alice\",\"password\":\"wonderland\",\"serveraddress\":\"$HOST\"}"
	[ "$(body .Status)" = "Login Succeeded" ]
	docker_api 401 POST /auth -H 'Content-Type: application/json' -d "{\"username\":\"alice\",\"password\":\"wrong\",\"serveraddress\":\"$HOST\"}"
	[ -z "$(find "$DIR/docker" "$DIR/home" -name config.json)" ]
	docker_api 200 DELETE "/images/$image:1"
}

@test "an import with changes, what prune says, what a commit came from" {
	docker_api 200 POST '/images/create?fromSrc=-&repo=changed&tag=1&changes=USER+foobar&changes=CMD+%5B%22echo%22%5D' --data-binary "@$(busybox_tar)"
	id=$(body .status)
	docker_api 200 GET /images/changed:1/json
	[ "$(body '[.Id, .Config.User, .Config.Cmd[0]] | join(" ")')" = "$id foobar echo" ]
	[ "$(body '.RootFS.Layers | length')" = 1 ]
	docker_api 400 POST '/images/create?fromSrc=-&repo=changed&tag=2&changes=RUN+true' --data-binary "@$(busybox_tar)"
	docker_api 201 POST "/images/busybox/tag?repo=kept"
	docker_api 201 POST /containers/create?name=source -d '{"Image":"kept","Cmd":["true"],"Runtime":"runc"}'
	docker_api 200 GET /containers/source/json
	[ "$(body .HostConfig.Runtime)" = runc ]
	docker_api 201 POST '/commit?container=source&repo=made'
	docker_api 200 GET /images/kept/json
	kept=$(body .Id)
	docker_api 200 GET /images/made/json
	[ "$(body .Parent)" = "$kept" ]
	docker_api 200 POST '/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D'
	body '.ImagesDeleted[] | .Untagged // empty' | grep -qx changed:1
	body '.ImagesDeleted[] | .Deleted // empty' | grep -qx "$id"
	[ "$(body '.ImagesDeleted[] | .Deleted // empty' | grep -cx "$kept")" = 0 ]
	docker_api 204 DELETE /containers/source
	import_busybox
}

@test "archives go out and in, and a root filesystem becomes an image" {
	docker_api 201 POST "/images/busybox/tag?repo=saved&tag=1"
	docker_api 200 GET "/images/get?names=saved:1&names=busybox:latest"
	mv "$DIR/body" "$DIR/saved.tar"
	[ "$(tar -xOf "$DIR/saved.tar" manifest.json | jq -r '[.[].RepoTags[]] | sort | join(" ")')" = "busybox:latest saved:1" ]
	docker_api 404 GET "/images/nope/get"
	docker_api 200 DELETE /images/saved:1
	docker_api 200 POST "/images/load?quiet=1" --data-binary "@$DIR/saved.tar"
	body 'select(.stream) | .stream' | grep -qx 'Loaded image: saved:1'
	docker_api 200 DELETE /images/saved:1
	docker_api 200 POST "/images/load" -H 'Transfer-Encoding: chunked' --data-binary "nonsense"
	[[ "$(body .error)" == *"no tar"* ]]
	docker_api 200 POST "/images/create?fromSrc=-&repo=imported&tag=1" --data-binary "@$(busybox_tar)"
	[[ "$(body .status)" == sha256:* ]]
	[ "$(berth run --rm imported:1 echo works)" = works ]
	docker_api 200 DELETE /images/imported:1
	tar -C "$DIR/home" -cf "$DIR/empty.tar" .
	docker_api 200 POST "/images/create?fromSrc=-" --data-binary "@$DIR/empty.tar"
	id=$(body .status)
	docker_api 200 GET "/images/$id/json"
	[ "$(body '.RepoTags | length')" = 0 ]
	docker_api 200 DELETE "/images/$id"
	docker_api 400 POST "/images/create?fromSrc=http://x/y&repo=z"
	docker_api 400 POST "/images/create"
}

@test "a client that goes away ends its build" {
	mkdir "$DIR/slow"
	printf 'FROM busybox\nRUN echo begun; sleep 1000\n' >"$DIR/slow/Dockerfile"
	tar -C "$DIR/slow" -cf "$DIR/slow.tar" .
	curl -sSN --unix-socket "$BERTH_SOCKET" -X POST --data-binary "@$DIR/slow.tar" -o "$DIR/slow.out" 'http://d/build?networkmode=none' 3>&- 4>&- &
	client=$!
	eventually grep -q begun "$DIR/slow.out"
	kill "$client"
	wait "$client" || true
	eventually no_tool
	docker_api 200 GET /_ping
}

@test "the docker command builds, saves, loads, tags, pushes and pulls" {
	command -v docker >/dev/null || skip "docker is not installed"
	registry_start
	DOCKER_BUILDKIT=0 docker build --network none -t "$HOST/cli:1" --build-arg WORD=cli "$DIR/context" >"$DIR/out" 2>&1
	grep -q "Successfully tagged $HOST/cli:1" "$DIR/out"
	docker push "$HOST/cli:1" >/dev/null
	# Where nothing was said before, too, a build ends as its command did.
	printf 'FROM busybox\nRUN exit 3\n' >"$DIR/three"
	run -3 env DOCKER_BUILDKIT=0 docker build -q --network none - <"$DIR/three"
	[[ "$output" == *"The command '/bin/sh -c exit 3' returned a non-zero code: 3"* ]]
	# shellcheck disable=SC2016 # of the container
	printf 'FROM busybox\nRUN ulimit -n; ulimit -Hn; df -k /dev/shm | tail -n 1; nproc; echo end\n' >"$DIR/limits"
	DOCKER_BUILDKIT=0 docker build --no-cache --network none --ulimit nofile=77:99 --shm-size 3m --cpuset-cpus 0 - <"$DIR/limits" >"$DIR/out" 2>/dev/null
	sed -n '/^77$/,/^end$/p' "$DIR/out" | awk '{ print $1, $2 }' | xargs >"$DIR/got"
	[[ "$(cat "$DIR/got")" =~ ^77\ 99\ [a-z]+\ 3072\ 1\ end$ ]]
	printf 'FROM busybox\nRUN dd if=/dev/zero of=/dev/null bs=60000000 count=1\n' >"$DIR/hungry"
	run -0 env DOCKER_BUILDKIT=0 docker build --no-cache --network none - <"$DIR/hungry"
	run ! env DOCKER_BUILDKIT=0 docker build --no-cache --network none -m 16m - <"$DIR/hungry"
	run env DOCKER_BUILDKIT=0 docker build --network none -m 1m - <"$DIR/limits"
	fails_with "Minimum memory limit allowed is 6MB"
	run env DOCKER_BUILDKIT=0 docker build --no-cache --network none --cpuset-cpus x - <"$DIR/limits"
	fails_with 'cpuset "x" is not a list of processors'
	run docker push "$HOST/nosuch:1"
	fails_with "An image does not exist locally with the tag: $HOST/nosuch"
	docker save -o "$DIR/cli.tar" "$HOST/cli:1"
	docker rmi "$HOST/cli:1"
	docker pull "$HOST/cli:1" | grep -q "Downloaded newer image for $HOST/cli:1"
	docker rmi "$HOST/cli:1"
	docker load -i "$DIR/cli.tar" | grep -qx "Loaded image: $HOST/cli:1"
	[ "$(docker images -q "$HOST/cli")" = "$(docker inspect -f '{{slice .Id 7 19}}' "$HOST/cli:1")" ]
	[ "$(docker history -q "$HOST/cli:1" | head -n 1)" = "$(docker images -q "$HOST/cli")" ]
	[ "$(berth run --rm "$HOST/cli:1")" = cli ]
	docker version >/dev/null
	docker info >/dev/null
	run docker inspect nope
	[ "$status" -eq 1 ]
	[[ "$output" == *"No such object: nope"* ]]
	docker rmi "$HOST/cli:1"
}

# bats test_tags=once
@test "docker-py does the same" {
	/usr/bin/python3 -c 'import docker' 2>/dev/null || skip "docker-py (python3-docker) is not installed"
	registry_start
	/usr/bin/python3 - "$DIR/context" "$HOST" <<'PY'
import sys
import docker
context, host = sys.argv[1:]
c = docker.from_env()
assert c.ping()
image, lines = c.images.build(path=context, tag=host + "/py:1", buildargs={"WORD": "py"}, rm=True)
assert host + "/py:1" in image.tags
assert any("Successfully built" in l.get("stream", "") for l in lines)
try:
    c.images.build(path=context, dockerfile="nope")
    raise SystemExit("a missing Dockerfile built")
except (docker.errors.BuildError, docker.errors.APIError):
    pass
assert "Digest" in c.images.push(host + "/py", tag="1")
data = b"".join(image.save(named=True))
c.images.remove(host + "/py:1")
try:
    c.images.get(host + "/py:1")
    raise SystemExit("it is still there")
except docker.errors.ImageNotFound:
    pass
assert c.images.pull(host + "/py", tag="1").id == image.id
c.images.remove(host + "/py:1")
assert c.images.load(data)[0].id == image.id
image = c.images.get(image.id)
assert image.history()[0]["Id"] == image.id
assert image.tag("py2", tag="x")
assert [i.id for i in c.images.list(filters={"reference": "py2"})] == [image.id]
assert [i.id for i in c.images.list(filters={"label": "a=b"})].count(image.id) == 1
assert image.id in [i.id for i in c.images.list(filters={"since": "busybox"})]
assert image.id not in [i.id for i in c.images.list(filters={"before": "busybox"})]
try:
    c.images.list(filters={"since": "nobody"})
    raise SystemExit("images since one that is not here")
except docker.errors.NotFound:
    pass
image.tag(host + "/many", tag="a")
image.tag(host + "/many", tag="b")
pushed = c.images.push(host + "/many")
assert "a: digest: sha256:" in pushed and "b: digest: sha256:" in pushed, pushed
c.images.remove(host + "/many:a")
c.images.remove(host + "/many:b")
try:
    c.images.push(host + "/many")
    raise SystemExit("an image without a tag was pushed")
except docker.errors.NotFound as e:
    assert "does not exist locally" in str(e), e
c.images.remove("py2:x")
c.images.remove(host + "/py:1")
assert c.version()["ApiVersion"] == "1.44"
assert c.info()["OSType"] == "linux"
assert c.df()["LayersSize"] > 0
PY
}

# said EXPRESSION...: the build's words, each line one that matches, in this order.
said() {
	local line
	mapfile -t lines < <(body 'select(.stream) | .stream' | sed '/^$/d')
	for expression; do
		line=${lines[0]}
		lines=("${lines[@]:1}")
		[[ "$line" =~ ^$expression$ ]] || {
			echo "\"$line\", not $expression"
			return 1
		}
	done
}

@test "a build tells every instruction, and which of them are from the cache" {
	mkdir -p "$DIR/words"
	printf '%s\n' 'FROM busybox AS first' 'ENV FOO=bar' 'RUN touch baz' 'RUN touch bax' 'CMD ["sh"]' >"$DIR/words/Dockerfile"
	tar -C "$DIR/words" -cf "$DIR/words.tar" .
	docker_api 200 POST '/build?t=words:1' --data-binary "@$DIR/words.tar"
	said 'Step 1/5 : FROM busybox AS first' ' ---> [0-9a-f]{12}' 'Step 2/5 : ENV FOO=bar' 'Step 3/5 : RUN touch baz' 'Step 4/5 : RUN touch bax' \
		'Step 5/5 : CMD .*' 'Successfully built .*' 'Successfully tagged words:1'
	# Only the named images answer, where any is named.
	docker_api 200 POST '/build?t=words:2&cachefrom=%5B%22words:1%22%5D' --data-binary "@$DIR/words.tar"
	[ "$(body 'select(.stream) | .stream' | grep -c 'Using cache')" = 4 ]
	docker_api 200 POST '/build?t=words:2&cachefrom=%5B%22busybox%22%5D' --data-binary "@$DIR/words.tar"
	[ "$(body 'select(.stream) | .stream' | grep -c 'Using cache')" = 0 ]
	docker_api 200 POST '/build?t=words:2' --data-binary "@$DIR/words.tar"
	[ "$(body 'select(.stream) | .stream' | grep -c 'Using cache')" = 4 ]
	# The same image is made again, but not because the cache was asked.
	printf '%s\n' 'FROM busybox' 'LABEL a=b' >"$DIR/words/Dockerfile"
	tar -C "$DIR/words" -cf "$DIR/words.tar" .
	docker_api 200 POST '/build?t=words:3' --data-binary "@$DIR/words.tar"
	docker_api 200 POST '/build?t=words:3' --data-binary "@$DIR/words.tar"
	said 'Step 1/2 .*' ' ---> .*' 'Step 2/2 .*' ' ---> Using cache' 'Successfully built .*' 'Successfully tagged words:3'
	docker_api 200 POST '/build?t=words:3&nocache=1' --data-binary "@$DIR/words.tar"
	said 'Step 1/2 .*' ' ---> .*' 'Step 2/2 .*' 'Successfully built .*' 'Successfully tagged words:3'
}

@test "an image of nothing but labels, a name for a build, pings in a build" {
	mkdir -p "$DIR/words"
	# What the tests before have left without a name.
	docker_api 200 POST /images/prune
	since=$(date +%s.%N)
	printf 'FROM scratch\n' >"$DIR/words/Dockerfile"
	tar -C "$DIR/words" -cf "$DIR/words.tar" Dockerfile
	docker_api 200 POST '/build?t=labels&labels=%7B%22test%22%3A+%22OK%22%7D' --data-binary "@$DIR/words.tar"
	docker_api 200 GET /images/labels/json
	[ "$(body '.Config.Labels.test, (.RootFS.Layers | length)' | xargs)" = "OK 1" ]
	docker_api 200 GET /images/labels/get
	docker_api 201 POST '/images/labels/tag?repo=events&tag=1'
	docker_api 200 GET '/images/get?names=labels&names=events:1'
	cp "$DIR/body" "$DIR/two.tar"
	docker_api 200 DELETE /images/events:1
	docker_api 200 DELETE /images/labels
	docker_api 200 POST /images/load -H 'Content-Type: application/x-tar' --data-binary "@$DIR/two.tar"
	docker_api 200 POST '/images/create?fromSrc=-&repo=plain' -H 'Content-Type: application/x-tar' --data-binary "@$DIR/words.tar"
	docker_api 200 DELETE /images/events:1
	docker_api 200 DELETE /images/labels
	docker_api 200 DELETE /images/plain
	docker_api 200 POST /images/prune
	docker_api 200 GET "/events?since=$since&until=$(date +%s.%N)&filters=%7B%22type%22%3A%5B%22image%22%5D%7D"
	[ "$(body '[.Action, .Actor.Attributes.name[:7]] | join(" ")' | xargs)" = "tag labels: save sha256: tag events: save sha256: untag sha256: untag sha256: delete sha256: load sha256: tag plain:l import sha256: untag sha256: untag sha256: delete sha256: untag sha256: delete sha256: prune" ]
	printf 'FROM busybox\nRUN ping -c1 far.test && cp /etc/hosts /hosts\n' >"$DIR/words/Dockerfile"
	tar -C "$DIR/words" -cf "$DIR/words.tar" Dockerfile
	docker_api 200 POST '/build?t=hosts&extrahosts=far.test:127.0.0.1' --data-binary "@$DIR/words.tar"
	berth run --rm hosts cat /hosts | grep -qx $'127.0.0.1\tfar.test'
}
