#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # scripts for the inside; variables of helpers.bash
#
# R11 to R15 and R20: who somebody is inside, and what he finds of others.

load helpers

# ---- R11: texts that are not numbers, and numbers that are too large ----

is_root() { # FILE
	grep -qx 0 "$1"
}

user_overflow() {
	local user
	bundle users "$(args sleep 1000)"
	start_box users || return 2
	for user in 0x0 4294967296 4294967295 2147483648 -1 1000: : $'root\n' 18446744073709551616 ' 0' 0:4294967296 1000:4294967295 1000; do
		rt exec --user "$user" users id -u >"$DIR/out" 2>"$DIR/said" <"$DIR/nothing" || continue
		[ "$user" = 0:4294967296 ] || ! is_root "$DIR/out" || bitten "exec --user '$user' is root" || return 1
	done
	for user in 4294967296 4294967295 -1 18446744073709551616 '"0x0"' 1.5; do
		bundle confuser ".process.user = {uid: 0, gid: 0} | $(args id -u)"
		sed -i "s/\"uid\": 0/\"uid\": $user/" "$DIR/confuser/config.json"
		run_box confuser >/dev/null 2>&1 || continue
		! is_root "$DIR/out" || bitten "uid $user of the configuration is root" || return 1
	done
}

engine_user_overflow() {
	local user
	engine_up || return 2
	for user in 0x0 4294967296 2147483648 -1 1000: : $'root\n' 18446744073709551616 ' 0' 1000; do
		eb run --network none --rm --user "$user" box id -u >"$DIR/out" 2>/dev/null || continue
		! is_root "$DIR/out" || bitten "run --user '$user' is root" || return 1
	done
}

@test "R11: no number or text becomes root by accident" {
	withstands oci user_overflow
	withstands engine engine_user_overflow
	bites oci user_overflow -- runc crun
	bites engine engine_user_overflow -- unguarded
}

# ---- R12: the primary group is left out ----

has_group() { # GID: in the "Groups:" line of $DIR/out
	grep -Eq "^Groups:.*[[:space:]]$1([[:space:]]|\$)" "$DIR/out"
}

negative_group() {
	local show='grep ^Groups: /proc/self/status; cat /closed'
	bundle groups ".process.user = {uid: 1000, gid: 1001, additionalGids: [10]} | $(sh_args "$show")"
	echo open-to-others >"$DIR/groups/rootfs/closed"
	chown 0:1001 "$DIR/groups/rootfs/closed"
	chmod 0707 "$DIR/groups/rootfs/closed"
	run_box groups || true
	grep -q '^Groups:' "$DIR/out" || return 2
	! grep -q open-to-others "$DIR/out" || bitten "the group's file is open" || return 1
	has_group 1001 || bitten "the primary group is not among the groups: it can be dropped"
}

engine_negative_group() {
	engine_up || return 2
	eb run --network none --rm --user user box sh -c 'grep ^Groups: /proc/self/status' >"$DIR/out" 2>&1 || return 2
	has_group 1001 || bitten "the primary group is not among the groups: it can be dropped"
}

@test "R12: the primary group is one of the groups, so that rights taken from it stay taken" {
	withstands oci negative_group
	withstands engine engine_negative_group
	bites oci negative_group -- runc crun
	bites engine engine_negative_group -- unguarded
}

# ---- R13: endless user files ----

bad_file() { # KIND PATH
	rm -rf "$2"
	case $1 in
	sparse) truncate -s "${SPARSE:-4G}" "$2" ;;
	fifo) mkfifo "$2" ;;
	zero) ln -s /dev/zero "$2" ;;
	folder) mkdir "$2" ;;
	# The line that matters comes after two MiB.
	large) { yes "#" | head -c 2M && echo user:x:1000:1001::/: && echo user:x:1001:; } >"$2" ;;
	esac
}

figures() { # FILE: milliseconds, KiB, status
	sed -n 's/^measured: //p' "$1"
}

