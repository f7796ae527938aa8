# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the end-to-end tests share. BERTH names the program (an absolute path); each test file or test has a daemon of its own with
# its own data directory and socket below a temporary folder, and its teardown fails when something of it stays.

bats_require_minimum_version 1.5.0

TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BERTH=${BERTH:-$TOP/build/src/berth}
export TOP BERTH
[ -x "$BERTH" ] || {
	echo "BERTH=$BERTH is not a program; run make first" >&3
	exit 1
}

# Docker's client alone, where docker itself is not installed (tools/setup).
PATH=$PATH:$TOP/build/peers

# Reports of the sanitizers go to files that teardown looks for: a daemon's stderr is nobody's output. Room around global variables, which the unit tests and
# the fuzz targets look at, is left alone: to mark it is half of what the start of a process takes.
sanitizer_logs() {
	export ASAN_OPTIONS="report_globals=0:handle_sigill=1:log_path=$DIR/sanitizer:detect_leaks=${LEAKS:-1}:abort_on_error=0:exitcode=99"
	export UBSAN_OPTIONS="log_path=$DIR/sanitizer:print_stacktrace=1"
}

# A temporary folder of this test; the daemon is not started yet.
new_place() {
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/berth-e2e.XXXXXX")
	BERTH_SOCKET=$DIR/berth.sock
	export DIR BERTH_SOCKET
	sanitizer_logs
	# A runner that is interrupted at a bad moment ends without the test's teardown.
	local test_pid=$BASHPID
	setsid "$TOP/tests/lib/guard" "$test_pid" "$DIR" </dev/null >/dev/null 2>&1 3>&- 4>&- &
}

# Containers and steps of builds have no network unless a test asks for one: their interfaces would be on the machine.
NETWORK_WORDS=' (--net(work)?|--network-[a-z]*|-p|--publish|-P|--publish-all|--ip|--ip6|--mac-address|--link|--dns)[ =]'
berth() {
	case ${1:-} in
	build | run | create)
		[[ " $* " =~ $NETWORK_WORDS ]] || set -- "$1" --network none "${@:2}"
		;;
	esac
	"$BERTH" "$@"
}

# Starts the daemon in the background; up returns when it is ready.
start() {
	berth up --data "$DIR/data" "$@" 3>&- 4>&-
}

daemon_pid() {
	berth info --json | jq -r .pid
}

# The tar of the busybox image, made once a run.
busybox_tar() {
	local tar=$BATS_RUN_TMPDIR/busybox.tar
	if [ ! -f "$tar" ]; then
		"$TOP/tools/mkimage-busybox" >"$tar.$$"
		mv "$tar.$$" "$tar"
	fi
	echo "$tar"
}

import_busybox() {
	berth image import "$(busybox_tar)" busybox >"$DIR/import.log"
}

# A place, a daemon and the image: what most tests need.
start_with_image() {
	new_place
	start
	import_busybox
}

# last_word COMMAND...: an exec that lets its container end, which may take it along before it has ended by itself.
last_word() {
	"$@" || [ $? = 137 ]
}

# apart COMMAND...: in a network namespace that belongs to this place, so that networks of containers touch nothing of the machine's.
apart() {
	if [ ! -e "$DIR/netns" ]; then
		touch "$DIR/netns"
		unshare --net="$DIR/netns" ip link set lo up
	fi
	nsenter --net="$DIR/netns" "$@"
}

# As start_with_image, with a daemon that is apart.
start_apart() {
	new_place
	apart "$BERTH" up --data "$DIR/data" 3>&- 4>&-
	import_busybox
}

