#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # scripts for the inside; variables of helpers.bash
#
# R3 to R7: what an image or a neighbour puts in the way while a container is being put together.

load helpers

# ---- R3: the image's /dev/null is something else, and would cover what is to be hidden ----

null_link() {
	local to
	bundle null "$without_dev | .linux.maskedPaths += [\"/hidden\"] | $(sh_args \
		'stat -L -c "type %t:%T" /hidden; cat /hidden; (echo x >/hidden) 2>&1; cat /proc/keys | head -n 1')"
	for to in /proc/sys/kernel/core_pattern /other "" "$DIR/canary/secret"; do
		echo hidden >"$DIR/null/rootfs/hidden"
		echo other >"$DIR/null/rootfs/other"
		rm -f "$DIR/null/rootfs/dev/null"
		[ -z "$to" ] || ln -s "$to" "$DIR/null/rootfs/dev/null"
		run_box null || continue
		grep -qx 'type 1:3' "$DIR/out" || bitten "/dev/null -> ${to:-nothing}: the cover is something else" || return 1
		! grep -q 'hidden\|other\|core' "$DIR/out" || bitten "/dev/null -> $to: the masked file is shown" || return 1
		[ "$(cat "$DIR/null/rootfs/other")" = other ] || bitten "/dev/null -> $to: written through the cover" || return 1
	done
}

