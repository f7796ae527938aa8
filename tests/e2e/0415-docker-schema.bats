#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Every call of Docker's API, answered as its description says: no member is missing, of another type, null or unknown (tests/schema/check.py).

load registry

setup_file() {
	start_apart
	printf '#!/bin/sh\nexec nsenter --net=%s %s "$@"\n' "$DIR/netns" "$BERTH" >"$DIR/registry.sh"
	chmod +x "$DIR/registry.sh"
}

teardown_file() {
	end_place
}

teardown() {
	tell_words
	registry_stop
}

@test "all answers of all calls are what the API description says" {
	REGISTRY=$DIR/registry.sh registry_start
	timeout 200 python3 "$BATS_TEST_DIRNAME/docker_schema.py" "$BERTH_SOCKET" "$HOST"
}

@test "the check bites: members that are missing, null, unknown, or of another type" {
	mkdir "$DIR/bad"
	echo "GET /v1.41/containers/x/json 404" >"$DIR/bad/1.call"
	echo '{"message":"none"}' >"$DIR/bad/1.body"
	python3 "$TOP/tests/schema/check.py" "$DIR/bad"
	while read -r n call body; do
		echo "${call//,/ }" >"$DIR/bad/$n.call"
		echo "$body" >"$DIR/bad/$n.body"
	done <<-'CALLS'
		2 GET,/images/search,200 [{"name":"a","description":"","is_official":1,"star_count":0,"is_automated":false}]
		3 GET,/volumes,200 {"Volumes":null,"Warnings":null}
		4 POST,/v1.44/commit,201 {}
		5 GET,/nothing,200 {}
		6 GET,/containers/x/json,500 {"error":"no message"}
		7 POST,/auth,200 {"Status":"","IdentityToken":"","Secret":""}
	CALLS
	run -1 python3 "$TOP/tests/schema/check.py" "$DIR/bad"
	[[ "$output" == *".is_official: 1 is no boolean"* ]]
	[[ "$output" == *".Volumes is null"* ]]
	[[ "$output" == *".Id is missing"* ]]
	[[ "$output" == *"GET /nothing: the description has no such call"* ]]
	[[ "$output" == *".message is missing"* ]]
	[[ "$output" == *".Secret is unknown"* ]]
	[ "${#lines[@]}" = 7 ]
}

@test "docker builder prune and docker system prune" {
	command -v docker >/dev/null || skip "docker is not installed"
	export DOCKER_HOST=unix://$BERTH_SOCKET DOCKER_CONFIG=$DIR/docker DOCKER_BUILDKIT=0
	mkdir -p "$DIR/docker" "$DIR/context"
	printf 'FROM busybox\nRUN echo built >/file\n' >"$DIR/context/Dockerfile"
	docker build -q "$DIR/context"
	docker build "$DIR/context" | grep -q 'Using cache'
	docker builder prune -f --filter until=24h | grep -Eq 'Total( reclaimed space)?:\s+0B'
	docker build "$DIR/context" | grep -q 'Using cache'
	docker system prune -f >"$DIR/pruned"
	grep -q 'Deleted build cache objects:' "$DIR/pruned"
	grep -q 'Total reclaimed space: [1-9]' "$DIR/pruned"
	run ! grep -q 'Using cache' <(docker build "$DIR/context")
}
