#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Images that are fetched when a container or a job needs them, and their names by digest. The registry is berth's own.

load registry

setup_file() {
	new_place
	export HOME=$DIR
	start
	import_busybox
	registry_start
	export HOST BOX=$HOST/tools/box
	berth tag busybox "$BOX:1"
	berth push -q "$BOX:1"
}

teardown_file() {
	registry_end
}

# Of what came from the registry nothing is here.
setup() {
	local name
	for name in $(berth image ls -q --all | grep "^$BOX"); do
		berth image rm "$name" >/dev/null
	done
}

names() {
	berth image ls -q | grep "^$BOX" | tr '\n' ' '
}

@test "run fetches an image that is not here" {
	run -0 --separate-stderr berth run --rm "$BOX:1" echo hello
	[ "$output" = hello ]
	# shellcheck disable=SC2154 # set by run
	[ -n "$stderr" ]
	run -0 --separate-stderr berth run --rm --pull never "$BOX:1" echo hello
	[ "$output$stderr" = hello ]
	berth image rm "$BOX:1"
	id=$(berth run -q -d "$BOX:1" true)
	exits_with 0 "$id"
	berth rm "$id"
}

@test "run says what it cannot fetch, and what it may not" {
	run -125 berth run --rm --pull never "$BOX:1" true
	fails_with "image \"$BOX:1\" is not here; fetch it with \`berth pull $BOX:1\`"
	run -125 berth run --rm "$BOX:2" true
	fails_with "tools/box:2" "does not have it"
	berth pull -q "$BOX:1"
	berth tag "$BOX:1" "$BOX:2"
	run -125 berth run --rm --pull always "$BOX:2" true
	fails_with "does not have it"
	run -125 berth run --pull sometimes "$BOX:1" true
	fails_with 'none of missing, always, never'
	[ "$(names)" = "$BOX:1 $BOX:2 " ]
}

@test "a job's images are fetched before it is submitted" {
	file=$(job_file two <<-END
		services:
		  a: {image: "$BOX:1", command: ["true"]}
		  b: {image: "$BOX:1", command: ["true"], depends_on: {a: {condition: service_completed_successfully}}}
	END
	)
	run berth submit --pull never "$file"
	fails_with "services.a.image" "is not here"
	run -0 --separate-stderr berth submit --wait -q "$file"
	[ "$(names)" = "$BOX:1 " ]
	sed -i 's/:1"/:7"/' "$file"
	run berth submit "$file"
	fails_with "does not have it"
}

ask_pull() { # NAME
	curl -sS --max-time 200 --unix-socket "$BERTH_SOCKET" -o "$DIR/answer" -w '%{http_code}' -X POST "http://berth/v1/images/pull?name=$1"
}

@test "the daemon has an image fetched for whom it is asked by" {
	[ "$(ask_pull "$BOX:1")" = 200 ]
	[ "$(jq -r .name "$DIR/answer")" = "$BOX:1" ]
	[ "$(names)" = "$BOX:1 " ]
	[ "$(ask_pull "$BOX:2")" = 500 ]
	[[ "$(jq -r .message "$DIR/answer")" == *"does not have it"* ]]
	[ "$(ask_pull --help)" = 400 ]
	[ "$(ask_pull '')" = 400 ]
	berth run --rm --pull never "$BOX:1" true
}

@test "an image that was pulled by its digest is found by it" {
	local digest
	berth pull -q "$BOX:1"
	digest=$(berth image inspect "$BOX:1" | jq -r .digest)
	berth image rm "$BOX:1"
	run -0 --separate-stderr berth run --rm "$BOX@$digest" echo hello
	[ "$output" = hello ]
	[ "$(names)" = "$BOX@$digest " ]
	run -0 berth image ls
	[[ "$output" == *"$BOX:<none>"* ]]
	berth image prune >/dev/null
	[ "$(berth image inspect "$BOX@$digest" | jq -r .digest)" = "$digest" ]
	berth save -o "$DIR/a.tar" "$BOX@$digest"
	[ "$(tar -xOf "$DIR/a.tar" manifest.json | jq -c '.[0].RepoTags')" = null ]
	berth tag "$BOX@$digest" "$BOX:9"
	[ "$(names)" = "$BOX:9 " ]
	berth image rm "$BOX:9"
	[ -z "$(names)" ]
}
