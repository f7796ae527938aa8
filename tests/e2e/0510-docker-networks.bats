#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Containers on networks by the docker command: the daemon has a network namespace of its own, kept by a process of the test, so that a second daemon
# finds it again.

load helpers

at() { # COMMAND... in the network of the daemon
	nsenter -t "$(cat "$DIR/place")" -n "$@"
}

empty() { # BRIDGE: nobody is plugged into it
	[ -z "$(at ip -o link show master "$1")" ]
}

setup_file() {
	new_place
	export DOCKER_HOST=unix://$BERTH_SOCKET DOCKER_CONFIG=$DIR/docker
	mkdir "$DIR/docker"
	# shellcheck disable=SC2016
	setpriv --pdeathsig KILL unshare --net sh -c 'ip link set lo up; echo $$ >"$0"; exec sleep infinity' "$DIR/place" >/dev/null 2>&1 3>&- 4>&- &
	eventually test -s "$DIR/place"
	at "$BERTH" up --data "$DIR/data" 3>&- 4>&-
	import_busybox
}

teardown_file() {
	local pid
	pid=$(cat "$DIR/place")
	# Nothing of the networks stays behind the last daemon.
	berth down --all 3>&-
	run -0 at ip -o link show type bridge
	local links=$output
	run -0 at nft list tables
	local tables=$output
	kill -9 "$pid"
	end_place
	[ -z "$links$tables" ] || {
		echo "left: $links $tables"
		return 1
	}
}

setup() {
	command -v docker >/dev/null || skip "docker is not installed"
	command -v nft >/dev/null || skip "nft is not installed"
}

teardown() {
	tell_words
	command -v docker >/dev/null || return 0
	docker_remove_all
	docker network prune -f >/dev/null
}

web() { # docker run options
	docker run -d "$@" busybox sh -c 'mkdir /w; echo hello >/w/x; exec httpd -f -p 80 -h /w' >/dev/null
}

hello() { # URL
	[ "$(at timeout 200 busybox wget -q -O - "$1/x")" = hello ]
}

@test "a published port leads to the container, and only one container has it" {
	web --name web -p 127.0.0.1:8080:80
	eventually hello http://127.0.0.1:8080
	run -125 docker run --name other -p 8080:80 busybox true
	[[ $output == *"Bind for 0.0.0.0:8080 failed: port is already allocated"* ]]
	# Whoever looks later sees why, until it starts.
	[ "$(docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}' other)" = \
		"created 128 Bind for 0.0.0.0:8080 failed: port is already allocated" ]
	# One that is to go at its end goes when it could not begin: its client waits for that.
	run -125 timeout 200 docker run --rm --name gone -p 8080:80 busybox true
	run ! docker inspect gone
	[ "$(docker port web 80)" = 127.0.0.1:8080 ]
	docker rm -f web >/dev/null
	docker run --rm --name third -p 8080:80 busybox true
	docker start -a other
	[ "$(docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}' other)" = "exited 0 " ]
}

@test "ports of ranges, any free port, IPv6 and [::1]" {
	local any url
	at ip addr add 2001:db8::1/128 dev lo
	web --name one -p 8000-8001:80 -p 80 -p '[2001:db8::1]:8443:80' -p 9000-9001:80-81/udp
	web --name two -p 8000-8001:80
	run -125 docker run --name other -p 8000-8001:80 busybox true
	[[ $output == *"Bind for 0.0.0.0:8000-8001 failed: all ports are allocated"* ]]
	run -125 docker run --name third -p 9001:80/udp busybox true
	[[ $output == *"Bind for 0.0.0.0:9001 failed: port is already allocated"* ]]
	[ "$(docker port two 80 | head -n 1)" = 0.0.0.0:8001 ]
	[ "$(docker port one 81/udp | head -n 1)" = 0.0.0.0:9001 ]
	any=$(docker inspect one | jq -r '.[0].NetworkSettings.Ports["80/tcp"][] | select(.HostIp == "0.0.0.0" and .HostPort != "8000").HostPort')
	for url in 127.0.0.1:8000 127.0.0.1:8001 "127.0.0.1:$any" '[2001:db8::1]:8000' '[2001:db8::1]:8443'; do
		eventually hello "http://$url"
	done
	# The published address alone.
	run ! hello http://127.0.0.1:8443
	# Who tries "localhost" goes on to 127.0.0.1 at once.
	run -7 at curl -sS --max-time 5 'http://[::1]:8000/x'
	[ "$(at curl -sS --max-time 200 --resolve 'localhost:8000:[::1],127.0.0.1' http://localhost:8000/x)" = hello ]
	at ip addr del 2001:db8::1/128 dev lo
	run -125 docker run --name fourth -p '[::1]:8090:80' busybox true
	[[ $output == *"port 80 cannot be published on [::1]"*"take 127.0.0.1"* ]]
}

