#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""same_tree A B: compares two trees: names, types, modes, owners, times, sizes, devices, contents, extended attributes but for overlay's own, and which
names are the same file. Prints what differs and exits with 1."""
import hashlib
import os
import stat
import sys


def content(path, st):
    if stat.S_ISLNK(st.st_mode):
        return os.readlink(path)
    if not stat.S_ISREG(st.st_mode):
        return st.st_rdev if stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode) else None
    with open(path, 'rb') as f:
        return st.st_size, hashlib.sha256(f.read()).hexdigest()


def tree(top):
    found, same = {}, {}
    for folder, dirs, files in os.walk(top):
        for name in ['.', *dirs, *files] if folder == top else dirs + files:
            path = os.path.join(folder, name)
            st, key = os.lstat(path), os.path.relpath(path, top)
            attributes = {a: os.getxattr(path, a, follow_symlinks=False) for a in os.listxattr(path, follow_symlinks=False)
                          if '.overlay.' not in a}
            found[key] = stat.filemode(st.st_mode), st.st_uid, st.st_gid, st.st_mtime_ns, content(path, st), attributes
            same.setdefault(st.st_ino, []).append(key)
    for names in same.values():
        for key in names:
            found[key] += (sorted(names),)
    return found


one, two = tree(sys.argv[1]), tree(sys.argv[2])
different = [key for key in sorted({*one, *two}) if one.get(key) != two.get(key)]
for key in different:
    print(f'{key}: {one.get(key)} is not {two.get(key)}')
print(f'{len(one)} files')
sys.exit(1 if different else 0)
