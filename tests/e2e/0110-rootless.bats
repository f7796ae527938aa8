#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# berth of an ordinary user: what works as for root, what a single user's map can do, limits, recovery, and that nothing stays.
#
# The user is a number that nobody has; its name and its ranges stand in copies of the system's files, which are mounted over them for its
# processes alone.

load helpers

# Not those of a run of these tests beside this one.
ORDINARY=$((100000000 + BATS_ROOT_PID))
FIRST=$((1000000000 + BATS_ROOT_PID % 32768 * 65536)) # of its range

setup() {
	[ "$(id -u)" -eq 0 ] || skip "only root can become another user"
	[ -x /usr/bin/newuidmap ] || skip "newuidmap is not installed (Debian package uidmap)"
	new_place
	mkdir "$DIR/etc"
	cp /etc/passwd "$DIR/etc/passwd"
	echo "berth-user:x:$ORDINARY:$ORDINARY::$DIR:/bin/sh" >>"$DIR/etc/passwd"
	echo "somebody:100000:65536" | tee "$DIR/etc/subuid" >"$DIR/etc/subgid"
	# The tree may be where an ordinary user cannot go.
	install -m 755 "$BERTH" "$DIR/berth"
	chown "$ORDINARY:$ORDINARY" "$DIR"
}

teardown() {
	[ -z "${DIR:-}" ] || end_place
	eventually no_process
	[ -z "${GROUP_DIR:-}" ] || remove_group
	for pid in ${OUTSIDE:-} ${MACHINE:-} ${INSIDER:-}; do
		kill "$pid"
		wait "$pid" || true
	done
}

give_ranges() {
	echo "berth-user:$FIRST:65536" >>"$DIR/etc/subuid"
	echo "$ORDINARY:$FIRST:65536" >>"$DIR/etc/subgid" # a number will do, too
}

# as_user COMMAND...: with PREPARE, a command of root's in its mount namespace; ENTER, one that runs it elsewhere; GROUPS_TOO, further groups.
as_user() {
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount sh -c '
		for file in passwd subuid subgid; do
			mount --bind "$DIR/etc/$file" "/etc/$file" || exit 125
		done
		eval "${PREPARE:-}" || exit 125
		groups=--clear-groups
		[ -z "${GROUPS_TOO:-}" ] || groups=--groups=$GROUPS_TOO
		exec ${ENTER:-} setpriv --reuid '"$ORDINARY"' --regid '"$ORDINARY"' "$groups" env -i HOME="$DIR" PATH="$DIR:$PATH" \
			TMPDIR="$DIR" ASAN_OPTIONS="$ASAN_OPTIONS" UBSAN_OPTIONS="$UBSAN_OPTIONS" BERTH="$DIR/berth" \
			${BERTH_SOCKET:+BERTH_SOCKET="$BERTH_SOCKET"} "$@"' sh "$@"
}

# What the helpers call.
berth() {
	as_user "$DIR/berth" "$@"
}

# Only the tests of networks pay for one.
start() {
	berth up --data "$DIR/data" --network "${NETWORK:-none}" 3>&- 4>&-
}

start_as_user() {
	start
	berth image import - busybox <"$(busybox_tar)" >"$DIR/import.log"
}

# A root filesystem in which user 1000 owns something.
import_owned() {
	mkdir -p "$DIR/root/bin" "$DIR/root/home/ann"
	cp /bin/busybox "$DIR/root/bin/busybox"
	for name in sh id stat cat; do ln -s busybox "$DIR/root/bin/$name"; done
	echo hers >"$DIR/root/home/ann/file"
	ln -s file "$DIR/root/home/ann/link"
	mkfifo "$DIR/root/home/ann/fifo"
	tar -C "$DIR/root" --owner=1000 --group=1000 -cf - . | berth image import - owned >"$DIR/import.log"
}

# The processes of the user and of its range, but for those that nobody reaps.
processes() {
	cat /proc/[0-9]*/status 2>/dev/null | awk -v user="$ORDINARY" -v first="$FIRST" '
		/^Name:/ { name = $2 }
		/^State:/ { state = $2 }
		/^Pid:/ { pid = $2 }
		/^Uid:/ && state != "Z" && state != "X" && ($2 == user || ($2 >= first && $2 < first + 65536)) { print pid, name }
	'
}

no_process() {
	[ -z "$(processes)" ]
}

# Of this test alone: others may be at work on the machine.
nothing_left() {
	eventually no_process
	run "$TOP/tools/check_leftovers" compare "$DIR/before" "$DIR/"
	succeeds
}

