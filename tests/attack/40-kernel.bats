#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # scripts for the inside; variables of helpers.bash
#
# R9, R10, R16, R17, R19: what of the kernel can be seen and asked for, and settings that are not understood.

load helpers

# ---- R9: the host's cgroups, in a container without a cgroup namespace ----

cgroup_mount='.mounts += [{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "ro"]}]'

cgroup_script() {
	sh_args 'find /sys/fs/cgroup -name cgroup.procs | sed "s/^/seen /"
		for d in $(find /sys/fs/cgroup -type d); do mkdir "$d/made" 2>/dev/null && rmdir "$d/made" && echo "writable $d"; done
		for f in $(find /sys/fs/cgroup -name cgroup.procs -o -name release_agent -o -name notify_on_release -o -name devices.allow); do
			(echo 1 >"$f") 2>/dev/null && echo "writable $f"; done; true'
}

host_cgroups() {
	bundle cg "$cgroup_mount | $(cgroup_script)"
	if ! run_box cg; then
		[ "$WHO" != berth ] || return 2
	fi
	! grep '^writable' "$DIR/out" || bitten "the host's cgroups can be written" || return 1
}

# As an ordinary user with a user namespace and no cgroup namespace: CVE-2023-25809.
rootless_cgroups() {
	bundle rootless "$cgroup_mount | .linux.namespaces += [{type: \"user\"}] |
		.linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}] | .linux.gidMappings = [{containerID: 0, hostID: 0, size: 1}] |
		.mounts |= map(select(.destination != \"/dev/pts\")) | del(.linux.resources) | $(cgroup_script)"
	unshare --user --map-root-user env WHO="$WHO" DIR="$DIR" BERTH="$BERTH" UNGUARDED="$UNGUARDED" ROW="$(row)" \
		timeout -k 1 "$(limit)" "$BATS_TEST_DIRNAME/rt" run --bundle "$DIR/rootless" rootless >"$DIR/out" 2>&1 <"$DIR/nothing" || true
	cat "$DIR/out"
	! grep '^writable' "$DIR/out" || bitten "an ordinary user's container writes to the host's cgroups"
}

engine_host_cgroups() {
	engine_up || return 2
	eb run --network none --rm --cgroupns host box sh -c 'find /sys/fs/cgroup -name cgroup.procs | sed "s/^/seen /"
		for f in $(find /sys/fs/cgroup -name cgroup.procs -o -name release_agent -o -name devices.allow -o -name memory.limit_in_bytes); do
			(echo 1 >"$f") 2>/dev/null && echo "writable $f"; done; true' >"$DIR/out" 2>&1 || return 2
	cat "$DIR/out"
	grep -q '^seen' "$DIR/out" || return 2
	! grep '^writable' "$DIR/out" || bitten "the host's cgroups can be written"
}

@test "R9: the host's cgroups cannot be written without a cgroup namespace" {
	withstands oci host_cgroups
	withstands oci rootless_cgroups
	withstands engine engine_host_cgroups
	bites engine engine_host_cgroups -- unguarded
	bites oci rootless_cgroups -- runc crun unguarded
}

# ---- R10: release_agent ----

# Not one of them is allowed.
no_cgroup1() { # FILE
	grep -q 'unshare:' "$1" || return 2
	! grep ': ok' "$1" || bitten "cgroup version 1 from inside"
}

engine_release_agent() {
	engine_up || return 2
	eb run --network none --rm box /bin/attacker cgroup1 >"$DIR/out" 2>&1 || true
	cat "$DIR/out"
	no_cgroup1 "$DIR/out" || return
	eb run --network none --rm box sh -c 'find /sys/fs/cgroup -type f; echo cgroup-namespace $(cat /proc/self/cgroup)' >"$DIR/out" 2>&1 || return 2
	cat "$DIR/out"
	! grep -q release_agent "$DIR/out" || bitten "release_agent is there"
}

# With the cgroups mounted read-only and in a namespace of its own, and the filter that podman and docker give.
release_agent() {
	bundle agent "$cgroup_mount | .linux.namespaces += [{type: \"cgroup\"}] | .linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\",
		architectures: [\"SCMP_ARCH_X86_64\"], syscalls: [{names: [\"unshare\", \"mount\"], action: \"SCMP_ACT_ERRNO\"}]} |
		$(sh_args '/bin/attacker cgroup1; grep -c "release_agent" /proc/mounts; cat /proc/self/cgroup; find /sys/fs/cgroup -name release_agent;
			for f in $(find /sys/fs/cgroup -name notify_on_release); do (echo 1 >$f) 2>/dev/null && echo "written: ok"; done; true')"
	run_box agent || return 2
	no_cgroup1 "$DIR/out" || return
	! grep '/release_agent$' "$DIR/out" || bitten "release_agent is there"
}

# Without a filter nothing but the kernel itself is in the way.
unfiltered_agent() {
	bundle open "$(args /bin/attacker cgroup1)"
	run_box open || true
	no_cgroup1 "$DIR/out"
}

@test "R10: no release_agent: cgroup version 1 cannot be mounted or written inside" {
	withstands oci release_agent
	withstands engine engine_release_agent
	bites oci unfiltered_agent -- runc crun
	bites engine engine_release_agent -- unguarded
}

# ---- R16: what tells about the host ----

engine_masks() {
	engine_up || return 2
	eb run --network none --rm box sh -c 'for f in interrupts kcore keys timer_list sched_debug; do head -c 1 /proc/$f 2>/dev/null | grep -q . && echo "shown /proc/$f"; done
		for d in /sys/firmware /sys/devices/virtual/powercap /sys/devices/system/cpu/cpu*/thermal_throttle /proc/acpi /proc/scsi /proc/asound; do
			[ -z "$(ls -A $d 2>/dev/null)" ] || echo "shown $d"; done; echo looked' >"$DIR/out" 2>&1
	cat "$DIR/out"
	grep -qx looked "$DIR/out" || return 2
	! grep '^shown' "$DIR/out" || bitten "of the host"
}

# Another's configuration says what is masked; then it is, in every way to write the name.
masks() {
	bundle masks ".linux.maskedPaths = [\"/proc/interrupts\", \"/proc//keys\", \"/sys/devices/virtual/../system/cpu/cpu0\", \"/proc/not-there\", \"/sys/firmware/\"] |
		$(sh_args 'head -c 1 /proc/interrupts | grep -q . && echo shown interrupts; head -c 1 /proc/keys | grep -q . && echo shown keys
			ls -A /sys/devices/system/cpu/cpu0 /sys/firmware | grep -v ":$" | grep -q . && echo shown sys; (echo x >/proc/interrupts) && echo looked')"
	run_box masks || true
	grep -qx looked "$DIR/out" || return 2
	! grep '^shown' "$DIR/out" || bitten "what is to be masked"
}

# What "spec" writes is where others begin.
default_masks() {
	local shown
	mkdir -p "$DIR/spec"
	(cd "$DIR/spec" && rt spec) || return 2
	bundle defaults ".linux.maskedPaths = $(jq -c .linux.maskedPaths "$DIR/spec/config.json") | $(sh_args \
		'for f in kcore keys timer_list sched_debug; do head -c 1 /proc/$f 2>/dev/null | grep -q . && echo "shown /proc/$f"; done
		ls -A /sys/firmware | grep -q . && echo "shown /sys/firmware"; head -c 1 /proc/interrupts | grep -q . && echo "shown /proc/interrupts"; echo looked')"
	run_box defaults || return 2
	shown=$(grep '^shown' "$DIR/out") || return 0
	bitten "with the configuration of spec: $shown"
}

@test "R16: what tells about the host's hardware is masked" {
	withstands oci masks
	withstands oci default_masks
	withstands engine engine_masks
	bites oci default_masks -- runc crun
	bites engine engine_masks -- unguarded
}

# ---- R17: a filter has no back doors ----

helper_rootfs() {
	cp "$(dirname "$ATTACK_BIN")/../src/node/runtime/test/runtime_helper" "$1/bin/helper"
}

# Native, 32-bit and x32 numbers; "ok" for any of these is a way in.
no_back_door() { # FILE
	grep -q '^inet ok' "$1" || return 2
	! grep -E '^(alg|alg-high|i386-alg|x32-alg|i386-socketcall) ok|^(alg|i386-alg|i386-socketcall|x32-alg) (EAFNOSUPPORT|EPROTONOSUPPORT|ESOCKTNOSUPPORT|EFAULT|EINVAL)' "$1" ||
		bitten "the kernel was asked for AF_ALG"
}

filter_profile() { # ARCHITECTURE...
	jq -cn --argjson archs "$(jq -cn '$ARGS.positional' --args -- "$@")" '{defaultAction: "SCMP_ACT_ALLOW", architectures: $archs,
		syscalls: [{names: ["socket"], action: "SCMP_ACT_ERRNO", args: [{index: 0, value: 38, op: "SCMP_CMP_EQ"}]},
			{names: ["socketcall"], action: "SCMP_ACT_ERRNO"}]}'
}

filter() {
	local archs status
	for archs in "SCMP_ARCH_X86_64 SCMP_ARCH_X86 SCMP_ARCH_X32" SCMP_ARCH_X86_64; do
		status=0
		# shellcheck disable=SC2086 # words
		bundle filter ".linux.seccomp = $(filter_profile $archs) | $(args /bin/helper syscalls)"
		helper_rootfs "$DIR/filter/rootfs"
		run_box filter || status=$?
		# A profile of one architecture ends whoever calls by another: SIGSYS.
		[ "$archs:$status" != SCMP_ARCH_X86_64:159 ] || continue
		no_back_door "$DIR/out" || return
	done
}

no_filter() {
	bundle open "$(args /bin/helper syscalls)"
	helper_rootfs "$DIR/open/rootfs"
	run_box open || true
	no_back_door "$DIR/out"
}

engine_filter() {
	engine_up || return 2
	engine_image helper 'helper_rootfs .' || return 2
	eb run --network none --rm helper /bin/helper syscalls >"$DIR/out" 2>&1 || true
	cat "$DIR/out"
	no_back_door "$DIR/out" || return
	! grep -E '^(io_uring|bpf|keyctl|clone-ns|unshare|mount|i386-unshare|i386-mount) ok' "$DIR/out" || bitten "the filter lets it through"
}

@test "R17: AF_ALG is refused in every way to call the kernel" {
	withstands oci filter
	withstands engine engine_filter
	# Nothing else than the filter holds it off: without one in the configuration it is in.
	bites oci no_filter -- runc crun
	bites engine engine_filter -- unguarded
}

# ---- R19: what is not understood is refused, and names are compared by their parts ----

refuses() { # WHAT JQ-FILTER
	bundle unknown "$2 | $(args echo started)"
	run_box unknown >/dev/null 2>&1 || true
	! grep -qx started "$DIR/out" || bitten "started with $1"
}

unknown_options() {
	refuses "an AppArmor profile that nobody enforces" '.process.apparmorProfile = "berth-no-such-profile"' || return 1
	refuses "an unknown namespace" '.linux.namespaces += [{type: "imaginary"}]' || return 1
	refuses "an unknown action" '.linux.seccomp = {defaultAction: "SCMP_ACT_IMAGINARY"}' || return 1
	refuses "an unknown operator" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["socket"], action: "SCMP_ACT_ERRNO",
		args: [{index: 0, value: 38, op: "SCMP_CMP_IMAGINARY"}]}]}' || return 1
	refuses "an unknown architecture" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_IMAGINARY"]}' || return 1
	refuses "an unknown filter flag" '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", flags: ["SECCOMP_FILTER_FLAG_IMAGINARY"],
		syscalls: [{names: ["socket"], action: "SCMP_ACT_ERRNO"}]}' || return 1
	refuses "an unknown limit" '.process.rlimits = [{type: "RLIMIT_IMAGINARY", soft: 1, hard: 1}]' || return 1
	refuses "an unknown propagation" '.linux.rootfsPropagation = "imaginary"' || return 1
	refuses "an unknown kind of device" '.linux.devices = [{path: "/dev/x", type: "z", major: 1, minor: 3}]' || return 1
	refuses "an unknown right to a device" '.linux.resources.devices = [{allow: false, access: "rwq"}]' || return 1
	refuses "a parameter of the kernel that is not the container's" '.linux.sysctl = {"kernel.core_pattern": "|/evil"}'
}

