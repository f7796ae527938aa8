#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Networks in the kernel: bridges, rules and published ports, in network namespaces of the test's own: "host" (where berth would run), "lan" (a neighbour of
# it on the same wire), and one for each container. The plugs are the test's own text, so no engine is needed.

# shellcheck disable=SC2154 # place() sets host, lan, one and two
bats_require_minimum_version 1.5.0

TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BUILD=$(dirname "$(dirname "${BERTH:-$TOP/build/src/berth}")")
DRIVE=$BUILD/src/node/net/test/net_drive

# place NAME: a process that keeps a network namespace; its pid is in the variable NAME.
place() {
	local pid
	# shellcheck disable=SC2016
	setpriv --pdeathsig KILL unshare --net sh -c 'echo >"$1"; exec sleep infinity' sh "$DIR/$1.up" 3>&- 4>&- >/dev/null 2>&1 &
	pid=$!
	until [ -e "$DIR/$1.up" ]; do
		kill -0 "$pid"
	done
	PLACES+=("$pid")
	printf -v "$1" %s "$pid"
}

at() { # PID COMMAND...
	nsenter -t "$1" -n "${@:2}"
}

setup() {
	[ -x "$DRIVE" ] || skip "$DRIVE is not built"
	[ "$(id -u)" = 0 ] || skip "needs root"
	command -v nft >/dev/null || skip "needs nft to look at the rules"
	DIR=$(mktemp -d "${TMPDIR:-/tmp}/berth-net.XXXXXX")
	PLACES=()
	place host
	place lan
	place one
	place two
	at "$host" ip link set lo up
	at "$one" ip link set lo up
	at "$host" ip link add wire type veth peer name wire netns "/proc/$lan/ns/net"
	at "$host" ip addr add 192.0.2.1/24 dev wire
	at "$host" ip addr add 2001:db8::1/64 dev wire nodad
	at "$host" ip link set wire up
	at "$lan" ip addr add 192.0.2.2/24 dev wire
	at "$lan" ip addr add 2001:db8::2/64 dev wire nodad
	at "$lan" ip link set wire up
	echo hello >"$DIR/x"
}

teardown() {
	tell_words
	local pid
	for pid in "${PLACES[@]}"; do
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	rm -rf "$DIR"
}

# plug NAME NUMBER BRIDGE SUBNET PORTS [MORE]: a container with the addresses 172.18.SUBNET.NUMBER and fd00:SUBNET::NUMBER.
plug() {
	local id
	id=$(printf '%063d%d' "$4" "$2")
	printf '{"container":"%s","endpoints":[{"id":"%s","network":"%s","bridge":"%s","port":"bv-%s","interface":"eth0",
"mac":"02:42:ac:12:0%s:0%s","icc":true,"masquerade":true,"antispoof":true,"ip4":"172.18.%s.%s/24","gateway4":"172.18.%s.1",
"ip6":"fd00:%s::%s/64","gateway6":"fd00:%s::1","route4":true,"route6":true%s}],"ports":[%s]}' \
		"$id" "$id" "$(printf '%064d' "$4")" "$3" "$1" "$4" "$2" "$4" "$2" "$4" "$4" "$2" "$4" "${6:-}" "$5" >"$DIR/$1.json"
}

port() { # HOST-IP HOST-PORT IP [PROTOCOL]
	printf '{"proto":"%s","host_ip":"%s","host_port":%s,"ip":"%s","port":80}' "${4:-tcp}" "$1" "$2" "$3"
}

attach() { # NAME PID
	at "$host" "$DRIVE" attach "/proc/$2/ns/net" "$DIR/$1.json"
}

# serve PID: a web server there that tells who asks.
serve() {
	# Itself, not a shell of the function: its pid is the one to kill.
	nsenter -t "$1" -n busybox nc -ll -p 80 -e sh -c 'read -r line; printf "HTTP/1.0 200 OK\r\n\r\nhello\n"' 3>&- 4>&- >/dev/null 2>&1 &
	PLACES+=($!)
	until at "$1" busybox nc -w 1 127.0.0.1 80 </dev/null >/dev/null 2>&1; do
		kill -0 "${PLACES[-1]}"
	done
}

