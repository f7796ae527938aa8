#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# shellcheck disable=SC2030,SC2031 # each test has its own processes
#
# login, pull, push and search with Debian's docker-registry over TLS, with passwords and with a token server; skopeo is the other client.
# No daemon runs.

load helpers
load remote

setup() {
	command -v docker-registry >/dev/null || skip "docker-registry is not installed"
	command -v skopeo >/dev/null || skip "skopeo is not installed"
	remote_place
}

teardown() {
	[ -z "${DIR:-}" ] || end_remotes
}

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# peer NAME [YAML]: a docker-registry of our own over TLS; PEER=127.0.0.1:PORT. A port that somebody else took meanwhile is given up for another.
peer() {
	local port certs
	certs=$(remote_certs)
	for _ in 1 2 3 4 5; do
		port=$(free_port)
		cat >"$DIR/$1.yml" <<-END
			version: 0.1
			log: {level: error}
			storage: {filesystem: {rootdirectory: $DIR/$1}, delete: {enabled: true}}
			http: {addr: "127.0.0.1:$port", tls: {certificate: $certs/cert, key: $certs/key}}
			${2:-}
		END
		docker-registry serve "$DIR/$1.yml" </dev/null >"$DIR/$1.log" 2>&1 3>&- 4>&- &
		remote_pids+=($!)
		PEER=127.0.0.1:$port
		eventually answers_or_ended "$!" && ! gone "$!" && return
	done
	cat "$DIR/$1.log"
	return 1
}

answers_or_ended() { # PID
	curl -sk "https://$PEER/v2/" || gone "$1"
}

passwords() {
	python3 -c 'import crypt; print("user:" + crypt.crypt("very-secret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' >"$DIR/htpasswd"
	echo "auth: {htpasswd: {realm: x, path: $DIR/htpasswd}}"
}

import() { # NAME [USER:PASSWORD]
	skopeo --insecure-policy copy -q --dest-cert-dir "$(remote_certs)/trust" ${2:+--dest-creds "$2"} "oci:$(oci_layout):latest" "docker://$1"
}

# An OCI layout of two layers, made once a run.
oci_layout() {
	local layout=$BATS_RUN_TMPDIR/layout
	if [ ! -d "$layout" ]; then
		python3 "$TOP/tests/lib/oci_layout.py" "$layout.$$"
		mv -T "$layout.$$" "$layout"
	fi
	echo "$layout"
}

@test "a certificate that nobody vouches for is refused, with the place for its authority" {
	peer plain
	run berth pull "$PEER/a"
	fails_with "is not trusted" "/etc/berth/certs.d/$PEER/ca.crt"
	remote_trust "$PEER"
	run berth pull "$PEER/a"
	fails_with "does not have it"
}

@test "images go there and back, and keep their digest" {
	peer plain
	remote_trust "$PEER"
	import "$PEER/team/app:1"
	run -0 berth pull "$PEER/team/app:1"
	digest=$(skopeo inspect --cert-dir "$(remote_certs)/trust" --format '{{.Digest}}' "docker://$PEER/team/app:1")
	[[ "$output" == *"Digest: $digest"* ]]
	run -0 berth tag "$PEER/team/app:1" "$PEER/team/app:2"
	run -0 berth tag "$PEER/team/app:1" "$PEER/other:1"
	run -0 berth push --all-tags "$PEER/team/app"
	[[ "$output" == *"2: digest: $digest"* && "$output" == *"already exists"* ]]
	run -0 berth push "$PEER/other:1"
	[[ "$output" == *"1: digest: $digest"* && "$output" == *"Mounted from another repository"* ]]
	run -0 berth search "$PEER/" --json
	[ "$(jq -r 'map(.name) | sort | join(" ")' <<<"$output")" = "$PEER/other $PEER/team/app" ]
	[ "$(jq -r '.[] | select(.name | endswith("app")) | .tags | sort | join(" ")' <<<"$output")" = "1 2" ]
	run -0 berth pull -aq --data "$DIR/data2" "$PEER/team/app"
	[ "${#lines[@]}" = 2 ]
}

