#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# berth save and berth load: round trips, and Debian's skopeo, podman and docker as peers.

load helpers
load peers

setup() {
	start_with_image
}

teardown() {
	peers_end
	end_place
}

# id NAME: of an image of ours.
id() {
	berth image ls --json | jq -r --arg name "$1" '.[] | select(.name == $name) | .id'
}

# other COMMAND...: berth with another store, for which no daemon runs.
other() {
	env -u BERTH_SOCKET BERTH_DATA="$DIR/other" "$BERTH" "$@"
}

manifest_of() { # ARCHIVE
	tar -xOf "$1" index.json | jq -r '.manifests[0].digest'
}

@test "an archive is the same wherever it was" {
	berth save -o "$DIR/a.tar" busybox
	run -0 other load "$DIR/a.tar"
	[ "$output" = "Loaded image: busybox:latest" ]
	other save busybox >"$DIR/b.tar"
	cmp "$DIR/a.tar" "$DIR/b.tar"
	# Loaded again, packed, by a pipe: nothing new
	gzip -1 <"$DIR/a.tar" | other load
	zstd -q <"$DIR/a.tar" | other image load -
	xz -q <"$DIR/a.tar" | other load
	bzip2 <"$DIR/a.tar" | other load
	[ "$(find "$DIR/other/images/layers" -mindepth 1 -maxdepth 1 | wc -l)" -eq 1 ]
	[ -z "$(find "$DIR/other/images/tmp" "$DIR/other/images/leases" -mindepth 1)" ]
}

@test "what is loaded runs" {
	berth save -o "$DIR/a.tar" busybox
	berth load -t second "$DIR/a.tar"
	run -0 berth run --rm second echo it runs
	[ "$output" = "it runs" ]
}

@test "layers are packed when that is wanted, and always the same" {
	local how
	for how in gzip zstd; do
		berth save --compress $how -o "$DIR/a.tar" busybox
		berth save --compress $how -o "$DIR/b.tar" busybox
		cmp "$DIR/a.tar" "$DIR/b.tar"
		other load --force "$DIR/a.tar"
		[ "$(tar -xOf "$DIR/a.tar" manifest.json | jq -r '.[0].Config')" = "blobs/sha256/$(id busybox:latest | cut -d: -f2)" ]
		# Known now, so the digest of the manifest stays when it is saved again
		other save -o "$DIR/c.tar" busybox
		[ "$(tar -xOf "$DIR/c.tar" manifest.json | jq -r '.[0].Config')" = "blobs/sha256/$(id busybox:latest | cut -d: -f2)" ]
	done
	run -1 berth save --compress lzma -o "$DIR/x.tar" busybox
	[[ $output == *'"lzma" is no compression'* ]]
	[ ! -e "$DIR/x.tar" ]
}

@test "a directory is an OCI layout, too" {
	berth save -o "$DIR/layout/" busybox
	[ "$(jq -r .imageLayoutVersion "$DIR/layout/oci-layout")" = 1.0.0 ]
	(cd "$DIR/layout/blobs/sha256" && for f in *; do echo "$f  $f"; done | sha256sum --quiet -c)
	other load "$DIR/layout"
	run -1 berth save -o "$DIR/layout/" busybox
	[[ $output == *"is not empty"* ]]
	# Links in it lead nowhere
	rm "$DIR/layout/index.json"
	ln -s /etc/hostname "$DIR/layout/index.json"
	run -1 other load "$DIR/layout"
	[[ $output == *"there are no images in it"* ]]
}