# A neighbour on the same /dev exchanges the device and a link while the container starts.
null_race() {
	local i
	mkdir "$DIR/dev"
	mknod -m 666 "$DIR/dev/null" c 1 3
	ln -s /proc/sys/kernel/core_pattern "$DIR/dev/link"
	bundle race "$without_dev | .linux.maskedPaths += [\"/hidden\"] |
		.mounts += [{destination: \"/dev\", type: \"bind\", source: \"$DIR/dev\", options: [\"bind\"]}] |
		$(sh_args 'stat -L -c "type %t:%T" /hidden')"
	echo hidden >"$DIR/race/rootfs/hidden"
	swap_start "$DIR/dev/null" "$DIR/dev/link"
	for i in $(seq "${TRIES:-60}"); do
		run_box race || continue
		grep -qx 'type 1:3' "$DIR/out" || bitten "start $i: the cover is something else" || return 1
	done
}

# Its /dev is always its own; the image's null device is never asked.
engine_null_link() {
	local to
	engine_up || return 2
	for to in /proc/sys/kernel/core_pattern /etc/passwd "$DIR/canary/secret"; do
		engine_image null "rm -f dev/null; ln -s '$to' dev/null" || return 2
		eb run --network none --rm null stat -L -c 'type %t:%T' /dev/null /proc/kcore /proc/keys /proc/timer_list >"$DIR/out" 2>/dev/null || true
		grep -q '^type' "$DIR/out" || return 2
		! grep '^type' "$DIR/out" | grep -v '^type 1:3$' || bitten "/dev/null -> $to: the cover is something else" || return 1
	done
}

@test "R3: masked paths are covered by the host's null device, whatever the image has as /dev/null" {
	withstands oci null_link
	withstands oci null_race
	withstands engine engine_null_link
	bites engine engine_null_link -- unguarded
	bites oci null_link -- runc crun
}

# ---- R4: links in the way of the terminal ----

on_terminal() { # ID: run, on a terminal of ours
	local status=0
	export WHO DIR BERTH UNGUARDED
	ROW=$(row) timeout -k 1 "$(limit)" script -qec "'$BATS_TEST_DIRNAME/rt' run --bundle '$DIR/$1' '$1'" /dev/null >"$DIR/out" 2>&1 </dev/null || status=$?
	cat "$DIR/out"
	rt delete --force "$1" >/dev/null 2>&1 || true
	return "$status"
}

# The image's /dev/console is a link to a file of the container, and to one of the host.
console_link() {
	local to
	bundle tty "$without_dev | .process.terminal = true | .mounts += [{destination: \"/dev/pts\", type: \"devpts\", source: \"devpts\",
		options: [\"newinstance\", \"ptmxmode=0666\", \"mode=0620\"]}] |
		$(sh_args 'stat -L -c "console %t" /dev/console; grep -c victim /proc/self/mountinfo; echo victim-is $(cat /victim)')"
	for to in /victim "$DIR/canary/new" "$DIR/canary/secret"; do
		rm -f "$DIR/tty/rootfs/dev/console"
		echo untouched >"$DIR/tty/rootfs/victim"
		ln -s "$to" "$DIR/tty/rootfs/dev/console"
		on_terminal tty || true
		[ "$(cat "$DIR/tty/rootfs/victim")" = untouched ] || bitten "/dev/console -> $to: the file was written" || return 1
		! grep -q '^[1-9]' "$DIR/out" || bitten "/dev/console -> $to: the terminal was mounted there" || return 1
		! compgen -G "$DIR/tty/rootfs$DIR/canary/*" || bitten "/dev/console -> $to: a file was made" || return 1
	done
}

# /dev/pts is exchanged, while the container starts, for a folder in which 0 is a link.
pts_race() {
	local i
	mkdir -p "$DIR/dev/pts" "$DIR/dev/false"
	mknod -m 666 "$DIR/dev/null" c 1 3
	mknod -m 666 "$DIR/dev/tty" c 5 0
	for i in 0 1 2 3; do
		ln -s /victim "$DIR/dev/false/$i"
	done
	bundle ptsrace "$without_dev | .process.terminal = true | .mounts += [
		{destination: \"/dev\", type: \"bind\", source: \"$DIR/dev\", options: [\"bind\"]},
		{destination: \"/dev/pts\", type: \"devpts\", source: \"devpts\", options: [\"newinstance\", \"ptmxmode=0666\", \"mode=0620\"]}] |
		$(sh_args 'stat -L -c "console %F" /dev/console; echo write >/dev/console')"
	echo untouched >"$DIR/ptsrace/rootfs/victim"
	swap_start "$DIR/dev/pts" "$DIR/dev/false"
	for i in $(seq "${TRIES:-40}"); do
		on_terminal ptsrace || continue
		! grep -q 'console regular' "$DIR/out" || bitten "start $i: another file became the console" || return 1
	done
	[ "$(cat "$DIR/ptsrace/rootfs/victim")" = untouched ] || bitten "the file was written"
}

# Its /dev is its own, unless a volume is: there the links are the neighbour's, who has the same volume.
engine_console_link() {
	local to
	engine_up || return 2
	for to in /victim ../victim "$DIR/canary/new" "$DIR/canary/secret"; do
		engine_image tty "rm -f dev/console; ln -s '$to' dev/console; echo untouched >victim" || return 2
		mkdir -p "$DIR/dev/pts"
		ln -sfn "$to" "$DIR/dev/console"
		for volume in "" "--volume=$DIR/dev:/dev --volume=/dev/pts:/dev/pts"; do
			# shellcheck disable=SC2086
			eb_limited run --network none --rm -t $volume tty sh -c 'stat -L -c "console %t" /dev/console
				grep victim /proc/self/mountinfo; echo victim-is $(head -c 9 /victim)' >"$DIR/out" 2>&1 </dev/null || [ -n "$volume" ] || return 2
			tr -d '\r' <"$DIR/out"
			[ -n "$volume" ] || grep -q 'victim-is untouched' "$DIR/out" || return 2
			! grep -q ' /victim ' "$DIR/out" || bitten "/dev/console -> $to: the terminal was mounted there" || return 1
		done
	done
}

@test "R4: the console is the terminal itself, whatever is in the way of its name" {
	withstands oci console_link
	withstands oci pts_race
	withstands engine engine_console_link
	bites engine engine_console_link -- unguarded
	bites oci console_link -- runc crun
}

# ---- R5: a false /proc catches what is written for the kernel ----

false_proc() { # FOLDER: what looks like the files that a runtime writes to
	mkdir -p "$1"/{self/attr,thread-self/attr,sys/net/ipv4,self/fd}
	echo none >"$1/sys/net/ipv4/ip_forward"
	echo none >"$1/self/attr/exec"
	: >"$1/sysrq-trigger"
}

# Refused, or /proc is one, the value is the kernel's and the false files are as they were.
proc_is_true() { # ID FOLDER HOW
	if run_box "$1"; then
		grep -qx 'proc 9fa0' "$DIR/out" || bitten "$3: /proc is no proc" || return 1
		grep -qx 'forward 1' "$DIR/out" || bitten "$3: the parameter is not set" || return 1
	fi
	[ "$(cat "$2/sys/net/ipv4/ip_forward")" = none ] || bitten "$3: the parameter went to a false file" || return 1
	[ "$(cat "$2/self/attr/exec")" = none ] || bitten "$3: the label went to a false file"
}

proc_script() {
	sh_args 'stat -f -c "proc %t" /proc; echo forward $(cat /proc/sys/net/ipv4/ip_forward)'
}

proc_volume() {
	local sysctl='.linux.sysctl = {"net.ipv4.ip_forward": "1"}' volume target
	false_proc "$DIR/false"
	volume="{type: \"bind\", source: \"$DIR/false\", options: [\"bind\"]}"
	for target in /proc //proc /x/../proc /./proc/ /proc/self /proc/sys /link; do
		bundle pv "$sysctl | .mounts += [$volume + {destination: \"$target\"}] | $(proc_script)"
		ln -sfn /proc "$DIR/pv/rootfs/link"
		proc_is_true pv "$DIR/false" "a volume on $target" || return 1
	done
	# The image's /proc is a link to the volume (CVE-2019-19921), or to nothing.
	for target in /other ../other; do
		bundle pl "$sysctl | .mounts = [$volume + {destination: \"/other\"}] + .mounts | $(proc_script)"
		rm -rf "$DIR/pl/rootfs/proc"
		ln -s "$target" "$DIR/pl/rootfs/proc"
		proc_is_true pl "$DIR/false" "/proc -> $target, a volume" || return 1
	done
}

# Two containers of one root file system: the other one exchanges /proc and a link to a volume.
proc_race() {
	local i volume
	false_proc "$DIR/false"
	volume="{type: \"bind\", source: \"$DIR/false\", destination: \"/other\", options: [\"bind\"]}"
	bundle pr ".linux.sysctl = {\"net.ipv4.ip_forward\": \"1\"} | .mounts = [$volume] + .mounts | $(proc_script)"
	ln -s /other "$DIR/pr/rootfs/link"
	swap_start "$DIR/pr/rootfs/proc" "$DIR/pr/rootfs/link"
	for i in $(seq "${TRIES:-60}"); do
		if run_box pr && grep -q '^proc' "$DIR/out"; then
			proc_is_kept "$i" || return 1
		fi
		[ "$(cat "$DIR/false/sys/net/ipv4/ip_forward")" = none ] || bitten "start $i: the parameter went to a false file" || return 1
	done
}

# The program sees what the other container makes of the name; where it could read the value, the kernel has it.
proc_is_kept() { # NUMBER
	! grep -qx 'forward 0' "$DIR/out" || bitten "start $1: the parameter is not set"
}

engine_proc_volume() {
	local target
	engine_up || return 2
	false_proc "$DIR/false"
	for target in /proc //proc /x/../proc /proc/self /proc/sys /link /dev/../proc; do
		engine_image linked 'ln -sfn /proc link' || return 2
		eb run --network none --rm -v "$DIR/false:$target" linked stat -f -c 'proc %t' /proc >"$DIR/out" 2>&1 || continue
		grep -qx 'proc 9fa0' "$DIR/out" || bitten "a volume on $target: /proc is no proc" || return 1
	done
}

@test "R5: what is written for the kernel goes to the kernel, whatever is mounted over /proc" {
	withstands oci proc_volume
	withstands oci proc_race
	withstands engine engine_proc_volume
	bites engine engine_proc_volume -- unguarded
	bites oci proc_volume -- runc crun unguarded
}

# ---- R6: folders of the image are links to the outside ----

image_links() {
	local name to
	for name in dev proc sys dev/shm dev/pts etc etc/resolv.conf mnt; do
		for to in "$DIR/canary" "../../../../../../..$DIR/canary" "$DIR/canary/new" "$DIR/canary/secret"; do
			bundle links ".mounts += [
				{destination: \"/etc/resolv.conf\", type: \"bind\", source: \"/etc/hostname\", options: [\"bind\", \"ro\"]},
				{destination: \"/mnt/deep/er\", type: \"tmpfs\", source: \"tmpfs\"}] |
				.linux.devices = [{path: \"/dev/extra\", type: \"c\", major: 1, minor: 3}] |
				$(sh_args "cat '$DIR/canary/secret'; true")"
			rm -rf "$DIR/links/rootfs/$name"
			mkdir -p "$(dirname "$DIR/links/rootfs/$name")"
			ln -s "$to" "$DIR/links/rootfs/$name"
			run_box links || true
			! grep -q "$SECRET" "$DIR/out" || bitten "$name -> $to: the secret was read" || return 1
			rm -rf "$DIR/links/rootfs"
		done
	done
}

# With the image's own /dev (no tmpfs over it), devices and links are made in it.
image_dev_links() {
	local to
	for to in "$DIR/canary" "../../../../../../..$DIR/canary" "$DIR/canary/new"; do
		bundle devlink "$without_dev | $(args true)"
		rm -rf "$DIR/devlink/rootfs/dev"
		ln -s "$to" "$DIR/devlink/rootfs/dev"
		run_box devlink || true
		rm -rf "$DIR/devlink/rootfs"
	done
}

engine_image_links() {
	local name to
	engine_up || return 2
	for name in dev proc sys dev/shm etc mnt; do
		for to in "$DIR/canary" "../../../../../../..$DIR/canary" "$DIR/canary/new"; do
			engine_image links "rm -rf '$name' && ln -s '$to' '$name'" || continue
			eb run --network none --rm --tmpfs /mnt/deep/er -v /etc/hostname:/etc/resolv.conf:ro links \
				sh -c "cat '$DIR/canary/secret'; echo x >/dev/shm/x" >"$DIR/out" 2>&1 || true
			! grep -q "$SECRET" "$DIR/out" || bitten "$name -> $to: the secret was read" || return 1
		done
	done
}

@test "R6: links of the image lead nowhere outside" {
	withstands oci image_links
	withstands oci image_dev_links
	withstands engine engine_image_links
	bites engine engine_image_links -- unguarded
	bites oci image_dev_links -- crun runc unguarded
}

# ---- R7: a neighbour on a volume exchanges the place of a mount for a link ----

volume_race() {
	local starts=0 swaps=0
	mkdir -p "$DIR/shared/dir/sub"
	ln -s "$DIR/canary" "$DIR/shared/link"
	mkdir "$DIR/volume"
	bundle vr ".mounts += [
		{destination: \"/shared\", type: \"bind\", source: \"$DIR/shared\", options: [\"rbind\"]},
		{destination: \"/shared/dir/sub/made\", type: \"bind\", source: \"$DIR/volume\", options: [\"rbind\"]},
		{destination: \"/shared/dir/sub/file\", type: \"bind\", source: \"/etc/hostname\", options: [\"bind\"]}] | $(args true)"
	swap_start "$DIR/shared/dir" "$DIR/shared/link"
	while [ "$starts" -lt "${TRIES:-60}" ] || [ "$swaps" -lt 10000 ]; do
		run_box vr >/dev/null || true
		starts=$((starts + 1))
		swaps=$(cat "$DIR/swaps")
		! grep -q canary /proc/self/mountinfo || bitten "start $starts: a mount outside" || return 1
	done
	echo "$starts starts, $swaps exchanges"
}

engine_volume_race() {
	local starts=0 swaps=0
	mkdir -p "$DIR/shared/dir/sub" "$DIR/volume"
	ln -s "$DIR/canary" "$DIR/shared/link"
	engine_up || return 2
	swap_start "$DIR/shared/dir" "$DIR/shared/link"
	while [ "$starts" -lt "${TRIES:-60}" ] || [ "$swaps" -lt 10000 ]; do
		eb run --network none --rm -v "$DIR/shared:/shared" -v "$DIR/volume:/shared/dir/sub/made" -v /etc/hostname:/shared/dir/sub/file box true >/dev/null 2>&1 || true
		starts=$((starts + 1))
		[ ! -e "$DIR/canary/sub" ] || bitten "start $starts: a mount point outside" || return 1
		swaps=$(cat "$DIR/swaps")
	done
	echo "$starts starts, $swaps exchanges"
}

@test "R7: the place of a mount that a neighbour exchanges for a link stays inside" {
	withstands oci volume_race
	withstands engine engine_volume_race
	bites engine engine_volume_race -- unguarded
	bites oci volume_race -- runc crun unguarded
}