@test "a user with ranges: root and other users in containers are numbers of its own" {
	give_ranges
	run start
	succeeds
	[[ "$output" != *warning* ]]
	berth image import - busybox <"$(busybox_tar)"
	run -0 berth run --rm busybox sh -c 'id -u; id -g; id -G; cat /proc/self/uid_map /proc/self/gid_map'
	[ "$(head -n 3 <<<"$output" | xargs)" = "0 0 0" ]
	[ "$(sed -n '4,$p' <<<"$output" | xargs)" = "0 $ORDINARY 1 1 $FIRST 65536 0 $ORDINARY 1 1 $FIRST 65536" ]
	run -0 berth run --rm --user 1000:50 busybox sh -c 'id -u; id -g; touch /tmp/mine; stat -c %u:%g /tmp/mine'
	[ "$(xargs <<<"$output")" = "1000 50 1000:50" ]
	run -0 berth run --rm busybox sh -c 'touch /f && chown 33:44 /f && stat -c %u:%g /f'
	[ "$output" = 33:44 ]
	# The processes of root in the container are the user's.
	berth run -d --name sleeper busybox sleep 1000
	[ "$(stat -c %u "/proc/$(berth ps --json | jq -r '.[0].pid')")" = "$ORDINARY" ]
	[ "$(stat -c %u:%a "$BERTH_SOCKET")" = "$ORDINARY:600" ]
}

@test "exit codes, output and a host name as for root" {
	give_ranges
	start_as_user
	run -0 --separate-stderr berth run --rm busybox sh -c 'echo out; echo err >&2'
	[ "$output" = out ]
	# shellcheck disable=SC2154 # set by run
	[ "$stderr" = err ]
	for code in 0 1 42 255; do
		run "-$code" berth run --rm busybox sh -c "exit $code"
	done
	run -137 berth run --rm busybox sh -c 'kill -9 $$'
	run -127 berth run --rm busybox no-such-program
	run -126 berth run --rm busybox /etc/passwd
	run -0 berth run --rm busybox sh -c 'for d in null zero full random urandom tty; do test -c /dev/$d || echo no $d; done; head -c 4 /dev/zero | wc -c'
	[ "$output" = 4 ]
	run -0 berth run --rm busybox sh -c 'mknod /x c 1 3; mount -t tmpfs none /mnt; echo >/proc/sys/kernel/hostname; true'
	[ "$(grep -c -i "not permitted\|read-only\|denied" <<<"$output")" = 3 ]
}

@test "groups of the user are not in containers" {
	give_ranges
	GROUPS_TOO=4,54400 start_as_user
	run -0 berth run --rm busybox sh -c 'grep Groups: /proc/self/status'
	[ "$(xargs <<<"$output")" = "Groups: 0" ]
}

@test "owners of files in an image are kept, and are numbers of the range outside" {
	give_ranges
	start
	import_owned
	run -0 berth run --rm owned sh -c 'cd /home/ann; stat -c %u:%g . file link fifo'
	[ "$(xargs <<<"$output")" = "1000:1000 1000:1000 1000:1000 1000:1000" ]
	[ "$(stat -c %u:%g "$DIR"/data/images/layers/*/fs/home/ann/file)" = "$((FIRST + 999)):$((FIRST + 999))" ]
}

@test "a user without ranges: one user, with a warning that says what to type" {
	run start
	succeeds
	[[ "$output" == *warning*"/etc/subuid and /etc/subgid"*"usermod --add-subuids 165536-231071 --add-subgids 165536-231071 berth-user"* ]]
	[ "$(grep -c "usermod" "$DIR/data/berth.log")" = 1 ]
	import_owned
	[ "$(grep -c 'image "owned:latest"' "$DIR/data/berth.log")" = 1 ]
	run -0 berth run --rm owned sh -c 'id -u; cat /proc/self/uid_map; cat /home/ann/file; cd /home/ann; stat -c %u:%g . file link fifo'
	[ "$(xargs <<<"$output")" = "0 0 $ORDINARY 1 hers 0:0 0:0 0:0 0:0" ]
	run -125 berth run --rm --user 1000 owned sh -c true
	[[ "$output" == *"1000"*"user namespace"* ]]
}

