# SPDX-License-Identifier: Apache-2.0
"""Groups oci and alive: the OCI command line against other runtimes."""
import json
import os
import shutil
import statistics
import subprocess
import time

from measure import BERTH, BUILD, RUNS, Skip, in_turns, own_ms, run, spawn_ms, usable


def bundle(place, tool):
    """An OCI bundle that runs `true` over the same root filesystem, with the tool's own defaults and no terminal."""
    if not shutil.which(tool):
        raise Skip(f'{tool} is not installed')
    path = os.path.join(place.dir, 'bundle-' + tool)
    os.mkdir(path)
    run(tool, 'spec', cwd=path)
    config_path = os.path.join(path, 'config.json')
    with open(config_path, encoding='utf-8') as f:
        config = json.load(f)
    config['process'].update(args=['/bin/true'], terminal=False)
    config['root'] = {'path': place.rootfs, 'readonly': True}
    with open(config_path, 'w', encoding='utf-8') as f:
        json.dump(config, f)
    return lambda n: spawn_ms(n, tool, f'--root={place.state()}/{tool}', 'run', '--bundle', path, f'bench-{os.getpid()}')


# A machine with cgroup version 2 only, for one process tree. Debian's crun refuses a machine with both versions.
UNIFIED = ('unshare', '-m', '--propagation', 'private', 'sh', '-c',
           'umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"', 'sh')


class Mode:
    """Where and how the tools are compared: how each is called, and which bundle all are given."""

    def __init__(self, place, name, wrap=(), cgroups=True, tools=('crun', 'runc')):
        self.place, self.name, self.wrap, self.cgroups = place, name, wrap, cgroups
        self.tools = {'berth': (BERTH, 'oci')} | {t: (t,) for t in tools if shutil.which(t)}
        self.bundle = {command: self.make_bundle(command) for command in ('true', 'sleep')}

    def make_bundle(self, command):
        """What `spec` writes, without a terminal, and in a version of the specification that Debian's crun knows."""
        path = os.path.join(self.place.dir, f'bundle-{command}-{"on" if self.cgroups else "off"}')
        if os.path.isdir(path):
            return path
        os.mkdir(path)
        run(BERTH, 'oci', 'spec', cwd=path)
        with open(os.path.join(path, 'config.json'), encoding='utf-8') as f:
            config = json.load(f)
        config['ociVersion'] = '1.0.2'
        config['process'].update(args=['/bin/true'] if command == 'true' else ['/bin/sleep', '1000000'], terminal=False)
        config['root'] = {'path': self.place.rootfs, 'readonly': True}
        if not self.cgroups:
            config['mounts'] = [m for m in config['mounts'] if m['type'] != 'cgroup']
        with open(os.path.join(path, 'config.json'), 'w', encoding='utf-8') as f:
            json.dump(config, f)
        return path

    def argv(self, tool, *words, program=None):
        first = (program,) + self.tools[tool][1:] if program else self.tools[tool]
        options = () if self.cgroups else ('--cgroup-manager=disabled',)
        return (*first, *options, f'--root={self.place.state()}/{tool}', *words)

    def spawn(self, runs, *argv, jobs=1, stays=False):
        """With `stays` nobody reads the errors: the containers would hold the pipe open."""
        files = {'capture_output': False, 'stdout': subprocess.PIPE, 'stderr': subprocess.DEVNULL} if stays else {}
        out = run(*self.wrap, os.path.join(BUILD, 'bench', 'spawn'), '-j', str(jobs), str(runs), *argv, **files)
        return [int(line) / 1e6 for line in out.splitlines()]

    def measures(self, table):
        """tool -> function that measures n runs of `true`."""
        found = {t: lambda n, t=t: self.spawn(n, *self.argv(t, 'run', '--bundle', self.bundle['true'], 'bench-{}'))
                 for t in self.tools}
        return usable(found, table, 'oci, ' + self.name)


TARGETS = {'run': {'crun': 0.5, 'runc': 0.15}, 'exec': {'crun': 0.5}, 'cold': {}}


def compare(table, what, kind, value):
    """berth's row against each peer, and the peers' own."""
    for peer in [t for t in value if t != 'berth']:
        if 'berth' in value:
            table.against(f'{what}', 'ms', value['berth'], peer, value[peer], TARGETS[kind].get(peer))
    for peer in [t for t in value if t != 'berth']:
        table.add(f'{what}: {peer}', 'ms', value[peer], runs=RUNS)


