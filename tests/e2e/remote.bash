# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Registries on loopback for the tests of the client: a hostile one of our own, and Debian's docker-registry. Everything is below $DIR and
# ends with end_remotes.

# A place without a daemon, whose settings and credentials are its own.
remote_place() {
	new_place
	export BERTH_DATA=$DIR/data XDG_CONFIG_HOME=$DIR/config DOCKER_CONFIG=$DIR/docker
	mkdir -p "$XDG_CONFIG_HOME/berth" "$DOCKER_CONFIG"
	unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY no_proxy
	remote_settings '{}'
	remote_pids=()
}

# What the tests do not say themselves: short delays.
remote_settings() { # JSON
	jq '{retry_delay_ms: 1} + .' <<<"$1" >"$XDG_CONFIG_HOME/berth/registries.json"
}

# Ends the processes first; then the place.
end_remotes() {
	local pid
	for pid in "${remote_pids[@]}"; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	remote_pids=()
	end_place
}

remote_login() { # REGISTRY: as the user that all of them know, without asking it
	jq -n --arg host "$1" --arg auth "$(printf user:very-secret | base64)" '{auths: {($host): {auth: $auth}}}' >"$DOCKER_CONFIG/config.json"
}

# A certificate authority (trust/ca.crt) and a certificate for 127.0.0.1 and localhost, once a run.
remote_certs() {
	local certs=$BATS_RUN_TMPDIR/certs
	if [ ! -d "$certs" ]; then
		mkdir -p "$certs.$$/trust"
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=ca -keyout "$certs.$$/ca.key" -out "$certs.$$/trust/ca.crt" 2>/dev/null
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout "$certs.$$/key" -out "$certs.$$/csr" 2>/dev/null
		openssl x509 -req -in "$certs.$$/csr" -CA "$certs.$$/trust/ca.crt" -CAkey "$certs.$$/ca.key" -CAcreateserial -days 30 -out "$certs.$$/cert" \
			-extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1') 2>/dev/null
		mv -T "$certs.$$" "$certs"
	fi
	echo "$certs"
}

remote_trust() { # REGISTRY
	mkdir -p "$XDG_CONFIG_HOME/berth/certs.d/$1"
	cp "$(remote_certs)/trust/ca.crt" "$XDG_CONFIG_HOME/berth/certs.d/$1/"
}

# Sets HOSTILE (the registry), OTHER (its second origin) and HOSTILE_DIGEST. With "tls" the registry has a certificate.
hostile_start() { # [tls]
	local certs=()
	[ "${1:-}" != tls ] || certs=("$(remote_certs)/cert" "$(remote_certs)/key")
	"$TOP/tests/lib/hostile_registry.py" "$DIR" "${certs[@]}" </dev/null >"$DIR/hostile.log" 2>&1 3>&- 4>&- &
	remote_pids+=($!)
	eventually test -f "$DIR/ports"
	{
		read -r a b
		read -r HOSTILE_DIGEST
	} <"$DIR/ports"
	HOSTILE=127.0.0.1:$a OTHER=127.0.0.1:$b
	export HOSTILE OTHER HOSTILE_DIGEST
}

# The lines of the hostile registry's log that jq's filter selects.
hostile_log() { # FILTER
	[ ! -f "$DIR/log" ] || jq -c "select($1)" "$DIR/log"
}
