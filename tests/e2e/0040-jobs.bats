#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Jobs: edges, copies, tries, error policies, limits of time, health, exit_with, cancel.

# shellcheck disable=SC2030,SC2031 # each test has its own id

load helpers

setup_file() {
	start_with_image
}

teardown_file() {
	end_place
}

submit() { # FILE ARGUMENT...: the ID of the new job
	berth submit "$@" --json | jq -r .id
}

ended() { # ID STATE
	berth wait "$1" >/dev/null || true
	[ "$(job_field "$1" .state)" = "$2" ] || {
		berth job "$1"
		berth logs "$1"
		return 1
	}
}

says() { # ID JQ-CONDITION: of the job
	berth job "$1" --json | jq -e "$2"
}

# The job of a file that mounts a directory of this test, "GO:/go", which is $GO from then on.
submit_with_go() { # FILE
	GO=$BATS_TEST_TMPDIR/go
	mkdir "$GO"
	sed -i "s,GO:,$GO:," "$1"
	id=$(submit "$1")
}

# bats test_tags=vm
@test "edges: a task starts after those it waits for have completed" {
	file=$(job_file edges <<-'END'
		services:
		  c:
		    image: busybox
		    command: ["true"]
		    depends_on: {b: {condition: service_completed_successfully}}
		  b:
		    image: busybox
		    command: ["true"]
		    depends_on: {a: {condition: service_completed_successfully}}
		    x-berth: {kind: task}
		  a:
		    image: busybox
		    command: ["sleep", "0.1"]
	END
	)
	sed -i 's/^  c:$/&\n    x-berth: {kind: task}/' "$file"
	id=$(submit "$file")
	ended "$id" finished
	run -0 berth job "$id" --json
	[ "$(jq '[.tasks[] | {(.name): .instances[0].attempts[0]}] | add | .a.ended_ms <= .b.started_ms and .b.ended_ms <= .c.started_ms' <<<"$output")" = true ]
}

@test "replicate: N copies, each with its index" {
	file=$(job_file copies <<-'END'
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "echo $$BERTH_TASK $$BERTH_INDEX of $$BERTH_COUNT try $$BERTH_ATTEMPT"]
		    x-berth: {replicate: 5}
	END
	)
	id=$(submit "$file")
	ended "$id" finished
	run -0 berth logs "$id"
	for i in 0 1 2 3 4; do
		[[ "$output" == *"t $i of 5 try 1"* ]]
	done
	run -0 berth logs "$id/t/3"
	[[ "$output" == *"t 3 of 5 try 1"* && "$output" != *"t 2 of"* ]]
}

@test "replicate over a list gives each copy its item" {
	file=$(job_file items <<-'END'
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "echo item=$$BERTH_ITEM"]
		    x-berth: {replicate: {over: [apple, "two words"]}}
	END
	)
	id=$(submit "$file")
	ended "$id" finished
	run -0 berth logs "$id"
	[[ "$output" == *"item=apple"* && "$output" == *"item=two words"* ]]
}

# bats test_tags=once
@test "1,000 copies all run, once each" {
	file=$(job_file many <<-'END'
		services:
		  t:
		    image: busybox
		    command: ["true"]
		    x-berth: {replicate: 1000}
	END
	)
	[ "${BERTH_MANY:-1}" = 1 ] || skip "BERTH_MANY=0"
	id=$(submit "$file")
	ended "$id" finished
	run -0 berth job "$id" --json
	[ "$(jq '[.tasks[0].instances[] | select(.state == "finished" and (.attempts | length) == 1)] | length' <<<"$output")" = 1000 ]
}

@test "retry: tries until it succeeds, at the most N times" {
	mkdir -p "$DIR/tries"
	file=$(job_file retry <<-END
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "touch /tries/\$\$BERTH_ATTEMPT; [ \$\$BERTH_ATTEMPT = 3 ]"]
		    volumes: ["$DIR/tries:/tries"]
		    x-berth: {retry: {attempts: 3, delay: 10ms}}
	END
	)
	id=$(submit "$file")
	ended "$id" finished
	[ "$(ls "$DIR/tries")" = $'1\n2\n3' ]
	sed 's/= 3 /= 9 /' "$file" >"$DIR/retry2.yaml"
	id=$(submit "$DIR/retry2.yaml")
	ended "$id" failed
	[ "$(job_field "$id" '.tasks[0].instances[0].attempts | length')" = 3 ]
}

@test "what is ended with its failed job is not told as failed" {
	file=$(job_file ended <<-'END'
		services:
		  goes-on:
		    image: busybox
		    command: [sleep, "1000"]
		    init: true
		    x-berth: {kind: task}
		  bad:
		    image: busybox
		    command: ["false"]
		    depends_on: [goes-on]
		    x-berth: {kind: task}
	END
	)
	run -1 berth submit --wait "$file"
	[[ "$output" == *"task bad/0 failed: exit code 1"*"1 aborted"* ]]
	[[ "$output" != *"goes-on/0 failed"* ]]
}

