#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# berth sim: the log once more.

load helpers

setup_file() {
	start_with_image
	# Five jobs that each need all there is.
	slots=$(berth node ls --json | jq '.[0].slots')
	for k in 1 2 3 4 5; do
		job_file "j$k" <<-END >/dev/null
			services:
			  t:
			    image: busybox
			    command: ["sleep", "0.3"]
			    x-berth: {kind: task, slots: $slots}
		END
		berth submit "$DIR/j$k.yaml" >>"$DIR/ids"
	done
	while read -r id; do
		berth wait "$id"
	done <"$DIR/ids" >/dev/null
}

teardown_file() {
	end_place
}

column() { # FILE N KEY
	jq -r ".columns[$2]$3" "$1"
}

@test "the replay of a running server's log is near to what was recorded, and changes nothing" {
	before=$(berth info --json | jq .seq)
	berth sim --data "$DIR/data" --json >"$DIR/same"
	[ "$(jq '.columns | length' "$DIR/same")" = 2 ]
	[ "$(column "$DIR/same" 0 .jobs)" = 5 ]
	# Each job takes as long as it took, and waits for the same others: only the moments between two steps differ.
	was=$(column "$DIR/same" 0 .makespan_ms) is=$(column "$DIR/same" 1 .makespan_ms)
	[ $((is * 100)) -ge $((was * 80)) ]
	[ $((is * 100)) -le $((was * 120)) ]
	# Four times 0.3 s before the last one, less what the submitting took.
	[ "$(column "$DIR/same" 0 .wait_ms.max)" -ge 600 ]
	[ "$(berth info --json | jq .seq)" = "$before" ]
	# The jobs take these numbers from the log alone: the same each time.
	berth sim --data "$DIR/data" --json | cmp - "$DIR/same"
}

@test "more nodes, fewer nodes, another policy" {
	node=$(berth node ls -q)
	berth sim --data "$DIR/data" --nodes "+4x$node" --policy fifo --json >"$DIR/more"
	[ "$(column "$DIR/more" 2 .name)" = changed ]
	[ "$(column "$DIR/more" 2 .wait_ms.max)" -lt 1000 ]
	[ "$(column "$DIR/more" 2 .makespan_ms)" -lt "$(column "$DIR/more" 1 .makespan_ms)" ]
	run -0 berth sim --data "$DIR/data" --nodes "+4x$node"
	[[ $output == *RECORDED*REPLAYED*CHANGED*"wait, p90"*makespan*utilisation*"This cannot be known:"* ]]
	run -1 berth sim --data "$DIR/data" --without "$node"
	[[ $output == *"no job has started and ended"* ]]
}

@test "a copy of the data will do; what is wrong is said" {
	mkdir "$DIR/copy"
	cp "$DIR"/data/berth.db* "$DIR/copy"
	berth sim --data "$DIR/copy" --json | cmp - "$DIR/same"
	run -1 berth sim --data "$DIR/copy" --nodes 4
	[[ $output == *'--nodes "4": +4x16c64g'* ]]
	run -1 berth sim --data "$DIR/nowhere"
	[[ $output == *"$DIR/nowhere"* ]]
}
