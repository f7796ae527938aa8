#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # scripts for the inside; variables of helpers.bash
#
# B1 to B7: what a Dockerfile, a context or an image does to the one who builds. The path is "build": berth build, without a daemon.

load helpers

# A data directory with an image "box": busybox and its links.
box() {
	export BERTH_DATA=$DIR/data
	mkdir -p "$DIR/box" "$DIR/ctx"
	cp /bin/busybox "$DIR/box/"
	printf 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox","--install","-s","/bin"]\n' >"$DIR/box/Dockerfile"
	BERTH_UNGUARDED='' "$(berth_of "$WHO")" build --network none -q -t box "$DIR/box" >/dev/null || return 2
}

build() { # the Dockerfile comes on standard input
	cat >"$DIR/ctx/Dockerfile"
	eb build --network none --progress plain "$DIR/ctx" >"$DIR/out" 2>&1
}

# ---- B1: the directory in a shared cache that a mount names becomes a link to the host ----

cache_link() {
	box || return
	build <<-END || return 2
		FROM box
		RUN --mount=type=cache,id=c,target=/c ln -s "$DIR/canary" /c/sub
	END
	build <<-'END' || true
		FROM box
		RUN --mount=type=cache,id=c,source=/sub,target=/s ls -la /s; cat /s/secret; touch /s/touched; true
	END
	! grep -q "$SECRET" "$DIR/out" || bitten "the host's file is read through the cache"
}

@test "B1: a link in a shared cache mount leads nowhere" { withstands build cache_link; }
@test "B1: ... and would" { bites build cache_link -- unguarded; }

# ---- B2: the parent of a mount point is a link when the mount points are cleared away ----

point_link() {
	box || return
	mkdir -p "$DIR/victim/m"
	build <<-END || return 2
		FROM box
		RUN --mount=type=tmpfs,target=/x/m mv /x /x.old && ln -s "$DIR/victim" /x
	END
	[ -d "$DIR/victim/m" ] || bitten "a directory of the host was removed"
}

@test "B2: clearing mount points away removes nothing else" { withstands build point_link; }
@test "B2: ... and would" { bites build point_link -- unguarded; }

# ---- B3: no frontend of somebody else's, no privileges ----

frontend() {
	box || return
	! build <<-'END' || bitten "a step without its confinement" || return 1
		# syntax=127.0.0.1:9/evil/frontend
		FROM box
		RUN --security=insecure mkdir /m && mount -t tmpfs none /m
	END
	! grep -q "127.0.0.1:9" "$DIR/out" || bitten "the frontend was asked for" || return 1
	build <<-'END' || return 2
		# syntax=127.0.0.1:9/evil/frontend
		FROM box
		RUN grep -q "^Seccomp:.*2" /proc/self/status && grep -q "^NoNewPrivs" /proc/self/status
	END
}

@test "B3: a frontend is named and never asked, and nothing is privileged" { withstands build frontend; }
@test "B3: ... and would be" { bites build frontend -- unguarded; }

# ---- B4: addresses that git, ssh or a shell take for options; repositories that lead elsewhere ----

# Repositories NAME.git below $DIR/git, served on 127.0.0.1:$GIT_PORT; the files of each come from $DIR/work.
git_serve() {
	"$TOP/tests/lib/web_server.py" "$DIR" </dev/null >/dev/null 2>&1 3>&- 4>&- {canary_in}>&- {canary_out}<&- &
	git_pid=$!
	eventually test -f "$DIR/ports" && read -r GIT_PORT _ <"$DIR/ports"
}

git_stop() {
	kill "$git_pid" 2>/dev/null
	wait "$git_pid" 2>/dev/null
	true
}

git_commit() { # NAME
	local git=(git -c init.defaultBranch=main -c user.name=a -c user.email=a@example -C "$DIR/work")
	"${git[@]}" init -q && "${git[@]}" add -A && "${git[@]}" commit -q --allow-empty -m x && "${git[@]}" update-server-info &&
		mkdir -p "$DIR/git" && git clone -q --bare "$DIR/work" "$DIR/git/$1.git" && rm -rf "$DIR/work" && mkdir "$DIR/work"
}

git_words() {
	local touch="touch $DIR/canary/touched"
	box || return
	for url in "git@-oProxyCommand=$touch:x.git" "ssh://-oProxyCommand=$touch/x.git" "http://-x/x.git" "http://127.0.0.1:1/x.git#--upload-pack=$touch" \
		"http://127.0.0.1:1/x.git#-u" "ext::sh -c $touch x.git" "http://127.0.0.1:1/x.git#a..b" "http://127.0.0.1:1/x.git#refs/heads/*" \
		"git://127.0.0.1:1/--upload-pack=$touch.git" "http://u:p@127.0.0.1:1/x.git" "--upload-pack=$touch"; do
		! eb build --network none -q -- "$url" >>"$DIR/out" 2>&1 || bitten "$url" || return 1
		! build <<-END || bitten "ADD $url" || return 1
			FROM box
			ADD ["$url", "/x"]
		END
	done
	[ ! -e "$DIR/canary/touched" ] || bitten "a command was run"
}

