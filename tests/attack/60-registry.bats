#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# I7 and I8: what a registry may learn and make of us. The registry is tests/lib/hostile_registry.py; its second origin is the attacker's.

load helpers
load ../e2e/remote

teardown() {
	[ -z "${remote_pids[*]:-}" ] || kill "${remote_pids[@]}" 2>/dev/null || true
	[ -z "${DIR:-}" ] || [ ! -d "$DIR" ] || end_place
}

# pull_from KIND [tls]: as a user who is logged in to the registry.
pull_from() {
	export BERTH_DATA=$DIR/data XDG_CONFIG_HOME=$DIR/config DOCKER_CONFIG=$DIR/docker
	mkdir -p "$XDG_CONFIG_HOME/berth" "$DOCKER_CONFIG"
	remote_settings '{}'
	remote_pids=()
	rm -f "$DIR/log" "$DIR/ports"
	hostile_start "${2:-}"
	[ "${2:-}" != tls ] || remote_trust "$HOSTILE"
	remote_login "$HOSTILE"
	eb_limited pull "$HOSTILE/$1" >"$DIR/out" 2>&1 || true
	cat "$DIR/out"
	kill "${remote_pids[@]}" && wait "${remote_pids[@]}" 2>/dev/null
	remote_pids=()
	[ -s "$DIR/log" ] || return 2
}

nobody_else_knows() {
	[ -z "$(hostile_log '.origin == "B" and .authorization != null')" ] || bitten "the other origin was shown: $(hostile_log '.origin == "B"')"
}

realm_elsewhere() {
	pull_from realm/x && nobody_else_knows
}

redirect_elsewhere() {
	pull_from redirect/x && nobody_else_knows
}

redirect_without_tls() {
	pull_from redirect/x tls || return
	[ -z "$(hostile_log '.origin == "B"')" ] || bitten "asked without TLS: $(hostile_log '.origin == "B"')"
}

@test "I7: a token server on another host does not get the password" {
	withstands engine realm_elsewhere
	bites engine realm_elsewhere -- unguarded
}

@test "I7: a redirect to another origin is followed without the password" {
	withstands engine redirect_elsewhere
	bites engine redirect_elsewhere -- unguarded
}

@test "I7: a redirect from https to http is not followed" {
	withstands engine redirect_without_tls
	bites engine redirect_without_tls -- unguarded
}

foreign_layer() {
	pull_from foreign/x || return
	[ -z "$(hostile_log '.origin == "B"')" ] || bitten "asked elsewhere: $(hostile_log '.origin == "B"')"
	! ls "$DIR/data/images/layers"/*/fs/file 2>/dev/null || bitten "a foreign layer was taken"
}

@test "I7: layers that are to be fetched from elsewhere are refused" {
	withstands engine foreign_layer
}

digest_mismatch() {
	pull_from "usual/x:1@sha256:$(printf %064d 0)" || return
	! ls "$DIR/data/images/layers"/*/fs/file 2>/dev/null || bitten "another image was taken than the digest names"
}

@test "I8: the digest decides" {
	withstands engine digest_mismatch
	bites engine digest_mismatch -- unguarded
}

# A client of our mirror of that registry, who believes in lengths alone.
mirror_of_damage() {
	local url layer
	export BERTH_DATA=$DIR/data XDG_CONFIG_HOME=$DIR/config DOCKER_CONFIG=$DIR/docker
	mkdir -p "$XDG_CONFIG_HOME/berth" "$DOCKER_CONFIG"
	remote_settings '{}'
	remote_pids=()
	rm -f "$DIR/log" "$DIR/ports"
	hostile_start
	BERTH_UNGUARDED=$([ "$WHO" != unguarded ] || row) "$(berth_of "$WHO")" registry --addr 127.0.0.1:0 --data "$DIR/mirror" \
		--mirror "$HOSTILE" >"$DIR/mirror.out" 2>"$DIR/mirror.err" </dev/null 3>&- 4>&- &
	remote_pids+=($!)
	eventually test -s "$DIR/mirror.out"
	url=$(sed -n 's/^berth registry is up: \([^,]*\), .*/\1/p' "$DIR/mirror.out")
	layer=$(curl -sS "$url/v2/flip/x/manifests/1" | jq -r '.layers[0].digest')
	[[ "$layer" = sha256:* ]] || return 2
	local got=0
	curl -sS -o "$DIR/bad" "$url/v2/flip/x/blobs/$layer" || got=$?
	kill "${remote_pids[@]}" && wait "${remote_pids[@]}" 2>/dev/null
	remote_pids=()
	[ "$(hostile_log '.path | contains("/blobs/")' | wc -l)" = 1 ] || return 2
	[ "$got" != 0 ] || bitten "the mirror gives out bytes that are not $layer"
}

@test "I8: a mirror gives nobody other bytes than the digest names" {
	withstands registry mirror_of_damage
	bites registry mirror_of_damage -- unguarded
}
