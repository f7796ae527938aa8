#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# BuildKit's protocol, by a client of its own making (buildkit_client.py): docker's own is not everywhere.

load registry

setup_file() {
	new_place
	export XDG_CONFIG_HOME=$DIR/config HOME=$DIR/home
	mkdir -p "$XDG_CONFIG_HOME/berth"
	start
	import_busybox
	mkdir -p "$DIR/ctx/dir/sub"
	printf '%s\n' 'FROM busybox' 'ARG WORD=none' 'COPY . /ctx' 'RUN echo "$WORD" >/word; ls /ctx' 'CMD ["cat", "/word"]' >"$DIR/ctx/Dockerfile"
	printf '%s\n' 'FROM busybox' 'RUN --mount=type=secret,id=x,required cat /run/secrets/x' >"$DIR/ctx/secret"
	printf '%s\n' 'FROM scratch' 'COPY dir /' >"$DIR/ctx/scratch"
	printf '%s\n' 'FROM busybox' 'RUN echo before; exit 7' >"$DIR/ctx/fails"
	printf '%s\n' 'FROM busybox' 'RUN echo before; sleep 600' >"$DIR/ctx/long"
	printf 'ignored\n*.no\n!yes.no\n' >"$DIR/ctx/.dockerignore"
	echo secret >"$DIR/ctx/ignored"
	touch "$DIR/ctx/a.no" "$DIR/ctx/yes.no"
	head -c 3000000 /dev/urandom >"$DIR/ctx/dir/large"
	for i in $(seq 300); do echo "$i" >"$DIR/ctx/dir/sub/$i"; done
	ln -s sub/7 "$DIR/ctx/dir/link"
}

teardown() {
	tell_words
	registry_stop
}

teardown_file() {
	end_place
}

build() {
	timeout 200 /usr/bin/python3 "$BATS_TEST_DIRNAME/buildkit_client.py" "$BERTH_SOCKET" -d "$DIR/ctx" "$@"
}

no_tool() {
	! pgrep -P "$(pgrep -P "$(daemon_pid)" -x berth-launcher)" -f berth-tool >/dev/null
}

@test "a build gets its files from the client, and only those that it may have" {
	run -0 build -n built:1 -a build-arg:WORD=yes
	[[ "$output" == *"done [2/3] COPY . /ctx"*"image.name=built:1"* || "$output" == *"image.name="*"built:1"* ]]
	[[ "$output" == *"part transferring dockerfile:"*"part transferring context:"*"cached [1/3] FROM docker.io/library/busybox:latest"* ]]
	[[ "$output" == *"part writing image sha256:"*"part naming to docker.io/library/built:1"*"done exporting to image"* ]]
	[[ "$output" == *"| yes.no"* ]]
	[[ "$output" != *"| ignored"* && "$output" != *"| a.no"* ]]
	[ "$(berth run --network none built:1)" = yes ]
	[ "$(berth run --network none built:1 cat /ctx/dir/link)" = 7 ]
	[ "$(berth run --network none built:1 sha256sum /ctx/dir/large | cut -d' ' -f1)" = "$(sha256sum "$DIR/ctx/dir/large" | cut -d' ' -f1)" ]
}

@test "a client that drives the frontend itself gets the same image, from the cache" {
	run -0 build -n built:2 -a build-arg:WORD=yes --bridge
	[[ "$output" == *"cached [2/3] COPY . /ctx"* ]]
	[[ "$output" == *"cached [3/3] RUN"* ]]
	docker_api 200 GET /images/built:2/json
	id=$(body .Id)
	docker_api 200 GET /images/built:1/json
	[ "$(body .Id)" = "$id" ]
}

@test "only the paths that steps read are sent" {
	run -0 build -a filename=scratch -o tar
	[ "$(tar -xOf "$DIR/out.tar" sub/300)" = 300 ]
	[ "$(tar -xOf "$DIR/out.tar" large | sha256sum)" = "$(sha256sum <"$DIR/ctx/dir/large")" ]
	run -0 build -a filename=secret -s x=words -o none
	[[ "$output" != *"load build context"* ]]
}

