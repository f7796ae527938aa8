# SPDX-License-Identifier: Apache-2.0
"""Group peaks: the peak of memory (see images.py) of every verb that moves an image, with images that are large in different ways. The target is 64
MB whatever the image."""
import hashlib
import io
import os
import random
import shutil
import subprocess
import tarfile

from images import Registry, fresh, layers_of_files, make_layout, need, peak_mb
from measure import BERTH, Skip, run

TARGET = 64
BIG_FILE = 500 << 20
SMALL_FILES = 100000
PART = 100 << 20
WINDOW_LOG = 25  # 32 MiB, the most that berth takes by default


class Hex(io.RawIOBase):
    """n bytes that pack to about the half."""

    def __init__(self, n, seed):
        super().__init__()
        self.left, self.random = n, random.Random(seed)

    def readable(self):
        return True

    def read(self, n=-1):
        n = self.left if n < 0 else min(n, self.left)
        self.left -= n
        return self.random.randbytes((n + 1) // 2).hex().encode()[:n]


def tar_of(place, entries):
    """A tar of (name, size, file); its path and diff id."""
    path, sha = os.path.join(place.dir, 'part.tar'), hashlib.sha256()
    with tarfile.open(path, 'w', format=tarfile.PAX_FORMAT) as tar:
        for name, size, source in entries:
            info = tarfile.TarInfo(name)
            info.size = size
            tar.addfile(info, source)
    with open(path, 'rb') as f:
        while data := f.read(1 << 20):
            sha.update(data)
    return path, sha.hexdigest()


def packed(path, packing):
    program = ['zstd', '-q', '-1', f'--long={WINDOW_LOG}', '-c', path] if packing == 'zstd' else ['gzip', '-1', '-n', '-c', path]
    data = subprocess.run(program, capture_output=True, check=True).stdout
    os.unlink(path)
    return data


def one_file(place):
    path, diff = tar_of(place, [('file', BIG_FILE, Hex(BIG_FILE, 1))])
    yield packed(path, 'gzip'), diff, 'gzip'


def small_files(place):
    path, diff = tar_of(place, ((f'tree/{i // 500}/{i}', 300, Hex(300, i % 100)) for i in range(SMALL_FILES)))
    yield packed(path, 'gzip'), diff, 'gzip'


def windows(place):
    need('zstd')
    for seed in range(3):
        path, diff = tar_of(place, [('file', PART, Hex(PART, seed))])
        yield packed(path, 'zstd'), diff, 'zstd'


IMAGES = {'3 layers of zstd, windows of 32 MiB': windows, '100,000 small files': small_files, 'one file of 500 MB': one_file,
          '500 MB in 5 layers': layers_of_files}


def verbs(place, image, built):
    """name -> argv, in an order in which each finds what it needs. What is pushed was built: nobody has its layer yet, so it is packed and sent."""
    data, other = fresh(os.path.join(place.dir, 'peaks')), fresh(os.path.join(place.dir, 'peaks-other'))
    archive = os.path.join(place.dir, 'peaks.tar')
    context = fresh(os.path.join(place.dir, 'peaks-context'))
    with open(os.path.join(context, 'Dockerfile'), 'w', encoding='utf-8') as f:
        f.write(f'FROM {image} AS from\nFROM scratch\nCOPY --from=from / /\n')
    return {
        'pull': ['pull', '--quiet', '--data', data, image],
        'save': ['save', '--data', data, '--output', archive, image],
        'load': ['load', '--quiet', '--data', other, '--input', archive],
        'build': ['build', '--data', data, '--progress', 'quiet', '--tag', built, context],
        'push': ['push', '--quiet', '--data', data, built],
    }


def measure(table, verb, what, argv):
    try:
        table.limit(f'{verb} of {what}, peak of memory', 'MB', peak_mb(lambda: (), [BERTH, *argv]), TARGET)
    except Skip as e:
        table.note(f'peaks, {verb} of {what}: not measured: {e}')


def bench_peaks(place, table):
    registry = Registry(place)
    try:
        for what, parts in IMAGES.items():
            try:
                layout = make_layout(place, parts)
                measure(table, 'load as it comes', what,
                        ['load', '--quiet', '--data', fresh(os.path.join(place.dir, 'peaks')), '--input', f'{layout}/'])
                image = registry.fill(layout, 'peaks')
            except Skip as e:
                table.note(f'peaks, {what}: not measured: {e}')
                continue
            for verb, argv in verbs(place, image, f'{registry.host}/bench/built:1').items():
                measure(table, verb, what, argv)
            for name in ('peaks', 'peaks-other', 'peaks-context'):
                shutil.rmtree(os.path.join(place.dir, name))
            run('rm', '-f', os.path.join(place.dir, 'peaks.tar'))
    finally:
        registry.stop()
