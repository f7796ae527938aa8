# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the attack tests share. An attack is a function that tries something on the runtime $WHO and returns 0 when nothing came of it; it calls
# `bitten TEXT` and returns 1 when it succeeded. Around it stand a canary folder and a canary process (canary.c): reached means bitten, too.
#
#   withstands PATH ATTACK        berth is not bitten (PATH, the word in the table: "oci" or "engine")
#   bites PATH ATTACK WHO...      at least one of these is, so the attack is one: runc, crun (Debian's) or "unguarded", berth built without the
#                                 guard of this row (src/base/core/guard.h)
#
# BERTH, UNGUARDED, ATTACK_BIN (the folder of attacker, canary, preload.so) and ATTACK_TABLE (a file for the results) come from tools/attack.

load ../e2e/helpers

ATTACK_BIN=${ATTACK_BIN:-$TOP/build/tests/attack}
UNGUARDED=${UNGUARDED:-$TOP/build/src/berth-unguarded}
ATTACK_TABLE=${ATTACK_TABLE:-/dev/null}
ATTACKER=$ATTACK_BIN/attacker
SECRET=the-canary-sings
# Root, but no ruler of the machine: what an image's root has by default.
CAPS='["CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FSETID","CAP_FOWNER","CAP_SETGID","CAP_SETUID","CAP_SETFCAP","CAP_SETPCAP","CAP_NET_BIND_SERVICE","CAP_SYS_CHROOT","CAP_KILL","CAP_MKNOD"]'

row() { # the row of the test that runs: R1 ...
	echo "${BATS_TEST_DESCRIPTION%%:*}"
}

bitten() {
	echo "  bitten: $*"
	return 1
}

# ---- the place and its canary ----

# A root file system for bundles, made once a run: busybox, the attacker, users.
base_rootfs() {
	local base=$BATS_RUN_TMPDIR/attack-rootfs applet
	if [ ! -d "$base" ]; then
		mkdir -p "$base.$$"/{bin,etc,proc,sys,dev,tmp,root,mnt}
		cp /bin/busybox "$ATTACKER" "$base.$$/bin/"
		for applet in sh cat ls grep id stat sleep echo mkdir touch head find printf tr env kill test true pwd readlink mount; do
			ln -s busybox "$base.$$/bin/$applet"
		done
		printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1001:user:/home:/bin/sh\n1000:x:0:0:a name of digits:/:/bin/sh\n' >"$base.$$/etc/passwd"
		printf 'root:x:0:\nuser:x:1001:\nten:x:10:user\n' >"$base.$$/etc/group"
		mv -T "$base.$$" "$base"
	fi
	echo "$base"
}

canary_start() {
	rm -rf "$DIR/canary"
	mkdir "$DIR/canary"
	echo "$SECRET" >"$DIR/canary/secret"
	coproc CANARY { exec "$ATTACK_BIN/canary" "$DIR/canary" 2>&1 3>&- 4>&-; }
	# shellcheck disable=SC2153 # coproc makes it
	canary_pid=$CANARY_PID
	# Copies: bash takes its own away when the canary ends.
	# shellcheck disable=SC1083,SC2093 # {NAME} takes a free descriptor
	exec {canary_out}<&"${CANARY[0]}" {canary_in}>&"${CANARY[1]}" {CANARY[1]}>&-
	read -t 60 -r ready <&"$canary_out"
	[ "$ready" = ready ]
}

# What happened to it, or nothing.
canary_stop() {
	local line ended=no
	exec {canary_in}>&-
	while read -t 60 -r line <&"$canary_out"; do
		if [ "$line" = end ]; then
			ended=yes
			break
		fi
		echo "  bitten: canary: $line"
	done
	[ "$ended" = yes ] || echo "  bitten: canary: the process of the host was killed"
	exec {canary_out}<&-
	wait "$canary_pid" 2>/dev/null || true
	canary_pid=
	true
}

# What must not stay or spread: mounts of our mount namespace, cgroups, processes.
host_state() {
	cut -d ' ' -f 5 /proc/self/mountinfo | sort
	find /sys/fs/cgroup -maxdepth 3 -name "berth-attack-$BOX_TAG*" 2>/dev/null
}

