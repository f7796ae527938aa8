# SPDX-License-Identifier: Apache-2.0
"""What the checks of C text share: the project's own files, and text without comments and literals."""
import os
import re
import subprocess

TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def root():
    return os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))


def own_files(top):
    """Files of the project, relative to top: what git knows or would add, else (an unpacked release) every file."""
    try:
        done = subprocess.run(['git', '-C', top, 'ls-files', '-co', '--exclude-standard'], capture_output=True, text=True,
                              check=True)
        names = done.stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):  # no git on this machine, or no checkout
        names = [os.path.relpath(os.path.join(d, f), top) for d, _, files in os.walk(top) for f in files
                 if '.git' not in os.path.relpath(d, top).split(os.sep)]
    return sorted(n for n in names if not n.startswith(('third_party/', 'build', 'tests/fuzz/corpus/'))
                  and os.path.isfile(os.path.join(top, n)))


def read(top, name):
    with open(os.path.join(top, name), encoding='utf-8', errors='replace') as f:
        return f.read()


def _blank(match):
    text = match[0]
    blanks = re.sub(r'[^\n]', ' ', text)
    return text[0] + blanks[1:-1] + text[-1] if text[0] in '"\'' else blanks


def code_only(text):
    """Comments and the inside of literals become blanks; line numbers stay."""
    return TOKEN.sub(_blank, text)
