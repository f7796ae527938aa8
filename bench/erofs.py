# SPDX-License-Identifier: Apache-2.0
"""Group erofs: an image with a tree of 100,000 files, started from its layers (an overlay of directories) and from one EROFS file, in the same run and in
turns. Each walk and each reading is of a new container, so what its mount caches is cold; the blocks of the disk are cached ("warm"), or the
kernel was told to forget them before ("cold"). Times of walks are whole runs of a container: the start is a part of them."""
import os
import statistics
import time

from images import RUNS_LONG, fresh, make_layout, packed_copy, seconds
from measure import BERTH, run
from peaks import SMALL_FILES, small_files

WALK = 'du -s /tree >/dev/null'
READ = 'find /tree -type f | xargs cat >/dev/null'
IMAGES = ('layers', 'file')


def parts(place):
    yield packed_copy(place.tar)
    yield from small_files(place)


def forget():
    os.sync()
    with open('/proc/sys/vm/drop_caches', 'w', encoding='utf-8') as f:
        f.write('3')


def in_container(image, command, before=lambda: None):
    before()
    return seconds(BERTH, 'run', '--rm', '--network', 'none', image, 'sh', '-c', command)


def make_images(place, layout):
    """Two of the same layers in the store of the berth that runs; `file` is one file."""
    data, context = os.path.join(place.dir, 'data'), fresh(os.path.join(place.dir, 'erofs-context'))
    with open(os.path.join(context, 'Dockerfile'), 'w', encoding='utf-8') as f:
        f.write('FROM layers\nLABEL is=file\n')
    run(BERTH, 'load', '--quiet', '--data', data, '--input', f'{layout}/', '--name', 'layers')
    run(BERTH, 'build', '--data', data, '--progress', 'quiet', '--tag', 'file', context)
    run(BERTH, 'image', 'convert', '--quiet', '--data', data, '--erofs', 'file')


def medians(measure, runs=RUNS_LONG):
    times = {image: [] for image in IMAGES}
    for _ in range(runs):
        for image in IMAGES:
            times[image].append(measure(image))
    return {image: statistics.median(t) for image, t in times.items()}


def unpack_times(place, layout):
    """Seconds of unpacking into an empty store, and of making the file of it. Nothing is removed between the runs: ext4 is slow to give away inodes that
    became free within the last minutes."""
    unpack, convert = [], []
    for i in range(RUNS_LONG):
        data = fresh(os.path.join(place.dir, f'erofs-data-{i}'))
        unpack.append(seconds(BERTH, 'load', '--quiet', '--data', data, '--input', f'{layout}/', '--name', 'tree'))
        begin = time.monotonic()
        run(BERTH, 'image', 'convert', '--quiet', '--data', data, '--erofs', 'tree')
        convert.append(time.monotonic() - begin)
    return statistics.median(unpack), statistics.median(convert)


def bench_erofs(place, table):
    layout, what = make_layout(place, parts), f'tree of {SMALL_FILES:,} files'
    unpack, convert = unpack_times(place, layout)
    place.start_berth()
    make_images(place, layout)

    def against(name, unit, factor, times):
        table.against(f'{what}: {name}', unit, times['file'] * factor, 'layers', times['layers'] * factor, runs=RUNS_LONG)

    start = medians(lambda image: in_container(image, 'true'), 3 * RUNS_LONG)
    table.against(f'{what}: unpack and make the file', 's', unpack + convert, 'unpack alone', unpack, runs=RUNS_LONG)
    table.against(f'{what}: start from the file that is there', 's', start['file'], 'unpack and start', unpack + start['layers'],
                  runs=RUNS_LONG)
    against('start', 'ms', 1000, start)
    against('walk with stat, warm', 's', 1, medians(lambda image: in_container(image, WALK)))
    against('read all, warm', 's', 1, medians(lambda image: in_container(image, READ)))
    against('walk with stat, cold', 's', 1, medians(lambda image: in_container(image, WALK, forget)))
    against('read all, cold', 's', 1, medians(lambda image: in_container(image, READ, forget)))
    place.stop_berth()
