#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Networks by the docker command and docker-py, and names in them: busybox in the containers asks. The daemon has a network namespace and a resolv.conf
# of its own, so that nothing of the machine's is touched or asked.

load helpers

# Nobody answers at the address of its name server: what is asked for outside fails at once.
start_daemon() {
	nsenter --net="$DIR/netns" unshare --mount sh -c 'mount --bind "$2" /etc/resolv.conf && exec "$0" up --data "$1"' \
		"$BERTH" "$DIR/data" "$DIR/resolv.conf" 3>&- 4>&-
}

setup_file() {
	[ "$(id -u)" -eq 0 ] || skip "networks need root"
	new_place
	export DOCKER_HOST=unix://$BERTH_SOCKET DOCKER_CONFIG=$DIR/docker
	mkdir "$DIR/docker"
	printf 'nameserver 127.0.0.53\nsearch example.org\n' >"$DIR/resolv.conf"
	touch "$DIR/netns"
	unshare --net="$DIR/netns" ip link set lo up
	start_daemon
	import_busybox
}

teardown_file() {
	[ -n "${DIR:-}" ] || return 0
	umount "$DIR/netns"
	end_place
}

setup() {
	command -v docker >/dev/null || skip "docker is not installed"
}

teardown() {
	tell_words
	command -v docker >/dev/null || return 0
	local ids networks
	ids=$(docker ps -aq)
	# shellcheck disable=SC2086
	[ -z "$ids" ] || docker rm -f -v $ids >/dev/null
	networks=$(docker network ls -q --filter type=custom)
	# shellcheck disable=SC2086
	[ -z "$networks" ] || docker network rm $networks >/dev/null
}

runs() { # NAME DOCKER-OPTION...
	local name=$1
	shift
	docker run -d --name "$name" "$@" busybox sleep 1000 >/dev/null
}

# address NAME NETWORK
address() {
	docker inspect -f "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}" "$1"
}

# What a program in NAME is told about HOST.
asks() {
	docker exec "$1" nslookup -type=a "$2" 127.0.0.11 || true
}

# ... there is none.
knows_not() {
	[[ "$(asks "$1" "$2")" == *"can't find"* ]]
}

@test "the default networks are there and stay" {
	[ "$(docker network ls --format '{{.Name}} {{.Driver}} {{.Scope}}' | sort | tr '\n' ';')" = \
		"bridge bridge local;host host local;none null local;" ]
	run ! docker network rm bridge
	[[ "$output" == *"bridge is a pre-defined network and cannot be removed"* ]]
	run ! docker network create host
	[[ "$output" == *"operation is not permitted on predefined host network"* ]]
}

@test "a network is made as it was asked for, listed, shown and removed" {
	docker network create --subnet 10.77.0.0/24 --gateway 10.77.0.9 --ip-range 10.77.0.128/25 --aux-address router=10.77.0.130 \
		--internal --attachable --label a=b --label c -o com.docker.network.driver.mtu=1400 shop
	docker network inspect shop >"$DIR/shop.json"
	[ "$(jq -r '.[0] | [.Name, .Driver, .Scope, .Internal, .Attachable, .Labels.a, .Labels.c, .Options["com.docker.network.driver.mtu"]] | join(" ")' \
		"$DIR/shop.json")" = "shop bridge local true true b  1400" ]
	[ "$(jq -c '.[0].IPAM.Config[0]' "$DIR/shop.json")" = \
		'{"Subnet":"10.77.0.0/24","IPRange":"10.77.0.128/25","Gateway":"10.77.0.9","AuxiliaryAddresses":{"router":"10.77.0.130"}}' ]
	[ "$(docker network ls -q --filter label=a=b --filter driver=bridge --filter name=sho --filter dangling=true | wc -l)" = 1 ]
	[ "$(docker network ls -q --filter label=a=x | wc -l)" = 0 ]
	run ! docker network ls --filter colour=red
	[[ "$output" == *"invalid filter 'colour'"* ]]
	run ! docker network create shop
	[[ "$output" == *"network with name shop already exists"* ]]
	run ! docker network create --driver macvlan other
	[[ "$output" == *'plugin "macvlan" not found'* ]]
	run ! docker network create --subnet 10.77.0.0/25 other
	[ "$(docker network rm shop)" = shop ]
	run ! docker network inspect shop
	[[ "$output" == *"network shop not found"* || "$output" == *"No such network: shop"* ]]
}

@test "a network with IPv6 that nobody asked for does not say that somebody did" {
	docker network create plain
	docker network create --ipv6 --subnet fd77::/64 six
	[ "$(docker network inspect -f '{{.EnableIPv6}}' plain six | xargs)" = "false true" ]
	docker network rm plain six
}

