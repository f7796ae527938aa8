#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The network of RUN, on a machine that is a network namespace of this file's own: the machine and a neighbour on its loopback, and a name server
# that only the machine reaches.

load helpers
load build

setup_file() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	command -v nft >/dev/null || skip "needs nft to look at the rules"
	build_file_setup
	apart ip address add 192.0.2.1/32 dev lo
	apart ip route add blackhole default
	setpriv --pdeathsig KILL nsenter --net="$DIR/netns" "$TOP/tests/lib/neighbour" "$DIR/near" 192.0.2.1 3>&- &
	export NEAR=$!
	setpriv --pdeathsig KILL nsenter --net="$DIR/netns" "$TOP/tests/lib/neighbour" "$DIR/names" 127.0.0.1 3>&- &
	export NAMES=$!
	eventually [ -s "$DIR/near" ]
	eventually [ -s "$DIR/names" ]
	echo "nameserver 127.0.0.1" >"$DIR/resolv.conf"
}

teardown_file() {
	[ -z "${NAMES:-}" ] || kill "$NEAR" "$NAMES"
	end_place
}

setup() {
	build_test_setup
}

teardown() {
	tell_words
	if apart "$BERTH" info >/dev/null 2>&1; then
		apart "$BERTH" down --all
	fi
}

# here COMMAND...: on that machine, whose resolv.conf names its own loopback.
here() {
	# shellcheck disable=SC2016
	unshare --mount sh -c 'mount --bind "$DIR/resolv.conf" /etc/resolv.conf && exec nsenter --net="$DIR/netns" "$@"' sh "$@"
}

builds() {
	run -0 here "$BERTH" build --progress plain --no-cache "$@" "$CTX"
}

nothing_stays() {
	apart ip -o link
	apart nft list tables
	ls "$BERTH_DATA/networks/guests"
	[ "$(apart ip -o link | grep -vc ' lo:')" = 0 ]
	[ -z "$(apart nft list tables)" ]
	[ "$(ls "$BERTH_DATA/networks/guests")" = lock ]
}

ASK='ask() { [ -p /ask ] || mkfifo /ask; exec 3<>/ask; timeout 60 nc "$1" 80 <&3; }; ask'

@test "RUN reaches the world and its names, with the name server on the machine's loopback" {
	dockerfile <<-END
		FROM base
		RUN $ASK 192.0.2.1; grep nameserver /etc/resolv.conf; nslookup some.example; true
		RUN --network=none echo ends: \$(ip -o link | grep -c eth0)
		RUN --network=host echo addresses: \$(ip -o address | grep -c 192.0.2.1)
	END
	builds
	[[ "$output" == *"here is 192.0.2.1"*"nameserver 127.0.0.11"*10.99.0.7*"ends: 0"*"addresses: 1"* ]]
	nothing_stays
	builds --network none
	[[ "$output" != *"here is"* ]]
	builds --network host
	[[ "$output" == *"here is 192.0.2.1"*"nameserver 127.0.0.1"*10.99.0.7* ]]
	nothing_stays
}

# Each waits for the other.
@test "steps at the same time have addresses of their own, and do not reach each other" {
	dockerfile <<-'END'
		FROM base AS one
		RUN --mount=type=cache,target=/c ip -o -4 address show eth0 | awk '{ print $4 }' >/c/one; until [ -e /c/two ]; do sleep 0.01; done; ping -c 1 -W 1 $(cut -d/ -f1 /c/two) || echo apart; cat /c/one /c/two
		FROM base AS two
		RUN --mount=type=cache,target=/c ip -o -4 address show eth0 | awk '{ print $4 }' >/c/two; until [ -e /c/one ]; do sleep 0.01; done; echo
		FROM one
		COPY --from=two /bin/true /true
	END
	builds -j 2
	[[ "$output" == *apart*.2/24*.3/24* || "$output" == *apart*.3/24*.2/24* ]]
	nothing_stays
}

@test "a build that is killed leaves nothing that the next one keeps" {
	dockerfile <<-'END'
		FROM base
		RUN ip -o -4 address show eth0; echo begun; sleep 1000
	END
	here "$BERTH" build --progress plain "$CTX" >"$DIR/log" 2>&1 3>&- &
	eventually grep -q begun "$DIR/log"
	kill -KILL "$(cat "/proc/$!/task/$!/children")"
	wait $! || true
	dockerfile <<-'END'
		FROM base
		RUN ip -o -4 address show eth0
	END
	builds
	[[ "$output" == *.2/24* ]]
	nothing_stays
}

@test "a daemon beside it: its rules hold builds, its containers and builds do not meet, and its API builds with a network" {
	apart "$BERTH" up --data "$BERTH_DATA" 3>&- 4>&-
	export DOCKER_HOST=unix://$BERTH_SOCKET DOCKER_CONFIG=$DIR/docker
	apart "$BERTH" image import "$(busybox_tar)" busybox
	apart "$BERTH" run -d --name c --network bridge busybox sleep 1000
	dockerfile <<-END
		FROM base
		RUN --mount=type=cache,target=/c,id=turns touch /c/begun; until [ -e /c/go ]; do sleep 0.01; done; $ASK 192.0.2.1; ping -c 1 -W 1 172.17.0.2 || echo alone
	END
	here "$BERTH" build --progress plain "$CTX" >"$DIR/log" 2>&1 3>&- &
	turns() { find "$BERTH_DATA" -path '*/mounts/*' -name "$1"; }
	begun() { [ -n "$(turns begun)" ]; }
	eventually begun
	# The daemon writes its rules anew, with what this one needs in them.
	apart nft flush ruleset
	back() { apart nft list table inet berth; }
	eventually back >/dev/null 2>&1
	touch "$(dirname "$(turns begun)")/go"
	wait $!
	grep -q "here is 192.0.2.1" "$DIR/log"
	grep -q alone "$DIR/log"
	apart ip -o link | grep -q berth0
	# What it leaves to the daemon goes with that.
	printf 'FROM base\nRUN %s 192.0.2.1\n' "$ASK" >"$CTX/Dockerfile"
	tar -C "$CTX" -cf - . | curl -sS --unix-socket "$BERTH_SOCKET" -X POST --data-binary @- http://d/build >"$DIR/stream"
	grep -q "here is 192.0.2.1" "$DIR/stream"
	apart "$BERTH" down --all
	nothing_stays
}
