#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Faults: full disks, killed processes. What was acknowledged stays; what cannot be done is said.

load helpers

setup() {
	new_place
}

teardown() {
	tell_words
	if mountpoint -q "$DIR/data"; then
		berth down --all 3>&- || true
		umount "$DIR/data"
	fi
	end_place
}

# A data directory of its own small size. tools/test starts bats in a mount namespace of its own; teardown takes the mount away
# where it does not go by itself.
small_data() { # SIZE
	mkdir -p "$DIR/data"
	mount -t tmpfs -o "size=$1" berth-e2e "$DIR/data"
}

fill() {
	dd if=/dev/zero of="$DIR/data/fill" bs=64k 2>/dev/null || true
	dd if=/dev/zero of="$DIR/data/fill2" bs=512 2>/dev/null || true
}

one_task() {
	job_file "$1" <<-'END'
		services:
		  t:
		    image: busybox
		    command: ["echo", "done"]
		    x-berth: {kind: task}
	END
}

@test "a full disk: submit is refused in clear words, and works again when there is room" {
	small_data 24m
	start
	import_busybox
	file=$(one_task first)
	first=$(berth submit "$file" --json | jq -r .id)
	berth wait "$first"
	fill
	run berth submit "$file"
	if [ "$status" -eq 0 ]; then
		# The database may have a few free pages: then the job was acknowledged and has to be there.
		run -0 berth jobs --all --json
		[ "$(jq length <<<"$output")" = 2 ]
		for _ in $(seq 500); do
			run berth submit "$file"
			[ "$status" -eq 0 ] || break
		done
	fi
	fails_with "berth.db is full"
	run -0 berth job "$first" --json
	rm -f "$DIR/data/fill" "$DIR/data/fill2"
	eventually bash -c "id=\$(\"\$BERTH\" submit '$file' --json | jq -r .id) && \"\$BERTH\" wait \$id"
}

@test "a full disk does not lose an acknowledged job over a restart" {
	small_data 24m
	start
	import_busybox
	file=$(one_task acked)
	id=$(berth submit "$file" --json | jq -r .id)
	fill
	kill -9 "$(daemon_pid)"
	rm -f "$DIR/data/fill" "$DIR/data/fill2"
	start
	berth wait "$id"
	job_state_is "$id" finished
}

@test "a full disk under the logs: the program goes on and the loss is told" {
	small_data 24m
	start
	import_busybox
	berth run -d --name noisy busybox sh -c 'echo begin; head -c 100000000 /dev/zero | tr "\000" "x" | fold -w 100; echo end'
	eventually bash -c '"$BERTH" logs noisy | grep -q begin'
	fill
	eventually bash -c '! "$BERTH" ps --json | grep -q noisy'
	rm -f "$DIR/data/fill" "$DIR/data/fill2"
	exits_with 0 noisy
}

@test "an image that does not fit is refused and leaves nothing" {
	small_data 8m
	start
	head -c 20000000 /dev/urandom >"$DIR/blob"
	tar -C "$DIR" -cf "$DIR/big.tar" blob
	run berth image import "$DIR/big.tar" big
	fails_with "space"
	[ -z "$(find "$DIR/data/images/tmp" "$DIR/data/images/layers" -mindepth 1)" ]
	run -0 berth info
}

@test "a full output folder fails the task and says so" {
	mkdir -p "$DIR/out"
	mount -t tmpfs -o size=1m berth-e2e "$DIR/out"
	start
	import_busybox
	file=$(job_file full <<-'END'
		x-berth: {spaces: {output: {}}}
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "head -c 5000000 /dev/zero >big"]
		    x-berth: {stage_out: [{space: output, include: [big]}]}
	END
	)
	id=$(berth submit "$file" --output "$DIR/out" --json | jq -r .id)
	run berth wait "$id"
	state=$(berth job "$id" --json)
	berth down --all
	umount "$DIR/out"
	[ "$status" -ne 0 ]
	[[ "$state" == *"space"* ]]
}

