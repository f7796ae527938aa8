# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # of tools/compat
#
# dockerode's tests, from the checkout DOCKERODE_SRC (with its node_modules): node as client of the engine ENGINE.

: "${DOCKERODE_SRC:=}"

dockerode_build() {
	(cd "$DOCKERODE_SRC" && npm install --no-audit --no-fund)
	"$here/engine" images
}

dockerode_all() {
	local image
	cp -r "$DOCKERODE_SRC" checkout
	cd checkout || return
	for image in ubuntu busybox; do
		docker pull -q "$image"
	done
	./node_modules/mocha/bin/mocha.js -R tap --exit
}

dockerode_results() {
	awk '/^(not )?ok [0-9]+ / {
		result = /^not / ? "not ok" : / # (SKIP|TODO)/ ? "skip" : "ok"
		sub(/^(not )?ok [0-9]+ /, "")
		sub(/ # .*/, "")
		if (!seen[$0]++) print result "\t" $0 "\t"
	}'
}