policy_file() { # POLICY
	job_file "policy-$1" <<-END
		services:
		  bad:
		    image: busybox
		    command: ["false"]
		    x-berth: {kind: task, on_error: $1}
		  next:
		    image: busybox
		    command: ["true"]
		    depends_on: {bad: {condition: service_completed_successfully}}
		    x-berth: {kind: task}
	END
}

# bats test_tags=vm
@test "on_error cancel: the job fails and the rest does not run" {
	id=$(submit "$(policy_file cancel)")
	ended "$id" failed
	[[ "$(job_field "$id" '.tasks[] | select(.name == "next") | .state')" =~ aborted|skipped ]]
	run berth wait "$id"
	[ "$status" -ne 0 ]
}

@test "on_error continue: what waits runs" {
	id=$(submit "$(policy_file continue)")
	berth wait "$id" || true
	[ "$(job_field "$id" '.tasks[] | select(.name == "bad") | .state')" = faulty ]
	[ "$(job_field "$id" '.tasks[] | select(.name == "next") | .state')" = finished ]
}

@test "on_error suspend and pause: the job waits for a person, and says why" {
	for policy in suspend pause; do
		id=$(submit "$(policy_file $policy)")
		eventually says "$id" '.state == "in_error" or .state == "paused"'
		[ "$(job_field "$id" '.tasks[] | select(.name == "next") | .instances[0].attempts | length')" = 0 ]
		[ -n "$(job_field "$id" .why)" ]
		run -0 berth cancel "$id"
		ended "$id" canceled
	done
}

@test "a pause by hand: what runs goes on, what waits starts after the resume" {
	file=$(job_file paused <<-'END'
		services:
		  first:
		    image: busybox
		    command: ["sh", "-c", "while [ ! -e /go/now ]; do sleep 0.05; done"]
		    volumes: ["GO:/go"]
		    x-berth: {kind: task}
		  next:
		    image: busybox
		    command: ["true"]
		    depends_on: {first: {condition: service_completed_successfully}}
		    x-berth: {kind: task}
	END
	)
	submit_with_go "$file"
	eventually says "$id" 'any(.tasks[]; .name == "first" and .instances[0].state == "running")'
	run -0 berth pause "$id"
	[ "$output" = "$id" ]
	run -0 berth why "$id"
	[[ $output = *"next: paused, its job is paused: resume or cancel it"* ]]
	[ "$(job_field "$id" .why)" = "is paused: what runs goes on, nothing new starts; resume or cancel it" ]
	touch "$GO/now"
	eventually says "$id" 'any(.tasks[]; .name == "first" and .instances[0].state == "finished")'
	[ "$(job_field "$id" .state)" = paused ]
	[ "$(job_field "$id" '.tasks[] | select(.name == "next") | .instances[0].attempts | length')" = 0 ]
	run -0 berth resume "$id"
	ended "$id" finished
	run -1 berth pause "$id"
	[[ $output = *"job $id has ended (finished)"* ]]
	run -1 berth pause nobody
	[[ $output = *'there is no container or job "nobody"'* ]]
}

@test "a restart by hand: one copy starts again without using up a try; what is in error has fresh ones" {
	file=$(job_file again <<-'END'
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "trap 'exit 7' TERM; touch /go/$$BERTH_INDEX-$$BERTH_ATTEMPT; while [ ! -e /go/now ]; do sleep 0.05; done; [ -e /go/well ]"]
		    volumes: ["GO:/go"]
		    x-berth: {replicate: 2, on_error: suspend}
	END
	)
	submit_with_go "$file"
	eventually test -e "$GO/1-1"
	eventually test -e "$GO/0-1"
	run -0 berth restart "$id/t/1"
	[ "$output" = "$id/t/1" ]
	eventually test -e "$GO/1-2"
	[ "$(job_field "$id" '.tasks[0].instances[1].attempts[0] | [.killed, .exit_code]' | jq -c .)" = '["restarted",7]' ]
	[ "$(job_field "$id" '.tasks[0].instances[0].attempts | length')" = 1 ]
	touch "$GO/now"
	eventually says "$id" '[.tasks[0].instances[].state] == ["in_error", "in_error"]'
	touch "$GO/well"
	run -0 berth restart "$id/t"
	ended "$id" finished
	[ "$(job_field "$id" '[.tasks[0].instances[].attempts | length]' | jq -c .)" = '[2,3]' ]
	berth events --json | jq -se --arg id "$id" '[.[] | select(.job == $id and .kind == "restart") | [.task, .index]] == [["t", 1], ["t", null]]'
	run -1 berth restart "$id/t/1"
	[[ $output = *'copy 1 of task "t" is finished; only what runs'* ]]
	run -1 berth restart "$id/nobody" "$id/t/9" "$id/t/x"
	[[ $output = *"has no task \"nobody\""*"has no copy 9"*"one of its copies JOB/TASK/INDEX"* ]]
}

