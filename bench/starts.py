# SPDX-License-Identifier: Apache-2.0
"""Groups start and binary: one container from start to exit, and what the program itself costs."""
import os
import statistics

from measure import BERTH, BUILD, RUNS, Skip, TURN, in_turns, own_ms, run, spawn_ms
from oci import bundle
from place import Docker


def start_candidates(place, table):
    """name -> function that measures n runs; what cannot be measured is noted with its reason."""
    def docker():
        place.docker = place.docker or Docker(place)
        return lambda n: spawn_ms(n, 'docker', '-H', place.docker.host, 'run', '--rm', '--network', 'none', 'busybox', 'true')

    makers = {
        'limit': lambda: lambda n: own_ms(n, 'limit', place.rootfs),
        'in process': lambda: lambda n: own_ms(n, 'rt_start', place.rootfs),
        'pooled': lambda: lambda n: own_ms(n, 'rt_start', place.rootfs, '-p'),
        'berth run': lambda: lambda n: spawn_ms(n, BERTH, 'run', '--rm', '--network', 'none', 'busybox', 'true'),
        'crun': lambda: bundle(place, 'crun'),
        'runc': lambda: bundle(place, 'runc'),
        'docker': docker,
    }
    ready = {}
    for name, make in makers.items():
        try:
            measure = make()
            measure(1)
            ready[name] = measure
        except (Skip, OSError) as e:
            table.note(f'start, {name}: not measured: {e}')
    return ready


def bench_start(place, table):
    place.start_berth()
    value = in_turns(start_candidates(place, table))
    if place.docker:
        place.docker.stop()
        place.docker = None
    limit, berth = value.get('limit'), value.get('berth run')
    if limit:
        table.add('start: the physical limit', 'ms', limit, runs=RUNS)
    if 'in process' in value:
        table.against('start: in process', 'ms', value['in process'], 'limit', limit, 1.3)
    if 'pooled' in value:
        table.against('start: in process, pool of networks', 'ms', value['pooled'], 'limit', limit, 1.3)
    if berth:
        table.against('start: berth run', 'ms', berth, 'limit', limit, 3)
        table.against('start: berth run against docker', 'ms', berth, 'docker', value.get('docker'), 30, more_is_better=True)
    for name in ('crun', 'runc', 'docker'):
        if name in value:
            table.against('start: ' + name, 'ms', value[name], 'limit', limit)
    bench_pool_off(place, table, berth)


def bench_pool_off(place, table, pooled):
    """The same `berth run` by an engine that makes each network when it is needed."""
    place.stop_berth()
    place.start_berth('--netns-pool', '0')
    times = spawn_ms(RUNS, BERTH, 'run', '--rm', '--network', 'none', 'busybox', 'true')
    table.against('start: berth run, pool of networks off', 'ms', statistics.median(times), 'pool on', pooled)
    place.stop_berth()


def bench_binary(place, table):
    empty, version = [], []
    for _ in range(0, RUNS, TURN):
        empty += spawn_ms(TURN, os.path.join(BUILD, 'bench', 'empty'))
        version += spawn_ms(TURN, BERTH, 'version')
    table.add('binary: an empty C program', 'ms', statistics.median(empty), runs=len(empty))
    table.against('binary: berth version', 'ms', statistics.median(version), 'empty', statistics.median(empty), 3,
                  runs=len(version))
    stripped = os.path.join(place.dir, 'stripped')
    run('strip', '-o', stripped, BERTH)
    table.limit('binary: size, stripped', 'MB', os.path.getsize(stripped) / 1e6, 10)
