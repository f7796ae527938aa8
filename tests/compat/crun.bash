# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# crun's suite, from the checkout CRUN_SRC: Python programs, each with a table of tests, and a static program as PID 1.
# A test is FILE/NAME, for example mounts/mount-ro.

: "${CRUN_SRC:=}"

crun_build() {
	mkdir -p "$place/crun"
	# What configure would find here; the program is the only thing of crun that its suite needs.
	printf '#define HAVE_%s 1\n' SECCOMP SECCOMP_H SECCOMP_GET_NOTIF_SIZES LINUX_IOPRIO_H ERROR_H >"$place/crun/config.h"
	gcc -O2 -w -static -I"$place/crun" -o "$place/crun/init" "$CRUN_SRC/tests/init.c" -lseccomp
}

crun_list() {
	PYTHONPATH=$here/python python3 - "$CRUN_SRC"/tests/test_*.py <<'LIST'
import os
import runpy
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(sys.argv[1]))
import tests_utils

# Each program ends with tests_main(its table).
for path in sys.argv[1:]:
    prefix = os.path.basename(path)[len('test_'):-len('.py')] + '/'
    tests_utils.tests_main = lambda table: print('\n'.join(prefix + name for name in table))
    try:
        runpy.run_path(path, run_name='__main__')
    except SystemExit:
        pass
LIST
}

# Inside the box: one test, its TAP to stdout.
crun_one() {
	export OCI_RUNTIME=$RUNTIME PYTHONPATH=$here/python INIT=$place/crun/init PYTHONDONTWRITEBYTECODE=1 LANG=C
	RUN_TESTS=${1#*/} exec python3 "$CRUN_SRC/tests/test_${1%%/*}.py" 2>&1
}

crun_parse() {
	tap_one "$1"
}