# mirror PID: there, port 80 of TCP and UDP and both families tells who asks.
mirror() {
	nsenter -t "$1" -n /usr/bin/python3 -c '
import select, socket, sys
t = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
u.bind(("::", 80))
open(sys.argv[1], "w").close()
while True:
    for s in select.select([t, u], [], [])[0]:
        if s is t:
            c, who = t.accept()
            c.sendall(who[0].encode())
            c.close()
        else:
            _, who = u.recvfrom(100)
            u.sendto(who[0].encode(), who)' "$DIR/mirror.$1" 3>&- 4>&- >/dev/null 2>&1 &
	PLACES+=($!)
	until [ -e "$DIR/mirror.$1" ]; do
		kill -0 "${PLACES[-1]}"
	done
}

# seen PID tcp|udp ADDRESS PORT [FROM-PORT]: whom the mirror sees when that place asks; nothing when there is no answer within WAIT (100) seconds.
seen() {
	at "$1" /usr/bin/python3 -c '
import socket, sys
kind, address, port, own = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.settimeout(int(sys.argv[5]))
s.bind(("", own))
try:
    s.connect((address, port))
    if kind == "udp":
        s.send(b"?")
    print(s.recv(100).decode().removeprefix("::ffff:"))
except OSError:
    pass' "$2" "$3" "$4" "${5:-0}" "${WAIT:-100}"
}

reach() { # PID ADDRESS PORT
	[ "$(printf 'GET / HTTP/1.0\r\n\r\n' | at "$1" busybox nc -w 100 "$2" "$3" | tail -n 1)" = hello ]
}

blocked() { # PID ADDRESS PORT
	run ! at "$1" busybox nc -w 1 "$2" "$3" </dev/null
}

@test "containers reach each other, the world, and published ports lead to them" {
	plug one 2 br-a 1 "$(port 0.0.0.0 8080 172.18.1.2),$(port :: 8080 fd00:1::2)"
	plug two 3 br-a 1 ""
	attach one "$one"
	attach two "$two"
	serve "$one"
	reach "$two" 172.18.1.2 80
	reach "$two" fd00:1::2 80
	at "$two" busybox ping -c 1 -W 5 192.0.2.2
	at "$two" busybox ping -6 -c 1 -W 5 2001:db8::2
	# Published: from the wire, from the machine, by its loopback, from a container beside it and from itself.
	reach "$lan" 192.0.2.1 8080
	reach "$lan" 2001:db8::1 8080
	reach "$host" 192.0.2.1 8080
	reach "$host" 127.0.0.1 8080
	reach "$two" 192.0.2.1 8080
	reach "$one" 192.0.2.1 8080
	reach "$one" 2001:db8::1 8080
	# Whether the bridge shows its packets to nft (br_netfilter) or not.
	if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then
		# shellcheck disable=SC2016
		at "$host" sh -c 'echo $((1 - $(cat /proc/sys/net/bridge/bridge-nf-call-iptables))) >/proc/sys/net/bridge/bridge-nf-call-iptables'
		reach "$two" 192.0.2.1 8080
		reach "$one" 192.0.2.1 8080
		reach "$lan" 192.0.2.1 8080
	fi
}

@test "published ports of TCP and UDP keep the address of who asks" {
	plug one 2 br-a 1 "$(port 0.0.0.0 8080 172.18.1.2),$(port :: 8080 fd00:1::2),$(port 192.0.2.1 53 172.18.1.2 udp),$(port :: 53 fd00:1::2 udp)"
	attach one "$one"
	mirror "$one"
	[ "$(seen "$lan" tcp 192.0.2.1 8080)" = 192.0.2.2 ]
	[ "$(seen "$lan" tcp 2001:db8::1 8080)" = 2001:db8::2 ]
	[ "$(seen "$lan" udp 192.0.2.1 53)" = 192.0.2.2 ]
	[ "$(seen "$lan" udp 2001:db8::1 53)" = 2001:db8::2 ]
	[ "$(seen "$host" udp 192.0.2.1 53)" = 192.0.2.1 ]
	[ "$(seen "$one" udp 192.0.2.1 53)" = 172.18.1.1 ]
}

