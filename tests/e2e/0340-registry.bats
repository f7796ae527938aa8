#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# berth registry: the protocol over curl, who may do what, TLS, garbage, and what a kill leaves.

# shellcheck disable=SC2030,SC2031 # each test has its own TLS

load registry

setup() {
	new_place
	TLS=()
	make_layout
}

teardown() {
	registry_end
}

@test "an image goes in and comes out, whole and in parts" {
	registry_start
	push_image team/app v1
	is 200 GET "/v2/team/app/manifests/v1"
	cmp "$DIR/body" "$DIR/manifest.json"
	[ "$(header Docker-Content-Digest)" = "$MANIFEST" ]
	is 200 HEAD "/v2/team/app/blobs/$LAYER"
	[ "$(header Content-Length)" = "$(stat -c %s "$DIR/layer.tar")" ]
	is 206 GET "/v2/team/app/blobs/$LAYER" -r 100-199
	cmp "$DIR/body" <(tail -c +101 "$DIR/layer.tar" | head -c 100)
	is 206 GET "/v2/team/app/blobs/$LAYER" -r -10
	cmp "$DIR/body" <(tail -c 10 "$DIR/layer.tar")
	is 416 GET "/v2/team/app/blobs/$LAYER" -r 99999999-
	is 304 GET "/v2/team/app/blobs/$LAYER" -H "If-None-Match: \"$LAYER\""
	is 404 GET "/v2/team/other/blobs/$LAYER"
	[ "$(code)" = BLOB_UNKNOWN ]
}