@test "a user with ranges but without newuidmap is told to install it" {
	give_ranges
	mkdir "$DIR/upper" "$DIR/work"
	export PREPARE='mount -t tmpfs none "$DIR/work" && mkdir "$DIR/work/u" "$DIR/work/w" &&
		mount -t overlay -o "lowerdir=/usr/bin,upperdir=$DIR/work/u,workdir=$DIR/work/w" none /usr/bin && rm /usr/bin/newuidmap'
	run start
	unset PREPARE
	succeeds
	[[ "$output" == *warning*"apt-get install uidmap"* ]]
	berth image import - busybox <"$(busybox_tar)"
	run -0 berth run --rm busybox sh -c 'cat /proc/self/uid_map'
	[ "$(xargs <<<"$output")" = "0 $ORDINARY 1" ]
}

@test "ranges that cannot be mapped: the words of newuidmap are told" {
	# The user itself would be in there twice.
	echo "$ORDINARY:$((ORDINARY - 1)):10" | tee "$DIR/etc/subuid" >"$DIR/etc/subgid"
	run start
	succeeds
	[[ "$output" == *warning*newuidmap*"Invalid argument"* ]]
	berth image import - busybox <"$(busybox_tar)"
	run -0 berth run --rm busybox id -u
	[ "$output" = 0 ]
}

@test "a limit that cannot be enforced is refused with the reason; the default limit is left out" {
	give_ranges
	start_as_user
	[ "$(berth info --json | jq -r .cgroup)" = none ] || skip "this machine gives cgroups to everybody"
	for limit in "--memory 64m" "--cpus 0.5" "--pids 20" "--pids 4096"; do
		# shellcheck disable=SC2086 # two words
		run -125 berth run --rm $limit busybox true
		[[ "$output" == *"cannot limit"*"an ordinary user without a delegated cgroup"* ]]
	done
	run -125 berth run --rm --userns busybox true
	[[ "$output" == *"user namespace"* ]]
	run -0 berth run --rm busybox true
}

@test "deleted and replaced folders of the image stay deleted and replaced" {
	give_ranges
	start_as_user
	berth run --name c busybox sh -c 'rm -rf /home && mkdir /home && touch /home/new && mv /bin /bin2 && /bin2/busybox ls /home && ! test -e /bin/busybox' >"$DIR/out"
	[ "$(cat "$DIR/out")" = new ]
}

@test "binds are the user's with the user's rights; volumes are kept; read-only roots" {
	give_ranges
	start_as_user
	mkdir "$DIR/bind" "$DIR/secret"
	echo text >"$DIR/bind/in"
	echo secret >"$DIR/secret/file"
	chmod 700 "$DIR/secret"
	chown -R "$ORDINARY:$ORDINARY" "$DIR/bind"
	run -0 berth run --rm -v "$DIR/bind:/b" busybox sh -c 'cat /b/in; stat -c %u /b/in; echo x >/b/out; chown 7 /b/out'
	[ "$(xargs <<<"$output")" = "text 0" ]
	[ "$(stat -c %u "$DIR/bind/out")" = "$((FIRST + 6))" ]
	run berth run --rm -v "$DIR:/b" busybox cat /b/secret/file
	fails_with "ermission denied"
	run berth run --rm -v "$DIR/bind:/b:ro" busybox touch /b/no
	fails_with "ead-only"
	run berth run --rm --read-only busybox touch /no
	fails_with "ead-only"
	berth run --rm -v vol:/v busybox sh -c 'echo kept >/v/f; chown 5:5 /v/f'
	run -0 berth run --rm -v vol:/v busybox sh -c 'cat /v/f; stat -c %u:%g /v/f'
	[ "$(xargs <<<"$output")" = "kept 5:5" ]
}

@test "a job with spaces, retries and a health check" {
	give_ranges
	start_as_user
	mkdir "$DIR/in"
	echo a b c >"$DIR/in/words"
	file=$(job_file job <<-'END'
		x-berth: {spaces: {input: {}, output: {}, work: {}}}
		services:
		  count:
		    image: busybox
		    command: ["sh", "-c", "wc -w <words >count; chown 3 count"]
		    x-berth:
		      stage_in: [{space: input}]
		      stage_out: [{space: work, include: [count]}]
		  server:
		    image: busybox
		    command: ["sh", "-c", "touch /ready; exec sleep 1000"]
		    stop_grace_period: 100ms
		    healthcheck: {test: ["CMD", "test", "-e", "/ready"], interval: 100ms, timeout: 10s, retries: 100}
		  done:
		    image: busybox
		    user: "1000"
		    command: ["sh", "-c", "cp count result"]
		    depends_on:
		      count: {condition: service_completed_successfully}
		      server: {condition: service_healthy}
		    x-berth:
		      kind: task
		      stage_in: [{space: work}]
		      stage_out: [{space: output, include: [result]}]
	END
	)
	sed -i '1s/x-berth: {/x-berth: {exit_with: done, /' "$file"
	run -0 berth submit "$file" --input "$DIR/in" --output "$DIR/out" --wait
	[ "$(xargs <"$DIR/out/result")" = 3 ]
	[ "$(stat -c %u "$DIR/out/result")" = "$ORDINARY" ]
}

