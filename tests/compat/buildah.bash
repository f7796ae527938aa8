# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154,SC2034 # of tools/compat
#
# Buildah's conformance cases for Dockerfiles, from the checkout BUILDAH_SRC: Docker's classic builder (dockerd 20.10 or later) and `berth build` make an
# image each, and the two are compared (python/conformance.py). RUNTIME has no part in it. BUILD_PROGRAM is the berth that builds.

: "${BUILDAH_SRC:=}"
BUILD_PROGRAM=${BUILD_PROGRAM:-$top/build/src/berth}
export BUILD_PROGRAM

buildah_build() {
	ninja -C "$top/build" src/berth
}

buildah_list() {
	python3 "$here/python/conformance.py" list "$BUILDAH_SRC"
}

buildah_one() {
	mkdir "$BOX_WORK/case"
	BERTH=$BUILD_PROGRAM python3 "$here/python/conformance.py" run "$BUILDAH_SRC" "$1" "$BOX_WORK/case"
}

buildah_parse() {
	local status=$2
	tap_one "$1"
}