# /proc2 is not below /proc, and /procfoo not /proc; a name with a link or dots is what it leads to.
prefixes() {
	bundle prefix ".linux.maskedPaths = [\"/mask\"] | .linux.readonlyPaths = [\"/ro\"] | .mounts += [
		{destination: \"/proc2\", type: \"tmpfs\", source: \"tmpfs\"}, {destination: \"/procfoo/x\", type: \"tmpfs\", source: \"tmpfs\"}] |
		$(sh_args 'touch /ro2/x /mask2/x && cat /mask2/file && touch /proc2/x /procfoo/x/x && echo apart; touch /ro/x 2>/dev/null && echo joined; true')"
	mkdir -p "$DIR/prefix/rootfs"/{mask,mask2,ro,ro2}
	echo other >"$DIR/prefix/rootfs/mask2/file"
	run_box prefix || return 2
	grep -qx apart "$DIR/out" || bitten "names are compared by their letters" || return 1
	! grep -qx joined "$DIR/out" || bitten "a read-only path is written"
}

# The engine's own options.
engine_unknown() {
	local option
	engine_up || return 2
	for option in --security-opt=imaginary=1 --security-opt=no-new-privileges=perhaps --security-opt=apparmor=berth-no-such-profile \
		--security-opt=seccomp=/no/such/profile --cap-drop=IMAGINARY --apparmor=x --seccomp=unconfined --userns=imaginary; do
		! eb run --network none --rm "$option" box true >"$DIR/out" 2>&1 || bitten "run $option is ignored" || return 1
	done
	! eb run --network none --rm -v /etc:/x:ro,imaginary box true >"$DIR/out" 2>&1 || bitten "an unknown option of a volume is ignored"
}

# What the command line would not let through: a request of somebody who thinks of another engine.
engine_unknown_member() {
	engine_up || return 2
	curl -sS --unix-socket "$BERTH_SOCKET" -H 'Content-Type: application/json' -o "$DIR/out" \
		-d '{"image": "box", "command": ["touch", "/started"], "security_opt": ["no-new-privileges"], "cap_drop": ["ALL"]}' \
		http://berth/v1/containers/run || return 2
	! grep -q '"id"' "$DIR/out" || bitten "security options of a request are ignored"
}

@test "R19: an unknown security option is an error, and names are compared by their parts" {
	withstands oci unknown_options
	withstands oci prefixes
	withstands engine engine_unknown
	withstands engine engine_unknown_member
	bites oci unknown_options -- runc crun
	bites engine engine_unknown_member -- unguarded
}
