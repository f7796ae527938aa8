#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Delegation: berth in a group of its own that somebody above has given it, as a service manager does. It stays inside.

load helpers

setup() {
	new_place
	DELEG=$CGROUPS/deleg
	mkdir "$DELEG"
}

teardown() {
	local status=0
	end_place || status=1
	rm_groups "$DELEG" || status=1
	[ ! -e "$CGROUPS/berth" ] || status=1
	return "$status"
}

# Whatever a failed test left goes too.
rm_groups() { # GROUP
	[ ! -e "$1/cgroup.kill" ] || echo 1 >"$1/cgroup.kill"
	find "$1" -depth -type d | while read -r dir; do
		eventually rmdir "$dir" || return 1
	done
}

# Runs a command in a group, as a shell that was started there.
in_group() { # GROUP COMMAND...
	(echo "$BASHPID" >"$1/cgroup.procs" && shift && "$@")
}

# Where the group is the root of all groups that can be seen, as in a container.
in_namespace() { # COMMAND...
	unshare --mount --cgroup bash -c 'umount /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"' sh "$@"
}

give() { # GROUP CONTROLLER...: to the groups below it
	local group=$1
	shift
	echo "${*/#/+}" >"$group/cgroup.subtree_control"
}

where() { # PID
	sed -n 's/^0:://p' "/proc/$1/cgroup"
}

@test "in a delegated group containers lie below it, and berth's own processes move aside" {
	give "$CGROUPS" cpu memory pids
	in_group "$DELEG" "$BERTH" up --data "$DIR/data" 3>&- 4>&-
	import_busybox
	berth run -d --name inside --memory 64m --cpus 0.5 --pids 50 busybox sleep 1000
	group=$(group_of inside)
	[ "$group" = "$DELEG/berth/$(basename "$group")" ]
	[ "$(cat "$group/memory.max" "$group/cpu.max" "$group/pids.max" | xargs)" = "67108864 50000 100000 51" ] # one more for its process 1
	[ "$(where "$(daemon_pid)")" = /deleg/berth-main ]
	[ -z "$(cat "$DELEG/cgroup.procs")" ]
	berth down --all
	groups=("$DELEG"/*/)
	[ ! -e "${groups[0]}" ]
}

@test "a neighbour in the delegated group moves aside with us and lives on" {
	give "$CGROUPS" cpu memory pids
	bash -c 'echo $$ >"$0/cgroup.procs" && exec sleep 1000' "$DELEG" 3>&- &
	neighbour=$!
	is_inside() { [ "$(where "$neighbour")" = /deleg ]; }
	eventually is_inside
	in_group "$DELEG" "$BERTH" up --data "$DIR/data" 3>&- 4>&-
	import_busybox
	run -0 berth run --rm --memory 64m busybox echo works
	[ "$output" = works ]
	[ "$(where "$neighbour")" = /deleg/berth-main ]
	kill "$neighbour"
}

@test "the next daemon, started where the last one stood, finds the same place" {
	give "$CGROUPS" cpu memory pids
	in_group "$DELEG" "$BERTH" up --data "$DIR/data" 3>&- 4>&-
	import_busybox
	berth run -d --name survivor --memory 64m busybox sleep 1000
	group=$(group_of survivor)
	kill -9 "$(daemon_pid)"
	in_group "$DELEG/berth-main" "$BERTH" up --data "$DIR/data" 3>&- 4>&-
	berth run -d --name second --memory 64m busybox sleep 1000
	[ "$(dirname "$(group_of second)")" = "$DELEG/berth" ]
	berth kill --signal KILL survivor
	exits_with 137 survivor
	eventually [ ! -e "$group" ]
}

@test "a controller that was not given is named when a limit needs it" {
	give "$CGROUPS" pids
	echo "-memory -cpu" >"$CGROUPS/cgroup.subtree_control"
	in_group "$DELEG" in_namespace "$BERTH" up --data "$DIR/data" 3>&- 4>&-
	import_busybox
	run -125 berth run --rm --memory 64m busybox true
	[[ "$output" == *"this machine cannot limit memory"* ]]
	run -0 berth run --rm --pids 50 busybox echo works
	[ "$output" = works ]
}

@test "without a limit no controller is needed at all" {
	echo "-memory -cpu -pids" >"$CGROUPS/cgroup.subtree_control"
	in_group "$DELEG" in_namespace "$BERTH" up --data "$DIR/data" 3>&- 4>&-
	import_busybox
	run -0 berth run --rm busybox echo works
	[ "$output" = works ]
}