# A Dockerfile with what an ordinary user may stumble over: owners, deleted folders, mounts, another user.
build_context() {
	mkdir "$DIR/ctx"
	cp /bin/busybox "$DIR/ctx/"
	echo secret >"$DIR/ctx/token"
	cat >"$DIR/ctx/Dockerfile" <<-END
		FROM scratch AS base
		COPY --chmod=755 busybox /bin/busybox
		RUN ["/bin/busybox", "--install", "-s", "/bin"]
		FROM base
		$1
		RUN mkdir -p /d/old && rm -rf /bin/ash /d && mkdir /d && echo new >/d/new
		RUN --mount=type=cache,target=/c --mount=type=secret,id=t --mount=type=tmpfs,target=/t --mount=type=bind,target=/ctx \\
			cp /run/secrets/t /c/kept && cp /c/kept /got && cp /ctx/token /bound && touch /t/x
		RUN ls /d; test ! -e /d/old; test ! -e /t/x; cat /got
	END
	chown -R "$ORDINARY" "$DIR/ctx"
}

@test "an ordinary user builds, with ranges" {
	give_ranges
	build_context 'COPY --chown=33:44 token /owned
		RUN test "$(stat -c %u:%g /owned)" = 33:44 && chown 55:66 /owned
		USER 1000:50
		RUN test "$(id -u):$(id -g)" = 1000:50
		USER 0'
	run -0 berth build --network none --data "$DIR/data" --progress plain --secret "id=t,src=$DIR/ctx/token" -t built "$DIR/ctx"
	[[ "$output" == *" new"*" secret"* ]]
	run -0 berth build --network none --data "$DIR/data" --progress plain --secret "id=t,src=$DIR/ctx/token" -t built "$DIR/ctx"
	[[ "$output" != *DONE* ]]
	[ "$(stat -c %u:%g "$DIR"/data/images/layers/*/fs/owned | sort | xargs)" = "$((FIRST + 32)):$((FIRST + 43)) $((FIRST + 54)):$((FIRST + 65))" ]
	# The daemon runs it, and what goes out has the owners that it has inside.
	start
	run -0 berth run --rm built stat -c %u:%g /owned
	[ "$output" = 55:66 ]
	berth save --data "$DIR/data" built | tar -xf - -C "$DIR/etc"
	for blob in "$DIR"/etc/blobs/sha256/*; do tar --numeric-owner -tvf "$blob" owned 2>/dev/null || true; done | grep -q ' 55/66 '
}

@test "an ordinary user builds, without ranges" {
	build_context 'COPY token /owned'
	run -0 berth build --network none --data "$DIR/data" --progress plain --secret "id=t,src=$DIR/ctx/token" -o "$DIR/out" "$DIR/ctx"
	[[ "$output" == *" new"*" secret"* ]]
	[ "$(stat -c %u "$DIR/out/owned" "$DIR/out/d/new" | xargs)" = "$ORDINARY $ORDINARY" ]
	[ ! -e "$DIR/out/bin/ash" ]
	# There is no number 1000, which is told; the file is the user's.
	printf 'FROM scratch\nCOPY --chown=1000 token /f\n' >"$DIR/ctx/Dockerfile"
	run -0 berth build --network none --data "$DIR/data" -o "$DIR/one" "$DIR/ctx"
	[[ "$output" == *"user 0 and group 0 alone"*"usermod --add-subuids"* ]]
	[ "$(stat -c %u "$DIR/one/f")" = "$ORDINARY" ]
}

# bats test_tags=once
@test "the whole demo, with ranges and without" {
	mkdir "$DIR/tree" "$DIR/texts"
	cp -r "$TOP/tools" "$TOP/examples" "$DIR/tree"
	head -c 200000 "$(busybox_tar)" >"$DIR/texts/binary file"
	seq 3000 | sed 's/.*/words and Another of &/' | tr 0-9 a-j >"$DIR/texts/text"
	for ranges in no yes; do
		[ "$ranges" = no ] || give_ranges
		run -0 as_user env -u BERTH_SOCKET INPUT="$DIR/texts" PARTS=3 "$DIR/tree/tools/demo"
		[[ "${lines[-1]}" == "demo: ok, "* ]]
		[ -z "$(compgen -G "$DIR/berth-demo.*")" ]
	done
}

