#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# berth's own commands at a daemon over TCP: with certificates of both sides, by a token, and by contexts of docker's client.

load registry

port() {
	BERTH_SOCKET=$DIR/berth.sock daemon_pid >"$DIR/pid"
	ss -Hltnp '( src = 127.0.0.1 )' | sed -n "s/.*:\([0-9]*\) .*pid=$(cat "$DIR/pid"),.*/\1/p"
}

setup() {
	new_place
	make_certs
	mkdir "$DIR/certs" "$DIR/config"
	cp "$DIR/ca.crt" "$DIR/certs/ca.pem"
	cp "$DIR/client.crt" "$DIR/certs/cert.pem"
	cp "$DIR/client.key" "$DIR/certs/key.pem"
	export DOCKER_CONFIG=$DIR/config
}

teardown() {
	unset DOCKER_HOST DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_CONTEXT BERTH_TOKEN_FILE
	export BERTH_SOCKET=$DIR/berth.sock
	registry_end
}

# at ADDRESS [CERTIFICATES]: what follows speaks to that daemon.
at() {
	unset BERTH_SOCKET
	export DOCKER_HOST=$1
	[ $# -eq 1 ] || export DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$2
}

start_tls() {
	start --listen tcp://127.0.0.1:0 --tls-cert "$DIR/server.crt" --tls-key "$DIR/server.key" --tls-client-ca "$DIR/ca.crt"
	import_busybox
	ADDRESS=tcp://127.0.0.1:$(port)
	unset BERTH_SOCKET
}

# The processes that encrypt for a command end with it, and their connections with them.
no_relays() {
	[ -z "$(ss -Htn state established "( dport = :${ADDRESS##*:} )")" ]
}

@test "TLS: run, exec, logs, cp, build, pull and push at a daemon elsewhere, with our logins" {
	start_tls
	at "$ADDRESS" "$DIR/certs"
	[ "$(berth run --rm busybox echo hi)" = hi ]
	[ "$(head -c 300000 /dev/zero | berth run --rm -i busybox wc -c)" = 300000 ]
	run -7 berth run --rm busybox sh -c 'exit 7'
	berth run -d --name web busybox sh -c 'echo begun; exec sleep 1000'
	[ "$(printf 'a\nb' | berth exec -i web cat)" = $'a\nb' ]
	eventually eval 'berth logs web | grep -q begun'
	berth cp web:/etc/passwd "$DIR/passwd"
	grep -q '^root:' "$DIR/passwd"
	berth rm -f web

	# A registry that wants a login: the daemon gets ours, from config.json and from a helper.
	mkdir "$DIR/context" "$DIR/bin"
	echo "$USERS" >"$DIR/users"
	registry_start --htpasswd "$DIR/users"
	berth tag busybox "$HOST/private/base:1"
	run -1 berth push "$HOST/private/base:1"
	printf '{"auths": {"%s": {"auth": "%s"}}}' "$HOST" "$(printf alice:wonderland | base64)" >"$DIR/config/config.json"
	berth push "$HOST/private/base:1"
	berth image rm "$HOST/private/base:1"
	printf 'FROM %s/private/base:1\nCOPY word /word\nRUN --network=none cat /word\n' "$HOST" >"$DIR/context/Dockerfile"
	echo salve >"$DIR/context/word"
	"$BERTH" build -t built "$DIR/context" 2>"$DIR/log"
	grep -q '^salve' "$DIR/log"
	[ "$(berth run --rm built cat /word)" = salve ]
	berth image rm "$HOST/private/base:1"
	printf '#!/bin/sh\ncat >/dev/null\necho \x27{"Username": "alice", "Secret": "wonderland"}\x27\n' >"$DIR/bin/docker-credential-mine"
	chmod 755 "$DIR/bin/docker-credential-mine"
	printf '{"credHelpers": {"%s": "mine"}}' "$HOST" >"$DIR/config/config.json"
	PATH=$DIR/bin:$PATH berth pull "$HOST/private/base:1"
	berth image rm "$HOST/private/base:1"
	PATH=$DIR/bin:$PATH "$BERTH" build --no-cache -t built "$DIR/context" 2>/dev/null
	run -1 "$BERTH" build --secret id=x "$DIR/context"
	fails_with '--secret: the daemon does this build'

	# Who is who.
	run -1 berth --host "tcp://localhost:${ADDRESS##*:}" ps
	fails_with 'not for localhost'
	DOCKER_CERT_PATH=$DIR/nowhere run -1 berth ps
	fails_with "$DIR/nowhere/ca.pem"
	DOCKER_TLS_VERIFY='' run -1 berth ps
	fails_with 'speaks TLS'
	cp "$DIR/stranger.crt" "$DIR/certs/cert.pem"
	cp "$DIR/stranger.key" "$DIR/certs/key.pem"
	run -1 berth ps
	fails_with 'certificate'
	cp "$DIR/other.crt" "$DIR/certs/ca.pem"
	run -1 berth ps
	fails_with 'has not signed'
	run -1 berth --socket udp://x ps
	fails_with 'tcp://HOST:PORT'
	run -1 berth --socket tcp://127.0.0.1:0 ps
	fails_with 'no address'
	eventually no_relays
}

@test "contexts of docker's client, and compose where they lead" {
	start_tls
	local c=$DIR/config/contexts id
	id=$(printf rack | sha256sum | cut -d' ' -f1)
	mkdir -p "$c/meta/$id" "$c/tls/$id"
	if command -v docker >/dev/null; then
		docker context create rack --docker "host=$ADDRESS,ca=$DIR/certs/ca.pem,cert=$DIR/certs/cert.pem,key=$DIR/certs/key.pem" --description 'a rack' >/dev/null
	else
		cp -r "$DIR/certs" "$c/tls/$id/docker"
		printf '{"Name":"rack","Metadata":{"Description":"a rack"},"Endpoints":{"docker":{"Host":"%s","SkipTLSVerify":false}}}' "$ADDRESS" >"$c/meta/$id/meta.json"
	fi
	berth context ls | grep -q "rack .*a rack .*$ADDRESS"
	[ "$(berth context show)" = default ]
	[ "$(berth context inspect rack | jq -r '.[0].TLSMaterial.docker | length')" = 3 ]
	run -1 berth context use none-of-that-name
	fails_with 'none-of-that-name'
	[ "$(berth --context rack run --rm busybox echo a)" = a ]
	[ "$(DOCKER_CONTEXT=rack berth run --rm busybox echo b)" = b ]
	echo '{"auths": {}}' >"$DIR/config/config.json"
	berth context use rack
	jq -e '.auths and .currentContext == "rack"' "$DIR/config/config.json"
	[ "$(berth context show)" = rack ]
	[ "$(berth run --rm busybox echo c)" = c ]
	BERTH_SOCKET=$DIR/none.sock run -1 berth ps
	fails_with 'none.sock'
	run -1 berth --context rack --socket "$DIR/berth.sock" ps
	fails_with 'give one'

	mkdir "$DIR/app"
	cd "$DIR/app"
	printf 'FROM busybox\nCOPY word /word\n' >Dockerfile
	echo vale >word
	cat >compose.yaml <<-'EOF'
		services:
		  web:
		    build: .
		    network_mode: none
		    command: sh -c "cat /word; exec sleep 1000"
		    stop_grace_period: 0s
		    healthcheck: {test: "true", interval: 1s, start_interval: 100ms, start_period: 10s}
		  after:
		    image: busybox
		    network_mode: none
		    command: echo all is well
		    depends_on: {web: {condition: service_healthy}}
	EOF
	"$BERTH" compose up -d
	eventually eval '"$BERTH" --context rack compose logs web | grep -q vale'
	[ "$("$BERTH" compose --context rack exec -T web cat /word)" = vale ]
	echo more | "$BERTH" compose exec -T web sh -c 'cat >/got; cat /got' | grep -q more
	eventually eval '[ "$("$BERTH" compose logs --no-log-prefix after)" = "all is well" ]'
	"$BERTH" compose cp web:/word - | tar -xO | grep -q vale
	# By the socket it is the same daemon.
	[ "$("$BERTH" --socket "$DIR/berth.sock" compose ps -q | wc -l)" = 1 ]
	"$BERTH" compose down -t 0
	[ "$("$BERTH" --socket "$DIR/berth.sock" compose ps -aq | wc -l)" = 0 ]
	berth context use default
	jq -e '.auths and (.currentContext | not)' "$DIR/config/config.json"
	eventually no_relays
}

@test "ssh: streams, builds and compose through the ssh that is installed" {
	start
	import_busybox
	mkdir "$DIR/bin" "$DIR/app"
	ln -s "$BERTH" "$DIR/bin/berth"
	# Stands for ssh: the other machine is this one, and its daemon that of $DIR/berth.sock.
	cat >"$DIR/bin/ssh" <<-EOF
		#!/bin/sh
		echo "\$*" >>"$DIR/ssh.log"
		for last; do :; done
		DOCKER_HOST= BERTH_SOCKET=$DIR/berth.sock exec sh -c "\$last"
	EOF
	chmod 755 "$DIR/bin/ssh"
	at ssh://me@rack1:2222
	PATH=$DIR/bin:$PATH
	[ "$(berth run --rm busybox echo hi)" = hi ]
	grep -q -- '-l me -p 2222 -- rack1 ' "$DIR/ssh.log"
	berth run -d --name web busybox sleep 1000
	[ "$(printf 'a\nb' | berth exec -i web cat)" = $'a\nb' ]
	berth rm -f web
	printf 'FROM busybox\nRUN --network=none echo built >/word\n' >"$DIR/app/Dockerfile"
	printf 'services:\n  a: {build: ., network_mode: none, command: cat /word}\n' >"$DIR/app/compose.yaml"
	cd "$DIR/app"
	run --separate-stderr "$BERTH" compose up
	[[ "$output" == *'a-1  | built'* ]]
	"$BERTH" compose down 2>/dev/null
	run -1 berth --host ssh://-oProxyCommand=x ps
	fails_with 'no address'
	run -1 berth --host 'ssh://a;b' ps
	fails_with 'no address'
	run -1 berth --host 'ssh://a/run/$(x)' ps
	fails_with 'no address'
}

@test "a token on loopback, by a file and by docker's headers" {
	echo a-token-of-this-test >"$DIR/token"
	start --listen tcp://127.0.0.1:0 --token-file "$DIR/token"
	import_busybox
	at "tcp://localhost:$(port)"
	run -1 berth ps
	BERTH_TOKEN_FILE=$DIR/token berth ps
	echo '{"HttpHeaders": {"Authorization": "Bearer a-token-of-this-test"}}' >"$DIR/config/config.json"
	[ "$(berth run --rm busybox echo hi)" = hi ]
	BERTH_TOKEN_FILE=$DIR/token run -1 berth --host tcp://192.0.2.1 ps
	fails_with 'without TLS'
	printf '%s' '{"HttpHeaders": {"A\r\nB": "c"}}' >"$DIR/config/config.json"
	run -1 berth ps
	fails_with 'HttpHeaders'
}