@test "several images and several names in one file" {
	echo two >"$DIR/two"
	tar -C "$DIR" -cf "$DIR/two.tar" two
	berth image import "$DIR/two.tar" two:2 >/dev/null
	berth save busybox two:2 | berth load -q
	berth save -o "$DIR/a.tar" busybox two:2
	run -0 other load "$DIR/a.tar"
	[ "$output" = "Loaded image: busybox:latest
Loaded image: two:2" ]
	run -1 other load -t one "$DIR/a.tar"
	[[ $output == *"the archive has 2 images; a name can be given to one only"* ]]
	# An id is an image without a name
	berth save -o "$DIR/b.tar" "$(id two:2)"
	[ "$(tar -xOf "$DIR/b.tar" manifest.json | jq -c '.[0].RepoTags')" = null ]
}

@test "a name that is taken stays, and moves by force (attack I8)" {
	local before
	before=$(id busybox:latest)
	echo evil >"$DIR/evil"
	tar -C "$DIR" -cf "$DIR/evil.tar" evil
	berth image import "$DIR/evil.tar" evil >/dev/null
	berth save -o "$DIR/a.tar" evil
	run -1 --separate-stderr berth load -t busybox "$DIR/a.tar"
	[[ $output == "Loaded image ID: sha256:"* ]]
	# shellcheck disable=SC2154 # set by run
	[[ $stderr == *"busybox:latest is the name of another image here, $before, and stays it"* ]]
	[ "$(id busybox:latest)" = "$before" ]
	run -0 --separate-stderr berth load --force -t busybox "$DIR/a.tar"
	[[ $stderr == *"The image busybox:latest already exists, renaming the old one with ID $before to empty string"* ]]
	[ "$(berth image ls --all --json | jq -r '.[] | select(.name == "") | .id' | grep -c "^$before$")" = 1 ]
	[ "$(id busybox:latest)" = "$(id evil:latest)" ]
}

# The process waits for a lock (flock) that another one has.
waits_for_lock() { # PID
	local pid
	for pid in "$1" $(pgrep -P "$1"); do
		grep -q -- "-> FLOCK .* $pid " /proc/locks && return
	done
	return 1
}

# interrupt SIGNAL COMMAND...: of berth, at the moment at which it waits for the lock of the store. The status is that of the command.
interrupt() {
	local signal=$1 lock status=0
	shift
	exec {lock}<"$DIR/data/images/lock"
	flock "$lock"
	env --default-signal=INT,HUP "$BERTH" "$@" >/dev/null 2>"$DIR/interrupted" 3>&- 4>&- &
	eventually waits_for_lock "$!"
	kill "-$signal" "$!"
	wait "$!" || status=$?
	exec {lock}>&-
	return "$status"
}

@test "a save that is interrupted leaves no file" {
	local signal
	mkdir "$DIR/out"
	echo before >"$DIR/out/a.tar"
	for signal in INT TERM; do
		run -130 interrupt "$signal" save -o "$DIR/out/a.tar" busybox
	done
	[ "$(ls "$DIR/out")" = a.tar ]
	[ "$(cat "$DIR/out/a.tar")" = before ]
	# What nobody can tidy up after has no name yet.
	run -137 interrupt KILL save -o "$DIR/out/b.tar" busybox
	[ "$(ls "$DIR/out")" = a.tar ]
}

unpacks() {
	[ -n "$(ls "$DIR/other/images/tmp")" ]
}

@test "a load that is interrupted leaves nothing" {
	local size
	berth save -o "$DIR/a.tar" busybox
	mkfifo "$DIR/pipe"
	exec 7<>"$DIR/pipe"
	env --default-signal=INT -u BERTH_SOCKET BERTH_DATA="$DIR/other" "$BERTH" load <"$DIR/pipe" >/dev/null 2>&1 3>&- 4>&- 7>&- &
	size=$(stat -c %s "$DIR/a.tar")
	head -c "$((size - 100000))" "$DIR/a.tar" >&7 # returns when all but a pipe's room is read
	eventually unpacks
	kill -INT "$!"
	ends_with 130 "$!"
	exec 7>&-
	[ -z "$(find "$DIR/other/images/layers" "$DIR/other/images/tmp" "$DIR/other/images/leases" -mindepth 1)" ]
	run -0 other image ls -q --all
	[ -z "$output" ]
}

# A store on a disk of its own, where there is room for a few MB.
on_a_small_disk() {
	mkdir -p "$DIR/small"
	unshare --mount sh -c 'mount -t tmpfs -o size=6m none "$1/small" && cd "$1" && shift && env -u BERTH_SOCKET BERTH_DATA=small "$@"
		status=$?; [ -z "$(ls -A small/images/tmp 2>/dev/null)" ] || echo left; exit "$status"' - "$DIR" "$@"
}

@test "a full disk: how much is missing is said, and nothing stays" {
	mkdir "$DIR/ctx"
	head -c 9000000 /dev/urandom >"$DIR/ctx/data"
	printf 'FROM scratch\nCOPY data /\n' >"$DIR/ctx/Dockerfile"
	run -1 on_a_small_disk "$BERTH" build --progress plain ctx
	[[ "$output" == *'Dockerfile:2: COPY data /: copy "data": No space left on device: at least '[3-9]" MiB are missing, 0 MiB are free"* ]]
	[[ "$output" != *left ]]
	other build -q -t large "$DIR/ctx"
	other save -o "$DIR/large.tar" large
	run -1 on_a_small_disk "$BERTH" load "$DIR/large.tar"
	[[ "$output" == *'"data" (entry 1): write 9000000 bytes: No space left on device: at least '[3-9]" MiB are missing, 0 MiB are free"* ]]
	[[ "$output" != *left ]]
	run -1 on_a_small_disk sh -c 'cat large.tar | "$1" load' - "$BERTH"
	[[ "$output" == *'keep the archive while it is read: No space left on device: 0 MiB are free' ]]
}

@test "what is no archive of images" {
	run -1 berth load "$(busybox_tar)"
	[[ $output == *"there are no images in it"*"berth image import"* ]]
	run -1 berth load /dev/null
	[[ $output == *"the archive is empty"* ]]
	run -1 berth load "$DIR/none.tar"
	[[ $output == *"none.tar\": No such file"* ]]
	berth save -o "$DIR/a.tar" busybox
	head -c 1000000 "$DIR/a.tar" >"$DIR/cut.tar"
	run -1 other load "$DIR/cut.tar"
	[[ $output == *"damaged"* ]]
	[ -z "$(find "$DIR/other/images/layers" "$DIR/other/images/tmp" "$DIR/other/images/leases" -mindepth 1)" ]
	run -1 berth save nonesuch
	[[ $output == *'image "nonesuch" is not here'* ]]
}

@test "GNU tar unpacks a layer to the same tree" {
	local layer
	berth save -o "$DIR/a.tar" busybox
	layer=$(tar -xOf "$DIR/a.tar" manifest.json | jq -r '.[0].Layers[0]')
	mkdir "$DIR/gnu"
	tar -xOf "$DIR/a.tar" "$layer" | tar -C "$DIR/gnu" --xattrs --xattrs-include='*' -xpf -
	diff -r --no-dereference "$DIR/gnu" "$DIR/data/images/layers/${layer#blobs/sha256/}/fs"
	(cd "$DIR/gnu" && find . -mindepth 1 -printf '%p %M %U %G %T@ %l\n' | sort) >"$DIR/gnu.list"
	(cd "$DIR/data/images/layers/${layer#blobs/sha256/}/fs" &&
		find . -mindepth 1 -printf '%p %M %U %G %T@ %l\n' | sort) >"$DIR/our.list"
	diff "$DIR/gnu.list" "$DIR/our.list"
}

# bats test_tags=once
@test "skopeo and podman, both ways" {
	need skopeo podman
	local ours
	ours=$(id busybox:latest)
	berth save -o "$DIR/a.tar" busybox
	# theirs from ours
	copy --preserve-digests "oci-archive:$DIR/a.tar" "oci:$DIR/skopeo:x"
	[ "$(jq -r '.manifests[0].digest' "$DIR/skopeo/index.json")" = "$(manifest_of "$DIR/a.tar")" ]
	copy "docker-archive:$DIR/a.tar:busybox:latest" "dir:$DIR/dir"
	[ "sha256:$(jq -r '.config.digest' "$DIR/dir/manifest.json" | cut -d: -f2)" = "$ours" ]
	pod load -q -i "$DIR/a.tar" >/dev/null
	[ "sha256:$(pod images --no-trunc -q | cut -d: -f2 | head -1)" = "$ours" ]
	# ours from theirs
	other load -t back "$DIR/skopeo"
	other save -o "$DIR/back.tar" back
	[ "$(manifest_of "$DIR/back.tar")" = "$(manifest_of "$DIR/a.tar")" ]
	copy "dir:$DIR/dir" "docker-archive:$DIR/d.tar:again:1"
	other load "$DIR/d.tar"
	copy "dir:$DIR/dir" "oci-archive:$DIR/o.tar:again:2"
	other load "$DIR/o.tar"
	copy --dest-compress-format zstd --dest-compress "dir:$DIR/dir" "oci:$DIR/zstd:again:3"
	other load "$DIR/zstd"
	pod save -q --format docker-archive -o "$DIR/p.tar" busybox
	other load -t again:4 "$DIR/p.tar"
	pod save -q --format oci-archive -o "$DIR/q.tar" busybox
	other load -t again:5 "$DIR/q.tar"
	other save -o "$DIR/all.tar" again:1 again:2 again:3 again:4 again:5
	[ "$(tar -xOf "$DIR/all.tar" manifest.json | jq -r '.[].Config' | sort -u)" = "blobs/sha256/${ours#sha256:}" ]
	[ "$(find "$DIR/other/images/layers" -mindepth 1 -maxdepth 1 | wc -l)" -eq 1 ]
}

# bats test_tags=once
@test "docker load and docker save, both ways" {
	need dockerd docker containerd
	local ours
	ours=$(id busybox:latest)
	dockerd_start
	echo two >"$DIR/two"
	tar -C "$DIR" -cf "$DIR/two.tar" two
	berth image import "$DIR/two.tar" two:2 >/dev/null
	berth save -o "$DIR/a.tar" busybox two:2
	eventually dock info
	dock load -q -i "$DIR/a.tar"
	[ "$(dock image inspect busybox:latest --format '{{.Id}}')" = "$ours" ]
	[ "$(dock image inspect two:2 --format '{{.Id}}')" = "$(id two:2)" ]
	dock tag busybox:latest third:3
	dock save -o "$DIR/d.tar" busybox third:3 two:2
	run -0 other load "$DIR/d.tar"
	[ "$(sort <<<"$output")" = "Loaded image: busybox:latest
Loaded image: third:3
Loaded image: two:2" ]
	other save -o "$DIR/b.tar" busybox two:2
	cmp "$DIR/a.tar" "$DIR/b.tar"
	dock rmi -f busybox third:3 two:2 >/dev/null
}
