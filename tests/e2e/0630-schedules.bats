#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Jobs that come again, and calendars.

load helpers

setup_file() {
	start_with_image
}

teardown_file() {
	end_place
}

schedule() { # NAME SCHEDULE [COMMAND]: prints what submit says
	job_file "$1" <<-END >/dev/null
		name: $1
		x-berth:
		  schedule: $2
		services:
		  t:
		    image: busybox
		    command: ${3:-['true']}
		    stop_signal: SIGKILL
		    x-berth: {kind: task, slots: 0}
	END
	berth submit "$DIR/$1.yaml"
}

of() { # NAME JQ-EXPRESSION
	berth schedule inspect "$1" | jq -r ".[0]$2"
}

at_least() { # N NAME JQ-EXPRESSION
	[ "$(of "$2" "$3")" -ge "$1" ]
}

is() { # VALUE NAME JQ-EXPRESSION
	[ "$(of "$2" "$3")" = "$1" ]
}

remembered() { # NAME N: jobs of that name
	[ "$(berth jobs -a --json | jq --arg name "$1" '[.[] | select(.name == $name)] | length')" = "$2" ]
}

passed() { # SECONDS since `started`
	[ $((SECONDS - started)) -ge "$1" ]
}

@test "a schedule makes a job each time; each knows its time" {
	run -0 schedule tick '{cron: "@every 1s", keep: 3}' '["sh", "-c", "echo $$BERTH_SCHEDULED"]'
	[ "$output" = tick ]
	eventually at_least 5 tick .made
	berth schedule pause tick
	eventually is 0 tick .live
	job=$(of tick '.runs[0].job') at=$(of tick '.runs[0].at_ms')
	[[ $job == tick-* ]]
	[[ $(berth logs "$job") == *"$(date -u -d "@$((at / 1000))" +%Y-%m-%dT%H:%M:%S)".000Z ]]
	# Three that have finished are remembered.
	eventually remembered tick 3
	[ "$(of tick '.runs | length')" = 3 ]
}

@test "paused: nothing but run now; the times of the pause are gone" {
	[ "$(of tick .state)" = paused ]
	made=$(of tick .made)
	run -0 berth schedule run tick
	berth wait "$output"
	[ "$(of tick .made)" = $((made + 1)) ]
	berth schedule resume tick
	eventually at_least $((made + 2)) tick .made
	run -0 berth schedule rm tick
	run -1 berth schedule inspect tick
	[[ $output == *'there is no schedule "tick"'* ]]
}

@test "a job that still runs: skip, queue, replace" {
	schedule skips '{cron: "@every 1s"}' '["sleep", "1000"]'
	schedule queues '{cron: "@every 1s", overlap: queue, queue_limit: 2}' '["sleep", "1000"]'
	schedule replaces '{cron: "@every 1s", overlap: replace}' '["sleep", "1000"]'
	eventually at_least 2 skips .skipped
	[ "$(of skips .made)" = 1 ]
	eventually is 2 queues '.waiting_ms | length'
	[ "$(of queues .made)" = 1 ]
	berth cancel "$(of queues '.runs[0].job')" >/dev/null
	eventually at_least 2 queues .made
	eventually at_least 3 replaces .made
	[ "$(of replaces '.runs | map(select(.state == "running" or .state == "pending")) | length <= 1')" = true ]
	berth schedule rm skips queues replaces >/dev/null
	for job in $(berth jobs -q); do
		berth cancel "$job" >/dev/null || true
	done
}

@test "kill -9: what was missed comes once, as the rule says, and nothing is made twice" {
	schedule all '{cron: "@every 1s", overlap: allow, catch_up: all, catch_up_limit: 100, keep: 1000}'
	eventually at_least 2 all .made
	kill -9 "$(daemon_pid)"
	started=$SECONDS
	eventually passed 3
	start
	eventually at_least 6 all .made
	berth schedule pause all
	# Every second from the first to the last has its job.
	of all '.runs | map(.at_ms) | [length, (unique | length), (.[-1] - .[0]) / 1000 + 1] | @tsv' >"$DIR/counts"
	read -r jobs times seconds <"$DIR/counts"
	[ "$jobs" = "$times" ]
	[ "$jobs" = "$seconds" ]
	berth schedule rm all
}

@test "calendars: named days, and the times that follow from them" {
	berth calendar set work --exclude sat,sun,12-24..01-01 --include 2199-01-01
	schedule daily '{cron: "30 2 * * *", timezone: Europe/Paris, calendar: work}'
	[ "$(of daily '.next_ms | length')" = 3 ]
	for ms in $(of daily '.next_ms[]'); do
		[ "$(TZ=Europe/Paris date -d "@$((ms / 1000))" +%H:%M)" = 02:30 ]
		[ "$(TZ=Europe/Paris date -d "@$((ms / 1000))" +%u)" -le 5 ]
	done
	run -0 berth schedule ls
	[[ $output == *daily*active*"30 2 * * *"*Europe/Paris* ]]
	run -0 berth calendar ls
	[[ $output == *work*"sat sun 12-24..01-01"*2199-01-01* ]]
	run -1 berth calendar rm work
	[[ $output == *"schedule daily goes by it"* ]]
	berth calendar set work --include 2001-01-01
	[ "$(of daily '.next_ms | length')" = 0 ]
	run -0 berth schedule ls
	[[ $output == *never* ]]
	berth schedule rm daily
	berth calendar rm work
	[ "$(berth calendar ls -q)" = "" ]
}

@test "what is wrong is said with its place" {
	run schedule wrong '"61 * * * *"'
	[[ $output == *wrong.yaml:3:14:*'the minute "61" is wrong; it takes 0 to 59'* ]]
	run schedule wrong '{cron: "@daily", timezone: Mars/Base}'
	[[ $output == *'no time zone "Mars/Base"'* ]]
	run schedule wrong '{cron: "@daily", calendar: nobody}'
	[[ $output == *'there is no calendar "nobody"'* ]]
	run schedule wrong '{timezone: UTC}'
	[[ $output == *'cron is missing'* ]]
	schedule right '"@daily"'
	run berth submit --wait "$DIR/right.yaml"
	[[ $output == *"has a schedule, which does not end"* ]]
	run -0 berth submit --dry-run "$DIR/right.yaml"
	run -1 berth calendar set x --exclude someday
	[[ $output == *'"someday" is not a day'* ]]
	berth schedule rm right
}
