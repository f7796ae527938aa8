# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# runc's suite, from the checkout RUNC_SRC: bats files, some small Go programs and two root filesystems.
# A test is FILE/NAME, for example exec/runc exec.

: "${RUNC_SRC:=}"

# The two root filesystems lie in the checkout under the names that get-images.sh looks for before it downloads any.
# They are plain tars whatever the names say: tar looks at the content.
runc_images() {
	local data=$RUNC_SRC/tests/integration/testdata arch
	arch=$(go env GOARCH)
	[ -s "$data/busybox-$arch.tar.xz" ] || {
		"$top/tools/mkimage-busybox" >"$place/busybox.tar"
		mv "$place/busybox.tar" "$data/busybox-$arch.tar.xz"
	}
	[ -s "$data/debian-$arch.tar.xz" ] || {
		# shellcheck disable=SC2016
		mmdebstrap --quiet --mode=root --variant=minbase --dpkgopt=path-exclude=/usr/share/{doc,locale,man}/\* \
			--customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' bookworm "$place/debian.tar"
		mv "$place/debian.tar" "$data/debian-$arch.tar.xz"
	}
}

runc_build() {
	mkdir -p "$place" "$RUNC_SRC/tests/cmd/_bin"
	(cd "$RUNC_SRC" && GOFLAGS=-mod=vendor go build -trimpath -tags seccomp -o tests/cmd/_bin ./tests/cmd/...)
	runc_images
}

runc_list() {
	(cd "$RUNC_SRC/tests/integration" && awk '/^@test / {
		name = $0
		sub(/^@test +["\047]/, "", name)
		sub(/["\047] *\{ *$/, "", name)
		print substr(FILENAME, 1, length(FILENAME) - length(".bats")) "/" name
	}' ./*.bats | sed 's,^\./,,')
}

# Most of its containers want a terminal: script gives each test one. At the end of its own input it would type one there.
runc_one() {
	local name=${1#*/}
	# The filter is an extended regular expression over the names.
	name=$(sed 's/\\\([`"$\\]\)/\1/g; s/[][\\.*^$+?(){}|]/\\&/g' <<<"$name")
	export RUNC=$RUNTIME
	mkfifo input
	script -qefc "exec $(printf '%q ' bats --tap --filter "^$name\$" "$RUNC_SRC/tests/integration/${1%%/*}.bats")" /dev/null <>input | tr -d '\r'
}

runc_parse() {
	tap_one "$1"
}
