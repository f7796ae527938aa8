#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# berth's own commands for containers, volumes and networks.

load helpers

setup_file() {
	start_apart
	berth run -d --name idle busybox sleep 10000
}

teardown_file() {
	end_place
}

# in_terminal COMMAND...: with a terminal for all three streams; what it shows, without the carriage returns.
in_terminal() {
	script -qec "$(printf '%q ' "$BERTH" "$@")" /dev/null </dev/null | tr -d '\r'
	return "${PIPESTATUS[0]}"
}

@test "exec: output, exit codes, input, user, directory, environment" {
	run --separate-stderr berth exec idle sh -c 'echo out; echo err >&2; exit 3'
	[ "$status" = 3 ]
	[ "$output" = out ]
	[ "$stderr" = err ]
	run -127 berth exec idle no-such-command
	run -126 berth exec idle /etc
	run -125 berth exec nobody true
	fails_with 'nobody'
	[ "$(echo hi | berth exec -i idle cat)" = hi ]
	run berth exec -u 1000:7 -w /tmp -e A=b idle sh -c 'id -u; id -g; pwd; echo $A'
	[ "$output" = $'1000\n7\n/tmp\nb' ]
	berth exec -d idle touch /touched
	eventually berth exec idle test -e /touched
	run -125 berth exec -it idle true </dev/null
	fails_with 'not a terminal'
}

@test "exec: a terminal has its size and its exit code" {
	run in_terminal exec -it idle sh -c 'test -t 0 && test -t 1 && stty size; exit 5'
	[ "$status" = 5 ]
	[[ "$output" == *24\ 80* ]]
	run -125 berth exec --detach-keys ctrl-1 idle true
	fails_with 'ctrl-1'
}

@test "exec: the detach keys leave it running" {
	mkfifo "$DIR/keys"
	exec 8<>"$DIR/keys"
	printf '\x01x' >&8
	run script -qec "$BERTH exec -it --detach-keys ctrl-a,x idle sleep 1000" /dev/null <"$DIR/keys" 8>&-
	exec 8>&-
	[[ "$output" == *detached* ]]
	berth top idle | grep -q 'sleep 1000'
}

@test "run: only the streams that are named come here" {
	say='echo out; echo err >&2'
	[ "$(berth run --rm -a stdout busybox sh -c "$say" 2>"$DIR/err")" = out ]
	[ ! -s "$DIR/err" ]
	[ "$(berth run --rm -a STDERR busybox sh -c "$say; exit 0" 2>&1 >"$DIR/said")" = err ]
	[ ! -s "$DIR/said" ]
	run -3 --separate-stderr berth run --rm -a stdout -a stderr busybox sh -c "$say; exit 3"
	[ "$output/$stderr" = out/err ]
	# With the input alone the ID is what is printed.
	id=$(echo hello | berth run -i -a stdin busybox cat)
	[ "$(berth logs -f "$id")" = hello ]
	berth rm "$id"
	run -125 berth run --rm -a stdout -d busybox true
	fails_with '--detach'
	run -125 berth run --rm -a stdin busybox true
	fails_with '--interactive'
	run -125 berth run --rm -a stdboth busybox true
	fails_with 'stdboth'
}

@test "run with input, with a terminal, and what is wrong with it" {
	[ "$(echo hi | berth run --rm -i busybox cat)" = hi ]
	run -4 berth run --rm -l a=b busybox sh -c 'exit 4'
	run in_terminal run --rm -it busybox sh -c 'stty size; exit 9'
	[ "$status" = 9 ]
	[[ "$output" == *24\ 80* ]]
	run -127 berth run --rm -i busybox no-such-command
	run -125 berth run --rm -p 80:90-91 busybox true
	fails_with '80:90-91'
	run -125 berth run --rm --mount type=bind,from=/x busybox true
	fails_with '"from"'
	run -125 berth run --rm --ulimit nofile busybox true
	fails_with 'NAME=SOFT'
	run -125 berth run --rm --network nowhere busybox true
	fails_with nowhere
	[ "$(berth ps -aq)" = "$(berth inspect idle | jq -r '.[0].Id')" ]
}

