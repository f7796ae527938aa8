# SPDX-License-Identifier: Apache-2.0
"""Group placements: the scheduler with its log, on one processor."""
import json
import os
import tempfile

from measure import BUILD, run

TASKS = 200000


def placements(*words):
    return json.loads(run(os.path.join(BUILD, 'bench', 'placements'), *(str(w) for w in words)))


def rate(kind, folder, nodes, tasks=TASKS):
    with tempfile.TemporaryDirectory(dir=folder) as where:
        found = placements('run', kind, where, nodes, tasks)
        return found['starts'] / found['seconds']


def bench_placements(place, table):
    for kind in ('memory', 'sqlite'):
        name = f'placements, 5,000 nodes, log in {kind}'
        table.limit(name, '1/s', rate(kind, place.dir, 5000), 10000, at_least=True)
    few, many = rate('memory', place.dir, 5000), rate('memory', place.dir, 50000)
    table.add('placements, 50,000 nodes, log in memory', '1/s', many, '5,000 nodes', many / few, '> 0.1 x', many > few / 10)
    table.limit('memory of 1,000,000 queued tasks, one job', 'MB', placements('queue', 1, 1000000)['bytes'] / 1e6, 1000)
    table.limit('memory of 1,000,000 queued jobs', 'MB', placements('queue', 1000000, 1)['bytes'] / 1e6, 1000)
    table.limit('submit of 100,000 copies', 's', placements('queue', 1, 100000)['seconds'], 1)
    with tempfile.TemporaryDirectory(dir=place.dir) as where:
        placements('run', 'sqlite', where, 5000, 500000)
        table.limit('restart from 1,000,000 events', 's', placements('replay', where, 500000)['seconds'], 5)
