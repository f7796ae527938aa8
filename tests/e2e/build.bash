# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # status and output are bats'
#
# What the tests of `berth build` share: one data directory for a file of tests, with an image `base` in it that is busybox with all its
# links, built from nothing. No daemon runs but where a test starts one.

build_file_setup() {
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/berth-e2e.XXXXXX")
	BERTH_SOCKET=$DIR/berth.sock
	BERTH_DATA=$DIR/data
	export DIR BERTH_SOCKET BERTH_DATA
	sanitizer_logs
	local test_pid=$BASHPID
	setsid "$TOP/tests/lib/guard" "$test_pid" "$DIR" </dev/null >/dev/null 2>&1 3>&- 4>&- &
	mkdir "$DIR/base"
	cp "$(command -v busybox)" "$DIR/base/busybox"
	cat >"$DIR/base/Dockerfile" <<-'END'
		FROM scratch
		COPY --chmod=755 busybox /bin/busybox
		RUN ["/bin/busybox", "--install", "-s", "/bin"]
		COPY <<PASSWD /etc/passwd
		root:x:0:0:root:/root:/bin/sh
		worker:x:1234:2345:worker:/home/worker:/bin/sh
		PASSWD
		COPY <<GROUP /etc/group
		root:x:0:
		crew:x:2345:
		GROUP
	END
	berth build -q -t base "$DIR/base"
}

# Each test has a context of its own, $CTX.
build_test_setup() {
	CTX=$(mktemp -d "$DIR/ctx.XXXXXX")
	export CTX
}

dockerfile() {
	cat >"$CTX/Dockerfile"
}

# Builds $CTX with plain progress; its log is $output.
build() {
	run berth build --progress plain "$@" "$CTX"
	[ "$status" -eq 0 ] || {
		echo "$output"
		return 1
	}
}

# The words CACHED or DONE after the step whose text contains $1, of the last build.
step() { # TEXT
	local number
	number=$(grep -F -- "$1" <<<"$output" | grep -o '^#[0-9]* \[' | head -n 1 | sed 's/[^0-9]//g')
	[ -n "$number" ] || {
		echo "no step \"$1\" in: $output" >&2
		return 1
	}
	grep -E "^#$number (CACHED|DONE|FAILED)" <<<"$output" | awk '{ print $2 }'
}

# assert_step TEXT CACHED|DONE
assert_step() {
	local is
	is=$(step "$1") || return 1
	[ "$is" = "$2" ] || {
		echo "step \"$1\" is $is, not $2: $output"
		return 1
	}
}

# The files of an image below $DIR/out (made anew).
files_of() { # STAGE-OR-IMAGE
	rm -rf "$DIR/out"
	printf 'FROM %s\n' "$1" | berth build -q -o "$DIR/out" - >/dev/null
}

# The config of an image as JSON.
config_of() { # ID
	cat "$BERTH_DATA/images/blobs/sha256/${1#sha256:}"
}

# The directory of the topmost layer of the last -q build.
top_layer() { # ID
	echo "$BERTH_DATA/images/layers/$(config_of "$1" | jq -r '.rootfs.diff_ids[-1]' | cut -d: -f2)/fs"
}