# bats test_tags=vm
@test "kill -9 of the daemon: containers go on, the next daemon finds them" {
	start
	import_busybox
	berth run -d --name survivor busybox sh -c 'i=0; while :; do echo $i; i=$((i + 1)); sleep 0.05; done'
	eventually bash -c '"$BERTH" logs survivor | grep -qx 3'
	pid=$(daemon_pid)
	kill -9 "$pid"
	start
	run -0 berth ps --json
	[ "$(jq -r '.[0].name' <<<"$output")" = survivor ]
	last=$(berth logs --tail 1 survivor)
	eventually bash -c "[ \"\$(\"\$BERTH\" logs --tail 1 survivor)\" -gt $((last + 3)) ]"
	berth logs survivor | awk '$1 != NR - 1 { exit 1 }'
}

# bats test_tags=vm
@test "an exit while no daemon runs is known to the next one" {
	start
	import_busybox
	mkfifo "$DIR/gate"
	berth run -d --name quiet -v "$DIR:/d" busybox sh -c 'read x </d/gate; exit 33'
	kill -9 "$(daemon_pid)"
	echo go >"$DIR/gate"
	start
	exits_with 33 quiet
}

# Every process of berth: the daemon, its launcher, monitors, init and payload.
@test "SIGKILL and SIGTERM of every process: nothing hangs, and a new start works" {
	start
	import_busybox
	for signal in KILL TERM; do
		for which in $(seq 0 7); do
			berth info >/dev/null 2>&1 || start
			berth run -d --rm busybox sleep 1000
			mapfile -t pids < <(family)
			[ "$which" -lt "${#pids[@]}" ] || break
			hit "$signal" "${pids[$which]}"
			# Whatever was hit: this command or the next start must work. (A daemon that was told to end may still answer once.)
			eventually works_or_starts
			timeout 300 "$BERTH" down --all 3>&-
			eventually gone "${pids[0]}"
		done
	done
}

# Some of them live for a moment only: what ended by itself cannot be hit.
hit() { # SIGNAL PID
	echo "# $1 of $2 ($(tr '\0' ' ' 2>/dev/null <"/proc/$2/cmdline"))"
	kill "-$1" "$2" || [ ! -e "/proc/$2" ]
}

works_or_starts() {
	"$BERTH" run --rm --network none busybox true || {
		"$BERTH" up --data "$DIR/data" 3>&- 4>&-
		return 1
	}
}

# The daemon, everything below it, and monitors that have this folder in their command or open files.
family() {
	local todo main
	main=$(daemon_pid)
	todo=$main
	while [ -n "$todo" ]; do
		echo "$todo" | tr ' ' '\n' | sort -n
		# shellcheck disable=SC2086
		todo=$(for p in $todo; do cat "/proc/$p/task/"*/children 2>/dev/null; done | xargs)
	done | awk '!seen[$1]++'
}

# bats test_tags=vm
@test "SIGKILL of a container's monitor: the container is reported lost or ended, and nothing of it stays" {
	start
	import_busybox
	berth run -d --name orphaned busybox sleep 1000
	payload=$(berth ps --json | jq -r '.[0].pid // empty')
	[ -n "$payload" ] || skip "ps does not tell the pid"
	monitor=$(awk '/^PPid/ { print $2 }' "/proc/$payload/status")
	kill -9 "$monitor"
	eventually bash -c '! "$BERTH" ps --json | grep -q orphaned'
	eventually gone "$payload"
	run -0 berth run --rm busybox true
}

@test "SIGTERM of the daemon in the middle of a job: the next start finishes it" {
	start
	import_busybox
	file=$(job_file chain <<-'END'
		services:
		  a:
		    image: busybox
		    command: ["sleep", "0.3"]
		    x-berth: {replicate: 4}
		  b:
		    image: busybox
		    command: ["true"]
		    depends_on: {a: {condition: service_completed_successfully}}
		    x-berth: {kind: task}
	END
	)
	id=$(berth submit "$file" --json | jq -r .id)
	pid=$(daemon_pid)
	kill -TERM "$pid"
	eventually gone "$pid"
	start
	berth wait "$id"
	job_state_is "$id" finished
	[ "$(job_field "$id" '[.tasks[].instances[] | .attempts | length] | max')" = 1 ]
}