@test "what a container had is free when its end is told" {
	for _ in 1 2 3; do
		docker network create --subnet 10.92.0.0/29 brief
		docker run --rm --network brief --ip 10.92.0.2 -p 127.0.0.1:18082:80 busybox true
		docker run -d --name brief --network brief --ip 10.92.0.2 -p 127.0.0.1:18082:80 busybox sleep 1000
		docker rm -f brief
		docker network rm brief
	done
	# And its interfaces go, too, with the monitor, whose network another one may live on in.
	local bridge
	bridge=br-$(docker network create brief | cut -c1-12)
	docker run -d --rm --name brief --network brief busybox sleep 1000
	docker run -d --rm --name guest --network container:brief busybox sleep 1000
	docker kill brief
	eventually empty "$bridge"
	docker kill guest
	docker network rm brief
}

@test "rules that somebody flushes come back" {
	web --name web -p 8080:80
	eventually hello http://127.0.0.1:8080
	at nft flush ruleset
	eventually at nft list table inet berth
	hello http://127.0.0.1:8080
}

@test "ports and addresses live on without a daemon, and the next one knows them" {
	local ip
	web --name web -p 8080:80
	eventually hello http://127.0.0.1:8080
	ip=$(docker inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' web)
	kill -9 "$(daemon_pid)"
	hello http://127.0.0.1:8080
	at nft flush ruleset
	at "$BERTH" up --data "$DIR/data" 3>&- 4>&-
	hello http://127.0.0.1:8080
	[ "$(docker inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' web)" = "$ip" ]
	# What is dead with its monitor has no rule after the next start.
	docker rm -f web >/dev/null
	run at nft list map inet berth any4
	[[ $output != *8080* ]]
}

@test "networks of users: fixed addresses, connect and disconnect while it runs" {
	docker network create --subnet 10.91.0.0/24 one >/dev/null
	docker network create --internal two >/dev/null
	docker run -d --name a1 --network one --ip 10.91.0.77 busybox sleep 1000 >/dev/null
	docker exec a1 ip addr show eth0 | grep -q 'inet 10.91.0.77/24'
	docker network connect two a1
	docker exec a1 ip addr show eth1 | grep -q 'inet '
	[ "$(docker exec a1 ip route | grep -c default)" = 1 ]
	run ! docker network rm one
	docker network disconnect two a1
	run ! docker exec a1 ip link show eth1
	# It comes back where it was.
	docker restart -t 0 a1 >/dev/null
	docker exec a1 ip addr show eth0 | grep -q 'inet 10.91.0.77/24'
	docker run --rm --network one busybox ping -c 1 -W 5 10.91.0.77
}

link_local_of() { # CONTAINER NETWORK
	docker inspect -f "{{json (index .NetworkSettings.Networks \"$2\").IPAMConfig}}" "$1"
}

@test "chosen link-local addresses: at the start, at a connect, after another daemon's start, and gone with the network" {
	# (docker 20.10 asks for no IPv6 unless it is told to.)
	docker network create --ipv6 --subnet 10.98.0.0/24 --subnet fd00:98::/64 one >/dev/null
	docker run -d --name a1 --link-local-ip 169.254.8.8 --network one busybox sleep 1000 >/dev/null
	docker run -d --name a2 --network bridge busybox sleep 1000 >/dev/null
	docker network connect --link-local-ip 169.254.8.9 --link-local-ip fe80::77 one a2
	docker exec a1 ip addr show eth0 | grep -q 'inet 169.254.8.8/16'
	docker exec a2 ip addr show eth1 | grep -q 'inet6 fe80::77/64'
	[ "$(link_local_of a1 one)" = '{"LinkLocalIPs":["169.254.8.8"]}' ]
	docker exec a1 ping -c 1 -W 5 169.254.8.9
	docker exec a2 ping -c 1 -W 5 169.254.8.8
	berth down
	at "$BERTH" up --data "$DIR/data" 3>&- 4>&-
	[ "$(link_local_of a2 one)" = '{"LinkLocalIPs":["169.254.8.9","fe80::77"]}' ]
	docker exec a1 ping -c 1 -W 5 169.254.8.9
	docker network disconnect one a2
	docker network connect one a2
	[ "$(link_local_of a2 one)" = null ]
	run ! docker exec a2 sh -c 'ip addr | grep 169.254'
	# by its own command line; one that does not run tells them, too
	berth create --name a3 --network name=one,link-local-ip=169.254.8.10 busybox true
	[ "$(link_local_of a3 one)" = '{"LinkLocalIPs":["169.254.8.10"]}' ]
	run -125 docker run --rm --network one --link-local-ip 10.0.0.1 busybox true
	[[ $output == *"invalid link local IP address: 10.0.0.1"* ]]
	run ! berth network connect --link-local-ip nonsense bridge a1
	[[ $output == *"Invalid link-local IP address: [nonsense]"* ]]
}

@test "a published port follows the way out when the container comes to a network and leaves it" {
	docker network create a-first >/dev/null
	web --name web --network bridge -p 8080:80
	eventually hello http://127.0.0.1:8080
	# By its name the default route is the new one's.
	docker network connect a-first web
	[[ "$(docker exec web ip route)" == *"default via "*" dev eth1"* ]]
	hello http://127.0.0.1:8080
	at nft list map inet berth any4 | grep -q "8080 : $(docker inspect -f '{{(index .NetworkSettings.Networks "a-first").IPAddress}}' web) . 80"
	docker network disconnect a-first web
	hello http://127.0.0.1:8080
	docker network disconnect bridge web
	[ -z "$(docker port web)" ]
	run -0 at nft list map inet berth any4
	[[ $output != *8080* ]]
	docker network connect a-first web
	hello http://127.0.0.1:8080
}

@test "options of a network: its bridge, who speaks to whom, where ports are open, several subnets, sysctls" {
	local ip
	docker network create --subnet 10.91.0.0/24 --subnet 10.92.0.0/24 --ipv6 --subnet fd00:91::/64 -o com.docker.network.bridge.name=mine0 \
		-o com.docker.network.bridge.enable_icc=false -o com.docker.network.bridge.host_binding_ipv4=127.0.0.1 one >/dev/null
	web --name web --network one --ip6 fd00:91::77 -p 8080:80
	docker run -d --name b1 --network one --ip 10.92.0.9 --sysctl net.ipv4.conf.eth0.arp_ignore=1 busybox sleep 1000 >/dev/null
	eventually hello http://127.0.0.1:8080
	[ "$(docker port web)" = "80/tcp -> 127.0.0.1:8080" ]
	at ip link show mine0
	docker exec web ip addr show eth0 | grep -q 'inet6 fd00:91::77/64'
	docker exec b1 ip addr show eth0 | grep -q 'inet 10.92.0.9/24'
	[ "$(docker exec b1 cat /proc/sys/net/ipv4/conf/eth0/arp_ignore)" = 1 ]
	ip=$(docker inspect -f '{{.NetworkSettings.Networks.one.IPAddress}}' web)
	hello "http://$ip"
	# The neighbour is silent; the machine is not.
	run ! docker exec b1 timeout 1 wget -q -O - "http://$ip/x"
	docker exec b1 ping -c 1 -W 5 10.92.0.1
	run -1 docker network create -d macvlan other
	[[ $output == *'berth has the driver "bridge"'* ]]
	docker rm -f web b1 >/dev/null
	docker network rm one
	# Its bridge may be the user's own: it stays, and is his to remove.
	at ip link del mine0
}

@test "a container with users of its own is on networks, too" {
	docker network create --subnet 10.91.0.0/24 one >/dev/null
	web --name web --network one
	docker_api 201 POST "/containers/create?name=own" -d '{"Image":"busybox","Cmd":["httpd","-f","-p","80","-h","/etc"],"User":"1000",
		"ExposedPorts":{"80/tcp":{}},"HostConfig":{"UsernsMode":"private","NetworkMode":"one","PortBindings":{"80/tcp":[{"HostPort":"8080"}]}}}'
	docker start own >/dev/null
	[ "$(docker exec own awk '{print ($2 > 0)}' /proc/self/uid_map)" = 1 ]
	eventually docker exec own wget -q -O - http://web/x
	docker exec web wget -q -O - http://own/hostname
	at timeout 200 busybox wget -q -O - http://127.0.0.1:8080/hostname
	docker exec -u 0 own ping -c 1 -W 5 web
	[ "$(docker exec own cat /proc/sys/net/ipv4/ping_group_range)" = "0	65535" ]
	docker network create two >/dev/null
	docker network connect two own
	docker exec own ip addr show eth1 | grep -q 'inet '
	docker restart -t 0 own >/dev/null
	eventually docker exec own wget -q -O - http://web/x
}

