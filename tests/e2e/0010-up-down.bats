#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# berth up and down: readiness, one holder of a data directory, the socket, signals.

# shellcheck disable=SC2030,SC2031 # each test has its own output

load helpers

setup() {
	new_place
}

teardown() {
	end_place
}

# bats test_tags=vm
@test "up returns when the daemon answers; down ends it" {
	run -0 start
	run -0 berth info --json
	[ "$(jq -r .data <<<"$output")" = "$DIR/data" ]
	[ "$(jq -r .socket <<<"$output")" = "$BERTH_SOCKET" ]
	[ "$(jq -r .containers.running <<<"$output")" = 0 ]
	pid=$(jq -r .pid <<<"$output")
	run -0 berth down
	eventually gone "$pid"
	[ ! -e "$BERTH_SOCKET" ]
	run berth info
	fails_with "berth up"
}

@test "up --wait is content with a daemon that runs already, and waits for one that comes" {
	"$BERTH" up --wait --data "$DIR/data" --timeout 60s >/dev/null 3>&- &
	first=$!
	"$BERTH" up --wait --data "$DIR/data" --timeout 60s >/dev/null 3>&-
	wait "$first"
	pid=$(daemon_pid)
	berth up --wait --data "$DIR/data"
	[ "$(daemon_pid)" = "$pid" ]
}

@test "the socket has mode 0660" {
	start
	[ "$(stat -c %a "$BERTH_SOCKET")" = 660 ]
}

@test "a second up on the same data says who holds it" {
	start
	pid=$(daemon_pid)
	run berth up --data "$DIR/data" --socket "$DIR/other.sock"
	fails_with "$DIR/data" "$pid"
	[ "$(daemon_pid)" = "$pid" ]
}

@test "up on a socket that another daemon serves is refused, and that daemon goes on" {
	start
	pid=$(daemon_pid)
	run berth up --data "$DIR/data2"
	fails_with "$BERTH_SOCKET"
	[ "$(daemon_pid)" = "$pid" ]
}

@test "a socket that a killed daemon left does not hinder the next one" {
	start
	kill -9 "$(daemon_pid)"
	eventually test -S "$BERTH_SOCKET"
	start
	run -0 berth info
}

@test "a data directory of a newer version is refused and tells both numbers" {
	start
	berth down
	python3 - "$DIR/data/berth.db" <<-'END'
		import sqlite3, sys
		db = sqlite3.connect(sys.argv[1])
		(version,) = db.execute('PRAGMA user_version').fetchone()
		assert version > 0
		db.execute('PRAGMA user_version = 999')
	END
	run berth up --data "$DIR/data"
	fails_with 999 newer
}

@test "a damaged database is refused by name" {
	start
	berth down
	head -c 65536 /dev/urandom >"$DIR/data/berth.db"
	run berth up --data "$DIR/data"
	fails_with "berth.db"
}

@test "a data directory that cannot be made is named" {
	touch "$DIR/file"
	run berth up --data "$DIR/file/data"
	fails_with "$DIR/file"
}

@test "a file that is not there is named first, and leaves nothing behind" {
	run -1 berth restore --data "$DIR/restored" "$DIR/nofile"
	[ "$output" = "berth: open \"$DIR/nofile\": No such file or directory" ]
	run -1 berth store copy "$DIR/nodata" "$DIR/copied"
	fails_with "there is no state in \"$DIR/nodata\""
	run -1 berth sim --data "$DIR/nodata"
	fails_with "there is no state in \"$DIR/nodata\""
	run -1 berth source add rack.yaml
	fails_with "--kind KIND or --file FILE is needed"
	run -1 berth source add --file "$DIR/nofile"
	fails_with "$DIR/nofile"
	run -1 berth up --data "$DIR/refused" --policy "$DIR/nofile"
	fails_with "--policy \"$DIR/nofile\"" "No such file"
	for left in restored copied nodata refused/berth.db; do
		[ ! -e "$DIR/$left" ]
	done
}

@test "--foreground tells systemd that it is ready, and SIGTERM ends it with 0" {
	cat >"$DIR/notify.py" <<-'END'
		import os, socket, subprocess, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1])
		s.settimeout(200)
		env = dict(os.environ, NOTIFY_SOCKET=sys.argv[1])
		p = subprocess.Popen(sys.argv[2:], env=env)
		words = s.recv(4096).decode()
		while 'READY=1' not in words:
		    words += s.recv(4096).decode()
		p.terminate()
		sys.exit(p.wait())
	END
	run -0 timeout 300 python3 "$DIR/notify.py" "$DIR/notify" "$BERTH" up --foreground --data "$DIR/data" --socket "$BERTH_SOCKET"
	[ ! -e "$BERTH_SOCKET" ]
}

# Nobody reads, and no byte more fits: with this it starts, works and ends, and what was dropped is told to the one who reads at last.
@test "standard error that nobody reads stops nothing, and how many lines were dropped is told" {
	mkfifo "$DIR/log"
	exec {log}<>"$DIR/log"
	dd if=/dev/zero of="$DIR/log" bs=4096 oflag=nonblock 2>/dev/null || true
	"$BERTH" up --foreground --data "$DIR/data" 2>"$DIR/log" 3>&- {log}>&- &
	pid=$!
	eventually berth info
	import_busybox
	[ "$(berth run --rm busybox echo hello)" = hello ]
	dd if="$DIR/log" of=/dev/null bs=65536 iflag=nonblock 2>/dev/null || true
	kill -TERM "$pid"
	wait "$pid"
	output=$(dd if="$DIR/log" bs=65536 iflag=nonblock 2>/dev/null || true)
	[[ $output = *" lines of this log were dropped: standard error did not take them"*"SIGTERM: stopping; containers go on"* ]]
	exec {log}>&-
}

