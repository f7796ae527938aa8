# SPDX-License-Identifier: Apache-2.0
"""Group placements: the scheduler with its log, on one processor."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time

from measure import BUILD, Skip, run

TASKS = 200000


def placements(*words):
    return json.loads(run(os.path.join(BUILD, 'bench', 'placements'), *(str(w) for w in words)))


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Etcd:
    """One member on the loopback, with its syncs."""

    def __init__(self, folder):
        if not shutil.which('etcd'):
            raise Skip('etcd is not installed (Debian package etcd-server)')
        self.address = f'127.0.0.1:{free_port()}'
        client, peer = f'http://{self.address}', f'http://127.0.0.1:{free_port()}'
        self.dir = tempfile.mkdtemp(prefix='etcd-', dir=folder)
        self.process = subprocess.Popen(
            ['etcd', '--data-dir', self.dir, '--log-level', 'error', '--listen-client-urls', client, '--advertise-client-urls', client,
             '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', f'default={peer}'],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while subprocess.run(['curl', '-sf', client + '/health'], stdout=subprocess.DEVNULL, check=False).returncode:
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.close()
                raise Skip('etcd does not answer')
            time.sleep(0.1)

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def bench_etcd(place, table):
    try:
        etcd = Etcd(place.dir)
    except Skip as e:
        table.note(f'placements, etcd: not measured: {e}')
        return
    try:
        found = rate(f'etcd://{etcd.address}/bench', place.dir, 5000)
        table.limit('placements, 5,000 nodes, log in etcd', '1/s', found, 10000, at_least=True)
    finally:
        etcd.close()


def rate(kind, folder, nodes, tasks=TASKS):
    with tempfile.TemporaryDirectory(dir=folder) as where:
        found = placements('run', kind, where, nodes, tasks)
        return found['starts'] / found['seconds']


def wished(folder, wish):
    """Of the processor alone, with room everywhere, so that there is much to choose from."""
    with tempfile.TemporaryDirectory(dir=folder) as where:
        found = placements('run', 'memory', where, 5000, 40000, 8, wish)
        return found['starts'] / found['cpu_seconds']


def bench_wishes(place, table):
    plain = wished(place.dir, 'plain')
    for wish, what in (('spread', 'spread over 10 zones'), ('hosts', 'spread over 5,000 values'), ('near', 'preferred near'), ('apart', 'preferred apart')):
        found = wished(place.dir, wish)
        table.add(f'placements, {what}, 5,000 nodes', '1/s', found, 'without', plain / found, '<= 3 x', plain / found <= 3)


def bench_placements(place, table):
    for kind in ('memory', 'sqlite'):
        name = f'placements, 5,000 nodes, log in {kind}'
        table.limit(name, '1/s', rate(kind, place.dir, 5000), 10000, at_least=True)
    bench_etcd(place, table)
    bench_wishes(place, table)
    few, many = rate('memory', place.dir, 5000), rate('memory', place.dir, 50000)
    table.add('placements, 50,000 nodes, log in memory', '1/s', many, '5,000 nodes', many / few, '> 0.1 x', many > few / 10)
    table.limit('memory of 1,000,000 queued tasks, one job', 'MB', placements('queue', 1, 1000000)['bytes'] / 1e6, 1000)
    table.limit('memory of 1,000,000 queued jobs', 'MB', placements('queue', 1000000, 1)['bytes'] / 1e6, 1000)
    table.limit('submit of 100,000 copies', 's', placements('queue', 1, 100000)['seconds'], 1)
    with tempfile.TemporaryDirectory(dir=place.dir) as where:
        placements('run', 'sqlite', where, 5000, 500000)
        table.limit('restart from 1,000,000 events', 's', placements('replay', where, 500000)['seconds'], 5)
