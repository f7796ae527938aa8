#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Devices by name, which files of the Container Device Interface describe. The daemon has a /run of its own, where the files are.

load helpers

# What nvidia-ctk writes for a machine with one GPU, shortened; and a stand-in for its nvidia-cdi-hook. Other kinds of hooks beside it.
make_maker() {
	cat >"$DIR/maker-hook" <<-'HOOK'
		#!/bin/sh
		state=$(cat)
		bundle=$(echo "$state" | sed 's/.*"bundle":"\([^"]*\)".*/\1/')
		root=$(sed 's/.*"root":{"path":"\([^"]*\)".*/\1/' "$bundle/config.json")
		case $1 in
		create-symlinks)
			ln -s "${3%%::*}" "$root${3#*::}"
			;;
		update-ldcache)
			test -c "$root/dev/made0" && ls "$root$3" >"$root/etc/made.cache"
			;;
		note)
			echo "$2 $state" >>"$3"
			;;
		esac
	HOOK
	chmod +x "$DIR/maker-hook"
	cat >"$files/maker.yaml" <<-CDI
		---
		cdiVersion: 0.5.0
		containerEdits:
		  env:
		  - NVIDIA_VISIBLE_DEVICES=void
		  hooks:
		  - args:
		    - nvidia-cdi-hook
		    - create-symlinks
		    - --link
		    - libmade.so.1::/usr/lib/made-link
		    hookName: createContainer
		    path: $DIR/maker-hook
		  - args:
		    - nvidia-cdi-hook
		    - update-ldcache
		    - --folder
		    - /usr/lib/made
		    env:
		    - NVIDIA_CTK_DEBUG=false
		    hookName: createContainer
		    path: $DIR/maker-hook
		  mounts:
		  - containerPath: /usr/lib/made
		    hostPath: $DIR/lib
		    options:
		    - ro
		    - nosuid
		    - nodev
		    - bind
		devices:
		- containerEdits:
		    deviceNodes:
		    - hostPath: /dev/null
		      path: /dev/made0
		  name: "0"
		- containerEdits:
		    deviceNodes:
		    - hostPath: /dev/null
		      path: /dev/made0
		    hooks:
		    - {hookName: createRuntime, path: $DIR/maker-hook, args: [x, note, createRuntime, $DIR/notes], timeout: 20}
		    - {hookName: poststart, path: $DIR/maker-hook, args: [x, note, poststart, $DIR/notes]}
		    - {hookName: poststop, path: $DIR/maker-hook, args: [x, note, poststop, $DIR/notes]}
		    - {hookName: poststop, path: $DIR/no-such-hook}
		    - {hookName: startContainer, path: /bin/sh, args: [sh, -c, "grep -E 'Cap(Eff|Bnd)|Seccomp:|NoNew' /proc/self/status >/rights"]}
		  name: all
		kind: maker.test/gpu
	CDI
}

setup_file() {
	new_place
	unshare --net --mount sh -c 'ip link set lo up && mount -t tmpfs -o mode=755 berth-run /run && mkdir /run/cdi &&
		exec "$0" up --data "$1"' "$BERTH" "$DIR/data" 3>&- 4>&-
	import_busybox
	mkdir "$DIR/lib"
	echo library >"$DIR/lib/file"
	files=/proc/$(daemon_pid)/root/run/cdi
	cat >"$files/test.json" <<-CDI
		{"cdiVersion": "0.6.0", "kind": "berth.test/device",
		 "containerEdits": {"env": ["SHARED=yes", "MINE=file"], "mounts": [{"hostPath": "$DIR/lib", "containerPath": "/usr/lib/made", "options": ["ro", "rbind"]}]},
		 "devices": [
			{"name": "one", "containerEdits": {"deviceNodes": [{"path": "/dev/made0", "hostPath": "/dev/null", "permissions": "rw"}], "env": ["ONE=1"]}},
			{"name": "two", "containerEdits": {"deviceNodes": [{"path": "/dev/made1", "hostPath": "/dev/zero"}], "additionalGids": [4711]}},
			{"name": "hooked", "containerEdits": {"hooks": [{"hookName": "createContainer", "path": "/bin/sh", "args": ["sh", "-c", "echo no such library; exit 3"]}]}},
			{"name": "when", "containerEdits": {"hooks": [{"hookName": "whenever", "path": "/bin/true"}]}},
			{"name": "cache", "containerEdits": {"intelRdt": {"closID": "x"}}},
			{"name": "gone", "containerEdits": {"deviceNodes": [{"path": "/dev/berth-has-no-such-device"}]}}]}
	CDI
	cat >"$files/plain.yaml" <<-CDI
		---
		# as makers' tools write it
		cdiVersion: 0.6.0
		kind: berth.test/plain
		devices:
		- containerEdits:
		    deviceNodes:
		    - hostPath: /dev/null
		      path: /dev/made0
		    - hostPath: /dev/zero
		      path: /dev/made1
		    additionalGids: [4711]
		  name: "0"
		containerEdits:
		  env:
		  - SHARED=yaml
		  mounts:
		  - containerPath: /usr/lib/made
		    hostPath: $DIR/lib
		    options: [ro, rbind]
	CDI
	make_maker
	printf 'cdiVersion: 9.9.0\nkind: berth.test/later\ndevices:\n- name: x\n' >"$files/later.yaml"
	printf 'kind: berth.test/other\ndevices: &all\n- name: x\n' >"$files/other.yaml"
	echo '{"kind": "berth.test/twice", "devices": [{"name": "d"}]}' | tee "$files/a.json" >"$files/b.json"
	echo '{"broken' >"$files/broken.json"
}