@test "another registry gets the same blobs, from where they came" {
	peer one
	first=$PEER
	remote_trust "$first"
	import "$first/a:1"
	berth pull -q "$first/a:1"
	peer two
	remote_trust "$PEER"
	berth tag "$first/a:1" "$PEER/b:1"
	run -0 berth push "$PEER/b:1"
	[[ "$output" != *"another digest"* ]]
	[ "$(skopeo inspect --raw --cert-dir "$(remote_certs)/trust" "docker://$first/a:1")" = "$(skopeo inspect --raw --cert-dir "$(remote_certs)/trust" "docker://$PEER/b:1")" ]
}

@test "a layer that nobody has any more is packed anew, and the image can be pulled" {
	peer one
	first=$PEER
	remote_trust "$first"
	import "$first/a:1"
	berth pull -q "$first/a:1"
	kill "${remote_pids[0]}"
	peer two
	second=$PEER
	remote_trust "$PEER"
	remote_settings '{"chunk": 50000, "attempts": 1}'
	berth tag "$first/a:1" "$PEER/b:1"
	run -0 berth push "$PEER/b:1"
	[[ "$output" == *"packed anew"* && "$output" == *"another digest"* ]]
	run -0 berth pull "$PEER/b:1"
	[[ "$output" == *"up to date"* ]]
	run -0 berth pull -q --data "$DIR/data2" "$PEER/b:1"
	run -0 skopeo copy --insecure-policy -q --src-cert-dir "$(remote_certs)/trust" "docker://$PEER/b:1" "dir:$DIR/copy"
	run -0 berth push --compression zstd "$PEER/b:1"
	[ "$(skopeo inspect --raw --cert-dir "$(remote_certs)/trust" "docker://$PEER/b:1" | jq -r '.layers[0].mediaType')" = application/vnd.oci.image.layer.v1.tar+zstd ]
	# Once packed by us, it can be packed again.
	peer three
	remote_trust "$PEER"
	berth tag "$second/b:1" "$PEER/c:1"
	run -0 berth push "$PEER/c:1"
	[[ "$output" != *"another digest"* ]]
}

@test "a registry with passwords wants a login, and forgets with the logout" {
	peer safe "$(passwords)"
	remote_trust "$PEER"
	import "$PEER/a:1" user:very-secret
	run berth pull "$PEER/a:1"
	fails_with "berth login $PEER"
	run berth login -u user --password-stdin "$PEER" <<<wrong
	fails_with "refuses"
	[ ! -e "$DOCKER_CONFIG/config.json" ]
	run -0 berth login -u user --password-stdin "$PEER" <<<very-secret
	[[ "$output" == *"Login Succeeded"* && "$output" == *"unencrypted in $DOCKER_CONFIG/config.json"* ]]
	[ "$(stat -c %a "$DOCKER_CONFIG/config.json")" = 600 ]
	run -0 berth pull -q "$PEER/a:1"
	berth tag "$PEER/a:1" "$PEER/b:1"
	run -0 berth push -q "$PEER/b:1"
	run -0 berth logout "$PEER"
	run berth push -q "$PEER/b:1"
	fails_with "berth login $PEER"
	run -0 berth logout "$PEER"
	[[ "$output" == *"Not logged in"* ]]
}

@test "the terminal does not show the password" {
	peer safe "$(passwords)"
	remote_trust "$PEER"
	run -0 timeout 200 python3 "$TOP/tests/lib/type_password.py" "$BERTH" login "$PEER"
	[[ "$output" == *"Login Succeeded"* && "$output" == *"Password:"* && "$output" != *very-secret* ]]
}

# bats test_tags=once
@test "tokens: a password gets one for each scope, an identity token by POST, nobody an anonymous one" {
	tokens=$(free_port)
	"$TOP/tests/lib/token_server.py" "$DIR" "$tokens" "$(remote_certs)" </dev/null >"$DIR/tokens.log" 2>&1 3>&- 4>&- &
	remote_pids+=($!)
	eventually test -e "$DIR/token.crt"
	peer token "auth: {token: {realm: \"https://127.0.0.1:$tokens/token\", service: peer, issuer: tests, rootcertbundle: $DIR/token.crt}}"
	remote_trust "$PEER"
	remote_trust "127.0.0.1:$tokens"
	import "$PEER/public/a:1" user:very-secret
	# Nobody may read what is public.
	run -0 berth pull -q "$PEER/public/a:1"
	berth tag "$PEER/public/a:1" "$PEER/b:1"
	run berth push -q "$PEER/b:1"
	fails_with "berth login $PEER"
	# A password goes to the token server of another origin only when the settings name it.
	run berth login -u user --password-stdin "$PEER" <<<very-secret
	fails_with "registries.json" "https://127.0.0.1:$tokens"
	remote_settings "{\"registries\": {\"$PEER\": {\"realm\": \"https://127.0.0.1:$tokens\"}}}"
	run -0 berth login -u user --password-stdin "$PEER" <<<very-secret
	# The server gave an identity token: the password is not kept.
	[ "$(jq -r '.auths[].identitytoken' "$DOCKER_CONFIG/config.json")" = an-identity ]
	[[ "$(jq -r '.auths[].auth | @base64d' "$DOCKER_CONFIG/config.json")" != *very-secret* ]]
	run -0 berth push "$PEER/b:1"
	grep -q "POST.*repository:b:pull,push" "$DIR/tokens"
}
