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
	if [ "$status" -ne 1 ] || [[ "$output" != *"$1"* ]]; then
		echo "status $status, not \"$1\" in: $output"
		return 1
	fi
}

# Commits all of $DIR/work to $DIR/git/NAME.git.
commit() { # NAME
	local git=(git -c user.name=t -c user.email=t@example -c init.defaultBranch=main -c protocol.file.allow=always -C "$DIR/work")
	if [ ! -d "$DIR/git/$1.git" ]; then
		git -c init.defaultBranch=main init -q --bare "$DIR/git/$1.git"
		"${git[@]}" init -q
	fi
	"${git[@]}" add -A
	"${git[@]}" commit -q -m one
	"${git[@]}" push -q --tags "$DIR/git/$1.git" +HEAD:main
	COMMIT=$("${git[@]}" rev-parse HEAD)
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

@test "stages go on while others fetch" {
	web_start
	echo one >"$DIR/www/one"
	echo two >"$DIR/www/two"
	dockerfile <<-END
		FROM scratch AS a
		ADD $PLAIN/meet/one /
		FROM scratch AS b
		ADD $PLAIN/meet/two /
		FROM scratch
		COPY --from=a / /
		COPY --from=b / /
	END
	out
	[ "$(cat "$DIR/out/one" "$DIR/out/two")" = $'one\ntwo' ]
	# All addresses of one ADD as well.
	echo three >"$DIR/www/three"
	echo four >"$DIR/www/four"
	dockerfile <<-END
		FROM scratch
		ADD $PLAIN/meet/three $PLAIN/meet/four /both/
	END
	run -0 berth build --progress plain -o "$DIR/out" "$CTX"
	[ "$(grep -c '^#1 \[' <<<"$output")" = 1 ]
	[ "$(cat "$DIR/out/both/three" "$DIR/out/both/four")" = $'three\nfour' ]
	# A build that is stopped meanwhile ends at once.
	printf 'FROM scratch\nADD %s/meet/one?3 /\n' "$PLAIN" >"$CTX/Dockerfile"
	"$BERTH" build -q "$CTX" >"$DIR/said" 2>&1 3>&- 4>&- &
	local pid=$!
	eventually grep -q 'one?3' "$DIR/log"
	kill -INT "$pid"
	wait "$pid" && false
	[ -z "$(ls "$BERTH_DATA/images/tmp")" ]
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

@test "git repositories: contexts, refs, directories, submodules" {
	web_start
	export HOME=$DIR/home
	mkdir -p "$HOME" "$DIR/work"
	printf '[user]\n\tname = intruder\n[url "http://127.0.0.1:1/"]\n\tinsteadOf = %s\n' "$WEB" >"$HOME/.gitconfig"
	echo inner >"$DIR/work/inner"
	(unset HOME && commit sub)
	rm -rf "$DIR/work"
	mkdir -p "$DIR/work/dir"
	printf 'FROM scratch\nCOPY . /\n' | tee "$DIR/work/Dockerfile" >"$DIR/work/dir/Dockerfile"
	echo old >"$DIR/work/dir/file"
	unset HOME
	commit repo
	git -C "$DIR/work" -c user.name=t -c user.email=t@example tag -a -m v1 v1
	first=$COMMIT
	git -C "$DIR/work" submodule --quiet add ../sub.git vendored 2>/dev/null ||
		git -C "$DIR/work" -c protocol.file.allow=always submodule --quiet add "$DIR/git/sub.git" vendored
	git -C "$DIR/work" config -f .gitmodules submodule.vendored.url ../sub.git
	echo new >"$DIR/work/dir/file"
	commit repo
	export HOME=$DIR/home
	berth build -q -o "$DIR/a" "$WEB/git/repo.git"
	[ "$(cat "$DIR/a/dir/file" "$DIR/a/vendored/inner")" = "new
inner" ]
	[ ! -e "$DIR/a/.git" ] && [ "$(stat -c %u "$DIR/a/dir/file")" -eq 0 ]
	berth build -q -o "$DIR/b" "$WEB/git/repo.git#v1:dir"
	[ "$(cat "$DIR/b/file")" = old ] && [ ! -e "$DIR/b/dir" ]
	berth build -q -o "$DIR/c" --build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=1 "$WEB/git/repo.git#$first"
	[ -d "$DIR/c/.git" ] && [ "$(cat "$DIR/c/dir/file")" = old ]
	dockerfile <<-END
		FROM scratch AS named
		COPY --from=other /file /named
		FROM scratch
		COPY --from=named / /
		ADD $WEB/git/repo.git#refs/heads/main /main
		ADD --keep-git-dir=true --checksum=$first $WEB/git/repo.git#v1 /v1
	END
	out --build-context other="$WEB/git/repo.git#:dir"
	[ "$(cat "$DIR/out/named" "$DIR/out/main/dir/file" "$DIR/out/v1/dir/file")" = "new
new
old" ]
	[ -d "$DIR/out/v1/.git" ] && [ ! -e "$DIR/out/main/.git" ] && [ ! -e "$DIR/out/main/vendored/.git" ]
	run berth build --progress plain --build-context other="$WEB/git/repo.git#:dir" "$CTX"
	[ "$(grep -c CACHED <<<"$output")" -eq 4 ]
	sed -i "s/checksum=$first/checksum=$COMMIT/" "$CTX/Dockerfile"
	run berth build --build-context other="$CTX" "$CTX"
	[ "$status" -eq 1 ]
	refused 'no branch or tag "none"' "$WEB/git/repo.git#none"
	refused "git ls-remote failed" "$WEB/git/none.git"
	[ -z "$(find "$DIR/data/images/tmp" -name 'job-*')" ]
}

@test "contexts at addresses: a tar and a Dockerfile alone" {
	web_start
	dockerfile <<<'FROM scratch
COPY file /'
	echo content >"$CTX/file"
	echo hidden >"$CTX/hidden"
	echo hidden >"$CTX/.dockerignore"
	tar -C "$CTX" -czf "$DIR/www/ctx.tar.gz" .
	printf 'FROM scratch\nADD %s/ctx.tar.gz /got\n' "$WEB" >"$DIR/www/alone"
	berth build -q -o "$DIR/a" "$WEB/ctx.tar.gz"
	[ "$(ls -A "$DIR/a")" = file ]
	berth build -q -o "$DIR/b" "$WEB/alone"
	[ "$(ls -A "$DIR/b")" = got ]
	printf 'FROM scratch\nCOPY --from=x . /\n' | berth build -q -o "$DIR/c" --build-context x="$WEB/ctx.tar.gz" -f - "$WEB/ctx.tar.gz"
	[ "$(find "$DIR/c" -type f | wc -l)" -eq 3 ] && [ ! -e "$DIR/c/hidden" ]
	refused "the server answers 404" "$WEB/none.tar"
	refused "is no build context" "ftp://127.0.0.1/x"
	[ -z "$(find "$DIR/data/images/tmp" -name 'job-*')" ]
}