# A packet of SCTP that asks for an association, by raw sockets: the kernel need not speak it. The one at NETNS tells who asks whom at which port.
sctp_seen() { # PID-OF-WHO-ASKS ADDRESS PORT PID-OF-THE-CONTAINER
	/usr/bin/python3 - "$@" <<'PY'
import os, socket, struct, sys
asks, address, port, container = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

def raw(pid):
    # os.setns() is of a later Python.
    import ctypes
    fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    assert ctypes.CDLL(None).setns(fd, 0) == 0
    os.close(fd)
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_RAW, 132)

def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff

inside = raw(container)
inside.settimeout(100)
outside = raw(asks)
init = struct.pack(">BBHIIHHI", 1, 0, 20, 7, 65536, 1, 1, 7)
packet = struct.pack(">HHII", 5000, port, 0, 0) + init
outside.sendto(packet[:8] + struct.pack("<I", crc32c(packet)) + packet[12:], (address, 0))
got, who = inside.recvfrom(2000)
got = got if ":" in address else got[(got[0] & 15) * 4:]
assert crc32c(got[:8] + bytes(4) + got[12:]) == struct.unpack("<I", got[8:12])[0]
print(who[0], *struct.unpack(">HH", got[:4]))
PY
}

@test "published ports of SCTP lead to the container, and keep the address of who asks" {
	plug one 2 br-a 1 "$(port 0.0.0.0 5060 172.18.1.2 sctp),$(port :: 5060 fd00:1::2 sctp)"
	attach one "$one"
	[ "$(sctp_seen "$lan" 192.0.2.1 5060 "$one")" = "192.0.2.2 5000 80" ]
	[ "$(sctp_seen "$lan" 2001:db8::1 5060 "$one")" = "2001:db8::2 5000 80" ]
}

@test "a client that goes on sending UDP is led to who has the port now" {
	plug one 2 br-a 1 "$(port 0.0.0.0 53 172.18.1.2 udp),$(port :: 53 fd00:1::2 udp)"
	plug two 3 br-a 1 "$(port 0.0.0.0 53 172.18.1.3 udp),$(port :: 53 fd00:1::3 udp)"
	# The machine itself has nobody there; the kernel remembers that it was asked.
	[ -z "$(WAIT=2 seen "$lan" udp 192.0.2.1 53 5000)" ]
	[ -z "$(WAIT=2 seen "$lan" udp 2001:db8::1 53 5000)" ]
	attach one "$one"
	mirror "$one"
	[ "$(seen "$lan" udp 192.0.2.1 53 5000)" = 192.0.2.2 ]
	[ "$(seen "$lan" udp 2001:db8::1 53 5000)" = 2001:db8::2 ]
	at "$host" "$DRIVE" detach "$DIR/one.json"
	attach two "$two"
	mirror "$two"
	[ "$(seen "$lan" udp 192.0.2.1 53 5000)" = 192.0.2.2 ]
	[ "$(seen "$lan" udp 2001:db8::1 53 5000)" = 2001:db8::2 ]
}

# bats test_tags=once
@test "A17: the metadata service is for those alone who may ask it" {
	plug one 2 br-a 1 ""
	plug two 3 br-b 2 "" ',"metadata":true'
	attach one "$one"
	attach two "$two"
	at "$lan" ip addr add 169.254.169.254/32 dev lo
	at "$lan" ip addr add fd00:ec2::254/128 dev lo
	at "$host" ip route add 169.254.169.254/32 via 192.0.2.2
	at "$host" ip -6 route add fd00:ec2::254/128 via 2001:db8::2
	mirror "$lan"
	[ "$(seen "$two" tcp 169.254.169.254 80)" = 192.0.2.1 ]
	[ "$(seen "$two" tcp fd00:ec2::254 80)" = 2001:db8::1 ]
	[ -z "$(WAIT=2 seen "$one" tcp 169.254.169.254 80)" ]
	[ -z "$(WAIT=2 seen "$one" tcp fd00:ec2::254 80)" ]
	# The same packets pass when the rules are gone.
	at "$host" nft flush chain inet berth forward
	[ "$(seen "$one" tcp 169.254.169.254 80)" = 192.0.2.1 ]
}

