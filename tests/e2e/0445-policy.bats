#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Roles: who may start containers need not be root of the machine.

load helpers

BUILDER=20001 WATCHER=20002

setup_file() {
	new_place
	chmod 711 "$DIR"
	printf '{"default": "none", "rules": [{"who": "uid:%d", "role": "no-host-access"}, {"who": "uid:%d", "role": "read-only"}]}\n' $BUILDER $WATCHER \
		>"$DIR/policy.json"
	start --policy "$DIR/policy.json"
	import_busybox
	chmod 666 "$BERTH_SOCKET"
}

teardown_file() {
	end_place
}

# build_as UID STATUS QUERY
build_as() {
	local status

	status=$(setpriv --reuid "$1" --regid "$1" --clear-groups curl -sS --max-time 200 --unix-socket "$BERTH_SOCKET" -o - -w '\n%{http_code}' \
		-H 'Content-Type: application/x-tar' --data-binary "@$DIR/build.tar" "http://d/build?$3" | tee "$DIR/body" | tail -n 1)
	[ "$status" = "$2" ]
}

buildkit() {
	setpriv --reuid $BUILDER --regid $BUILDER --clear-groups timeout 200 /usr/bin/python3 "$BATS_TEST_DIRNAME/buildkit_client.py" "$BERTH_SOCKET" \
		-d "$DIR/build" "$@"
}

@test "a policy that is not understood keeps berth from starting" {
	echo '{"default": "anything"}' >"$DIR/bad.json"
	BERTH_SOCKET=$DIR/other.sock run berth up --data "$DIR/other" --policy "$DIR/bad.json"
	[ "$status" -ne 0 ]
	[[ "$output" == *"bad.json"*"no role"* ]]
	[ ! -e "$DIR/other.sock" ]
	rm -rf "$DIR/other"
}

@test "who has no role gets nothing, root everything" {
	as 20003 403 GET /_ping
	as 20003 403 GET /v1/info
	as 20003 403 POST /v1/down '{"all":true}'
	as 0 200 GET /info
}

@test "read-only sees and changes nothing" {
	as $WATCHER 200 GET /containers/json?all=1
	as $WATCHER 200 GET /v1/images
	as $WATCHER 200 GET /v1.41/images/json
	as $WATCHER 403 POST /containers/create '{"Image": "busybox"}'
	as $WATCHER 403 POST /v1/containers/run '{"image": "busybox"}'
	as $WATCHER 403 DELETE /images/busybox
	as $WATCHER 403 POST /v1.44/images/busybox/tag?repo=x
	as $WATCHER 403 POST /v1/down '{"all":true}'
	as $WATCHER 403 POST /v1/jobs '{}'
}

@test "no-host-access builds, but no step has the host's network" {
	mkdir "$DIR/build"
	printf 'FROM busybox\nRUN --network=host true\n' >"$DIR/build/Dockerfile"
	tar -C "$DIR/build" -cf "$DIR/build.tar" .
	chmod 644 "$DIR/build.tar"
	build_as $BUILDER 200 t=own
	[[ "$(cat "$DIR/body")" == *"RUN --network=host: your role may not use the host's network"* ]]
	build_as $BUILDER 403 networkmode=host
	run -1 buildkit
	[[ "$output" == *"RUN --network=host: your role may not use the host's network"* ]]
	run -1 buildkit -a force-network-mode=host
	[[ "$output" == *"error 7 your role may not use the host's network"* ]]
	build_as $WATCHER 403 t=own
	build_as 0 200 t=own
	[[ "$(cat "$DIR/body")" == *"Successfully built"* ]]
}

@test "no-host-access makes containers, but none that opens the machine" {
	as $BUILDER 201 POST /containers/create '{"Image": "busybox", "Cmd": ["sleep", "600"], "HostConfig": {"NetworkMode": "none"}}'
	local id host
	id=$(made)
	as $BUILDER 204 POST "/containers/$id/start"
	as $BUILDER 204 DELETE "/containers/$id?force=1"
	for host in '"Binds": ["/:/host"]' '"Mounts": [{"Type": "bind", "Source": "/", "Target": "/h"}]' '"Privileged": true' '"CapAdd": ["SYS_ADMIN"]' \
		'"PidMode": "host"' '"NetworkMode": "host"' '"IpcMode": "host"' '"UTSMode": "host"' '"UsernsMode": "host"' '"CgroupParent": "/x"' \
		'"SecurityOpt": ["seccomp=unconfined"]' '"Devices": [{"PathOnHost": "/dev/kmsg", "PathInContainer": "/dev/k", "CgroupPermissions": "r"}]' \
		'"MaskedPaths": []' '"OomScoreAdj": -900'; do
		as $BUILDER 403 POST /containers/create "{\"Image\": \"busybox\", \"Cmd\": [\"true\"], \"HostConfig\": {$host}}"
	done
	as $BUILDER 403 POST /v1/containers/run '{"image": "busybox", "mounts": [{"type": "bind", "source": "/", "target": "/h"}]}'
	as $BUILDER 403 POST /v1/down '{"all":true}'
	as $BUILDER 403 POST /volumes/create '{"Name": "etc", "DriverOpts": {"type": "none", "o": "bind", "device": "/etc"}}'
	as $BUILDER 201 POST /volumes/create '{"Name": "mine"}'
	as $BUILDER 204 DELETE /volumes/mine
}

