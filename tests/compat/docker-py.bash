# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # variables of tools/compat
#
# The integration tests of docker-py, from the checkout DOCKER_PY_SRC, judge an engine. All of them run beside one engine in one box (docker-py.engine).
# CGROUPS=v1 is what both engines are shown.

: "${DOCKER_PY_SRC:=}"

docker-py_build() {
	mkdir -p "$place"
	python3 -m venv "$place/docker-py"
	"$place/docker-py/bin/pip" install --quiet pytest pytest-timeout requests urllib3 paramiko websocket-client
}

# What failed has a second try, whose line is the later one.
docker-py_run() { # [PATTERN]
	local out engine=dockerd
	out=$(folder docker-py)
	rm -rf "$out"
	mkdir -p "$out"
	[ "$ENGINE" = docker ] || engine=$top/build/src/berth
	OUTCOMES=$out/lines ENGINE_LOG=$out/engine.log BOX_SECONDS=3600 \
		"$here/box" "$cgroups" "$here/docker-py.engine" "$engine" "$top/tools/compat" inside-docker-py docker-py "${1:-}" >"$out/log" 2>&1 || true
	awk -F '\t' '{ line[$2] = $0 } END { for (name in line) print line[name] }' "$out/lines" | LC_ALL=C sort -t $'\t' -k 2 >"$out/results"
	echo "compat: $out: $(cut -f1 "$out/results" | sort | uniq -c | tr '\n' ' ')" >&2
}

# Inside of the box. PATTERN is pytest's: "exec and not swarm".
docker-py_inside() { # PATTERN
	local test=("$place/docker-py/bin/python" -m pytest -p outcomes -p no:cacheprovider --timeout="${COMPAT_SECONDS:-60}" -q)
	cp -r "$DOCKER_PY_SRC" "$BOX_WORK/docker-py"
	cd "$BOX_WORK/docker-py"
	export PYTHONPATH=$BOX_WORK/docker-py:$here/python PYTHONDONTWRITEBYTECODE=1
	"${test[@]}" ${1:+-k "$1"} tests/integration || true
	mapfile -t failed < <(awk -F '\t' '$1 == "not ok" { print "tests/integration/" $2 }' "$OUTCOMES")
	[ "${#failed[@]}" -eq 0 ] || "${test[@]}" "${failed[@]}" || true
}
