#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# `berth compose`: projects by Docker's API, and together with Compose itself, which may manage the same ones.

load helpers

setup_file() {
	start_apart
	export DOCKER_HOST=unix://$BERTH_SOCKET
}

teardown_file() {
	end_place
}

# Each test has a project of its own, in a folder of its name.
setup() {
	PROJECT=t$BATS_TEST_NUMBER
	mkdir "$DIR/$PROJECT"
	cd "$DIR/$PROJECT" || return 1
}

teardown() {
	tell_words
	cd /
	[ -z "${WATCHER:-}" ] || kill "$WATCHER" 2>/dev/null || true
	berth compose -p "$PROJECT" down -v -t 0 >/dev/null 2>&1 || true
}

compose() {
	# Builds have their networks where the daemon has them.
	apart "$BERTH" compose "$@"
}

# What the API says of a container.
api() { # JQ-EXPRESSION CONTAINER
	docker_api 200 GET "/containers/$2/json" && body "$1"
}

shop() {
	cat >compose.yaml <<'YAML'
services:
  web:
    image: busybox
    command: sh -c 'echo serving; exec httpd -f -p 80 -h /run/secrets'
    depends_on:
      db: {condition: service_healthy}
      init: {condition: service_completed_successfully}
    ports: ["127.0.0.1:8080:80"]
    secrets: [word]
    stop_grace_period: 0s
  db:
    image: busybox
    command: sh -c 'echo up; touch /tmp/ok; exec sleep 1000'
    healthcheck: {test: test -f /tmp/ok, interval: 50ms}
    volumes: [data:/data]
    stop_grace_period: 0s
  init:
    image: busybox
    command: echo done
volumes:
  data:
secrets:
  word: {environment: WORD}
YAML
	export WORD=hidden
}

shop_said() {
	[ "$(compose logs --no-color)" = $'db-1    | up\ninit-1  | done\nweb-1   | serving' ]
}