# An image of what standard input says, by Docker's classic builder.
builds() { # OPTION...
	DOCKER_BUILDKIT=0 docker build --no-cache "$@" - 2>&1
}

# Nobody of a build is on the network any more: neither in the books nor in the kernel.
left_alone() { # NETWORK
	gone_from "$1" && [ "$(at ip -o link show type veth | wc -l)" = 0 ]
}

gone_from() { # NETWORK
	[ -z "$(ls "$DIR/data/networks/lodgers")" ] && docker network rm "$1"
}

@test "docker build --network NAME: RUN is on it and knows its names; ended, cancelled or killed, nothing stays" {
	local client
	docker network create one >/dev/null
	docker network create two >/dev/null
	docker run -d --name db --network one busybox sleep 1000 >/dev/null
	docker run -d --name far --network two busybox sleep 1000 >/dev/null
	run -0 builds --network one <<-'END'
		FROM busybox AS first
		RUN ping -c 1 -W 5 db && ! nslookup far && grep -q 127.0.0.11 /etc/resolv.conf
		RUN --network=none touch /done; ! ip link show eth0
		FROM busybox
		RUN ping -c 1 -W 5 db.one && ip -4 -o address show eth0
		COPY --from=first /done /
	END
	[[ $output == *"Successfully built"* ]]
	run -1 builds --network nosuch <<<'FROM busybox'
	[[ $output == *"network nosuch not found"* ]]
	# A container's network: its addresses and names, its resolv.conf.
	run -0 builds --network container:far < <(printf 'FROM busybox\nRUN ip -4 -o address show && cat /etc/resolv.conf && ping -c 1 -W 5 far && ! nslookup db\n')
	[[ $output == *"inet $(docker inspect -f '{{.NetworkSettings.Networks.two.IPAddress}}' far)/"* && $output == *127.0.0.11* ]]
	docker exec far ip addr show eth0
	docker create --name rests busybox true
	run -1 builds --network container:rests <<<'FROM busybox'
	[[ $output == *"cannot join network of a non running container: $(docker inspect -f '{{.Id}}' rests)"* ]]
	run -1 builds --network container:nosuch <<<'FROM busybox'
	[[ $output == *"No such container: nosuch"* ]]
	# Cancelled: its address is free at once.
	TMPDIR=$DIR DOCKER_BUILDKIT=0 docker build --no-cache --network two - < <(printf 'FROM busybox\nRUN touch /began && sleep 1000\n') >"$DIR/log" 3>&- &
	client=$!
	eventually grep -q 'RUN touch' "$DIR/log"
	[ "$(docker network inspect two | jq '.[0].Containers | length')" = 2 ]
	docker rm -f far >/dev/null
	run -1 docker network rm two
	kill "$client"
	eventually gone_from two
	# Killed: the next daemon takes it away.
	TMPDIR=$DIR builds --network one < <(printf 'FROM busybox\nRUN sleep 1000\n') >"$DIR/log" 3>&- &
	eventually grep -q 'RUN sleep' "$DIR/log"
	[ -n "$(ls "$DIR/data/networks/lodgers")" ]
	kill -9 "$(daemon_pid)"
	at "$BERTH" up --data "$DIR/data" 3>&- 4>&-
	docker rm -f db >/dev/null
	eventually left_alone one
}

