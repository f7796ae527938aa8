# SPDX-License-Identifier: Apache-2.0
"""Groups agents and slurm: what many agents cost a server, and short tasks on four real agents beside Slurm on four nodes of the same machine.

AGENTS (1000) simulated agents; TASKS (10000) short ones for both systems; LATENCIES (100) single ones, taken in turns: one at a time on idle nodes, and as many
at once as there are slots, and four times as many."""
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import time

from measure import BERTH, BUILD, Skip, memory_kb, read, run, spawn_ms

AGENTS = int(os.environ.get('AGENTS', '1000'))
TASKS = int(os.environ.get('TASKS', '10000'))
LATENCIES = int(os.environ.get('LATENCIES', '100'))
NODES, SLOTS = 4, 2
TICKS = os.sysconf('SC_CLK_TCK')


class Server:
    """A berth server of its own, on the loopback."""

    def __init__(self, place):
        self.dir = os.path.join(place.dir, 'cluster')
        shutil.rmtree(self.dir, ignore_errors=True)
        os.mkdir(self.dir)
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            self.address = f'127.0.0.1:{s.getsockname()[1]}'
        self.sims = os.path.join(place.state(), 'sims')
        self.env = dict(os.environ, BERTH_SOCKET=os.path.join(self.dir, 'server.sock'))
        self.berth('server', '--data', os.path.join(self.dir, 'server'), '--agents', self.address)
        self.pid = json.loads(self.berth('info', '--json'))['pid']
        self.token = self.berth('token', 'create')

    def berth(self, *words, env=None):
        return run(BERTH, *words, env=env or self.env)

    def submit(self, copies, **berth_keys):
        path = os.path.join(self.dir, 'job.yaml')
        keys = json.dumps({'kind': 'task', 'replicate': copies, **berth_keys})
        with open(path, 'w', encoding='ascii') as f:
            f.write(f'services: {{t: {{image: busybox, command: ["true"], x-berth: {keys}}}}}\n')
        return json.loads(self.berth('submit', path, '--json'))['id']

    def cpu_s(self):
        fields = read(f'/proc/{self.pid}/stat').rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def close(self):
        run(BERTH, 'down', '--all', env=self.env, check=False)