def drop(*paths):
    """Out of the page cache; a page that another process has mapped stays, so the paths are copies of our own."""
    for path in paths:
        fd = os.open(path, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def bench_cold(place, table, mode, ready):
    """The runtime's binary (a copy), the configuration and the program of the container come from the disk; shared libraries do not."""
    copies = {}
    for tool in ready:
        copies[tool] = os.path.join(place.dir, 'cold-' + tool)
        shutil.copy(shutil.which(mode.tools[tool][0]), copies[tool])
    files = [os.path.join(mode.bundle['true'], 'config.json'), os.path.join(place.rootfs, 'bin', 'busybox')]

    def measure(tool, n):
        times = []
        for _ in range(n):
            drop(copies[tool], *files)
            times += mode.spawn(1, *mode.argv(tool, 'run', '--bundle', mode.bundle['true'], 'cold-{}',
                                              program=copies[tool]))
        return times

    compare(table, f'oci run, cold ({mode.name})', 'cold', in_turns({t: lambda n, t=t: measure(t, n) for t in ready}))


JOBS = 64


def bench_parallel(table, mode, ready, alone):
    """64 at once: how much more a second than one after the other."""
    def measure(tool, n):
        return mode.spawn(n, *mode.argv(tool, 'run', '--bundle', mode.bundle['true'], 'many-{}'), jobs=JOBS)

    value = in_turns({t: lambda n, t=t: measure(t, n) for t in ready}, max(3, RUNS // 5))
    for tool, ms in value.items():
        scale = JOBS * alone[tool] / ms
        target = 0.8 * os.cpu_count()
        table.add(f'oci run, {JOBS} at once ({mode.name}): {tool}', 'times', scale, 'one', None,
                  f'>= {target:.1f} times' if tool == 'berth' else None, scale >= target if tool == 'berth' else None,
                  max(3, RUNS // 5))
        table.add(f'oci run, {JOBS} at once ({mode.name}), each: {tool}', 'ms', ms / JOBS, runs=max(3, RUNS // 5))


def bench_oci_exec(table, mode, tools):
    """`true` in a container of the same tool that sleeps."""
    alive, measures = [], {}
    try:
        for tool in tools:
            run(*mode.wrap, *mode.argv(tool, 'run', '--detach', '--bundle', mode.bundle['sleep'], 'exec'),
                capture_output=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            alive.append(tool)
            measures[tool] = lambda n, t=tool: mode.spawn(n, *mode.argv(t, 'exec', 'exec', '/bin/true'))
        compare(table, f'oci exec ({mode.name})', 'exec', in_turns(usable(measures, table, 'oci exec, ' + mode.name)))
    finally:
        for tool in alive:
            run(*mode.wrap, *mode.argv(tool, 'delete', '--force', 'exec'), check=False)


def throughput(place, program, processes, runs, *options):
    """Containers a second of so many processes that each start `runs`."""
    argv = [os.path.join(BUILD, 'bench', program), *options, str(runs), place.rootfs]
    begin = time.monotonic()
    # pylint: disable=consider-using-with
    all_of_them = [subprocess.Popen(argv, stdout=subprocess.DEVNULL) for _ in range(processes)]
    codes = [p.wait() for p in all_of_them]
    if any(codes):
        raise Skip(f'{program} failed')
    return processes * runs / (time.monotonic() - begin)


def bench_parallel_own(place, table):
    """As bench_parallel for what starts containers in process; the limit shows what the kernel allows."""
    for name, program, options in (('the physical limit', 'limit', ()), ('in process', 'rt_start', ()),
                                   ('in process, pool of networks', 'rt_start', ('-p',))):
        scales = []
        for _ in range(3):
            one = throughput(place, program, 1, 200, *options)
            scales.append(throughput(place, program, JOBS, 10, *options) / one)
        ours = program != 'limit'
        target, scale = 0.8 * os.cpu_count(), statistics.median(scales)
        table.add(f'start, {JOBS} processes at once: {name}', 'times', scale, 'one', None,
                  f'>= {target:.1f} times' if ours else None, scale >= target if ours else None, 3)


def bench_oci(place, table):
    found = Mode(place, 'cgroups as they are')
    modes = [found]
    if os.path.ismount('/sys/fs/cgroup') and not os.path.exists('/sys/fs/cgroup/cgroup.controllers'):
        modes += [Mode(place, 'cgroup v2', UNIFIED), Mode(place, 'no cgroups', UNIFIED, False, ('crun',))]
    for mode in modes:
        ready = mode.measures(table)
        ready['limit'] = lambda n: own_ms(n, 'limit', place.rootfs)
        value = in_turns(ready)
        limit = value.pop('limit')
        del ready['limit']
        if 'berth' not in value:
            continue
        table.against(f'oci run ({mode.name}) against the limit', 'ms', value['berth'], 'limit', limit)
        compare(table, f'oci run ({mode.name})', 'run', value)
        bench_cold(place, table, mode, ready)
        bench_parallel(table, mode, ready, value)
        bench_oci_exec(table, mode, ready)
    inside = statistics.median(own_ms(RUNS, 'rt_start', place.rootfs, '-x'))
    table.add('exec: in process', 'ms', inside, runs=RUNS)
    bench_parallel_own(place, table)


LEVELS = (0, 500, 1000)


def levels(table, what, create):
    """Time of a create at each of LEVELS; create(n, first) makes n more and returns their times."""
    alive, value = 0, {}
    for level in LEVELS:
        if level > alive:
            create(level - alive, alive)
            alive = level
        value[level] = statistics.median(create(RUNS, alive))
        alive += RUNS
    table.add(f'{what} with {LEVELS[0]} alive', 'ms', value[LEVELS[0]], runs=RUNS)
    for level in LEVELS[1:]:
        table.against(f'{what} with {level} alive', 'ms', value[level], 'with 0', value[LEVELS[0]], 1.3)


def bench_alive(place, table):
    place.stop_berth()
    place.start_berth()
    levels(table, 'alive: berth run -d', lambda n, _: spawn_ms(n, BERTH, 'run', '-d', '--network', 'none', 'busybox', 'sleep', '1000000'))
    place.stop_berth()
    mode = Mode(place, 'cgroups as they are')
    place.boxes = mode
    levels(table, 'alive: berth oci create',
           lambda n, first: mode.spawn(n, *mode.argv('berth', 'create', '--bundle', mode.bundle['sleep'],
                                                     f'alive-{first}-{{}}'), stays=True))
    place.delete_boxes()
