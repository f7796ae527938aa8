#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load helpers
load build

setup_file() { build_file_setup; }
teardown_file() { end_place; }
setup() { build_test_setup; }
teardown() {
	tell_words
	[ -z "${agent_pid:-}" ] || kill "$agent_pid"
}

@test "stages are built from nothing, and unused ones are not" {
	echo hello >"$CTX/a.txt"
	dockerfile <<-'END'
		FROM base AS one
		RUN echo one >/one
		FROM base AS unused
		RUN exit 9
		FROM base AS two
		COPY --from=one /one /two
		RUN echo two >>/two
		FROM scratch
		COPY --from=two /two /dir/
		COPY a.txt /dir/
		WORKDIR /dir
		LABEL x=y
		CMD ["/two"]
	END
	build -t staged
	[[ "$output" == *"named staged:latest"* ]]
	files_of staged
	[ "$(cat "$DIR/out/dir/two")" = "one
two" ]
	[ "$(cat "$DIR/out/dir/a.txt")" = hello ]
	[ "$(find "$DIR/out" | wc -l)" -eq 4 ]
	id=$(berth build -q "$CTX")
	[ "$(config_of "$id" | jq -c '[.config.Cmd, .config.WorkingDir, .config.Labels.x]')" = '[["/two"],"/dir","y"]' ]
	[ "$(config_of "$id" | jq '[.history[] | select(.empty_layer | not)] | length')" -eq "$(config_of "$id" | jq '.rootfs.diff_ids | length')" ]
}

@test "a built image runs, while the daemon shares the store" {
	start
	dockerfile <<-'END'
		FROM base
		ENV WORD=spoken
		USER worker
		ENTRYPOINT ["sh", "-c", "echo $WORD $(id -u) $(cat /made)"]
		RUN test "$(id -u)" = 1234
		USER root
		RUN echo by-root >/made && chmod 644 /made
		USER worker
	END
	build -t runs
	run berth run runs
	[ "$status" -eq 0 ]
	[ "$output" = "spoken 1234 by-root" ]
	berth down --all
}

@test "a command that fails says its last lines, file and line" {
	dockerfile <<-'END'
		FROM base
		RUN true
		RUN echo before; echo the reason >&2; exit 3
	END
	run berth build --progress quiet "$CTX"
	[ "$status" -eq 1 ]
	[[ "$output" == *"the reason"* ]]
	[[ "$output" == *"Dockerfile:3: "*"non-zero code: 3"* ]]
	dockerfile <<<'FROM base
RUN ["/no/such/program"]'
	run berth build -q "$CTX"
	[ "$status" -eq 1 ]
	[[ "$output" == *"/no/such/program"* ]]
	[ -z "$(ls -A "$BERTH_DATA/build/running")" ]
}

@test "nothing of the run is left in the layer" {
	dockerfile <<-'END'
		FROM scratch
		COPY --from=base /bin/busybox /bin/
		RUN --mount=type=tmpfs,target=/scratch/here --mount=type=cache,target=/var/cache/x ["/bin/busybox", "ls", "/etc/resolv.conf", "/etc/hosts", "/scratch/here"]
	END
	id=$(berth build -q "$CTX")
	[ -z "$(ls -A "$(top_layer "$id")")" ]
}

@test "mount points that became something else are left alone" {
	dockerfile <<-'END'
		FROM base
		RUN --mount=type=tmpfs,target=/m/n true && echo kept >/m/file
		RUN echo mine >/etc/other
	END
	id=$(berth build -q "$CTX")
	[ "$(config_of "$id" | jq '.rootfs.diff_ids | length')" -eq 6 ] || [ "$(config_of "$id" | jq '.rootfs.diff_ids | length')" -ge 5 ]
	printf 'FROM base\nRUN --mount=type=tmpfs,target=/m/n true && echo kept >/m/file\n' >"$CTX/Dockerfile"
	id=$(berth build -q "$CTX")
	[ "$(cd "$(top_layer "$id")" && find . | sort | tr '\n' ' ')" = ". ./m ./m/file " ]
}

@test "contexts on standard input: a Dockerfile alone, and tars" {
	printf 'FROM base\nRUN echo alone >/alone\n' | berth build -q -t alone -
	files_of alone
	[ "$(cat "$DIR/out/alone")" = alone ]
	mkdir "$CTX/sub"
	echo data >"$CTX/sub/data"
	echo manifest >"$CTX/manifest.json"
	dockerfile <<<'FROM scratch
COPY . /'
	for z in "" z j J; do
		tar -C "$CTX" -c${z}f - . | berth build -q -t tarred -
		files_of tarred
		[ "$(cat "$DIR/out/sub/data")" = data ]
		[ "$(cat "$DIR/out/manifest.json")" = manifest ]
	done
	mv "$CTX/Dockerfile" "$CTX/Other"
	tar -C "$CTX" -cf - . | berth build -q -f Other -
	printf 'FROM base\nCOPY sub /s\n' | berth build -q -f - "$CTX"
	run berth build - <"$(command -v busybox)"
	[ "$status" -eq 1 ]
}

@test "the Dockerfile may stand outside the context, and brings its ignore file" {
	mkdir "$CTX/in" "$CTX/files"
	echo 1 >"$CTX/in/one"
	echo 2 >"$CTX/in/two"
	printf 'FROM scratch\nCOPY . /\n' >"$CTX/files/Own"
	echo one >"$CTX/files/Own.dockerignore"
	echo two >"$CTX/in/.dockerignore"
	berth build -q -t outside -f "$CTX/files/Own" "$CTX/in"
	files_of outside
	[ ! -e "$DIR/out/one" ] && [ -e "$DIR/out/two" ]
}

@test "ignored files are hidden from COPY and from bind mounts" {
	mkdir "$CTX/d"
	echo canary >"$CTX/d/secret"
	echo fine >"$CTX/d/fine"
	printf 'd/*\n!d/fine\n' >"$CTX/.dockerignore"
	dockerfile <<-'END'
		FROM base
		COPY d /d
		RUN --mount=type=bind,target=/src test ! -e /src/d/secret && test -e /src/d/fine && cp /src/d/fine /bound
		RUN --mount=type=bind,target=/src,rw echo changed >/src/d/fine && echo new >/src/new
	END
	build -t ignoring
	files_of ignoring
	[ ! -e "$DIR/out/d/secret" ] && [ "$(cat "$DIR/out/bound")" = fine ]
	[ "$(cat "$CTX/d/fine")" = fine ] && [ ! -e "$CTX/new" ]
	echo 'COPY d/secret /' >>"$CTX/Dockerfile"
	run berth build "$CTX"
	[ "$status" -eq 1 ]
	[[ "$output" == *"hidden by .dockerignore"* ]]
}

@test "COPY and ADD: owners, modes, archives, heredocs" {
	mkdir -p "$CTX/t/usr/lib"
	echo packed >"$CTX/t/usr/lib/file"
	tar -C "$CTX/t" --owner=7 --group=8 -czf "$CTX/t.tar.gz" usr
	tar -C "$CTX/t" -cJf "$CTX/t.tar.xz" --transform s/file/by-xz/ usr
	# Two streams after each other, and padding, are one archive; what is packed and no tar is a file.
	tar -C "$CTX/t" -cf "$CTX/t.tar" --transform s/file/by-bzip2/ usr
	head -c 1000 "$CTX/t.tar" | bzip2 >"$CTX/t.tar.bz2"
	tail -c +1001 "$CTX/t.tar" | bzip2 >>"$CTX/t.tar.bz2"
	head -c 512 /dev/zero >>"$CTX/t.tar.bz2"
	bzip2 <<<text >"$CTX/two.bz2"
	echo plain >"$CTX/plain"
	dockerfile <<-'END'
		FROM base
		COPY --chown=worker --chmod=640 plain /by-name
		COPY --chown=12:crew plain /by-both
		COPY --chown=5 plain /by-number
		ADD t.tar.gz /unpacked/
		ADD t.tar.xz t.tar.bz2 two.bz2 /more/
		ADD --unpack=false t.tar.gz /kept.tar.gz
		COPY t.tar.gz /copied.tar.gz
		COPY --chmod=755 <<EOF /script
		#!/bin/sh
		echo heredoc
		EOF
		RUN <<EOF
		set -e
		/script >/said
		stat -c '%u:%g %a %n' /by-name /by-both /by-number /unpacked/usr/lib/file >/stat
		EOF
	END
	build -t copies
	files_of copies
	[ "$(cat "$DIR/out/said")" = heredoc ]
	[ "$(cat "$DIR/out/stat")" = "1234:2345 640 /by-name
12:2345 644 /by-both
5:5 644 /by-number
7:8 644 /unpacked/usr/lib/file" ]
	[ "$(cat "$DIR/out/more/usr/lib/by-xz" "$DIR/out/more/usr/lib/by-bzip2")" = "packed
packed" ]
	cmp "$CTX/two.bz2" "$DIR/out/more/two.bz2"
	cmp "$CTX/t.tar.gz" "$DIR/out/kept.tar.gz"
	cmp "$CTX/t.tar.gz" "$DIR/out/copied.tar.gz"
}

@test "a file of a directory is copied to the name that is given" {
	mkdir -p "$CTX/d/e"
	echo x >"$CTX/d/e/f"
	dockerfile <<-'END'
		FROM scratch AS a
		COPY d/e/f /one
		COPY d/e/f /p/two
		FROM scratch
		COPY --from=a /p/two /p
		COPY --from=a /one /q/one
	END
	berth build -q -o "$DIR/named" "$CTX"
	[ "$(cat "$DIR/named/p" "$DIR/named/q/one" | xargs)" = "x x" ]
}

@test "a wildcard may match nothing when another source is there" {
	touch "$CTX/package" "$CTX/hidden.x"
	echo '*.x' >"$CTX/.dockerignore"
	dockerfile <<<'FROM scratch
COPY package *.lock *.x /'
	berth build -q -o "$DIR/wild" "$CTX"
	[ "$(ls "$DIR/wild")" = package ]
	printf 'FROM scratch\nCOPY *.lock *.x /\n' >"$CTX/Dockerfile"
	run berth build "$CTX"
	fails_with '"*.lock" matches nothing in' "nor does another source"
}

@test "a step begins with umask 022, whatever the user's is" {
	dockerfile <<<'FROM base
RUN touch /f && mkdir /d
RUN stat -c mode:%a /f /d && umask'
	(
		umask 077
		build
		[[ "$output" == *mode:644*mode:755*0022* ]]
	)
}

@test "secrets and the agent reach the step and nothing else" {
	secret=canary-$RANDOM$RANDOM$RANDOM
	echo "$secret" >"$CTX/token"
	echo token >"$CTX/.dockerignore"
	dockerfile <<-'END'
		FROM base
		RUN --mount=type=secret,id=token test "$(wc -c </run/secrets/token)" -gt 10
		RUN --mount=type=secret,id=token,target=/etc/token,mode=0444,uid=1234 test "$(stat -c %u:%a /etc/token)" = 1234:444
		RUN --mount=type=secret,id=token,env=TOKEN test -n "$TOKEN" && test ! -e /run/secrets/token
	END
	build --secret id=token,src="$CTX/token" -t secretive
	TOKEN_VALUE=$secret build --no-cache --secret id=token,env=TOKEN_VALUE -t secretive
	[[ "$output" != *"$secret"* ]]
	run grep -r -q "$secret" "$BERTH_DATA"
	[ "$status" -eq 1 ]

	files_of secretive
	[ ! -e "$DIR/out/run" ] && [ ! -e "$DIR/out/etc/token" ]
	printf 'FROM base\nRUN --mount=type=secret,id=none,required cat /run/secrets/none\n' >"$CTX/Dockerfile"
	run berth build "$CTX"
	[ "$status" -eq 1 ]
	[[ "$output" == *'--secret id=none'* ]]
}

# ssh-add with what it is linked to, below $CTX/ssh.
ssh_add_files() {
	local file
	for file in "$(command -v ssh-add)" $(ldd "$(command -v ssh-add)" | grep -o '/[^ ]*'); do
		mkdir -p "$CTX/ssh$(dirname "$file")"
		cp -L "$file" "$CTX/ssh$file"
	done
}

end_agent() {
	kill "$agent_pid"
	eventually gone "$agent_pid"
	agent_pid=
}

@test "an ssh agent reaches the steps that ask for it, by its socket alone" {
	command -v ssh-agent ssh-add ssh-keygen || skip "openssh-client is not installed"
	ssh_add_files
	eval "$(ssh-agent -a "$DIR/agent" 3>&- 4>&-)"
	agent_pid=$SSH_AGENT_PID
	ssh-keygen -q -t ed25519 -N '' -C the-key-of-the-test -f "$CTX/key"
	ssh-add -q "$CTX/key"
	rm "$CTX/key"
	dockerfile <<-'END'
		FROM base
		COPY ssh /
		RUN --mount=type=ssh ssh-add -L >/keys; test "$SSH_AUTH_SOCK" = /run/buildkit/ssh_agent.default
		RUN --mount=type=ssh,id=work,target=/agent,required test -S /agent && SSH_AUTH_SOCK=/agent ssh-add -L >>/keys
		RUN --mount=type=ssh,id=other test -z "$SSH_AUTH_SOCK"
		RUN test -z "$SSH_AUTH_SOCK"
	END
	run berth build --progress plain --ssh default --ssh "work=$DIR/agent" -t agent "$CTX"
	built=$status:$output
	run berth build --no-cache --ssh default "$CTX"
	missing=$status:$output
	end_agent
	[[ "$built" == 0:* ]] || {
		echo "$built"
		return 1
	}
	[[ "$missing" == 1:*"--ssh work"* ]]
	files_of agent
	[ "$(grep -c the-key-of-the-test "$DIR/out/keys")" = 2 ]
	[ ! -e "$DIR/out/agent" ] && [ ! -e "$DIR/out/run" ]
	unset SSH_AUTH_SOCK
	run berth build --no-cache --ssh default "$CTX"
	fails_with "SSH_AUTH_SOCK is not set"
}

@test "a step that asked for an agent hits without one" {
	dockerfile <<-'END'
		FROM base
		RUN --mount=type=ssh env | grep -c SSH_AUTH_SOCK >/agent || true
	END
	build
	build --ssh "default=$DIR/none"
	assert_step 'type=ssh' CACHED
}

@test "outputs: a directory, a tar, files about the image" {
	dockerfile <<-'END'
		FROM base AS b
		RUN mkdir /o && echo x >/o/x
		FROM scratch
		COPY --from=b /o /
	END
	berth build -q -o "$DIR/local" "$CTX"
	[ "$(cat "$DIR/local/x")" = x ]
	berth build -q -o - "$CTX" | tar -xOf - x | grep -qx x
	berth build -q --iidfile "$DIR/iid" --metadata-file "$DIR/meta" -t one -t two:2 "$CTX" >"$DIR/id"
	[ "$(cat "$DIR/iid")" = "$(cat "$DIR/id")" ]
	[ "$(jq -r '."containerimage.config.digest"' "$DIR/meta")" = "$(cat "$DIR/id")" ]
	[ "$(jq -r '."image.name"' "$DIR/meta")" = one:latest,two:2 ]
}

@test "outputs: archives of the image, always the same" {
	dockerfile <<-'END'
		FROM base
		RUN echo x >/x
		LABEL of=archive
	END
	export SOURCE_DATE_EPOCH=1700000000
	berth build -q -o type=oci,dest="$DIR/one.tar" -t app:1 -t app:2 "$CTX"
	berth build -q --no-cache -o type=oci -t app:1 -t app:2 "$CTX" >"$DIR/two.tar"
	cmp "$DIR/one.tar" "$DIR/two.tar"
	[ "$(tar -xOf "$DIR/one.tar" index.json | jq -r '.manifests[].annotations["io.containerd.image.name"]' | tr '\n' ' ')" = "docker.io/library/app:1 docker.io/library/app:2 " ]
	[ "$(tar -tf "$DIR/one.tar" | grep -c manifest.json)" -eq 0 ]
	run berth image inspect --data "$BERTH_DATA" app:1
	[ "$status" -ne 0 ] # the names are the archive's
	berth build -q -o type=oci,tar=false,dest="$DIR/layout",name=app:3,compression=gzip "$CTX"
	[ "$(cat "$DIR/layout/oci-layout")" = '{"imageLayoutVersion":"1.0.0"}' ]
	for m in $(jq -r '.manifests[].digest' "$DIR/layout/index.json"); do
		jq -e '[.layers[].mediaType | endswith("+gzip")] | all' "$DIR/layout/blobs/sha256/${m#sha256:}"
	done
	berth build --metadata-file "$DIR/meta" -q -o type=docker,dest="$DIR/docker.tar" -t app:4 "$CTX"
	[ "$(tar -xOf "$DIR/docker.tar" manifest.json | jq -r '.[0].RepoTags[0]')" = app:4 ]
	berth load --data "$DIR/other" -q -i "$DIR/docker.tar" | grep -qx "$(jq -r '."containerimage.config.digest"' "$DIR/meta")"
	rm -rf "$DIR/other"
	run berth build -q -o type=oci,tar=false "$CTX"
	[ "$status" -eq 1 ] && [[ "$output" == *"tar=false"* ]]
	run berth build -q -o type=oci,level=3 "$CTX"
	[ "$status" -eq 1 ] && [[ "$output" == *'unknown part "level=3"'* ]]
}

@test "SOURCE_DATE_EPOCH gives equal images in different stores" {
	mkdir "$CTX/d"
	echo data >"$CTX/d/f"
	dockerfile <<-'END'
		FROM scratch
		COPY d /d
		COPY busybox /bin/busybox
		RUN ["/bin/busybox", "sh", "-c", "/bin/busybox mkdir /made; echo x >/made/x; /bin/busybox ln -s x /made/l"]
		WORKDIR /w
	END
	cp "$DIR/base/busybox" "$CTX/"
	for i in 1 2; do
		SOURCE_DATE_EPOCH=1700000000 berth build -q --data "$DIR/store$i" --metadata-file "$DIR/meta$i" "$CTX"
		find "$CTX" -exec touch -h {} +
	done
	diff "$DIR/meta1" "$DIR/meta2"
	[ "$(jq length "$DIR/meta1")" -eq 2 ]
	rm -rf "$DIR/store1" "$DIR/store2"
}

@test "named contexts and --target" {
	mkdir "$CTX/other"
	echo other >"$CTX/other/file"
	dockerfile <<-'END'
		FROM base AS first
		COPY --from=second /file /file
		FROM whatever AS third
		RUN false
	END
	build --build-context second="$CTX/other" --target first -t target
	files_of target
	[ "$(cat "$DIR/out/file")" = other ]
	build --build-context second=docker-image://target --target first
	berth build -q -o type=oci,tar=false,dest="$DIR/lay" -t a/b:one --target first --build-context second="$CTX/other" "$CTX"
	digest=$(jq -r '.manifests[0].digest' "$DIR/lay/index.json")
	for which in "" :one "@$digest"; do
		build --build-context second="oci-layout://$DIR/lay$which" --target first -t layout
	done
	files_of layout
	[ "$(cat "$DIR/out/file")" = other ]
	run berth build --build-context second="oci-layout://$DIR/lay:two" --target first "$CTX"
	[ "$status" -eq 1 ] && [[ "$output" == *'has 1 images, but none that is "two"'* ]]
	run berth build --build-context second="$CTX/none" --target first "$CTX"
	[ "$status" -eq 1 ]
}

@test "an interrupted build leaves nothing" {
	dockerfile <<-'END'
		FROM base
		RUN --mount=type=cache,id=interrupted,target=/c touch /c/begun; while :; do sleep 1; done
	END
	"$BERTH" build --network none --progress plain "$CTX" >"$DIR/log" 2>&1 3>&- &
	pid=$!
	eventually sh -c "find $BERTH_DATA/build/mounts -name begun | grep -q ."
	kill -INT "$pid"
	wait "$pid" && false
	[ -z "$(ls -A "$BERTH_DATA/build/running")" ]
	[ -z "$(ls -A "$BERTH_DATA/images/tmp")" ]
	[ -z "$(find "$BERTH_DATA/images/leases" -name 'job-*')" ]
}

@test "a killed build is cleared away by the next" {
	dockerfile <<-'END'
		FROM base
		RUN --mount=type=cache,id=killed,target=/c touch /c/killed; while :; do sleep 1; done
	END
	"$BERTH" build --network none --progress plain "$CTX" >"$DIR/log" 2>&1 3>&- &
	pid=$!
	eventually sh -c "find $BERTH_DATA/build/mounts -name killed | grep -q ."
	kill -KILL "$pid"
	wait "$pid" || true
	dockerfile <<<'FROM base
RUN true'
	eventually sh -c "\"$BERTH\" build -q \"$CTX\" && [ -z \"\$(ls -A $BERTH_DATA/build/running)\" ]"
	[ -z "$(ls -A "$BERTH_DATA/images/tmp")" ]
}

@test "--check judges and builds nothing" {
	printf 'from base\nMAINTAINER me\nRUN exit 1\n' >"$CTX/Dockerfile"
	run -1 berth build --check "$CTX"
	[[ "$output" == *MaintainerDeprecated* ]]
	run -1 berth build --check --check-rules error=true "$CTX"
	run -0 berth build --check --check-rules skip=all "$CTX"
	[ "$output" = "the Dockerfile has no warnings" ]
}

@test "every build ends with its warnings: rules, arguments that nothing takes" {
	echo '*.log' >"$CTX/.dockerignore"
	touch "$CTX/a" "$CTX/a.log"
	dockerfile <<-'END'
		FROM base
		COPY a a /
		CMD echo
		# check=skip=JSONArgsRecommended
		ENTRYPOINT echo
	END
	build --build-arg NOBODY=1 --build-arg BUILDKIT_X=1 --build-arg HTTP_PROXY=x
	[[ "$output" == *"#1 DONE"*"2 warnings found:
warning: Dockerfile:3: JSONArgsRecommended: "*"
warning: --build-arg NOBODY: the Dockerfile has no such ARG
built in "* ]]
	sed -i 's/COPY a a/COPY a.log/' "$CTX/Dockerfile"
	run berth build "$CTX"
	fails_with "2 warnings found" "Dockerfile:2: CopyIgnoredFile" "excluded by .dockerignore"
	sed -i '1i # check=skip=CopyIgnoredFile;error=true' "$CTX/Dockerfile"
	run berth build "$CTX"
	fails_with "1 warning found" "error=true makes that an error" JSONArgsRecommended
	sed -i '1s/.*/# check=skip=all;error=true/; s/a.log/a/' "$CTX/Dockerfile"
	build
	[[ "$output" != *warning* ]]
}

@test "wrong uses say what is wrong" {
	run berth build "$CTX"
	[ "$status" -eq 1 ] && [[ "$output" == *"no Dockerfile"* ]]
	run berth build "$CTX/none"
	[ "$status" -eq 1 ] && [[ "$output" == *"does not exist"* ]]
	printf 'FROM not-there\n' >"$CTX/Dockerfile"
	run berth build "$CTX"
	[ "$status" -eq 1 ] && [[ "$output" == *"not-there"* ]]
	printf 'FROM base\nCOPY missing /x\n' >"$CTX/Dockerfile"
	run berth build "$CTX"
	[ "$status" -eq 1 ] && [[ "$output" == *"Dockerfile:2"*missing* ]]
	run berth build -t 'a@sha256:0000' "$CTX"
	[ "$status" -eq 1 ]
	run berth build --progress loud "$CTX"
	[ "$status" -eq 1 ]
}
