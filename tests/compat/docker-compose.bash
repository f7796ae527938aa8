# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # of tools/compat
#
# The acceptance tests of docker-compose 1.29.2, from the checkout DOCKER_COMPOSE_SRC, with Debian's docker-compose: clients of the engine ENGINE.

: "${DOCKER_COMPOSE_SRC:=}"

docker-compose_build() {
	"$here/engine" images
}

docker-compose_all() {
	cp -r "$DOCKER_COMPOSE_SRC" checkout
	cd checkout || return
	local image
	for image in busybox:1.31.0-uclibc busybox:latest busybox:1.27.2 alpine:3.10.1; do
		docker pull -q "$image"
	done
	DOCKER_BUILDKIT=0 /usr/bin/python3 -m pytest -v -p no:cacheprovider --timeout=120 --tb=short tests/acceptance
}

docker-compose_results() {
	awk '$2 ~ /^(PASSED|FAILED|ERROR|SKIPPED|XFAIL)$/ && sub(/^.*::/, "", $1) && !seen[$1]++ {
		print ($2 == "PASSED" ? "ok" : $2 == "FAILED" || $2 == "ERROR" ? "not ok" : "skip") "\t" $1 "\t"
	}'
}