@test "a container at rest shows the networks that it came to, not those that it left" {
	docker network create one
	docker network create two
	docker create --name rest --network one busybox true
	docker network connect --alias here two rest
	[ "$(docker inspect -f '{{range $n, $e := .NetworkSettings.Networks}}{{$n}} {{end}}' rest)" = "one two " ]
	[ "$(docker inspect -f '{{.NetworkSettings.Networks.two.Aliases}}' rest)" = "[here]" ]
	docker network disconnect one rest
	docker start -a rest
	[ "$(docker inspect -f '{{range $n, $e := .NetworkSettings.Networks}}{{$n}} {{end}}' rest)" = "two " ]
	[ "$(docker ps -aq --filter network=one | wc -l)" = 0 ]
	docker network disconnect two rest
	[ "$(docker inspect -f '{{len .NetworkSettings.Networks}}' rest)" = 0 ]
	docker rm rest
	docker network rm one two
}

@test "containers of a network find each other by name, alias and id; those of another do not" {
	docker network create shop
	docker network create other
	runs db --network shop --network-alias data
	runs web --network shop
	runs stranger --network other
	ip=$(address db shop)
	[[ "$(asks web db)" == *"$ip"* ]]
	[[ "$(asks web data)" == *"$ip"* ]]
	[[ "$(asks web DB.shop)" == *"$ip"* ]]
	[[ "$(asks web "$(docker inspect -f '{{slice .Id 0 12}}' db)")" == *"$ip"* ]]
	knows_not stranger db
	knows_not stranger db.shop
	# nothing but names of its own networks: that one is alone
	[[ "$(asks stranger stranger)" == *"$(address stranger other)"* ]]
	[[ "$(docker exec web nslookup "$ip" 127.0.0.11)" == *db.shop* ]]
	[[ "$(docker exec web ping -c 1 -W 10 db)" == *" 0% packet loss"* ]]
}

@test "who comes to a network has its names, who leaves it has not" {
	docker network create shop
	docker network create other
	runs db --network shop
	runs web --network other
	knows_not web db
	docker network connect --alias front shop web
	ip=$(address db shop)
	[[ "$(asks web db)" == *"$ip"* ]]
	[[ "$(asks db front)" == *"$(address web shop)"* ]]
	came=$(address web shop)
	[[ "$(docker exec web cat /etc/hosts)" == *"$came"* ]]
	[ "$(docker network inspect -f '{{len .Containers}}' shop)" = 2 ]
	run ! docker network connect shop web
	[[ "$output" == *"already exists in network shop"* ]]
	run ! docker network rm shop
	[[ "$output" == *"has active endpoints"* ]]
	docker network disconnect shop web
	knows_not web db
	knows_not db front
	[[ "$(docker exec web cat /etc/hosts)" != *"$came"* ]]
	[ "$(docker network inspect -f '{{len .Containers}}' shop)" = 1 ]
}

@test "a container with a new name is found by that" {
	docker network create shop
	runs db --network shop
	runs web --network shop
	docker rename db store
	[[ "$(asks web store)" == *"$(address store shop)"* ]]
	knows_not web db
}

@test "the files of names say what was asked for" {
	docker network create shop
	runs web --network shop --hostname box --domainname lan --add-host db:10.1.2.3 --add-host gate:host-gateway --dns-search corp --dns-option timeout:1
	docker exec web cat /etc/hosts >"$DIR/hosts"
	grep -q "^10.1.2.3	db$" "$DIR/hosts"
	grep -q "^$(docker network inspect -f '{{(index .IPAM.Config 0).Gateway}}' shop)	gate$" "$DIR/hosts"
	grep -q "^$(address web shop)	box.lan box$" "$DIR/hosts"
	[ "$(docker exec web cat /etc/resolv.conf)" = "$(printf 'nameserver 127.0.0.11\nsearch corp\noptions timeout:1 ndots:0')" ]
	[ "$(docker exec web cat /etc/hostname)" = box ]
	# What the program writes into them is his.
	docker exec web sh -c 'echo "9.9.9.9 mine" >>/etc/hosts'
	docker network create other
	docker network connect other web
	docker exec web cat /etc/hosts >"$DIR/hosts"
	grep -q "^9.9.9.9 mine$" "$DIR/hosts"
	grep -q "^$(address web other)	box.lan box$" "$DIR/hosts"
}

@test "a network that leads nowhere has names, and asks nobody" {
	docker network create --internal inner
	runs db --network inner
	runs web --network inner
	[[ "$(asks web db)" == *"$(address db inner)"* ]]
	[[ "$(asks web example.org)" == *REFUSED* ]]
}

listens_or_fails() {
	[[ "$(docker exec "$1" netstat -ltn)" == *:53\ * ]] || [ -n "$(docker logs "$1")" ]
}

