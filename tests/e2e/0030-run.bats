#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# berth run: output, exit codes, environment, volumes, limits, ps, logs, wait, kill.

load helpers

setup_file() {
	start_with_image
}

teardown_file() {
	end_place
}

# bats test_tags=vm
@test "stdout and stderr arrive on stdout and stderr" {
	run -0 --separate-stderr berth run --rm busybox sh -c 'echo out; echo err >&2'
	[ "$output" = out ]
	# shellcheck disable=SC2154 # set by run
	[ "$stderr" = err ]
}

@test "the exit code of the program is the exit code of run" {
	for code in 0 1 42 255; do
		run "-$code" berth run --rm busybox sh -c "exit $code"
	done
	run -137 berth run --rm busybox sh -c 'kill -9 $$'
}

# bats test_tags=vm
@test "127 when the command is not found, 126 when it cannot be executed, 125 when berth is at fault" {
	run -127 berth run --rm busybox no-such-program
	[[ "$output" == *no-such-program* ]]
	run -127 berth run --rm busybox /bin/no-such-program
	run -126 berth run --rm busybox /etc/passwd
	[[ "$output" == */etc/passwd* ]]
	run -126 berth run --rm busybox /etc
	run -125 berth run --rm --pull never no-such-image true
	[[ "$output" == *no-such-image* ]]
	run -125 berth run --rm -v relative:/x:nonsense busybox true
}

@test "containers that could not start leave no files" {
	for _ in $(seq 16); do
		run -127 berth run --rm busybox no-such-program
	done
	none_left() { [ -z "$(ls "$DIR/data/containers")" ]; }
	eventually none_left
}

@test "a large output arrives whole and in order" {
	berth run --rm busybox seq 1 200000 >"$DIR/seq"
	seq 1 200000 | cmp - "$DIR/seq"
}

@test "bytes are not changed on the way" {
	berth run --rm busybox sh -c 'i=0; while [ $i -lt 256 ]; do printf "\\$(printf %03o $i)"; i=$((i + 1)); done' >"$DIR/bytes"
	[ "$(stat -c %s "$DIR/bytes")" = 256 ]
	python3 -c 'import sys; sys.exit(open(sys.argv[1], "rb").read() != bytes(range(256)))' "$DIR/bytes"
}

@test "-e and -w" {
	run -0 berth run --rm -e A=1 -e 'B=two words' -w /tmp/new busybox sh -c 'echo "$A $B $PWD"'
	[ "$output" = "1 two words /tmp/new" ]
	FROM_HERE=yes run -0 berth run --rm -e FROM_HERE busybox sh -c 'echo "$FROM_HERE"'
	[ "$output" = yes ]
}

# bats test_tags=vm
@test "-v binds a folder, read only when asked, and keeps a named volume" {
	mkdir -p "$DIR/folder"
	echo there >"$DIR/folder/file"
	run -0 berth run --rm -v "$DIR/folder:/mnt" busybox sh -c 'cat /mnt/file; echo back >/mnt/answer'
	[ "$output" = there ]
	[ "$(cat "$DIR/folder/answer")" = back ]
	run berth run --rm -v "$DIR/folder:/mnt:ro" busybox touch /mnt/x
	fails_with "Read-only"
	berth run --rm -v cache:/cache busybox sh -c 'echo kept >/cache/x'
	run -0 berth run --rm -v cache:/cache busybox cat /cache/x
	[ "$output" = kept ]
}

# bats test_tags=vm
@test "a container is alone: processes, hostname, mounts, network, capabilities" {
	run -0 berth run --rm busybox sh -c 'ps -o pid | wc -l'
	[ "$output" -lt 8 ]
	run -0 berth run --rm busybox hostname
	[ "$output" != "$(hostname)" ]
	run -0 berth run --rm busybox sh -c 'ls /sys/class/net'
	[ "$output" = lo ]
	run -0 berth run --rm busybox sh -c 'ping -c 1 -W 2 127.0.0.1 >/dev/null || ip link show lo'
	run berth run --rm busybox mount -t tmpfs none /mnt
	[ "$status" -ne 0 ]
	run berth run --rm busybox sh -c 'echo x >/proc/sysrq-trigger'
	[ "$status" -ne 0 ]
	run -0 berth run --rm busybox sh -c 'grep NoNewPrivs /proc/self/status'
	[[ "$output" == *1 ]]
	run -0 berth run --rm busybox sh -c 'grep ^Seccomp: /proc/self/status'
	[[ "$output" == *2 ]]
}

