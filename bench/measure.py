# SPDX-License-Identifier: Apache-2.0
"""What all groups use: a table of rows, running and timing of programs, memory of processes."""
import glob
import json
import os
import statistics
import subprocess
import time

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
BUILD = os.path.join(TOP, os.environ.get('BUILD', 'build'))
BERTH = os.environ.get('BERTH', os.path.join(BUILD, 'src', 'berth'))
RUNS = int(os.environ.get('RUNS', '30'))
TURN = 5


class Skip(Exception):
    """Something cannot be measured here; its text says why."""


def run(*argv, check=True, **kw):
    done = subprocess.run(argv, **({'capture_output': True, 'text': True, 'check': False} | kw))
    if check and done.returncode != 0:
        raise Skip(f'{" ".join(argv[:3])}: {(done.stderr or done.stdout or "failed").strip()[-300:]}')
    return (done.stdout or '').strip()


class Table:
    def __init__(self):
        self.rows, self.notes = [], []

    def add(self, name, unit, value, peer=None, ratio=None, target=None, met=None, runs=1):
        row = {'name': name, 'unit': unit, 'value': value, 'peer': peer, 'ratio': ratio, 'target': target, 'met': met,
               'runs': runs}
        self.rows.append(row)

    def against(self, name, unit, value, peer, peer_value, limit=None, more_is_better=False, runs=RUNS):
        """A row with a ratio to a peer; limit is the target for the ratio."""
        if peer_value is None:
            target = f'{">=" if more_is_better else "<="} {limit} x' if limit else None
            self.add(name, unit, value, peer, None, target, None, runs)
            return
        ratio = peer_value / value if more_is_better else value / peer_value
        met = None if limit is None else (ratio >= limit if more_is_better else ratio <= limit)
        target = None if limit is None else f'{">=" if more_is_better else "<="} {limit} x'
        self.add(name, unit, value, peer, ratio, target, met, runs)

    def limit(self, name, unit, value, limit, runs=1, at_least=False):
        met = value >= limit if at_least else value <= limit
        self.add(name, unit, value, None, None, f'{">=" if at_least else "<="} {limit:g} {unit}', met, runs)

    def note(self, text):
        self.notes.append(text)

    @staticmethod
    def cell(value):
        return '' if value is None else f'{value:.3g}' if isinstance(value, float) and value < 100 else \
            f'{value:.0f}' if isinstance(value, float) else str(value)

    def print(self):
        head = ('what', 'value', 'unit', 'peer', 'ratio', 'target', 'met', 'runs')
        words = {True: 'yes', False: 'NO', None: ''}
        lines = [head] + [(r['name'], self.cell(r['value']), r['unit'], r['peer'] or '', self.cell(r['ratio']),
                           r['target'] or '', words[r['met']], str(r['runs'])) for r in self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        for line in lines:
            print('  '.join(c.rjust(w) if i in (1, 4, 7) else c.ljust(w)
                            for i, (c, w) in enumerate(zip(line, widths))).rstrip())
        for text in self.notes:
            print('note: ' + text)

    def write(self, path):
        machine = {'cpus': os.cpu_count(), 'kernel': os.uname().release, 'time': int(time.time())}
        with open(path, 'w', encoding='utf-8') as f:
            json.dump({'machine': machine, 'rows': self.rows, 'notes': self.notes}, f, indent=1)
            f.write('\n')


def batches(items, n):
    return [items[i:i + n] for i in range(0, len(items), n)]


def read(path):
    try:
        with open(path, encoding='utf-8', errors='replace') as f:
            return f.read()
    except OSError:
        return ''


def mounts():
    return [line.split()[4] for line in read('/proc/self/mountinfo').splitlines()]


def descendants(pid):
    found, todo = [], [pid]
    while todo:
        p = todo.pop()
        found.append(p)
        for path in glob.glob(f'/proc/{p}/task/*/children'):
            todo += [int(c) for c in read(path).split()]
    return found


def memory_kb(pid, key):
    for line in read(f'/proc/{pid}/smaps_rollup').splitlines():
        if line.startswith(key + ':'):
            return int(line.split()[1])
    return 0


def high_water_kb(pid):
    """The most that was ever in memory of the program that the process runs now."""
    for line in read(f'/proc/{pid}/status').splitlines():
        if line.startswith('VmHWM:'):
            return int(line.split()[1])
    return 0


def private_kb(pid):
    return memory_kb(pid, 'Private_Clean') + memory_kb(pid, 'Private_Dirty')


def is_payload(pid):
    """The program that the user wanted to run is not the engine's memory."""
    words = read(f'/proc/{pid}/cmdline').split('\0')
    return os.path.basename(words[0]) in ('sleep', 'busybox')


def pss_mb(pids):
    return sum(memory_kb(p, 'Pss') for p in pids if not is_payload(p)) / 1024


def spawn_ms(runs, *argv, at_once=1, env=None):
    """The time of each process from spawning it to its end; so many of them at once, then the next ones."""
    out = run(os.path.join(BUILD, 'bench', 'spawn'), '-j', str(at_once), '-e', str(runs), *argv, env=env)
    return [int(line) / 1e6 for line in out.splitlines()]


def in_turns(measures, runs=None):
    """name -> median of as many runs of each, taken in turns."""
    runs = runs or RUNS
    times = {name: [] for name in measures}
    while any(len(t) < runs for t in times.values()):
        for name, measure in measures.items():
            if len(times[name]) < runs:
                times[name] += measure(min(TURN, runs - len(times[name])))
    return {name: statistics.median(t) for name, t in times.items()}


def usable(measures, table, what):
    """Those that work here; for each other one a note that says why not."""
    ready = {}
    for name, measure in measures.items():
        try:
            measure(1)
            ready[name] = measure
        except (Skip, OSError) as e:
            table.note(f'{what}, {name}: not measured: {e}')
    return ready


def own_ms(runs, program, rootfs, *options):
    """The programs of bench/ that measure in themselves print the median of their runs: it stands for each of them."""
    result = json.loads(run(os.path.join(BUILD, 'bench', program), *options, str(runs), rootfs))
    return [result['median'] / 1000] * result['runs']