# bats test_tags=once
@test "an interrupted demo leaves nothing" {
	"$TOP/tools/check_leftovers" snapshot "$DIR/before"
	mkdir "$DIR/tree"
	cp -r "$TOP/tools" "$TOP/examples" "$DIR/tree"
	# Enough to be at it when the signal comes, on any machine.
	mkdir "$DIR/texts"
	yes "so many words of a text that is long" | head -c 60000000 >"$DIR/texts/long"
	give_ranges
	for signal in INT TERM; do
		# Not what the last one has written.
		rm -f "$DIR/runner"
		# shellcheck disable=SC2016 # for the inner shell
		as_user env -u BERTH_SOCKET INPUT="$DIR/texts" sh -c 'echo $$ >"$HOME/runner"; exec setsid env --default-signal=INT,QUIT "$0"' \
			"$DIR/tree/tools/demo" >"$DIR/demo.$signal" 2>&1 3>&- &
		eventually grep -q "split: running" "$DIR/demo.$signal"
		kill "-$signal" -- "-$(cat "$DIR/runner")"
		wait "$!" || true
		[[ "$(tail -n 1 "$DIR/demo.$signal")" == "demo: failed: "* ]]
		[ -z "$(compgen -G "$DIR/berth-demo.*")" ]
		nothing_left
	done
}

@test "containers outlive a killed daemon; the next one finds them in their own user namespace" {
	give_ranges
	start_as_user
	berth run -d --name one busybox sh -c 'trap "exit 3" TERM; echo up; while :; do sleep 0.1; done'
	berth run -d --name two busybox sleep 1000
	pid=$(daemon_pid)
	kill -9 "$pid"
	eventually gone "$pid"
	start
	[ "$(berth ps --json | jq '[.[] | select(.state == "running")] | length')" = 2 ]
	eventually eval '[ "$(berth logs one)" = up ]'
	berth stop one
	exits_with 3 one
	berth kill two
	exits_with 137 two
	run -0 berth run --rm busybox true
	berth rm one two
	# shellcheck disable=SC2317 # eventually calls it
	none_left() { [ -z "$(ls "$DIR/data/containers")" ]; }
	eventually none_left
}

@test "a container whose monitor is killed ends with it" {
	give_ranges
	start_as_user
	berth run -d --name lost busybox sleep 1000
	pid=$(berth ps --json | jq -r '.[0].pid')
	kill -9 "$(awk '/^PPid/ { print $2 }' "/proc/$pid/status")"
	eventually gone "$pid"
	is_lost() { [ "$(berth ps --all --json | jq -r '.[0].state')" = lost ]; }
	eventually is_lost
}

@test "down --all leaves nothing but files, and the user can remove these" {
	"$TOP/tools/check_leftovers" snapshot "$DIR/before"
	give_ranges
	start_as_user
	berth run -d busybox sh -c 'mkdir -p /d/d; chown -R 9 /d; chmod 0 /d; exec sleep 1000'
	berth run busybox sh -c 'mkdir -p /d/d; chown -R 9 /d; chmod 0 /d'
	import_owned
	berth down --all
	nothing_left
	as_user unshare --map-auto --map-root-user rm -rf "$DIR/data"
	[ ! -e "$DIR/data" ]
}

@test "the daemons of root and of an ordinary user do not mind each other" {
	give_ranges
	start_as_user
	apart "$DIR/berth" up --data "$DIR/root-data" --socket "$DIR/root.sock" 3>&- 4>&-
	"$DIR/berth" --socket "$DIR/root.sock" image import "$(busybox_tar)" busybox
	[ "$("$DIR/berth" --socket "$DIR/root.sock" run --rm busybox id -u)" = 0 ]
	[ "$(berth run --rm busybox id -u)" = 0 ]
	# Who may use root's socket, and not open its data, asks root's daemon.
	chgrp "$ORDINARY" "$DIR/root.sock"
	chmod 660 "$DIR/root.sock"
	theirs=(berth --socket "$DIR/root.sock")
	[ "$("${theirs[@]}" system df --json | jq -c '[.images[].name]')" = '["busybox:latest"]' ]
	[ "$("${theirs[@]}" image ls -q)" = busybox:latest ]
	"${theirs[@]}" image inspect busybox | jq -e '.parts | length == 1'
	"${theirs[@]}" image history busybox | grep -q LAYER
	run -125 --separate-stderr "${theirs[@]}" run --rm 127.0.0.1:1/no true
	fails_with "berth pulls 127.0.0.1:1/no" "image no:latest: "
	"$DIR/berth" --socket "$DIR/root.sock" down --all
	[ "$(berth run --rm busybox id -u)" = 0 ]
}