# bats test_tags=vm
@test "down leaves containers running and the next up finds them; down --all ends them" {
	start
	import_busybox
	berth run -d --name sleeper busybox sleep 1000
	run -0 berth down
	start
	run -0 berth ps --json
	[ "$(jq -r '.[0].name' <<<"$output")" = sleeper ]
	[ "$(jq -r '.[0].state' <<<"$output")" = running ]
	run -0 berth down --all
	start
	run -0 berth ps --json
	[ "$(jq length <<<"$output")" = 0 ]
}

@test "down --for-reboot: containers end cleanly, and the next up begins again what its policy says" {
	start_with_image
	mkdir "$DIR/clean"
	for policy in always unless-stopped on-failure no stopped; do
		restart=$policy
		[ "$policy" != stopped ] || restart=unless-stopped
		# The stop signal is its own, as for systemd; it ends as who was asked to end.
		berth create --name "$policy" --restart "$restart" --stop-signal SIGRTMIN+3 -v "$DIR/clean:/clean" busybox sh -c \
			'trap "touch /clean/$0; exit 130" 37; touch "/clean/$0.up"; while :; do sleep 0.02; done' "$policy"
	done
	berth start always unless-stopped on-failure no stopped
	for policy in always unless-stopped on-failure no stopped; do
		eventually test -e "$DIR/clean/$policy.up"
	done
	berth stop stopped
	rm "$DIR/clean/"*
	# One that waits for its next life is begun again, too.
	berth run -d --name waiting --restart always busybox false
	eventually eval '[ "$(berth inspect waiting | jq ".[0].State.Restarting")" = true ]'
	berth down --for-reboot
	[ "$(cd "$DIR/clean" && echo *)" = "always no on-failure unless-stopped" ]
	[ -z "$(pgrep -f "berth-monitor.*$DIR" || true)" ]
	start
	[ "$(berth ps --format '{{.Names}}' | grep -v waiting | sort | xargs)" = "always on-failure unless-stopped" ]
	berth ps -a --format '{{.Names}} {{.Status}}' | grep -E '^waiting (Restarting|Up|Exited)'
	eventually eval '[ "$(berth inspect waiting | jq ".[0].RestartCount")" -ge 2 ]'
	berth rm -f waiting
	run berth down --all --for-reboot
	fails_with "for-reboot"
}

@test "a machine that was a node and is a server alone now is none any more, at once" {
	apart "$BERTH" up --data "$DIR/data" 3>&- 4>&-
	name=$(berth node ls --json | jq -r '.[0].name')
	berth down
	apart "$BERTH" server --data "$DIR/data" --agents 127.0.0.1 3>&- 4>&-
	eventually bash -c "$BERTH node inspect $name | jq -e '.[0] | .state == \"lost\" and .reason == \"the server runs without a node of its own now\"'"
	berth node rm "$name"
	berth down
	apart "$BERTH" up --data "$DIR/data" 3>&- 4>&-
	eventually bash -c "$BERTH node inspect $name | jq -e '.[0].state == \"free\"'"
}

# makes_nothing WORDS COMMAND...: it fails with these words, and the directory of its state is not made.
makes_nothing() {
	local words=$1
	shift
	run -1 "$BERTH" "$@" --data "$DIR/none" --socket "$DIR/none.sock"
	[[ $output = *"$words"* ]]
	[ ! -e "$DIR/none" ]
}

@test "what is wrong with options and files is said before anything is made" {
	echo junk >"$DIR/junk"
	chmod 644 "$DIR/junk"
	makes_nothing 'nofile": No such file' up --policy "$DIR/nofile"
	makes_nothing "the policy is not valid JSON" up --foreground --policy "$DIR/junk"
	makes_nothing "a PEM file is needed" up --listen tcp://127.0.0.1:7 --tls-cert "$DIR/junk" --tls-key "$DIR/junk" --tls-client-ca "$DIR/junk"
	makes_nothing "a token has 16 characters or more" up --listen tcp://127.0.0.1:7 --token-file "$DIR/junk"
	makes_nothing "whoever reaches it could be root here" up --listen tcp://127.0.0.1:7
	makes_nothing "unix:///PATH or fd://" up --listen here
	makes_nothing "a port is a number" up --listen tcp://127.0.0.1:99999 --token-file "$DIR/junk"
	makes_nothing '"wire" is no network' up --network wire
	makes_nothing '"a b" is no name for a node' up --node-name "a b"
	makes_nothing '--store: there is no store of the kind "here"' server --store here
	makes_nothing '/nofile": No such file' server --store "etcds://127.0.0.1:1/x?ca=$DIR/nofile"
	makes_nothing '--authority-secret: "'"$DIR"'/junk" is readable by others' server --authority-secret "$DIR/junk"
	makes_nothing '--agents: "here:there": a port is a number' server --agents here:there
	makes_nothing 'a token begins with "berth1."' agent --server 127.0.0.1 --token "@$DIR/junk"
	makes_nothing "this machine has not joined a cluster yet" agent --server 127.0.0.1
}