@test "no-host-access uses no container or volume by which an administrator opened the machine" {
	as 0 201 POST /containers/create '{"Image": "busybox", "Cmd": ["sleep", "600"], "HostConfig": {"Binds": ["/:/host"], "NetworkMode": "none"}}'
	local open call
	open=$(made)
	as 0 204 POST "/containers/$open/start"
	as $BUILDER 200 GET "/containers/$open/json"
	for call in "POST /containers/$open/exec" "POST /containers//$open/exec" "POST /v1.44/containers/${open:0:12}/exec" "POST /containers/$open/attach?stdin=1" \
		"GET /containers/$open/archive?path=/host/etc/shadow" "GET /containers/$open/export" "POST /containers/$open/stop" "POST /commit?container=$open" \
		"DELETE /v1/containers/$open?force=1" "POST /v1/containers/$open/kill"; do
		# shellcheck disable=SC2086 # two words
		as $BUILDER 403 $call '{"Cmd": ["cat", "/host/etc/shadow"]}'
	done
	as $BUILDER 403 POST /containers/create "{\"Image\": \"busybox\", \"Cmd\": [\"true\"], \"HostConfig\": {\"PidMode\": \"container:$open\"}}"
	as $BUILDER 403 POST /containers/create "{\"Image\": \"busybox\", \"Cmd\": [\"true\"], \"HostConfig\": {\"VolumesFrom\": [\"$open\"]}}"
	as $BUILDER 403 POST "/build?networkmode=container:$open" '{}'
	as 0 201 POST "/containers/$open/exec" '{"Cmd": ["true"]}'
	as $BUILDER 403 POST "/exec/$(made)/start" '{"Detach": true}'
	as 0 204 POST "/containers/$open/stop?t=0"
	as $BUILDER 200 POST /containers/prune
	as 0 204 DELETE "/containers/$open"
	as 0 201 POST /volumes/create '{"Name": "etc", "DriverOpts": {"type": "none", "o": "bind", "device": "/etc"}}'
	as $BUILDER 403 POST /containers/create '{"Image": "busybox", "Cmd": ["true"], "HostConfig": {"Binds": ["etc:/e"]}}'
	as 0 204 DELETE /volumes/etc
}

job_runs() {
	[ "$(job_field "$1" .counts.running)" = 1 ]
}

@test "no-host-access changes no jobs but its own" {
	local id call
	job_file others <<-END >/dev/null
		name: others
		services: {t: {image: busybox, command: [sleep, "600"], stop_grace_period: 0s, x-berth: {kind: task}}}
	END
	id=$(berth submit "$DIR/others.yaml" --json | jq -r .id)
	eventually job_runs "$id"
	for call in "POST /v1/jobs/$id/cancel" "POST /v1/jobs/others/pause" "DELETE /v1/jobs/$id" "POST /containers/$id-t-0/kill" "DELETE /v1/containers/$id-t-0?force=1"; do
		# shellcheck disable=SC2086 # two words
		as $BUILDER 403 $call
		grep -q "not yours" "$DIR/body"
	done
	as $BUILDER 200 GET "/v1/jobs/$id"
	berth cancel "$id"
	run berth wait "$id"
	as $BUILDER 200 POST /containers/prune
	as 0 200 GET "/containers/$id-t-0/json"
	berth rm "$id"
	sed -i 's/^name: others/x-berth: {schedule: {cron: "0 0 1 1 *"}}\nname: yearly/' "$DIR/others.yaml"
	berth submit "$DIR/others.yaml" >/dev/null
	as $BUILDER 403 POST /v1/schedules/yearly/run
	as $BUILDER 403 DELETE /v1/schedules/yearly
	as 0 200 DELETE /v1/schedules/yearly
}

@test "no-host-access reaches the machine over no chain of containers and by no name that looks like an id" {
	local cmd='"Image": "busybox", "Cmd": ["sleep", "600"]' host joined own
	as 0 201 POST /containers/create "{$cmd, \"HostConfig\": {\"PidMode\": \"host\", \"NetworkMode\": \"none\"}}"
	host=$(made)
	as 0 204 POST "/containers/$host/start"
	as 0 201 POST /containers/create "{$cmd, \"HostConfig\": {\"PidMode\": \"container:$host\", \"NetworkMode\": \"none\"}}"
	joined=$(made)
	as 0 204 POST "/containers/$joined/start"
	as $BUILDER 403 POST "/containers/$joined/exec" '{"Cmd": ["true"]}'
	as $BUILDER 403 POST /containers/create "{$cmd, \"HostConfig\": {\"PidMode\": \"container:$joined\"}}"
	# one of its own has the first digits of another's id as its name
	as $BUILDER 201 POST "/containers/create?name=${host:0:12}" "{$cmd, \"HostConfig\": {\"NetworkMode\": \"none\"}}"
	own=$(made)
	as $BUILDER 403 POST /v1/containers/run "{\"image\": \"busybox\", \"command\": [\"true\"], \"pid_mode\": \"container:${host:0:12}\"}"
	as $BUILDER 204 DELETE "/containers/$own"
	as 0 204 DELETE "/containers/$host?force=1"
	# what it joined has gone, but not what it is in
	as $BUILDER 403 POST "/containers/$joined/exec" '{"Cmd": ["true"]}'
	as 0 204 DELETE "/containers/$joined?force=1"
}