@test "a container without a network asks nobody, and one that shares another's has its files" {
	docker network create shop
	runs db --network shop --add-host x:10.1.2.3
	[[ "$(docker run --rm --network none busybox cat /etc/resolv.conf /etc/hosts)" != *127.0.0.11* ]]
	docker run --rm --network container:db busybox cat /etc/hosts /etc/resolv.conf >"$DIR/shared"
	grep -q "^10.1.2.3	x$" "$DIR/shared"
	grep -q "^nameserver 127.0.0.11$" "$DIR/shared"
	runs old
	docker run --rm --link old:other busybox cat /etc/hosts >"$DIR/hosts"
	grep -q "^$(address old bridge)	other .* old$" "$DIR/hosts"
}

@test "a link on the default bridge tells addresses, ports and environment of the other" {
	runs db --expose 80 --expose 81/tcp -p 5353/udp -e COLOUR=red
	docker run -d --name web --link db:my-db -e MY_DB_PORT_5353_UDP_PROTO=mine busybox sh -c 'env; exec sleep 1000' >/dev/null
	eventually logs_have web MY_DB_ENV_COLOUR=red
	docker exec web env >"$DIR/inside"
	docker logs web >"$DIR/said"
	ip=$(address db bridge)
	for line in "MY_DB_PORT=tcp://$ip:80" "MY_DB_PORT_80_TCP=tcp://$ip:80" "MY_DB_PORT_80_TCP_ADDR=$ip" MY_DB_PORT_80_TCP_PORT_END=81 \
		"MY_DB_PORT_5353_UDP=udp://$ip:5353" MY_DB_PORT_5353_UDP_PROTO=mine MY_DB_NAME=/web/my-db MY_DB_ENV_COLOUR=red; do
		grep -qx "$line" "$DIR/said" || { echo "$line"; cat "$DIR/said"; false; }
		grep -qx "$line" "$DIR/inside"
	done
	[ "$(grep -c MY_DB_ENV "$DIR/said")" = 1 ]
	[[ "$(docker inspect -f '{{.Config.Env}}' web)" != *MY_DB_NAME* ]]
	# Another address is told to the next life.
	docker rm -f db >/dev/null
	runs other
	runs db --expose 82
	[ "$(address db bridge)" != "$ip" ]
	docker restart -t 0 web >/dev/null
	eventually docker exec web sh -c "[ \"\$MY_DB_PORT\" = tcp://$(address db bridge):82 ] && [ -z \"\$MY_DB_ENV_COLOUR\" ]"
	# Nothing of the kind on other networks.
	docker network create shop
	runs new --network shop --expose 80
	[[ "$(docker run --rm --network shop --link new:db busybox env)" != *DB_* ]]
	# The other one comes back with another address.
	local before
	before=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' db)
	docker restart -t 0 db >/dev/null
	[ "$(docker inspect -f '{{.NetworkSettings.IPAddress}}' db)" != "$before" ]
	docker exec web grep -q "^$(docker inspect -f '{{.NetworkSettings.IPAddress}}' db)[[:space:]]my-db " /etc/hosts
	run ! docker exec web grep -q "^${before}[[:space:]]" /etc/hosts
	# A link is one more name, which can be removed, from what runs and from its next life.
	[ "$(docker inspect -f '{{json .HostConfig.Links}} {{json .NetworkSettings.Networks.bridge.Links}}' web)" = '["/db:/web/my-db"] null' ]
	[ "$(docker inspect -f '{{.Name}}' web/my-db)" = /db ]
	[ "$(docker ps --no-trunc --filter name=^db$ --format '{{.Names}}')" = db,web/my-db ]
	[ "$(docker ps --filter name=^db$ --format '{{.Names}}')" = db ]
	[ "$(docker ps --no-trunc --filter name=my-db --format '{{.Names}}')" = "" ]
	docker rename web front
	[ "$(docker ps --no-trunc --filter name=^db$ --format '{{.Names}}')" = db,front/my-db ]
	docker rename front web
	run ! docker rm --link web
	[[ "$output" == *"Conflict, cannot remove the default link name of the container"* ]]
	run ! docker rm --link web/other
	[[ "$output" == *"No such container: web/other"* ]]
	[ "$(docker rm --link web/my-db)" = web/my-db ]
	run ! docker inspect web/my-db
	[ "$(docker ps --no-trunc --filter name=^db$ --format '{{.Names}}')" = db ]
	[ "$(docker inspect -f '{{json .HostConfig.Links}}' web)" = null ]
	for _ in 1 2; do
		run ! docker exec web grep my-db /etc/hosts
		run ! docker exec web sh -c 'env | grep MY_DB_PORT='
		docker restart -t 0 web >/dev/null
	done
	[ "$(docker inspect -f '{{.State.Running}}' db)" = true ]
}

logs_have() {
	docker logs "$1" 2>&1 | grep -q "$2"
}

