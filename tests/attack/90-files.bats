#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2034 # variables of and for the helpers
#
# A4: files are copied out of a container and into it while a process in there exchanges a directory and a link to the outside.

load helpers

# The link leads to the canary only for who follows it outside of the container.
swapping() {
	engine_up || return 2
	# Made in there: a directory of the image cannot be renamed.
	eb run --network none -d --name swap box sh -c "mkdir /real; echo own >/real/secret; ln -s '$DIR/canary' /link; exec attacker swap /real /link /swaps" >/dev/null || return 2
	eventually eb_swaps
}

eb_swaps() {
	archive GET /swaps -o "$DIR/swaps.tar" && tar -xOf "$DIR/swaps.tar" | grep -q "^[1-9]"
}

archive() { # METHOD PATH CURL-OPTION...
	local method=$1 path=$2
	shift 2
	curl -sS --max-time 200 -X "$method" --unix-socket "$BERTH_SOCKET" "$@" "http://d/v1.44/containers/swap/archive?path=$path" 2>/dev/null
}

cp_out() {
	local i
	swapping || return 2
	for i in $(seq "${TRIES:-60}"); do
		archive GET /real/secret -o "$DIR/got.tar" || return 2
		! grep -aq "$SECRET" "$DIR/got.tar" || bitten "cp out $i: the secret of the host" || return 1
	done
}

cp_in() {
	local i
	swapping || return 2
	echo poison >"$DIR/poison"
	tar -C "$DIR" -cf "$DIR/poison.tar" poison
	for i in $(seq "${TRIES:-60}"); do
		archive PUT /real -T "$DIR/poison.tar" >/dev/null || return 2
		[ ! -e "$DIR/canary/poison" ] || bitten "cp in $i: a file outside of the container" || return 1
	done
}

@test "A4: cp out and in while parts of the path are exchanged" {
	withstands engine cp_out
	withstands engine cp_in
	bites engine cp_out -- unguarded
	bites engine cp_in -- unguarded
}
