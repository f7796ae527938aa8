# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the tests of `berth registry` share: one server per test below DIR, and curl. URL is where it is.

load helpers

# The user alice, password wonderland: bcrypt of cost 4.
# shellcheck disable=SC2034,SC2016 # for the tests
USERS='alice:$2y$04$hYCdugofIAd7PHEs09TKQe7iYdxTc5906TrQ0dFv9Q0K35lpkeHRO'

registry_told() {
	[ -s "$DIR/registry.out" ] || gone "$registry_pid"
}

# registry_start [OPTION...]: on a free port of 127.0.0.1. REGISTRY is the program (berth).
registry_start() {
	"${REGISTRY:-$BERTH}" registry --addr 127.0.0.1:0 --data "$DIR/registry" "$@" >"$DIR/registry.out" 2>>"$DIR/registry.err" </dev/null 3>&- 4>&- &
	registry_pid=$!
	eventually registry_told
	URL=$(sed -n 's/^berth registry is up: \([^,]*\), .*/\1/p' "$DIR/registry.out")
	# shellcheck disable=SC2034 # for the tests
	HOST=${URL#*//}
	[ -n "$URL" ] || {
		cat "$DIR/registry.err"
		return 1
	}
}

# shellcheck disable=SC2120 # tests give a signal
registry_stop() { # [SIGNAL]
	[ -n "${registry_pid:-}" ] || return 0
	kill "-${1:-TERM}" "$registry_pid" 2>/dev/null || true
	wait "$registry_pid" 2>/dev/null || true
	registry_pid=
	rm -f "$DIR/registry.out"
}

registry_end() {
	registry_stop TERM
	[ ! -s "$DIR/registry.err" ] || sed 's/^/# /' "$DIR/registry.err"
	end_place
}

# api METHOD PATH [CURL-OPTION...]: prints the status; the headers are in DIR/head, the body in DIR/body.
api() {
	local method=$1 path=$2
	shift 2
	local how=(-X "$method")
	[ "$method" != HEAD ] || how=(-I)
	curl -sS --max-time 200 "${TLS[@]}" -D "$DIR/head" -o "$DIR/body" -w '%{http_code}' "${how[@]}" "$@" "$URL$path"
}

# is STATUS METHOD PATH [CURL-OPTION...]
is() {
	local want=$1 status
	shift
	status=$(api "$@")
	[ "$status" = "$want" ] || {
		echo "$1 $2: $status, not $want"
		cat "$DIR/head" "$DIR/body"
		return 1
	}
}

header() { # NAME
	tr -d '\r' <"$DIR/head" | awk -v name="$1" -F ': ' 'tolower($1) == tolower(name) { print substr($0, length($1) + 3) }'
}

code() { # of the error in the last reply
	jq -r '.errors[0].code' "$DIR/body"
}

digest_of() { # FILE
	echo "sha256:$(sha256sum "$1" | cut -d ' ' -f 1)"
}

# push_blob REPO FILE [CURL-OPTION...]: prints the digest.
push_blob() {
	local repo=$1 file=$2 digest
	shift 2
	digest=$(digest_of "$file")
	is 202 POST "/v2/$repo/blobs/uploads/" "$@" >&2 || return
	is 201 PUT "$(header Location)?digest=$digest" -H 'Content-Type: application/octet-stream' --data-binary "@$file" "$@" >&2 || return
	echo "$digest"
}

# manifest CONFIG-DIGEST CONFIG-SIZE LAYER-DIGEST LAYER-SIZE
manifest() {
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%d}]}' "$@"
}

OCI_MANIFEST='Content-Type: application/vnd.oci.image.manifest.v1+json'