attack_place() {
	new_place
	BOX_TAG=$(basename "$DIR" | tr -dc a-zA-Z0-9)
	mkdir "$DIR/bin"
	chmod 755 "$DIR"
	# Not the machine's /dev/null for boxes: crun and old versions of runc give standard descriptors to the user of the box.
	: >"$DIR/nothing"
}

# Runs one attack on one runtime, canary around it. 0: withstood. 1: bitten. Anything else is no answer, and fails the test.
one_attack() { # WHO ATTACK [ARGUMENT...]
	local status=0 said
	WHO=$1
	shift
	attack_place
	host_state >"$DIR/before"
	canary_start || return 3
	"$@" >"$DIR/attack.log" 2>&1 || status=$?
	end_boxes >>"$DIR/attack.log" 2>&1
	# Not in a subshell, which would not have the canary's pipes.
	canary_stop >"$DIR/said"
	said=$(cat "$DIR/said")
	# What others take away meanwhile is not ours.
	said+=$(host_state | sort | comm -13 <(sort "$DIR/before") - | sed 's/^/  bitten: left on the host: /')
	[ -z "$said" ] || { [ "$status" -gt 1 ] || status=1; }
	echo "# $WHO: $*: status $status"
	cat "$DIR/attack.log"
	echo "$said"
	end_attack_place || { [ "$WHO" != berth ] || status=3; }
	return "$status"
}

end_attack_place() {
	local status=0
	if [ -d "$DIR" ]; then
		BERTH=$(berth_of "${WHO:-berth}") end_place || status=1
	fi
	return "$status"
}

teardown() {
	if [ -n "${canary_pid:-}" ]; then
		kill -9 "$canary_pid" 2>/dev/null || true
	fi
	if [ -n "${DIR:-}" ] && [ -d "$DIR" ]; then
		end_boxes >/dev/null 2>&1 || true
		end_attack_place || true
	fi
}

# ---- what a test says ----

note() { # PATH RESULT HOW
	printf '%s\t%s\t%s\t%s\n' "$(row)" "$1" "$2" "$3" >>"$ATTACK_TABLE"
}

# A runtime that starts nothing withstands everything.
works() {
	bundle works "$(args echo alive)"
	run_box works && grep -qx alive "$DIR/out" || return 2
}

withstands() { # PATH ATTACK...
	local path=$1 status=0
	shift
	[ "$path" != oci ] || one_attack berth works || return
	one_attack berth "$@" || status=$?
	case $status in
	0) note "$path" green "" ;;
	1) note "$path" red "" ;;
	*) note "$path" "red (the attack could not be tried)" "" ;;
	esac
	return "$status"
}

available() { # WHO
	case $1 in
	unguarded) [ -x "$UNGUARDED" ] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

name_of() { # WHO
	case $1 in
	unguarded) echo "own build, guard $(row) out" ;;
	runc) runc --version | sed -n 's/ version//;1p' ;;
	crun) crun --version | sed -n 's/ version//;1p' ;;
	esac
}

bites() { # PATH ATTACK... -- WHO...
	local path=$1 who status tries=60
	local -a attack=()
	shift
	while [ "$1" != -- ]; do
		attack+=("$1")
		shift
	done
	shift
	[ "${QUICK:-no}" = no ] || return 0
	for who; do
		available "$who" || continue
		status=0
		# A race is tried until it is won: without its guard it can be.
		[ "$who" != unguarded ] || tries=2000
		TRIES=${TRIES:-$tries} one_attack "$who" "${attack[@]}" || status=$?
		if [ "$status" -eq 1 ]; then
			note "$path" bite "$(name_of "$who")"
			return 0
		fi
	done
	echo "nobody was bitten: is it an attack at all?"
	note "$path" bite "by nobody"
	return 1
}

# ---- the runtimes, as command lines ----

berth_of() { # WHO
	[ "$1" = unguarded ] && echo "$UNGUARDED" || echo "$BERTH"
}

rt() {
	WHO=$WHO DIR=$DIR BERTH=$BERTH UNGUARDED=$UNGUARDED ROW=$(row) "$BATS_TEST_DIRNAME/rt" "$@"
}

# How many seconds the one that is tried has. Ours may be slow on a busy machine, and is not to hang; others do, which is then the bite.
limit() {
	[ "$WHO" = berth ] && echo 200 || echo "${LIMIT:-20}"
}

