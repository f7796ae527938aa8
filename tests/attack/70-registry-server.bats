#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2034 # variables of and for the helpers
#
# I11: what strangers do to a registry: lists and uploads without end, other digests than promised, mounts of what they may not read, ranges, paths.

load ../e2e/registry

# serving ATTACK [OPTION...]: runs it against a server of $WHO.
serving() {
	local attack=$1 status=0
	shift
	REGISTRY=$(berth_of "$WHO")
	TLS=()
	make_layout
	[ "$WHO" != unguarded ] || export BERTH_UNGUARDED
	BERTH_UNGUARDED=$(row)
	registry_start "$@" || return 2
	unset BERTH_UNGUARDED
	"$attack" || status=$?
	registry_stop TERM
	return "$status"
}

peak() { # KiB of address space
	awk '/^VmPeak/ { print $2 }' "/proc/$registry_pid/status"
}

# CVE-2023-2253
ask_for_everything() {
	local before
	before=$(peak)
	api GET '/v2/_catalog?n=1000000000' >/dev/null
	[ $(($(peak) - before)) -lt 1000000 ] || bitten "a list takes $(($(peak) - before)) KiB"
}

@test "I11: a list of a thousand million names" {
	withstands registry serving ask_for_everything
	bites registry serving ask_for_everything -- unguarded
}

send_without_end() {
	is 202 POST /v2/a/blobs/uploads/ || return 2
	head -c 4000000 /dev/zero | curl -sS -o /dev/null -X PATCH -T - "$URL$(header Location)" || true
	[ "$(du -sk "$DIR/registry/uploads" | cut -f 1)" -lt 1500 ] || bitten "the upload grew over its limit"
}

@test "I11: an upload without end" {
	withstands registry serving send_without_end --max-blob 1MB
	bites registry serving send_without_end --max-blob 1MB -- unguarded
}

open_many() {
	local i
	for i in $(seq 40); do
		api POST /v2/a/blobs/uploads/ >"$DIR/status"
	done
	[ "$(find "$DIR/registry/uploads" -type f | wc -l)" -le 20 ] || bitten "40 uploads are open" || return 1
	[ "$(cat "$DIR/status")" = 429 ] || return 2
}

@test "I11: more open uploads than there may be" {
	withstands registry serving open_many --max-uploads 20
	bites registry serving open_many --max-uploads 20 -- unguarded
}

lie_about_digest() {
	is 202 POST /v2/a/blobs/uploads/ || return 2
	api PUT "$(header Location)?digest=$LAYER" --data-binary poison >/dev/null
	[ "$(api GET "/v2/a/blobs/$LAYER")" != 200 ] || bitten "$LAYER is: $(cat "$DIR/body")"
}

@test "I11: a blob under the digest of another" {
	withstands registry serving lie_about_digest
	bites registry serving lie_about_digest -- unguarded
}

# Who may only write to "b" asks for a blob of "a".
mount_unreadable() {
	local grant='{"type":"repository","name":"%s","actions":["pull","push"]}' a b
	# shellcheck disable=SC2059 # the format is ours
	claims() { printf '{"iss":"me","aud":"reg","exp":%d,"access":[%s]}' $(($(date +%s) + 300)) "$(printf "$grant" "$1")"; }
	a=$(token "$DIR/rsa" "$(claims a)")
	b=$(token "$DIR/rsa" "$(claims b)")
	push_blob a "$DIR/layer.tar" -H "Authorization: Bearer $a" >/dev/null || return 2
	api POST "/v2/b/blobs/uploads/?mount=$LAYER&from=a" -H "Authorization: Bearer $b" >/dev/null
	[ "$(api GET "/v2/b/blobs/$LAYER" -H "Authorization: Bearer $b")" != 200 ] || bitten "b has what only a may read"
}

with_tokens() {
	openssl genrsa -out "$DIR/rsa" 2048 2>/dev/null
	openssl rsa -in "$DIR/rsa" -pubout -out "$DIR/rsa.pub" 2>/dev/null
	serving "$1" --token-realm https://auth/ --token-service reg --token-issuer me --token-keys "$DIR/rsa.pub"
}

@test "I11: a mount of what one may not read" {
	withstands registry with_tokens mount_unreadable
	bites registry with_tokens mount_unreadable -- unguarded
}