# A start with these files ends, and takes as much memory as one with good ones.
within() { # WHEN FILE BASE-KIB
	local ms kib status
	read -r ms kib status < <(figures "$2")
	echo "$1: $ms ms, $kib KiB, status $status"
	[ "$status" != 124 ] || bitten "$1: it hangs" || return 1
	[ $((kib - $3)) -lt 4096 ] || bitten "$1: $((kib - $3)) KiB more"
}

endless_users() {
	local kind file base
	bundle endless ".process.user = {uid: 1000, gid: 1001} | $(args true)"
	WHO=$WHO measured run --bundle "$DIR/endless" endless
	rt delete --force endless 2>/dev/null || true
	read -r _ base _ < <(figures "$DIR/measured")
	for file in passwd group; do
		for kind in sparse fifo zero folder; do
			rm -rf "$DIR/endless/rootfs/etc"
			cp -a "$(base_rootfs)/etc" "$DIR/endless/rootfs/etc"
			bad_file "$kind" "$DIR/endless/rootfs/etc/$file"
			measured run --bundle "$DIR/endless" endless
			rt delete --force endless >/dev/null 2>&1 || true
			within "$kind $file" "$DIR/measured" "$base" || return 1
		done
	done
}

measured() {
	WHO=$WHO DIR=$DIR BERTH=$BERTH UNGUARDED=$UNGUARDED ROW=$(row) "$ATTACKER" measure "$(LIMIT=5 limit)" "$BATS_TEST_DIRNAME/rt" "$@" \
		>"$DIR/out" 2>"$DIR/measured" <"$DIR/nothing" || true
}

# An image cannot bring a sparse one: unpacking has limits of its own.
engine_endless_users() {
	local kind file status
	engine_up || return 2
	for file in passwd group; do
		for kind in large fifo zero folder; do
			engine_image "bad-$kind-$file" "bad_file $kind etc/$file" || continue
			status=0
			LIMIT=10 eb_limited run --network none --rm --user user:user "bad-$kind-$file" true >"$DIR/out" 2>&1 || status=$?
			[ "$status" -ne 124 ] || bitten "$kind $file: it hangs" || return 1
			[ "$kind:$status" != large:0 ] || bitten "$kind $file: read to its end" || return 1
		done
	done
}

@test "R13: endless files of users are an error at once" {
	withstands oci endless_users
	withstands engine engine_endless_users
	bites oci endless_users -- runc crun
	bites engine engine_endless_users -- unguarded
}

# ---- R14: sockets without a file ----

abstract_of() { # in the host's network namespace, those that are there now
	"$ATTACKER" abstract | sort
}

abstract_sockets() {
	abstract_of >"$DIR/abstract.before"
	bundle net ".linux.namespaces |= map(select(.type != \"network\")) | .mounts |= map(select(.destination != \"/sys\")) |
		$(args /bin/attacker abstract)"
	# One that waits for its start has a socket that it listens at, if anything has.
	bundle waits "$(args true)"
	rt create --bundle "$DIR/waits" waits <"$DIR/nothing" >"$DIR/waits.out" 2>&1 || return 2
	run_box net || return 2
	grep '^@' "$DIR/out" | sort | comm -13 "$DIR/abstract.before" - >"$DIR/abstract.new"
	! grep connected "$DIR/abstract.new" || bitten "a container of the host's network reaches the runtime" || return 1
}