teardown_file() {
	end_place
}

# create STATUS REQUESTS [NAME]: a container with these DeviceRequests, which says what it has got.
create() {
	docker_api "$1" POST "/containers/create?name=${3:-c1}" -d "{\"Image\":\"busybox\",\"Env\":[\"MINE=user\"],\"HostConfig\":{\"NetworkMode\":\"none\",\"DeviceRequests\":$2},
		\"Cmd\":[\"sh\",\"-c\",\"echo \$SHARED \$MINE \$ONE; stat -c '%n %t:%T' /dev/made*; cat /usr/lib/made/file; id -G; echo x >/dev/made0; head -c 3 /dev/made1 | wc -c; touch /usr/lib/made/x\"]}"
}

cdi() {
	echo "[{\"Driver\":\"cdi\",\"DeviceIDs\":[$(printf '"%s"\n' "$@" | paste -sd, -)]}]"
}

@test "edits of devices and of their file become devices, binds, environment and groups" {
	create 201 "$(cdi berth.test/device=one berth.test/device=two)"
	docker_api 204 POST /containers/c1/start
	docker_api 200 POST /containers/c1/wait
	docker_api 200 GET '/containers/c1/logs?stdout=1&stderr=1'
	tr -d '\0-\10\16-\37' <"$DIR/body" >"$DIR/said"
	for line in 'yes file 1' '/dev/made0 1:3' '/dev/made1 1:5' library '4711' '3' 'Read-only file system'; do
		grep -q "$line" "$DIR/said" || { cat "$DIR/said"; false; }
	done
	docker_api 200 GET /containers/c1/json
	[ "$(body '.HostConfig.DeviceRequests[0].DeviceIDs | join(" ")')" = "berth.test/device=one berth.test/device=two" ]
	docker_api 204 DELETE /containers/c1
}

