#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""type_password COMMAND...: runs it on a terminal, answers "Username:" and "Password:", prints what the terminal showed and ends with its status."""
import os
import pty
import sys

answers = [(b'Username: ', b'user\n'), (b'Password: ', b'very-secret\n')]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
shown = b''
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    shown += data
    if answers and shown.endswith(answers[0][0]):
        os.write(fd, answers.pop(0)[1])
print(shown.decode(), end='')
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