engine_abstract_sockets() {
	local file
	abstract_of >"$DIR/abstract.before"
	engine_up || return 2
	eb run --network none -d --name waits box sleep 1000 || return 2
	abstract_of | comm -13 "$DIR/abstract.before" - >"$DIR/abstract.new"
	! grep . "$DIR/abstract.new" || bitten "abstract sockets" || return 1
	# Those with a file are its owner's alone, and below a folder that is.
	for file in "$DIR"/data/containers/*/sock; do
		[ "$(stat -c %a "$file")" = 600 ] || bitten "$file has mode $(stat -c %a "$file")" || return 1
	done
	[ "$(stat -c %a "$DIR/data")" = 700 ] || bitten "the data folder has mode $(stat -c %a "$DIR/data")" || return 1
	# Open to all by somebody's mistake, a monitor still asks who is there.
	chmod 755 "$DIR/data" "$DIR/data/containers" "$DIR"/data/containers/*
	chmod 666 "$file"
	setpriv --reuid 12345 --regid 12345 --clear-groups "$ATTACKER" connect "$file" '{"kill":9}
' >"$DIR/out" 2>&1
	cat "$DIR/out"
	! grep -q answered "$DIR/out" || bitten "a monitor answers another user"
}

@test "R14: nothing listens where a container of the host's network could connect" {
	withstands oci abstract_sockets
	withstands engine engine_abstract_sockets
	bites oci abstract_sockets -- unguarded
	bites engine engine_abstract_sockets -- unguarded
}

# ---- R15: an ordinary user walks through the folders of states ----

walk() { # FOLDER: as nobody's friend
	setpriv --reuid 12345 --regid 12345 --clear-groups find "$1" -mindepth 1 2>/dev/null >"$DIR/found" || true
	! grep -q . "$DIR/found" || bitten "an ordinary user sees: $(head -n 3 "$DIR/found" | tr '\n' ' ')"
}

state_walk() {
	bundle walked "$(args sleep 1000)"
	start_box walked || return 2
	[ -e "$DIR/state/walked" ] || return 2
	walk "$DIR/state"
}

engine_state_walk() {
	local file
	engine_up || return 2
	eb run --network none -d --name walked box sh -c 'cp /bin/busybox /tmp/own && chmod 4755 /tmp/own; sleep 1000' || return 2
	eventually sh -c "find '$DIR/data' -name own -perm 4755 | grep -q ." || return 2
	walk "$DIR/data" || return 1
	# Not even by a name that is known: a setuid program that a container made is out of reach.
	file=$(find "$DIR/data" -name own | head -n 1)
	! setpriv --reuid 12345 --regid 12345 --clear-groups "$file" id -u >"$DIR/out" 2>&1 || bitten "the setuid file runs: $(cat "$DIR/out")"
}

@test "R15: an ordinary user finds nothing in the folders of states and layers" {
	withstands oci state_walk
	withstands engine engine_state_walk
	bites oci state_walk -- runc crun unguarded
	bites engine engine_state_walk -- unguarded
}

# ---- R20: shifted users ----

engine_ranges() {
	local a b pid
	engine_up || return 2
	mkdir "$DIR/shared"
	eb run --network none -d --userns --name first box sh -c 'umask 077; echo private >/tmp/file; sleep 1000' || return 2
	eb run --network none -d --userns --name second box sleep 1000 || return 2
	a=$(eb ps --json | jq '.[] | select(.name == "first") | .pid')
	b=$(eb ps --json | jq '.[] | select(.name == "second") | .pid')
	for pid in "$a" "$b"; do
		awk '{ print $2, $3 }' "/proc/$pid/uid_map" "/proc/$pid/gid_map" | sort -u
	done >"$DIR/maps"
	cat "$DIR/maps"
	[ "$(sort -u "$DIR/maps" | wc -l)" = 2 ] || bitten "the ranges are not of one container alone" || return 1
	sort -n "$DIR/maps" | awk 'NR > 1 && $1 < end { exit 1 } { end = $1 + $2 }' || bitten "the ranges overlap" || return 1
	# Root of the second one, out of its container, against what the first one has, and against what says who is who.
	base=$(awk '{ print $2 }' "/proc/$b/uid_map")
	setpriv --reuid "$base" --regid "$base" --clear-groups sh -c "
		cat '/proc/$a/root/tmp/file'; echo x >>'/proc/$a/uid_map'; kill -9 '$a'
		find '$DIR/data' -mindepth 1 | head -n 1; echo x >>'$DIR'/data/containers/*/config.json; echo x >>/etc/subuid" >"$DIR/out" 2>"$DIR/refused"
	! grep . "$DIR/out" || bitten "root of one container reaches another" || return 1
	gone "$a" && bitten "root of one container ended another" || return 0
}

@test "R20: the ranges of two containers are apart, and nobody can change them" {
	withstands engine engine_ranges
	bites engine engine_ranges -- unguarded
}
