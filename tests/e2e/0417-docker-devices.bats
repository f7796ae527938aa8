#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Devices by name, which files of the Container Device Interface describe. The daemon has a /run of its own, where the files are.

load helpers

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
			{"name": "hooked", "containerEdits": {"hooks": [{"hookName": "createContainer", "path": "/bin/true"}]}},
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
	printf 'kind: berth.test/other\ndevices: &all\n- name: x\n' >"$files/other.yaml"
	echo '{"kind": "berth.test/twice", "devices": [{"name": "d"}]}' | tee "$files/a.json" >"$files/b.json"
	echo '{"broken' >"$files/broken.json"
}

teardown_file() {
	end_place
}

# create STATUS REQUESTS [NAME]: a container with these DeviceRequests, which says what it has got.
create() {
	docker_api "$1" POST "/containers/create?name=${3:-c}" -d "{\"Image\":\"busybox\",\"Env\":[\"MINE=user\"],\"HostConfig\":{\"NetworkMode\":\"none\",\"DeviceRequests\":$2},
		\"Cmd\":[\"sh\",\"-c\",\"echo \$SHARED \$MINE \$ONE; stat -c '%n %t:%T' /dev/made*; cat /usr/lib/made/file; id -G; echo x >/dev/made0; head -c 3 /dev/made1 | wc -c; touch /usr/lib/made/x\"]}"
}

cdi() {
	echo "[{\"Driver\":\"cdi\",\"DeviceIDs\":[$(printf '"%s"\n' "$@" | paste -sd, -)]}]"
}

@test "edits of devices and of their file become devices, binds, environment and groups" {
	create 201 "$(cdi berth.test/device=one berth.test/device=two)"
	docker_api 204 POST /containers/c/start
	docker_api 200 POST /containers/c/wait
	docker_api 200 GET '/containers/c/logs?stdout=1&stderr=1'
	tr -d '\0-\10\16-\37' <"$DIR/body" >"$DIR/said"
	for line in 'yes file 1' '/dev/made0 1:3' '/dev/made1 1:5' library '4711' '3' 'Read-only file system'; do
		grep -q "$line" "$DIR/said" || { cat "$DIR/said"; false; }
	done
	docker_api 200 GET /containers/c/json
	[ "$(body '.HostConfig.DeviceRequests[0].DeviceIDs | join(" ")')" = "berth.test/device=one berth.test/device=two" ]
	docker_api 204 DELETE /containers/c
}

@test "a file may be YAML" {
	command -v docker >/dev/null || skip "docker is not installed"
	run -0 env DOCKER_HOST="unix://$BERTH_SOCKET" docker run --rm --network none --device berth.test/plain=0 busybox sh -c \
		'echo $SHARED; stat -c "%n %t:%T" /dev/made*; cat /usr/lib/made/file; id -G; touch /usr/lib/made/x || true'
	for line in yaml '/dev/made0 1:3' '/dev/made1 1:5' library 4711 'Read-only file system'; do
		[[ "$output" == *"$line"* ]] || { echo "$line: $output"; false; }
	done
	create 500 "$(cdi berth.test/other=x)"
	[ "$(body .message)" = "CDI device injection failed: unresolvable CDI devices berth.test/other=x" ]
	grep -q 'other.yaml, line 2: anchors' "$DIR"/data/*.log
}

@test "what cannot be had is an error that names it" {
	create 500 "$(cdi berth.test/device=three)"
	[ "$(body .message)" = "CDI device injection failed: unresolvable CDI devices berth.test/device=three" ]
	create 400 "$(cdi berth.test/twice=d)"
	[[ "$(body .message)" == *"both /var/run/cdi/"* ]]
	create 501 "$(cdi berth.test/device=hooked)"
	[[ "$(body .message)" == *'test.json: berth does not do what "hooks" asks for'* ]]
	create 201 "$(cdi berth.test/device=gone)"
	docker_api 500 POST /containers/c/start
	[[ "$(body .message)" == *'device "/dev/berth-has-no-such-device": No such file or directory'* ]]
	docker_api 204 DELETE /containers/c
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
	docker_api 204 POST /containers/c/start
	docker_api 200 POST /containers/c/wait
	docker_api 200 GET '/containers/c/logs?stdout=1'
	grep -aq '/dev/made0' "$DIR/body"
	grep -aq '/dev/made1' "$DIR/body"
	docker_api 204 DELETE /containers/c
}