# hold N TEXT: as many connections that say TEXT and then neither say nor take anything.
hold() {
	local i fd
	for ((i = 0; i < $1; i++)); do
		exec {fd}<>"/dev/tcp/${HOST%:*}/${HOST#*:}" || return 2
		printf '%b' "$2" >&"$fd"
		held+=("$fd")
	done
}

# Nobody else gets in while they are there; they must not stay.
held_for_ever() {
	local fd status=0 within=20
	[ "$WHO" != unguarded ] || within=1
	WITHIN=$within eventually is 200 GET /v2/ || status=1
	for fd in "${held[@]}"; do
		exec {fd}>&-
	done
	[ "$status" = 0 ] || bitten "8 connections keep everybody out"
}

half_heads() {
	local held=()
	hold 8 'GET /v2/ HTTP/1.1\r\nHost: x\r\nX-a: ' || return 2
	held_for_ever
}

half_bodies() {
	local held=()
	# A machine that is busy may keep our own requests from being quick enough.
	eventually is 202 POST /v2/a/blobs/uploads/ || return 2
	hold 8 "PATCH $(header Location) HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nsome" || return 2
	held_for_ever
}

readers_who_do_not() {
	local held=() digest
	head -c 16000000 /dev/zero >"$DIR/much"
	digest=$(digest_of "$DIR/much")
	eventually push_blob a "$DIR/much" || return 2
	hold 8 "GET /v2/a/blobs/$digest HTTP/1.1\r\nHost: x\r\n\r\n" || return 2
	held_for_ever
}

@test "I11: slow loris: heads that do not end" {
	withstands registry serving half_heads --max-connections 8 --patience 300ms
	bites registry serving half_heads --max-connections 8 --patience 300ms -- unguarded
}

@test "I11: slow loris: bodies that do not end" {
	withstands registry serving half_bodies --max-connections 8 --patience 300ms
	bites registry serving half_bodies --max-connections 8 --patience 300ms -- unguarded
}

@test "I11: readers who take nothing" {
	withstands registry serving readers_who_do_not --max-connections 8 --patience 300ms
	bites registry serving readers_who_do_not --max-connections 8 --patience 300ms -- unguarded
}

# The canary's folder is beside the registry's.
walk_away() {
	local path
	push_image a v1 || return 2
	for path in /v2/../../canary/blobs/secret /v2/a/blobs/..%2f..%2f..%2fcanary%2fsecret /v2/a/manifests/..%2f..%2f..%2fcanary%2fsecret \
		/v2/%2e%2e/%2e%2e/canary/manifests/secret /v2/a/blobs/sha256:..%2f..%2f..%2f..%2fcanary%2fsecret \
		/v2/a/referrers/sha256:..%2f..%2f..%2fcanary /v2/a/blobs/uploads/..%2f..%2fcanary%2fsecret '/v2/_catalog?last=../../canary' \
		/v2/a/_manifests/../../../canary/tags/list; do
		[[ "$(api GET "$path" --path-as-is)" = [24]* ]] || return 2
		! grep -q "$SECRET" "$DIR/body" || bitten "$path" || return 1
	done
	api PUT '/v2/a/manifests/..%2f..%2f..%2fcanary%2fnew' -H "$OCI_MANIFEST" --data-binary "@$DIR/manifest.json" --path-as-is >/dev/null
	api POST "/v2/a/blobs/uploads/?mount=$LAYER&from=../../canary" >/dev/null
}

@test "I11: names and digests that are paths" {
	withstands registry serving walk_away
}

many_ranges() {
	local range
	push_image a v1 || return 2
	range=0-0$(printf ',0-%d' $(seq 2000))
	[ "$(api GET "/v2/a/blobs/$LAYER" -H "Range: bytes=$range")" = 200 ] || return 2
	[ "$(stat -c %s "$DIR/body")" = "$(stat -c %s "$DIR/layer.tar")" ] || bitten "the reply has $(stat -c %s "$DIR/body") bytes" || return 1
	[ "$(api GET "/v2/a/blobs/$LAYER" -H 'Range: bytes=0-99999999999999999999')" = 200 ] || return 2
}

@test "I11: thousands of ranges of one blob" {
	withstands registry serving many_ranges
}
