#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# examples/guestbook as its README tells it, and with Compose itself in turns.

load helpers

setup() {
	start_apart
	export DOCKER_HOST=unix://$BERTH_SOCKET DOCKER_BUILDKIT=0 PORT=8123
	cp -r "$TOP/examples/guestbook" "$DIR/guestbook"
	cd "$DIR/guestbook" || return 1
	# Of a new project nothing is known in a place where something with its name could be.
	sed -i "s/^name: .*/name: guestbook-$$/" compose.yaml
}

teardown() {
	cd /
	[ -z "${WATCHER:-}" ] || kill "$WATCHER" 2>/dev/null || true
	(cd "$DIR/guestbook" && apart "$BERTH" compose --profile '*' down -v -t 0) >/dev/null 2>&1 || true
	end_place
}

compose() {
	apart "$BERTH" compose "$@"
}

page() { # PATH
	apart curl -sS --max-time 200 "http://127.0.0.1:$PORT/$1"
}

shows() { # PATH TEXT
	page "$1" | grep -q "$2"
}

# bats test_tags=once
@test "the guest book: build, init, health, secret, profile and watch; both tools in turns" {
	compose up -d --wait 2>"$DIR/log"
	[ "$(page cgi-bin/book)" = 'The book is open.' ]
	page 'cgi-bin/book?open-sesame/hello' | grep -qx hello
	page 'cgi-bin/book?wrong/never' | grep -q 'not the word'
	[ "$(compose ps --format '{{.Service}}' | tr '\n' ' ')" = 'web ' ]
	[ "$(compose --profile test run --rm -T test 2>/dev/null)" = passed ]

	nsenter --net="$DIR/netns" "$BERTH" compose watch --no-up >"$DIR/watch.log" 2>&1 3>&- &
	WATCHER=$!
	eventually grep -q -i watch "$DIR/watch.log"
	echo '<h1>Another page</h1>' >app/site/index.html
	eventually shows '' 'Another page'
	kill "$WATCHER"
	wait "$WATCHER" || true
	WATCHER=

	if docker compose version >/dev/null 2>&1; then
		[ "$(apart docker compose --profile test run --rm -T test 2>/dev/null)" = passed ]
		apart docker compose up -d 2>&1 | tee "$DIR/log"
		! grep -q Recreate "$DIR/log"
		apart docker compose down 2>/dev/null
		[ -z "$(compose ps -aq)" ]
		apart docker compose up -d --wait 2>/dev/null
		compose up -d 2>&1 | tee "$DIR/log"
		! grep -q Recreate "$DIR/log"
	fi
	# The book outlives the containers.
	compose down 2>/dev/null
	berth volume ls -q | grep -q _book
	compose down -v 2>/dev/null
	[ -z "$(berth volume ls -q)" ]
}