@test "run: the network is bridge when nobody says more, by both ways to a container" {
	look='ip -o link | grep -c eth; hostname -i; grep -c "$(hostname)" /etc/hosts'
	for way in --rm "--rm -i"; do
		# shellcheck disable=SC2086 # two words
		run -0 "$BERTH" run $way busybox sh -c "$look"
		[[ "$output" == $'1\n172.'*$'\n'[12] ]]
		# shellcheck disable=SC2086
		run -1 "$BERTH" run $way --network none busybox sh -c 'ip -o link | grep eth'
	done
	"$BERTH" create --name later busybox true
	[ "$(berth inspect later | jq -r '.[0].HostConfig.NetworkMode')" = default ]
	berth rm later
}

@test "run: every kind of option reaches the container" {
	berth network create --subnet 10.77.0.0/24 shop
	berth run -d --name web --hostname shop1 --network shop --ip 10.77.0.9 --network-alias store -p 127.0.0.1:8085:80 --add-host far:1.2.3.4 \
		--restart on-failure:3 --ulimit nofile=20 --sysctl net.ipv4.ip_forward=0 --tmpfs /t:size=1m,noexec --mount type=tmpfs,dst=/m,tmpfs-size=1m \
		-v "$DIR:/host:ro" -v named:/vol --shm-size 1m --cap-drop ALL --init --stop-signal USR1 --stop-timeout 3 --health-cmd 'test -e /' \
		--health-interval 5m --log-opt max-size=1m --memory 64m --oom-score-adj 500 --cidfile "$DIR/cid" busybox sleep 10000
	run berth exec web sh -c 'ulimit -n; hostname; grep -c "1.2.3.4.far" /etc/hosts; grep CapEff /proc/self/status; cat /proc/1/comm; df -m /dev/shm | tail -n 1 | { read a b c; echo $b; }'
	[ "$output" = $'20\nshop1\n1\nCapEff:\t0000000000000000\n'"$(berth exec web cat /proc/1/comm)"$'\n1' ]
	[ "$(cat "$DIR/cid")" = "$(berth inspect web | jq -r '.[0].Id')" ]
	run -0 bash -c "'$BERTH' inspect web | jq -c '.[0] | [.HostConfig.RestartPolicy, .HostConfig.Memory, .Config.StopSignal, .Config.StopTimeout, .Config.Healthcheck.Interval, .HostConfig.OomScoreAdj, .NetworkSettings.Networks.shop.IPAddress, .HostConfig.LogConfig.Config, .HostConfig.PortBindings]'"
	[ "$output" = '[{"Name":"on-failure","MaximumRetryCount":3},67108864,"USR1",3,300000000000,500,"10.77.0.9",{"max-size":"1m"},{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"8085"}]}]' ]
	[ "$(berth port web 80)" = 127.0.0.1:8085 ]
	run -0 berth exec web mount
	[[ "$output" == *"on /host type"*"ro,"* && "$output" == *"tmpfs on /m "* && "$output" == *"on /vol "* ]]
	run -0 berth update --memory 32m --restart no web
	[ "$(berth inspect web | jq -c '.[0].HostConfig | [.Memory, .RestartPolicy.Name]')" = '[33554432,"no"]' ]
	# One kind of container, whatever was asked for.
	local look='grep -E "^(CapEff|NoNewPrivs)" /proc/self/status; cat /proc/1/comm'
	[ "$(berth run --rm -p 80 busybox sh -c "$look")" = "$(berth run --rm busybox sh -c "$look")" ]
	run -125 berth run --cidfile "$DIR/cid" busybox true
	fails_with cid
	berth rm -f web
	berth volume rm named
	berth network rm shop
}

@test "create, start, attach, rename, pause, restart, rm" {
	berth create --name once -i busybox sh -c 'cat; exit 3'
	run -3 berth start -ai once <<<hello
	[ "$output" = hello ]
	berth start idle
	berth create --name life busybox sleep 10000
	run berth attach life
	fails_with 'berth start -a life'
	berth start life
	run berth start -a life
	fails_with 'runs already'
	berth pause life
	run berth attach life
	fails_with 'berth unpause life'
	berth unpause life
	berth rename life death
	berth restart -t 0 death
	berth container inspect death | jq -e '.[0].State.Running'
	berth stop -s KILL death
	berth rm -v death
	run berth inspect death
	fails_with 'no container, image, network or volume'
	berth container prune -f
	run berth inspect --type container once
	fails_with once
}

