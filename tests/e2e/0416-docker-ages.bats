#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What clients of older versions of Docker's API ask and are told (src/face/docker/age.c), as they write it.

load helpers

setup_file() {
	start_with_image
	export DOCKER_HOST=unix://$BERTH_SOCKET
}

teardown_file() {
	end_place
}

# old MINOR STATUS METHOD PATH [CURL-OPTION...]
old() {
	local minor=$1 status=$2 method=$3 path=$4
	shift 4
	docker_api "$status" "$method" "/v1.$minor$path" "$@"
	# The description is of the newest version.
	rm -rf "$DIR/answers"
}

header() { # NAME
	tr -d '\r' <"$DIR/head" | sed -n "s/^$1: //Ip"
}

# The words of both sides of a version: WHAT-1 gives the first, WHAT the second.
turns() { # MINOR FIRST SECOND COMMAND...
	local minor=$1 first=$2 second=$3
	shift 3
	[ "$("$@" $((minor - 1)))" = "$first" ]
	[ "$("$@" "$minor")" = "$second" ]
}

security() {
	old "$1" 200 GET /info
	body '.SecurityOptions[0]'
}

virtual_size() {
	old "$1" 200 GET /images/busybox/json
	body 'has("VirtualSize")'
}

images_named() {
	old "$1" 200 GET '/images/json?filter=nothing'
	body length
}

ipc_of() {
	old "$1" 201 POST "/containers/create?name=ipc$1" -d '{"Image":"busybox","Cmd":["true"]}'
	old 44 200 GET "/containers/ipc$1/json"
	body .HostConfig.IpcMode
}

log_type() {
	old "$1" 200 GET '/containers/ended/logs?stdout=1'
	header content-type
}

create() { # MINOR BODY JQ-EXPRESSION: what is kept of it
	old "$1" 201 POST /containers/create -d "$2"
	old 44 200 GET "/containers/$(body .Id)/json"
	body "$3"
}

@test "answers are what each version has" {
	turns 25 seccomp name=seccomp,profile=builtin security
	turns 44 true false virtual_size
	# An older client names the image beside the filters.
	turns 41 0 1 images_named
	turns 40 shareable private ipc_of
	old 44 201 POST /containers/create?name=ended -d '{"Image":"busybox","Cmd":["echo","hello"]}'
	old 44 204 POST /containers/ended/start
	exits_with 0 ended
	turns 42 application/octet-stream application/vnd.docker.multiplexed-stream log_type
	old 40 200 GET '/containers/ended/stats?stream=0&one-shot=1'
}

@test "a body has no members that its version does not know" {
	mounts='{"Image":"busybox","Cmd":["true"],"HostConfig":{"Mounts":[{"Type":"tmpfs","Target":"/t"}],"AutoRemove":false,"Annotations":{"a":"b"},"CpuShares":7}}'
	[ "$(create 24 "$mounts" '[.HostConfig.CpuShares, (.Mounts | length), .HostConfig.Annotations.a] | map(tostring) | join(" ")')" = "7 0 null" ]
	[ "$(create 25 "$mounts" '[(.HostConfig.Mounts | length), .HostConfig.Annotations.a] | map(tostring) | join(" ")')" = "1 null" ]
	[ "$(create 43 "$mounts" '.HostConfig.Annotations.a')" = b ]
	health='{"image":"busybox","Cmd":["true"],"healthcheck":{"test":["CMD","true"],"startInterval":2000000000,"StartPeriod":3000000000}}'
	[ "$(create 28 "$health" '.Config.Healthcheck | [.StartPeriod // 0, .StartInterval // 0] | join(" ")' 2>&1)" = "0 0" ]
	[ "$(create 43 "$health" '.Config.Healthcheck | [.StartPeriod // 0, .StartInterval // 0] | join(" ")')" = "3000000000 0" ]
	[ "$(create 44 "$health" '.Config.Healthcheck | [.StartPeriod // 0, .StartInterval // 0] | join(" ")')" = "3000000000 2000000000" ]
}

@test "a wait of version 1.29 is answered at the end, whatever condition it names" {
	old 29 201 POST /containers/create?name=waits -d '{"Image":"busybox","Cmd":["sleep","1000"]}'
	old 29 204 POST /containers/waits/start
	curl -sS --unix-socket "$BERTH_SOCKET" -X POST -D "$DIR/early" -o "$DIR/waited" "http://d/v1.29/containers/waits/wait?condition=nonsense" 3>&- &
	waiter=$!
	curl -sS --unix-socket "$BERTH_SOCKET" -X POST -D "$DIR/new" -o /dev/null "http://d/v1.30/containers/waits/wait" 3>&- &
	newer=$!
	eventually grep -q 200 "$DIR/new"
	[ ! -s "$DIR/early" ]
	old 29 204 POST "/containers/waits/stop?t=0&signal=nonsense"
	ends_with 0 "$waiter"
	ends_with 0 "$newer"
	[ "$(jq -c . "$DIR/waited")" = '{"StatusCode":137}' ]
	old 42 400 POST "/containers/waits/stop?t=0&signal=nonsense"
}

@test "docker commands of old versions run a container, show and remove it" {
	command -v docker >/dev/null || skip "docker is not installed"
	for version in 1.24 1.30 1.40; do
		[ "$(DOCKER_API_VERSION=$version docker run --name "v$version" busybox echo "$version")" = "$version" ]
		[ "$(DOCKER_API_VERSION=$version docker ps -a --filter "name=v$version" --format '{{.Image}}')" = busybox ]
		DOCKER_API_VERSION=$version docker rm "v$version"
	done
}