git_dirs() {
	local status=0
	box || return
	mkdir "$DIR/work" && ln -s / "$DIR/work/out" && git_commit x && git_serve || return 2
	for dir in "../../../../../../../../..$DIR/canary" "out$DIR/canary"; do
		build <<-END || true
			FROM box
			ADD http://127.0.0.1:$GIT_PORT/git/x.git#main:$dir /s
			RUN cat /s/secret; true
		END
		! grep -q "$SECRET" "$DIR/out" || bitten "the directory $dir is the host's" || status=1
	done
	git_stop
	return "$status"
}

# Submodules at places of the host, by other transports, with paths and names that lead out.
git_modules() {
	local status=0 n=0 commit
	box || return
	mkdir "$DIR/work" && echo "$SECRET" >"$DIR/work/secret" && git_commit host && chmod -R a+rX "$DIR/git" && git_serve || return 2
	commit=$(git -C "$DIR/git/host.git" rev-parse HEAD)
	while IFS='|' read -r name path url; do
		n=$((n + 1))
		git -C "$DIR/work" init -q
		printf '[submodule "%s"]\n\tpath = %s\n\turl = %s\n' "$name" "$path" "$url" >"$DIR/work/.gitmodules"
		printf '#!/bin/sh\ntouch %s\n' "$DIR/canary/touched" >"$DIR/work/post-checkout"
		chmod 755 "$DIR/work/post-checkout"
		ln -s . "$DIR/work/hooks"
		printf '[core]\n\tfsmonitor = touch %s\n' "$DIR/canary/touched" >"$DIR/work/config"
		git -C "$DIR/work" update-index --add --cacheinfo "160000,$commit,${path#../}" || return 2
		git_commit "m$n" || return 2
		build <<-END || true
			FROM box
			ADD http://127.0.0.1:$GIT_PORT/git/m$n.git#main /s
			RUN find /s; cat /s/sub/secret /s/x/secret; true
		END
		! grep -q "$SECRET" "$DIR/out" || bitten "a submodule at $url is the host's" || status=1
	done <<-END
		sub|sub|file://$DIR/git/host.git
		sub|sub|$DIR/git/host.git
		sub|sub|ext::sh -c touch% $DIR/canary/touched
		sub|sub|-u./post-checkout
		../../canary|sub|http://127.0.0.1:$GIT_PORT/git/host.git
		sub|../x|http://127.0.0.1:$GIT_PORT/git/host.git
	END
	git_stop
	[ ! -e "$DIR/canary/touched" ] || bitten "a command of the repository was run"
	return "$status"
}

@test "B4: addresses of repositories are no options" { withstands build git_words; }
@test "B4: the directory of a repository is in it" { withstands build git_dirs; }
@test "B4: ... and would not be" { bites build git_dirs -- unguarded; }
@test "B4: hooks, monitors and submodules of a repository" { withstands build git_modules; }

# ---- B5: the image that a mount comes from has links to the host; a cache's id is a path ----

from_evil() {
	box || return
	mkdir -p "$DIR/evil"
	printf 'FROM box\nRUN ln -s / /all && ln -s "%s" /canary && mkdir /d && ln -s ../../../../../../.. /d/up\n' "$DIR/canary" |
		BERTH_UNGUARDED='' "$(berth_of "$WHO")" build --network none -q -t evil - >/dev/null || return 2
	for source in /canary "/all$DIR/canary" "/d/up$DIR/canary"; do
		build <<-END || true
			FROM box
			RUN --mount=type=bind,from=evil,source=$source,target=/s ls /s; cat /s/secret; true
		END
		! grep -q "$SECRET" "$DIR/out" || bitten "source=$source is the host's" || return 1
	done
	for source in /canary/secret "/all$DIR/canary/secret"; do
		build <<-END || true
			FROM box
			COPY --from=evil $source /s
			RUN cat /s
		END
		! grep -q "$SECRET" "$DIR/out" || bitten "COPY --from of $source is the host's" || return 1
	done
}

cache_id() {
	box || return
	build <<-'END' || return 2
		FROM box
		RUN --mount=type=cache,id=../../../../canary,target=/c ls /c; cat /c/secret; touch /c/touched; true
	END
	! grep -q "$SECRET" "$DIR/out" || bitten "a cache's id is a path"
}

@test "B5: mounts and copies from an image stay in it" { withstands build from_evil; }
@test "B5: ... and would not" { bites build from_evil -- unguarded; }
@test "B5: the id of a cache is no path" { withstands build cache_id; }

# ---- B6: an image that came from elsewhere is no cache ----

foreign_cache() {
	box || return
	printf 'FROM scratch\nCOPY f /f\n' >"$DIR/ctx/Dockerfile"
	echo honest >"$DIR/ctx/f"
	eb build --network none -q --data "$DIR/other" -t posing "$DIR/ctx" >/dev/null || return 2
	# The very image, with the very history, that this build would make.
	eb save --data "$DIR/other" -o "$DIR/posing.tar" posing || return 2
	eb load --data "$DIR/data" -i "$DIR/posing.tar" >/dev/null || return 2
	eb build --network none --progress plain "$DIR/ctx" >"$DIR/out" 2>&1 || return 2
	! grep -q CACHED "$DIR/out" || bitten "an image that was loaded answered for a step"
	# What was built here does answer: the test sees the difference.
	eb build --network none --progress plain "$DIR/ctx" >"$DIR/out" 2>&1 && grep -q CACHED "$DIR/out" || return 2
}

