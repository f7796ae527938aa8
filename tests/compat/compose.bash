# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # of tools/compat
#
# The end-to-end tests of docker compose 2.32, from the checkout COMPOSE_SRC: clients of the engine ENGINE, with the classic builder. A subtest is a test.
# Left out: what needs BuildKit, a registry outside, or minutes (a watch).

: "${COMPOSE_SRC:=}"
compose_skips='Watch|LocalComposeBuild|BuildImageDependencies/BuildKit|RebuildOnDotEnv|ComposePull|Metrics|Platform|SSH|Secret_From|Buildx|Log_driver|DetachDownOnCtrl'

compose_build() {
	(cd "$COMPOSE_SRC" && go build -trimpath -o "$place/docker-compose" ./cmd && go test -c -o "$place/compose.test" ./pkg/e2e)
	"$here/engine" images
}

compose_all() {
	local image
	mkdir -p checkout/pkg "$HOME/.docker"
	cp -r "$COMPOSE_SRC/pkg/e2e" checkout/pkg/
	echo '{}' >"$HOME/.docker/config.json"
	for image in nginx:alpine nginx alpine busybox; do
		docker pull -q "$image"
	done
	for image in bash alpine:3.13 alpine:3.14 alpine:3.15; do
		docker tag alpine "$image"
	done
	docker tag busybox busybox:1.35.0
	# The tests clear the environment of the docker that they find.
	mkdir bin
	printf '#!/bin/sh\nDOCKER_BUILDKIT=0 exec %s "$@"\n' "$(command -v docker)" >bin/docker
	chmod 755 bin/docker
	PATH=$PWD/bin:$PATH
	cd checkout/pkg/e2e || return
	COMPOSE_E2E_BIN_PATH=$place/docker-compose "$place/compose.test" -test.v -test.parallel 2 -test.timeout 1h -test.skip "$compose_skips"
}

compose_results() {
	awk '$1 == "---" && $2 ~ /^(PASS|FAIL|SKIP):$/ && !seen[$3]++ {
		print ($2 == "PASS:" ? "ok" : $2 == "FAIL:" ? "not ok" : "skip") "\t" $3 "\t"
	}'
}
