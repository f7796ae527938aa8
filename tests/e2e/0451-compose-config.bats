#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# `berth compose config`: what a project is, without a daemon. The rules of merging are tests of face/compose.

load helpers

setup() {
	new_place
	cd "$DIR" || return 1
	unset COMPOSE_FILE COMPOSE_PROFILES COMPOSE_PROJECT_NAME
	cat >compose.yaml <<'YAML'
name: shop
services:
  web:
    image: web:${TAG:-1}
    environment: {PRICE: "5$$"}
    ports: ["8080:80"]
    volumes: ["data:/data", "./src:/src"]
  db:
    build: .
    profiles: [full]
volumes: {data: }
YAML
	cat >compose.override.yaml <<'YAML'
services: {web: {hostname: w}}
YAML
}

teardown() {
	cd /
	end_place
}

compose() {
	"$BERTH" compose "$@"
}

@test "config prints YAML that means the same when it is read again" {
	compose config -o first.yaml
	[ -f first.yaml ]
	compose -f first.yaml config >second.yaml
	cmp first.yaml second.yaml
	grep -Fqx '      PRICE: 5$$' first.yaml
	[ "$(compose convert)" = "$(cat first.yaml)" ]
	[ "$(compose -f - config <first.yaml)" = "$(cat first.yaml)" ]
}

@test "config --format json is one object with everything written out" {
	run -0 jq -c '[.name, (.services|keys), .services.web.hostname, .services.web.ports[0].published, .volumes.data.name]' \
		< <(compose config --format json)
	[ "$output" = '["shop",["web"],"w","8080","shop_data"]' ]
	[ "$(compose config --format json | jq -r '.services.web.volumes[1].source')" = "$DIR/src" ]
}

@test "config prints names, images, profiles and hashes" {
	[ "$(compose config --services)" = web ]
	[ "$(compose --profile full config --services)" = $'db\nweb' ]
	[ "$(compose config --services db)" = db ]
	[ "$(compose config --volumes)" = data ]
	[ "$(compose config --profiles)" = full ]
	[ "$(TAG=7 compose --profile '*' config --images)" = $'shop-db\nweb:7' ]
	run -0 compose config --hash web
	[[ $output =~ ^web\ [0-9a-f]{64}$ ]]
	run -0 compose config -q
	[ -z "$output" ]
}

@test "config leaves variables and paths as they are when it is asked to" {
	compose config --no-interpolate | grep -Fqx '    image: web:${TAG:-1}'
	compose config --no-path-resolution | grep -Fqx '        source: ./src'
	[ "$(compose config --no-normalize | grep -c default)" = 0 ]
}

@test "config tells what is wrong, and where" {
	sed -i 's/hostname/hostnam/' compose.override.yaml
	run compose config
	fails_with 'compose.override.yaml:1:18: error: services.web.hostnam: unknown key; did you mean "hostname"?'
	run compose -f nothing.yaml config
	fails_with "nothing.yaml: there is no such file"
	run compose -f compose.yaml config --services wbe
	fails_with 'there is no service "wbe"; did you mean "web"?'
	run compose -f compose.yaml config --hash wbe
	fails_with 'there is no service "wbe"'
	run compose -f compose.yaml config --format xml
	fails_with '"xml" is neither yaml nor json'
	mkdir empty
	cd empty
	run compose -p x --project-directory / config
	fails_with "there is no compose.yaml"
}
