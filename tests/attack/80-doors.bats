#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A1, A2, A3: roles, the API without TLS, and what a web page that runs in the operator's browser can make it do.

load helpers

listening_on() { # ADDRESS: prints the ports of the daemon there
	ss -Hltnp "( src = $1 )" | sed -n "s/.*:\([0-9]*\) .*pid=$(eb info --json | jq -r .pid),.*/\1/p"
}

call() { # CURL-ARGUMENT...: prints the status
	curl -sS --max-time 20 -o "$DIR/body" -w '%{http_code}' "$@"
}

# Somebody types what half of the web tells him to.
listen_to_the_world() {
	eb up --data "$DIR/data" --listen tcp://0.0.0.0:0 >"$DIR/up.log" 2>&1 || return 0
	[ "$(call "http://127.0.0.1:$(listening_on 0.0.0.0)/info")" != 200 ] || bitten "whoever reaches the port is root"
}

@test "A2: the API on TCP without TLS" {
	withstands api listen_to_the_world
	bites api listen_to_the_world -- unguarded
}

# A container whose program has got hold of the operator's certificate, by all addresses that the machine has for it.
call_from_a_container() {
	local url lock gateway wait=1 mine=(--cacert "$DIR/ca.crt" --cert "$DIR/client.crt" --key "$DIR/client.key")
	# Who is let in may be slow.
	[ "$WHO" = berth ] || wait=5
	# It changes the folder.
	(make_certs) || return 2
	BERTH_UNGUARDED=$([ "$WHO" != unguarded ] || row) apart "$(berth_of "$WHO")" up --data "$DIR/data" --listen tcp://:0 --tls-cert "$DIR/server.crt" \
		--tls-key "$DIR/server.key" --tls-client-ca "$DIR/ca.crt" >/dev/null 3>&- 4>&- && engine_image box || return 2
	url=https://berth.test:$(apart ss -Hltn | sed -n 's/.*:\([0-9]*\) .*/\1/p')/_ping
	docker_api 201 POST "/containers/create?name=box" -d '{"Image":"box","Cmd":["sleep","1000"]}' && docker_api 204 POST /containers/box/start &&
		docker_api 200 GET /containers/box/json || return 2
	mv "$DIR/body" "$DIR/box.json"
	for lock in "the rules" "the door"; do
		for gateway in $(jq -r '.NetworkSettings.Networks.bridge | .Gateway, "[\(.IPv6Gateway)]"' "$DIR/box.json"); do
			mine+=(--connect-to "::$gateway:")
			# The machine itself may.
			[ "$(apart curl -sS --connect-timeout 100 -o /dev/null -w '%{http_code}' "${mine[@]}" "$url")" = 200 ] || return 2
			[ "$(nsenter -t "$(jq .State.Pid "$DIR/box.json")" -n curl -sS --connect-timeout "$wait" -o /dev/null -w '%{http_code}' "${mine[@]}" "$url")" != 200 ] ||
				bitten "a container rules the machine ($gateway, $lock)" || return 1
			unset 'mine[-1]' 'mine[-1]'
		done
		# Now without the first lock.
		apart nft insert rule inet berth input accept
	done
}

# The name of the network goes; the daemon has it until its end.
from_a_container() {
	local status=0
	call_from_a_container || status=$?
	umount "$DIR/netns"
	return "$status"
}

@test "A2: the API from a container of the machine" {
	withstands api from_a_container
	bites api from_a_container -- unguarded
}

serve_the_desk() {
	echo a-token-that-the-page-knows >"$DIR/token"
	eb up --data "$DIR/data" --listen tcp://127.0.0.1:0 --token-file "$DIR/token" >/dev/null || return 2
	url=http://127.0.0.1:$(listening_on 127.0.0.1)
	auth='Authorization: Bearer a-token-that-the-page-knows'
	[ "$(call -H "$auth" "$url/info")" = 200 ] || return 2
}

# A name of the attacker's that points at this machine: for the browser it is the page's own.
rebind() {
	serve_the_desk || return
	[ "$(call -H "$auth" -H 'Host: evil.test:2375' "$url/info")" != 200 ] || bitten "it answers to a stranger's name"
}

@test "A3: a name that is made to point here" {
	withstands api rebind
	bites api rebind -- unguarded
}

# What a browser sends without asking first: a form, or text.
post_a_form() {
	local type
	serve_the_desk || return
	for type in text/plain application/x-www-form-urlencoded multipart/form-data; do
		call -H "$auth" -H 'Origin: http://evil.test' -H "Content-Type: $type" -d '{"all":false}' "$url/v1/down" >/dev/null
		[ "$(call -H "$auth" "$url/info")" = 200 ] || bitten "a page has stopped it ($type)" || return 1
	done
}

@test "A3: a form that a page posts" {
	withstands api post_a_form
	bites api post_a_form -- unguarded
}

# CVE-2024-41110: whoever judges the request sees another one than is executed, or none. All the ways in which a body can come.
root_by_a_mount() {
	local body='{"Image":"box","Cmd":["true"],"HostConfig":{"Binds":["/:/host"],"NetworkMode":"none"}}' pad way status
	printf '{"default":"none","rules":[{"who":"uid:20001","role":"no-host-access"}]}' >"$DIR/policy.json"
	eb up --data "$DIR/data" --policy "$DIR/policy.json" >/dev/null && engine_image box || return 2
	chmod 711 "$DIR"
	chmod 666 "$BERTH_SOCKET"
	pad=$(head -c 1048577 /dev/zero | tr '\0' ' ')
	printf '%s' "$body" >"$DIR/small"
	printf '{%s%s' "$pad" "${body#\{}" >"$DIR/big"
	chmod 644 "$DIR/small" "$DIR/big"
	for way in "-d @$DIR/small" "--data-binary @$DIR/big" "-H Transfer-Encoding:chunked --data-binary @$DIR/small" "--http1.0 --data-binary @$DIR/small" \
		"-H Expect:100-continue --data-binary @$DIR/small" "-H Content-Length:0 --data-binary @$DIR/small" "-H Upgrade:tcp -H Connection:Upgrade -d @$DIR/small"; do
		# shellcheck disable=SC2086 # words
		status=$(setpriv --reuid 20001 --regid 20001 --clear-groups curl -sS --max-time 20 -o /dev/null -w '%{http_code}' --unix-socket "$BERTH_SOCKET" \
			-H 'Content-Type: application/json' $way http://d/v1.44//containers/create http://d/containers/create 2>/dev/null)
		[[ "$status" != *201* ]] || bitten "a container with the machine's root ($way)" || return 1
	done
	[[ "$status" == *403* ]] || return 2
}

@test "A1: a container that a role may not make, in every framing" {
	withstands api root_by_a_mount
	bites api root_by_a_mount -- unguarded
}

# One address of a container or another machine comes and goes, and each time the server signs for it. 2: nothing is there to be attacked.
come_and_go() {
	python3 - <<-'PYTHON'
		import socket, ssl, sys
		def come(address):
		    s = socket.socket()
		    s.settimeout(20)
		    s.bind((address, 0))
		    s.connect(('10.8.0.1', 7420))
		    return s
		def is_served(address):
		    how = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
		    how.check_hostname, how.verify_mode = False, ssl.CERT_NONE
		    try:
		        how.wrap_socket(come(address)).close()
		        return True
		    except OSError:
		        return False
		if not is_served('10.8.0.2') or not is_served('10.8.0.3'):
		    sys.exit(2)
		refused = 0
		for _ in range(150):
		    # A few at a time, and each to its end: places are left.
		    some = [come('10.8.0.2') for _ in range(20)]
		    for s in some:
		        s.shutdown(socket.SHUT_WR)
		    for s in some:
		        try:
		            s.recv(1)
		        except ConnectionError:
		            pass
		        s.close()
		    refused += not is_served('10.8.0.2')
		    if refused == 3:
		        break
		sys.exit(2 if not is_served('10.8.0.3') else refused < 3)
	PYTHON
}

have_all_signatures() {
	local status=0
	apart ip addr add 10.8.0.1/24 dev lo
	apart ip addr add 10.8.0.2/24 dev lo
	apart ip addr add 10.8.0.3/24 dev lo
	BERTH_UNGUARDED=$([ "$WHO" != unguarded ] || row) apart "$(berth_of "$WHO")" server --data "$DIR/data" --agents 10.8.0.1 >/dev/null 3>&- 4>&- || status=2
	[ "$status" = 2 ] || apart bash -c "$(declare -f come_and_go); come_and_go" || status=$?
	umount "$DIR/netns"
	[ "$status" != 1 ] || bitten "one address has all the signatures it wants"
	return "$status"
}

@test "A18: one address that does nothing but handshakes" {
	withstands cluster have_all_signatures
	bites cluster have_all_signatures -- unguarded
}