@test "data and socket have their places in the user's folders" {
	give_ranges
	default=$BERTH_SOCKET
	unset BERTH_SOCKET
	as_user "$DIR/berth" up
	[ -S "$DIR/.local/share/berth/berth.sock" ]
	[ "$(as_user "$DIR/berth" info --json | jq -r .data)" = "$DIR/.local/share/berth" ]
	# found also from a session that has a runtime directory
	mkdir "$DIR/run" "$DIR/share"
	chown "$ORDINARY" "$DIR/run" "$DIR/share"
	as_user env XDG_RUNTIME_DIR="$DIR/run" "$DIR/berth" info
	as_user "$DIR/berth" down
	as_user env XDG_RUNTIME_DIR="$DIR/run" XDG_DATA_HOME="$DIR/share" "$DIR/berth" up
	[ -S "$DIR/run/berth.sock" ]
	[ -d "$DIR/share/berth/containers" ]
	as_user env XDG_RUNTIME_DIR="$DIR/run" "$DIR/berth" down
	for words in "up --socket $default" sim "backup x" "restore x" "save x"; do
		# shellcheck disable=SC2086 # words
		run -1 as_user env -u HOME -u BERTH_SOCKET "$DIR/berth" $words
		fails_with --data HOME
	done
	long=$DIR/$(printf 'x%.0s' {1..100})
	run as_user env XDG_RUNTIME_DIR="$long" "$DIR/berth" up
	fails_with "$long" bytes
	export BERTH_SOCKET=$default
}

@test "where user namespaces cannot be had the reason is told" {
	# shellcheck disable=SC2016 # for the inner shell
	run as_user unshare --map-root-user sh -c 'echo 0 >/proc/sys/user/max_user_namespaces &&
		exec setpriv --bounding-set=-all --inh-caps=-all "$BERTH" up --data "$HOME/data"'
	fails_with "user namespace" max_user_namespaces
}

# ---- a delegated cgroup ----

unified() {
	awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts
}

remove_group() {
	find "$GROUP_DIR" -depth -type d -exec rmdir {} +
}

@test "a daemon in another cgroup takes away what one before it left in its own" {
	top=$(unified)
	[ -n "$top" ] || skip "this machine has no version 2 of cgroups"
	GROUP_DIR=$top/e2e-delegated.$$
	mkdir -p "$GROUP_DIR"/{old,new}
	chown "$ORDINARY" "$GROUP_DIR"/{,old,new} "$GROUP_DIR"/{,old/,new/}cgroup.{procs,subtree_control,threads}
	give_ranges
	PREPARE="echo \$\$ >$GROUP_DIR/old/cgroup.procs" start_as_user
	berth run -d --name lost busybox sleep 1000
	berth run -d --name ended busybox sleep 1000
	running() { [ "$(berth ps --json | jq '[.[] | select(.state == "running")] | length')" = "$1" ]; }
	eventually running 2
	pid=$(daemon_pid)
	kill -9 "$pid"
	eventually gone "$pid"
	PREPARE="echo \$\$ >$GROUP_DIR/new/cgroup.procs" start
	monitor=$(awk '/^PPid/ { print $2 }' "/proc/$(berth ps --json | jq -r '.[] | select(.name == "lost") | .pid')/status")
	kill -9 "$monitor"
	only_one() { [ "$(find "$GROUP_DIR/old/berth" -mindepth 1 -type d | wc -l)" = 1 ]; }
	eventually only_one
	berth kill ended
	old_gone() { [ ! -e "$GROUP_DIR/old/berth" ]; }
	eventually old_gone
	run -0 berth run --rm busybox true
	berth down --all
	[ ! -e "$GROUP_DIR/new/berth" ]
}

@test "a delegated cgroup of version 2 is used" {
	top=$(unified)
	[ -n "$top" ] || skip "this machine has no version 2 of cgroups"
	GROUP_DIR=$top/e2e-delegated.$$
	mkdir "$GROUP_DIR"
	echo "+memory +pids +cpu" >"$top/cgroup.subtree_control" 2>/dev/null || true
	chown "$ORDINARY" "$GROUP_DIR" "$GROUP_DIR"/cgroup.{procs,subtree_control,threads}
	give_ranges
	PREPARE="echo \$\$ >$GROUP_DIR/cgroup.procs" start_as_user
	[ "$(berth info --json | jq -r .cgroup)" = v2 ]
	berth run -d --name inside busybox sh -c 'sleep 1000 & sleep 1000'
	# The shell, and the two that it has begun.
	all_three() { [ "$(wc -l <"$GROUP_DIR/berth/$(berth ps --json | jq -r '.[0].id')/cgroup.procs")" = 3 ]; }
	eventually all_three
	run -0 berth run --rm busybox true
	if grep -qw memory "$GROUP_DIR/cgroup.controllers"; then
		run -137 berth run --rm --memory 16m busybox sh -c 'head -c 64m /dev/zero | tail -c 64m | wc -c; exit 137'
		[[ "$output" != *67108864* ]]
		run berth run --rm --pids 5 busybox sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; wait'
		fails_with "fork"
	else
		run -125 berth run --rm --memory 16m busybox true
		[[ "$output" == *"cannot limit memory"* ]]
	fi
	berth down --all
	[ ! -e "$GROUP_DIR/berth" ]
}

