#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A cluster of real processes: one server and three agents, each agent in a network namespace of its own, a bridge in the server's between them.

load helpers
load cluster

setup_file() {
	start_cluster
}

teardown_file() {
	end_cluster
}

@test "a token is good for as many machines as it says, and nobody gets in without one" {
	run -0 berth token ls --json
	[ "$output" = "[]" ] # three uses, three agents
	run inside n1 "$BERTH" agent --data "$DIR/stranger" --socket "$DIR/stranger.sock" --node-name stranger --server 10.9.0.1
	fails_with "has not joined" "--token"
	run berth token create --expires 0s
	fails_with "--expires" "--forever"
	run berth token create --uses 0
	fails_with "--uses" "no machine"
	run -0 berth token ls --json
	[ "$output" = "[]" ]
	run inside n1 "$BERTH" agent --data "$DIR/stranger" --socket "$DIR/stranger.sock" --node-name stranger --server 10.9.0.1:99999 --token "@$DIR/token"
	fails_with 'the server'"'"'s address "10.9.0.1:99999": a port is a number from 1 to 65535'
	rm -rf "$DIR/stranger"
}

# An agent that is none of the cluster's: what it says is in $output.
stranger() { # SERVER
	inside n1 "$BERTH" agent --data "$DIR/stranger" --socket "$DIR/stranger.sock" --node-name stranger --server "$1" --token "@$DIR/token" >"$DIR/said" 2>&1 3>&- 4>&-
	output=$(cat "$DIR/said")
	inside n1 "$BERTH" --socket "$DIR/stranger.sock" down --all >/dev/null
	rm -rf "$DIR/stranger"
}

@test "an agent that cannot join says so, and why, and goes on trying" {
	stranger 10.9.0.1 # the token has been used up
	[[ $output == *"warning: this node has not joined the cluster yet, and goes on trying: the server says: the token is not valid"*"berth is up"* ]]
	stranger 10.9.0.1:9
	[[ $output == *"warning: this node has not joined the cluster yet, and goes on trying: Connection refused"*"berth is up"* ]]
	berth token create >"$DIR/token.1"
	inside n1 "$BERTH" agent --data "$DIR/stranger" --socket "$DIR/stranger.sock" --node-name stranger --server 10.9.0.1 --slots 1 --token "@$DIR/token.1" >"$DIR/said" 2>&1 3>&- 4>&-
	run ! grep warning "$DIR/said"
	eventually node_is stranger free
	inside n1 "$BERTH" --socket "$DIR/stranger.sock" down --all >/dev/null
	rm -rf "$DIR/stranger"
	berth node rm stranger >/dev/null
}

@test "a job is spread over the nodes, and is seen at the server" {
	id=$(job_of spread 6 "until [ -e /tmp/go ]; do sleep 0.1; done")
	eventually all_run "$id" 6
	[ "$(nodes_of "$id")" = "n1 n2 n3" ]
	node_is n1 busy
	berth cancel "$id"
	run berth wait "$id"
	job_state_is "$id" canceled
}

@test "a locked node takes nothing; a drained one is empty at its deadline, and what ran there runs elsewhere" {
	berth node lock --reason "new disk" n1
	node_is n1 locked
	id=$(job_of drained 2 "sleep 60")
	eventually all_run "$id" 2
	[[ "$(nodes_of "$id")" != *n1* ]]
	node=$(nodes_of "$id" | cut -d ' ' -f 1)
	berth node unlock n1
	berth node drain --deadline 1ms "$node"
	eventually node_is "$node" drained
	eventually all_run "$id" 2
	[[ "$(nodes_of "$id")" != *$node* ]]
	berth node unlock "$node"
	node_is "$node" free
	berth cancel "$id"
}

@test "a job runs where its select and its constraints say, and why tells which node fails what" {
	berth node label n2 disk=ssd speed=3
	berth node label n3 disk=ssd
	job_file where <<-END >/dev/null
		services:
		  t:
		    image: busybox
		    command: ["sleep", "60"]
		    deploy: {placement: {constraints: [node.labels.disk == ssd]}}
		    x-berth: {kind: task, replicate: 3, select: "labels.speed >= 2 && role == worker && cores >= 1"}
	END
	id=$(berth submit "$DIR/where.yaml" --json | jq -r .id)
	eventually all_run "$id" 2
	[ "$(nodes_of "$id")" = n2 ]
	berth node label n3 speed=10
	eventually all_run "$id" 3
	[ "$(nodes_of "$id")" = "n2 n3" ]
	berth cancel "$id"
	run berth wait "$id"
	berth node label n3 disk- speed-
	berth node lock n2
	id=$(berth submit "$DIR/where.yaml" --json | jq -r .id)
	run -0 berth why "$id"
	[[ "$output" == *'selects none of the 2 nodes that are up: 2 fail '*'node.labels.disk == "ssd"'*'n1: not set'* ]]
	[[ "$output" == *'node n2 would do and is locked'* ]]
	berth node unlock n2
	eventually all_run "$id" 2
	berth cancel "$id"
	berth node label n2 disk- speed-
	job_file wrong <<-END >/dev/null
		services:
		  t: {image: busybox, x-berth: {kind: task, select: "coers > 1"}}
	END
	run berth submit "$DIR/wrong.yaml"
	fails_with "wrong.yaml:2:54" "services.t.x-berth.select: nothing is known of nodes by this name" "character 1"
	run berth node label n2 "a b=c"
	fails_with "labels.a b: a name has letters"
}

