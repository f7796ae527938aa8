#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Files that the tasks of a job hand to each other, on several nodes which share no file system. The same three agents serve all tests.

setup_file() {
	load helpers
	load cluster
	start_cluster
	chmod 755 "$DIR"
}

teardown_file() {
	load helpers
	load cluster
	end_cluster
}

setup() {
	load helpers
	load cluster
}

# The example has more copies than a node has slots, so that some of them would like to be elsewhere.
@test "what a task stages out is there for those that come after it, wherever there is room" {
	mkdir -p "$DIR/texts" "$DIR/words"
	for i in 1 2 3 4 5 6 7 8; do echo "one two two three three three number $i" >"$DIR/texts/$i"; done
	for i in 1 2 3; do
		rm -f "$DIR/words"/*
		run berth submit "$TOP/examples/wordcount/compose.yaml" --input "$DIR/texts" --output "$DIR/words" --param parts=8 --wait
		echo "$output"
		[ "$status" -eq 0 ]
		[[ "$output" == *"10 finished"* ]]
		[ "$(head -n 1 "$DIR/words/words")" = "24 three" ]
		# The next one begins on another node.
		berth node lock "$(nodes_of "$(berth jobs --all --json | jq -r '.[0].id')")" >/dev/null
	done
	berth node unlock n1 n2 n3 >/dev/null
}

@test "copies that write the same space before anybody reads it are together, too" {
	local id
	job_file writers <<-'END' >/dev/null
		x-berth: {spaces: {mid: {}}}
		services:
		  write:
		    image: busybox
		    command: [sh, -c, "echo $$BERTH_INDEX > $$BERTH_INDEX.txt"]
		    x-berth: {replicate: 9, stage_out: ["mid:*.txt"]}
		  read:
		    image: busybox
		    command: [sh, -c, "ls *.txt | wc -l"]
		    depends_on: {write: {condition: service_completed_successfully}}
		    x-berth: {stage_in: ["mid:*.txt"]}
	END
	id=$(berth submit "$DIR/writers.yaml" --json | jq -r .id)
	[ "$(berth wait "$id")" = finished ]
	run berth logs "$id/read"
	echo "$output"
	[ "${output##* }" = 9 ]
}

@test "who needs files of a node that is down waits for it, says so, and goes on when it is back" {
	local id home
	job_file waits <<-'END' >/dev/null
		x-berth: {spaces: {mid: {}}}
		services:
		  write:
		    image: busybox
		    command: [sh, -c, "echo hello > word"]
		    x-berth: {stage_out: ["mid:word"]}
		  read:
		    image: busybox
		    command: [cat, word]
		    depends_on: {write: {condition: service_completed_successfully}, gate: {condition: service_completed_successfully}}
		    x-berth: {stage_in: ["mid:word"]}
		  gate:
		    image: busybox
		    command: [sleep, "600"]
		    stop_grace_period: 100ms
		    x-berth: {kind: task, select: "hostname == n3"}
	END
	berth node lock n3 >/dev/null
	id=$(berth submit "$DIR/waits.yaml" --json | jq -r .id)
	eventually job_field "$id" 'if .tasks[0].state == "finished" then . else error("not yet") end'
	home=$(job_field "$id" '.tasks[0].instances[0].attempts[-1].node')
	[ "$home" != n3 ]
	on "$home" down >/dev/null
	eventually node_is "$home" lost
	berth node unlock n3 >/dev/null
	berth finish "$id/gate" >/dev/null
	eventually says_why "$id" "waits for node $home, which is down: the files that its job has staged out lie there"
	start_agent "$home" -q
	berth wait "$id"
	[ "$(job_field "$id" '.tasks[1].instances[0].attempts[-1].node')" = "$home" ]
}

says_why() { # ID TEXT
	[[ "$(berth why "$1")" == *"$2"* ]]
}

# The files of a space that lasts are where they were left; which they are is asked there.
@test "the files of the user's space are listed by the node that has them" {
	mkdir -p "$DIR/n3/spaces/user/0"
	touch "$DIR/n3/spaces/user/0/"{a,b,c}.part
	job_file over <<-'END' >/dev/null
		x-berth: {spaces: {user: {}}}
		services:
		  each:
		    image: busybox
		    command: [sh, -c, "ls *.part"]
		    x-berth: {replicate: {over: "user:*.part"}, stage_in: [{space: user, include: ["{item}"]}], select: "hostname == n3"}
	END
	on n3 down >/dev/null
	start_agent n3 -q
	eventually node_is n3 free
	run berth submit "$DIR/over.yaml" --wait
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"3 finished"* ]]
}