@test "a file may be YAML" {
	command -v docker >/dev/null || skip "docker is not installed"
	! docker --version | grep -qE ' (1[0-9]|2[0-2])\.' || skip "this docker knows no devices by name"
	run -0 env DOCKER_HOST="unix://$BERTH_SOCKET" docker run --rm --network none --device berth.test/plain=0 busybox sh -c \
		'echo $SHARED; stat -c "%n %t:%T" /dev/made*; cat /usr/lib/made/file; id -G; touch /usr/lib/made/x || true'
	for line in yaml '/dev/made0 1:3' '/dev/made1 1:5' library 4711 'Read-only file system'; do
		[[ "$output" == *"$line"* ]] || { echo "$line: $output"; false; }
	done
	create 500 "$(cdi berth.test/other=x)"
	[ "$(body .message)" = "CDI device injection failed: unresolvable CDI devices berth.test/other=x" ]
	grep -q 'other.yaml, line 2: anchors' "$DIR"/data/*.log
}

@test "hooks of a device make links and caches in the container, as its maker's files ask for" {
	create 201 "$(cdi maker.test/gpu=0)" h1
	docker_api 204 POST /containers/h1/start
	docker_api 200 POST /containers/h1/wait
	docker_api 200 GET '/containers/h1/archive?path=/usr/lib/made-link'
	tar -tvf "$DIR/body" | grep -q 'made-link -> libmade.so.1'
	docker_api 200 GET '/containers/h1/archive?path=/etc/made.cache'
	[ "$(tar -xOf "$DIR/body")" = file ]
	# The hooks of one life leave nothing, and the next one has them again.
	id=$(docker_api 200 GET /containers/h1/json && body .Id)
	[ ! -e "$DIR/data/containers/$id/bundle" ]
	docker_api 500 POST /containers/h1/start
	[[ "$(body .message)" == *"maker-hook: exit status 1, output: ln: "*"File exists"* ]]
	[ ! -e "$DIR/data/containers/$id/bundle" ]
	docker_api 204 DELETE /containers/h1
}

@test "each kind of hook runs in its time; what the image brings has the container's rights alone" {
	docker_api 201 POST '/containers/create?name=h1' -d "{\"Image\":\"busybox\",\"Cmd\":[\"sh\",\"-c\",\"cat /rights; grep -E 'Cap(Eff|Bnd)|Seccomp:|NoNew' /proc/self/status\"],
		\"HostConfig\":{\"NetworkMode\":\"none\",\"SecurityOpt\":[\"no-new-privileges\"],\"DeviceRequests\":$(cdi maker.test/gpu=all)}}"
	docker_api 204 POST /containers/h1/start
	docker_api 200 POST /containers/h1/wait
	docker_api 200 GET '/containers/h1/logs?stdout=1'
	tr -d '\0-\10\16-\37' <"$DIR/body" | grep -aoE '(Cap|Sec|NoN).*' >"$DIR/said"
	[ "$(wc -l <"$DIR/said")" = 8 ]
	[ "$(head -4 "$DIR/said")" = "$(tail -4 "$DIR/said")" ]
	docker_api 200 GET /containers/h1/json
	[[ "$(body .State.Error)" == *"error running poststop hook"*"no-such-hook"* ]]
	[ "$(body .State.ExitCode)" = 0 ]
	[ "$(cut -d' ' -f1 "$DIR/notes" | paste -sd' ')" = "createRuntime poststart poststop" ]
	[ "$(cut -d' ' -f2- "$DIR/notes" | jq -r .status | paste -sd' ')" = "creating running stopped" ]
	docker_api 204 DELETE /containers/h1
}

@test "what cannot be had is an error that names it" {
	create 500 "$(cdi berth.test/device=three)"
	[ "$(body .message)" = "CDI device injection failed: unresolvable CDI devices berth.test/device=three" ]
	create 400 "$(cdi berth.test/twice=d)"
	[[ "$(body .message)" == *"both /var/run/cdi/"* ]]
	create 500 "$(cdi berth.test/later=x)"
	grep -q 'later.yaml: cdiVersion 9.9.0: versions up to 1.1 are known' "$DIR"/data/*.log
	create 501 "$(cdi berth.test/device=cache)"
	[[ "$(body .message)" == *'test.json: berth does not do what "intelRdt" asks for'* ]]
	create 400 "$(cdi berth.test/device=when)"
	[[ "$(body .message)" == *'test.json: hooks.0: hookName: "whenever" is none of'* ]]
	create 201 "$(cdi berth.test/device=hooked)"
	docker_api 500 POST /containers/c1/start
	[[ "$(body .message)" == *'error running createContainer hook #0: /bin/sh: exit status 3, output: no such library'* ]]
	docker_api 204 DELETE /containers/c1
	create 201 "$(cdi berth.test/device=gone)"
	docker_api 500 POST /containers/c1/start
	[[ "$(body .message)" == *'custom device "/dev/berth-has-no-such-device": no such file or directory'* ]]
	docker_api 204 DELETE /containers/c1
}

@test "--gpus: in Docker's words without any, else the devices of their maker's file" {
	create 400 '[{"Driver":"","Count":-1,"DeviceIDs":null,"Capabilities":[["gpu"]],"Options":{}}]'
	[ "$(body .message)" = 'could not select device driver "" with capabilities: [[gpu]]' ]
	if command -v docker >/dev/null; then
		run -125 env DOCKER_HOST="unix://$BERTH_SOCKET" docker run --rm --gpus all busybox true
		[[ "$output" == *'could not select device driver "" with capabilities: [[gpu]]'* ]]
	fi
	sed 's,berth.test/device,nvidia.com/gpu,; s/"one"/"0"/; s/"two"/"all"/' "/proc/$(daemon_pid)/root/run/cdi/test.json" >"$DIR/gpu.json"
	cp "$DIR/gpu.json" "/proc/$(daemon_pid)/root/run/cdi/gpu.json"
	create 201 '[{"Driver":"","Count":-1,"Capabilities":[["gpu"]]},{"Driver":"nvidia","Count":1,"Capabilities":[["gpu"]]}]'
	docker_api 204 POST /containers/c1/start
	docker_api 200 POST /containers/c1/wait
	docker_api 200 GET '/containers/c1/logs?stdout=1'
	grep -aq '/dev/made0' "$DIR/body"
	grep -aq '/dev/made1' "$DIR/body"
	docker_api 204 DELETE /containers/c1
}
