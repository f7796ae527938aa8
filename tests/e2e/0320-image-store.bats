#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The store of images: names, what is known of an image, what it takes, and what nobody needs.

load helpers

setup() {
	new_place
	export BERTH_DATA=$DIR/data
	start
	import_busybox
}

teardown() {
	end_place
}

names() {
	berth image ls --json | jq -r '[.[].name] | join(" ")'
}

@test "an image has several names, and a name is not taken from another image by mistake" {
	berth tag busybox host.example:5000/tools/box:1
	run -0 names
	[ "$output" = "busybox:latest host.example:5000/tools/box:1" ]
	tar -C "$BATS_TEST_DIRNAME" -cf "$DIR/other.tar" helpers.bash
	berth image import -q "$DIR/other.tar" other
	run berth tag other busybox
	fails_with 'there is another image "busybox:latest" already'
	berth image tag --force other busybox
	[ "$(berth image inspect busybox | jq -r .id)" = "$(berth image inspect other | jq -r .id)" ]
	berth run --rm host.example:5000/tools/box:1 true
	run berth tag nobody new
	fails_with 'image "nobody" is not here'
}

@test "inspect and history tell what an image is made of" {
	run -0 berth image inspect busybox
	[ "$(jq -r .manifest.config.digest <<<"$output")" = "$(jq -r .id <<<"$output")" ]
	[ "$(jq -r '.config.rootfs.diff_ids[0]' <<<"$output")" = "$(jq -r '.parts[0].diff_id' <<<"$output")" ]
	[ "$(jq -r '.names[0]' <<<"$output")" = busybox:latest ]
	digest=$(jq -r .digest <<<"$output")
	run -0 berth image ls --digests
	[[ "$output" == *"$digest"* ]]
	[ "$(berth image inspect "busybox@$digest" | jq -r .digest)" = "$digest" ]
	run -0 berth image history busybox
	[[ "$output" == *LAYER* ]]
}

@test "images are worked with while no berth runs" {
	berth down 3>&-
	unset BERTH_SOCKET
	berth tag busybox box:2
	run -0 names
	[ "$output" = "box:2 busybox:latest" ]
	berth image rm busybox --data "$DIR/data"
	run -0 berth image prune --all --dry-run
	[[ "$output" == *"would remove box:2"* ]]
	BERTH_SOCKET=$DIR/berth.sock
	export BERTH_SOCKET
	start
	run -0 berth image ls -q
	[ "$output" = box:2 ]
	berth run --rm box:2 true
}

@test "prune takes what nobody uses, and says how much on the disk" {
	berth run -d --name user busybox sleep 1000
	tar -C "$BATS_TEST_DIRNAME" -cf "$DIR/other.tar" helpers.bash
	berth image import -q "$DIR/other.tar" other
	run -0 berth image prune
	[ "$output" = "freed: 0 B" ]
	before=$(du -s -B1 "$DIR/data/images" | cut -f1)
	run -0 berth image prune --all --dry-run --json
	said=$(jq .bytes <<<"$output")
	[ "$(names)" = "busybox:latest other:latest" ]
	run -0 berth image prune --all --json
	[ "$(jq -c .images <<<"$output")" = '["other:latest"]' ]
	[ "$(jq .bytes <<<"$output")" = "$said" ]
	after=$(du -s -B1 "$DIR/data/images" | cut -f1)
	# the directories of the store may have become smaller too, never larger
	[ $((before - after)) -ge "$said" ]
	[ "$(names)" = busybox:latest ]
	berth kill user
	berth wait user || true
	berth rm user
	berth image prune --all
	[ "$(names)" = "" ]
	run -0 find "$DIR/data/images/layers" "$DIR/data/images/blobs/sha256" "$DIR/data/images/tmp" -mindepth 1
	[ "$output" = "" ]
}

logged() { # CONTAINER TEXT
	berth logs "$1" | grep -q "$2"
}

@test "the figures of system df are those of du" {
	berth run -d --name writer busybox sh -c 'head -c 300000 /dev/zero >/big; ln /big /again; echo a line; sleep 1000'
	eventually logged writer 'a line'
	sync "$DIR/data"
	run -0 berth system df --json
	[ "$(jq .bytes <<<"$output")" = "$(du -s -B1 "$DIR/data" | cut -f1)" ]
	[ "$(jq '.parts[] | select(.what == "layers") | .bytes' <<<"$output")" = \
		"$(du -s -B1 "$DIR"/data/images/layers/*/ | awk '{ n += $1 } END { print n }')" ]
	[ "$(jq '.parts[] | select(.what == "logs") | .bytes' <<<"$output")" = \
		"$(du -c -B1 "$DIR"/data/containers/*/log* | tail -n 1 | cut -f1)" ]
	[ "$(jq '.parts[] | select(.what == "layers") | .reclaimable' <<<"$output")" = 0 ]
	run -0 berth system df --verbose
	[[ "$output" == *"busybox:latest"* ]]
}
