# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For the tests of `berth oci`: a bundle of static busybox, names of containers that are this test's own, and their end.

new_oci() {
	new_place
	BUNDLE=$DIR/bundle
	NAME=$(basename "$DIR" | tr . -)
	export BUNDLE NAME
	mkdir -p "$BUNDLE"/rootfs/{bin,dev,proc,sys,tmp,etc}
	cp /bin/busybox "$BUNDLE/rootfs/bin/busybox"
	local applet
	for applet in sh cat echo env false id kill ls mount ps pwd sleep stty test tty true; do
		ln -s busybox "$BUNDLE/rootfs/bin/$applet"
	done
	"$BERTH" oci spec --bundle "$BUNDLE"
	change '.process.terminal = false | .process.args = ["sh", "-c", "exit 0"]'
}

# change JQ-EXPRESSION: edits the configuration.
change() {
	jq "$@" <"$BUNDLE/config.json" >"$BUNDLE/new.json"
	mv "$BUNDLE/new.json" "$BUNDLE/config.json"
}

# args WORD...: what the container runs.
args() {
	# shellcheck disable=SC2016 # a name of jq
	change --argjson words "$(python3 -c 'import json, sys; print(json.dumps(sys.argv[1:]))' "$@")" '.process.args = $words'
}

# With descriptors of the test runner closed. What hangs ends; a machine that is slow may take its time, with a container in the foreground, too.
oci() {
	timeout 600 "$BERTH" oci --root "$DIR/root" "$@" 3>&- 4>&-
}

# A container in the background has no descriptor of the test: its runner would wait for it.
background() {
	oci "$@" </dev/null >"$DIR/out" 2>&1
}

status_of() {
	oci state "$1" | jq -r .status
}

has_status() { # ID STATUS
	[ "$(status_of "$1")" = "$2" ]
}

# A command that runs until it is told to end, and can be told.
waits() {
	args sh -c 'trap "exit 0" TERM; while :; do sleep 0.05; done'
}

end_oci() {
	local id status=0
	for id in "$DIR"/root/*; do
		[ -d "$id" ] || continue
		oci delete --force "$(basename "$id")" || status=1
	done
	[ -z "$(ls -A "$DIR/root" 2>/dev/null)" ] || {
		echo "states stay: $(ls "$DIR/root")"
		status=1
	}
	if find /sys/fs/cgroup -type d -name "*$NAME*" 2>/dev/null | grep .; then
		echo "these cgroups stay"
		status=1
	fi
	end_place || status=1
	return "$status"
}
