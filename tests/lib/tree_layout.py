#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tree_layout DIR BUSYBOX: writes an OCI image layout with an image of four layers, tag "latest", that has every kind of file there is, and names that
later layers change, replace and hide. Its shell is BUSYBOX."""
import hashlib
import io
import json
import os
import random
import sys
import tarfile

FILE, DIR, SYMBOLIC, HARD, FIFO = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE
TOOLS = ('cat', 'ls', 'rm', 'sh', 'sleep', 'stat', 'touch', 'true')
out, busybox = sys.argv[1:]
os.makedirs(out + '/blobs/sha256')


def blob(data, kind):
    name = hashlib.sha256(data).hexdigest()
    with open(f'{out}/blobs/sha256/{name}', 'wb') as f:
        f.write(data)
    return {'mediaType': 'application/vnd.oci.image.' + kind, 'digest': 'sha256:' + name, 'size': len(data)}


def layer(*entries):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode='w', format=tarfile.PAX_FORMAT) as tar:
        for kind, name, content, *more in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mtime = kind, 1600000000
            for key, value in (more[0] if more else {}).items():
                if key == 'xattrs':
                    entry.pax_headers = {'SCHILY.xattr.' + k: v for k, v in value.items()}
                else:
                    setattr(entry, key, value)
            if kind == FILE:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            else:
                entry.linkname = content or ''
                tar.addfile(entry)
    return data.getvalue()


noise = random.Random(1)
with open(busybox, 'rb') as program:
    shell = program.read()
plain = [
    layer((DIR, 'bin', None, {'mode': 0o755}), (FILE, 'bin/busybox', shell, {'mode': 0o755}),
          *((SYMBOLIC, 'bin/' + tool, 'busybox') for tool in TOOLS)),
    layer((DIR, 'a', None, {'mode': 0o755}), (FILE, 'a/one', b'one', {'mode': 0o4755, 'uid': 5, 'gid': 6}), (HARD, 'a/two', 'a/one'),
          (FILE, 'a/gone', b'x'), (DIR, 'sticky', None, {'mode': 0o1777}), (DIR, 'sticky/deep', None, {'mode': 0o755}),
          (FILE, 'sticky/deep/x', b'x' * 5000), (FILE, 'sticky/deep/y', b'y' * 4096), (FILE, 'big', noise.randbytes(3000000)),
          *((FILE, f'size-{n}', b'z' * n) for n in (0, 2048, 2049, 4095, 4097, 10240, 10241)),
          (SYMBOLIC, 'link', 'a/one'), (SYMBOLIC, 'long', 'x' * 4000), (FIFO, 'fifo', None, {'mode': 0o600}),
          (DIR, 'opaque', None, {'mode': 0o755}), (FILE, 'opaque/old', b'old'), (DIR, 'replaced', None, {'mode': 0o755}),
          (FILE, 'replaced/inner', b'1'), (FILE, 'with', b'x', {'xattrs': {'user.b': 'bar', 'user.a': 'b' * 300}}),
          (DIR, 'dir-with', None, {'xattrs': {'user.dir': 'd'}, 'mode': 0o755}), (FILE, '-before-the-dot', b'd'),
          (FILE, 'time', b't', {'mtime': 1234567890.987654321}), (FILE, 'before-1970', b't', {'mtime': -5}),
          (DIR, 'many', None, {'mode': 0o755}), *((FILE, f'many/{"n" * (i % 200)}{i}', b'm') for i in range(800))),
    layer((FILE, 'a/.wh.gone', b''), (FILE, 'a/three', b'three'), (FILE, 'opaque/.wh..wh..opq', b''), (FILE, 'opaque/new', b'new'),
          (FILE, '.wh.replaced', b''), (FILE, 'sticky/deep/x', b'new'), (FILE, 'many/.wh.0', b''),
          (FILE, 'h1', b'h'), (HARD, 'h2', 'h1'), (HARD, 'h3', 'h1')),
    layer((FILE, 'replaced', b'a file now'), (FILE, '.wh.h2', b''), (DIR, 'sticky', None, {'mode': 0o700, 'uid': 7})),
]
config = {'architecture': 'amd64', 'os': 'linux', 'config': {'Cmd': ['/bin/sh']},
          'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + hashlib.sha256(p).hexdigest() for p in plain]}}
manifest = {'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json',
            'config': blob(json.dumps(config).encode(), 'config.v1+json'), 'layers': [blob(p, 'layer.v1.tar') for p in plain]}
entry = {**blob(json.dumps(manifest).encode(), 'manifest.v1+json'), 'annotations': {'org.opencontainers.image.ref.name': 'latest'}}
for name, text in (('index.json', {'schemaVersion': 2, 'manifests': [entry]}), ('oci-layout', {'imageLayoutVersion': '1.0.0'})):
    with open(f'{out}/{name}', 'w', encoding='utf-8') as f:
        json.dump(text, f)
