#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # status and output are bats'
#
# What berth build takes from elsewhere: ADD of addresses and git repositories, contexts at addresses. Servers are on loopback.

load helpers
load remote

setup() {
	remote_place
	CTX=$DIR/ctx
	mkdir -p "$CTX" "$DIR/www" "$DIR/web"
}
teardown() { end_remotes; }

# WEB (by TLS after "web_start tls") and PLAIN are the origins.
web_start() { # [tls]
	local certs=() scheme=http
	if [ "${1:-}" = tls ]; then
		certs=("$(remote_certs)/cert" "$(remote_certs)/key") scheme=https
	fi
	"$TOP/tests/lib/web_server.py" "$DIR" "${certs[@]}" </dev/null >"$DIR/web.log" 2>&1 3>&- 4>&- &
	remote_pids+=($!)
	eventually test -f "$DIR/ports"
	read -r a b <"$DIR/ports"
	WEB=$scheme://127.0.0.1:$a PLAIN=http://127.0.0.1:$b
	[ "$scheme" = http ] || remote_trust "127.0.0.1:$a"
}

dockerfile() {
	cat >"$CTX/Dockerfile"
}

# Builds and writes the files to $DIR/out.
out() { # [OPTION...]
	rm -rf "$DIR/out"
	berth build -q -o "$DIR/out" "$@" "$CTX"
}

# refused TEXT [CONTEXT]: the build fails, and says it.
refused() {
	run berth build --progress plain "${2:-$CTX}"
	[ "$status" -eq 1 ] && [[ "$output" == *"$1"* ]] || {
		echo "status $status, not \"$1\" in: $output"
		return 1
	}
}

@test "ADD of an address: names, owners, modes, times, archives" {
	web_start
	echo content >"$DIR/www/file"
	echo blank >"$DIR/www/a b"
	mkdir "$DIR/t" && echo packed >"$DIR/t/inside"
	tar -C "$DIR/t" -czf "$DIR/www/t.tar.gz" inside
	dockerfile <<-END
		FROM scratch
		ADD $WEB/file /as
		ADD $WEB/file?x=/y $WEB/x/a%20b /dir/
		ADD --chmod=755 --chown=7:8 $WEB/bare/file /own
		ADD $WEB/t.tar.gz /kept/
		ADD --unpack=true $WEB/t.tar.gz /unpacked/
		ADD --checksum=sha256:$(sha256sum <"$DIR/www/file" | cut -d ' ' -f 1) $WEB/to?$PLAIN/file /checked
	END
	out
	[ "$(cat "$DIR/out/as" "$DIR/out/dir/file" "$DIR/out/dir/a b" "$DIR/out/unpacked/inside" "$DIR/out/checked")" = "content
content
blank
packed
content" ]
	[ "$(stat -c '%a %u:%g %Y' "$DIR/out/as")" = "600 0:0 1577934245" ]
	[ "$(stat -c '%a %u:%g %Y' "$DIR/out/own")" = "755 7:8 0" ]
	cmp "$DIR/www/t.tar.gz" "$DIR/out/kept/t.tar.gz"
}

@test "ADD of an address: what the cache asks for" {
	web_start
	echo one >"$DIR/www/file"
	dockerfile <<<"FROM scratch
ADD $WEB/file /file
ADD $WEB/bare/file /bare
ADD --checksum=sha256:$(sha256sum <"$DIR/www/file" | cut -d ' ' -f 1) $WEB/file /checked"
	run berth build --progress plain "$CTX"
	[ "$status" -eq 0 ]
	[ "$(wc -l <"$DIR/log")" -eq 3 ]
	# The same version is not fetched, the same content is the same, and a checksum asks nobody.
	run berth build --progress plain "$CTX"
	[ "$(grep -c CACHED <<<"$output")" -eq 3 ]
	[ "$(wc -l <"$DIR/log")" -eq 5 ]
	echo two >"$DIR/www/file"
	sed -i '$d' "$CTX/Dockerfile"
	out
	[ "$(cat "$DIR/out/file" "$DIR/out/bare")" = "two
two" ]
	# A version that is known and a layer that is not: it is fetched again.
	out --no-cache
	[ "$(cat "$DIR/out/file")" = two ]
	[ -z "$(find "$DIR/data/images/tmp" -name 'job-*')" ]
}

@test "ADD of an address: what is refused" {
	web_start tls
	echo content >"$DIR/www/file"
	dockerfile <<<"FROM scratch
ADD $WEB/file /file"
	out
	dockerfile <<<"FROM scratch
ADD $WEB/to?$PLAIN/file /file"
	refused "redirected from https to http"
	while IFS='|' read -r source text; do
		dockerfile <<<"FROM scratch
ADD $source /file"
		refused "$text"
	done <<-END
		$PLAIN/none|the server answers 404
		$PLAIN/loop|more than 10 redirects
		$PLAIN/cut/file|
		$PLAIN/huge/file|
		$PLAIN/to?http://169.254.169.254/x|169.254.169.254 is link-local
		http://[fe80::1]/x|fe80::1 is link-local
		http://0xa9fea9fe/x|169.254.169.254 is link-local
		$PLAIN/to?ftp://127.0.0.1/x|must begin with https
		http://user@127.0.0.1/x|there may be no user
		--checksum=sha256:$(printf '%064d' 0) $PLAIN/file|has the checksum sha256:$(sha256sum <"$DIR/www/file" | cut -d ' ' -f 1)
	END
	rm -r "$XDG_CONFIG_HOME/berth/certs.d"
	dockerfile <<<"FROM scratch
ADD $WEB/file?again /file"
	refused "certificate"
	[ -z "$(find "$DIR/data/images/tmp" -name 'job-*')" ]
}