# A runtime that hangs is ended by the clock: status 124.
rt_limited() {
	WHO=$WHO DIR=$DIR BERTH=$BERTH UNGUARDED=$UNGUARDED ROW=$(row) timeout -k 1 "$(limit)" "$BATS_TEST_DIRNAME/rt" "$@"
}

# bundle ID [JQ-FILTER]: a bundle in $DIR/ID whose process is the last argument of `run_sh`.
bundle() {
	local id=$1 filter=${2:-.}
	mkdir -p "$DIR/$id"
	[ -d "$DIR/$id/rootfs" ] || cp -a "$(base_rootfs)" "$DIR/$id/rootfs"
	jq -n --argjson caps "$CAPS" --arg cg "/berth-attack-$BOX_TAG-$id" '{
		ociVersion: "1.0.2",
		process: {terminal: false, user: {uid: 0, gid: 0}, args: ["true"], cwd: "/", env: ["PATH=/bin"], noNewPrivileges: true,
			capabilities: {bounding: $caps, effective: $caps, permitted: $caps}},
		root: {path: "rootfs"}, hostname: "box",
		mounts: [
			{destination: "/proc", type: "proc", source: "proc"},
			{destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=64k"]},
			{destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666", "mode=0620"]},
			{destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec", "nodev", "mode=1777", "size=64k"]},
			{destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]}],
		linux: {cgroupsPath: $cg, resources: {devices: [{allow: false, access: "rwm"}]},
			namespaces: [{type: "pid"}, {type: "ipc"}, {type: "uts"}, {type: "mount"}, {type: "network"}],
			maskedPaths: ["/proc/keys", "/proc/timer_list"], readonlyPaths: ["/proc/sys", "/proc/sysrq-trigger"]}}' |
		jq "$filter" >"$DIR/$id/config.json"
}

# shellcheck disable=SC2034 # for the tests
without_dev='.mounts |= map(select(.destination | startswith("/dev") | not))'

args() { # WORD...: as a filter
	jq -cn '$ARGS.positional' --args -- "$@" | sed 's/^/.process.args = /'
}

sh_args() { # SCRIPT
	args sh -c "$1"
}

# Its output is also in $DIR/out; the container is gone afterwards.
run_box() { # ID
	local status=0
	rt_limited run --bundle "$DIR/$1" "$1" >"$DIR/out" 2>&1 <"$DIR/nothing" || status=$?
	cat "$DIR/out"
	rt delete --force "$1" >/dev/null 2>&1 || true
	return "$status"
}

# start_box ID: made and started, and left running.
start_box() {
	rt create --bundle "$DIR/$1" "$1" >"$DIR/$1.out" 2>&1 <"$DIR/nothing" && rt start "$1"
}

end_boxes() {
	local id
	for id in "$DIR"/*/config.json; do
		[ -e "$id" ] || continue
		rt delete --force "$(basename "$(dirname "$id")")" >/dev/null 2>&1 || true
	done
	[ -z "${swapper:-}" ] || { kill "$swapper" 2>/dev/null && wait "$swapper" 2>/dev/null; swapper=; }
	true
}

# Exchanges A and B all the time; how often stands in $DIR/swaps.
swap_start() { # A B
	"$ATTACKER" swap "$1" "$2" "$DIR/swaps" 3>&- 4>&- &
	swapper=$!
	eventually test -s "$DIR/swaps"
}

# ---- the engine: a daemon and an image with the same files as the bundles ----

eb() {
	BERTH_UNGUARDED=$([ "$WHO" != unguarded ] || row) "$(berth_of "$WHO")" "$@" 3>&- 4>&-
}

eb_limited() {
	BERTH_UNGUARDED=$([ "$WHO" != unguarded ] || row) timeout -k 1 "$(limit)" "$(berth_of "$WHO")" "$@" 3>&- 4>&-
}

# engine_image NAME COMMAND: the common files as COMMAND, run in their folder, changes them.
engine_image() {
	rm -rf "$DIR/image"
	cp -a "$(base_rootfs)" "$DIR/image"
	(cd "$DIR/image" && eval "${2:-:}") &&
		tar -C "$DIR/image" --sparse -cf "$DIR/image.tar" . && eb image import "$DIR/image.tar" "$1" >/dev/null
}

engine_up() {
	eb up --data "$DIR/data" && engine_image box
}