@test "services keep together and apart, are spread over a label, and have so many copies on a node" {
	berth node label n1 zone=a
	berth node label n2 zone=a
	berth node label n3 zone=b
	job_file rules <<-END >/dev/null
		services:
		  db: {image: busybox, command: ["sleep", "60"], x-berth: {kind: task, select: "hostname == n2"}}
		  web: {image: busybox, command: ["sleep", "60"], x-berth: {kind: task, near: [db]}}
		  far: {image: busybox, command: ["sleep", "60"], x-berth: {kind: task, apart: [{to: db, within: labels.zone}]}}
		  one: {image: busybox, command: ["sleep", "60"], deploy: {placement: {max_replicas_per_node: 1}}, x-berth: {kind: task, replicate: 3, slots: 0}}
	END
	id=$(berth submit "$DIR/rules.yaml" --json | jq -r .id)
	eventually all_run "$id" 6
	[ "$(berth job "$id" --json | jq -r '[.tasks[] | "\(.name)=\([.instances[].attempts[-1].node] | sort | join("+"))"] | join(" ")')" = "db=n2 web=n2 far=n3 one=n1+n2+n3" ]
	berth cancel "$id"
	run berth wait "$id"
	job_file even <<-END >/dev/null
		services:
		  t:
		    image: busybox
		    command: ["sleep", "60"]
		    deploy: {placement: {preferences: [{spread: node.labels.zone}], max_replicas_per_node: 1}}
		    x-berth: {kind: task, replicate: 4}
	END
	id=$(berth submit "$DIR/even.yaml" --json | jq -r .id)
	eventually all_run "$id" 3
	run -0 berth why "$id"
	[[ "$output" == *"may not run on any node that would do: "*"n1 (has 1 of at most 1 copies)"* ]]
	berth cancel "$id"
	run berth wait "$id"
	berth node label n1 zone-
	berth node label n2 zone-
	berth node label n3 zone-
}

has_image() { # NODE NAME
	berth node inspect "$1" | jq -e --arg name "$2" '.[0].facts.images[$name] > 0' >/dev/null
}

@test "a job goes where its image is" {
	on n2 image import "$(busybox_tar)" only-here >/dev/null
	eventually has_image n2 only-here:latest
	run ! has_image n3 only-here:latest
	job_file image <<-END >/dev/null
		services:
		  t: {image: only-here, command: ["true"], x-berth: {kind: task, replicate: 2}}
		  u: {image: busybox, command: ["true"], x-berth: {kind: task, select: "has(image.only-here:latest)"}}
	END
	run -0 berth submit "$DIR/image.yaml" --wait
	[ "$(nodes_of "$(berth jobs -a -q -n 1)")" = n2 ]
	on n2 image rm only-here
	gone() { ! has_image n2 only-here:latest; }
	eventually gone
}

@test "a job goes where its volume and the files that it stages in lie" {
	job_file lies <<-END >/dev/null
		x-berth: {spaces: {work: {}}}
		services:
		  a:
		    image: busybox
		    command: ["sh", "-c", "echo made > /work/out; echo kept > /keep/it"]
		    volumes: ["keep:/keep"]
		    x-berth: {kind: task, select: hostname == n3, stage_out: ["work:out"]}
		  b:
		    image: busybox
		    command: ["cat", "/work/out"]
		    depends_on: {a: {condition: service_completed_successfully}}
		    x-berth: {kind: task, stage_in: ["work:out"]}
		volumes: {keep: {name: kept-here}}
	END
	id=$(berth submit "$DIR/lies.yaml" --json | jq -r .id)
	berth wait "$id"
	[ "$(nodes_of "$id")" = n3 ]
	berth events --json | jq -se 'any(.[]; .kind == "node_facts" and .node == "n3" and (.facts | contains("has.volume.kept-here")))'
	job_file reader <<-END >/dev/null
		services: {t: {image: busybox, command: ["cat", "/keep/it"], volumes: ["keep:/keep"], x-berth: {kind: task}}}
		volumes: {keep: {name: kept-here}}
	END
	id=$(berth submit "$DIR/reader.yaml" --json | jq -r .id)
	berth wait "$id"
	[ "$(berth logs "$id" | grep -c kept)" = 1 ]
	[ "$(nodes_of "$id")" = n3 ]
}