@test "finished by hand: what runs is ended, what is in error counts as done, and what waits goes on" {
	file=$(job_file byhand <<-'END'
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "if [ $$BERTH_INDEX = 0 ]; then exit 3; fi; trap 'exit 7' TERM; touch /go/here; while :; do sleep 0.05; done"]
		    volumes: ["GO:/go"]
		    x-berth: {replicate: 2, on_error: suspend}
		  next:
		    image: busybox
		    command: ["true"]
		    depends_on: {t: {condition: service_completed_successfully}}
		    x-berth: {kind: task}
	END
	)
	submit_with_go "$file"
	eventually test -e "$GO/here"
	eventually says "$id" '.tasks[] | select(.name == "t") | .instances[0].state == "in_error"'
	run -0 berth finish "$id/t/0"
	[ "$output" = "$id/t/0" ]
	run -0 berth finish "$id/t"
	ended "$id" finished
	[ "$(job_field "$id" '.tasks[] | select(.name == "t") | .instances[1] | [.state, .attempts[0].killed, .attempts[0].exit_code]' | jq -c .)" = '["finished","finished",7]' ]
	run -1 berth finish "$id"
	[[ $output = *"a task is JOB/TASK"* ]]
	run -1 berth finish "$id/t/0"
	[[ $output = *'copy 0 of task "t" of job '"$id is finished already"* ]]
}

@test "taken by hand before they start: single copies of an array, a task that waits, a gang as a whole; cancelled copies fail the job" {
	file=$(job_file ahead <<-'END'
		services:
		  t:
		    image: busybox
		    command: ["sh", "-c", "touch /go/$$BERTH_INDEX; while [ ! -e /go/now ]; do sleep 0.05; done"]
		    volumes: ["GO:/go"]
		    x-berth: {replicate: 1000, max_running: 1, on_error: continue}
		  gang:
		    image: busybox
		    command: ["true"]
		    depends_on: {t: {condition: service_completed_successfully}}
		    x-berth: {kind: task, gang: true, replicate: 2}
		  last:
		    image: busybox
		    command: ["true"]
		    depends_on: {gang: {condition: service_completed_successfully}}
		    x-berth: {kind: task}
	END
	)
	submit_with_go "$file"
	eventually test -e "$GO/0"
	run -0 berth finish "$id/t/999"
	run -0 berth finish --as failed "$id/t/2"
	run -0 berth cancel "$id/t/77"
	[ "$output" = "$id/t/77" ]
	run -1 berth finish "$id/gang/1"
	[[ $output = *'copy 1 of task "gang" is one of a gang of 2, which starts together or not at all: name the whole task, '"$id/gang"* ]]
	run -1 berth finish --as good "$id/t/1"
	[[ $output = *'--as good: it is "done" or "failed"'* ]]
	run -0 berth finish "$id/gang"
	eventually says "$id" '.tasks[] | select(.name == "last") | .state == "finished"'
	run -1 berth cancel "$id/last"
	[[ $output = *'task "last" of job '"$id is finished already"* ]]
	kill -9 "$(daemon_pid)"
	start
	run -0 berth finish "$id/t"
	ended "$id" failed
	[ "$(job_field "$id" .reason)" = 'task "t": instance 77: cancelled by hand' ]
	[ "$(job_field "$id" '.tasks[] | select(.name == "t") | .counts' | jq -cS .)" = '{"faulty":1,"finished":998,"skipped":1}' ]
	[ ! -e "$GO/1" ]
	berth events --json | jq -se --arg id "$id" '[.[] | select(.job == $id and .kind == "finish") | [.task, .index, .as]] ==
		[["t", 999, "done"], ["t", 2, "failed"], ["t", 77, "cancelled"], ["gang", null, "done"], ["t", null, "done"]]'
}

@test "the restart of one copy of a gang says that it is one of all" {
	file=$(job_file whole <<-'END'
		services:
		  g:
		    image: busybox
		    command: ["sh", "-c", "touch /go/$$BERTH_INDEX-$$BERTH_ATTEMPT; while [ ! -e /go/now ]; do sleep 0.05; done"]
		    volumes: ["GO:/go"]
		    x-berth: {gang: true, replicate: 2}
	END
	)
	submit_with_go "$file"
	eventually test -e "$GO/0-1"
	eventually test -e "$GO/1-1"
	run -0 --separate-stderr berth restart "$id/g/1"
	[ "$output" = "$id/g/1" ]
	[[ $stderr = *'copy 1 is one of a gang: all 2 copies of task "g" start again, because they run together or not at all'* ]]
	eventually test -e "$GO/0-2"
	eventually test -e "$GO/1-2"
	touch "$GO/now"
	ended "$id" finished
}

