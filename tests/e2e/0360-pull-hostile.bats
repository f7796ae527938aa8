#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# berth pull against a registry that breaks rules, connections and bytes (tests/lib/hostile_registry.py). No daemon runs.

load helpers
load remote

setup_file() {
	remote_place
	hostile_start
}

teardown_file() {
	end_remotes
}

setup() {
	export BERTH_DATA=$DIR/data-$BATS_TEST_NUMBER
	remote_settings '{}'
	rm -f "$DIR/log"
}

teardown() {
	tell_words
	rm -rf "$BERTH_DATA"
}

pull() {
	run --separate-stderr berth pull "$HOSTILE/$1"
}

nothing_stays() {
	[ -z "$(ls "$BERTH_DATA/images/layers")" ]
	[ -z "$(ls "$BERTH_DATA/images/tmp")" ]
	[ "$(jq '.refs | length' "$BERTH_DATA/images/refs.json" 2>/dev/null || echo 0)" = 0 ]
}

@test "an ordinary image is pulled once, then it is up to date" {
	pull usual/x:1
	succeeds
	[[ "$output" == *"Digest: $HOSTILE_DIGEST"* && "$output" == *"Downloaded newer image for $HOSTILE/usual/x:1"* ]]
	pull usual/x:1
	succeeds
	[[ "$output" == *"Image is up to date"* ]]
	[ "$(hostile_log '.path | contains("/blobs/")' | wc -l)" = 2 ]
}

@test "a full disk: how much is missing is said" {
	mkdir "$BERTH_DATA"
	# shellcheck disable=SC2016 # the inner shell's
	run --separate-stderr unshare --mount sh -c 'mount -t tmpfs -o size=128k none "$BERTH_DATA" && exec "$BERTH" pull "$1"' - "$HOSTILE/usual/x:1"
	fails_with "image $HOSTILE/usual/x: no room for its layers: at least 1 MiB are missing, 0 MiB were free"
}

@test "the digest decides, whatever the tag says" {
	pull "usual/x:nope@$HOSTILE_DIGEST"
	succeeds
	[[ "$output" == *"$HOSTILE/usual/x@$HOSTILE_DIGEST"* ]]
	pull "usual/x@$HOSTILE_DIGEST"
	[[ "$output" == *"up to date"* ]]
	[ -z "$(hostile_log '.path | endswith("/nope")')" ]
	pull "usual/x@sha256:$(printf %064d 0)"
	fails_with "other bytes"
	pull says/x
	fails_with "says that it is"
}

@test "of several platforms the one that is asked for is taken" {
	run -0 --separate-stderr berth pull --platform linux/arm64 "$HOSTILE/index/x:arm"
	arm=$(jq -r '.refs | to_entries[0].value | if type == "object" then .manifest else . end' "$BERTH_DATA/images/refs.json")
	run -0 --separate-stderr berth pull --platform amd64 "$HOSTILE/index/x:amd"
	[ "$(grep -o "sha256:[0-9a-f]*" "$BERTH_DATA/images/refs.json" | sort -u | grep -c -e "$arm" -e "$HOSTILE_DIGEST")" = 2 ]
	run --separate-stderr berth pull --platform linux/riscv64 "$HOSTILE/index/x"
	fails_with riscv64 linux/amd64 linux/arm64
}

@test "a connection that breaks is taken up where it broke" {
	pull cut/x
	succeeds
	[ "$(hostile_log '.range != null' | wc -l)" -ge 3 ]
	[ "$(hostile_log '.range == "bytes=70000-"' | wc -l)" = 1 ]
}

@test "a server that knows no ranges is read from the start again" {
	pull norange/x
	succeeds
}

@test "bytes of another place are refused" {
	pull shift/x
	fails_with "others came"
	nothing_stays
}

@test "refusals for a while are waited for, long ones and dead servers are told" {
	pull dead/x
	fails_with "was lost"
	pull busy/x
	succeeds
	pull never/x
	fails_with "too many requests" "berth login $HOSTILE"
	pull down/x
	fails_with "status 503"
	[ "$(hostile_log '.path | contains("/down/")' | wc -l)" = 5 ]
}

@test "blobs that are longer, shorter or damaged are refused and leave nothing" {
	pull longer/x
	fails_with "longer than"
	pull shorter/x
	fails_with "as the manifest says"
	pull flip/x
	fails_with layer
	nothing_stays
}

@test "manifests that are too large, too deep or ambiguous are refused" {
	for kind in huge deep twice type ambiguous digest foreign; do
		pull "$kind/x"
		[ "$status" = 1 ] || {
			echo "$kind was taken: $output"
			return 1
		}
		[ -z "$(hostile_log ".path | contains(\"/$kind/x/blobs\")")" ]
	done
	nothing_stays
}

@test "a redirect without end is left" {
	pull loop/x
	fails_with "redirects more than"
}

@test "a mirror is asked first, and the registry for what the mirror has not well" {
	remote_settings "$(jq -n --arg a "$HOSTILE" --arg b "http://$OTHER" '{registries: {($a): {mirrors: [$b]}}}')"
	pull usual/x
	succeeds
	[ -n "$(hostile_log '.origin == "B" and (.path | contains("/blobs/"))')" ]
	[ -z "$(hostile_log '.origin == "A"')" ]
}

@test "a proxy of the environment is asked for what is not on this machine" {
	remote_settings '{"registries": {"registry.test": {"insecure": true}, "plain.test:80": {"insecure": true}}}'
	http_proxy=http://$OTHER https_proxy=http://$OTHER run --separate-stderr berth pull registry.test/usual/x
	fails_with registry.test
	[ -z "$(hostile_log '.path | contains("/blobs/")')" ]
	[ -z "$(hostile_log '.origin == "A"')" ]
}

@test "two pulls at the same time load a layer once" {
	berth pull -q "$HOSTILE/cut/x:1" >"$DIR/one" 2>&1 3>&- 4>&- &
	first=$!
	berth pull -q "$HOSTILE/cut/x:2" >"$DIR/two" 2>&1 || {
		cat "$DIR/two"
		return 1
	}
	wait "$first"
	[ "$(hostile_log '.range == "bytes=70000-"' | wc -l)" = 1 ]
}

layer_comes() {
	[ -n "$(ls "$BERTH_DATA/images/tmp")" ] && [ "$(hostile_log '.path | contains("/blobs/")' | wc -l)" = 2 ]
}

@test "a pull that is interrupted in the middle of a layer leaves nothing" {
	local signal
	[ -p "$DIR/go" ] || mkfifo "$DIR/go"
	for signal in INT TERM; do
		rm -f "$DIR/log"
		env --default-signal=INT "$BERTH" pull "$HOSTILE/hold/x:$signal" >/dev/null 2>&1 3>&- 4>&- &
		eventually layer_comes
		kill "-$signal" "$!"
		ends_with 130 "$!"
		nothing_stays
		[ -z "$(ls "$BERTH_DATA/images/leases")" ]
	done
}

@test "a missing libcurl names the package" {
	command -v unshare >/dev/null && [ "$(id -u)" = 0 ] || skip "needs root"
	# shellcheck disable=SC2016 # the inner shell's
	run --separate-stderr unshare -m sh -c 'for f in /usr/lib/*/libcurl.so.4 /usr/lib/*/libcurl-gnutls.so.4; do
		[ ! -e "$f" ] || mount --bind /dev/null "$(readlink -f "$f")"; done; exec "$0" pull "$1"' "$BERTH" "$HOSTILE/usual/x"
	fails_with "apt-get install libcurl4"
}