bound_job() { # NAME [HOW]: submits one that has a processor of its own on n1 and prints its ID
	job_file "$1" <<-END >/dev/null
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "grep Cpus_allowed_list /proc/self/status; sleep 60"]
		    labels: {io.berth.cpus: 0-99}
		    x-berth: {kind: task, bind: ${2:-cores}, select: hostname == n1 && numa_cores >= 1 && numa_memory > 0}
	END
	berth submit "$DIR/$1.yaml" --json | jq -r .id
}

cpu_of() { # ID: the processors of its container
	on n1 inspect "$1-t-0" | jq -r '.[0].Config.Labels["io.berth.cpus"] // .[0].labels["io.berth.cpus"]'
}

@test "bound copies have processors of their own, also after the agent was killed" {
	[ "$(nproc)" -ge 2 ] || skip "one processor"
	one=$(bound_job one)
	eventually all_run "$one" 1
	kill -9 "$(on n1 info --json | jq -r .pid)"
	start_agent n1
	eventually node_is n1 busy
	two=$(bound_job two numa)
	eventually all_run "$two" 1
	[[ "$(cpu_of "$one")" =~ ^[0-9]+$ ]]
	[[ "$(cpu_of "$two")" =~ ^[0-9]+$ ]]
	[ "$(cpu_of "$one")" != "$(cpu_of "$two")" ]
	if [ -e /sys/fs/cgroup/cpuset/cpuset.cpus ] || grep -qw cpuset /sys/fs/cgroup/cgroup.controllers; then
		eventually bash -c "BERTH_SOCKET=$DIR/n1.sock $BERTH logs $two-t-0 | grep -x 'Cpus_allowed_list:.$(cpu_of "$two")'"
	fi
	run -0 berth why "$(bound_job three)"
	[[ "$output" == *"1 CPU"* ]]
	berth cancel "$(berth jobs -q -n 1)" "$one" "$two"
	run berth wait "$one"
	run berth wait "$two"
}

has_probe() { # NODE: one runs there
	on "$1" ps --json | jq -e 'any(.[]; .name | startswith("probe-"))'
}

why_says() { # ID TEXT
	[[ "$(berth why "$1")" == *"$2"* ]]
}

probed_job() { # NAME COPIES PROBE [KEYS]: a job with a probe; prints its ID
	job_file "$1" <<-END >/dev/null
		services:
		  t:
		    image: busybox
		    command: ["sleep", "60"]
		    volumes: ["$DIR/token:/token:ro"]
		    x-berth: {kind: task, replicate: $2, probe: $3${4:+, $4}}
	END
	berth submit "$DIR/$1.yaml" --json | jq -r .id
}

probes_of() { # ID-OF-PROBE [FILTER]: answers in the log
	berth events --json | jq -s --arg p "$1" "[.[] | select(.kind == \"probed\" and (.probe | startswith(\$p)))${2:-}] | length"
}

@test "a probe decides which nodes will do: each is asked once, whatever waits, and why tells what it said" {
	# A container sees in its root mount whose node it is on.
	fit='"grep -q /n2/ /proc/self/mountinfo || { echo not the node; exit 3; }; test -s /token && ! touch /x && ! ip link | grep -q eth"'
	one=$(probed_job one 2 "$fit")
	two=$(probed_job two 1 "$fit")
	eventually all_run "$one" 2
	[ "$(nodes_of "$one")" = n2 ]
	eventually why_says "$two" "2 nodes: probe said no: not the node"
	key=$(berth events --json | jq -rs '[.[] | select(.kind == "probed")][0].probe')
	[ "$(probes_of "$key")" = 3 ]
	[ "$(probes_of "$key" ' | select(.fit)')" = 1 ]
	for node in n1 n2 n3; do
		[ "$(on "$node" ps -a --json | jq '[.[] | select(.name | startswith("probe-"))] | length')" = 0 ]
	done
	berth cancel "$one" "$two"
	run berth wait "$one"
	run berth wait "$two"
	# One that hangs is a no with its reason; an agent that is killed meanwhile is asked again, and leaves nothing.
	slow=$(probed_job slow 1 '{command: [sleep, "60"], timeout: 300ms}')
	eventually why_says "$slow" "3 nodes: probe said no: took longer than 0.3 s"
	berth cancel "$slow"
	slow=$(probed_job slow 1 '{command: sleep 1000 && false, timeout: 1s}' "select: hostname == n3")
	eventually has_probe n3
	kill -9 "$(on n3 info --json | jq -r .pid)"
	start_agent n3
	eventually why_says "$slow" "1 node: probe said no: took longer than 1 s"
	[ "$(on n3 ps -a --json | jq '[.[] | select(.name | startswith("probe-"))] | length')" = 0 ]
	berth cancel "$slow"
	run berth wait "$slow"
}