# ---- networks ----

# A machine with one neighbour: two namespaces. Both have a server on port 80, the machine's on its loopback alone; the neighbour knows all names.
make_machine() { # PROGRAM
	[ -x "/usr/bin/$1" ] || skip "$1 is not installed"
	setpriv --pdeathsig KILL unshare --net "$TOP/tests/lib/neighbour" "$BATS_TEST_TMPDIR/outside" 10.99.0.2 3>&- &
	OUTSIDE=$!
	eventually [ -s "$BATS_TEST_TMPDIR/outside" ]
	setpriv --pdeathsig KILL unshare --net sleep infinity 3>&- &
	MACHINE=$!
	eventually other_network "$MACHINE"
	in_machine ip link set lo up
	in_machine ip link add v0 type veth peer name v1 netns "$OUTSIDE" || skip "this kernel has no veth"
	in_machine ip address add 10.99.0.1/24 dev v0
	in_machine ip link set v0 up
	nsenter --net="/proc/$OUTSIDE/ns/net" sh -c 'ip address add 10.99.0.2/24 dev v1 && ip link set v1 up'
	in_machine ip route add default via 10.99.0.2
	setpriv --pdeathsig KILL nsenter --net="/proc/$MACHINE/ns/net" "$TOP/tests/lib/neighbour" "$BATS_TEST_TMPDIR/insider" 127.0.0.1 3>&- &
	INSIDER=$!
	eventually [ -s "$BATS_TEST_TMPDIR/insider" ]
	printf 'search example\nnameserver 127.0.0.1\n' >"$DIR/etc/resolv.conf"
	mkdir "$DIR/dev"
	# shellcheck disable=SC2089 # as_user evaluates it
	PREPARE='mount --bind "$DIR/etc/resolv.conf" /etc/resolv.conf && mount -t tmpfs none "$DIR/dev" &&
		mknod -m 666 "$DIR/dev/tun" c 10 200 && mount --bind "$DIR/dev/tun" /dev/net/tun'
	ENTER="nsenter --net=/proc/$MACHINE/ns/net"
	# shellcheck disable=SC2090
	export PREPARE ENTER NETWORK=$1
}

