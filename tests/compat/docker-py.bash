# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # of tools/compat
#
# The integration tests of docker-py, from the checkout DOCKER_PY_SRC: a client of the engine ENGINE. PATTERN is pytest's: "exec and not swarm".

: "${DOCKER_PY_SRC:=}"

docker-py_build() {
	mkdir -p "$place"
	python3 -m venv "$place/docker-py"
	"$place/docker-py/bin/pip" install --quiet pytest pytest-timeout requests urllib3 paramiko websocket-client
	"$here/engine" images
}

docker-py_all() { # [PATTERN]
	local test=("$place/docker-py/bin/python" -m pytest -p outcomes -p no:cacheprovider --timeout="${COMPAT_SECONDS:-60}" -q)
	mkdir "$HOME/.docker"
	echo '{}' >"$HOME/.docker/config.json"
	cp -r "$DOCKER_PY_SRC" checkout
	cd checkout || return
	export PYTHONPATH=$PWD:$here/python PYTHONDONTWRITEBYTECODE=1 OUTCOMES=$PWD/../outcomes
	"${test[@]}" ${1:+-k "$1"} tests/integration || true
	mapfile -t failed < <(awk -F '\t' '$1 == "not ok" { print "tests/integration/" $2 }' "$OUTCOMES")
	[ "${#failed[@]}" -eq 0 ] || "${test[@]}" "${failed[@]}" || true
	sed 's/^/outcome\t/' "$OUTCOMES"
}

# What failed has a second try, whose line is the later one.
docker-py_results() {
	awk -F '\t' '$1 == "outcome" { line[$3] = $2 "\t" $3 "\t" $4 } END { for (name in line) print line[name] }'
}
