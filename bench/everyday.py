# SPDX-License-Identifier: Apache-2.0
"""Group docker: what people do with the docker command all day beside starting containers, at berth's socket and at that of Debian's dockerd: files, images,
logs, lists, projects. Each command runs at both in turns; a row is the least time of EVERYDAY_RUNS (3) runs, for these are long and the machine is seldom quiet."""
import json
import os
import shutil
import subprocess
import time

from api import Engine, each
from measure import BERTH, Skip, run
from place import Docker

RUNS_LONG = int(os.environ.get('EVERYDAY_RUNS', '3'))
SIZE_MB = int(os.environ.get('SIZE_MB', '1024'))
FILES = int(os.environ.get('FILES', '50000'))
LISTED = int(os.environ.get('LISTED', '1000'))
ALIVE = int(os.environ.get('ALIVE', '100'))
SERVICES = int(os.environ.get('SERVICES', '50'))
FILES_IN_DIRECTORY = 100
LINE = '0123456789abcdef' * 4


def make_files(place):
    """A large file and a tree of small ones; their folder."""
    top = os.path.join(place.dir, 'everyday')
    os.makedirs(top)
    with open(os.path.join(top, 'big'), 'wb') as f:
        for _ in range(SIZE_MB):
            f.write(os.urandom(1 << 20))
    for i in range(FILES):
        folder = os.path.join(top, 'many', str(i // FILES_IN_DIRECTORY))
        if i % FILES_IN_DIRECTORY == 0:
            os.makedirs(folder)
        with open(os.path.join(folder, str(i)), 'w', encoding='utf-8') as f:
            f.write('x' * 300)
    return top


def timed(argv, after=None):
    """Seconds of the command; what it writes is thrown away."""
    began = time.monotonic()
    done = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    took = time.monotonic() - began
    if done.returncode:
        raise Skip(f'{" ".join(argv[3:6])}: {done.stderr.decode(errors="replace").strip()[-300:]}')
    if after:
        run(*after)
    return took


def compare(engines, table, what, words, after=None):
    """One command at all, in turns. words and after: engine -> the words behind docker -H HOST; after undoes it, outside of the time."""
    best = {}
    for _ in range(RUNS_LONG):
        found = each(engines, table, what,
                     lambda e: timed(e.argv(*words(e)), e.argv(*after(e)) if after else None))
        for name, took in found.items():
            best[name] = min(took, best.get(name, took))
    add(table, what, best, RUNS_LONG)


def add(table, what, best, runs):
    if 'berth' in best:
        table.against(f'docker: {what}', 's', best['berth'], 'docker', best.get('docker'), 1.0, runs=runs)
    if 'docker' in best:
        table.add(f'docker: {what}: docker', 's', best['docker'], runs=runs)


def bench_files(engines, table, top):
    for e in engines.values():
        e.call('run', '-d', '--name', 'files', '--network', 'none', '--stop-signal', 'KILL', 'busybox', 'sleep', '1000000')
    for name, what in (('big', f'{SIZE_MB} MB'), ('many', f'{FILES:,} files')):
        compare(engines, table, f'cp of {what} into a container', lambda _, n=name: ('cp', f'{top}/{n}', f'files:/{n}'))
        compare(engines, table, f'cp of {what} out of it', lambda _, n=name: ('cp', f'files:/{n}', '-'))
    compare(engines, table, 'diff of that', lambda _: ('diff', 'files'))
    compare(engines, table, 'export of all', lambda _: ('export', 'files'))
    compare(engines, table, 'exec of true', lambda _: ('exec', 'files', 'true'))


def bench_images(engines, table, top):
    """After bench_files: the image is the container that it has filled. Docker has the image that is loaded no more when it is loaded: both unpack."""
    tar = os.path.join(top, 'image.tar')
    compare(engines, table, 'commit of all', lambda _: ('commit', 'files', 'filled'), lambda _: ('rmi', '-f', 'filled'))
    for e in engines.values():
        e.call('commit', 'files', 'filled')
        e.call('rm', '-f', 'files')
    compare(engines, table, 'save of it', lambda _: ('save', 'filled'))
    next(iter(engines.values())).call('save', '-o', tar, 'filled')
    for e in engines.values():
        e.call('rmi', '-f', 'filled')
    compare(engines, table, 'load of it', lambda _: ('load', '-i', tar), lambda _: ('rmi', '-f', 'filled'))
    os.unlink(tar)


def bench_logs(engines, table):
    for e in engines.values():
        e.call('run', '--name', 'wrote', '--network', 'none', 'busybox', 'sh', '-c', f'yes {LINE} | head -c {SIZE_MB << 20} >&2; sleep 2; echo last')
    for what, words in (('logs', ()), ('logs --tail 10', ('--tail', '10')), ('logs --since 1s', ('--since', '1s'))):
        compare(engines, table, f'{what} of {SIZE_MB} MB', lambda _, w=words: ('logs', *w, 'wrote'))
    for e in engines.values():
        e.call('rm', '-f', 'wrote')


def bench_lists(engines, table):
    body = '{"Image": "busybox", "Cmd": ["true"], "HostConfig": {"NetworkMode": "none"}}'
    for e in engines.values():
        run('curl', '-sS', '--fail', '--unix-socket', e.host[len('unix://'):], '-o', '/dev/null', '-H', 'Content-Type: application/json', '-d', body,
            f'http://d/v1.41/containers/create?x=[1-{LISTED}]')
        for _ in range(ALIVE):
            e.call('run', '-d', '--network', 'none', '--stop-signal', 'KILL', 'busybox', 'sleep', '1000000')
        e.call('pause', e.call('ps', '-ql'))
    for words in (('ps', '-a'), ('ps', '-as'), ('stats', '--no-stream'), ('system', 'df'), ('events', '--since', '600s', '--until', '0s')):
        compare(engines, table, f'{" ".join(words)}, {LISTED} containers and {ALIVE} that run, one paused', lambda _, w=words: w)
    compare(engines, table, f'inspect of {LISTED + ALIVE}', lambda e: ('inspect', *e.ids()))
    add(table, f'container prune of {LISTED}', each(engines, table, 'prune', lambda e: timed(e.argv('container', 'prune', '-f'))), 1)
    for e in engines.values():
        e.call('unpause', e.call('ps', '-ql'))
        e.remove_all()


def bench_compose(engines, table, top):
    """Compose's first edition, which is a program of its own; a container each."""
    if not shutil.which('docker-compose'):
        raise Skip('docker-compose is not installed')
    path = os.path.join(top, 'compose.yaml')
    service = {'image': 'busybox', 'command': 'sleep 1000000', 'stop_signal': 'KILL', 'network_mode': 'none'}
    with open(path, 'w', encoding='utf-8') as f:
        json.dump({'version': '3.7', 'services': {f's{i}': service for i in range(SERVICES)}}, f)
    both = {name: Compose(e.host) for name, e in engines.items()}
    compare(both, table, f'docker-compose up -d of {SERVICES} services', lambda _: ('-f', path, 'up', '-d'), lambda _: ('-f', path, 'down'))
    for e in both.values():
        run(*e.argv('-f', path, 'up', '-d'))
    compare(both, table, 'docker-compose up -d of the same once more', lambda _: ('-f', path, 'up', '-d'))
    compare(both, table, 'docker-compose down of them', lambda _: ('-f', path, 'down'), lambda _: ('-f', path, 'up', '-d'))
    for e in both.values():
        run(*e.argv('-f', path, 'down'))


class Compose(Engine):
    def argv(self, *words):
        return ['docker-compose', '-H', self.host, '-p', 'bench', *words]


def bench_everyday(place, table):
    if not shutil.which('docker'):
        raise Skip('the docker command is not installed')
    place.start_berth()
    run(BERTH, 'image', 'ls')
    engines = {'berth': Engine(f'unix://{place.socket}')}
    top = make_files(place)
    try:
        place.docker = Docker(place, network=True)
        engines['docker'] = Engine(place.docker.host)
    except Skip as e:
        table.note(f'docker: not measured: {e}')
    try:
        for what, rows in (('files', lambda: bench_files(engines, table, top)), ('images', lambda: bench_images(engines, table, top)),
                           ('logs', lambda: bench_logs(engines, table)), ('lists', lambda: bench_lists(engines, table)),
                           ('compose', lambda: bench_compose(engines, table, top))):
            try:
                rows()
            except Skip as e:
                table.note(f'docker, {what}: not measured: {e}')
    finally:
        if place.docker:
            place.docker.stop()
            place.docker = None