# shellcheck disable=SC2034 # for the tests
# An OCI layout of one small image, tag "v1", in DIR/layout.
make_layout() {
	local out=$DIR/layout layer config
	mkdir -p "$out/blobs/sha256" "$DIR/rootfs/etc"
	echo "hello from the registry" >"$DIR/rootfs/etc/hello"
	tar -C "$DIR/rootfs" --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$DIR/layer.tar" etc
	layer=$(digest_of "$DIR/layer.tar")
	printf '{"architecture":"amd64","os":"linux","config":{"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":["%s"]}}' "$layer" >"$DIR/config.json"
	config=$(digest_of "$DIR/config.json")
	manifest "$config" "$(stat -c %s "$DIR/config.json")" "$layer" "$(stat -c %s "$DIR/layer.tar")" >"$DIR/manifest.json"
	cp "$DIR/layer.tar" "$out/blobs/sha256/${layer#*:}"
	cp "$DIR/config.json" "$out/blobs/sha256/${config#*:}"
	MANIFEST=$(digest_of "$DIR/manifest.json")
	LAYER=$layer
	CONFIG=$config
	cp "$DIR/manifest.json" "$out/blobs/sha256/${MANIFEST#*:}"
	echo '{"imageLayoutVersion":"1.0.0"}' >"$out/oci-layout"
	printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%d,"annotations":{"org.opencontainers.image.ref.name":"v1"}}]}' \
		"$MANIFEST" "$(stat -c %s "$DIR/manifest.json")" >"$out/index.json"
}

# push_image REPO TAG [CURL-OPTION...]: the image of make_layout.
push_image() {
	local repo=$1 tag=$2
	shift 2
	push_blob "$repo" "$DIR/layer.tar" "$@" >/dev/null && push_blob "$repo" "$DIR/config.json" "$@" >/dev/null &&
		is 201 PUT "/v2/$repo/manifests/$tag" -H "$OCI_MANIFEST" --data-binary "@$DIR/manifest.json" "$@"
}

# A root certificate and a server's pair for localhost and 127.0.0.1.
make_pki() {
	mkdir -p "$DIR/pki"
	(
		cd "$DIR/pki" || exit
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=root
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=localhost
		printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >ext
		openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out server.crt
	) >/dev/null 2>&1
	TLS=(--cacert "$DIR/pki/ca.crt")
}

base64url() {
	base64 -w 0 | tr '+/' '-_' | tr -d =
}

# token KEY CLAIMS-JSON [HEAD-JSON]: signed with RS256.
token() {
	local signed
	signed=$(printf %s "${3:-{\"alg\":\"RS256\",\"typ\":\"JWT\"\}}" | base64url).$(printf %s "$2" | base64url)
	printf '%s.%s' "$signed" "$(printf %s "$signed" | openssl dgst -sha256 -sign "$1" -binary | base64url)"
}

# token_ec KEY CLAIMS-JSON [HEAD-JSON]: signed with ES256: the two numbers of the signature, 32 bytes each.
token_ec() {
	local signed
	signed=$(printf %s "${3:-{\"alg\":\"ES256\",\"typ\":\"JWT\"\}}" | base64url).$(printf %s "$2" | base64url)
	printf '%s.%s' "$signed" "$(printf %s "$signed" | openssl dgst -sha256 -sign "$1" -binary | openssl asn1parse -inform DER |
		awk -F: '/INTEGER/ { n = $NF; while (length(n) < 64) n = "0" n; printf "%s", substr(n, length(n) - 63) }' | basenc --base16 -d | base64url)"
}

# jwk KEY [ID]: the public half of a private key in PEM, RSA or of a curve, as a JWK.
jwk() {
	local numbers
	if openssl rsa -in "$1" -noout 2>/dev/null; then
		numbers="\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"$(openssl rsa -in "$1" -noout -modulus 2>/dev/null | cut -d = -f 2 | basenc --base16 -d | base64url)\""
	else
		openssl pkey -in "$1" -pubout -outform DER >"$DIR/point"
		numbers="\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"$(tail -c 64 "$DIR/point" | head -c 32 | base64url)\",\"y\":\"$(tail -c 32 "$DIR/point" | base64url)\""
	fi
	printf '{%s,"kid":"%s"}' "$numbers" "${2:-}"
}