# The files of the output are those of $DIR/again.
same_as_again() {
	rm -rf "$DIR/out"
	mkdir "$DIR/out"
	tar -C "$DIR/out" -xf "$DIR/out.tar"
	diff -r "$DIR/again" "$DIR/out"
	diff <(cd "$DIR/again" && find . -mindepth 1 -printf "%P %m %Ts %l\n" | sort) <(cd "$DIR/out" && find . -mindepth 1 -printf "%P %m %Ts %l\n" | sort)
}

@test "of a directory that came before only what differs comes again" {
	mkdir -p "$DIR/again/d/sub" "$DIR/again/gone/sub"
	printf '%s\n' 'FROM scratch' 'COPY . /' >"$DIR/again/Dockerfile"
	for name in a b link d/x d/sub/y gone/sub/z; do echo "$name" >"$DIR/again/$name"; done
	ln -s a "$DIR/again/to"
	chmod 755 "$DIR/again"
	run -0 build -d "$DIR/again" --key one -o tar
	[[ "$output" == *"asked a"*"asked b"*"asked d/x"*"asked gone/sub/z"* ]]
	same_as_again
	run -0 build -d "$DIR/again" --key one -o tar
	[[ "$output" != *"asked b"* && "$output" != *"asked d/x"* ]]
	same_as_again
	# Changed in place, another mode, gone, a file for a directory and the other way, a link elsewhere, new.
	echo B >"$DIR/again/b"
	chmod 600 "$DIR/again/d/x"
	rm -r "$DIR/again/gone" "$DIR/again/d/sub" "$DIR/again/link"
	echo now >"$DIR/again/gone"
	mkdir "$DIR/again/link"
	echo new >"$DIR/again/link/new"
	ln -sfn b "$DIR/again/to"
	run -0 build -d "$DIR/again" --key one -o tar
	[[ "$output" == *"asked b"*"asked d/x"*"asked gone"*"asked link/new"* ]]
	[[ "$output" != *"asked a"* ]]
	same_as_again
	# Who has another key gets nothing of it; and it goes with the rest of the cache.
	run -0 build -d "$DIR/again" --key two -o tar
	[[ "$output" == *"asked a"*"asked b"* ]]
	same_as_again
	[ "$(find "$DIR/data/build/mounts" -name '*.c0' | wc -l)" = 2 ]
	# It is counted, and a filter that is not known prunes nothing.
	run -0 build -a filename=scratch -n shared:1
	run -0 build --control DiskUsage
	[[ "$output" == *"record source.local "*"end 0"* && "$output" == *"record regular "* ]]
	docker_api 200 GET /system/df
	[ "$(body '[.BuildCache[] | select(.Type == "source.local" and .Size > 0)] | length')" = 2 ]
	[ "$(body '[.BuildCache[] | select(.Type == "regular" and .Shared)] | length')" -gt 0 ]
	run -1 build --control Prune --filter type==regular
	[[ "$output" == *'error 3 the filter "type==regular" is not served'* ]]
	run -0 build --control ListenBuildHistory
	[ "$(find "$DIR/data/build/mounts" -name '*.c0' | wc -l)" = 2 ]
	docker_api 200 POST '/build/prune?all=true'
	[ "$(find "$DIR/data/build/mounts" -name '*.c?' | wc -l)" = 0 ]
}

@test "secrets come when a step asks, and are in no layer" {
	run -0 build -a filename=secret -s x=hidden -a no-cache= -n with:secret
	[[ "$output" == *"| hidden"* ]]
	[ "$(berth run --network none with:secret sh -c 'cat /run/secrets/x 2>/dev/null | wc -c')" = 0 ]
	run -1 build -a filename=secret -a no-cache=
	[[ "$output" == *'the step needs the secret "x"'* ]]
}