# n3 with two render nodes, four units of scratch and 10 GiB of disk, in a mount namespace of its own, with this file of the GPUs' maker.
start_counting_agent() { # FILE OPTION...
	local file=$1
	shift
	inside n3 unshare --mount --propagation private sh -c 'mount -t tmpfs -o mode=755 berth-dri /dev/dri && mknod /dev/dri/renderD128 c 1 3 &&
		mknod /dev/dri/renderD129 c 1 5 && mount -t tmpfs -o mode=755 berth-run /run && mkdir /run/cdi && cp "$1" /run/cdi && shift && exec "$@"' sh "$file" "$BERTH" agent --data "$DIR/n3" --socket "$DIR/n3.sock" --node-name n3 --server 10.9.0.1 \
		--slots 4 --counter scratch=4 --disk 10g "$@" 3>&- 4>&-
}

counting_job() { # NAME COPIES: each has a GPU and a unit of scratch, says which, and ends with /tmp/go
	job_file "$1" <<-END >/dev/null
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "echo unit \$\$BERTH_COUNTER_GPU \$\$BERTH_COUNTER_SCRATCH \$\$(ls /dev/dri) \$\$MADE \$\$(cat /etc/made); until [ -e /tmp/go ]; do sleep 0.1; done"]
		    labels: {io.berth.counter.gpu: "7"}
		    deploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: 1}]}}}
		    x-berth: {kind: task, replicate: $2, counters: {scratch: 1}, disk: 4g, select: disk == 10GiB && disk_free > 0}
	END
	berth submit "$DIR/$1.yaml" --json | jq -r .id
}

unit_of() { # CONTAINER
	on n3 logs "$1" 2>/dev/null | sed -n 's/^unit //p'
}

says_unit() { # CONTAINER
	[ -n "$(unit_of "$1")" ]
}

units_used() { # JSON
	[ "$(berth node inspect n3 | jq -c '.[0].counters | map_values("\(.used)/\(.total)")')" = "$1" ]
}

@test "a node's GPUs and other counters are given away one by one, with their devices, also after the agent was killed" {
	[ -d /dev/dri ] || { mkdir /dev/dri && made=yes; }
	kill -9 "$(on n3 info --json | jq -r .pid)"
	echo '{"kind": "amd.com/gpu", "devices": [{"name": "all"}]}' >"$DIR/gpus.json"
	start_counting_agent "$DIR/gpus.json" # not of each
	eventually units_used '{"gpu":"0/2","scratch":"0/4"}'
	one=$(counting_job one 3)
	eventually all_run "$one" 2
	units_used '{"gpu":"2/2","scratch":"2/4"}'
	[[ "$(berth node ls)" == *"gpu 2/2, scratch 2/4"* ]]
	run -0 berth why "$one"
	[[ "$output" == *"4 GiB disk, 1 gpu, 1 scratch; node n3 has 2 GiB of 10 GiB disk and 0 of 2 gpu free"* ]]
	[ "$(berth node inspect n3 | jq -c '.[0] | [.disk, .disk_used, .facts.disk]')" = "[10737418240,8589934592,10737418240]" ]
	for i in 0 1; do
		eventually says_unit "$one-t-$i"
		[ "$(unit_of "$one-t-$i")" = "$i $i renderD12$((8 + i))" ]
	done
	kill -9 "$(on n3 info --json | jq -r .pid)"
	cat >"$DIR/gpus.json" <<-'CDI'
		{"kind": "amd.com/gpu", "containerEdits": {"env": ["MADE=driver"]}, "devices": [{"name": "0"}, {"name": "1", "containerEdits":
		  {"deviceNodes": [{"path": "/dev/dri/card1", "hostPath": "/dev/dri/renderD129"}], "hooks": [{"hookName": "createContainer", "path": "/bin/sh",
		   "args": ["sh", "-c", "echo cache >$(sed 's/.*\"root\":{\"path\":\"\\([^\"]*\\)\".*/\\1/' config.json)/etc/made"]}]}}]}
	CDI
	start_counting_agent "$DIR/gpus.json"
	eventually node_is n3 busy
	last_word on n3 exec "$one-t-1" touch /tmp/go
	eventually says_unit "$one-t-2"
	# As its maker describes it.
	[ "$(unit_of "$one-t-2")" = "1 1 card1 driver cache" ]
	[ "$(on n3 inspect "$one-t-2" | jq -r '.[0].Config.Labels["io.berth.counter.gpu"] // .[0].labels["io.berth.counter.gpu"]')" = 1 ]
	berth cancel "$one"
	run berth wait "$one"
	[ "$(berth node inspect n3 | jq -c '.[0].disk_used')" = 0 ]
	on n3 down
	start_agent n3
	eventually units_used '{"seat":"0/1"}'
	[ -z "${made:-}" ] || rmdir /dev/dri
}