other_network() { # PID
	[ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

in_machine() {
	nsenter --net="/proc/$MACHINE/ns/net" "$@"
}

# Some builds of pasta call themselves by passt's name.
PASTA='pas(ta|st)'

# The processes of a program that belong to the user.
helpers() { # NAME
	processes | awk -v name="$1" '$2 ~ "^" name { print $1 }'
}

has_helper() { # NAME
	[ -n "$(helpers "$1")" ]
}

no_helper() {
	[ -z "$(helpers "$1")" ]
}

# Who stands at port 80 of ...? Its input stays open: pasta of 2023 loses the other end's last word to whoever hangs up first.
ASK='ask() { [ -p /ask ] || mkfifo /ask; exec 3<>/ask; timeout 60 nc "$1" 80 <&3; }; ask'

# What a container of such a machine can reach, and what it cannot.
network_works() { # PROGRAM GATEWAY
	local text pid
	text=$(berth run --rm busybox sh -c "$ASK 10.99.0.2; grep search /etc/resolv.conf; timeout 60 nslookup some.example; ask 127.0.0.1; ask $2; true")
	[[ "$text" == "here is 10.99.0.2"*"search example"*10.99.0.7* ]]
	[[ "$text" != *"here is 127.0.0.1"* ]]
	# It has given up most system calls, and cannot get more rights.
	berth run -d --name one busybox sleep 1000
	eventually has_helper "$1"
	for pid in $(helpers "$1"); do
		[ "$(awk '/^Seccomp:|^NoNewPrivs:/ { print $2 }' "/proc/$pid/status" | xargs)" = "1 2" ]
	done
	berth kill one
	exits_with 137 one
	eventually no_helper "$1"
}

# bats test_tags=once
@test "pasta: containers reach others and their names, not the machine's loopback" {
	give_ranges
	make_machine pasta
	start_as_user
	network_works "$PASTA" 10.99.0.2
	# So have builds.
	printf '%s\n' 'FROM busybox' "RUN $ASK 10.99.0.2; grep search /etc/resolv.conf" 'RUN --network=none ip -o link' >"$DIR/Dockerfile"
	run -0 berth build --data "$DIR/data" --progress plain - <"$DIR/Dockerfile"
	[[ "$output" == *"here is 10.99.0.2"*"search example"*" lo:"* ]]
	[[ "$output" != *"#2"*"2: "* ]]
	eventually no_helper "$PASTA"
	# It is the monitor's, not the daemon's.
	mkdir "$DIR/bind"
	berth run -d --name two -v "$DIR/bind:/b" busybox sh -c "while ! [ -e /b/go ]; do sleep 0.1; done; $ASK 10.99.0.2"
	pid=$(daemon_pid)
	kill -9 "$pid"
	eventually gone "$pid"
	start
	touch "$DIR/bind/go"
	exits_with 0 two
	[[ "$(berth logs two)" == *"here is 10.99.0.2"* ]]
	eventually no_helper "$PASTA"
	# and ends with it
	berth run -d --name three busybox sleep 1000
	eventually has_helper "$PASTA"
	runs() { [ "$(berth ps --json | jq -r '.[0].state')" = running ]; }
	eventually runs
	pid=$(berth ps --json | jq -r '.[0].pid')
	kill -9 "$(awk '/^PPid/ { print $2 }' "/proc/$pid/status")"
	eventually gone "$pid"
	eventually no_helper "$PASTA"
}

# bats test_tags=once
@test "pasta: published ports lead to a container, slirp4netns says that it has none" {
	give_ranges
	make_machine pasta
	start_as_user
	berth run -d --name web -p 8081:80 -p 127.0.0.1:8082:80 -p 80 busybox httpd -f -p 80 -h /etc
	page() { nsenter --net="/proc/$1/ns/net" curl -sS --max-time 100 "http://$2/group" 2>/dev/null | grep -q root; }
	eventually page "$OUTSIDE" 10.99.0.1:8081
	page "$MACHINE" 127.0.0.1:8082
	run ! page "$OUTSIDE" 10.99.0.1:8082
	page "$OUTSIDE" "10.99.0.1:$(berth port web 80 | sed -n 's/^0\.0\.0\.0://p' | grep -v 8081)"
	# A port has one owner, also for the next daemon.
	pid=$(daemon_pid)
	kill -9 "$pid"
	eventually gone "$pid"
	start
	run -125 berth run --name other -p 8081:80 busybox true
	[[ "$output" == *"port is already allocated"* ]]
	berth rm -f web
	berth run --rm -p 8081:80 busybox true
	berth down --all
	NETWORK=slirp4netns start
	run -125 berth run --rm -p 8081:80 busybox true
	[[ "$output" == *"publishes ports by pasta alone"* ]]
}

@test "slirp4netns: containers reach others and their names, not the machine's loopback" {
	make_machine slirp4netns
	start_as_user
	network_works slirp4netns 10.0.2.2
}

@test "a machine without a route: its containers run without one and say so; a file of the user's for names is kept" {
	give_ranges
	make_machine pasta
	start_as_user
	echo "nameserver 10.1.1.1" >"$DIR/names"
	run -0 berth run --rm -v "$DIR/names:/etc/resolv.conf" busybox cat /etc/resolv.conf
	[ "$output" = "nameserver 10.1.1.1" ]
	in_machine ip link delete v0
	run -0 berth run --rm busybox echo runs
	[[ "$output" == *"no network but its loopback: pasta failed: "* ]]
	[[ "$output" == *runs* ]]
	[ -z "$(helpers "$PASTA")" ]
}

@test "without a program or a device for networks a user is told what to type" {
	give_ranges
	NETWORK=tap run start
	fails_with '"tap" is no network'
	make_machine pasta
	export PREPARE="$PREPARE && chmod 600 /dev/net/tun"
	run start
	fails_with "chmod 666 /dev/net/tun"
	NETWORK=auto run start
	succeeds
	[[ "$output" == *warning*"no network but their loopback"*"chmod 666 /dev/net/tun"* ]]
	run "$DIR/berth" --socket "$DIR/other.sock" up --data "$DIR/other" --network pasta
	fails_with "ordinary user"
}