@test "berth build --network NAME and a project's build.network: the daemon builds from what .dockerignore leaves" {
	docker network create one >/dev/null
	docker run -d --name db --network one busybox sleep 1000 >/dev/null
	mkdir -p "$DIR/app/sub" "$DIR/elsewhere"
	echo kept >"$DIR/app/sub/kept"
	echo secret >"$DIR/app/secret"
	ln -s sub/kept "$DIR/app/link"
	echo secret >"$DIR/app/.dockerignore"
	cat >"$DIR/elsewhere/File" <<-'END'
		FROM busybox
		ARG WORD
		COPY . /app
		RUN ping -c 1 -W 5 db && echo "$WORD" >/word
		CMD find /app /word | sort; cat /app/link /word
	END
	run -0 --separate-stderr berth build -q --network one --build-arg WORD=hello -t app -f "$DIR/elsewhere/File" "$DIR/app"
	[[ $output == sha256:* ]]
	run -0 docker run --rm --network none app
	[ "$output" = "$(printf '%s\n' /app /app/.dockerignore /app/link /app/sub /app/sub/kept /word kept hello)" ]
	echo 'RUN false' >>"$DIR/elsewhere/File"
	run -1 berth build --network one -f "$DIR/elsewhere/File" "$DIR/app"
	[[ $output == *"ping statistics"*"The command '/bin/sh -c false' returned a non-zero code: 1"* ]]
	run -1 berth build --network nosuch "$DIR/app" -f "$DIR/elsewhere/File"
	[[ $output == *"network nosuch not found"* ]]
	run -1 berth build --network one --secret id=a,src=/etc/passwd "$DIR/app"
	[[ $output == *"--secret: the daemon does this build"* ]]
	cat >"$DIR/app/compose.yaml" <<-'END'
		services:
		  web: {image: web, build: {dockerfile_inline: "FROM busybox\nRUN ping -c 1 -W 5 db\n", network: one}}
	END
	run -0 "$BERTH" compose -f "$DIR/app/compose.yaml" build
	[[ $output == *"1 packets received"* ]]
	docker image inspect web >/dev/null
}