# bats test_tags=vm
@test "what a program makes is its own: umask 022" {
	run -0 berth run --rm busybox sh -c 'umask; touch /f; stat -c %a /f'
	[ "$(xargs <<<"$output")" = "0022 644" ]
}

@test "no descriptor of the daemon is open in a container" {
	run -0 berth run --rm busybox sh -c 'ls -l /proc/self/fd/ 2>/dev/null | grep -E "berth|socket:|anon_inode|memfd" || true'
	[ -z "$output" ]
}

# bats test_tags=vm
@test "zombies of the container are reaped" {
	run -0 berth run --rm busybox sh -c '(sleep 0.05 &) ; (true &); sleep 0.3; n=0; while [ "$n" -lt 100 ]; do
		ps -o stat,comm | grep -qE "^Z|sleep 0.05" || exit 0; n=$((n + 1)); sleep 0.1; done; ps -o stat,comm; exit 1'
}

# bats test_tags=vm
@test "-d prints the ID and returns; ps, wait, logs and kill know it" {
	id=$(berth run -d --name bg busybox sh -c 'echo started; exec sleep 1000')
	[[ "$id" =~ ^[0-9a-z-]+$ ]]
	run -0 berth ps
	[[ "$output" == *bg* ]]
	run -0 berth ps --json
	[ "$(jq -r '.[] | select(.name == "bg") | .image' <<<"$output")" = busybox ]
	eventually bash -c '"$BERTH" logs bg | grep -q started'
	run -0 berth kill bg
	exits_with 137 bg
}

@test "wait prints the exit code" {
	berth run -d --name seven busybox sh -c 'exit 7'
	exits_with 7 seven
}

@test "a name that is taken is refused" {
	berth run -d --name twice busybox sleep 1000
	run -125 berth run --name twice busybox true
	[[ "$output" == *twice* ]]
	berth kill twice
}

@test "something that is not there is named" {
	for command in logs wait kill job cancel; do
		run berth "$command" no-such-id
		fails_with no-such-id
	done
}

@test "logs: --tail and -f" {
	berth run -d --name talk busybox sh -c 'seq 1 100; while [ ! -e /tmp/go ]; do sleep 0.02; done; echo last'
	eventually bash -c '"$BERTH" logs talk | grep -qx 100'
	run -0 berth logs --tail 3 talk
	[ "$output" = $'98\n99\n100' ]
	"$BERTH" logs -f talk >"$DIR/followed" 3>&- &
	follower=$!
	eventually grep -qx 100 "$DIR/followed"
	berth kill talk
	wait "$follower"
}

# bats test_tags=vm
@test "the memory limit is kept, and the exit says so" {
	berth info --json | jq -e '.cgroup' >/dev/null
	run berth run --name hungry --memory 16m busybox sh -c 'head -c 64m /dev/zero | tail -c 64m >/dev/null'
	[ "$status" -eq 137 ] || [[ "$output" == *ut\ of\ memory* ]]
	run -0 berth ps --json --all
	[[ "$output" == *hungry* ]]
	run -125 berth run --rm --memory 64k busybox true
	[[ "$output" == *"its limit of 65536 bytes is too small"* ]]
}

# bats test_tags=vm
@test "a fork bomb stays within its pids limit and the host stays usable" {
	timeout 200 "$BERTH" run --network none -d --name bomb --pids 30 busybox sh -c 'b() { b | b & }; b; sleep 1000' 3>&-
	id=$(berth ps --json | jq -r '.[] | select(.name == "bomb") | .id' | cut -c 1-12)
	count() {
		grep -l "$id" /proc/[0-9]*/cgroup 2>/dev/null | wc -l
	}
	for _ in 1 2 3 4 5; do
		[ "$(count)" -le 40 ]
		run -0 berth run --rm busybox true
	done
	run -0 berth kill --signal KILL bomb
	eventually bash -c '! "$BERTH" ps | grep -q bomb'
}

