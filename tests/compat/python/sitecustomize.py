# SPDX-License-Identifier: Apache-2.0
"""What Python 3.12 has and crun's suite uses, for older ones: os.unshare, os.setns and the names of their flags."""
import ctypes
import os

if not hasattr(os, 'unshare'):
    _libc = ctypes.CDLL(None, use_errno=True)

    def _checked(result):
        if result != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    os.unshare = lambda flags: _checked(_libc.unshare(flags))
    os.setns = lambda fd, nstype=0: _checked(_libc.setns(fd if isinstance(fd, int) else fd.fileno(), nstype))
    os.CLONE_NEWNET = 0x40000000