has_unit() { # CONTAINER UNIT
	[ "$(unit_of "$1" | cut -d ' ' -f 1)" = "$2" ]
}

@test "GPUs that a container made by hand has are not given to jobs, also after the agent was killed; it gets what it asks for" {
	[ -d /dev/dri ] || { mkdir /dev/dri && made=yes; }
	kill -9 "$(on n3 info --json | jq -r .pid)"
	cat >"$DIR/maker.json" <<-'CDI'
		{"kind": "nvidia.com/gpu", "devices": [{"name": "0", "containerEdits": {"deviceNodes": [{"path": "/dev/made0", "hostPath": "/dev/dri/renderD128"}]}},
		 {"name": "1", "containerEdits": {"deviceNodes": [{"path": "/dev/made1", "hostPath": "/dev/dri/renderD129"}]}},
		 {"name": "all", "containerEdits": {"deviceNodes": [{"path": "/dev/dri/renderD128"}, {"path": "/dev/dri/renderD129"}]}}]}
	CDI
	start_counting_agent "$DIR/maker.json"
	eventually units_used '{"gpu":"0/2","scratch":"0/4"}'
	# Made, and never started: it has nothing.
	on n3 create --name later --network none --gpus all busybox sleep 1000
	on n3 run -d --name hand --network none --gpus 1 busybox sleep 1000
	eventually units_used '{"gpu":"1/2","scratch":"0/4"}'
	# By a number: one that nobody has, as long as there is one.
	[ "$(on n3 run --rm --network none --gpus 1 busybox sh -c 'echo /dev/made*')" = /dev/made1 ]
	[ "$(on n3 run --rm --network none --gpus 2 busybox sh -c 'echo /dev/made*')" = "/dev/made0 /dev/made1" ]
	one=$(counting_job one 2)
	eventually has_unit "$one-t-0" 1
	[ "$(on n3 run --rm --network none --gpus 1 busybox sh -c 'echo /dev/made*')" = /dev/made0 ]
	run -0 berth why "$one"
	[[ "$output" == *"node n3 has 0 of 2 gpu free"* ]]
	kill -9 "$(on n3 info --json | jq -r .pid)"
	start_counting_agent "$DIR/maker.json"
	eventually node_is n3 busy
	eventually units_used '{"gpu":"2/2","scratch":"1/4"}'
	all_run "$one" 1
	on n3 stop -t 0 hand
	eventually has_unit "$one-t-1" 0
	# Both are of jobs, and are shared.
	on n3 start later
	units_used '{"gpu":"2/2","scratch":"2/4"}'
	last_word on n3 exec "$one-t-0" touch /tmp/go
	last_word on n3 exec "$one-t-1" touch /tmp/go
	berth wait "$one"
	eventually units_used '{"gpu":"2/2","scratch":"0/4"}'
	two=$(counting_job two 1)
	run -0 berth why "$two"
	[[ "$output" == *"node n3 has 0 of 2 gpu free"* ]]
	on n3 down
	start_counting_agent "$DIR/maker.json" --share-gpus
	eventually has_unit "$two-t-0" 0
	units_used '{"gpu":"1/2","scratch":"1/4"}'
	berth cancel "$two"
	run berth wait "$two"
	on n3 rm -f hand later
	on n3 down
	start_agent n3
	eventually units_used '{"seat":"0/1"}'
	[ -z "${made:-}" ] || rmdir /dev/dri
}

