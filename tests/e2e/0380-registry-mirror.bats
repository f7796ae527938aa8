#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# berth registry --mirror: what was asked for of another registry stays here; what is wrong, unwanted or too much does not.

# shellcheck disable=SC2030,SC2031,SC2034,SC2153 # each test has its own TLS, and LAYER is of make_layout

load registry
load remote

setup() {
	remote_place
	TLS=()
	make_layout
}

teardown() {
	mirror_stop
	[ ! -s "$DIR/mirror.err" ] || sed 's/^/# mirror: /' "$DIR/mirror.err"
	local pid
	for pid in "${remote_pids[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	registry_end
}

mirror_told() {
	[ -s "$DIR/mirror.out" ] || gone "$mirror_pid"
}

# mirror_start REGISTRY [OPTION...]: URL is the mirror from now on.
mirror_start() {
	UP=$1
	shift
	"$BERTH" registry --addr 127.0.0.1:0 --data "$DIR/mirror" --mirror "$UP" "$@" >"$DIR/mirror.out" 2>>"$DIR/mirror.err" </dev/null 3>&- 4>&- &
	mirror_pid=$!
	eventually mirror_told
	URL=$(sed -n 's/^berth registry is up: \([^,]*\), .*/\1/p' "$DIR/mirror.out")
	MIRROR=${URL#*//}
	TLS=()
	[ -n "$URL" ]
}

mirror_stop() {
	[ -n "${mirror_pid:-}" ] || return 0
	kill "$mirror_pid" 2>/dev/null || true
	wait "$mirror_pid" 2>/dev/null || true
	mirror_pid=
	rm -f "$DIR/mirror.out"
}

kept() { # DIGEST
	[ -f "$DIR/mirror/blobs/sha256/${1:7:2}/${1#*:}" ]
}

nothing_kept() {
	! kept "$1" && [ -z "$(ls "$DIR/mirror/uploads")" ]
}

not() {
	! "$@"
}

pull_all() { # STORE
	BERTH_DATA=$DIR/$1 berth pull "$MIRROR/team/app:v1"
	if command -v skopeo >/dev/null; then
		timeout 200 skopeo --tmpdir "$DIR" copy --quiet --preserve-digests --src-tls-verify=false "docker://$MIRROR/team/app:v1" "oci:$DIR/$1.oci:v1" 3>&- 4>&-
		[ "$(jq -r '.manifests[0].digest' "$DIR/$1.oci/index.json")" = "$MANIFEST" ]
	fi
}

@test "an image comes through, by TLS and a login, and stays when upstream has gone" {
	make_pki
	echo "$USERS" >"$DIR/users"
	registry_start --htpasswd "$DIR/users" --tls-cert "$DIR/pki/server.crt" --tls-key "$DIR/pki/server.key"
	push_image team/app v1 -u alice:wonderland
	mirror_start "https://$HOST"
	# The mirror knows neither the certificate nor who it is.
	is 502 GET /v2/team/app/manifests/v1
	mkdir -p "$XDG_CONFIG_HOME/berth/certs.d/$HOST"
	cp "$DIR/pki/ca.crt" "$XDG_CONFIG_HOME/berth/certs.d/$HOST/"
	mirror_stop
	mirror_start "$HOST"
	is 403 GET /v2/team/app/manifests/v1
	jq -n --arg host "$HOST" --arg auth "$(printf alice:wonderland | base64)" '{auths: {($host): {auth: $auth}}}' >"$DOCKER_CONFIG/config.json"
	mirror_stop
	mirror_start "$HOST"
	is 200 HEAD "/v2/team/app/blobs/$LAYER"
	[ "$(header Content-Length)" = "$(stat -c %s "$DIR/layer.tar")" ]
	not kept "$LAYER"
	pull_all one
	kept "$LAYER"
	registry_stop
	pull_all two
	grep -q "manifest team/app:v1 is served as it was fetched before: .*$HOST" "$DIR/mirror.err"
	# Also after a restart.
	mirror_stop
	mirror_start "$UP"
	is 206 GET "/v2/team/app/blobs/$LAYER" -r 300-319
	cmp "$DIR/body" <(tail -c +301 "$DIR/layer.tar" | head -c 20)
	is 200 GET "/v2/team/app/manifests/$MANIFEST"
	is 200 GET /v2/team/app/tags/list
	[ "$(jq -c .tags "$DIR/body")" = '["v1"]' ]
	is 502 GET /v2/team/app/manifests/v2
	is 502 GET "/v2/other/blobs/$LAYER"
}

@test "a tag means what it means upstream, and nothing can be pushed or deleted" {
	registry_start --delete
	local up=$URL
	push_image team/app v1
	is 201 PUT /v2/team/app/manifests/v0 -H "$OCI_MANIFEST" --data-binary "@$DIR/manifest.json"
	push_image other v1
	mirror_start "$HOST"
	# What others are told to ask first does not ask itself.
	remote_settings "$(jq -n --arg up "$UP" --arg mirror "$URL" '{registries: {($up): {mirrors: [$mirror]}}}')"
	berth pull "$UP/team/app:v1"
	kept "$LAYER"
	# Another repository has the blob here; upstream decides whether this one does.
	is 404 GET "/v2/none/blobs/$LAYER"
	[ "$(code)" = BLOB_UNKNOWN ]
	is 200 GET "/v2/other/blobs/$LAYER"
	cmp "$DIR/body" "$DIR/layer.tar"
	is 200 GET "/v2/team/app/tags/list?n=1"
	[ "$(jq -c .tags "$DIR/body")" = '["v0"]' ]
	[ "$(header Link)" = '</v2/team/app/tags/list?n=1&last=v0>; rel="next"' ]
	is 200 GET "/v2/team/app/tags/list?last=v0"
	[ "$(jq -c .tags "$DIR/body")" = '["v1"]' ]
	is 404 GET /v2/none/tags/list
	is 200 GET "/v2/team/app/referrers/$MANIFEST"
	[ "$(jq -c .manifests "$DIR/body")" = '[]' ]
	local i
	for i in "PUT manifests/v2" "DELETE manifests/v1" "POST blobs/uploads/" "DELETE blobs/$LAYER"; do
		is 405 "${i% *}" "/v2/team/app/${i#* }" --data-binary x
		[ "$(code)" = UNSUPPORTED ]
		grep -q "only mirrors $UP: push there" "$DIR/body"
	done
	# The tag moves, and goes.
	jq -c '.annotations.new = "yes"' "$DIR/manifest.json" >"$DIR/new.json"
	URL=$up is 201 PUT /v2/team/app/manifests/v1 -H "$OCI_MANIFEST" --data-binary "@$DIR/new.json"
	is 200 GET /v2/team/app/manifests/v1
	cmp "$DIR/body" "$DIR/new.json"
	URL=$up is 202 DELETE /v2/team/app/manifests/v1
	is 404 GET /v2/team/app/manifests/v1
	registry_stop
	is 502 GET /v2/team/app/manifests/v1
	is 200 GET "/v2/team/app/manifests/$MANIFEST"
	# Its directory is not for other uses.
	mirror_stop
	run -1 --separate-stderr "$BERTH" registry --addr 127.0.0.1:0 --data "$DIR/mirror"
	fails_with "a mirror of $UP" "choose another --data"
	run -1 --separate-stderr "$BERTH" registry --addr 127.0.0.1:0 --data "$DIR/mirror" --mirror other.example
	fails_with "a mirror of $UP"
	run -1 --separate-stderr "$BERTH" registry --addr 127.0.0.1:0 --data "$DIR/registry" --mirror other.example
	fails_with "images of its own"
}

@test "referrers that came through are the list when upstream is away" {
	registry_start
	local digest
	push_image a v1
	printf '{}' >"$DIR/empty"
	push_blob a "$DIR/empty" >/dev/null
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"text/x","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"%s","size":2},"layers":[],"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":1}}' \
		"$(digest_of "$DIR/empty")" "$MANIFEST" >"$DIR/signature"
	digest=$(digest_of "$DIR/signature")
	is 201 PUT "/v2/a/manifests/$digest" -H "$OCI_MANIFEST" --data-binary "@$DIR/signature"
	mirror_start "$HOST"
	is 200 GET "/v2/a/referrers/$MANIFEST"
	[ "$(jq -r '.manifests[].digest' "$DIR/body")" = "$digest" ]
	is 200 GET "/v2/a/manifests/$digest"
	registry_stop
	is 200 GET "/v2/a/referrers/$MANIFEST"
	[ "$(jq -r '.manifests[] | .digest, .artifactType' "$DIR/body")" = "$digest"$'\ntext/x' ]
	# None is known: that is no answer.
	is 502 GET "/v2/a/referrers/$digest"
}

@test "what upstream sends damaged fails and is not kept" {
	hostile_start
	mirror_start "$HOSTILE"
	local layer kind
	is 200 GET /v2/usual/x/manifests/1
	layer=$(jq -r '.layers[0].digest' "$DIR/body")
	for kind in flip shorter longer; do
		run api GET "/v2/$kind/x/blobs/$layer"
		[ "$status" = 18 ] # curl: fewer bytes than were announced
		eventually nothing_kept "$layer"
		[ "$(stat -c %s "$DIR/body")" -lt "$(jq '.layers[0].size' "$DIR/mirror/blobs/sha256/${HOSTILE_DIGEST:7:2}/${HOSTILE_DIGEST#*:}")" ] || [ "$kind" = longer ]
	done
	# A part that has not the damaged byte is not given to its end either.
	run api GET "/v2/flip/x/blobs/$layer" -r 0-99
	[ "$status" = 18 ]
	for kind in huge deep twice type ambiguous digest down never; do
		status=$(api GET "/v2/$kind/x/manifests/1")
		[ "$status" = 502 ] || [ "$kind $status" = "never 429" ]
	done
	remote_login "$HOSTILE"
	mirror_stop
	mirror_start "$HOSTILE"
	is 502 GET /v2/realm/x/manifests/1
	[ -z "$(hostile_log '.origin == "B"')" ]
	# Connections that break are no damage.
	is 200 GET "/v2/cut/x/blobs/$layer"
	[ "$(digest_of "$DIR/body")" = "$layer" ]
	kept "$layer"
}

halves() { # N: so many clients have got as much as there is
	local i
	for ((i = 0; i < $1; i++)); do
		[ "$(stat -c %s "$DIR/client.$i" 2>/dev/null || echo 0)" -ge 150000 ] || return 1
	done
}

half_there() {
	[ -n "$(find "$DIR/mirror/uploads" -size +100k)" ]
}

@test "many clients wait for one download, which ends when all have gone" {
	hostile_start
	mkfifo "$DIR/go"
	mirror_start "$HOSTILE"
	local layer i pids=()
	is 200 GET /v2/hold/x/manifests/1
	layer=$(jq -r '.layers[0].digest' "$DIR/body")
	for i in 0 1 2 3 4 5; do
		curl -sSN --max-time 200 -o "$DIR/client.$i" "$URL/v2/hold/x/blobs/$layer" 3>&- 4>&- &
		pids+=($!)
	done
	remote_pids+=("${pids[@]}")
	eventually halves 6
	echo >"$DIR/go"
	wait "${pids[@]}"
	for i in 0 1 2 3 4 5; do
		[ "$(digest_of "$DIR/client.$i")" = "$layer" ]
	done
	[ "$(hostile_log '.path | contains("/blobs/")' | wc -l)" = 1 ]
	kept "$layer"
	rm -f "$DIR"/client.*
	# In another repository: upstream is asked whether it has it there, and that is all.
	is 200 GET "/v2/usual/y/blobs/$layer"
	[ "$(hostile_log '.method == "GET" and (.path | contains("/blobs/"))' | wc -l)" = 1 ]
	mirror_stop
	rm -rf "$DIR/mirror"
	mirror_start "$HOSTILE"
	# It goes with unread bytes: that is a reset, which is noticed at once.
	curl -sS --max-time 200 --limit-rate 1k -o /dev/null "$URL/v2/hold/x/blobs/$layer" 3>&- 4>&- &
	pids=($!)
	remote_pids+=("${pids[@]}")
	eventually half_there
	kill "${pids[0]}"
	eventually nothing_kept "$layer"
}

@test "the cache has a limit, and what was not asked for in the longest time goes" {
	registry_start
	local i up=$URL
	declare -A blob
	for i in a b c d; do
		head -c 3500000 /dev/urandom >"$DIR/$i"
	done
	head -c 9000000 /dev/urandom >"$DIR/d"
	for i in a b c d; do
		blob[$i]=$(URL=$up push_blob x "$DIR/$i")
	done
	mirror_start "$HOST" --quota 8MiB --gc-every 0
	for i in a b a; do
		is 200 GET "/v2/x/blobs/${blob[$i]}"
	done
	kept "${blob[a]}"
	kept "${blob[b]}"
	is 200 GET "/v2/x/blobs/${blob[c]}"
	eventually not kept "${blob[b]}"
	kept "${blob[a]}"
	kept "${blob[c]}"
	# Larger than all of it: handed on.
	is 200 GET "/v2/x/blobs/${blob[d]}"
	cmp "$DIR/body" "$DIR/d"
	nothing_kept "${blob[d]}"
	is 200 GET "/v2/x/blobs/${blob[b]}"
	cmp "$DIR/body" "$DIR/b"
	run -1 --separate-stderr "$BERTH" registry --mirror "$HOST" --quota 1MiB
	fails_with "at least 8 MiB"
	run -1 --separate-stderr "$BERTH" registry --mirror "$HOST" --delete
}