@test "attach takes part, passes signals on and tells the exit code" {
	berth run -d --name talk busybox sh -c 'trap "echo got; exit 7" USR1; while :; do sleep 0.05; echo tick; done'
	"$BERTH" attach --no-stdin talk >"$DIR/talk" 3>&- 4>&- &
	local attached=$!
	eventually grep -q tick "$DIR/talk"
	kill -USR1 "$attached"
	ends_with 7 "$attached"
	grep -q got "$DIR/talk"
	berth rm talk
}

@test "top, diff, commit, export, and other names of commands" {
	berth top idle -o pid,args | grep -q 'sleep 10000'
	berth exec idle touch /new
	berth diff idle | grep -qx 'A /new'
	berth commit -m text -c 'CMD echo committed' idle team/idle:2
	[ "$(berth run --rm team/idle:2)" = committed ]
	berth images -q | grep -qx team/idle:2
	berth history team/idle:2
	berth rmi team/idle:2
	berth export -o "$DIR/idle.tar" idle
	tar tf "$DIR/idle.tar" | grep -qx new
	berth container ls -q
	run berth container lst
	fails_with 'container ls'
}

@test "volumes and networks" {
	[ "$(berth volume create -l a=b -o type=tmpfs -o device=tmpfs vol)" = vol ]
	[ "$(berth volume ls -q -f label=a=b)" = vol ]
	[ "$(berth volume inspect vol | jq -c '.[0] | [.Labels, .Options]')" = '[{"a":"b"},{"type":"tmpfs","device":"tmpfs"}]' ]
	run berth volume prune -a </dev/null
	fails_with --force
	berth volume prune -af | grep -qx vol
	run berth network create --gateway 10.78.0.1 net
	fails_with --subnet
	berth network create --subnet 10.78.0.0/24 --gateway 10.78.0.1 --internal -l a=b net
	[ "$(berth network inspect net | jq -c '.[0] | [.IPAM.Config[0].Gateway, .Internal, .Labels]')" = '["10.78.0.1",true,{"a":"b"}]' ]
	berth run -d --name guest --network bridge -v named:/n -v named:/r:ro --mount type=tmpfs,dst=/t \
		--mount "type=bind,src=$DIR,dst=/b,readonly" -v "$DIR:/c:rw,rslave" busybox sleep 10000
	[ "$(berth inspect guest | jq -c '[.[0].Mounts[] | [.Destination, .Mode]] | sort')" = '[["/b",""],["/c","rw,rslave"],["/n","z"],["/r","ro"],["/t",""]]' ]
	berth network connect --ip 10.78.0.7 --alias other net guest
	[ "$(berth inspect guest | jq -r '.[0].NetworkSettings.Networks.net.IPAddress')" = 10.78.0.7 ]
	berth network disconnect net guest
	berth kill guest
	berth network ls -q -f label=a=b | grep -q .
	berth network prune -f | grep -qx net
	berth wait guest
	local id
	id=$(berth inspect guest | jq -r '.[0].Id')
	berth system prune -f | grep -qx "$id"
	berth volume rm named
}

@test "a stream that is closed is no place to write into" {
	for words in version "compose version" ps "ps --json" "compose ls" "export idle" "save busybox" "exec idle echo"; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr sh -c 'exec "$@" >&-' sh "$BERTH" $words
		[ "$status" != 0 ]
		[[ "$stderr" == *"Bad file descriptor"* ]]
	done
	run -0 sh -c 'exec "$@" <&- 2>&-' sh "$BERTH" exec idle true
	run -0 sh -c 'exec "$@" <&- 2>&-' sh "$BERTH" ps
	run -1 --separate-stderr sh -c 'exec "$@" >/dev/full' sh "$BERTH" version
	[[ "$stderr" == *"No space left"* ]]
}

# Answers the first request with the head of a reply that never comes.
stalled_server() {
	exec python3 -c 'import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1] + ".new")
s.listen()
os.rename(sys.argv[1] + ".new", sys.argv[1])
c, _ = s.accept()
c.recv(65536)
c.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
c.recv(1)' "$1"
}

@test "cp: what is interrupted leaves nothing, and an empty name is told" {
	mkdir "$DIR/place"
	stalled_server "$DIR/stalled" 3>&- 4>&- &
	eventually test -S "$DIR/stalled"
	"$BERTH" --socket "$DIR/stalled" cp web:/a "$DIR/place/b" 3>&- 4>&- &
	pid=$!
	eventually compgen -G "$DIR/place/.berth-cp-*"
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	[ "$status" = 130 ]
	[ -z "$(ls -A "$DIR/place")" ]
	run -1 berth cp idle:/etc/passwd ""
	fails_with 'DST is empty'
}