@test "server and agents of other releases: what they need not know they pass over, and who is too far apart is told so" {
	local peer job peer_pid
	local -A newest=([former]=1 [coming]=2)
	# A server of today: an agent that says of itself what it must and no more, and one of the next release.
	for peer in former coming; do
		berth token create --uses 1 >"$DIR/token"
		nsenter --net="$DIR/netns" timeout 200 "$BATS_TEST_DIRNAME/link_peer.py" agent 10.9.0.1:7420 "$(cat "$DIR/token")" $peer 1 "${newest[$peer]}" "$DIR" >"$DIR/$peer.said" 3>&- &
		peer_pid=$!
		eventually node_is $peer free
		job=$(printf 'services: {t: {image: busybox, deploy: {placement: {constraints: [node.hostname == %s]}}, x-berth: {kind: task}}}' $peer >"$DIR/there.yaml" &&
			berth submit "$DIR/there.yaml" --json | jq -r .id)
		berth wait "$job"
		grep -q '"type":"welcome","protocol":1,' "$DIR/$peer.said"
		berth node rm $peer
		kill "$peer_pid"
		wait "$peer_pid" || true
	done
	berth token create --uses 1 >"$DIR/token"
	apart timeout 200 "$BATS_TEST_DIRNAME/link_peer.py" agent 10.9.0.1:7420 "$(cat "$DIR/token")" far 2 3 "$DIR" >"$DIR/far.said"
	grep -q 'too far apart: update the older one' "$DIR/far.said"
	berth node rm far
	# An agent of today, and a server of another release.
	mkdir "$DIR/other"
	touch "$DIR/net.other"
	unshare --net="$DIR/net.other" ip link set lo up
	nsenter --net="$DIR/net.other" timeout 200 "$BATS_TEST_DIRNAME/link_peer.py" server 7421 1 "$DIR/other" >"$DIR/other.said" 3>&- &
	peer_pid=$!
	eventually grep -q ready "$DIR/other.said"
	inside other "$BERTH" agent --data "$DIR/other/data" --socket "$DIR/other.sock" --node-name other --server 127.0.0.1:7421 --token "@$DIR/other/token" 3>&- 4>&-
	on other image import "$(busybox_tar)" busybox >/dev/null
	wait "$peer_pid"
	grep -q '"type":"exited".*"outcome":"exited","code":7' "$DIR/other.said"
	on other down --all >/dev/null
	umount "$DIR/net.other"
	rm -rf "$DIR/other"
}

@test "labels are kept, and an unknown node is an error" {
	berth node label n2 disk=ssd rack=4
	berth node label n2 rack-
	[ "$(berth node inspect n2 | jq -c '.[0].labels')" = '{"disk":"ssd"}' ]
	run berth node lock nowhere
	fails_with 'there is no node "nowhere"'
}

@test "an agent is killed: its containers go on, and it finds them again" {
	id=$(job_of survivor 1 "until [ -e /tmp/go ]; do sleep 0.1; done")
	eventually all_run "$id" 1
	node=$(nodes_of "$id")
	kill -9 "$(on "$node" info --json | jq -r .pid)"
	start_agent "$node"
	eventually node_is "$node" busy
	last_word on "$node" exec "$id-t-0" touch /tmp/go
	berth wait "$id"
	[ "$(job_field "$id" '.tasks[0].instances[0].attempts | length')" = 1 ]
}

@test "logs, exec and ps of a node, and Docker's API of it, through the server" {
	id=$(job_of far 1 "echo here; until [ -e /tmp/go ]; do sleep 0.1; done; echo gone")
	eventually all_run "$id" 1
	node=$(nodes_of "$id")
	[ "$(berth ps -q --node "$node" | wc -l)" = 1 ]
	eventually bash -c "$BERTH logs --node $node $id-t-0 | grep -x here"
	# Reads on while it is still being written, and until its end.
	berth logs -f --node "$node" "$id-t-0" >"$DIR/followed" 3>&- &
	follower=$!
	[ "$(echo typed | berth exec -i --node "$node" "$id-t-0" cat)" = typed ]
	run berth exec --node "$node" "$id-t-0" sh -c "exit 7"
	[ "$status" = 7 ]
	[ "$(curl -sS --unix-socket "$BERTH_SOCKET" "http://d/v1/nodes/$node/api/v1.44/containers/$id-t-0/json" | jq -r .State.Status)" = running ]
	last_word berth exec --node "$node" "$id-t-0" touch /tmp/go
	wait "$follower"
	[ "$(xargs <"$DIR/followed")" = "here gone" ]
	run berth ps --node nowhere
	fails_with 'there is no node "nowhere"'
}

# Each node has one seat: three copies take all of them, and take their time to end.
seated_job() {
	job_file seated <<-END >/dev/null
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"]
		    stop_grace_period: 300ms
		    x-berth: {kind: task, replicate: 3, slots: 0, counters: {seat: 1}}
	END
	berth submit "$DIR/seated.yaml" --json | jq -r .id
}

# The cable of a node is pulled for longer than its lease. What waits for its seat gets it when the one who had it has ended, and is not told that there is none.
@test "a partition: lost, started elsewhere, and the old attempt ends when the node is back" {
	seated=$(seated_job)
	eventually all_run "$seated" 3
	id=$(job_of parted 1 "until [ -e /tmp/go ]; do sleep 0.1; done")
	eventually all_run "$id" 1
	node=$(nodes_of "$id")
	apart ip link set "$node" down
	eventually node_is "$node" lost
	eventually all_run "$id" 1
	[ "$(nodes_of "$id")" != "$node" ]
	# Nobody has told it yet: the old one still runs over there.
	[ "$(on "$node" ps -q | wc -l)" = 2 ]
	[ "$(job_field "$seated" .counts.pending)" = 1 ]
	apart ip link set "$node" up
	eventually all_run "$seated" 3
	eventually bash -c "[ \$(BERTH_SOCKET=$DIR/$node.sock $BERTH ps -q | wc -l) = 1 ]"
	[ "$(job_field "$seated" '[.tasks[0].instances[].attempts | map(.state) | join(" ")] | sort | join(",")')" = "lost running,running,running" ]
	berth cancel "$seated"
	run berth wait "$seated"
	last_word on "$(nodes_of "$id")" exec "$id-t-0-try2" touch /tmp/go
	berth wait "$id"
	[ "$(job_field "$id" '[.tasks[0].instances[0].attempts[].state] | join(" ")')" = "lost exited" ]
}

# strict_job NAME: writes the time again and again, each attempt into a file of its own below $DIR/NAME.
strict_job() {
	mkdir -p "$DIR/$1"
	job_file "$1" <<-END >/dev/null
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "until [ -e /marks/go ]; do cut -d ' ' -f 1 /proc/uptime >>/marks/\$\$BERTH_ATTEMPT; sleep 0.02; done"]
		    volumes: ["$DIR/$1:/marks"]
		    x-berth: {kind: task, fencing: strict}
	END
	berth submit "$DIR/$1.yaml" --json | jq -r .id
}