# bats test_tags=vm
@test "--cpus gives a quota" {
	run -0 berth run --rm --cpus 0.5 busybox true
	run -125 berth run --rm --cpus nonsense busybox true
}

# bats test_tags=vm
@test "SIGTERM reaches the program" {
	berth run -d --name polite busybox sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.02; done'
	eventually bash -c '"$BERTH" logs polite | grep -q ready'
	run -0 berth kill --signal TERM polite
	exits_with 9 polite
}

@test "run goes on as detached when its client goes away" {
	"$BERTH" run --network none --name orphan busybox sh -c 'echo up; exec sleep 1000' >"$DIR/orphan" 3>&- &
	client=$!
	eventually grep -q up "$DIR/orphan"
	kill -9 "$client"
	run -0 berth ps
	[[ "$output" == *orphan* ]]
	berth kill orphan
}

# bats test_tags=vm
@test "--userns shifts the users: root in the container is nobody outside, and files keep their owners" {
	mkdir "$DIR/shared"
	run berth run --rm --userns -v "$DIR/shared:/v" busybox sh -c 'id -u; touch /v/file; stat -c %u /bin/busybox; cat /proc/self/uid_map'
	if [[ "$output" == *"user namespace"* && "$status" -eq 125 ]]; then
		skip "this kernel cannot shift the users of an overlay"
	fi
	succeeds
	[ "${lines[0]}" = 0 ]
	[ "${lines[1]}" = 0 ]
	[[ "${lines[2]}" =~ ^\ *0\ +1000[0-9]+\ +65536$ ]]
	[ "$(stat -c %u "$DIR/shared/file")" = 0 ]
	berth run -d --userns --name first busybox sleep 1000
	berth run -d --userns --name second busybox sleep 1000
	cat "/proc/$(berth ps --json | jq '.[] | select(.name == "first") | .pid')/uid_map" >"$DIR/first"
	cat "/proc/$(berth ps --json | jq '.[] | select(.name == "second") | .pid')/uid_map" >"$DIR/second"
	run cmp -s "$DIR/first" "$DIR/second"
	[ "$status" -ne 0 ]
}

# bats test_tags=vm
@test "a berth that runs in a chroot keeps its containers closed" {
	mkdir "$DIR/root"
	file=$(job_file chroot <<-'END'
		x-berth: {exit_with: client}
		services:
		  server:
		    image: busybox
		    command: ["sh", "-c", "touch /ready; exec sleep 1000"]
		    stop_grace_period: 100ms
		    healthcheck: {test: ["CMD", "test", "-e", "/ready"], interval: 50ms, retries: 20}
		  client:
		    image: busybox
		    command: ["true"]
		    depends_on: {server: {condition: service_healthy}}
		    x-berth: {kind: task}
	END
	)
	# The check runs in the mount namespace anew: it sees what the namespace's own root is.
	run -0 unshare --mount sh -c 'mount --rbind / "$1/root" && exec chroot "$1/root" sh -c "
		export BERTH_SOCKET=$1/chroot.sock
		$2 up --data $1/chroot --wait && $2 image import $3 busybox || exit 1
		timeout 100 $2 submit $4 --wait; status=\$?
		$2 down --all || exit 1
		exit \$status"' sh "$DIR" "$BERTH" "$(busybox_tar)" "$file"
}

@test "a file of the command line that is not there is named, and no image is asked for" {
	run -125 berth run --env-file "$DIR/none" nobody/has-this true
	[[ $output = *"$DIR/none\": No such file or directory"* && $output != *registry* ]]
	run -125 berth run --env-file "$DIR/none" --cidfile "$DIR/id" nobody/has-this true
	[[ $output = *"$DIR/none\": No such file"* && $output != *registry* ]]
	[ ! -e "$DIR/id" ]
}
