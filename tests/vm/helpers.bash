# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the tests of the virtual machine share, beside the helpers of the end-to-end tests. They change the whole machine, so they
# run nowhere else.

load ../e2e/helpers

[ -e /vm/command ] || {
	echo "these tests are for the virtual machine: make test-vm" >&3
	exit 1
}

CGROUPS=/sys/fs/cgroup

container_id() { # NAME
	berth ps --all --json | jq -r --arg name "$1" '.[] | select(.name == $name) | .id'
}

# Where the kernel has a container that runs.
group_of() { # NAME
	local pid
	pid=$(berth ps --json | jq -r --arg name "$1" '.[] | select(.name == $name) | .pid')
	echo "$CGROUPS$(sed -n 's/^0:://p' "/proc/$pid/cgroup")"
}

setting() { # NAME FILE
	cat "$(group_of "$1")/$2"
}

# One number of a file of "key number" lines.
event() { # NAME FILE KEY
	awk -v key="$3" '$1 == key { print $2 }' "$(group_of "$1")/$2"
}

# What is known of the end of a container: .exit_code, .signal, .oom, .memory_peak ...
ended() { # NAME JQ-EXPRESSION
	berth ps --all --json | jq -r --arg name "$1" ".[] | select(.name == \$name) | $2"
}

# Swap that a limit without swap must not use.
swap_on() {
	[ "$(wc -l </proc/swaps)" -eq 1 ] || return 0
	fallocate -l 128m /swap
	chmod 600 /swap
	mkswap /swap >/dev/null
	swapon /swap
}
