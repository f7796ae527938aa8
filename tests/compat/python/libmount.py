# SPDX-License-Identifier: Apache-2.0
"""What crun's suite uses of Python's binding of libmount, which Debian does not have."""


class _Mount:
    def __init__(self, line):
        fields = line.split()
        end = fields.index('-')
        self.target = fields[4].replace('\\040', ' ')
        self.vfs_options = fields[5]
        self.fs_options = fields[end + 3]


class Table:
    """The mounts of a file in the format of /proc/self/mountinfo."""

    def __init__(self, path):
        with open(path) as lines:
            self._mounts = [_Mount(line) for line in lines if ' - ' in line]

    def find_target(self, target):
        """The uppermost mount there, or None."""
        found = [mount for mount in self._mounts if mount.target == target]
        return found[-1] if found else None
