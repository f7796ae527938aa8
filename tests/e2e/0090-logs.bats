#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Logs under load: a gigabyte of output is rotated, and neither memory nor disk grows with it.

load helpers

setup_file() {
	start_with_image
}

teardown_file() {
	end_place
}

@test "1 GB of output: rotated, memory flat, the end is kept" {
	size=${LOG_BYTES:-1000000000}
	[[ "$BERTH" != *build-asan* ]] || size=50000000
	berth run -d --name flood busybox sh -c "yes 0123456789012345678901234567890123456789 | head -c $size; echo; echo the end"
	id=$(berth ps --json --all | jq -r '.[] | select(.name == "flood") | .id')
	pss() {
		local sum=0 p kb
		for p in $(pgrep -f "$DIR" || true) $(daemon_pid); do
			kb=$(awk '/^Private_(Clean|Dirty)/ { n += $2 } END { print n + 0 }' "/proc/$p/smaps_rollup" 2>/dev/null || echo 0)
			sum=$((sum + kb))
		done
		echo "$sum"
	}
	most=0
	while berth ps --json | jq -e '.[] | select(.name == "flood")' >/dev/null; do
		now=$(pss)
		[ "$now" -le "$most" ] || most=$now
		sleep 0.2
	done
	exits_with 0 flood
	[ "$(berth logs --tail 1 flood)" = "the end" ]
	kept=$(du -sk "$DIR/data/containers/$id"* | awk '{ n += $1 } END { print n }')
	echo "kept $kept kB on disk, at the most $most kB of memory"
	# Three files of 100 MiB.
	[ "$kept" -lt 310000 ]
	[[ "$BERTH" == *build-asan* ]] || [ "$most" -lt 32768 ]
}

@test "a very long line and bytes that are no text" {
	berth run --rm busybox sh -c 'head -c 3000000 /dev/zero | tr "\000" x; echo; head -c 100000 /dev/urandom' >"$DIR/long"
	[ "$(stat -c %s "$DIR/long")" = 3100001 ]
}

@test "a reader of logs that stops reading does not stop the container" {
	berth run -d --name steady busybox sh -c 'seq 1 300000; echo fin; sleep 1000'
	mkfifo "$DIR/stuck"
	"$BERTH" logs -f steady >"$DIR/stuck" 3>&- &
	reader=$!
	exec 7<"$DIR/stuck"
	eventually bash -c '[ "$("$BERTH" logs --tail 1 steady)" = fin ]'
	run -0 berth info
	exec 7<&-
	kill "$reader" 2>/dev/null || true
	berth kill --signal KILL steady
}

@test "logs without -f end where the log ended when it was asked for, however fast more is written" {
	berth run -d --name talker busybox sh -c 'while :; do echo x; done'
	eventually bash -c '"$BERTH" logs talker | grep -q x'
	for _ in $(seq 20); do
		[ "$(berth logs --tail 1 talker | wc -l)" = 1 ]
	done
	berth kill talker
}