# no_overlap NAME ID [ENDS]: the second attempt began when the first one had ended, and its attempts ended as told (lost exited).
no_overlap() {
	local last first
	touch "$DIR/$1/go"
	berth wait "$2"
	[ "$(job_field "$2" '[.tasks[0].instances[0].attempts[].state] | join(" ")')" = "${3:-lost exited}" ]
	last=$(tail -n 1 "$DIR/$1/1")
	first=$(head -n 1 "$DIR/$1/2")
	awk -v last="$last" -v first="$first" 'BEGIN { exit !(last < first) }'
}

@test "a strict task: a node that is cut off ends it before the server starts it elsewhere" {
	id=$(strict_job strict)
	eventually all_run "$id" 1
	eventually test -s "$DIR/strict/1"
	node=$(nodes_of "$id")
	apart ip link set "$node" down
	eventually bash -c "[ \$(BERTH_SOCKET=$DIR/$node.sock $BERTH ps -q | wc -l) = 0 ]"
	eventually test -s "$DIR/strict/2"
	[ "$(nodes_of "$id")" != "$node" ]
	no_overlap strict "$id"
	apart ip link set "$node" up
	eventually node_is "$node" free
}

@test "a strict task whose agent is killed ends with the lease, too" {
	id=$(strict_job strict-alone)
	eventually all_run "$id" 1
	eventually test -s "$DIR/strict-alone/1"
	node=$(nodes_of "$id")
	kill -9 "$(on "$node" info --json | jq -r .pid)"
	eventually test -s "$DIR/strict-alone/2"
	no_overlap strict-alone "$id"
	start_agent "$node"
	eventually node_is "$node" free
}

# Longer than the lease, shorter than the server's patience (6.08 s); if it takes longer on this machine the node is lost, and the task must run all the same.
@test "a strict task that comes to a node that has slept through its lease runs all the same" {
	for node in n2 n3; do
		berth node lock "$node"
	done
	pid=$(on n1 info --json | jq -r .pid)
	kill -STOP "$pid"
	id=$(strict_job strict-late)
	touch "$DIR/strict-late/go"
	sleep 5.3
	kill -CONT "$pid"
	eventually job_state_is "$id" finished
	for node in n2 n3; do
		berth node unlock "$node"
	done
	eventually node_is n1 free
}

@test "a strict task is moved by a drain when it has ended, and its node cannot be removed" {
	id=$(strict_job strict-moved)
	eventually all_run "$id" 1
	eventually test -s "$DIR/strict-moved/1"
	node=$(nodes_of "$id")
	run berth node rm "$node"
	fails_with "strict tasks run on node $node" "drain it first"
	berth node drain --deadline 1ms "$node"
	eventually test -s "$DIR/strict-moved/2"
	eventually node_is "$node" drained
	[ "$(nodes_of "$id")" != "$node" ]
	[ "$(berth job "$id" --json | jq -r '.tasks[0].instances[0].attempts[0].killed')" = drained ]
	no_overlap strict-moved "$id" "killed exited"
	berth node unlock "$node"
	node_is "$node" free
}

