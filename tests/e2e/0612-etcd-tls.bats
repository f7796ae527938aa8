#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A server on an etcd that asks for certificates of both sides and for a user who may touch its own keys only; and what is said when one of it is wrong. etcd and
# server are in a network namespace of their own.

load helpers

etcd_call() { # METHOD JSON: of etcd's JSON gateway, as its operator
	apart curl -sS --fail-with-body --cacert ca.crt --cert client.crt --key client.key -H "Authorization: ${TOKEN:-}" \
		-d "$2" "https://127.0.0.1:2379/v3/$1"
}

text64() {
	printf %s "$1" | base64
}

# The users: root, and berth, who may read and write below mine/.
make_users() {
	local name
	for name in root berth; do
		etcd_call auth/user/add "{\"name\":\"$name\",\"password\":\"of-$name\"}"
		etcd_call auth/role/add "{\"name\":\"$name\"}"
		etcd_call auth/user/grant "{\"user\":\"$name\",\"role\":\"$name\"}"
	done
	etcd_call auth/role/grant "{\"name\":\"berth\",\"perm\":{\"permType\":\"READWRITE\",\"key\":\"$(text64 mine/)\",\"range_end\":\"$(text64 mine0)\"}}"
	etcd_call auth/enable '{}'
}

setup_file() {
	command -v etcd >/dev/null || skip "etcd is not installed"
	new_place
	cd "$DIR" || return 1
	make_certs
	nsenter --net="$(apart true && echo "$DIR/netns")" etcd --data-dir "$DIR/etcd" --unsafe-no-fsync --log-level error \
		--listen-client-urls https://127.0.0.1:2379 --advertise-client-urls https://127.0.0.1:2379 --cert-file server.crt --key-file server.key \
		--client-cert-auth --trusted-ca-file ca.crt >/dev/null 2>&1 3>&- 4>&- &
	echo $! >"$DIR/etcd.pid"
	eventually etcd_call kv/range "{\"key\":\"$(text64 x)\"}"
	make_users
	echo of-berth >"$DIR/password"
	echo another >"$DIR/wrong"
	export RIGHT="ca=$DIR/ca.crt&cert=$DIR/client.crt&key=$DIR/client.key&user=berth&password-file=$DIR/password"
}

teardown_file() {
	local status=0
	[ -n "${DIR:-}" ] || return 0
	kill -KILL "$(cat "$DIR/etcd.pid")" || status=1
	end_place || status=1
	return "$status"
}

@test "a server leads with certificates and a user who may touch its own keys only" {
	apart "$BERTH" server --data "$DIR/data" --agents 127.0.0.1:7421 --store "etcds://127.0.0.1:2379/mine?$RIGHT" 3>&- 4>&-
	berth token create >"$DIR/token"
	berth down
	apart "$BERTH" backup --store "etcds://127.0.0.1:2379/mine?$RIGHT" "$DIR/backup"
	grep -q '"doc","token/' "$DIR/backup"
}

# refused WORDS OPTIONS [SCHEME [PREFIX [HOST:PORT]]]: it ends with these words, or waits and says them; in no case it leads.
refused() {
	local server status=0
	nsenter --net="$DIR/netns" "$BERTH" server --foreground --data "$DIR/data" --agents 127.0.0.1:7421 \
		--store "${3:-etcds}://${5:-127.0.0.1:2379}/${4:-mine}?$2" >"$DIR/says" 2>&1 3>&- 4>&- &
	server=$!
	eventually grep -F "$1" "$DIR/says" || status=1
	kill -TERM "$server" 2>/dev/null || true
	wait "$server" || true
	if [ "$status" -ne 0 ] || grep "is up" "$DIR/says"; then
		cat "$DIR/says"
		return 1
	fi
}

@test "each thing that is wrong is said in words of its own" {
	refused 'refuses user "berth"' "${RIGHT/password-file=*/password-file=$DIR/wrong}"
	refused "add user= and password-file=" "${RIGHT/&user=*/}"
	refused "permission denied" "$RIGHT" etcds theirs
	refused "the given CA has not signed" "${RIGHT/$DIR\/ca.crt/$DIR/other.crt}"
	refused "show none" "ca=$DIR/ca.crt"
	refused "refuses our certificate" "ca=$DIR/ca.crt&cert=$DIR/stranger.crt&key=$DIR/stranger.key"
	refused "not for this name" "$RIGHT" etcds mine localhost:2379
	refused "does not answer" "ttl=2" etcd
}

# certificate NAME FROM TO: of the server, with other times
certificate() {
	mkdir -p "$DIR/ca.d"
	: >"$DIR/ca.d/index"
	cat >"$DIR/ca.d/config" <<-END
		[ca]
		default_ca = one
		[one]
		database = $DIR/ca.d/index
		new_certs_dir = $DIR/ca.d
		rand_serial = yes
		default_md = sha256
		policy = any
		[any]
		commonName = supplied
	END
	openssl ca -batch -config "$DIR/ca.d/config" -cert "$DIR/ca.crt" -keyfile "$DIR/ca.key" -in "$DIR/server.csr" -extfile "$DIR/server.ext" \
		-startdate "$2" -enddate "$3" -out "$DIR/$1.crt" 2>/dev/null
}

wrong_time() { # NAME WORDS: a server with that certificate
	local peer status
	nsenter --net="$DIR/netns" openssl s_server -accept 127.0.0.1:2400 -tls1_3 -alpn h2 -www -cert "$DIR/$1.crt" -key "$DIR/server.key" >/dev/null 2>&1 </dev/null 3>&- 4>&- &
	peer=$!
	status=0
	eventually nsenter --net="$DIR/netns" bash -c 'exec 9<>/dev/tcp/127.0.0.1/2400'
	refused "$2" "ca=$DIR/ca.crt" etcds mine 127.0.0.1:2400 || status=1
	kill -KILL "$peer"
	wait "$peer" || true
	return "$status"
}

@test "a certificate that has ended and a clock that is wrong are named" {
	certificate old 20010101000000Z 20020101000000Z
	certificate early 20980101000000Z 20990101000000Z
	wrong_time old "has expired, if the clock here is right"
	wrong_time early "one of the clocks is wrong"
}