# bats test_tags=vm
@test "walltime ends a try" {
	file=$(job_file wall <<-'END'
		services:
		  t:
		    image: busybox
		    command: ["sleep", "1000"]
		    stop_grace_period: 100ms
		    x-berth: {walltime: 300ms}
	END
	)
	id=$(submit "$file")
	ended "$id" failed
	[[ "$(berth job "$id" --json)" == *[Ww]alltime* ]]
}

# bats test_tags=vm
@test "depends_on service_healthy waits for the health check; exit_with ends the job and stops the others" {
	file=$(job_file healthy <<-'END'
		x-berth: {exit_with: client}
		services:
		  server:
		    image: busybox
		    command: ["sh", "-c", "sleep 0.3; touch /ready; exec sleep 1000"]
		    stop_grace_period: 100ms
		    healthcheck: {test: ["CMD", "test", "-e", "/ready"], interval: 100ms, timeout: 5s, retries: 100}
		  client:
		    image: busybox
		    command: ["sh", "-c", "exit 5"]
		    depends_on: {server: {condition: service_healthy}}
		    x-berth: {kind: task}
	END
	)
	run -5 berth submit "$file" --wait
	run -0 berth ps --json
	[ "$(jq length <<<"$output")" = 0 ]
}

@test "restart: a service that ends is started again" {
	mkdir -p "$DIR/starts"
	file=$(job_file restart <<-END
		services:
		  s:
		    image: busybox
		    command: ["sh", "-c", "touch /starts/\$\$(ls /starts | wc -l); exit 1"]
		    restart: always
		    volumes: ["$DIR/starts:/starts"]
	END
	)
	id=$(submit "$file")
	eventually test -e "$DIR/starts/2"
	berth cancel "$id"
	ended "$id" canceled
}

@test "cancel stops what runs" {
	file=$(job_file cancel <<-'END'
		services:
		  s:
		    image: busybox
		    command: ["sleep", "1000"]
		    stop_grace_period: 100ms
	END
	)
	id=$(submit "$file")
	eventually bash -c "\"\$BERTH\" ps --json | jq -e 'length > 0'"
	run -0 berth cancel "$id"
	ended "$id" canceled
	run -0 berth ps --json
	[ "$(jq length <<<"$output")" = 0 ]
}

@test "--param sets a parameter; a missing one is asked for; an unknown one is refused" {
	file=$(job_file params <<-'END'
		x-berth: {params: {greeting: {type: string}, n: 1}}
		services:
		  t:
		    image: busybox
		    command: ["echo", "${greeting} ${n}"]
		    x-berth: {kind: task}
	END
	)
	id=$(submit "$file" --param greeting=hello --param n=2)
	ended "$id" finished
	[[ "$(berth logs "$id")" == *"hello 2"* ]]
	run berth submit "$file"
	fails_with greeting
	run berth submit "$file" --param greeting=x --param nothing=1
	fails_with nothing
	run berth submit "$file" --param greeting=x --param n=word
	fails_with n
}

@test "environment, env_file, secrets, configs, tmpfs, user, read_only, entrypoint" {
	echo 'FROM_FILE=file' >"$DIR/env"
	echo secret >"$DIR/secret"
	file=$(job_file keys <<-'END'
		services:
		  t:
		    image: busybox
		    entrypoint: ["sh", "-c"]
		    command:
		      - |
		        echo "$$A $$B $$FROM_FILE $$(cat /run/secrets/key) $$(cat /etc/app.conf) $$(id -u):$$(id -g) $$PWD"
		        touch /scratch/ok && echo scratch
		        touch /no 2>/dev/null || echo "read only"
		    environment: [A=1, B=2]
		    env_file: env
		    user: "1000:1001"
		    working_dir: /scratch
		    tmpfs: [/scratch]
		    read_only: true
		    secrets: [key]
		    configs: [{source: conf, target: /etc/app.conf}]
		    x-berth: {kind: task}
		secrets: {key: {file: secret}}
		configs: {conf: {content: "text of it"}}
	END
	)
	id=$(submit "$file")
	ended "$id" finished
	run -0 berth logs "$id"
	[[ "$output" == *"1 2 file secret text of it 1000:1001 /scratch"*scratch*"read only"* ]]
}

@test "jobs lists, newest first; the state of a job has times and exit codes" {
	run -0 berth jobs --all --json
	[ "$(jq '[.[].submitted_ms] as $t | $t == ($t | sort | reverse)' <<<"$output")" = true ]
	run -0 berth jobs --all
	[[ "$output" == *finished* ]]
	run -0 berth events
	[ -n "$output" ]
}
