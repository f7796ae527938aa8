# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# The same suites in the virtual machine of tools/vm, where version 2 of cgroups has all its controllers: CGROUPS=vm.
# One more disk brings the suites and the runtime; a tar of the results comes back on standard output.

vm_crun() { # DISK
	mkdir -p "$1/crun" "$1/place/crun"
	cp -r "$CRUN_SRC/tests" "$1/crun/"
	cp "$place/crun/init" "$1/place/crun/"
}

vm_runc() { # DISK
	mkdir -p "$1/runc/tests" "$1/bin"
	cp -r "$RUNC_SRC/tests/integration" "$RUNC_SRC/tests/cmd" "$1/runc/tests/"
	# The suite asks Go for the architecture and nothing else.
	printf '#!/bin/sh\nexec echo %s\n' "$(go env GOARCH)" >"$1/bin/go"
	chmod 755 "$1/bin/go"
}

vm_runtime-tools() { # DISK
	mkdir -p "$1/runtime-tools/validation"
	cp "$RUNTIME_TOOLS_SRC"/{runtimetest,rootfs-*.tar.gz} "$1/runtime-tools/"
	(cd "$RUNTIME_TOOLS_SRC/validation" && cp --parents ./*/*.t "$1/runtime-tools/validation/")
}

# Outside: the disk, the machine, the results.
vm_run() { # SUITE FOLDER [PATTERN]
	local suite=$1 out=$2 disk
	disk=$(mktemp -d "$place/disk.XXXXXX")
	mkdir -p "$disk/place" "$disk/runtime"
	cp -L "$RUNTIME" "$disk/runtime/"
	"vm_$suite" "$disk"
	mke2fs -q -t ext4 -O ^has_journal -E root_owner=0:0 -m 0 -d "$disk" "$disk.img" "$(($(du -sm "$disk" | cut -f1) * 5 / 4 + 64))M" >/dev/null
	rm -rf "$disk"
	VM_DISK=$disk.img "$top/tools/vm" run env COMPAT_JOBS="${COMPAT_JOBS:-2}" COMPAT_SECONDS="${COMPAT_SECONDS:-180}" \
		LABEL="${LABEL:-}" RUNTIME="/mnt/runtime/$(basename "$RUNTIME")" "$top/tools/compat" in-vm "$suite" "${3:-}" >"$disk.tar" || true
	tar -C "$out" -xf "$disk.tar"
	rm -f "$disk.img" "$disk.tar"
}

# Inside: mounts the disk and runs the suite there, with its progress to standard error.
vm_inside() { # SUITE PATTERN
	mount /dev/vdc /mnt
	export CGROUPS=v2 COMPAT_PLACE=/mnt/place CRUN_SRC=/mnt/crun RUNC_SRC=/mnt/runc RUNTIME_TOOLS_SRC=/mnt/runtime-tools
	export PATH=$PATH:/mnt/bin
	"$top/tools/compat" run "$1" "$2" >&2
	tar -C /mnt/place/results/"$1".v2.* -cf - .
}
