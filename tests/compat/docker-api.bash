# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # of tools/compat
#
# The spec of docker-api, the Ruby gem, from the checkout DOCKER_API_SRC, with Debian's Ruby: a client of the engine ENGINE. PATTERN is a part of names.

: "${DOCKER_API_SRC:=}"

docker-api_build() {
	ruby -e 'require "excon"; require "multi_json"; require "rspec/its"; require "webmock"'
	"$here/engine" images
}

docker-api_all() { # [PATTERN]
	local image
	cp -r "$DOCKER_API_SRC" checkout
	cd checkout || return
	rm spec/cov_spec.rb
	for image in debian:stable busybox:uclibc busybox:latest tianon/true swipely/base; do
		docker pull -q "$image"
	done
	rspec -I "$here/ruby" -r unix_uri --seed 1 -f documentation -f json -o ../spec.json ${1:+-e "$1"} spec || true
	jq -r '.examples[] | [{passed: "ok", pending: "skip"}[.status] // "not ok", .file_path[2:] + ": " + .full_description,
		((.exception.message // .pending_message // "") | gsub("[\\s]+"; " ") | .[:200])] | "example\t" + join("\t")' ../spec.json
}

docker-api_results() {
	awk -F '\t' '$1 == "example" && !seen[$3]++ { print $2 "\t" $3 "\t" $4 }'
}
