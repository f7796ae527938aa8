# SPDX-License-Identifier: Apache-2.0
"""Group api: the same docker command, and the same requests, at two sockets: berth's and that of Debian's dockerd.

Both run in a network namespace of their own, so that bridges and rules of the firewall are nobody else's. A row's ratio is berth's value against
docker's in the same run.
"""
import os
import shutil
import subprocess
import sys
import time

from measure import BERTH, RUNS, Skip, in_turns, read, run, spawn_ms
from place import Docker

MANY = int(os.environ.get('MANY', '100'))  #  containers that start and stop at once
LISTED = int(os.environ.get('LISTED', '1000'))  # containers in a list
LOG_MB = int(os.environ.get('LOG_MB', '256'))
REQUESTS = 2000
CHECKED = 20
CHECK_SECONDS = 10
AT_ONCE = 10


def own_network(group):
    """Begins again in a network namespace of its own, for this group alone."""
    if os.environ.get('BENCH_NETWORK') == 'own':
        return
    os.environ['BENCH_NETWORK'] = 'own'
    os.execvp('unshare', ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', sys.executable, *sys.argv[:1], group])


class Engine:
    """A socket for the docker command."""

    def __init__(self, host):
        self.host = host

    def argv(self, *words):
        return ['docker', '-H', self.host, *words]

    def call(self, *words):
        return run(*self.argv(*words))

    def ids(self):
        return self.call('ps', '-aq', '--no-trunc').split()

    def remove_all(self):
        ids = self.ids()
        for i in range(0, len(ids), 100):
            self.call('rm', '-f', *ids[i:i + 100])

    def timed(self, *words):
        return lambda n: spawn_ms(n, *self.argv(*words))


def seconds(fn):
    began = time.monotonic()
    fn()
    return time.monotonic() - began


def at_once(engine, lists):
    """One docker command for each list of words, AT_ONCE of them at a time."""
    waiting, running = list(lists), []
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            # pylint: disable=consider-using-with
            running.append(subprocess.Popen(engine.argv(*waiting.pop()), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
        done = running.pop(0)
        _, words = done.communicate()
        if done.returncode:
            raise Skip(words.decode(errors='replace').strip()[-300:])


def add(table, name, unit, value, limit=None, more_is_better=False, runs=RUNS):
    """One row for each engine; value: engine -> number."""
    if 'berth' in value:
        table.against(f'api: {name}', unit, value['berth'], 'docker', value.get('docker'), limit, more_is_better, runs)
    if 'docker' in value:
        table.add(f'api: {name}: docker', unit, value['docker'], runs=runs)


def each(engines, table, what, fn):
    found = {}
    for name, engine in engines.items():
        try:
            found[name] = fn(engine)
        except (Skip, OSError) as e:
            table.note(f'api, {what}, {name}: not measured: {e}')
    return found


# ---- rows ----

def bench_runs(engines, table):
    for network in ('none', 'bridge'):
        words = ('run', '--rm', '--network', network, 'busybox', 'true')
        ready = each(engines, table, f'run, {network}', lambda e, w=words: e.timed(*w)(1) and e.timed(*w))
        add(table, f'docker run --rm true, network {network}', 'ms', in_turns(ready), 0.15)


def bench_exec(engines, table):
    for engine in engines.values():
        engine.call('run', '-d', '--name', 'bench-exec', '--network', 'none', 'busybox', 'sleep', '1000000')
    add(table, 'docker exec true', 'ms', in_turns({n: e.timed('exec', 'bench-exec', 'true') for n, e in engines.items()}))
    for engine in engines.values():
        engine.call('rm', '-f', 'bench-exec')


def bench_many(engines, table):
    def start(engine):
        return seconds(lambda: at_once(engine, [('run', '-d', '--network', 'none', '--stop-signal', 'KILL', 'busybox', 'sleep', '1000000')] * MANY))

    def stop(engine):
        return seconds(lambda: at_once(engine, [('stop', i) for i in engine.ids()]))

    add(table, f'{MANY} containers started, {AT_ONCE} at once', 's', each(engines, table, 'starts', start), runs=1)
    add(table, f'{MANY} containers stopped, {AT_ONCE} at once', 's', each(engines, table, 'stops', stop), runs=1)
    for engine in engines.values():
        engine.remove_all()


def create(engine):
    """By the bare API: the list is what is measured."""
    path = engine.host[len('unix://'):]
    body = '{"Image": "busybox", "Cmd": ["true"], "HostConfig": {"NetworkMode": "none"}}'
    run('curl', '-sS', '--fail', '--unix-socket', path, '-o', '/dev/null', '-H', 'Content-Type: application/json', '-d', body,
        f'http://d/v1.41/containers/create?x=[1-{LISTED}]')


def requests(engine):
    path = engine.host[len('unix://'):]
    took = seconds(lambda: run('curl', '-sS', '--fail', '--unix-socket', path, '-o', '/dev/null', f'http://d/v1.41/containers/json?x=[1-{REQUESTS}]'))
    return REQUESTS / took


def bench_list(engines, table):
    add(table, 'requests for /containers/json on one connection, nothing runs', '1/s', each(engines, table, 'requests', requests), more_is_better=True,
        runs=1)
    each(engines, table, 'create', create)
    add(table, f'docker ps -a with {LISTED} containers', 'ms', in_turns({n: e.timed('ps', '-aq') for n, e in engines.items()}))
    for engine in engines.values():
        engine.remove_all()


def bench_logs(engines, table):
    def write(engine):
        return LOG_MB / seconds(lambda: engine.call('run', '--name', 'bench-logs', '--network', 'none', '-d', 'busybox', 'sh', '-c',
                                                    f'yes 0123456789abcdef0123456789abcdef | head -c {LOG_MB << 20}') and
                                engine.call('wait', 'bench-logs'))

    add(table, f'{LOG_MB} MB of output into the log', 'MB/s', each(engines, table, 'logs', write), more_is_better=True, runs=1)
    for engine in engines.values():
        engine.remove_all()


def busy_ms():
    """What all processors have done since the machine came up."""
    words = read('/proc/stat').split('\n', 1)[0].split()[1:9]
    return (sum(int(w) for w in words) - int(words[3]) - int(words[4])) * 1000 / os.sysconf('SC_CLK_TCK')


def bench_health(engines, table):
    """Of the whole machine, for a check of docker's is made by processes that are nobody's children: less what it does anyway in that time."""
    def cost(engine):
        idle = spent(CHECK_SECONDS)
        for _ in range(CHECKED):
            engine.call('run', '-d', '--network', 'none', '--stop-signal', 'KILL', '--health-cmd', 'true', '--health-interval', '1s', 'busybox', 'sleep', '1000000')
        took = spent(CHECK_SECONDS) - idle
        engine.remove_all()
        return took / (CHECKED * CHECK_SECONDS)

    add(table, f'a health check, {CHECKED} containers with one each second', 'ms', each(engines, table, 'health checks', cost), runs=1)


def spent(interval):
    before = busy_ms()
    time.sleep(interval)
    return busy_ms() - before


def bench_api(place, table):
    if not shutil.which('docker'):
        raise Skip('the docker command is not installed')
    place.start_berth()
    run(BERTH, 'image', 'ls')
    engines = {'berth': Engine(f'unix://{place.socket}')}
    try:
        place.docker = Docker(place, network=True)
        engines['docker'] = Engine(place.docker.host)
    except Skip as e:
        table.note(f'api, docker: not measured: {e}')
    try:
        for rows in (bench_runs, bench_exec, bench_many, bench_list, bench_logs, bench_health):
            rows(engines, table)
    finally:
        if place.docker:
            place.docker.stop()
            place.docker = None