@test "the server is killed: nothing that runs notices, and nothing is lost" {
	id=$(job_of through 2 "until [ -e /tmp/go ]; do sleep 0.1; done")
	eventually all_run "$id" 2
	kill -9 "$(daemon_pid)"
	apart "$BERTH" server --data "$DIR/data" --agents 10.9.0.1 --lease 5s 3>&- 4>&-
	all_run "$id" 2
	for i in 0 1; do
		node=$(job_field "$id" ".tasks[0].instances[$i].attempts[-1].node")
		eventually bash -c "$BERTH node inspect $node | jq -e '.[0].connected'"
		last_word on "$node" exec "$id-t-$i" touch /tmp/go
	done
	berth wait "$id"
	[ "$(job_field "$id" '[.tasks[0].instances[].attempts | length] | add')" = 2 ]
}

@test "a result is kept until the server has it: server and agent are killed between the end and its report" {
	id=$(job_of kept 1 "until [ -e /tmp/go ]; do sleep 0.1; done; exit 5")
	eventually all_run "$id" 1
	node=$(nodes_of "$id")
	kill -9 "$(daemon_pid)"
	last_word on "$node" exec "$id-t-0" touch /tmp/go
	eventually bash -c "[ -z \"\$(BERTH_SOCKET=$DIR/$node.sock $BERTH ps -q)\" ]"
	kill -9 "$(on "$node" info --json | jq -r .pid)"
	apart "$BERTH" server --data "$DIR/data" --agents 10.9.0.1 --lease 5s 3>&- 4>&-
	all_run "$id" 1 # nobody has told it anything yet
	start_agent "$node"
	run berth wait "$id"
	[ "$(job_field "$id" '[.tasks[0].instances[0].attempts[] | [.state, .exit_code]] | tojson')" = '[["exited",5]]' ]
	for node in $AGENTS; do
		eventually node_is "$node" free
	done
}

# What says how often it has run, and ends when there is a file of its name, well or not.
repeated() { # NAME
	job_file "$1" <<-END >/dev/null
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "echo run >>/work/$1.runs; until [ -e /work/$1.ok ]; do [ ! -e /work/$1.bad ] || { rm /work/$1.bad; exit 1; }; sleep 0.05; done"]
		    volumes: ["$DIR/work:/work"]
		    stop_grace_period: 1s
		    x-berth: {kind: task, retry: {attempts: 5, delay: 10ms}}
	END
	berth submit "$DIR/$1.yaml" --json | jq -r .id
}

ran() { # NAME TIMES
	[ "$(wc -l <"$DIR/work/$1.runs")" -eq "$2" ]
}

@test "a backup that is older than what runs: what it knows goes on or is told again, what it does not know ends" {
	mkdir "$DIR/work"
	stays=$(repeated stays)
	ended=$(repeated ended)
	again=$(repeated again)
	for name in stays ended again; do
		eventually ran "$name" 1
	done
	berth backup --data "$DIR/data" "$DIR/backup"
	touch "$DIR/work/again.bad" "$DIR/work/ended.ok"
	eventually job_state_is "$ended" finished
	later=$(repeated later)
	eventually ran later 1
	eventually ran again 2
	berth down
	berth restore --data "$DIR/older" "$DIR/backup"
	apart "$BERTH" server --data "$DIR/older" --agents 10.9.0.1 --lease 5s 3>&- 4>&-
	run berth job "$later"
	fails_with "$later"
	# Its second try the backup does not know: it ends before there is a third.
	eventually ran again 3
	eventually job_state_is "$ended" finished
	for node in $AGENTS; do
		run -0 eventually bash -c "! BERTH_SOCKET=$DIR/$node.sock $BERTH ps -q --no-trunc --format '{{.Names}}' | grep -e '$later' -e '$again-t-0-try2'"
	done
	touch "$DIR/work/stays.ok" "$DIR/work/again.ok"
	berth wait "$stays" "$again"
	ran stays 1
	ran ended 1
	ran again 3
}

@test "a node that is removed has no way back without a token" {
	berth node rm n3
	[ "$(berth node ls -q | xargs)" = "n1 n2" ]
	eventually grep -q "no member any more" "$DIR/older/berth.log"
	on n3 down >/dev/null
	start_agent n3 --token "$(berth token create)"
	eventually node_is n3 free
}

@test "nothing is left over" {
	for id in $(berth jobs -a -q); do
		berth rm "$id"
	done
	for node in $AGENTS; do
		eventually bash -c "[ \$(BERTH_SOCKET=$DIR/$node.sock $BERTH ps -aq | wc -l) = 0 ]"
	done
}
