# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Other people's programs beside berth: skopeo, podman and docker, everything of theirs below $DIR. peers_end ends them.

need() { # PROGRAM...
	local program
	for program in "$@"; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
}

# Options of all calls of podman.
PODMAN=()

pod() {
	timeout 200 podman --cgroup-manager=cgroupfs --root "$DIR/podman" --runroot "$DIR/podman-run" --tmpdir "$DIR/podman-tmp" \
		--storage-driver vfs --events-backend file "${PODMAN[@]}" "$@" 3>&- 4>&-
}

copy() {
	timeout 200 skopeo --tmpdir "$DIR" copy --quiet "$@" 3>&- 4>&-
}

dock() {
	timeout 200 docker --config "$DIR/docker-config" -H "unix://$DIR/docker.sock" "$@" 3>&- 4>&-
}

# A dockerd of the test's own, without a network; dock info succeeds when it is ready. Settings may be in DIR/daemon.json.
dockerd_start() { # [OPTION...]
	[ -f "$DIR/daemon.json" ] || echo '{}' >"$DIR/daemon.json"
	dockerd --config-file "$DIR/daemon.json" --data-root "$DIR/docker" --exec-root "$DIR/docker-run" --pidfile "$DIR/dockerd.pid" \
		--host "unix://$DIR/docker.sock" --iptables=false --ip6tables=false --bridge=none --storage-driver=vfs "$@" \
		>"$DIR/dockerd.log" 2>&1 </dev/null 3>&- 4>&- &
}

stop() { # PID
	kill "$1" 2>/dev/null || return 0
	eventually gone "$1"
}

peers_end() {
	local pid
	if [ -d "$DIR/podman" ]; then
		pod rmi --all --force >/dev/null 2>&1 || true
		umount "$DIR/podman/vfs" "$DIR/podman-run" "$DIR/podman" 2>/dev/null || true
	fi
	for pid in dockerd containerd; do
		[ -s "$DIR/$pid.pid" ] && stop "$(cat "$DIR/$pid.pid")"
	done
	return 0
}
