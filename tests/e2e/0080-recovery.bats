#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# kill -9 of the daemon at random moments of the demo's workflow: after each the daemon is started again, and in the end the result
# is right, no finished task ran again and no acknowledged job is lost. ROUNDS (100) kills; SEED repeats a run.

load helpers

setup_file() {
	start_with_image
	mkdir "$DIR/input" "$DIR/output"
	head -c 300000 "$(busybox_tar)" >"$DIR/input/binary file"
	for i in 1 2 3 4 5 6; do
		seq "$i" 3000 | sed "s/.*/word$i and Another of &/" | tr '0-9' 'a-j' >"$DIR/input/text $i"
	done
	(cd "$DIR/input" && find . -type f -exec sh -c 'for f; do cat "$f"; echo; done' sh {} +) | LC_ALL=C tr A-Z a-z |
		LC_ALL=C tr -cs a-z '\n' | LC_ALL=C sort | uniq -c | awk '$2 != "" { print $1, $2 }' |
		LC_ALL=C sort -k1,1nr -k2,2 >"$DIR/expected"
	export SEED=${SEED:-$RANDOM}
}

teardown_file() {
	end_place
}

# One instance may have several attempts only when it was retried; with kills of the daemon alone there is no reason to.
no_task_ran_twice() { # ID
	[ "$(job_field "$1" '[.tasks[].instances[].attempts | length] | max')" = 1 ] || {
		echo "job $1, attempts of the instances with more than one:"
		job_field "$1" '[.tasks[] | {name, instances: [.instances[] | select((.attempts | length) > 1)]} | select(.instances != [])]'
		return 1
	}
}

@test "the demo survives ROUNDS kills of the daemon" {
	[[ "$BERTH" != *build-asan* ]] || skip "in the normal build only"
	rounds=${ROUNDS:-100}
	RANDOM=$SEED
	echo "SEED=$SEED"
	killed=0
	while [ "$killed" -lt "$rounds" ]; do
		rm -rf "$DIR/output"
		mkdir "$DIR/output"
		id=$(berth submit "$TOP/examples/wordcount/compose.yaml" --param parts=3 --input "$DIR/input" --output "$DIR/output" --json | jq -r .id)
		[ -n "$id" ]
		# Up to three kills a job, each up to 0.4 s after the daemon became ready.
		for _ in 1 2 3; do
			pid=$(daemon_pid)
			sleep "0.$(printf %03d $((RANDOM % 400)))"
			kill -9 "$pid"
			killed=$((killed + 1))
			start
			run -0 berth job "$id" --json
			[ "$(jq -r .state <<<"$output")" != finished ] || break
		done
		run timeout 200 "$BERTH" wait "$id"
		succeeds || {
			echo "kill $killed, job $id"
			berth job "$id"
			return 1
		}
		cmp "$DIR/expected" "$DIR/output/words"
		no_task_ran_twice "$id"
	done
	# Every acknowledged job is still known.
	[ "$(berth jobs --all --json | jq '[.[] | select(.state != "finished")] | length')" = 0 ]
}

@test "a job that was acknowledged an instant before the kill is not lost" {
	for _ in $(seq 10); do
		id=$(berth submit "$TOP/examples/wordcount/compose.yaml" --param parts=1 --input "$DIR/input" --output "$DIR/output" --json | jq -r .id)
		kill -9 "$(daemon_pid)"
		start
		berth job "$id" --json >/dev/null
		timeout 200 "$BERTH" wait "$id"
	done
}
