#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Where the API is reached and what is let in: `berth up --listen`, TLS, tokens, web pages, the service manager's sockets.

load helpers
load peers

setup() {
	new_place
	TOKEN=a-token-of-this-test
	echo "$TOKEN" >"$DIR/token"
}

teardown() {
	end_place
}

# Where the daemon listens on TCP, as the kernel has it: the port was the kernel's choice.
port() {
	ss -Hltnp "( src = $1 )" | sed -n "s/.*:\([0-9]*\) .*pid=$(daemon_pid),.*/\1/p"
}

status_of() { # CURL-ARGUMENT...
	curl -sS --max-time 200 -o "$DIR/body" -w '%{http_code}' "$@"
}

@test "TCP wants mutual TLS, or a loopback address and a token" {
	run start --listen tcp://0.0.0.0:0
	[ "$status" -ne 0 ]
	[[ "$output" == *"--tls-client-ca"* ]]
	run start --listen tcp://0.0.0.0:0 --token-file "$DIR/token"
	[ "$status" -ne 0 ]
	run start --listen tcp://127.0.0.1:0
	[ "$status" -ne 0 ]
	echo short >"$DIR/short"
	run start --listen tcp://127.0.0.1:0 --token-file "$DIR/short"
	[ "$status" -ne 0 ]
	[[ "$output" == *"16 characters"* ]]
	run start --listen tcp://127.0.0.1:99999 --token-file "$DIR/token"
	[ "$status" -ne 0 ]
	[[ "$output" == *"0 to 65535"* ]]
	run start --token-file "$DIR/token"
	[ "$status" -ne 0 ]
	[[ "$output" == *"there is none"* ]]
	run start --listen udp://127.0.0.1:1
	[ "$status" -ne 0 ]
	[[ "$output" == *"tcp://HOST:PORT"* ]]
	run berth info
	[ "$status" -ne 0 ]
}

@test "a loopback door asks for the token and for its own name" {
	start --listen tcp://127.0.0.1:0 --token-file "$DIR/token"
	local url auth="Authorization: Bearer $TOKEN"
	url=http://127.0.0.1:$(port 127.0.0.1)
	[ "$(status_of "$url/_ping")" = 401 ]
	[ "$(status_of -H 'Authorization: Bearer a-token-of-this-tesT' "$url/_ping")" = 401 ]
	[ "$(status_of -H "Authorization: Bearer $TOKEN-" "$url/_ping")" = 401 ]
	[ "$(status_of -H "$auth" "$url/_ping")" = 200 ]
	[ "$(status_of -H "$auth" -H 'Host: localhost:1' "$url/_ping")" = 200 ]
	[ "$(status_of -H "$auth" -H 'Host: evil.test' "$url/_ping")" = 403 ]
	[ "$(status_of -H "$auth" -H 'Host: 127.0.0.1.evil.test' "$url/_ping")" = 403 ]
	[ "$(status_of -H "$auth" -H 'Host:' "$url/_ping")" != 200 ]
	[ "$(status_of -H "$auth" -H 'Origin: http://127.0.0.1' "$url/_ping")" = 403 ]
	[ "$(status_of -H "$auth" -H 'Origin: http://localhost' -H 'Connection: Upgrade' -H 'Upgrade: websocket' "$url/_ping")" = 403 ]
	[ "$(status_of -H "$auth" -d '{"all":false}' "$url/v1/down")" = 400 ]
	[ "$(status_of -H "$auth" -H 'Content-Type: text/plain' -d '{"all":false}' "$url/v1/down")" = 400 ]
	berth info
	[[ "$(status_of -H "$auth" -H 'Content-Type: application/json; charset=utf-8' -d '{"all":false}' "$url/v1/down")" = 2* ]]
}

