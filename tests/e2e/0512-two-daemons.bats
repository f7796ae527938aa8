#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Two daemons of one machine with different data: neither disturbs the other. The machine is a network namespace of this file.

load helpers

setup_file() {
	new_place
	mkdir "$DIR/docker"
	export DOCKER_CONFIG=$DIR/docker
	# Both are there before either has anything in the kernel.
	for which in a b; do
		BERTH_SOCKET=$DIR/$which.sock apart "$BERTH" up --data "$DIR/$which" 3>&- 4>&-
		BERTH_SOCKET=$DIR/$which.sock "$BERTH" image import "$(busybox_tar)" busybox >/dev/null
	done
}

teardown_file() {
	local left
	for which in a b; do
		BERTH_SOCKET=$DIR/$which.sock "$BERTH" down --all 3>&- || true
	done
	left=$(apart ip -o link show type bridge; apart nft list tables)
	end_place
	[ -z "$left" ] || {
		echo "left: $left"
		return 1
	}
}

setup() {
	command -v docker >/dev/null || skip "docker is not installed"
	command -v nft >/dev/null || skip "nft is not installed"
}

a() { docker -H "unix://$DIR/a.sock" "$@"; }
b() { docker -H "unix://$DIR/b.sock" "$@"; }

# A web server: WHO NAME TEXT [OPTIONS]
web() {
	"$1" run -d --name "$2" "${@:4}" busybox sh -c "mkdir /w; echo $3 >/w/x; exec httpd -f -p 80 -h /w" >/dev/null
}

says() { # URL TEXT
	[ "$(apart timeout 200 busybox wget -q -O - "$1/x")" = "$2" ]
}

subnet() { "$1" network inspect -f '{{(index .IPAM.Config 0).Subnet}}' "$2"; }
address() { "$1" inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$2"; }
reaches() { "$1" exec "$2" sh -c "nc -w 2 $3 80 </dev/null"; } # WHO NAME ADDRESS
table_of_b() { apart nft list tables | grep -o 'inet berth-[0-9a-f]*' | cut -d' ' -f2; }

@test "both have containers on their default networks, with names, subnets and ports of their own" {
	[ "$(subnet a bridge)" = "$(subnet b bridge)" ]
	web a one from-a -p 8080:80
	eventually says http://127.0.0.1:8080 from-a
	apart nft list table inet berth >"$DIR/rules"
	web b two from-b -p 8081:80
	eventually says http://127.0.0.1:8081 from-b
	says http://127.0.0.1:8080 from-a
	# What is the first one's is as it was.
	apart nft list table inet berth | diff "$DIR/rules" -
	[ "$(subnet a bridge)" != "$(subnet b bridge)" ]
	apart ip -o link show berth0
	apart ip -o link show "$(table_of_b)"
	# Each leads out, and neither to the other's.
	reaches a one "$(address a one)"
	reaches b two "$(address b two)"
	run ! reaches a one "$(address b two)"
	run ! reaches b two "$(address a one)"
	a exec one ping -c 1 -W 5 "$(a network inspect -f '{{(index .IPAM.Config 0).Gateway}}' bridge)"
	b exec two ping -c 1 -W 5 "$(b network inspect -f '{{(index .IPAM.Config 0).Gateway}}' bridge)"
}

@test "a port that the one has published is refused to the other" {
	run -125 b run --rm -p 8080:80 busybox true
	[[ $output == *8080*"address already in use"* ]]
	run -125 a run --rm -p 127.0.0.1:8081:80 busybox true
	[[ $output == *8081*"address already in use"* ]]
	says http://127.0.0.1:8080 from-a
	says http://127.0.0.1:8081 from-b
}

@test "networks of the same name are two, and their names are answered by their own daemon" {
	for who in a b; do
		"$who" network create shop >/dev/null
		"$who" run -d --name db --network shop busybox sleep 1000 >/dev/null
		"$who" run -d --name "only-$who" --network shop busybox sleep 1000 >/dev/null
	done
	[ "$(subnet a shop)" != "$(subnet b shop)" ]
	for who in a b; do
		"$who" exec db nslookup "only-$who" | grep -qx "Address: $(address "$who" "only-$who")"
	done
	run ! a exec db nslookup only-b
	run ! b exec db nslookup only-a
	for who in a b; do
		"$who" rm -f db "only-$who" >/dev/null
		"$who" network rm shop >/dev/null
	done
	says http://127.0.0.1:8080 from-a
}

@test "rules that somebody flushed are put back by both, each its own" {
	local table
	table=$(table_of_b)
	apart nft flush ruleset
	both() { apart nft list table inet berth && apart nft list table inet "$table"; }
	eventually both >/dev/null 2>&1
	eventually says http://127.0.0.1:8080 from-a
	eventually says http://127.0.0.1:8081 from-b
}

@test "the end of the one, and its new beginning, is nothing to the other" {
	BERTH_SOCKET=$DIR/a.sock "$BERTH" down 3>&-
	says http://127.0.0.1:8080 from-a
	BERTH_SOCKET=$DIR/a.sock apart "$BERTH" up --data "$DIR/a" 3>&- 4>&-
	says http://127.0.0.1:8080 from-a
	a rm -f one >/dev/null
	BERTH_SOCKET=$DIR/a.sock "$BERTH" down --all 3>&-
	run ! apart nft list table inet berth
	run ! apart ip -o link show berth0
	says http://127.0.0.1:8081 from-b
	# What stepped aside keeps its names.
	BERTH_SOCKET=$DIR/b.sock "$BERTH" down 3>&-
	BERTH_SOCKET=$DIR/b.sock apart "$BERTH" up --data "$DIR/b" 3>&- 4>&-
	web b three third -p 8082:80
	eventually says http://127.0.0.1:8082 third
	says http://127.0.0.1:8081 from-b
	run ! apart ip -o link show berth0
	BERTH_SOCKET=$DIR/a.sock apart "$BERTH" up --data "$DIR/a" 3>&- 4>&-
	web a one again -p 8080:80
	eventually says http://127.0.0.1:8080 again
	says http://127.0.0.1:8081 from-b
	a rm -f one >/dev/null
	b rm -f two three >/dev/null
}

@test "builds of both have networks at the same time" {
	local to PIDS=()
	apart ip address add 192.0.2.1/32 dev lo
	printf 'HTTP/1.0 200 OK\r\n\r\nfrom-outside\n' >"$DIR/answer"
	nsenter --net="$DIR/netns" busybox nc -ll -p 7777 -e cat "$DIR/answer" 3>&- 4>&- &
	to=$!
	printf 'FROM busybox\nRUN ip -o -4 address show eth0; until nc -w 5 192.0.2.1 7777; do sleep 0.1; done </dev/null\n' >"$DIR/Dockerfile"
	for who in a b; do
		tar -C "$DIR" -cf - Dockerfile | curl -sS -m 200 --unix-socket "$DIR/$who.sock" -X POST --data-binary @- http://d/build >"$DIR/stream.$who" &
		PIDS+=($!)
	done
	wait "${PIDS[@]}"
	kill "$to"
	grep -q from-outside "$DIR/stream.a"
	grep -q from-outside "$DIR/stream.b"
}
