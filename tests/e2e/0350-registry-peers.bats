#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# berth registry and Debian's skopeo, podman and docker: what one of them pushes, another pulls.

load registry
load peers

setup() {
	new_place
	make_layout
	export HOME=$DIR REGISTRY_AUTH_FILE=$DIR/auth.json
}

teardown() {
	peers_end
	registry_end
}

@test "skopeo: plain, with a login over TLS, and deletion" {
	need skopeo
	registry_start --delete
	copy --preserve-digests --dest-tls-verify=false "oci:$DIR/layout:v1" "docker://$HOST/team/app:v1"
	copy --preserve-digests --src-tls-verify=false "docker://$HOST/team/app:v1" "oci:$DIR/back:v1"
	[ "$(jq -r '.manifests[0].digest' "$DIR/back/index.json")" = "$MANIFEST" ]
	# The blobs are there already: they are mounted or found.
	copy --src-tls-verify=false --preserve-digests --dest-tls-verify=false "docker://$HOST/team/app:v1" "docker://$HOST/other/app:v2"
	skopeo delete --tls-verify=false "docker://$HOST/team/app:v1"
	run -1 skopeo inspect --tls-verify=false "docker://$HOST/team/app:v1"
	skopeo inspect --tls-verify=false "docker://$HOST/other/app:v2" | jq -e --arg layer "$LAYER" '.Layers == [$layer]'
	registry_stop
	make_pki
	echo "$USERS" >"$DIR/users"
	registry_start --htpasswd "$DIR/users" --tls-cert "$DIR/pki/server.crt" --tls-key "$DIR/pki/server.key"
	mkdir "$DIR/certs"
	cp "$DIR/pki/ca.crt" "$DIR/certs/"
	run -1 copy --src-cert-dir "$DIR/certs" "docker://$HOST/other/app:v2" "dir:$DIR/d"
	[[ "$output" = *"authentication required"* || "$output" = *"nauthorized"* ]]
	copy --src-cert-dir "$DIR/certs" --src-creds alice:wonderland "docker://$HOST/other/app:v2" "dir:$DIR/d"
	copy --dest-cert-dir "$DIR/certs" --dest-creds alice:wonderland --format v2s2 "oci:$DIR/layout:v1" "docker://$HOST/docker/app:v2s2"
	[ "$(skopeo inspect --raw --cert-dir "$DIR/certs" --creds alice:wonderland "docker://$HOST/docker/app:v2s2" | jq -r .mediaType)" = \
		application/vnd.docker.distribution.manifest.v2+json ]
}

@test "podman: login, push, search and pull over TLS" {
	need podman skopeo
	make_pki
	echo "$USERS" >"$DIR/users"
	registry_start --htpasswd "$DIR/users" --tls-cert "$DIR/pki/server.crt" --tls-key "$DIR/pki/server.key"
	mkdir "$DIR/certs"
	cp "$DIR/pki/ca.crt" "$DIR/certs/"
	run -125 pod login --cert-dir "$DIR/certs" -u alice -p wrong "$HOST"
	pod login --cert-dir "$DIR/certs" -u alice -p wonderland "$HOST"
	copy --dest-cert-dir "$DIR/certs" --dest-creds alice:wonderland "oci:$DIR/layout:v1" "docker://$HOST/team/app:v1"
	pod pull -q --cert-dir "$DIR/certs" "$HOST/team/app:v1" >"$DIR/id"
	pod push -q --cert-dir "$DIR/certs" "$(cat "$DIR/id")" "$HOST/pod/app:1"
	pod rmi -f "$(cat "$DIR/id")" >/dev/null
	pod pull -q --cert-dir "$DIR/certs" "$HOST/pod/app:1" >"$DIR/id2"
	cmp "$DIR/id" "$DIR/id2"
	pod search --tls-verify=false --format '{{.Name}}' "$HOST/app" | grep -qx "$HOST/pod/app"
}

@test "docker: push, pull by digest, search" {
	need dockerd docker containerd skopeo
	registry_start
	copy --dest-tls-verify=false "oci:$DIR/layout:v1" "docker://$HOST/team/app:v1"
	dockerd_start
	eventually dock info
	dock pull -q "$HOST/team/app:v1"
	dock tag "$HOST/team/app:v1" "$HOST/dock/app:2"
	dock push -q "$HOST/dock/app:2"
	# shellcheck disable=SC2034 # is looks at it
	TLS=()
	is 200 GET /v2/dock/app/manifests/2
	local digest
	digest=$(header Docker-Content-Digest)
	dock rmi -f "$HOST/team/app:v1" "$HOST/dock/app:2" >/dev/null
	dock pull -q "$HOST/dock/app@$digest"
	[ "$(dock image inspect "$HOST/dock/app@$digest" --format '{{.Id}}')" = "$CONFIG" ]
	dock search --format '{{.Name}}' "$HOST/app" | sort | paste -sd ' ' | grep -q "dock/app.*team/app"
}
