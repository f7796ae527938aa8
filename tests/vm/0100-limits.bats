#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Limits, killing and counting on a machine with version 2 of cgroups alone: what the kernel was told, and what it does then.

load helpers

setup_file() {
	start_with_image
}

teardown_file() {
	end_place
}

@test "the machine has version 2 alone, and berth knows it" {
	[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]
	[ "$(berth info --json | jq -r .cgroup)" = v2 ]
}

@test "--cpus becomes cpu.max, and a busy container is throttled" {
	berth run -d --name busy --cpus 0.25 busybox sh -c 'while :; do :; done'
	[ "$(setting busy cpu.max)" = "25000 100000" ]
	throttled() { [ "$(event busy cpu.stat nr_throttled)" -gt 2 ]; }
	eventually throttled
	berth kill --signal KILL busy
	exits_with 137 busy
}

@test "--memory becomes memory.max without swap; what needs more is killed as a whole, and the end says why" {
	swap_on
	berth run -d --name calm --memory 16m busybox sleep 1000
	[ "$(setting calm memory.max)" = 16777216 ]
	[ "$(setting calm memory.swap.max)" = 0 ]
	[ "$(setting calm memory.oom.group)" = 1 ]
	berth kill --signal KILL calm
	exits_with 137 calm
	before=$(awk '/^pswpout/ { print $2 }' /proc/vmstat)
	# The shell is not the one that needs the memory; it dies too.
	run -137 berth run --name hungry --memory 16m busybox sh -c 'head -c 48m /dev/zero | tail -c 48m >/dev/null; echo survived'
	[[ "$output" != *survived* && "$output" == *"memory"* ]]
	[ "$(ended hungry .oom)" = true ]
	[ "$(awk '/^pswpout/ { print $2 }' /proc/vmstat)" = "$before" ]
}

@test "a container killed for other reasons is not called out of memory" {
	run -137 berth run --name killed --memory 16m busybox sh -c 'kill -9 $$'
	[[ "$output" != *memory* ]]
	[ "$(ended killed .oom)" = false ]
}

@test "--pids becomes pids.max, and a fork bomb meets it" {
	berth run -d --name bomb --pids 20 busybox sh -c 'b() { b | b & }; b; sleep 1000'
	[ "$(setting bomb pids.max)" = 21 ] # and its process 1
	refused() { [ "$(event bomb pids.events max)" -gt 0 ]; }
	eventually refused
	[ "$(setting bomb pids.current)" -le 21 ]
	group=$(group_of bomb)
	berth kill --signal KILL bomb
	exits_with 137 bomb
	eventually [ ! -e "$group" ]
}

@test "a frozen container can be killed: nothing has to run in it for that" {
	berth run -d --name frozen busybox sh -c 'trap "" TERM; while :; do sleep 0.1; done'
	group=$(group_of frozen)
	echo 1 >"$group/cgroup.freeze"
	is_frozen() { grep -q '^frozen 1' "$group/cgroup.events"; }
	eventually is_frozen
	berth kill --signal KILL frozen
	exits_with 137 frozen
	eventually [ ! -e "$group" ]
}

@test "what a container left behind outside of its process 1's reach ends with it" {
	berth run -d --name spread busybox sh -c 'for i in 1 2 3 4 5; do setsid sh -c "trap : TERM HUP; sleep 1000" & done; sleep 1000'
	group=$(group_of spread)
	# A process of the host, moved into the container's group as an administrator's debugger may be.
	sleep 1000 3>&- &
	stray=$!
	echo "$stray" >"$group/cgroup.procs"
	many() { [ "$(wc -l <"$group/cgroup.procs")" -gt 10 ]; }
	eventually many
	berth kill --signal KILL spread
	exits_with 137 spread
	eventually [ ! -e "$group" ]
	eventually gone "$stray"
}

@test "without limits the group has none, and counts all the same" {
	berth run -d --name free busybox sh -c 'seq 1 2000 >/dev/null; exec sleep 1000'
	[ "$(setting free cpu.max)" = "max 100000" ]
	[ "$(setting free memory.max)" = max ]
	[ "$(event free cpu.stat usage_usec)" -gt 0 ]
	berth kill --signal KILL free
	exits_with 137 free
}

@test "the container sees its own group as the root" {
	run -0 berth run --rm --memory 64m busybox cat /proc/self/cgroup
	[ "$output" = "0::/" ]
}

@test "a process added to a container (a health check) is counted and limited with it" {
	file=$(job_file healthy <<-'END'
		services:
		  s:
		    image: busybox
		    command: ["sleep", "1000"]
		    mem_limit: 16m
		    stop_grace_period: 100ms
		    healthcheck: {test: ["CMD-SHELL", "sleep 1000"], interval: 100ms, timeout: 100s}
	END
	)
	id=$(berth submit "$file" --json | jq -r .id)
	# init, the program, the check and its sleep
	limited() { grep -lx 16777216 "$CGROUPS"/berth/*/memory.max; }
	eventually limited
	group=$(dirname "$(limited)")
	all() { [ "$(wc -l <"$group/cgroup.procs")" -ge 3 ]; }
	eventually all
	berth cancel "$id"
	eventually [ ! -e "$group" ]
}
