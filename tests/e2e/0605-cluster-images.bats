#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The images of a cluster's jobs: only n1 has one at first, and jobs run everywhere.

load helpers
load cluster

setup_file() {
	# Long enough for a busy machine: these tests want no node to be lost.
	IMAGES_AT=n1 start_cluster
}

teardown_file() {
	end_cluster
}

has_image() { # NODE IMAGE
	[ "$(on "$1" image ls --json | jq --arg name "$2" '[.[] | select(.name == $name)] | length')" = 1 ]
}

# As many copies as there are slots, and none ends before all run, so each node gets two.
everywhere() { # NAME IMAGE
	cat >"$DIR/$1.yaml" <<-END
		name: $1
		services:
		  copy:
		    image: $2
		    command: ["sh", "-c", "touch /gate/\$\$BERTH_INDEX; until [ -e /gate/open ]; do sleep 0.1; done"]
		    volumes: ["$DIR/gate:/gate"]
		    deploy: {mode: replicated-job, replicas: 6}
	END
	rm -rf "$DIR/gate"
	mkdir "$DIR/gate"
	id=$(berth submit "$DIR/$1.yaml")
}

all_there() {
	[ "$(find "$DIR/gate" -type f | wc -l)" -ge 6 ]
}

@test "a job runs on every node, and its image comes there by itself" {
	has_image n1 busybox:latest
	run has_image n2 busybox:latest
	[ "$status" -ne 0 ]
	everywhere spread busybox
	eventually all_there
		[ "$(berth info --json | jq -c '.nodes | [.total, .up, .slots, .slots_used, .containers]')" = "[3,3,6,6,6]" ]
	run -0 berth ps
	[[ "$output" == *" NODE "*" n1 "*"spread"* ]]
	[ "$(berth ps --json | jq -r '.[].node' | sort | uniq -c | xargs)" = "2 n1 2 n2 2 n3" ]
	touch "$DIR/gate/open"
	run -0 berth wait "$id"
	for node in n1 n2 n3; do
		has_image "$node" busybox:latest
	done
	[ "$(berth job "$id" --json | jq -r '[.tasks[].instances[].attempts[]] | length')" = 6 ]
}

@test "image ls at the server shows each image once, --node those of a node" {
	[ "$(berth image ls --json | jq -c '[.[].name]')" = '["busybox:latest"]' ]
	on n1 image tag busybox own:1
	[ "$(berth image ls --json | jq -c '[.[].name] | sort')" = '["busybox:latest","own:1"]' ]
	[ "$(berth --node n2 image ls --json | jq -c '[.[].name]')" = '["busybox:latest"]' ]
}

@test "what the server's machine has is brought from there" {
	on n1 tag busybox fromhead
	on n1 save -o "$DIR/saved" fromhead
	on n1 image rm fromhead
	run -0 berth load --data "$DIR/data" -i "$DIR/saved"
	everywhere head fromhead
	eventually all_there
	touch "$DIR/gate/open"
	run -0 berth wait "$id"
	has_image n3 fromhead:latest
}

@test "--node: an image of any size goes to one node through the server, and to none that is not there" {
	head -c 20000000 /dev/urandom >"$DIR/big"
	tar -cf "$DIR/big.tar" -C "$DIR" big
	run -0 berth --node n2 image import "$DIR/big.tar" big:1
	has_image n2 big:1
	run has_image n1 big:1
	[ "$status" -ne 0 ]
	run berth --node n2 image import "$DIR/token" nonsense:1
	[ "$status" -ne 0 ]
	run berth --node nowhere image import "$DIR/big.tar" big:1
	[ "$status" -ne 0 ]
	[[ "$output" == *nowhere* ]]
}

@test "an image that nobody has and no registry gives: the job fails and says so, and nothing waits for ever" {
	everywhere nowhere 127.0.0.1:1/nothing:1
	run berth wait "$id"
	[ "$status" -ne 0 ]
	run -0 berth job "$id"
	[[ "$output" == *"no node has the image 127.0.0.1:1/nothing:1, and node n"*"cannot fetch it: "* ]]
	run -0 berth info
	[[ "$output" == *"nodes       3 up of 3"* ]]
}

@test "a job that is cancelled while its image is on the way never starts" {
	on n1 image tag busybox late:1
	everywhere late late:1
	berth cancel "$id"
	run berth wait "$id"
	[ "$status" -ne 0 ]
	touch "$DIR/gate/open"
	[ "$(berth ps -q | wc -l)" = 0 ]
}

@test "a name that nodes have differently goes nowhere, until it is said whose counts; then theirs alone goes" {
	local image=127.0.0.1:1/told:1 true_id
	true_id=$(on n1 image ls --json | jq -r '.[] | select(.name == "busybox:latest") | .id')
	on n1 image tag busybox "$image"
	echo bad >"$DIR/bad"
	tar -cf "$DIR/bad.tar" -C "$DIR" bad
	on n2 image import "$DIR/bad.tar" "$image"
	on n2 image import "$DIR/bad.tar" only:bad
	run berth run --rm --network none -e constraint:node==n3 "$image" true
	[ "$status" -ne 0 ]
	[[ "$output" == *"node n"*" has the image $image as sha256:"*", node n"*" as sha256:"*"berth.images=trusted"* ]]
	job_file told <<-END >/dev/null
		services: {t: {image: "$image", command: ["true"], x-berth: {kind: task, select: "hostname == n3"}}}
	END
	id=$(berth submit "$DIR/told.yaml")
	run berth wait "$id"
	[ "$status" -ne 0 ]
	run -0 berth job "$id"
	[[ "$output" == *"has the image $image as sha256:"*"and node n3 cannot fetch it"* ]]
	berth node label n1 berth.images=trusted
	id=$(berth submit "$DIR/told.yaml")
	run -0 berth wait "$id"
	[ "$(on n3 image ls --json | jq -r --arg name "$image" '.[] | select(.name == $name) | .id')" = "$true_id" ]
	# What only others have is not there for anybody but them.
	run berth run --rm --network none --pull never -e constraint:node==n3 only:bad true
	[ "$status" -ne 0 ]
	[[ "$output" == *"nodes have it, but none of those labelled berth.images=trusted"* ]]
	# And what the cluster is told to make is made where it counts.
	berth image import "$DIR/bad.tar" made:1
	has_image n1 made:1
	berth node label n1 berth.images-
}
