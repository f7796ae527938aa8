# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A cluster of real processes: one server and three agents, each agent in a network namespace of its own, a bridge in the server's between them.

AGENTS="n1 n2 n3"

on() { # NODE COMMAND...: berth's command line at a node
	local node=$1
	shift
	BERTH_SOCKET=$DIR/$node.sock berth "$@"
}

# inside NODE COMMAND...: in its network namespace
inside() {
	local node=$1
	shift
	nsenter --net="$DIR/net.$node" "$@"
}

# The namespaces and the cables: br0 at the server, 10.9.0.1; node i has 10.9.0.(i+1).
make_networks() {
	local node i=1
	apart ip link add br0 type bridge
	apart ip addr add 10.9.0.1/24 dev br0
	apart ip link set br0 up
	for node in $AGENTS; do
		i=$((i + 1))
		touch "$DIR/net.$node"
		unshare --net="$DIR/net.$node" ip link set lo up
		inside "$node" ip link add up0 type veth peer name "$node"
		inside "$node" ip link set "$node" netns "$DIR/netns"
		inside "$node" ip addr add "10.9.0.$i/24" dev up0
		inside "$node" ip link set up0 up
		apart ip link set "$node" master br0
		apart ip link set "$node" up
	done
}

start_agent() { # NODE OPTION...
	local node=$1
	shift
	inside "$node" "$BERTH" agent --data "$DIR/$node" --socket "$DIR/$node.sock" --node-name "$node" --server 10.9.0.1 --slots 2 --counter seat=1 "$@" 3>&- 4>&-
}

node_is() { # NODE STATE
	[ "$(berth node inspect "$1" | jq -r '.[0].state')" = "$2" ]
}

# A server apart (with SERVER_OPTIONS) and the three agents, with busybox at those of IMAGES_AT (all of them).
start_cluster() {
	local node
	new_place
	make_networks
	apart "$BERTH" server --data "$DIR/data" --agents 10.9.0.1 --lease "${LEASE:-5s}" "${SERVER_OPTIONS[@]}" 3>&- 4>&-
	berth token create --uses 3 >"$DIR/token"
	for node in $AGENTS; do
		start_agent "$node" --token "@$DIR/token"
		case " ${IMAGES_AT:-$AGENTS} " in
		*" $node "*) on "$node" image import "$(busybox_tar)" busybox >/dev/null ;;
		esac
	done
	for node in $AGENTS; do
		eventually node_is "$node" free
	done
}

end_cluster() {
	local node status=0
	berth down --all >/dev/null || status=1
	for node in $AGENTS; do
		if on "$node" info >/dev/null 2>&1; then
			on "$node" down --all >/dev/null || status=1
		fi
		umount "$DIR/net.$node" || status=1
	done
	end_place || status=1
	return "$status"
}

job_of() { # NAME COPIES COMMAND: submits, prints the job's ID
	job_file "$1" <<-END >/dev/null
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "$3"]
		    x-berth: {kind: task, replicate: $2}
	END
	berth submit "$DIR/$1.yaml" --json | jq -r .id
}

nodes_of() { # ID: the nodes of the latest attempts
	berth job "$1" --json | jq -r '.tasks[].instances[].attempts[-1].node // empty' | sort -u | xargs
}

all_run() { # ID N
	[ "$(job_field "$1" .counts.running)" = "$2" ]
}