# Where the upload stands.
sent_of() { # UPLOAD
	local last
	is 204 GET "$1" || return
	last=$(header Range)
	[ "$last" = 0-0 ] && sent=0 || sent=$((${last#0-} + 1))
}

# The client sends 150000 bytes of the rest of DIR/big and then is gone.
cut_off() { # UPLOAD
	sent_of "$1" || return
	exec 8<>"/dev/tcp/${HOST%:*}/${HOST#*:}" || return
	printf 'PATCH %s HTTP/1.1\r\nHost: x\r\nContent-Range: %d-2999999\r\nContent-Length: %d\r\n\r\n' "$1" "$sent" $((3000000 - sent)) >&8
	head -c $((sent + 150000)) "$DIR/big" | tail -c 150000 >&8
	exec 8>&-
}

send_rest() { # UPLOAD
	sent_of "$1" && is 201 PUT "$1?digest=$(digest_of "$DIR/big")" -H "Content-Range: $sent-2999999" --data-binary "@"<(tail -c $((3000000 - sent)) "$DIR/big")
}

@test "an upload in chunks goes on where it stopped, also after the server was killed" {
	head -c 3000000 /dev/urandom >"$DIR/big"
	registry_start
	is 202 POST /v2/a/blobs/uploads/
	local at
	at=$(header Location)
	is 202 PATCH "$at" -H 'Content-Range: 0-999999' --data-binary "@"<(head -c 1000000 "$DIR/big")
	[ "$(header Range)" = 0-999999 ]
	is 416 PATCH "$at" -H 'Content-Range: 5-9' --data-binary 12345
	is 400 PATCH "$at" -H 'Content-Range: 1000000-1000009' --data-binary 12345
	registry_stop KILL
	registry_start
	is 204 GET "$at"
	[ "$(header Range)" = 0-999999 ]
	is 204 DELETE "$at"
	is 404 GET "$at"
	is 202 POST /v2/a/blobs/uploads/
	at=$(header Location)
	is 202 PATCH "$at" -H 'Content-Range: 0-1999999' --data-binary "@"<(head -c 2000000 "$DIR/big")
	registry_stop KILL
	registry_start
	is 201 PUT "$at?digest=$(digest_of "$DIR/big")" -H 'Content-Range: 2000000-2999999' --data-binary "@"<(tail -c 1000000 "$DIR/big")
	is 200 GET "/v2/a/blobs/$(digest_of "$DIR/big")"
	cmp "$DIR/body" "$DIR/big"
	# sha512 is computed from the file.
	is 202 POST /v2/a/blobs/uploads/
	is 201 PUT "$(header Location)?digest=sha512:$(sha512sum "$DIR/big" | cut -d ' ' -f 1)" --data-binary "@$DIR/big"
	# Clients that are cut off, some of them while a piece is written.
	head -c 3000000 /dev/urandom >"$DIR/big"
	is 202 POST /v2/a/blobs/uploads/
	at=$(header Location)
	local sent i
	for ((i = 0; i < 15; i++)); do
		cut_off "$at"
	done
	eventually send_rest "$at"
	is 200 GET "/v2/a/blobs/$(digest_of "$DIR/big")"
	cmp "$DIR/body" "$DIR/big"
}

@test "wrong digests, names and manifests are refused in the words of the protocol" {
	registry_start --delete
	push_image a v1
	is 202 POST /v2/a/blobs/uploads/
	is 400 PUT "$(header Location)?digest=$MANIFEST" --data-binary other
	[ "$(code)" = DIGEST_INVALID ]
	[ -z "$(ls "$DIR/registry/uploads")" ]
	local path
	for path in /v2/A/manifests/x /v2/a//b/tags/list /v2/..%2f..%2fetc/tags/list /v2/a/_tags/b/tags/list /v2/-a/tags/list; do
		is 400 GET "$path"
		[ "$(code)" = NAME_INVALID ]
	done
	for path in sha256:..%2f..%2fx sha256:ABC md5:00 "sha256:$(printf %064d 0)0" "${MANIFEST%?}G"; do
		is 400 GET "/v2/a/blobs/$path"
		[ "$(code)" = DIGEST_INVALID ]
	done
	is 404 GET /v2/a/manifests/no
	is 405 POST /v2/a/tags/list
	is 404 GET /v3/
	is 400 PUT /v2/a/manifests/v2 -H "$OCI_MANIFEST" --data-binary '{"schemaVersion":2}'
	is 400 PUT /v2/a/manifests/v2 -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary "@$DIR/manifest.json"
	is 415 PUT /v2/a/manifests/v2 -H 'Content-Type: text/plain' --data-binary "@$DIR/manifest.json"
	is 400 PUT "/v2/a/manifests/$LAYER" -H "$OCI_MANIFEST" --data-binary "@$DIR/manifest.json"
	[ "$(code)" = DIGEST_INVALID ]
	# Another repository does not have what it names.
	is 404 PUT /v2/b/manifests/v1 -H "$OCI_MANIFEST" --data-binary "@$DIR/manifest.json"
	[ "$(code)" = MANIFEST_BLOB_UNKNOWN ]
	head -c 5000000 /dev/zero >"$DIR/huge"
	is 413 PUT /v2/a/manifests/v2 -H "$OCI_MANIFEST" -H Expect: --data-binary "@$DIR/huge"
}

@test "lists come in pages" {
	registry_start
	local i
	push_image a v0
	for i in 1 2 3 4; do
		is 201 PUT "/v2/a/manifests/v$i" -H "$OCI_MANIFEST" --data-binary "@$DIR/manifest.json"
	done
	for i in b a-b a/b; do
		push_image "$i" v1
	done
	is 200 GET "/v2/a/tags/list?n=2&last=v1"
	[ "$(jq -c .tags "$DIR/body")" = '["v2","v3"]' ]
	[ "$(header Link)" = '</v2/a/tags/list?n=2&last=v3>; rel="next"' ]
	is 200 GET "/v2/a/tags/list?n=0"
	[ "$(jq -c .tags "$DIR/body")" = '[]' ]
	is 400 GET "/v2/a/tags/list?n=-1"
	is 404 GET /v2/none/tags/list
	[ "$(code)" = NAME_UNKNOWN ]
	is 200 GET /v2/_catalog
	[ "$(jq -c .repositories "$DIR/body")" = '["a","a-b","a/b","b"]' ]
	is 200 GET "/v2/_catalog?n=3&last=a"
	[ "$(jq -c .repositories "$DIR/body")" = '["a-b","a/b","b"]' ]
	is 200 GET "/v1/search?q=b"
	[ "$(jq -c '[.num_results, .results[].name]' "$DIR/body")" = '[3,"a-b","a/b","b"]' ]
	is 200 GET /v1/images?q=a/b
	local size
	size=$(($(stat -c %s "$DIR/layer.tar") + $(stat -c %s "$DIR/config.json") + $(stat -c %s "$DIR/manifest.json")))
	[ "$(jq -c '.repositories[0].tags[0] | [.tag, .digest, .size]' "$DIR/body")" = "[\"v1\",\"$MANIFEST\",$size]" ]
	[ "$(berth registry ls a/b --data "$DIR/registry" --json)" = "$(cat "$DIR/body")" ]
	berth registry ls --data "$DIR/registry" | grep -q '^a-b *v1 '
}

@test "referrers are found, filtered and forgotten" {
	registry_start --delete
	push_image a v1
	printf '{}' >"$DIR/empty"
	push_blob a "$DIR/empty"
	local kind
	for kind in one two; do
		printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"text/%s","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"%s","size":2},"layers":[],"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":1},"annotations":{"k":"%s"}}' \
			"$kind" "$(digest_of "$DIR/empty")" "$MANIFEST" "$kind" >"$DIR/$kind"
		is 201 PUT "/v2/a/manifests/$(digest_of "$DIR/$kind")" -H "$OCI_MANIFEST" --data-binary "@$DIR/$kind"
		[ "$(header OCI-Subject)" = "$MANIFEST" ]
	done
	is 200 GET "/v2/a/referrers/$MANIFEST"
	[ "$(jq -c '[.manifests[].artifactType] | sort' "$DIR/body")" = '["text/one","text/two"]' ]
	is 200 GET "/v2/a/referrers/$MANIFEST?artifactType=text/two"
	[ "$(header OCI-Filters-Applied)" = artifactType ]
	[ "$(jq -c '[.manifests[] | .annotations.k]' "$DIR/body")" = '["two"]' ]
	is 202 DELETE "/v2/a/manifests/$(digest_of "$DIR/two")"
	is 200 GET "/v2/a/referrers/$MANIFEST"
	[ "$(jq '.manifests | length' "$DIR/body")" = 1 ]
}

@test "what is deleted is garbage, and what anything needs is not" {
	registry_start --delete
	push_image a v1
	push_image b v1
	is 201 POST "/v2/c/blobs/uploads/?mount=$LAYER&from=a"
	blobs() { find "$DIR/registry/blobs" -type f | wc -l; }
	[ "$(blobs)" = 3 ]
	is 202 DELETE /v2/a/manifests/v1
	is 404 GET /v2/a/manifests/v1
	is 200 GET "/v2/a/manifests/$MANIFEST"
	is 202 DELETE "/v2/a/manifests/$MANIFEST"
	# Young links stay: somebody may be pushing.
	berth registry gc --data "$DIR/registry"
	is 200 GET "/v2/a/blobs/$LAYER"
	is 200 GET "/v2/c/blobs/$LAYER"
	berth registry gc --data "$DIR/registry" --grace 0s
	is 404 GET "/v2/a/blobs/$LAYER"
	is 404 GET "/v2/c/blobs/$LAYER"
	is 200 GET "/v2/b/blobs/$LAYER"
	[ "$(blobs)" = 3 ]
	is 202 DELETE "/v2/b/manifests/$MANIFEST"
	berth registry gc --data "$DIR/registry" --grace 0s
	[ "$(blobs)" = 0 ]
	[ -z "$(ls "$DIR/registry/repos")" ]
	is 200 GET /v2/_catalog
	[ "$(jq -c .repositories "$DIR/body")" = '[]' ]
}

@test "system df counts it where berth's data is, and gc can say what would go" {
	export BERTH_DATA=$DIR
	registry_start --delete
	push_image a v1
	push_image b v1
	is 202 DELETE "/v2/a/manifests/$MANIFEST"
	registry_stop
	berth registry ls | grep -q '^b *v1 '
	berth system df >"$DIR/df"
	grep -q '^registry *3 ' "$DIR/df"
	sync "$DIR"
	berth system df --json >"$DIR/df"
	[ "$(jq '.parts[] | select(.what == "registry") | .bytes' "$DIR/df")" = "$(du -s -B1 "$DIR/registry" | cut -f 1)" ]
	[ "$(jq '.parts[] | select(.what == "registry") | .reclaimable' "$DIR/df")" = 0 ]
	registry_start --delete
	is 202 DELETE "/v2/b/manifests/$MANIFEST"
	registry_stop
	berth registry gc --dry-run | grep -qx '0 blobs (0 B) and 0 links would go'
	berth registry gc --dry-run --grace 0s | tee "$DIR/dry"
	grep -q '^3 blobs .* and 4 links would go$' "$DIR/dry"
	berth registry gc --grace 0s >"$DIR/wet"
	[ "$(sed 's/would go/have gone/' "$DIR/dry")" = "$(cat "$DIR/wet")" ]
	[ -z "$(find "$DIR/registry/blobs" -type f)" ]
}

@test "without --delete nothing is deleted, read-only nothing changes, and one server has the data" {
	registry_start
	push_image a v1
	is 405 DELETE /v2/a/manifests/v1
	run -1 --separate-stderr "$BERTH" registry --addr 127.0.0.1:0 --data "$DIR/registry"
	fails_with "is being served by another berth registry"
	run -1 --separate-stderr "$BERTH" registry --addr "$HOST" --data "$DIR/other"
	fails_with "$HOST" "in use"
	registry_stop
	registry_start --read-only --delete
	is 200 GET /v2/a/manifests/v1
	is 405 PUT /v2/a/manifests/v2 -H "$OCI_MANIFEST" --data-binary "@$DIR/manifest.json"
	is 405 POST /v2/a/blobs/uploads/
	is 405 DELETE /v2/a/manifests/v1
}

@test "a quota and the largest blob are kept" {
	registry_start --max-blob 50KB --quota 100KB
	head -c 40000 /dev/urandom >"$DIR/one"
	head -c 60000 /dev/urandom >"$DIR/two"
	head -c 45000 /dev/urandom >"$DIR/three"
	head -c 45000 /dev/urandom >"$DIR/four"
	push_blob a "$DIR/one"
	is 202 POST /v2/a/blobs/uploads/
	is 413 PUT "$(header Location)?digest=$(digest_of "$DIR/two")" -H Expect: --data-binary "@$DIR/two"
	push_blob a "$DIR/three"
	is 202 POST /v2/a/blobs/uploads/
	is 507 PUT "$(header Location)?digest=$(digest_of "$DIR/four")" -H Expect: --data-binary "@$DIR/four"
	jq -r '.errors[0].detail' "$DIR/body" | grep -q quota
	# What a collection by another process frees counts at once.
	berth registry gc --data "$DIR/registry" --grace 0s
	push_blob a "$DIR/four"
}

@test "logins: users of a file, which may change; reading for everybody" {
	echo "$USERS" >"$DIR/users"
	registry_start --htpasswd "$DIR/users"
	is 401 GET /v2/
	[[ "$(header WWW-Authenticate)" = "Basic realm="* ]]
	[ "$(code)" = UNAUTHORIZED ]
	is 401 GET /v2/ -u alice:wrong
	is 401 GET /v2/ -u nobody:wonderland
	is 401 GET /v2/ -H 'Authorization: Basic !!!'
	is 200 GET /v2/ -u alice:wonderland
	push_image a v1 -u alice:wonderland
	is 401 GET /v2/a/manifests/v1
	# Somebody else takes the name.
	echo "carol${USERS#alice}" >"$DIR/users.new"
	mv "$DIR/users.new" "$DIR/users"
	eventually is 401 GET /v2/ -u alice:wonderland
	is 200 GET /v2/ -u carol:wonderland
	registry_stop
	registry_start --htpasswd "$DIR/users" --anonymous-pull
	is 401 GET /v2/
	is 200 GET /v2/a/manifests/v1
	is 401 POST /v2/a/blobs/uploads/
	is 202 POST /v2/a/blobs/uploads/ -u carol:wonderland
	echo 'dave:{SHA}x' >"$DIR/users"
	run -1 --separate-stderr "$BERTH" registry --addr 127.0.0.1:0 --data "$DIR/other" --htpasswd "$DIR/users"
	fails_with "$DIR/users:1" bcrypt
}

@test "tokens: their rights hold for their repositories, and nobody else can make them" {
	make_pki
	TLS=()
	openssl genrsa -out "$DIR/rsa" 2048 2>/dev/null
	openssl rsa -in "$DIR/rsa" -pubout -out "$DIR/rsa.pub" 2>/dev/null
	openssl genrsa -out "$DIR/rsa2" 2048 2>/dev/null
	registry_start --token-realm https://auth/token --token-service reg --token-issuer me --token-keys "$DIR/rsa.pub"
	local now
	now=$(date +%s)
	claims() { # ACCESS [EXP] [AUD]
		printf '{"iss":"me","aud":"%s","exp":%d,"access":[%s]}' "${3:-reg}" "${2:-$((now + 300))}" "$1"
	}
	grant() { # REPO ACTIONS
		printf '{"type":"repository","name":"%s","actions":[%s]}' "$1" "$2"
	}
	with() { # TOKEN ARGUMENTS OF is
		local t=$1
		shift
		is "$@" -H "Authorization: Bearer $t"
	}
	is 401 GET /v2/a/manifests/v1
	[ "$(header WWW-Authenticate)" = 'Bearer realm="https://auth/token",service="reg",scope="repository:a:pull"' ]
	local push pull mount
	push=$(token "$DIR/rsa" "$(claims "$(grant a '"push","pull"')")")
	pull=$(token "$DIR/rsa" "$(claims "$(grant a '"pull"')")")
	push_image a v1 -H "Authorization: Bearer $push"
	with "$pull" 200 GET /v2/a/manifests/v1
	with "$pull" 401 POST /v2/a/blobs/uploads/
	[[ "$(header WWW-Authenticate)" = *'scope="repository:a:pull,push",error="insufficient_scope"' ]]
	with "$pull" 401 GET /v2/b/manifests/v1
	with "$pull" 401 GET /v2/_catalog
	with "$(token "$DIR/rsa" "$(claims '{"type":"registry","name":"catalog","actions":["*"]}')")" 200 GET /v2/_catalog
	# A mount needs the right to read the source.
	mount=$(token "$DIR/rsa" "$(claims "$(grant b '"push","pull"')")")
	with "$mount" 202 POST "/v2/b/blobs/uploads/?mount=$LAYER&from=a"
	with "$mount" 404 GET "/v2/b/blobs/$LAYER"
	mount=$(token "$DIR/rsa" "$(claims "$(grant b '"push","pull"'),$(grant a '"pull"')")")
	with "$mount" 201 POST "/v2/b/blobs/uploads/?mount=$LAYER&from=a"
	# Not this issuer's, too old, for others, without a signature, with another one.
	with "$(token "$DIR/rsa2" "$(claims "$(grant a '"pull"')")")" 401 GET /v2/a/manifests/v1
	with "$(token "$DIR/rsa" "$(claims "$(grant a '"pull"')" $((now - 300)))")" 401 GET /v2/a/manifests/v1
	with "$(token "$DIR/rsa" "$(claims "$(grant a '"pull"')" $((now + 300)) other)")" 401 GET /v2/a/manifests/v1
	with "$(token "$DIR/rsa" "$(claims "$(grant a '"pull"')")" '{"alg":"none"}')" 401 GET /v2/a/manifests/v1
	with "$(token "$DIR/rsa" "$(claims "$(grant a '"pull"')")" '{"alg":"HS256"}')" 401 GET /v2/a/manifests/v1
	with "${pull%?????}AAAAA" 401 GET /v2/a/manifests/v1
}

@test "tokens by ES256, with keys of a JWKS" {
	local i now good file
	for i in ec ec2; do
		openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$DIR/$i" 2>/dev/null
	done
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out "$DIR/other" 2>/dev/null
	openssl genrsa -out "$DIR/rsa" 2048 2>/dev/null
	openssl genrsa -out "$DIR/short" 1024 2>/dev/null
	with() { # STATUS TOKEN
		is "$1" GET /v2/_catalog -H "Authorization: Bearer $2"
	}
	now=$(date +%s)
	good=$(printf '{"iss":"me","aud":["x","reg"],"exp":%d,"access":[{"type":"registry","name":"catalog","actions":["*"]}]}' $((now + 300)))
	printf '{"keys":[%s,%s]}' "$(jwk "$DIR/ec" one)" "$(jwk "$DIR/rsa" two)" >"$DIR/jwks"
	registry_start --token-realm https://auth/ --token-service reg --token-issuer me --token-keys "$DIR/jwks"
	# Of the two numbers some are shorter than 32 bytes, now and then.
	for i in 1 2 3 4; do
		with 200 "$(token_ec "$DIR/ec" "$good")"
	done
	with 200 "$(token "$DIR/rsa" "$good")"
	# What a token says of its key does not matter.
	with 200 "$(token_ec "$DIR/ec" "$good" '{"alg":"ES256","kid":"two"}')"
	with 401 "$(token_ec "$DIR/ec2" "$good" "{\"alg\":\"ES256\",\"kid\":\"one\",\"jwk\":$(jwk "$DIR/ec2")}")"
	with 401 "$(token_ec "$DIR/ec" "$good" '{"alg":"RS256"}')"
	with 401 "$(token "$DIR/rsa" "$good" '{"alg":"ES256"}')"
	with 401 "$(token_ec "$DIR/ec" "$good" '{"alg":"ES256","crit":["x"],"x":1}')"
	# In DER, of another length, and the numbers zero.
	with 401 "$(token "$DIR/ec" "$good" '{"alg":"ES256"}')"
	with 401 "$(token_ec "$DIR/ec" "$good")AA"
	i=$(token_ec "$DIR/ec" "$good")
	with 401 "${i%.*}.$(head -c 64 /dev/zero | base64url)"
	# Other claims under a good signature.
	with 401 "${i%%.*}.$(printf '{"iss":"me","aud":"reg","exp":%d,"access":[]}' $((now + 900)) | base64url).${i##*.}"
	registry_stop
	openssl pkey -in "$DIR/ec" -pubout -out "$DIR/ec.pub"
	registry_start --token-realm https://auth/ --token-service reg --token-issuer me --token-keys "$DIR/ec.pub"
	with 200 "$(token_ec "$DIR/ec" "$good")"
	with 401 "$(token "$DIR/rsa" "$good")"
	registry_stop
	jq '{keys: [.keys[0] | .x as $x | .x = .y | .y = $x]}' "$DIR/jwks" >"$DIR/off-curve"
	printf '{"keys":[%s]}' "$(jwk "$DIR/short")" >"$DIR/jwks-short"
	openssl pkey -in "$DIR/other" -pubout -out "$DIR/other.pub"
	echo '{"keys":[]}' >"$DIR/none"
	for file in off-curve jwks-short other.pub none; do
		run -1 --separate-stderr "$BERTH" registry --addr 127.0.0.1:0 --data "$DIR/x" --token-realm https://auth/ --token-service reg --token-issuer me --token-keys "$DIR/$file"
		fails_with "the keys of tokens \"$DIR/$file\""
	done
}

@test "TLS: with a certificate, of the client too" {
	make_pki
	registry_start --tls-cert "$DIR/pki/server.crt" --tls-key "$DIR/pki/server.key"
	[[ "$URL" = https://* ]]
	push_image a v1
	head -c 3000000 /dev/urandom >"$DIR/big"
	push_blob a "$DIR/big"
	is 200 GET "/v2/a/blobs/$(digest_of "$DIR/big")"
	cmp "$DIR/body" "$DIR/big"
	run curl -sS --cacert "$DIR/pki/ca.crt" --tls-max 1.1 "$URL/v2/"
	[ "$status" -ne 0 ]
	curl -sS "http://$HOST/" | grep -q 'use https'
	registry_stop
	registry_start --tls-cert "$DIR/pki/server.crt" --tls-key "$DIR/pki/server.key" --tls-client-ca "$DIR/pki/ca.crt"
	run curl -sS "${TLS[@]}" "$URL/v2/"
	[ "$status" -ne 0 ]
	is 200 GET /v2/ --cert "$DIR/pki/server.crt" --key "$DIR/pki/server.key"
	run -1 --separate-stderr "$BERTH" registry --addr 127.0.0.1:0 --data "$DIR/other" --tls-cert "$DIR/pki/server.crt" --tls-key "$DIR/pki/ca.key"
	fails_with "is not the one of the certificate"
}