@test "cp: files and directories, both ways, by their names and as tars" {
	mkdir -p "$DIR/site/sub"
	echo a >"$DIR/site/a"
	echo b >"$DIR/site/sub/b"
	ln -s a "$DIR/site/link"
	cd "$DIR"
	berth exec idle mkdir /there
	berth cp site idle:/there        # into what is there
	berth cp site idle:/fresh        # under a new name
	berth cp site/. idle:/there      # what it holds
	berth cp site/a idle:/there/name # a file under a new name
	run berth exec idle sh -c 'cat /there/site/sub/b /fresh/sub/b /there/a /there/name; readlink /there/site/link; stat -c %u /there/a'
	[ "$output" = $'b\nb\na\na\na\n0' ]
	berth cp idle:/fresh out
	berth cp idle:/fresh out
	berth cp idle:/fresh/. held
	berth cp idle:/fresh/a .
	berth cp -L idle:/fresh/link led
	[ "$(cat out/sub/b out/fresh/sub/b held/sub/b a led | tr -d '\n')" = bbbaa ]
	berth cp idle:/fresh - | tar t | grep -qx fresh/sub/b
	tar c -C site sub | berth cp - idle:/there
	berth exec idle test -e /there/sub/b
	run berth cp idle:/nothing .
	fails_with /nothing
	run berth cp site/a idle:/no/such/place
	fails_with /no/such
	run berth cp site idle:/there/name
	fails_with 'is no directory'
	run berth cp site out
	fails_with 'CONTAINER:PATH'
	[ -z "$(compgen -G "$DIR/.berth-cp*")" ]
}

@test "ps, images, events, logs and stats: filters, times and formats" {
	berth run --name said --label team=blue busybox sh -c 'echo one; echo two'
	[ "$(berth ps -a --filter label=team=blue --format '{{.Names}} {{.State}}')" = "said exited" ]
	[ "$(berth ps -l --no-trunc -q)" = "$(berth inspect said | jq -r '.[0].Id')" ]
	[ "$(berth ps -n 1 --format json | jq -r .Names)" = said ]
	berth ps -s --format 'table {{.Names}}\t{{.Size}}' | grep -q '^idle .*(virtual .*)$'
	[ "$(berth images --filter reference='busy*' --format '{{.Repository}}:{{.Tag}}')" = busybox:latest ]
	[ "$(berth logs --since 1h said)" = $'one\ntwo' ]
	[ -z "$(berth logs --until 1h said)" ]
	[ -z "$(berth logs --since 2099-01-01 said)" ]
	run -1 berth logs --since never said
	fails_with 'write 2024-05-01T10:00:00Z, 42m'
	run -1 berth logs -f --until 1h said
	fails_with 'not both'
	[ "$(berth events --filter container=said --filter event=start --filter event=die --format '{{.Action}} {{.Actor.Attributes.name}}')" = $'start said\ndie said' ]
	[ -z "$(berth events --since 2099-01-01T00:00:00Z)" ]
	run -1 berth ps --format '{{.Nope}}'
	fails_with 'there is no ".Nope" here'
	[ "$(berth stats --no-stream --format '{{.Name}}' idle)" = idle ]
	berth stats --no-stream | grep -qE '^ID +NAME +CPU % +MEM USAGE / LIMIT'
	berth stats --no-stream --json | jq -e '.Name == "idle" and (.PIDs | tonumber) >= 1'
	run -1 berth stats --no-stream nobody
	fails_with 'nobody'
	berth rm said
}

# What a container, its labels and its command say must not act on the terminal of whoever lists it; --raw shows that it would.
@test "A6: control bytes are shown, not sent, on a terminal" {
	local osc=$'\033]0;owned\007'
	berth run -d --name "painted" --label "l=$osc" busybox sh -c "printf '%s' '$osc'; sleep 1000; :" "$osc"
	eventually bash -c '"$BERTH" logs painted | grep -q owned'
	for command in "ps --no-trunc" "ps --format {{.Labels}}" "inspect painted" "logs painted" "events --until 0s" "top painted" "ps --json"; do
		# shellcheck disable=SC2086 # words
		in_terminal $command >"$DIR/shown"
		grep -q owned "$DIR/shown"
		run -1 grep -e $'\033]' -e $'\007' "$DIR/shown"
	done
	in_terminal logs --raw painted | grep -qF "$osc"
	berth kill painted
}
