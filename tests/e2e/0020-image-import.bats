#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Images: import, list, remove.

load helpers

setup_file() {
	new_place
	start
}

teardown_file() {
	end_place
}

teardown() {
	tell_words
	for name in $(berth image ls --json | jq -r '.[].name'); do
		berth image rm "$name"
	done
}

# bats test_tags=vm
@test "a tar becomes an image that is listed and can run" {
	run -0 berth image import "$(busybox_tar)" busybox
	run -0 berth image ls --json
	[ "$(jq -r '.[0].name' <<<"$output")" = busybox:latest ]
	[[ "$(jq -r '.[0].id' <<<"$output")" =~ ^sha256:[0-9a-f]{64}$ ]]
	[ "$(jq -r '.[0].size > 100000' <<<"$output")" = true ]
	run -0 berth image ls
	[[ "$output" == *busybox* ]]
	run -0 berth run --rm busybox echo hello
	[ "$output" = hello ]
}

@test "gzip, zstd and stdin give the same image" {
	berth image import "$(busybox_tar)" plain
	gzip -c "$(busybox_tar)" >"$DIR/t.tar.gz"
	berth image import "$DIR/t.tar.gz" gz
	berth image import - std <"$(busybox_tar)"
	run -0 berth image ls --json
	[ "$(jq -r '[.[].layers] | unique | length' <<<"$output")" = 1 ]
	[ "$(jq length <<<"$output")" = 3 ]
}

@test "zstd is understood" {
	command -v zstd >/dev/null || skip "the program zstd is not installed"
	zstd -q -o "$DIR/t.tar.zst" "$(busybox_tar)"
	run -0 berth image import "$DIR/t.tar.zst" zst
	run -0 berth run --rm zst true
}

@test "importing under a name that exists replaces it" {
	berth image import "$(busybox_tar)" app
	mkdir "$DIR/one"
	echo two >"$DIR/one/file"
	tar -C "$DIR/one" -cf "$DIR/one.tar" .
	berth image import "$DIR/one.tar" app
	run -0 berth image ls --json
	[ "$(jq length <<<"$output")" = 1 ]
	[ "$(jq -r '.[0].size < 100000' <<<"$output")" = true ]
}

fails() { # TEXT COMMAND...: of berth
	local text=$1
	shift
	run berth "$@"
	fails_with "$text"
}

@test "rm removes the image and its layers; an image that is not there is an error" {
	berth image import "$(busybox_tar)" busybox
	run -0 berth image rm busybox
	[ -z "$(ls "$DIR/data/images/layers")" ]
	run berth image rm busybox
	fails_with busybox
	run -125 berth run --pull never busybox true
	fails_with busybox "berth pull"
}

@test "an image is not removed while a container is on it, running or not" {
	berth image import "$(busybox_tar)" busybox
	berth run -d --rm --name gone busybox sleep 1000
	berth run -d --name holder busybox sleep 1000
	run berth image rm busybox
	fails_with busybox "in use by 2 containers"
	berth kill gone
	berth kill holder
	exits_with 137 holder
	eventually fails "in use by 1 container" image rm busybox
	# as a daemon finds it that starts later
	berth down 3>&-
	start
	fails "in use by 1 container" image rm busybox
	[ "$(berth image prune --all --json | jq -c .images)" = '[]' ]
	berth rm holder
	eventually berth image rm busybox
	[ -z "$(ls "$DIR/data/images/leases")" ]
}

@test "a task that has ended leaves its image to whoever removes it" {
	berth image import "$(busybox_tar)" busybox
	berth submit --wait -q "$(job_file one <<<'services: {a: {image: busybox, command: ["true"]}}')"
	berth ps --all -q | grep -q .
	eventually berth image rm busybox
}

@test "names that are none are refused" {
	for name in UPPER 'a b' '../x' 'a:b:c' ''; do
		run berth image import "$(busybox_tar)" "$name"
		fails_with ""
	done
	[ "$(berth image ls --json | jq length)" = 0 ]
}