@test "mutual TLS lets in who has a certificate, under the names of the server's" {
	make_certs
	start --listen tcp://127.0.0.1:0 --tls-cert "$DIR/server.crt" --tls-key "$DIR/server.key" --tls-client-ca "$DIR/ca.crt"
	local port url mine=(--cacert "$DIR/ca.crt" --cert "$DIR/client.crt" --key "$DIR/client.key")
	port=$(port 127.0.0.1)
	url=https://127.0.0.1:$port
	[ "$(status_of "${mine[@]}" "$url/_ping")" = 200 ]
	[ "$(status_of "${mine[@]}" --resolve "berth.test:$port:127.0.0.1" "https://berth.test:$port/_ping")" = 200 ]
	[ "$(status_of "${mine[@]}" -H 'Host: evil.test' "$url/_ping")" = 403 ]
	[ "$(status_of "${mine[@]}" -H 'Host: localhost' "$url/_ping")" = 403 ]
	[ "$(status_of "${mine[@]}" -H 'Origin: https://berth.test' "$url/_ping")" = 403 ]
	run status_of --cacert "$DIR/ca.crt" "$url/_ping"
	[ "$status" -ne 0 ]
	run status_of --cacert "$DIR/ca.crt" --cert "$DIR/stranger.crt" --key "$DIR/stranger.key" "$url/_ping"
	[ "$status" -ne 0 ]
	if command -v docker >/dev/null; then
		mkdir "$DIR/docker"
		DOCKER_CONFIG=$DIR/docker docker --tlsverify --tlscacert "$DIR/ca.crt" --tlscert "$DIR/client.crt" --tlskey "$DIR/client.key" \
			-H "tcp://127.0.0.1:$port" version --format '{{.Server.Version}}'
	fi
}

@test "a web page gets nowhere on the Unix socket either" {
	start
	[ "$(status_of --unix-socket "$BERTH_SOCKET" http://d/_ping)" = 200 ]
	[ "$(status_of --unix-socket "$BERTH_SOCKET" -H 'Origin: null' http://d/_ping)" = 403 ]
	[ "$(status_of --unix-socket "$BERTH_SOCKET" -d 'a=b' http://d/v1/jobs)" = 400 ]
	grep -q 'application/json' "$DIR/body"
}

@test "Docker's clients find docker.sock beside berth.sock in a folder of berth's own" {
	mkdir "$DIR/berth"
	export BERTH_SOCKET=$DIR/berth/berth.sock
	start --listen "unix://$DIR/more.sock"
	[ "$(status_of --unix-socket "$DIR/berth/docker.sock" http://d/_ping)" = 200 ]
	[ "$(status_of --unix-socket "$DIR/more.sock" http://d/_ping)" = 200 ]
	berth down
	[ ! -e "$DIR/berth/docker.sock" ] && [ ! -L "$DIR/berth/docker.sock" ]
	[ ! -e "$DIR/more.sock" ]
	# What is no link of ours stays.
	echo mine >"$DIR/berth/docker.sock"
	start
	[ "$(cat "$DIR/berth/docker.sock")" = mine ]
}

@test "dockerd's daemon.json: doors and the logs of containers are its; what is not done is told" {
	need docker
	cat >"$DIR/daemon.json" <<-END
		{"hosts": ["unix://$DIR/second.sock"], "log-opts": {"max-size": "1m", "max-file": "2"}, "live-restore": true, "bip": "10.9.0.1/24"}
	END
	run start --config "$DIR/daemon.json"
	succeeds
	[[ "$output" == *'daemon.json: "bip" has no effect'* ]]
	[[ "$output" != *live-restore* ]]
	import_busybox
	docker --config "$DIR/docker" -H "unix://$DIR/second.sock" create --network none --name some --log-opt max-size=2m busybox true
	[ "$(docker --config "$DIR/docker" -H "unix://$DIR/second.sock" inspect -f '{{json .HostConfig.LogConfig}}' some)" = '{"Type":"json-file","Config":{"max-file":"2","max-size":"2m"}}' ]
	docker --config "$DIR/docker" -H "unix://$DIR/second.sock" create --network none --name other --log-driver local busybox true
	[ "$(docker --config "$DIR/docker" -H "unix://$DIR/second.sock" inspect -f '{{json .HostConfig.LogConfig}}' other)" = '{"Type":"local","Config":{}}' ]
	berth down
	echo '{"log-opts": {"max-sise": "1m"}}' >"$DIR/daemon.json"
	run start --config "$DIR/daemon.json"
	fails_with "unknown log opt 'max-sise'"
	echo '{"hosts": ["tcp://0.0.0.0:0"]}' >"$DIR/daemon.json"
	run start --config "$DIR/daemon.json"
	fails_with --tls-client-ca
}

@test "Docker's client comes by ssh, where berth is called docker" {
	need docker
	start
	import_busybox
	mkdir "$DIR/bin" "$DIR/there"
	ln -s "$BERTH" "$DIR/there/docker"
	# In place of ssh: the command as the login shell over there would run it.
	cat >"$DIR/bin/ssh" <<-END
		#!/bin/bash
		while [ "\$1" != rack ]; do shift; done
		PATH=$DIR/there:\$PATH exec sh -c "\${*:2}"
	END
	chmod 755 "$DIR/bin/ssh"
	remote() {
		PATH=$DIR/bin:$PATH DOCKER_CONFIG=$DIR/docker DOCKER_HOST=ssh://rack timeout 200 "$(command -v docker)" "$@"
	}
	[ "$(remote run --rm -i --network none busybox wc -c < <(head -c 300000 /dev/zero))" = 300000 ]
	[ "$(remote run --rm --network none busybox head -c 3000000 /dev/zero | wc -c)" = 3000000 ]
	run remote run --rm --network none busybox sh -c 'exit 7'
	[ "$status" -eq 7 ]
	remote version --format '{{.Server.Version}}' | grep -qx "$(berth info --json | jq -r .version)"
	# Bytes as they are; an end on this side is told over there.
	printf 'GET /_ping HTTP/1.0\r\n\r\n' | berth system dial-stdio | grep -q OK
}

@test "a service manager's sockets are served, and reach no child" {
	run start --listen fd://
	[ "$status" -ne 0 ]
	[[ "$output" == *"no service manager"* ]]
	python3 - "$DIR" "$BERTH" <<'PY' 3>&- 4>&- &
import os, socket, sys
d, berth = sys.argv[1:]
s = socket.socket(socket.AF_UNIX)
s.bind(d + "/given.sock")
s.listen(8)
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(berth, [berth, "up", "--foreground", "--log-level", "error", "--data", d + "/data", "--listen", "fd://"])
PY
	local pid=$!
	eventually test -S "$DIR/given.sock"
	eventually berth info
	[ "$(status_of --unix-socket "$DIR/given.sock" http://d/_ping)" = 200 ]
	local inode
	inode=$(ss -Hxl "src = unix:$DIR/given.sock" | awk '{print $6}')
	[ -z "$(find "/proc/$(pgrep -P "$(daemon_pid)" -x berth-launcher)/fd" -lname "socket:\[$inode\]")" ]
	berth down
	wait "$pid"
	[ -S "$DIR/given.sock" ]
}

# The Ruby gem docker-api is not among the packages of the tests: where it is, its doors are tried, too.
@test "the Ruby gem docker-api comes by the Unix socket and by TLS" {
	ruby -e 'require "docker"' 2>/dev/null || skip "the Ruby gem docker-api is not there"
	make_certs
	start --listen tcp://127.0.0.1:0 --tls-cert "$DIR/server.crt" --tls-key "$DIR/server.key" --tls-client-ca "$DIR/ca.crt"
	import_busybox
	cat >"$DIR/gem.rb" <<'RUBY'
require 'docker'
dir, port = ARGV
tls = {client_cert: "#{dir}/client.crt", client_key: "#{dir}/client.key", ssl_ca_file: "#{dir}/ca.crt", scheme: 'https'}
[["unix://#{dir}/berth.sock", {}], ["tcp://127.0.0.1:#{port}", tls]].each do |url, options|
  Docker.url = url
  Docker.options = options
  c = Docker::Container.create('Image' => 'busybox', 'Cmd' => ['sh', '-c', 'cat; echo end'], 'OpenStdin' => true, 'StdinOnce' => true)
  c.start
  out, = c.attach(stdin: StringIO.new("in\n"))
  puts "#{Docker.ping} #{Docker.info['Rootless'].inspect} #{out.join.split.join(',')} #{c.wait['StatusCode']}"
  c.remove
end
Docker.options = tls.merge(client_cert: "#{dir}/stranger.crt", client_key: "#{dir}/stranger.key")
begin
  Docker.ping
  puts 'a stranger was let in'
rescue Excon::Error
  puts 'refused'
end
RUBY
	run -0 timeout 200 ruby "$DIR/gem.rb" "$DIR" "$(port 127.0.0.1)"
	[ "$(echo "$output" | sed 's/ \(nil\|false\|true\) / - /' | tr '\n' ';')" = "OK - in,end 0;OK - in,end 0;refused;" ]
}
