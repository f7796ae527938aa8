#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# System containers: a Debian with systemd as process 1 comes up, can be used as a machine, and stops cleanly. Its root filesystem
# is the machine's third disk (tools/vm_image systemd).
#   OCI_RUNTIME   another runtime to compare with, for example crun

load helpers

setup() {
	[ -b /dev/vdc ] || skip "the machine has no disk with systemd (tools/vm: VM_DISK)"
	new_place
	mkdir -p "$DIR"/{disk,upper,work,bundle/rootfs}
	mount -o ro /dev/vdc "$DIR/disk"
	mount -t overlay -o "lowerdir=$DIR/disk,upperdir=$DIR/upper,workdir=$DIR/work" overlay "$DIR/bundle/rootfs"
	config >"$DIR/bundle/config.json"
	cat >"$DIR/bundle/rootfs/usr/local/bin/limits" <<-'END'
		#!/bin/sh
		cd "/sys/fs/cgroup$(cut -d : -f 3 /proc/self/cgroup)" && cat memory.max pids.max
	END
	chmod 755 "$DIR/bundle/rootfs/usr/local/bin/limits"
	RUNNER=
}

teardown() {
	[ -n "${DIR:-}" ] || return 0
	local status=0
	oci kill system KILL >/dev/null 2>&1 || true
	oci delete --force system >/dev/null 2>&1 || true
	[ -z "$RUNNER" ] || kill "$RUNNER" 2>/dev/null || true
	[ ! -e "$CGROUPS/system" ] || status=1
	umount "$DIR/bundle/rootfs" "$DIR/disk" || status=1
	end_place || status=1
	return "$status"
}

oci() {
	if [ -n "${OCI_RUNTIME:-}" ]; then
		"$OCI_RUNTIME" --root "$DIR/states" "$@"
	else
		"$BERTH" oci --root "$DIR/states" "$@"
	fi
}

# What podman gives a container in which systemd runs: no capability that systemd could harm the host with.
config() {
	jq -n '
		def tmp(at; options): {destination: at, type: "tmpfs", source: "tmpfs", options: (["nosuid", "nodev"] + options)};
		["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
			"AUDIT_WRITE"] as $words | ($words | map("CAP_" + .)) as $caps |
		{
			ociVersion: "1.0.2",
			process: {
				user: {uid: 0, gid: 0}, cwd: "/", args: ["/sbin/init"],
				env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "container=oci"],
				capabilities: {bounding: $caps, effective: $caps, permitted: $caps},
				rlimits: [{type: "RLIMIT_NOFILE", soft: 1024, hard: 4096}]
			},
			root: {path: "rootfs"},
			hostname: "system",
			mounts: [
				{destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]},
				{destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=64k"]},
				{destination: "/dev/pts", type: "devpts", source: "devpts", options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
				tmp("/dev/shm"; ["mode=1777"]),
				{destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]},
				{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "rw"]},
				tmp("/run"; ["mode=755"]), tmp("/run/lock"; []), tmp("/tmp"; ["mode=1777"])
			],
			linux: {
				namespaces: (["pid", "network", "ipc", "uts", "mount", "cgroup"] | map({type: .})),
				cgroupsPath: "/system",
				resources: {pids: {limit: 200}, memory: {limit: 268435456}},
				maskedPaths: ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
				readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
			}
		}'
}

boot() {
	oci run --bundle "$DIR/bundle" system </dev/null >"$DIR/console" 2>&1 3>&- &
	RUNNER=$!
	WITHIN=120 eventually answers || {
		cat "$DIR/console"
		return 1
	}
}

# systemd has its bus; whether all units came up is said then.
answers() {
	oci exec system systemctl is-system-running 2>/dev/null | grep -qE 'starting|running|degraded'
}

inside() {
	oci exec system "$@"
}

@test "systemd comes up to multi-user with every unit well, gives its services groups with limits, and stops cleanly" {
	boot
	run inside systemctl is-system-running --wait
	[ "$output" = running ] || {
		inside systemctl --no-pager --failed
		inside journalctl --no-pager -p warning
		return 1
	}
	[ "$(inside systemctl is-active multi-user.target)" = active ]
	[ "$(inside cat /proc/1/comm)" = systemd ]
	[ "$(inside cat /proc/1/cgroup)" = 0::/init.scope ]
	run inside systemd-run --quiet --wait --pipe -p MemoryMax=16M -p TasksMax=7 /usr/local/bin/limits
	succeeds
	[ "${lines[0]} ${lines[1]}" = "16777216 7" ]
	inside systemd-run --quiet --unit=sleeper sleep 1000
	[ -n "$(cat "$CGROUPS/system/system.slice/sleeper.service/cgroup.procs")" ]
	oci kill system SIGRTMIN+3
	wait "$RUNNER" # whose exit status is systemd's
	RUNNER=
	[ ! -e "$CGROUPS/system/system.slice" ]
	run oci state system
	[ "$status" -ne 0 ] || [ "$(jq -r .status <<<"$output")" = stopped ]
}
