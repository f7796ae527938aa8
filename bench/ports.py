# SPDX-License-Identifier: Apache-2.0
"""Group ports: what a published port lets through, and how many connections a second, beside docker's and beside a server on the host's network.

The client is on the machine itself: on 127.0.0.1, which docker serves by a process for each port, and on another address of the machine.
"""
import os
import shutil
import statistics

from api import Engine, add, each
from measure import RUNS, Skip, run
from place import Docker

BIG_MB = 1024
CONNECTIONS = 1000
TURNS = min(RUNS, 5)
ADDRESSES = ('127.0.0.1', '10.99.0.1')
PORTS = {'berth': 8081, 'docker': 8082, 'host': 8083}


def serve(engine, name, folder, *options, port=80):
    engine.call('run', '-d', '--name', name, '-v', f'{folder}:/srv:ro', *options, 'busybox', 'httpd', '-f', '-p', str(port), '-h', '/srv')


def fetch(url, *options):
    return run('curl', '-sS', '--fail', '--retry', '20', '--retry-connrefused', '--retry-delay', '1', '-o', '/dev/null', *options, url)


def speed(base):
    return float(fetch(f'{base}/big', '-w', '%{speed_download}')) / 1e6


def rate(base):
    """Each answer ends its connection."""
    took = fetch(f'{base}/small?x=[1-{CONNECTIONS}]', '-w', '%{time_total}\n')
    return CONNECTIONS / sum(float(line) for line in took.split())


def by_turns(bases, measure):
    found = {name: [] for name in bases}
    for _ in range(TURNS):
        for name, base in bases.items():
            found[name].append(measure(base))
    return {name: statistics.median(values) for name, values in found.items()}


def rows(table, address, ports):
    bases = {name: f'http://{address}:{port}' for name, port in ports.items()}
    for base in bases.values():
        fetch(f'{base}/small')
    for what, unit, measure in (('one stream', 'MB/s', speed), ('connections', '1/s', rate)):
        found = by_turns(bases, measure)
        host = found.pop('host')
        add(table, f'port on {address}, {what}', unit, found, more_is_better=True, runs=TURNS)
        table.against(f'api: port on {address}, {what}: against host network', unit, found['berth'], 'host', host, more_is_better=True, runs=TURNS)


def bench_ports(place, table):
    if not shutil.which('docker') or not shutil.which('curl'):
        raise Skip('the docker command or curl is not installed')
    run('ip', 'addr', 'add', f'{ADDRESSES[1]}/24', 'dev', 'lo')
    folder = os.path.join(place.dir, 'srv')
    os.mkdir(folder)
    with open(os.path.join(folder, 'big'), 'wb') as f:
        f.truncate(BIG_MB << 20)
    with open(os.path.join(folder, 'small'), 'wb') as f:
        f.write(b'ok\n')
    place.start_berth()
    engines = {'berth': Engine(f'unix://{place.socket}')}
    try:
        place.docker = Docker(place, network=True)
        engines['docker'] = Engine(place.docker.host)
    except Skip as e:
        table.note(f'ports, docker: not measured: {e}')
    try:
        serve(engines['berth'], 'host', folder, '--network', 'host', port=PORTS['host'])
        ready = each(engines, table, 'publish', lambda e: serve(e, 'web', folder, '-p', f'{PORTS[name_of(engines, e)]}:80') or True)
        ports = {name: PORTS[name] for name in (*ready, 'host')}
        for address in ADDRESSES:
            rows(table, address, ports)
    finally:
        for engine in engines.values():
            engine.remove_all()
        if place.docker:
            place.docker.stop()
            place.docker = None


def name_of(engines, engine):
    return next(name for name, e in engines.items() if e is engine)
