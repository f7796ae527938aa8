#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A2, A3: the API without TLS, and what a web page that runs in the operator's browser can make it do.

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
