#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# An image as one EROFS file.

load helpers

setup() {
	[ "$(id -u)" = 0 ] || skip "only the machine's root may mount an EROFS file"
	grep -qw erofs /proc/filesystems || modprobe erofs 2>/dev/null || skip "this kernel has no EROFS"
	new_place
	export BERTH_DATA=$DIR/data
	"$TOP/tests/lib/tree_layout.py" "$DIR/layout" "$(command -v busybox)"
	berth load -q -i "$DIR/layout/" --name tree >/dev/null
}

teardown() {
	[ -n "${DIR:-}" ] || return 0
	umount -ql "$BERTH_DATA/images/erofs" "$DIR/one" 2>/dev/null || true
	end_place
}

erofs_file() {
	echo "$BERTH_DATA/images/erofs/$(berth image inspect tree | jq -r '.digest[7:]')"
}

# The layers, topmost first, as overlay wants them.
lowers() {
	berth image inspect tree | jq -r --arg top "$BERTH_DATA/images/layers" '[.layers | reverse | .[] | "\($top)/\(.)/fs"] | join(":")'
}

@test "the kernel sees in the file what it sees in the layers" {
	berth image convert --erofs tree
	mkdir "$DIR/layers" "$DIR/file"
	# shellcheck disable=SC2016 # the inner shell's
	run unshare --mount sh -ec 'mount -t overlay -o "ro,lowerdir=$1" none "$2"
		mount -t erofs -o ro "$4" "$3" || mount -t erofs -o ro,loop "$4" "$3"
		"$5" "$2" "$3"' - "$(lowers)" "$DIR/layers" "$DIR/file" "$(erofs_file)" "$TOP/tests/lib/same_tree.py"
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[-1]%% *}" -gt 800 ]
}

@test "containers start from the file, write as always, and from the layers without it" {
	berth image convert --erofs tree --tag also
	start
	run -0 berth run --rm also sh -c 'cat /replaced; rm /big; touch /a/new; ls /a /opaque; stat -c %h /h1; [ ! -e /big ]'
	[[ "$output" == "a file now"*new*one*three*two*new*2 ]]
	# One mount is all that it has of the image.
	run -0 berth run --rm tree sh -c 'cat /proc/self/mountinfo'
	[ "$(grep -o lowerdir <<<"$output" | wc -l)" = 1 ]
	run -0 berth run --rm --userns tree sh -c 'stat -c "%u %a" /a/one; touch /a/x'
	[ "$output" = "5 4755" ]
	# The layers are there for those who work with them.
	berth save tree -o "$DIR/tree.tar" --quiet
	# Without the file a container starts from the layers.
	run -0 berth image convert --directories tree
	[ "$output" = "tree:latest runs from its layers again" ]
	run -0 berth run --rm tree sh -c 'cat /replaced; cat /proc/self/mountinfo'
	[ "$(grep -o lowerdir <<<"$output" | wc -l)" -gt 1 ]
}

# A file below two overlays is stacked too high for the kernel to mount it itself, as it is for Linux before 6.12 wherever it is.
@test "where the kernel does not mount the file itself a loop device does, and goes with the container" {
	local erofs=$BERTH_DATA/images/erofs file
	[ -c /dev/loop-control ] || skip "there are no loop devices"
	berth image convert --erofs tree
	file=$(erofs_file)
	mkdir "$DIR/one" "$DIR/none"
	mount -t overlay -o "ro,lowerdir=$erofs:$DIR/none" none "$DIR/one"
	mount -t overlay -o "ro,lowerdir=$DIR/one:$DIR/none" none "$erofs"
	start
	berth run -d --name looped tree sleep 1000
	run -0 berth exec looped cat /replaced
	[ "$output" = "a file now" ]
	run -0 berth exec looped cat /proc/self/mountinfo
	[ "$(grep -o lowerdir <<<"$output" | wc -l)" = 1 ]
	cat /sys/block/loop*/loop/backing_file >"$DIR/loops"
	grep -F "$(basename "$file")" "$DIR/loops"
	berth rm -f looped
	no_loop() { ! cat /sys/block/loop*/loop/backing_file 2>/dev/null | grep -F "$(basename "$file")"; }
	eventually no_loop
}

@test "the file is its image's: shown, counted, kept by containers, gone with it" {
	start
	run -0 berth image inspect tree
	[ "$(jq .erofs <<<"$output")" = null ]
	berth image convert --erofs tree
	bytes=$(du -B1 "$(erofs_file)" | cut -f1)
	[ "$(berth image inspect tree | jq .erofs)" = "$bytes" ]
	[ "$(berth image ls --json | jq '.[0].erofs')" = "$bytes" ]
	run -0 berth system df --json
	[ "$(jq '.parts[] | select(.what == "EROFS files").bytes' <<<"$output")" = "$bytes" ]
	berth run -d --name holder tree sleep 1000
	run -0 berth image prune --all
	[ -f "$(erofs_file)" ]
	run -0 berth system df --json
	[ "$(jq '.parts[] | select(.what == "EROFS files").reclaimable' <<<"$output")" = 0 ]
	berth stop -t 0 holder
	berth rm holder
	berth down 3>&-
	run -0 berth system df --json
	[ "$(jq .bytes <<<"$output")" = "$(du -sB1 "$BERTH_DATA" | cut -f1)" ]
	berth image prune --all
	[ -z "$(ls "$BERTH_DATA/images/erofs")" ]
}

@test "a kill while the file is written leaves the image as it was" {
	# The kernel kills whoever writes more than a megabyte.
	run bash -c 'ulimit -c 0; ulimit -f 1024; exec "$BERTH" image convert --erofs tree'
	[ "$status" -ge 128 ]
	[ -z "$(ls "$BERTH_DATA/images/erofs")" ]
	[ -n "$(ls "$BERTH_DATA/images/tmp")" ]
	[ "$(berth image inspect tree | jq .erofs)" = null ]
	[ -z "$(ls "$BERTH_DATA/images/tmp")" ]
	berth image convert --erofs tree
	one=$(sha256sum <"$(erofs_file)")
	berth image convert --directories tree
	berth image convert --erofs tree
	[ "$(sha256sum <"$(erofs_file)")" = "$one" ]
}

@test "a file system that somebody else made is never mounted" {
	start
	berth image convert --erofs tree
	run berth image import -q "$(erofs_file)" foreign
	fails_with 'the archive has no entries'
	# In the place of ours, but not made by us.
	chmod 0660 "$(erofs_file)"
	run -0 berth run --rm tree sh -c 'cat /proc/self/mountinfo'
	[ "$(grep -o lowerdir <<<"$output" | wc -l)" -gt 1 ]
	run berth image convert --erofs tree
	fails_with 'is not a file that this berth made: remove it'
}
