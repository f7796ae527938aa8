#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Writes an entry and reads it again; a wrong word changes nothing.
set -e
url=$1/cgi-bin/book
entry=test-$$-$(date +%s)
wget -q -O - "$url?$(cat /run/secrets/word)/$entry" | grep -qx "$entry"
if wget -q -O /dev/null "$url?wrong/never" 2>/dev/null || wget -q -O - "$url" | grep -q never; then
	echo "a wrong word was let in" >&2
	exit 1
fi
echo passed