# A cache whose record says that the honest step made the evil layer; all digests fit.
poisoned_cache() {
	local digest text
	printf 'FROM box\nRUN echo honest >/f\n' >"$DIR/ctx/Dockerfile"
	eb build --network none -q --data "$DIR/other" --cache-to "type=local,dest=$DIR/honest" "$DIR/ctx" >/dev/null || return 2
	printf 'FROM box\nRUN echo evil >/f\n' >"$DIR/ctx/evil"
	eb build --network none -q --data "$DIR/other" -f "$DIR/ctx/evil" --cache-to "type=local,dest=$DIR/evil" "$DIR/ctx" >/dev/null || return 2
	of() { jq -r "$2" "$1/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' "$1/index.json")"; }
	text=$(jq -c --arg key "$(jq -r '.records[0].key' "$DIR/honest/blobs/sha256/$(of "$DIR/honest" '.config.digest[7:]')")" \
		'.records[0].key = $key' "$DIR/evil/blobs/sha256/$(of "$DIR/evil" '.config.digest[7:]')")
	put() { # TEXT: prints the digest
		digest=$(printf %s "$1" | sha256sum | cut -d ' ' -f 1)
		printf %s "$1" >"$DIR/evil/blobs/sha256/$digest"
		echo "sha256:$digest"
	}
	text=$(of "$DIR/evil" . | jq -c --arg digest "$(put "$text")" --argjson size ${#text} '.config += {digest: $digest, size: $size}')
	jq -c --arg digest "$(put "$text")" --argjson size ${#text} '.manifests[0] += {digest: $digest, size: $size}' \
		"$DIR/evil/index.json" >"$DIR/index" && mv "$DIR/index" "$DIR/evil/index.json"
}

# Who names a cache believes it; who does not must not hear of it.
named_cache() {
	box || return
	cp -a "$DIR/data" "$DIR/other"
	poisoned_cache || return
	eb build --network none --progress plain --cache-from "type=local,src=$DIR/evil" "$DIR/ctx" >"$DIR/out" 2>&1 || return 2
	grep -q CACHED "$DIR/out" || return 2
	eb build --network none --progress plain "$DIR/ctx" >"$DIR/out" 2>&1 || return 2
	! grep -q CACHED "$DIR/out" || bitten "what somebody else's cache said answers builds that do not name it"
}

@test "B6: a loaded image is no cache candidate" { withstands build foreign_cache; }
@test "B6: a cache answers who names it, and nobody else" { withstands build named_cache; }
@test "B6: ... and would" { bites build named_cache -- unguarded; }

# ---- B7: the context ----

context_links() {
	box || return
	ln -s "$DIR/canary/secret" "$DIR/ctx/absolute"
	ln -s ../canary/secret "$DIR/ctx/relative"
	ln -s ../canary "$DIR/ctx/dir"
	for source in absolute relative dir/secret ../canary/secret; do
		build <<-END || true
			FROM box
			COPY $source /s
			RUN cat /s
		END
		! grep -q "$SECRET" "$DIR/out" || bitten "COPY $source is outside the context" || return 1
	done
	build <<-'END' || return 2
		FROM box
		COPY . /all
		RUN --mount=type=bind,target=/ctx cat /all/absolute /all/relative /all/dir/secret /ctx/absolute /ctx/dir/secret; true
	END
	! grep -q "$SECRET" "$DIR/out" || bitten "a link of the context was followed"
}

context_special() {
	box || return
	mkfifo "$DIR/ctx/fifo"
	mknod "$DIR/ctx/device" c 1 5
	build <<-'END' || return 2
		FROM box
		COPY . /all
		RUN --mount=type=bind,target=/ctx test ! -e /all/fifo && test ! -e /all/device && test ! -e /ctx/fifo && test ! -e /ctx/device
	END
	! build <<-'END' || bitten "a device was copied"
		FROM box
		COPY device /d
		RUN test -s /d
	END
}

addresses() {
	box || return
	for url in http://169.254.169.254/latest http://0xa9fea9fe/ "http://[::ffff:169.254.169.254]/" http://127.0.0.1:1/x "unix://$DIR/berth.sock" "http://[fe80::1]/"; do
		! build <<-END || bitten "ADD $url"
			FROM box
			ADD $url /x
		END
		[[ $url != *a9fe* && $url != *169* && $url != *fe80* ]] || grep -q "is link-local" "$DIR/out" || bitten "$url was asked" || return 1
	done
}

@test "B7: links of the context lead nowhere" { withstands build context_links; }
@test "B7: ... and would" { bites build context_links -- unguarded; }
@test "B7: devices and FIFOs of the context are absent" { withstands build context_special; }
@test "B7: ADD asks no metadata service and no socket" { withstands build addresses; }