@test "a program may have port 53 for itself" {
	docker network create shop
	runs db --network shop
	docker run -d --name web --network shop busybox sh -c 'nc -l -p 53 || echo taken' >/dev/null
	eventually listens_or_fails web
	[ -z "$(docker logs web)" ]
	[[ "$(asks web db)" == *"$(address db shop)"* ]]
}

@test "what is asked in the first moment is answered" {
	docker network create shop
	runs db --network shop
	for _ in 1 2 3 4 5; do
		[[ "$(docker run --rm --network shop busybox nslookup -type=a db 127.0.0.11)" == *"$(address db shop)"* ]]
	done
}

@test "names are there again when the daemon is" {
	docker network create shop
	runs db --network shop --network-alias data
	runs web --network shop
	[[ "$(asks web data)" == *"$(address db shop)"* ]]
	berth down 3>&-
	start_daemon
	[[ "$(asks web data)" == *"$(address db shop)"* ]]
}

@test "prune takes what nobody is on" {
	docker network create --label keep shop
	docker network create free
	docker network create used
	runs db --network used
	[[ "$(docker network prune -f --filter 'label!=keep')" == *free* ]]
	[ "$(docker network ls --filter type=custom --format '{{.Name}}' | sort | tr '\n' ' ')" = "shop used " ]
}

@test "events tell of networks" {
	since=$(date +%s.%N)
	docker network create shop
	docker create --name web busybox true
	docker network connect shop web
	docker network disconnect shop web
	docker run --rm --network shop busybox true
	docker network rm shop
	docker events --since "$since" --until "$(date +%s.%N)" --filter type=network --format '{{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.type}}' >"$DIR/events"
	[ "$(cat "$DIR/events")" = "$(printf 'create shop bridge\nconnect shop bridge\ndisconnect shop bridge\nconnect shop bridge\ndisconnect shop bridge\ndestroy shop bridge')" ]
}

@test "docker-py makes, finds, connects and removes networks" {
	/usr/bin/python3 -c 'import docker' 2>/dev/null || skip "docker-py (python3-docker) is not installed"
	timeout 200 /usr/bin/python3 - <<'PY'
import docker
from docker.types import IPAMConfig, IPAMPool
c = docker.from_env()
made = c.networks.create("with 1 space")
assert made.attrs["IPAM"]["Options"] is None, made.attrs
waiting = c.containers.create("busybox", "true", name="waiting")
c.api._raise_for_status(c.api._post_json(c.api._url("/networks/{0}/connect", made.id), data={
    "Container": waiting.id, "EndpointConfig": {"MacAddress": "02:42:ac:11:00:02"}}))
waiting.reload()
assert waiting.attrs["NetworkSettings"]["Networks"]["with 1 space"]["MacAddress"] == "02:42:ac:11:00:02", waiting.attrs
waiting.remove()
made.remove()
body = {"Image": "busybox", "Cmd": ["sleep", "1000"], "NetworkingConfig": {"EndpointsConfig": {"bridge": {"DriverOpts": {"example": "on"}}}}}
opted = c.api._result(c.api._post_json(c.api._url("/containers/create"), data=body), True)["Id"]
c.api.start(opted)
shown = c.api.inspect_container(opted)["NetworkSettings"]["Networks"]["bridge"]
assert shown["DriverOpts"] == {"example": "on"}, shown
c.api.remove_container(opted, force=True)
n = c.networks.create("shop", driver="bridge", labels={"a": "b"}, check_duplicate=True,
                      ipam=IPAMConfig(pool_configs=[IPAMPool(subnet="10.78.0.0/24", gateway="10.78.0.1")]))
assert [x["Subnet"] for x in n.attrs["IPAM"]["Config"]] == ["10.78.0.0/24"] and not n.attrs["EnableIPv6"], n.attrs
assert [x.id for x in c.networks.list(names=["shop"])] == [n.id]
assert [x.id for x in c.networks.list(filters={"label": ["a=b"]})] == [n.id]
box = c.containers.run("busybox", "sleep 1000", detach=True, name="box")
n.connect(box, aliases=["front"], ipv4_address="10.78.0.77")
n.reload()
assert [x.id for x in n.containers] == [box.id]
box.reload()
shown = box.attrs["NetworkSettings"]["Networks"]["shop"]
assert shown["IPAddress"] == "10.78.0.77" and shown["IPPrefixLen"] == 24 and shown["Gateway"] == "10.78.0.1", shown
assert shown["NetworkID"] == n.id and "front" in shown["Aliases"] and "front" in shown["DNSNames"], shown
try:
    n.remove()
    raise SystemExit("a network in use was removed")
except docker.errors.APIError as e:
    assert e.status_code == 403, e
n.disconnect(box)
box.remove(force=True)
n.remove()
try:
    c.networks.get(n.id)
    raise SystemExit("it is still there")
except docker.errors.NotFound:
    pass
PY
}
