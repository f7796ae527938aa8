# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # of tools/compat
#
# The tests of the core of testcontainers-python, from the checkout TESTCONTAINERS_SRC: a client of the engine ENGINE, without its reaper. PATTERN is
# pytest's.

: "${TESTCONTAINERS_SRC:=}"

testcontainers_build() {
	mkdir -p "$place"
	python3 -m venv "$place/testcontainers"
	"$place/testcontainers/bin/pip" install --quiet docker urllib3 wrapt typing-extensions python-dotenv requests httpx sqlalchemy paramiko anyio tomli \
		pytest pytest-asyncio pytest-mock pytest-timeout
	"$place/testcontainers/bin/pip" install --quiet --no-deps "$TESTCONTAINERS_SRC"
	"$here/engine" images
}

testcontainers_all() { # [PATTERN]
	local test=("$place/testcontainers/bin/python" -m pytest -p outcomes -p no:cacheprovider --override-ini=addopts= --timeout="${COMPAT_SECONDS:-60}" -q)
	export TESTCONTAINERS_RYUK_DISABLED=true DOCKER_BUILDKIT=0
	cp -r "$TESTCONTAINERS_SRC" checkout
	cd checkout || return
	export PYTHONPATH=$PWD/src:$here/python PYTHONDONTWRITEBYTECODE=1 OUTCOMES=$PWD/../outcomes
	"${test[@]}" ${1:+-k "$1"} tests/core || true
	sed 's/^/outcome\t/' "$OUTCOMES"
}

testcontainers_results() {
	awk -F '\t' '$1 == "outcome" && !seen[$3]++ { print $2 "\t" $3 "\t" $4 }'
}