# In DIR: server and client certificates of one authority, and a stranger's of another. The server is berth.test and 127.0.0.1.
make_certs() {
	cd "$DIR" || return 1
	for ca in ca other; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$ca" -keyout "$ca.key" -out "$ca.crt" 2>>"$DIR/openssl.log"
	done
	printf 'subjectAltName=DNS:berth.test,IP:127.0.0.1\n' >server.ext
	printf 'extendedKeyUsage=clientAuth\n' >client.ext
	for pair in server:ca client:ca stranger:other; do
		local name=${pair%:*} ca=${pair#*:} ext=client.ext
		[ "$name" != server ] || ext=server.ext
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$name.key" -out "$name.csr" 2>>"$DIR/openssl.log"
		openssl x509 -req -in "$name.csr" -CA "$ca.crt" -CAkey "$ca.key" -CAcreateserial -days 2 -extfile "$ext" -out "$name.crt" 2>>"$DIR/openssl.log"
	done
}

# What the programs of a failed test wrote to files of its place since it began: where a test fails on a machine of others, its output is all that is seen of it.
# Teardowns call it first; end_place does, too. A test's own words are enough where it passed.
BEGAN=$EPOCHREALTIME
tell_words() {
	local file
	[ -n "${BATS_TEST_NAME:-}" ] && [ -z "${BATS_TEST_COMPLETED:-}" ] && [ -z "${WORDS_TOLD:-}" ] && [ -d "${DIR:-}" ] || return 0
	WORDS_TOLD=yes
	find "$DIR" -maxdepth 1 -type f -size -10M -newermt "@$BEGAN" ! -name '*.key' ! -name '*.crt' ! -name '*.tar' -print0 | sort -z |
		while IFS= read -r -d '' file; do
			# No file of bytes, none that is empty.
			grep -qI . "$file" || continue
			echo "$file, at its end:"
			LC_ALL=C tr '\r' '\n' <"$file" | LC_ALL=C tr -cd '\11\12\40-\176' | tail -n 15 | cut -c -1000
		done
	[ ! -f "$DIR/data/berth.log" ] || {
		echo "$DIR/data/berth.log, at its end:"
		tail -n 40 "$DIR/data/berth.log"
	}
}

# What a file without a teardown of its own has.
teardown() {
	tell_words
}

# Ends everything that belongs to DIR, and fails when something does not end, stays or was found by a sanitizer.
end_place() {
	local status=0
	tell_words
	# What a test that failed left running without a daemon ends with the next one's end.
	if [ -n "${BATS_TEST_NAME:-}" ] && [ -z "${BATS_TEST_COMPLETED:-}" ] && [ -d "$DIR/data" ] && [ ! -e "$DIR/netns" ] &&
		! berth info >/dev/null 2>&1; then
		berth up --data "$DIR/data" 3>&- 4>&- || status=1
	fi
	if berth info >/dev/null 2>&1; then
		berth down --all 3>&- || status=1
	fi
	# Not by what mountinfo says, which may miss one while others come and go; a file that is still one cannot be removed below.
	if [ -e "$DIR/netns" ]; then
		while umount "$DIR/netns" 2>/dev/null; do :; done
	fi
	"$TOP/tools/check_leftovers" compare /dev/stdin "$DIR/" <<<'[]' | grep -v "folder $DIR\$" && status=1
	if [ -d "$DIR/answers" ]; then
		python3 "$TOP/tests/schema/check.py" "$DIR/answers" || status=1
	fi
	if compgen -G "$DIR/sanitizer*" >/dev/null; then
		cat "$DIR"/sanitizer*
		status=1
	fi
	if [ "$status" -ne 0 ] && [ -z "${WORDS_TOLD:-}" ] && [ -f "$DIR/data/berth.log" ]; then
		tail -n 40 "$DIR/data/berth.log"
	fi
	rm -rf "$DIR" || status=1
	return "$status"
}

# eventually COMMAND...: tries until it succeeds, at the most WITHIN (60) seconds.
eventually() {
	local deadline=$((SECONDS + ${WITHIN:-60})) pause=1
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$deadline" ]; then
			echo "did not become true in ${WITHIN:-60} s: $*"
			"$@"
			return 1
		fi
		# What is late is asked for less often: asking takes time from what is waited for.
		[ "$pause" -eq 9 ] || pause=$((pause + 1))
		sleep "0.0$pause"
	done
}

# True when a process has ended, also where nobody reaps what init should.
gone() { # PID
	local state
	state=$(awk '/^State/ { print $2 }' "/proc/$1/status" 2>/dev/null) || return 0
	[ -z "$state" ] || [ "$state" = Z ]
}

# job_file NAME: writes stdin to a job file of this test and prints its path.
job_file() {
	cat >"$DIR/$1.yaml"
	echo "$DIR/$1.yaml"
}

# What the last submit said on stdout with --json.
job_id() {
	jq -r .id <<<"$output"
}

job_field() { # ID JQ-EXPRESSION
	berth job "$1" --json | jq -r "$2"
}

# docker_api STATUS METHOD PATH [CURL-OPTION...]: headers in DIR/head, the body in DIR/body.
docker_api() {
	local want=$1 how=(-X "$2") path=$3 status
	[ "$2" != HEAD ] || how=(-I)
	shift 3
	# A body is JSON unless somebody says otherwise.
	[[ "$*" == *Content-Type* ]] || how+=(-H 'Content-Type: application/json')
	status=$(curl -sS --max-time 200 --unix-socket "$BERTH_SOCKET" -D "$DIR/head" -o "$DIR/body" -w '%{http_code}' "${how[@]}" "$@" "http://d$path")
	[ "$status" = "$want" ] || {
		echo "$path: $status, not $want"
		cat "$DIR/body"
		return 1
	}
	docker_answer "${how[1]}" "$path" "$status"
}

# Keeps an answer in JSON for end_place, which checks all of them against the API description at once.
docker_answer() { # METHOD PATH STATUS
	local name=$DIR/answers/$EPOCHREALTIME
	grep -qi '^content-type: application/json' "$DIR/head" || return 0
	mkdir -p "$DIR/answers"
	cp "$DIR/body" "$name.body"
	echo "$1 ${2// /%20} $3" >"$name.call"
}

body() { # JQ-OPTION... JQ-EXPRESSION
	jq -r "$@" "$DIR/body"
}

# Every container, with the volumes that nobody named.
docker_remove_all() {
	docker ps -aq | xargs -r docker rm -f -v >/dev/null
}

# Waits for the end of a container and checks its exit code.
exits_with() { # CODE CONTAINER
	local code
	code=$(timeout 200 "$BERTH" wait "$2")
	[ "$code" = "$1" ] || {
		echo "$2 ended with $code, not with $1"
		return 1
	}
}

# Waits for the end of a process that this shell has started, and checks its exit status.
ends_with() { # STATUS PID
	local status=0
	wait "$2" || status=$?
	[ "$status" = "$1" ] || {
		echo "ended with $status, not with $1"
		return 1
	}
}

job_state_is() { # ID STATE
	[ "$(job_field "$1" .state)" = "$2" ]
}

# fails_with TEXT...: the last run failed and its messages hold every TEXT.
fails_with() {
	local text
	if [ "$status" -eq 0 ]; then
		echo "succeeded but should have failed: $output"
		return 1
	fi
	for text in "$@"; do
		if [[ "$output$stderr" != *"$text"* ]]; then
			echo "status $status, no \"$text\" in: $output $stderr"
			return 1
		fi
	done
}

succeeds() {
	[ "$status" -eq 0 ] || {
		echo "status $status: $output $stderr"
		return 1
	}
}

# as UID STATUS METHOD PATH [JSON]
as() {
	local uid=$1 want=$2 status body=()
	[ -z "${5:-}" ] || body=(-H 'Content-Type: application/json' -d "$5")
	status=$(setpriv --reuid "$uid" --regid "$uid" --clear-groups \
		curl -sS --max-time 200 --unix-socket "$BERTH_SOCKET" -o - -w '\n%{http_code}' -X "$3" "${body[@]}" "http://d$4" | tee "$DIR/body" | tail -n 1)
	[ "$status" = "$want" ] || {
		echo "$3 $4 as $uid: $status, not $want"
		cat "$DIR/body"
		return 1
	}
}

# The id in its answer.
made() {
	head -n 1 "$DIR/body" | jq -r .Id
}