# bats test_tags=once
@test "A15: what is published on 127.0.0.1 and what is not published cannot be reached from the wire" {
	plug one 2 br-a 1 "$(port 127.0.0.1 8081 172.18.1.2)"
	attach one "$one"
	serve "$one"
	reach "$host" 127.0.0.1 8081
	at "$lan" ip route add 172.18.0.0/16 via 192.0.2.1
	at "$lan" ip -6 route add fd00::/16 via 2001:db8::1
	blocked "$lan" 172.18.1.2 80
	blocked "$lan" fd00:1::2 80
	blocked "$lan" 192.0.2.1 8081
	# What was not published passes when the rules are gone: they were what held it.
	at "$host" nft flush chain inet berth forward
	reach "$lan" 172.18.1.2 80
	# Nor by a packet to 127.0.0.1 itself, even on a machine that lets it in.
	at "$host" sh -c 'echo 1 >/proc/sys/net/ipv4/conf/wire/route_localnet'
	at "$lan" ip addr add 192.0.2.3/32 dev lo
	at "$lan" ip route add table 7 127.0.0.1 via 192.0.2.1 dev wire src 192.0.2.2
	at "$lan" ip rule del pref 0
	at "$lan" ip rule add pref 1 lookup 7
	at "$lan" sh -c 'echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet'
	blocked "$lan" 127.0.0.1 8081
}

@test "networks are apart from each other, and internal ones from the world" {
	plug one 2 br-a 1 ""
	plug two 3 br-b 2 "" ',"internal":true'
	attach one "$one"
	attach two "$two"
	serve "$one"
	blocked "$two" 172.18.1.2 80
	run ! at "$two" busybox ping -c 1 -W 1 192.0.2.2
	at "$one" busybox ping -c 1 -W 5 192.0.2.2
}

@test "A16: nobody speaks with another one's address or plays the router" {
	plug one 2 br-a 1 ""
	plug two 3 br-a 1 ""
	attach one "$one"
	attach two "$two"
	at "$two" busybox ping -c 1 -W 5 172.18.1.2
	# Another address, then another MAC.
	at "$two" ip addr add 172.18.1.9/24 dev eth0
	run ! at "$two" busybox ping -c 1 -W 1 -I 172.18.1.9 172.18.1.2
	run ! at "$two" busybox arping -c 1 -w 1 -I eth0 -s 172.18.1.1 172.18.1.2
	at "$two" ip link set eth0 address 02:42:ac:12:01:02
	run ! at "$two" busybox ping -c 1 -W 1 172.18.1.2
	[ "$(at "$host" cat /proc/sys/net/ipv6/conf/br-a/accept_ra)" = 0 ]
	[ "$(at "$one" cat /proc/sys/net/ipv6/conf/eth0/accept_ra)" = 0 ]
	# The same packets pass when the rules are gone.
	at "$two" ip link set eth0 address 02:42:ac:12:01:03
	at "$host" nft delete table bridge berth
	at "$two" busybox ping -c 1 -W 5 -I 172.18.1.9 172.18.1.2
}

@test "everything goes again, and rules of others stay as they are" {
	at "$host" nft add table ip other
	at "$host" nft add chain ip other c '{ type filter hook input priority 5; policy accept; }'
	at "$host" nft list table ip other >"$DIR/before"
	plug one 2 br-a 1 "$(port 0.0.0.0 8080 172.18.1.2)"
	attach one "$one"
	at "$host" "$DRIVE" stands
	at "$host" "$DRIVE" detach "$DIR/one.json"
	run -0 at "$host" nft list map inet berth any4
	[[ $output != *elements* ]]
	run ! at "$host" ip link show bv-one
	at "$host" "$DRIVE" forget br-a
	run ! at "$host" ip link show br-a
	# Anew, in one step; then away.
	at "$host" "$DRIVE" assert "$DIR/one.json"
	at "$host" nft list map inet berth any4 | grep -q 8080
	at "$host" "$DRIVE" assert
	run ! at "$host" nft list table inet berth
	at "$host" nft list table ip other | diff - "$DIR/before"
}
