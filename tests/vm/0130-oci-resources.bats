#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# linux.resources of an OCI configuration on version 2 with all controllers: what the kernel then has, and what the container may do.

load helpers
load ../e2e/oci

setup() {
	new_oci
}

teardown() {
	end_oci
}

# A file of the container's cgroup.
kernel() { # FILE
	cat "$CGROUPS$(sed -n 's/^0:://p' "/proc/$(oci state "$NAME" | jq .pid)/cgroup")/$1"
}

@test "weights, processors, rates of a disk, memory, devices and unified files are the kernel's, and update changes them" {
	disk=$(cat /sys/block/vdb/dev)
	change --argjson major "${disk%:*}" --argjson minor "${disk#*:}" '
		.linux.resources = {
			cpu: {shares: 2048, quota: 50000, period: 100000, cpus: "1", mems: "0"},
			memory: {limit: 67108864, reservation: 33554432, swap: 134217728},
			pids: {limit: 33},
			blockIO: {throttleReadBpsDevice: [{major: $major, minor: $minor, rate: 1048576}],
				throttleWriteIOPSDevice: [{major: $major, minor: $minor, rate: 99}]},
			devices: [{allow: false, access: "rwm"}, {allow: true, type: "c", major: 1, minor: 11, access: "r"}],
			unified: {"memory.high": "60000000", "cpu.max.burst": "1000"}
		} |
		.linux.devices = [{path: "/dev/allowed", type: "c", major: 1, minor: 11}, {path: "/dev/denied", type: "c", major: 1, minor: 4}] |
		.process.capabilities |= with_entries(.value += ["CAP_SYSLOG", "CAP_SYS_RAWIO"])'
	args sh -c 'for name in allowed denied null; do (: <"/dev/$name") 2>/dev/null && echo "$name opens"; done; (: >/dev/allowed) 2>/dev/null || echo "no writing"; exec sleep 1000'
	oci run -d -b "$BUNDLE" "$NAME" </dev/null >"$DIR/output" 2>&1
	eventually grep -q writing "$DIR/output"
	diff "$DIR/output" <(printf '%s\n' "allowed opens" "null opens" "no writing")
	[ "$(kernel cpu.weight)" = 174 ]
	[ "$(kernel cpu.max)" = "50000 100000" ]
	[ "$(kernel cpu.max.burst)" = 1000 ]
	[ "$(kernel cpuset.cpus) $(kernel cpuset.mems)" = "1 0" ]
	[ "$(kernel memory.max) $(kernel memory.low) $(kernel memory.swap.max)" = "67108864 33554432 67108864" ]
	[ "$(kernel memory.high)" = 59998208 ]
	[ "$(kernel pids.max)" = 33 ]
	[ "$(kernel io.max)" = "$disk rbps=1048576 wbps=max riops=max wiops=99" ]
	oci update --cpu-share 512 --cpuset-cpus 0 --pids-limit 44 "$NAME"
	oci update -r - "$NAME" <<<'{"unified": {"memory.high": "max"}}'
	[ "$(kernel cpu.weight)" = 59 ]
	[ "$(kernel cpuset.cpus) $(kernel pids.max) $(kernel memory.high)" = "0 44 max" ]
	[ "$(kernel cpu.max)" = "50000 100000" ]
	# Its devices are as before.
	run -1 oci exec "$NAME" sh -c ': </dev/denied'
	oci exec "$NAME" sh -c ': </dev/allowed'
}