@test "an agent of ssh is the client's, for the user of the step" {
	local root=$DIR/sshbox lib
	mkdir -p "$root/bin" "$root/etc"
	cp /bin/busybox "$root/bin/"
	ln -s busybox "$root/bin/sh"
	ln -s busybox "$root/bin/id"
	printf 'root:x:0:0::/:/bin/sh\nu:x:1000:1000::/:/bin/sh\n' >"$root/etc/passwd"
	for lib in /usr/bin/ssh-add $(ldd /usr/bin/ssh-add | grep -o '/[^ ]*'); do
		mkdir -p "$root${lib%/*}"
		cp "$lib" "$root$lib"
	done
	tar -C "$root" -c . | berth image import - sshbox
	printf '%s\n' 'FROM sshbox' 'USER u' 'RUN --mount=type=ssh,uid=1000,required id -u; /usr/bin/ssh-add -l; /usr/bin/ssh-add -l; true' >"$DIR/ctx/ssh"
	run -0 build -a filename=ssh --ssh default
	[[ "$output" == *"| 1000"*"| The agent has no identities."*"| The agent has no identities."* ]]
	run -1 build -a filename=ssh -a no-cache=
	[[ "$output" == *"the step needs an ssh agent; give it with --ssh default"* ]]
}

@test "RUN has the limits that were asked for" {
	printf '%s\n' 'FROM busybox' 'RUN ulimit -n; df -k /dev/shm | tail -1' >"$DIR/ctx/limits"
	run -0 build -a filename=limits -a ulimit=nofile=77:88 -a shm-size=8388608
	[[ "$output" == *"| 77"* && "$output" == *" 8192 "* ]]
	run -1 build -a filename=limits -a shm-size=much
	[[ "$output" == *'shm-size: "much" is no number of bytes'* ]]
}

@test "clients before buildx build with a session, too" {
		run -0 build --query 't=old:1&buildargs=%7B%22WORD%22%3A%22yes%22%7D'
	[[ "$output" == *"[3/3] RUN"*'200 {"id": "moby.image.id", "aux": {"ID": "sha256:'* ]]
	docker_api 200 GET /images/old:1/json
	run -0 build --query 'q=1&dockerfile=scratch'
	[[ "$output" == '200 {"stream": "sha256:'*'\n"}' ]]
	run -1 build --query 'dockerfile=fails'
	[[ "$output" == *"| before"*'200 {"errorDetail": {"message": "process \"/bin/sh -c echo before; exit 7\" did not complete successfully: exit code: 7"'* ]]
	# Libraries send the context as the body, and have a session for the rest.
	run -0 build --query 't=body:1&dockerfile=secret&nocache=1' --body -s x=words
	[[ "$output" == *"| words"*'200 {"id": "moby.image.id"'* ]]
	docker_api 200 GET /images/body:1/json
	run -1 build --query 'buildargs=nonsense'
	[[ "$output" == '400 {"message"'* ]]
	# What nobody reads any more ends, and what is cancelled does.
	run -3 build --query 'dockerfile=long' --vanish
	eventually no_tool
	run -3 build --query 'dockerfile=long' --body --vanish
	eventually no_tool
	build --query 'dockerfile=long&buildid=mine' >"$DIR/cancelled" 3>&- &
	local pid=$! status=0
	eventually grep -q "| before" "$DIR/cancelled"
	docker_api 204 POST '/build/cancel?id=mine'
	wait "$pid" || status=$?
	[ "$status" = 1 ]
	grep -q 'the build was cancelled' "$DIR/cancelled"
	docker_api 400 POST '/build/cancel'
}

@test "base images come from where the daemon's user says" {
	printf 'FROM away.test/team/app\n' >"$DIR/ctx/away"
	registry_start
	docker_api 201 POST "/images/busybox/tag?repo=$HOST/team/app"
	docker_api 200 POST "/images/$HOST/team/app/push?tag=latest"
	echo "{\"attempts\": 1, \"registries\": {\"away.test\": {\"mirrors\": [\"http://$HOST\"]}}}" >"$XDG_CONFIG_HOME/berth/registries.json"
	run -0 build -a filename=away
}

