#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""oci_layout DIR: writes an OCI image layout with one small image of two layers (gzip), tag "latest". The same bytes every time."""
import gzip
import hashlib
import io
import json
import os
import random
import sys
import tarfile

out = sys.argv[1]
os.makedirs(out + '/blobs/sha256')


def blob(data, kind):
    name = hashlib.sha256(data).hexdigest()
    with open(f'{out}/blobs/sha256/{name}', 'wb') as f:
        f.write(data)
    return {'mediaType': 'application/vnd.oci.image.' + kind, 'digest': 'sha256:' + name, 'size': len(data)}


def layer(**files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode='w', format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return data.getvalue()


random.seed(2)
plain = [layer(one=random.randbytes(200000)), layer(two=b'two\n')]
config = {'architecture': 'amd64', 'os': 'linux', 'config': {'Cmd': ['/one']},
          'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + hashlib.sha256(p).hexdigest() for p in plain]}}
# Level 1: not what anybody packs with by default, so that it cannot be packed again by luck.
manifest = {'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json',
            'config': blob(json.dumps(config).encode(), 'config.v1+json'),
            'layers': [blob(gzip.compress(p, 1, mtime=0), 'layer.v1.tar+gzip') for p in plain]}
entry = {**blob(json.dumps(manifest).encode(), 'manifest.v1+json'), 'annotations': {'org.opencontainers.image.ref.name': 'latest'}}
for name, text in (('index.json', {'schemaVersion': 2, 'manifests': [entry]}), ('oci-layout', {'imageLayoutVersion': '1.0.0'})):
    with open(f'{out}/{name}', 'w', encoding='utf-8') as f:
        json.dump(text, f)
