#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Who gets how much: quotas of users and projects, caps of jobs, licences, preemption.

load helpers

setup_file() {
	start_with_image
}

teardown_file() {
	end_place
}

sleeper() { # NAME COPIES [TOP-KEYS] [SERVICE-KEYS]: a job whose copies run until they are stopped; prints its ID
	job_file "$1" <<-END >/dev/null
		x-berth: {${3:-}}
		services:
		  t:
		    image: busybox
		    command: ["sleep", "1000"]
		    stop_signal: SIGKILL
		    x-berth: {kind: task, replicate: $2${4:+, $4}}
	END
	berth submit "$DIR/$1.yaml" --json | jq -r .id
}

runs() { # ID N
	[ "$(job_field "$1" .counts.running)" = "$2" ]
}

waits() { # ID N
	[ "$(job_field "$1" .counts.pending)" = "$2" ]
}

why() { # ID: of its task
	job_field "$1" '.tasks[0].why'
}

says() { # ID TEXT: in its logs
	berth logs "$1" | grep -q -- "$2"
}

knows_warnings() { # ID N
	[ "$(berth events --json | jq -s --arg id "$1" '[.[] | select(.job == $id and .kind == "warned")] | length')" = "$2" ]
}

warned_both() { # by their monitors, whoever else lives
	[ "$(grep -l warned_ms "$DIR"/data/containers/*/state.json | wc -l)" = 2 ]
}

end_job() {
	berth cancel "$1" >/dev/null
	berth wait "$1" >/dev/null || true
}

@test "a quota of running copies: no more start, and the job says why; it is lifted while the job waits" {
	berth quota set 0 --tasks 2
	id=$(sleeper two 3 "" "slots: 0")
	eventually runs "$id" 2
	[ "$(why "$id")" = "1 more waits: user 0 has 2 of 2 running copies; this one needs 1" ]
	run -0 berth quota ls
	[[ $output == *root*2/2* ]]
	berth quota rm root
	eventually runs "$id" 3
	end_job "$id"
}

@test "a project's quota counts its jobs alone, and a set quota is still there after kill -9" {
	berth quota set project:weather --cpus 1
	pid=$(daemon_pid)
	kill -9 "$pid"
	eventually gone "$pid"
	start --counter gpu=4
	id=$(sleeper rain 2 "project: weather" "counters: {gpu: 1}")
	other=$(sleeper sun 1 "" "slots: 0")
	eventually runs "$id" 1
	eventually runs "$other" 1
	[ "$(why "$id")" = "1 more waits: project weather has 1 of 1 CPUs in use; this one needs 1" ]
	berth quota set project:weather --cpus 9 --gpus 1
	[ "$(why "$id")" = "1 more waits: project weather has 1 of 1 GPUs in use; this one needs 1" ]
	berth quota set project:weather --gpus 2
	eventually runs "$id" 2
	end_job "$id"
	end_job "$other"
	berth quota rm project:weather
}

@test "jobs that have not ended: one too many is refused at once" {
	berth quota set '*' --jobs 1
	id=$(sleeper first 1 "" "slots: 0")
	job_file second <<-END >/dev/null
		services: {t: {image: busybox, command: ["true"], x-berth: {kind: task}}}
	END
	run berth submit "$DIR/second.yaml"
	fails_with "user 0 has 1 of 1 jobs that have not ended"
	end_job "$id"
	berth submit --wait "$DIR/second.yaml"
	berth quota rm '*'
}

@test "max_running of a job counts all its services" {
	job_file cap <<-END >/dev/null
		x-berth: {max_running: 2}
		services:
		  a: {image: busybox, command: ["sleep", "1000"], stop_signal: SIGKILL, x-berth: {kind: task, replicate: 2, slots: 0}}
		  b: {image: busybox, command: ["true"], x-berth: {kind: task, slots: 0}}
	END
	id=$(berth submit "$DIR/cap.yaml" --json | jq -r .id)
	eventually runs "$id" 2
	[ "$(job_field "$id" '.tasks[1].why')" = "its job runs 2 of at most 2 copies at the same time (max_running)" ]
	end_job "$id"
}

@test "what is wrong with a quota is said" {
	run berth quota set 0
	fails_with "--cpus"
	run berth quota set nobody-of-that-name --tasks 1
	fails_with "no user"
	run berth quota rm project:none
	fails_with "has no quota"
	run berth quota set project: --tasks 1
	fails_with "project:NAME"
}

