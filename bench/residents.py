# SPDX-License-Identifier: Apache-2.0
"""Groups memory and tasks: what a daemon and its containers cost, and how many tasks it carries."""
import json
import os
import shutil
import statistics
import time

from measure import BERTH, RUNS, Skip, descendants, is_payload, memory_kb, private_kb, pss_mb, read, run
from place import Docker

COUNTS = (1, 10, 100)


def settled(measure):
    """The median of samples: pages that a start has just touched go on changing hands for a moment."""
    samples = []
    for _ in range(RUNS):
        samples.append(measure())
        time.sleep(0.02)
    return statistics.median(samples)


def grow(measure, start_one):
    """PSS idle and with each of COUNTS containers."""
    found, running = {0: settled(measure)}, 0
    for count in COUNTS:
        while running < count:
            start_one()
            running += 1
        found[count] = settled(measure)
    return found


def berth_pids():
    return descendants(json.loads(run(BERTH, 'info', '--json'))['pid'])


def monitor_private():
    """Private memory of a monitor: the parent of each container's first process."""
    pids = berth_pids()
    payloads = [p for p in pids if is_payload(p)]
    parents = set()
    for p in payloads:
        while p in pids and memory_kb(p, 'Pss') and in_container(p):
            p = int(read(f'/proc/{p}/stat').rsplit(')', 1)[1].split()[1])
        parents.add(p)
    return [private_kb(p) / 1024 for p in parents]


def in_container(pid):
    try:
        return os.stat(f'/proc/{pid}/ns/pid').st_ino != os.stat('/proc/self/ns/pid').st_ino
    except OSError:
        return False


def bench_memory(place, table):
    place.stop_berth()
    shutil.rmtree(os.path.join(place.dir, 'data'), ignore_errors=True)
    place.start_berth()
    # A daemon that has just unpacked an image is not an idle one: begin with a fresh process over the same data.
    run(BERTH, 'down')
    run(BERTH, 'up', '--data', os.path.join(place.dir, 'data'))
    mine = grow(lambda: pss_mb(berth_pids()), lambda: run(BERTH, 'run', '-d', '--network', 'none', 'busybox', 'sleep', '1000000'))
    monitors = monitor_private()
    place.stop_berth()
    theirs = {}
    if place.docker:
        place.docker.stop()
    try:
        place.docker = Docker(place)
        theirs = grow(lambda: pss_mb(place.docker.processes()),
                      lambda: place.docker.call('run', '-d', '--network', 'none', 'busybox', 'sleep', '1000000'))
    except Skip as e:
        table.note(f'memory, docker: not measured: {e}')
    finally:
        if place.docker:
            place.docker.stop()
            place.docker = None

    def row(name, value, other, limit):
        table.add(name, 'MB', value, 'docker' if other else None, value / other if other else None,
                  f'<= {limit:g} MB', value <= limit, RUNS)
    row('memory: idle', mine[0], theirs.get(0), 6)
    for count in COUNTS:
        row(f'memory: a container of {count}', (mine[count] - mine[0]) / count,
            (theirs[count] - theirs[0]) / count if theirs else None, 0.3)
    for count in COUNTS:
        table.against(f'memory: all with {count}', 'MB', mine[count], 'docker', theirs.get(count))
    for count, value in theirs.items():
        table.add(f'memory: docker with {count}', 'MB', value, runs=RUNS)
    if monitors:
        table.add('memory: private to a monitor', 'MB', statistics.median(monitors), runs=len(monitors))


JOB = '''name: many
services:
  t:
    image: busybox
    command: ["true"]
    x-berth: {replicate: 1000}
'''


def bench_tasks(place, table):
    place.stop_berth()
    place.start_berth()
    path = os.path.join(place.dir, 'many.yaml')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(JOB)
    rates = []
    for _ in range(max(1, RUNS // 10)):
        begin = time.monotonic()
        job = json.loads(run(BERTH, 'submit', path, '--json'))['id']
        run(BERTH, 'wait', job)
        rates.append(1000 / (time.monotonic() - begin))
    table.limit('tasks: through submit of 1,000', '1/s', statistics.median(rates), 100, len(rates), at_least=True)