class Simulated:
    """bench/agents: it goes on until its input ends."""

    def __init__(self, server, token, n):
        # In memory: each agent has a disk of its own elsewhere.
        argv = [os.path.join(BUILD, 'bench', 'agents'), server.sims, server.address, token, str(n), '1']
        cpu = server.cpu_s()
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            self.close()
            raise Skip('the simulated agents did not come')
        self.seconds, self.server_cpu = json.loads(line)['seconds'], server.cpu_s() - cpu

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def all_running(server, job, n):
    """When the last of n has started, in seconds after the submission, as the log says."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        seen = json.loads(server.berth('job', job, '--json'))
        if seen['counts'].get('running') == n:
            started = max(i['attempts'][-1]['started_ms'] for i in seen['tasks'][0]['instances'])
            return (started - seen['submitted_ms']) / 1000
        time.sleep(0.2)
    raise Skip(f'only {seen["counts"]} of {n} started within a minute')


def gang_s(server):
    found = []
    for _ in range(3):
        job = server.submit(AGENTS, gang=True)
        found.append(all_running(server, job, AGENTS))
        server.berth('cancel', job)
        run(BERTH, 'wait', job, env=server.env, check=False)
    return found


def bench_agents(place, table):
    server, sims = Server(place), None
    try:
        idle = memory_kb(server.pid, 'Pss')
        sims = Simulated(server, server.token, AGENTS)
        table.add(f'agents: joins, {AGENTS} of them', '1/s', AGENTS / sims.seconds)
        table.add('agents: joins a second of the server\'s processor', '1/s', AGENTS / sims.server_cpu)
        time.sleep(10)  # each has told its first beats
        table.limit('agents: memory of an idle one at the server', 'KB', (memory_kb(server.pid, 'Pss') - idle) / AGENTS, 64)
        gangs = gang_s(server)
        table.limit(f'agents: gang of {AGENTS}, submit to all started', 's', statistics.median(gangs), 1, len(gangs))
        sims.close()
        sims = Simulated(server, '-', AGENTS)
        table.add('agents: mutual handshakes', '1/s', AGENTS / sims.seconds)
        table.add('agents: handshakes a second of the server\'s processor', '1/s', AGENTS / sims.server_cpu)
    finally:
        if sims:
            sims.close()
        server.close()


# ---- beside Slurm ----

class Berth:
    def __init__(self, place):
        self.server, self.envs = Server(place), []
        for i in range(NODES):
            env = dict(os.environ, BERTH_SOCKET=os.path.join(self.server.dir, f'n{i}.sock'))
            self.envs.append(env)
            run(BERTH, 'agent', '--data', os.path.join(self.server.dir, f'n{i}'), '--node-name', f'n{i}', '--server', self.server.address,
                '--token', self.server.token, '--slots', str(SLOTS), env=env)
            run(BERTH, 'image', 'import', place.tar, 'busybox', env=env)
        self.job = os.path.join(self.server.dir, 'one.yaml')
        with open(self.job, 'w', encoding='ascii') as f:
            f.write('services: {t: {image: busybox, command: ["true"], x-berth: {kind: task}}}\n')

    def many(self, tasks):
        begin = time.monotonic()
        job = self.server.submit(tasks)
        self.server.berth('wait', job)
        return tasks / (time.monotonic() - begin)

    def latencies_ms(self, runs, at_once):
        return spawn_ms(runs, BERTH, 'submit', self.job, '--wait', '--quiet', at_once=at_once, env=self.server.env)

    def close(self):
        for env in self.envs:
            run(BERTH, 'down', '--all', env=env, check=False)
        self.server.close()


SLURM_CONF = '''ClusterName=bench
SlurmctldHost={host}({address})
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
StateSaveLocation={dir}/state
SlurmdSpoolDir={dir}/spool.%n
SlurmctldPidFile={dir}/ctld.pid
SlurmdPidFile={dir}/slurmd.%n.pid
SlurmctldPort=16817
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
MpiDefault=none
ReturnToService=2
MaxArraySize=1000001
MaxJobCount=1000001
SlurmdParameters=config_overrides
NodeName=n[1-{nodes}] NodeHostname={host} NodeAddr={address} Port=[17001-{last}] CPUs={slots} State=UNKNOWN
PartitionName=p Nodes=ALL Default=YES State=UP
'''


class Slurm:
    """Debian's slurm-wlm, without its own authentication, which costs time: one slurmctld and as many slurmd as there are agents. It wants an address that is
    not the loopback's."""

    def __init__(self, place):
        if not shutil.which('slurmctld') or not shutil.which('slurmd'):
            raise Skip('Slurm is not installed (Debian package slurm-wlm)')
        self.dir, self.processes = os.path.join(place.dir, 'slurm'), []
        os.makedirs(os.path.join(self.dir, 'state'))
        self.script = os.path.join(self.dir, 'true.sh')
        with open(self.script, 'w', encoding='ascii') as f:
            f.write('#!/bin/sh\ntrue\n')
        os.environ['SLURM_CONF'] = os.path.join(self.dir, 'slurm.conf')
        with open(os.environ['SLURM_CONF'], 'w', encoding='ascii') as f:
            f.write(SLURM_CONF.format(host=os.uname().nodename, address='10.8.0.1', dir=self.dir, nodes=NODES, last=17000 + NODES, slots=SLOTS))
        run('ip', 'link', 'add', 'bench0', 'type', 'veth', 'peer', 'name', 'bench1')
        run('ip', 'addr', 'add', '10.8.0.1/24', 'dev', 'bench0')
        for name in ('bench0', 'bench1'):
            run('ip', 'link', 'set', name, 'up')
        for argv in [['slurmctld', '-D']] + [['slurmd', '-D', '-N', f'n{i + 1}'] for i in range(NODES)]:
            log = open(os.path.join(self.dir, argv[-1] + '.log'), 'wb')  # pylint: disable=consider-using-with
            self.processes.append(subprocess.Popen(argv, stdout=log, stderr=log))
        self.until(lambda: 'idle' == run('sinfo', '-h', '-o', '%t', check=False).strip(), 'its nodes did not come')

    def until(self, condition, what, seconds=30):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise Skip(what)
            time.sleep(0.05)

    def many(self, tasks):
        begin = time.monotonic()
        run('sbatch', f'--array=1-{tasks}', '-o', '/dev/null', self.script)
        self.until(lambda: not run('squeue', '-h'), 'its tasks did not end', 3600)
        return tasks / (time.monotonic() - begin)

    def latencies_ms(self, runs, at_once):
        return spawn_ms(runs, 'srun', 'true', at_once=at_once)

    def close(self):
        for p in reversed(self.processes):
            p.send_signal(signal.SIGTERM)
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()


def percentile(times, part):
    """The smallest of them that so many of a hundred do not exceed."""
    return sorted(times)[max(0, -(-len(times) * part // 100) - 1)]


def latencies(systems, at_once):
    """System -> the time of each client's process from its start to its end, which is when it knows the task's. In turns, so that a busy moment of the machine
    hits both."""
    times = {system: [] for system in systems}
    while any(len(t) < LATENCIES for t in times.values()):
        for system, found in times.items():
            found += system.latencies_ms(max(1, 5 // at_once), at_once)
    return times


def opened(make, place, table):
    system = None
    try:
        system = make(place)
        system.many(20)
        return system
    except Skip as e:
        table.note(f'slurm: {make.__name__}: not measured: {e}')
        if system:
            system.close()
        return None


def compare(mine, theirs, table):
    systems = [mine, theirs] if theirs else [mine]
    for at_once in (1, NODES * SLOTS, 4 * NODES * SLOTS):
        times = latencies(systems, at_once)
        what = 'one at a time, idle nodes' if at_once == 1 else f'{at_once} at once on {NODES * SLOTS} slots'
        for part in (50, 99):
            table.against(f'slurm: submit to end known, {what}, p{part}', 'ms', percentile(times[mine], part), 'slurm',
                          percentile(times[theirs], part) if theirs else None, 1, runs=len(times[mine]))
    rates = [system.many(TASKS) for system in systems]
    times = rates[0] / rates[1] if theirs else None
    table.add(f'slurm: {TASKS} tasks (true) on {NODES} nodes', '1/s', rates[0], 'slurm', times, '>= 5 x', times and times >= 5)
    if theirs:
        table.add('slurm: the same of slurm', '1/s', rates[1])


def bench_slurm(place, table):
    mine = theirs = None
    try:
        mine, theirs = opened(Berth, place, table), opened(Slurm, place, table)
        if mine:
            compare(mine, theirs, table)
    finally:
        for system in (theirs, mine):
            if system:
                system.close()
