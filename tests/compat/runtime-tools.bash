# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The validation programs of runtime-tools, from the checkout RUNTIME_TOOLS_SRC. A program is run as one; each of its
# assertions is a test: PROGRAM/ASSERTION. What a program says twice is one test, and passes if it passes each time.

: "${RUNTIME_TOOLS_SRC:=}"

runtime-tools_build() {
	(cd "$RUNTIME_TOOLS_SRC" && make --quiet runtimetest validation-executables)
}

runtime-tools_list() {
	(cd "$RUNTIME_TOOLS_SRC/validation" && printf '%s\n' */*.t | sed 's,/.*,,')
}

# The programs read ./runtimetest and ./rootfs-ARCH.tar.gz.
runtime-tools_one() {
	cp "$RUNTIME_TOOLS_SRC"/{runtimetest,rootfs-*.tar.gz} .
	"$RUNTIME_TOOLS_SRC/validation/$1/$1.t" 2>&1
	echo "# exit status $?"
}

runtime-tools_parse() {
	awk -v program="$1" -v status="$2" '
		/^ *(not )?ok / {
			line = $0
			good = line !~ /^ *not /
			sub(/^ *(not )?ok +[0-9]* *(- )?/, "", line)
			skip = tolower(line) ~ /# *(skip|todo)/
			sub(/ *# *(skip|SKIP|todo|TODO).*/, "", line)
			gsub(/\t/, " ", line)
			gsub(/[0-9a-f]{8}-[0-9a-f-]{27}/, "ID", line)
			name = program "/" line
			if (!(name in result)) { order[++n] = name; result[name] = "ok" }
			if (!good) result[name] = "not ok"
			else if (skip && result[name] == "ok") result[name] = "skip"
		}
		/^# exit status / { code = $4 }
		/^1\.\./ { plan = 1 }
		END {
			for (i = 1; i <= n; i++) print result[order[i]] "\t" order[i] "\t"
			good = n && code == 0 && status == 0
			print (good ? "ok" : "not ok") "\t" program "/(ends)\t" (status == 124 ? "time over" : "exit status " code)
		}'
}