@test "licences: as many copies run as there are, a restart forgets none, and the job says why it waits" {
	berth licence set matlab 3
	id=$(sleeper seats 2 "" "slots: 0, licences: {matlab: 2}")
	eventually runs "$id" 1
	[ "$(why "$id")" = '1 more waits: needs 2 of the licence "matlab"; 2 of 3 are in use' ]
	berth down
	start
	run -0 berth licence ls --json
	[ "$(jq -c . <<<"$output")" = '[{"name":"matlab","total":3,"used":2}]' ]
	eventually runs "$id" 1
	berth licence set matlab 4
	eventually runs "$id" 2
	end_job "$id"
	berth licence rm matlab
}

@test "a licence that nobody has is refused with its place in the file" {
	job_file none <<-END >/dev/null
		services: {t: {image: busybox, command: ["true"], x-berth: {kind: task, licences: {nobody: 1}}}}
	END
	run berth submit "$DIR/none.yaml"
	fails_with 'there is no licence "nobody"'
	run berth licence set "no name" 1
	fails_with "is no name of a licence"
	run berth licence rm nobody
	fails_with "there is no licence"
	job_file wrong <<-END >/dev/null
		services: {t: {image: busybox, command: ["true"], x-berth: {kind: task, licences: {nobody: 0}}}}
	END
	run berth submit "$DIR/wrong.yaml"
	fails_with "wrong.yaml:1:" "licences.nobody"
}

@test "preemptible copies make room for a job of higher priority, are warned, and run again without a try counted" {
	slots=$(berth info --json | jq .node.slots)
	job_file low <<-END >/dev/null
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "trap 'echo warned; exit 7' TERM; echo try \$\$BERTH_ATTEMPT; while :; do sleep 0.05; done"]
		    x-berth: {kind: task, preemptible: true, slots: $slots, retry: 1}
	END
	low=$(berth submit "$DIR/low.yaml" --json | jq -r .id)
	eventually runs "$low" 1
	eventually says "$low" "try 1"
	other=$(sleeper other 1 "" "slots: $slots")
	high=$(sleeper high 1 "priority: 5" "slots: 1")
	eventually runs "$high" 1
	run -0 berth job "$low" --json
	[ "$(jq -c '.tasks[0].instances[0].attempts[0] | [.killed, .exit_code]' <<<"$output")" = '["preempted",7]' ]
	[ "$(jq -r '.tasks[0].instances[0].attempts[0].error' <<<"$output")" = "preempted: a job of higher priority needed its room" ]
	says "$low" warned
	berth events --json | jq -se --arg id "$low" '[.[] | select(.job == $id) | .kind] | index("preempted") < index("exited")'
	berth events --json | jq -se --arg id "$low" 'any(.[]; .job == $id and .kind == "exited" and .killed == "preempted")'
	end_job "$high"
	eventually runs "$low" 1
	eventually says "$low" "try 2"
	[ "$(job_field "$other" .counts.pending)" = 1 ]
	end_job "$other"
	end_job "$low"
}

@test "a warning before the walltime ends comes once, also when no daemon is there, and preemption begins with it" {
	slots=$(berth info --json | jq .node.slots)
	job_file warned <<-END >/dev/null
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "trap 'echo saved' USR1; trap 'exit 7' TERM; echo try \$\$BERTH_ATTEMPT; while :; do sleep 0.05; done"]
		    x-berth: {replicate: 2, gang: true, slots: 0, walltime: 1h, warn: {signal: USR1, before: 3594s}}
		  p:
		    image: busybox
		    command: ["sh", "-c", "trap 'echo making room; exit 3' USR2; echo p runs; while :; do sleep 0.05; done"]
		    x-berth: {kind: task, preemptible: true, slots: $slots, warn: {signal: USR2}}
	END
	id=$(berth submit "$DIR/warned.yaml" --json | jq -r .id)
	eventually runs "$id" 3
	pid=$(daemon_pid)
	kill -9 "$pid"
	eventually gone "$pid"
	eventually warned_both
	start
	eventually says "$id" "saved"
	eventually knows_warnings "$id" 2
	run -0 berth job --all "$id"
	[[ $output == *"was warned: its walltime is about to end"* ]]
	eventually eval '[ "$(berth logs "$id" | grep -c saved)" = 2 ]'
	eventually says "$id" "p runs"
	high=$(sleeper high 1 "priority: 5" "slots: 1")
	eventually runs "$high" 1
	says "$id" "making room"
	end_job "$high"
	end_job "$id"
}