@test "up waits for what services depend on, and down leaves nothing" {
	shop
	run --separate-stderr compose up -d
	succeeds
	[[ $stderr == *"Service db  Healthy"*"Container $PROJECT-web-1  Starting"* ]]
	[[ $stderr == *"Service init  Exited"*"Container $PROJECT-web-1  Starting"* ]]
	eventually apart "$(command -v busybox)" wget -q -O - http://127.0.0.1:8080/word
	[ "$(apart busybox wget -q -O - http://127.0.0.1:8080/word)" = hidden ]
	[ "$(compose port web 80)" = 127.0.0.1:8080 ]
	[ "$(compose ps --services)" = $'db\nweb' ]
	[ "$(compose ps -a --format json | jq -r '.Name + " " + .State' | sort)" = "$PROJECT-db-1 running
$PROJECT-init-1 exited
$PROJECT-web-1 running" ]
	eventually shop_said
	# Names of services are names of machines.
	compose exec -T web busybox nslookup db >/dev/null
	run compose down -v
	succeeds
	docker_api 200 GET '/containers/json?all=1' && [ "$(body length)" = 0 ]
	docker_api 404 GET "/networks/${PROJECT}_default"
	docker_api 404 GET "/volumes/${PROJECT}_data"
}

# Its health check keeps up --wait from seeing it well while it runs: it is over, or it was never enough.
@test "up --wait: what another service wants to be over is over, and what nobody wants so has failed" {
	cat >compose.yaml <<'YAML'
services:
  init: {image: busybox, command: sh -c 'exit 0', healthcheck: {test: "false", interval: 1h, start_period: 1h}}
  web: {image: busybox, command: sleep 1000, stop_grace_period: 0s, depends_on: {init: {condition: service_completed_successfully}}}
YAML
	run compose up -d --wait
	succeeds
	[ "$(compose ps --services)" = web ]
	run compose up -d --wait init
	fails_with "container $PROJECT-init-1 exited with code 0"
}

@test "up --wait tells of a service that ends as soon as it has begun" {
	cat >compose.yaml <<'YAML'
services:
  a: {image: busybox, command: sh -c 'exit 4'}
  b: {image: busybox, command: sleep 1000, stop_grace_period: 0s}
YAML
	run compose up -d --wait a
	fails_with "container $PROJECT-a-1 exited with code 4"
	run compose up -d --wait b
	succeeds
}

@test "up starts what has ended while others were made anew" {
	cat >compose.yaml <<'YAML'
services:
  a: {image: busybox, command: sh -c 'until test -f /go/end; do sleep 0.1; done; rm /go/end', volumes: [".:/go"]}
  b:
    image: busybox
    command: sleep 1000
    stop_grace_period: 0s
    environment: {V: "${V}"}
    volumes: [".:/go"]
    pre_stop: [{command: sh -c 'touch /go/end; while test -f /go/end; do sleep 0.1; done; sleep 0.3'}]
YAML
	V=1 compose up -d 2>/dev/null
	V=2 compose up -d 2>/dev/null
	[ "$(compose ps --services)" = $'a\nb' ]
}

@test "only what has changed is made anew, and its anonymous volumes go on" {
	cat >compose.yaml <<'YAML'
services:
  a: {image: busybox, command: sleep 1000, stop_grace_period: 0s, volumes: [/keep], environment: {V: "${V}"}}
  b: {image: busybox, command: sleep 1000, stop_grace_period: 0s}
YAML
	V=1 compose up -d 2>/dev/null
	local a b
	a=$(compose ps -q a) b=$(compose ps -q b)
	compose exec -T a sh -c 'echo text >/keep/x'
	V=1 compose up -d 2>/dev/null
	[ "$(compose ps -q)" = "$a"$'\n'"$b" ]
	V=2 compose up -d 2>/dev/null
	[ "$(compose ps -q b)" = "$b" ]
	[ "$(compose ps -q a)" != "$a" ]
	[ "$(compose exec -T a cat /keep/x)" = text ]
	[ "$(api .Name "$PROJECT-a-1")" = "/$PROJECT-a-1" ]
	V=2 compose up -d --force-recreate -V 2>/dev/null
	run -1 compose exec -T a cat /keep/x
	[ "$(compose ps -q b)" != "$b" ]
	b=$(compose ps -q b)
	V=3 compose up -d --no-recreate 2>/dev/null
	[ "$(compose ps -q b)" = "$b" ]
}

@test "scale up and down: each container has a number, and gaps are filled" {
	cat >compose.yaml <<'YAML'
services:
  a: {image: busybox, command: sleep 1000, stop_grace_period: 0s, scale: 2}
YAML
	compose up -d 2>/dev/null
	compose scale a=3 2>/dev/null
	docker_api 204 DELETE "/containers/$PROJECT-a-2?force=1"
	compose up -d --scale a=4 2>/dev/null
	[ "$(compose ps --format json | jq -r .Name | sort | tr '\n' ' ')" = "$PROJECT-a-1 $PROJECT-a-2 $PROJECT-a-3 $PROJECT-a-4 " ]
	compose up -d 2>/dev/null
	[ "$(compose ps --format json | jq -r .Name | sort | tr '\n' ' ')" = "$PROJECT-a-1 $PROJECT-a-2 " ]
	# What the file does not have any more is told, then removed.
	sed -i 's/ a:/ b:/' compose.yaml
	run compose up -d
	[[ $output == *"$PROJECT-a-1 belongs to no service"* ]]
	compose up -d --remove-orphans 2>/dev/null
	[ "$(compose ps -a --services)" = b ]
}

@test "what cannot come up says why, by service and container" {
	cat >compose.yaml <<'YAML'
services:
  web: {image: busybox, command: sleep 1000, depends_on: {job: {condition: service_completed_successfully}}}
  job: {image: busybox, command: sh -c 'exit 3'}
  sick: {image: busybox, command: sleep 1000, stop_grace_period: 0s, healthcheck: {test: "false", interval: 50ms, retries: 1}}
  late: {image: busybox, command: sleep 1000, depends_on: {sick: {condition: service_healthy}}}
  dying: {image: busybox, command: "false", restart: always, healthcheck: {test: "true", interval: 10s}}
  slow: {image: busybox, command: sleep 1000, stop_grace_period: 0s, healthcheck: {test: "false", interval: 1h}}
  never: {image: busybox, command: sleep 1000, depends_on: {slow: {condition: service_healthy}}}
  wrong: {image: busybox, command: /not/there}
  later: {image: busybox, command: sleep 1000, depends_on: {dying: {condition: service_healthy}}}
  soft: {image: busybox, command: sleep 1000, stop_grace_period: 0s, depends_on: {job: {condition: service_completed_successfully, required: false}}}
  lost: {image: not-here, pull_policy: never}
YAML
	run compose up -d web
	fails_with "service \"job\" didn't complete successfully" "$PROJECT-job-1 exited with code 3"
	run compose up -d late
	fails_with "container $PROJECT-sick-1 is unhealthy"
	run compose up -d later
	fails_with "container $PROJECT-dying-1 is unhealthy"
	run timeout 200 "$BERTH" compose up -d never wrong # of which the one would wait for an hour
	fails_with /not/there
	run compose up -d soft
	succeeds
	run compose up -d lost
	fails_with "service lost: the image not-here is not here"
	run compose up -d nobody
	fails_with 'there is no service "nobody"'
	run compose up -d --wait sick
	fails_with "$PROJECT-sick-1"
}

@test "up in the foreground: prefixes, exit codes, and Ctrl-C stops" {
	cat >compose.yaml <<'YAML'
services:
  a: {image: busybox, command: sh -c 'echo from a; exit 7'}
  long: {image: busybox, command: sleep 1000, stop_grace_period: 0s}
YAML
	run --separate-stderr compose up a
	[ "$status" = 0 ]
	[ "$output" = $'a-1  | from a\na-1 exited with code 7' ]
	run -7 --separate-stderr compose up --exit-code-from a
	[[ $output == *"a-1     | from a"* ]]
	[ -z "$(compose ps -q)" ]
	"$BERTH" compose up long >"$DIR/$PROJECT.out" 2>&1 3>&- &
	local pid=$!
	eventually grep "long-1  Started" "$DIR/$PROJECT.out"
	kill -INT "$pid"
	ends_with 130 "$pid"
	[ -z "$(compose ps -q)" ]
	[ "$(compose ps -aq long | wc -l)" = 1 ]
}

@test "up in the foreground: whose exit code it is, and what ends it all" {
	cat >compose.yaml <<'YAML'
services:
  migrate: {image: busybox, command: "true"}
  db: {image: busybox, command: sh -c 'echo bye; exit 5', depends_on: {migrate: {condition: service_completed_successfully}}}
  test: {image: busybox, command: sh -c 'trap "exit 9" TERM; while :; do sleep 0.1; done'}
  quiet: {image: busybox, command: echo unseen, attach: false}
  slow: {image: busybox, command: sleep 1000, stop_grace_period: 0s, healthcheck: {test: "false", interval: 1h}}
  late: {image: busybox, command: sleep 1000, depends_on: {slow: {condition: service_healthy}}}
YAML
	# Not what others wait for is the end, but what fails; and the code is that of who was asked for, who is stopped.
	run -9 --separate-stderr compose up --exit-code-from test db test
	[ "$output" = $'db-1    | bye\ndb-1 exited with code 5' ]
	run -5 compose up --abort-on-container-exit db test
	run -5 compose up --abort-on-container-failure migrate db test
	# It does not wait for what will never be.
	run -5 --separate-stderr compose up --abort-on-container-exit db late
	[ -z "$(compose ps -q)" ]
	run -0 --separate-stderr compose up migrate quiet
	[[ "$output" == *"migrate-1 exited with code 0"* && "$output" != *unseen* ]]
	# Nothing is made when what is asked for cannot be.
	compose down -t 0
	for wrong in "--exit-code-from nobody" "--attach nobody" "-d --attach db" "--abort-on-container-exit --abort-on-container-failure" \
		"-V --no-recreate"; do
		# shellcheck disable=SC2086 # words
		run -1 compose up $wrong
	done
	[ -z "$(compose ps -aq)" ]
}

@test "up in the foreground goes on with what is started again, and with what takes its place" {
	cat >compose.yaml <<'YAML'
services:
  a: {image: busybox, command: sh -c 'echo try; exit 3', restart: "on-failure:2"}
  b: {image: busybox, command: sh -c 'echo here; exec sleep 1000', stop_grace_period: 0s, environment: {V: "${V}"}}
  dep: {image: busybox, command: sleep 1000, stop_grace_period: 0s}
  c: {image: busybox, command: echo over, depends_on: [dep]}
YAML
	run -0 --separate-stderr compose up a
	[ "$(grep -c 'a-1  | try' <<<"$output")" = 3 ]
	[ "$(grep -c 'a-1 exited with code 3' <<<"$output")" = 3 ]
	# What it depends on goes on.
	run -0 --separate-stderr compose up c
	[ "$output" = $'c-1  | over\nc-1 exited with code 0' ]
	[ "$(compose ps --services)" = dep ]
	V=1 "$BERTH" compose up b >log 2>&1 3>&- &
	local pid=$!
	eventually grep -q 'b-1  | here' log
	V=2 compose up -d b
	eventually sh -c 'test "$(grep -c "b-1  | here" log)" = 2'
	V=2 compose up -d --scale b=2 b
	eventually grep -q 'b-2  | here' log
	compose kill b
	ends_with 0 "$pid"
	[ "$(grep -c "exited with code" log)" = 3 ]
}

@test "run makes containers of its own, exec joins one" {
	cat >compose.yaml <<'YAML'
services:
  app: {image: busybox, command: sleep 1000, stop_grace_period: 0s, environment: {A: "1"}, depends_on: [db], ports: ["8080:80"]}
  db: {image: busybox, command: sleep 1000, stop_grace_period: 0s}
YAML
	run -5 --separate-stderr compose run --rm -T -e B=2 -w /tmp app sh -c 'echo $A$B; pwd; exit 5'
	[ "$output" = $'12\n/tmp' ]
	[ "$(compose ps --services)" = db ]
	local name
	name=$(compose run -d --name "$PROJECT-one" --no-deps app sleep 100 2>/dev/null)
	[ "$name" = "$PROJECT-one" ]
	[ "$(api '.Config.Labels["com.docker.compose.oneoff"]' "$name")" = True ]
	[ "$(api '.HostConfig.PortBindings | length' "$name")" = 0 ]
	run compose exec -T app true
	fails_with 'service "app" is not running'
	[ "$(echo typed | compose exec -T -e C=3 db sh -c 'cat; echo $C')" = $'typed\n3' ]
	run -4 compose exec -T db sh -c 'exit 4'
	# As people type it, also where there is no terminal.
	[ "$(compose exec -it db echo hi </dev/null)" = hi ]
	[ "$(compose run --rm -it -q --no-deps app echo hi </dev/null)" = hi ]
	compose run -d --quiet-build --cap-add NET_ADMIN --cap-drop CHOWN --name "$PROJECT-caps" --no-deps app sleep 100 2>/dev/null
	[ "$(api '.HostConfig.CapAdd + .HostConfig.CapDrop | join(" ")' "$PROJECT-caps")" = "NET_ADMIN CHOWN" ]
	echo here >x
	compose cp x db:/tmp/
	compose cp db:/tmp/x y
	cmp x y
}

@test "run waits for what its service depends on: healthy, over, or failed" {
	cat >compose.yaml <<'YAML'
services:
  db: {image: busybox, command: sleep 1000, stop_grace_period: 0s, healthcheck: {test: test -f /go/on, interval: 50ms, retries: 10000}, volumes: [".:/go"]}
  init: {image: busybox, command: sh -c 'until test -f /go/on; do sleep 0.1; done; exit $CODE', volumes: [".:/go"]}
  app: {image: busybox, command: ls /go, volumes: [".:/go"], depends_on: {db: {condition: service_healthy}, init: {condition: service_completed_successfully}}}
YAML
	export CODE=0
	"$BERTH" compose run --rm -T app ls /go/on >log 2>&1 3>&- &
	local pid=$!
	eventually grep -q "Service db  Waiting" log
	eventually grep -q "Service init  Waiting" log
	[ "$(compose ps --services)" = $'db\ninit' ]
	touch on
	ends_with 0 "$pid"
	grep -qx /go/on log
	CODE=3 run compose run --rm -T app
	fails_with "service \"init\" didn't complete successfully" "exited with code 3"
	run compose run --rm -T --no-deps app echo alone
	succeeds
	[[ "$output" == *alone* ]]
}

@test "stop, start, restart, kill, pause, rm, wait, top, images, ls, events" {
	cat >compose.yaml <<'YAML'
services:
  a: {image: busybox, command: sleep 1000, stop_grace_period: 0s}
  b: {image: busybox, command: sh -c 'exit 3', depends_on: [a]}
YAML
	local since
	since=$(date +%s)
	compose up -d 2>/dev/null
	run compose wait b
	[ "$output" = 3 ]
	[[ "$(compose top a)" == *"sleep 100"* ]]
	[[ "$(compose images)" == *"$PROJECT-a-1"*busybox* ]]
	[ "$(compose ls --format json | jq -r ".[] | select(.Name == \"$PROJECT\").Status")" = "running(1)" ]
	[ "$(compose ls -a --filter "name=$PROJECT" --format json | jq -r '.[].Status')" = "exited(1), running(1)" ]
	[ -z "$(compose ls -q --filter name=nobody)" ]
	compose pause a 2>/dev/null
	[ "$(compose ps --status paused --services)" = a ]
	compose unpause a 2>/dev/null
	compose restart a 2>/dev/null
	[ "$(api .State.Status "$PROJECT-a-1")" = running ]
	compose kill -s KILL a 2>/dev/null
	eventually sh -c "[ -z \"\$('$BERTH' compose ps -q)\" ]"
	compose start a 2>/dev/null
	compose stop 2>/dev/null
	compose rm -f 2>/dev/null
	[ -z "$(compose ps -aq)" ]
	[ "$(compose events --json --since "$since" --until "$(($(date +%s) + 1))" | jq -r .action | grep -c create)" = 2 ]
}

said() {
	compose logs | grep -q said
}

@test "what is not understood is told before anything is done, and JSON is JSON" {
	cat >compose.yaml <<-'YAML'
		services:
		  a:
		    image: busybox
		    command: sh -c 'echo said; exec sleep 1000'
		    labels: {evil: "\e[31m\"x"}
		    stop_grace_period: 0s
	YAML
	since=$(date +%s.%N)
	compose up -d
	for wrong in "down --rmi some" "ps --filter x=y" "ls --format x" "images --format x" "version --format x" \
		"logs --tail x" "stop -t x" "--ansi x ps" "--progress x ps"; do
		# shellcheck disable=SC2086 # words
		run -1 compose $wrong
		[[ "$output" == *berth:*--* ]]
	done
	[ "$(compose ps -q | wc -l)" = 1 ]
	compose exec -T a true '"quoted"'
	compose events --json --since "$since" --until "$(date +%s.%N)" | jq -r .action | grep -q '"quoted"'
	run -1 compose events --since 'x y'
	fails_with 'a time in seconds'
	eventually said
	run -1 sh -c 'exec "$@" >/dev/full' sh "$BERTH" compose logs
	fails_with 'No space left'
	compose --ansi always logs | grep -q $'\e'
	run script -qec "$BERTH compose --ansi never logs" /dev/null
	[[ "$output" == *said* && "$output" != *$'\e'* ]]
}

@test "logs -f ends when nobody can say more, and shows all of each life" {
	cat >compose.yaml <<'YAML'
services:
  a: {image: busybox, command: sh -c 'echo try; until test -f /go/on; do sleep 0.1; done; exit 3', restart: "on-failure:2", volumes: [".:/go"]}
YAML
	compose up -d 2>/dev/null
	"$BERTH" compose logs -f >log 2>&1 3>&- &
	local pid=$!
	eventually grep -q try log
	touch on
	ends_with 0 "$pid"
	[ "$(grep -c try log)" = 3 ] || { cat log; return 1; }
	[ "$(timeout 100 "$BERTH" compose logs -f | grep -c try)" = 3 ]
}

@test "attach, stats, commit, export, volumes" {
	cat >compose.yaml <<'YAML'
services:
  a: {image: busybox, command: sh -c 'read x; echo "got $$x" >/got; cat /got; exit 6', stdin_open: true, volumes: ["data:/data"]}
  b: {image: busybox, command: sleep 1000, stop_grace_period: 0s}
volumes: {data: }
YAML
	compose up -d 2>/dev/null
	[ "$(compose volumes -q)" = "${PROJECT}_data" ]
	compose volumes --format json | grep -q "${PROJECT}_data"
	[ "$(compose stats --no-stream --format '{{.Name}}' | sort | tr '\n' ' ')" = "$PROJECT-a-1 $PROJECT-b-1 " ]
	[ "$(compose stats --no-stream --format '{{.Name}}' b)" = "$PROJECT-b-1" ]
	# As with docker, output ends with the input.
	mkfifo in
	exec 7<>in
	echo word >&7
	run -6 --separate-stderr compose attach a <in
	exec 7>&-
	[ "$output" = "got word" ]
	compose export -o out.tar a
	tar xOf out.tar got | grep -qx 'got word'
	compose commit a "$PROJECT-image" >/dev/null
	[ "$(berth run --rm "$PROJECT-image" cat /got)" = "got word" ]
	run ! compose attach a
	fails_with 'service "a" is not running'
	compose stop 2>/dev/null
	run ! compose stats --no-stream
	fails_with 'no container of the project runs'
	compose down -v 2>/dev/null
	berth rmi "$PROJECT-image"
}

# What happened to containers of the project, in order: "start a-1 ...".
happened() {
	compose events --json --since "$1" --until "$(date +%s.%N)" | jq -r '.action + " " + .attributes.name' | sed "s/$PROJECT-//" |
		grep -E '^(start|die) ' | tr '\n' ' '
}

@test "depends_on with restart: who depends is restarted with what it depends on" {
	cat >compose.yaml <<'YAML'
services:
  db: {image: busybox, command: sleep 1000, stop_grace_period: 0s, environment: [A=1]}
  app:
    {image: busybox, command: sleep 1000, stop_grace_period: 0s, depends_on: {db: {condition: service_started, restart: true}}}
  front:
    {image: busybox, command: sleep 1000, stop_grace_period: 0s, depends_on: {app: {condition: service_started, restart: true}}}
  other: {image: busybox, command: sleep 1000, stop_grace_period: 0s, depends_on: [db]}
YAML
	compose up -d 2>/dev/null
	since=$(date +%s.%N)
	compose restart -t 0 db 2>/dev/null
	[ "$(happened "$since")" = "die db-1 start db-1 die app-1 start app-1 die front-1 start front-1 " ]
	since=$(date +%s.%N)
	compose restart -t 0 --no-deps db 2>/dev/null
	[ "$(happened "$since")" = "die db-1 start db-1 " ]
	# They stop before it is made anew, and start after it.
	sed -i 's/A=1/A=2/' compose.yaml
	since=$(date +%s.%N)
	id=$(compose ps -q app)
	compose up -d -t 0 2>/dev/null
	[ "$(happened "$since" | tr ' ' '\n' | grep -v '^$' | paste -sd ' ' - | sed -E 's/[0-9a-f]{12}_//; s/die (app|front)-1 die (app|front)-1/die both/')" = \
		"die both die db-1 start db-1 start app-1 start front-1" ]
	[ "$(compose ps -q app)" = "$id" ]
	since=$(date +%s.%N)
	compose up -d 2>/dev/null
	[ -z "$(happened "$since")" ]
}

# With a daemon of its own: that of the file goes on.
@test "up that waits for health ends with an error when the daemon ends" {
	local DIR BERTH_SOCKET pid
	new_place
	start
	import_busybox
	cat >compose.yaml <<'YAML'
services:
  slow: {image: busybox, network_mode: none, command: sleep 1000, stop_grace_period: 0s, healthcheck: {test: "false", interval: 1h}}
  late: {image: busybox, network_mode: none, command: sleep 1000, depends_on: {slow: {condition: service_healthy}}}
YAML
	DOCKER_HOST='' "$BERTH" compose up -d >log 2>&1 3>&- &
	pid=$!
	eventually grep -q "Service slow  Waiting" log
	"$BERTH" down
	ends_with 1 "$pid"
	cat log
	grep -q '^berth: ' log
	[[ "$(tail -n 1 log)" == *"closed the connection"* || "$(tail -n 1 log)" == *"the containers go on"* ]]
	start
	end_place
}

@test "up tidies up after one that was cut short, and follows networks and volumes that have another name" {
	cat >compose.yaml <<'YAML'
services:
  a: {image: busybox, command: sleep 1000, stop_grace_period: 0s, environment: {V: "${V:-1}"}, volumes: ["d:/d"]}
volumes: {d: {name: "${PROJECT}-${X:-1}"}}
networks: {default: {name: "${PROJECT}-${X:-1}"}}
YAML
	export PROJECT
	compose up -d 2>/dev/null
	local id labels=(--label "com.docker.compose.project=$PROJECT" --label com.docker.compose.service=a)
	labels+=(--label com.docker.compose.container-number=1 --label com.docker.compose.oneoff=False)
	# The new one was there, the old one not gone.
	id=$(compose ps -q a)
	berth create --name "${id:0:12}_$PROJECT-a-1" "${labels[@]}" busybox sleep 1000
	V=2 compose up -d 2>/dev/null
	[ "$(compose ps -a --format json | jq -r .Name)" = "$PROJECT-a-1" ]
	# The old one was gone, the new one had not got its name.
	id=$(compose ps -q a)
	docker_api 204 POST "/containers/$id/rename?name=0123456789ab_$PROJECT-a-1"
	V=2 compose up -d 2>/dev/null
	[ "$(compose ps -q a)" = "$id" ]
	[ "$(api .Name "$id")" = "/$PROJECT-a-1" ]
	X=2 V=2 compose up -d 2>/dev/null
	[ "$(api '.Mounts[0].Name' "$PROJECT-a-1") $(api '.NetworkSettings.Networks | keys | join(" ")' "$PROJECT-a-1")" = "$PROJECT-2 $PROJECT-2" ]
	id=$(compose ps -q a)
	X=2 V=2 compose up -d 2>/dev/null
	[ "$(compose ps -q a)" = "$id" ]
	X=2 compose down -v 2>/dev/null
	docker_api 404 GET "/networks/$PROJECT-1"
}

@test "wait waits for all at once, and --down-project for the first" {
	cat >compose.yaml <<'YAML'
services:
  a: {image: busybox, command: sleep 1000, stop_grace_period: 0s}
  b: {image: busybox, command: sh -c 'exit 4'}
YAML
	compose up -d 2>/dev/null
	run -4 --separate-stderr timeout 100 "$BERTH" compose wait --down-project a b
	[ "$output" = 4 ]
	[ -z "$(compose ps -aq)" ]
	compose up -d 2>/dev/null
	"$BERTH" compose wait a b >log 3>&- &
	local pid=$!
	compose wait b >/dev/null || true
	compose kill a 2>/dev/null
	ends_with 4 "$pid"
	[ "$(cat log)" = $'137\n4' ]
}

@test "what was started while rm asks is not removed" {
	cat >compose.yaml <<'YAML'
services:
  a: {image: busybox, command: sleep 1000, stop_grace_period: 0s}
YAML
	compose create 2>/dev/null
	mkfifo answer
	"$BERTH" compose rm <answer >log 2>&1 3>&- &
	local pid=$!
	exec 7>answer
	eventually grep -q 'Remove 1 containers' log
	berth start "$PROJECT-a-1"
	echo y >&7
	exec 7>&-
	ends_with 1 "$pid"
	[ "$(compose ps --services)" = a ]
}

@test "post_start and pre_stop are run in the containers" {
	cat >compose.yaml <<'YAML'
services:
  a:
    image: busybox
    command: sleep 1000
    stop_grace_period: 0s
    volumes: ["./log:/log"]
    post_start:
      - {command: [sh, -c, 'echo "up $$WHO" >>/log/x'], environment: {WHO: one}}
      - {command: sh -c 'pwd >>/log/x; id -u >>/log/x', working_dir: /tmp, user: "7"}
    pre_stop:
      - command: [sh, -c, 'echo down >>/log/x']
YAML
	mkdir log && touch log/x && chmod -R a+rwX log
	compose up -d 2>/dev/null
	[ "$(cat log/x)" = $'up one\n/tmp\n7' ]
	compose restart 2>/dev/null
	[ "$(cat log/x)" = $'up one\n/tmp\n7\ndown\nup one\n/tmp\n7' ]
	: >log/x
	compose stop 2>/dev/null
	[ "$(cat log/x)" = down ]
	compose start 2>/dev/null
	: >log/x
	compose up -d --force-recreate 2>/dev/null
	[ "$(cat log/x)" = $'down\nup one\n/tmp\n7' ]
	# One that has ended by itself is not asked.
	berth kill "$PROJECT-a-1" && berth wait "$PROJECT-a-1"
	: >log/x
	compose down 2>/dev/null
	[ ! -s log/x ]
	sed -i "s/echo down.*/exit 9']/" compose.yaml
	compose up -d 2>/dev/null
	run ! compose stop
	fails_with "service a: pre_stop hook 1 exited with code 9"
	[ "$(api .State.Status "$PROJECT-a-1")" = running ]
	compose kill 2>/dev/null
}

@test "images are built when they are missing, or when --build says so" {
	cat >compose.yaml <<'YAML'
services:
  a: {build: {context: ., args: {WHAT: one}}, command: cat /what}
YAML
	printf 'FROM busybox\nARG WHAT\nRUN echo $WHAT >/what\n' >Dockerfile
	run --separate-stderr compose up
	[ "$output" = $'a-1  | one\na-1 exited with code 0' ]
	sed -i s/one/two/ compose.yaml
	run --separate-stderr compose up --build
	[ "$output" = $'a-1  | two\na-1 exited with code 0' ]
	compose build -q --build-arg WHAT=three a >/dev/null
	[ "$(compose run --rm -T a 2>/dev/null)" = three ]
	run compose down --rmi local
	docker_api 404 GET "/images/$PROJECT-a/json"
}

@test "a build has the file's secrets, contexts, images of other services and platform" {
	cat >compose.yaml <<'YAML'
services:
  app:
    command: cat /all
    network_mode: none
    build:
      context: .
      network: none
      dockerfile_inline: |
        FROM busybox
        COPY --from=more extra /extra
        COPY --from=base /word /word
        RUN --mount=type=secret,id=a --mount=type=secret,id=b cat /run/secrets/a /run/secrets/b /extra /word >/all
      additional_contexts: {more: ./more, base: "service:base"}
      secrets: [a, {source: word, target: b}]
      platforms: [linux/amd64, linux/arm64]
      privileged: true
  base:
    build: {context: ., network: none, dockerfile_inline: "FROM busybox\nRUN echo of base >/word"}
secrets:
  a: {file: ./a.txt}
  word: {environment: WORD}
YAML
	mkdir more
	echo extra >more/extra
	echo from a file >a.txt
	WORD='hidden ' run --separate-stderr compose up app
	echo "$output $stderr"
	[ "${output//app-1  | /}" = $'from a file\nhidden extra\nof base\napp-1 exited with code 0' ]
	[[ "$stderr" == *'service app: build.privileged has no effect here'* ]]
	compose down --rmi local 2>/dev/null
}

@test "devices and GPUs are asked for; what is not here is refused by name" {
	cat >compose.yaml <<'YAML'
services:
  a:
    image: busybox
    command: 'true'
    gpus: all
  b:
    image: busybox
    command: 'true'
    deploy: {resources: {reservations: {devices: [{driver: cdi, device_ids: ["berth.test/x=none"]}]}}}
  c: {image: busybox, command: 'true', use_api_socket: true}
  d: {image: busybox, command: 'true', networks: {default: {interface_name: eth7}}}
  e: {image: busybox, command: 'true', network_mode: none, volumes: [{type: bind, source: ., target: /x, bind: {recursive: disabled}}], environment: {EMPTY: $NOTHING}}
YAML
	run compose create a
	fails_with 'capabilities: [[gpu]]'
	run compose create b
	fails_with 'berth.test/x=none'
	run compose create c
	fails_with 'service c: use_api_socket:'
	run compose create d
	fails_with 'service d: networks.default.interface_name:'
	compose create e 2>/dev/null
	[ "$(berth inspect "$PROJECT-e-1" | jq -r '.[0] | [.HostConfig.Mounts[0].BindOptions.NonRecursive, .Config.Env[0]] | join(" ")')" = 'true EMPTY=' ]
}

# ---- Compose itself and we manage each other's projects ----

both() {
	cat >docker-compose.yml <<'YAML'
version: "3.4"
services:
  a: {image: busybox, command: sh -c 'echo from a; exec sleep 1000', stop_grace_period: 0s}
YAML
}

# What the other one's command makes of ours, and we of its own. It is slow to start: each call counts.
manage_each_other() { # COMPOSE...
	local id
	both
	compose up -d 2>/dev/null
	id=$(compose ps -q a)
	[ "$("$@" ps -q)" = "$id" ]
	"$@" down
	[ -z "$(compose ps -aq)" ]
	docker_api 404 GET "/networks/${PROJECT}_default"
	"$@" up -d
	id=$(compose ps -q a)
	eventually eval '[ "$(compose logs --no-color --no-log-prefix a)" = "from a" ]'
	[ "$(compose exec -T a echo in)" = in ]
	compose stop
	[ "$(api .State.Status "$id")" = exited ]
	compose down
	docker_api 404 GET "/containers/$id/json"
	docker_api 404 GET "/networks/${PROJECT}_default"
}

# What the containers have: contents of a path, or nothing.
inside() { # SERVICE PATH
	berth exec "$PROJECT-$1-1" cat "$2" 2>/dev/null
}

differs() { # FROM COMMAND...
	[ "$("${@:2}")" != "$1" ]
}

is() { # WANTED COMMAND...
	[ "$("${@:2}")" = "$1" ]
}

@test "watch: sync, delete, restart, exec and rebuild; what is ignored stays away" {
	local first
	mkdir -p src/deep conf tools
	printf 'FROM busybox\nCOPY version /version\nCMD ["sleep", "100"]\n' >Dockerfile
	echo one >version
	echo hidden >.dockerignore
	echo there >src/there
	cat >compose.yaml <<'YAML'
services:
  web:
    build: .
    stop_grace_period: 0s
    develop:
      watch:
        - {path: src, action: sync, target: /app, ignore: [node_modules, "*.log"], initial_sync: true}
        - {path: tools, action: sync+exec, target: /tools, exec: {command: [sh, -c, "cat /tools/* >/all"]}}
        - {path: version, action: rebuild}
  other:
    image: busybox
    command: sh -c 'cat /proc/sys/kernel/random/uuid >/began; exec sleep 1000'
    stop_grace_period: 0s
    develop: {watch: [{path: conf, action: sync+restart, target: /conf/}]}
YAML
	"$BERTH" compose watch --quiet >log 2>&1 3>&- &
	WATCHER=$!
	eventually grep -q "^Watch enabled" log || { cat log; return 1; }
	eventually inside other /began
	first=$(inside other /began)
	eventually is there inside web /app/there
	mkdir -p src/new/below src/node_modules
	echo a >src/new/below/a
	echo b >src/deep/b
	ln -s a src/new/below/link
	echo no | tee src/node_modules/x src/x.log src/hidden "src/y~" >/dev/null
	rm src/there
	eventually is a inside web /app/new/below/link
	eventually is b inside web /app/deep/b
	eventually is "" inside web /app/there
	[ "$(berth exec "$PROJECT-web-1" find /app -type f | sort | tr '\n' ' ')" = "/app/deep/b /app/hidden /app/new/below/a " ]
	echo tool >tools/tool
	eventually is tool inside web /all
	echo setting >conf/setting
	eventually grep -q '^Restarted service "other"' log
	is setting berth exec "$PROJECT-other-1" cat /conf/setting || { cat log; return 1; }
	eventually differs "$first" inside other /began
	# As editors write: another file in its place.
	echo two >version.new
	mv version.new version
	eventually is two inside web /version
	kill "$WATCHER"
	WATCHER=
	run ! berth compose watch nobody
	run ! "$BERTH" compose -f /dev/stdin -p "$PROJECT" watch <<<'services: {a: {image: busybox}}'
	fails_with 'has anything to watch'
}

@test "docker-compose v1 manages our projects, and we manage its own" {
	grep -q python "$(command -v docker-compose)" /dev/null || skip "docker-compose 1 is not installed"
	manage_each_other docker-compose
}

@test "docker compose v2 manages our projects, and we manage its own" {
	docker compose version >/dev/null 2>&1 || skip "docker has no compose plugin"
	manage_each_other docker compose
	# What neither has changed neither makes anew.
	both
	docker compose up -d
	local id
	id=$(compose ps -q a)
	compose up -d
	[ "$(compose ps -q a)" = "$id" ]
}
