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