# Kills the daemon when it is about to make its system call CALL for the NUMBERth time, while COMMAND asks it for something.
killed_at() { # CALL NUMBER COMMAND...
	local pid tracer status=0
	pid=$(daemon_pid)
	strace -f -qq -p "$pid" -o "$DIR/trace" -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" 3>&- 4>&- &
	tracer=$!
	eventually grep -q "^TracerPid:[[:space:]]$tracer$" "/proc/$pid/status"
	"${@:3}" >/dev/null 2>&1 || status=$?
	kill -9 "$pid" 2>/dev/null || true
	wait "$tracer" || true
	eventually gone "$pid"
	at "$BERTH" up --data "$DIR/data" 3>&- 4>&-
}

# What the daemon tells of its networks' containers, and what the kernel has.
books() {
	docker inspect web | jq -r '.[0].NetworkSettings | (.Networks[] | .IPAddress + "/" + (.IPPrefixLen | tostring)), (.Ports["80/tcp"] // [] | .[].HostPort)' | sort -u
}

kernel() {
	{
		nsenter -t "$(docker inspect -f '{{.State.Pid}}' web)" -n ip -4 -o addr show scope global | awk '{print $4}'
		at nft -j list map inet berth any4 | jq -r '.nftables[1].map.elem // [] | .[][0].concat[1]'
	} | sort -u
}

same_as_kernel() {
	[ "$(books)" = "$(kernel)" ]
}

@test "a daemon killed between its books and the kernel finds them equal at its next start" {
	command -v strace >/dev/null || skip "strace is not installed"
	local call verb body
	local -A want=([connect]=2 [disconnect]=1)
	docker network create a-first >/dev/null
	web --name web --network bridge -p 8080:80
	body=(-d '{"Container":"web"}')
	# Written down that it comes or goes, but no plug for its monitor; then with the plug, and the monitor was not told.
	for call in "renameat 2" "sendto 1"; do
		for verb in connect disconnect; do
			# shellcheck disable=SC2086 # two words
			killed_at $call docker_api 200 POST "/networks/a-first/$verb" "${body[@]}"
			eventually same_as_kernel || {
				diff <(books) <(kernel)
				return 1
			}
			[ "$(docker inspect web | jq '.[0].NetworkSettings.Networks | length')" = "${want[$verb]}" ]
		done
	done
	hello http://127.0.0.1:8080
}