@test "of what a build asks a registry, the client's logins are asked for, and the daemon's user's never used" {
	echo "$USERS" >"$DIR/users"
	registry_start --htpasswd "$DIR/users"
	mkdir -p "$DIR/home/.docker"
	printf '%s\n' 'FROM busybox' 'RUN head -c 9 /dev/urandom | base64 >/number' >"$DIR/ctx/cached"
	run -0 build -a filename=cached -a build-arg:BUILDKIT_INLINE_CACHE=1 -n "$HOST/team/cached:1"
	docker_api 200 POST "/images/$HOST/team/cached/push?tag=1" \
		-H "X-Registry-Auth: $(printf '{"username":"alice","password":"wonderland"}' | base64 -w0)"
	number=$(berth run --network none "$HOST/team/cached:1" cat /number)
	printf 'FROM %s/team/cached:1\n' "$HOST" >"$DIR/ctx/private"
	forget() {
		docker_api 200 DELETE "/images/$HOST/team/cached:1?force=1"
		docker_api 200 POST '/build/prune?all=true'
	}
	for how in "" --bridge; do
		forget
		run -0 build -a filename=cached --cache-from "$HOST/team/cached:1" --login "$HOST=alice:wonderland" -n from:1 $how
		[[ "$output" == *"login $HOST"*"cached [2/2] RUN"* ]]
		[ "$(berth run --network none from:1 cat /number)" = "$number" ]
		docker_api 200 DELETE '/images/from:1?force=1'
		docker_api 200 POST '/build/prune?all=true'
		run -0 build -a filename=private --login "$HOST=alice:wonderland" -n "$HOST/team/cached:1" $how
	done
	forget
	# The daemon's user could.
	printf '{"auths": {"%s": {"auth": "%s"}}}' "$HOST" "$(printf alice:wonderland | base64)" >"$DIR/home/.docker/config.json"
	run -0 build -a filename=cached --cache-from "$HOST/team/cached:1"
	[[ "$output" == *"login $HOST"*"wants to know who asks"* && "$output" != *"cached [2/2]"* ]]
	run -1 build -a filename=private
	[[ "$output" == *"login $HOST"*"wants to know who asks"* ]]
}

@test "errors have the words and the kind of the failure" {
	run -1 build -a filename=fails
	local words='process "/bin/sh -c echo before; exit 7" did not complete successfully: exit code: 7'
	[[ "$output" == *"| before"*"done [2/2] RUN echo before; exit 7 $words"*"error 2 $words"*"at fails 2 2 RUN echo before; exit 7" ]]
	# A client that drives the frontend gets the place too, and a long file has it as well.
	{
		cat "$DIR/ctx/fails"
		yes '# filler' | head -n 9000
	} >"$DIR/ctx/fails-long"
	run -1 build -a filename=fails-long --bridge
	[[ "$output" == *"at fails-long 2 2 RUN echo before; exit 7" ]]
	printf '%s\n' 'FROM busybox' '' 'CPOY a b' >"$DIR/ctx/unknown"
	run -1 build -a filename=unknown
	[[ "$output" == *"done [internal] load build definition from unknown "*"error 3 "*"at unknown 3 3 CPOY a b" ]]
	run -1 build -a target=nope --bridge
	[[ "$output" == *'error '*'there is no stage "nope" to build' ]]
	run -1 build -a filename=missing
	[[ "$output" == *"there is no missing; name one with -f"* ]]
	run -1 build -a force-network-mode=other
	[[ "$output" == *'"other" is none of default, none and host'* ]]
	run -1 build -o oci
	[[ "$output" == "error 12 the output oci is not served"* ]]
}

@test "files of this machine are none of the client's" {
	run -1 build -a context=/etc
	[[ "$output" == *'"/etc" is no build context of the client'* ]]
	printf '%s\n' 'FROM busybox' 'COPY --from=etc passwd /' >"$DIR/ctx/named"
	run -1 build -a filename=named -a context:etc=/etc
	[[ "$output" == *'"/etc" is no build context of the client'* ]]
	run -1 build -a filename=named -a context:etc=oci-layout:///tmp
	[[ "$output" == *"an OCI layout of the client"* ]]
	run -1 build -a filename=../../../etc/passwd
	[[ "$output" == *"there is no ../../../etc/passwd"* ]]
}

@test "when the client goes its build goes, and the builder after it" {
	run -3 build -a filename=long --vanish
	eventually no_tool
	[ -d "$DIR/data/images/tmp" ]
	[ -z "$(ls -A "$DIR/data/images/tmp")" ]
}
