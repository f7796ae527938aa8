# SPDX-License-Identifier: Apache-2.0
"""Groups pull and build: an image of 500 MB from a registry on the loopback interface until its files can be used, and a Dockerfile of 30
steps, cold and from the cache, against skopeo with umoci, podman, buildah and docker. Each tool begins with an empty storage; the page
cache is warm for all. Runs are long: an eighth of RUNS, at least 3.

A peak of memory is the largest sum of the proportional set sizes (memory that several processes share is counted once, the cache of files not
at all) of a tool's processes, looked at every 5 ms in a run of its own; or, when that is more, the most that a single one of them ever had
(VmHWM), which the kernel keeps and no look can miss."""
import gzip
import hashlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import tarfile
import time

from measure import BERTH, RUNS, Skip, descendants, high_water_kb, memory_kb, run
from place import Docker

LAYERS = 5
LAYER_BYTES = 100 << 20
STEPS = 30
RUNS_LONG = max(3, RUNS // 8)
SOURCES = ('/usr/lib', '/usr/share', '/usr/bin')


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip(f'{program} is not installed')


# ---- the image and its registry ----

def files():
    """Files of this machine: a mix of programs, libraries and text as images have it."""
    for top in SOURCES:
        for folder, names, inside in os.walk(top):
            names.sort()
            for name in sorted(inside):
                path = os.path.join(folder, name)
                if os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) < 64 << 20:
                    yield path


def blob(layout, data):
    digest = hashlib.sha256(data).hexdigest()
    with open(os.path.join(layout, 'blobs', 'sha256', digest), 'wb') as f:
        f.write(data)
    return {'digest': 'sha256:' + digest, 'size': len(data)}


def layer(place, source):
    """A tar of files until it is full; its path and diff id."""
    path, size = os.path.join(place.dir, 'layer.tar'), 0
    with tarfile.open(path, 'w', format=tarfile.PAX_FORMAT) as tar:
        for name in source:
            tar.add(name, recursive=False)
            size += os.path.getsize(name)
            if size >= LAYER_BYTES:
                break
    if size < LAYER_BYTES:
        raise Skip(f'{", ".join(SOURCES)} have less than {LAYERS * LAYER_BYTES} bytes')
    with open(path, 'rb') as f:
        data = f.read()
    return gzip.compress(data, 6, mtime=0), hashlib.sha256(data).hexdigest()


def layers_of_files(place):
    source = files()
    for _ in range(LAYERS):
        yield (*layer(place, source), 'gzip')
    os.unlink(os.path.join(place.dir, 'layer.tar'))


def make_layout(place, parts=layers_of_files):
    """An OCI layout (image-spec, image-layout.md) of one image; its layers are what parts(place) gives: bytes, diff id, packing."""
    layout, layers, diffs = os.path.join(place.dir, 'layout'), [], []
    os.makedirs(os.path.join(layout, 'blobs', 'sha256'))
    for packed, diff, packing in parts(place):
        layers.append({'mediaType': f'application/vnd.oci.image.layer.v1.tar+{packing}', **blob(layout, packed)})
        diffs.append('sha256:' + diff)
    config = blob(layout, json.dumps({'architecture': 'amd64', 'os': 'linux', 'config': {},
                                      'rootfs': {'type': 'layers', 'diff_ids': diffs}}).encode())
    manifest = blob(layout, json.dumps({
        'schemaVersion': 2, 'mediaType': 'application/vnd.oci.image.manifest.v1+json',
        'config': {'mediaType': 'application/vnd.oci.image.config.v1+json', **config}, 'layers': layers}).encode())
    with open(os.path.join(layout, 'index.json'), 'w', encoding='utf-8') as f:
        json.dump({'schemaVersion': 2, 'manifests': [{
            'mediaType': 'application/vnd.oci.image.manifest.v1+json', **manifest,
            'annotations': {'org.opencontainers.image.ref.name': '1'}}]}, f)
    with open(os.path.join(layout, 'oci-layout'), 'w', encoding='utf-8') as f:
        f.write('{"imageLayoutVersion": "1.0.0"}')
    return layout


def packed_copy(tar):
    """A tar as a layer: bytes, diff id, packing."""
    with open(tar, 'rb') as f:
        data = f.read()
    return gzip.compress(data, 1, mtime=0), hashlib.sha256(data).hexdigest(), 'gzip'


class Registry:
    """Debian's docker-registry, on a free port of the loopback interface."""

    def __init__(self, place):
        need('docker-registry', 'skopeo')
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        self.host = f'127.0.0.1:{port}'
        config = os.path.join(place.dir, 'registry.yml')
        with open(config, 'w', encoding='utf-8') as f:
            f.write(f'version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {place.dir}/registry}}}}\n'
                    f'http: {{addr: "127.0.0.1:{port}"}}\n')
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(['docker-registry', 'serve', config], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            self.wait(port)
        except BaseException:
            self.stop()
            raise

    def fill(self, layout, name):
        """Moves the image of a layout into the registry; its name there."""
        name = f'{self.host}/bench/{name}:1'
        run('skopeo', 'copy', '--dest-tls-verify=false', f'oci:{layout}:1', f'docker://{name}')
        shutil.rmtree(layout)
        return name

    def wait(self, port):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as s:
                if s.connect_ex(('127.0.0.1', port)) == 0:
                    return
            time.sleep(0.05)
        raise Skip('docker-registry does not start')

    def stop(self):
        self.process.terminate()
        self.process.wait()


# ---- measuring long runs ----

def seconds(*argv, **kw):
    begin = time.monotonic()
    run(*argv, **kw)
    return time.monotonic() - begin


def peak_mb(pids, argv, **kw):
    """The peak of memory (see above) of a command's processes and of those that pids() names."""
    most = 0
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **kw) as process:
        while process.poll() is None:
            alive = {*descendants(process.pid), *pids()}
            most = max(most, sum(memory_kb(p, 'Pss') for p in alive), *(high_water_kb(p) for p in alive))
            time.sleep(0.005)
        if process.returncode != 0:
            raise Skip(f'{" ".join(argv[:3])}: {process.stderr.read().strip()[-300:]}')
    return most / 1024


def fresh(path):
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


class Tool:
    """What is measured: clean() before a run and outside its time, argv() one command, or several as a shell would take them."""

    def __init__(self, argv, clean=lambda: None, pids=lambda: (), env=None):
        self.argv, self.clean, self.pids = argv, clean, pids
        self.kw = {'env': {**os.environ, **(env or {})}}

    def once(self):
        self.clean()
        return seconds(*self.argv, **self.kw)

    def peak(self):
        self.clean()
        return peak_mb(self.pids, self.argv, **self.kw)


def shell(*commands):
    return ['sh', '-c', ' && '.join(' '.join(c) for c in commands)]


def medians(tools, table, what):
    """name -> median of the runs, taken in turns; a tool that does not work here gets a note."""
    times = {name: [] for name in tools}
    for _ in range(RUNS_LONG):
        for name in list(times):
            try:
                times[name].append(tools[name].once())
            except Skip as e:
                table.note(f'{what}, {name}: not measured: {e}')
                del times[name]
    return {name: statistics.median(t) for name, t in times.items()}


def compare(table, what, times, limit):
    """berth against the best of the others, then a row for each of those."""
    others = {name: t for name, t in times.items() if name != 'berth'}
    best = min(others, key=others.get) if others else None
    if 'berth' in times:
        table.against(what, 's', times['berth'], f'best: {best}' if best else 'none', others.get(best), limit, runs=RUNS_LONG)
    for name, t in others.items():
        table.add(f'{what}: {name}', 's', t, runs=RUNS_LONG)


# ---- group pull ----

def containers_storage(place, name):
    """Global options of podman and buildah for a storage of their own, and its removal."""
    top = os.path.join(place.dir, name)
    options = ['--root', f'{top}/root', '--runroot', f'{top}/run', '--storage-driver', 'overlay']

    def clean():
        subprocess.run(['umount', '-l', f'{top}/root/overlay'], capture_output=True, check=False)
        shutil.rmtree(top, ignore_errors=True)
    return options, clean


def pull_tools(place, image, table):
    data, oci = os.path.join(place.dir, 'pulled'), os.path.join(place.dir, 'oci')
    tools = {'berth': Tool([BERTH, 'pull', '--quiet', '--data', data, image], lambda: fresh(data))}
    if shutil.which('umoci'):
        tools['skopeo and umoci'] = Tool(
            shell(['skopeo', 'copy', '-q', '--src-tls-verify=false', f'docker://{image}', f'oci:{oci}/image:1'],
                  ['umoci', 'unpack', '--image', f'{oci}/image:1', f'{oci}/bundle']), lambda: fresh(oci))
    if shutil.which('podman'):
        options, clean = containers_storage(place, 'podman')
        tools['podman'] = Tool(['podman', *options, 'pull', '-q', '--tls-verify=false', image], clean)
    try:
        place.docker = place.docker or Docker(place)
        host = ['docker', '-H', place.docker.host]
        tools['docker'] = Tool([*host, 'pull', '-q', image],
                               lambda: subprocess.run([*host, 'rmi', '-f', image], capture_output=True, check=False),
                               place.docker.processes)
    except Skip as e:
        table.note(f'pull, docker: not measured: {e}')
    return tools


def bench_pull(place, table):
    registry = Registry(place)
    try:
        tools = pull_tools(place, registry.fill(make_layout(place), 'big'), table)
        times = medians(tools, table, 'pull')
        compare(table, 'pull of 500 MB', times, 0.5)
        for name in times:
            peak = tools[name].peak()
            if name == 'berth':
                table.limit('pull of 500 MB, peak of memory', 'MB', peak, 64)
            else:
                table.add(f'pull of 500 MB, peak of memory: {name}', 'MB', peak)
        for tool in tools.values():
            tool.clean()
    finally:
        registry.stop()


# ---- group build ----

def dockerfile(steps):
    """Of every three steps one runs a program, one copies a file and one sets a variable."""
    kinds = ('RUN echo {0} >/file-{0} && mkdir /dir-{0}', 'COPY file-{0} /copied/{0}', 'ENV VARIABLE_{0}=value-{0}')
    return ['FROM busybox', *(kinds[i % 3].format(i) for i in range(steps - 1))]


def make_context(place):
    context = os.path.join(place.dir, 'context')
    os.makedirs(context)
    for i in range(STEPS):
        with open(os.path.join(context, f'file-{i}'), 'w', encoding='utf-8') as f:
            f.write(f'content of file {i}\n' * 1000)
    with open(os.path.join(context, 'Dockerfile'), 'w', encoding='utf-8') as f:
        f.write('\n'.join(dockerfile(STEPS)) + '\n')
    return context


def build_tools(place, context, table):
    """name -> argv without the option for the cache, and the environment."""
    data, tools = os.path.join(place.dir, 'built'), {}
    base = fresh(os.path.join(place.dir, 'base'))
    shutil.copy(place.tar, os.path.join(base, 'rootfs.tar'))
    with open(os.path.join(base, 'Dockerfile'), 'w', encoding='utf-8') as f:
        f.write('FROM scratch\nADD rootfs.tar /\n')
    os.makedirs(data)
    run(BERTH, 'build', '--data', data, '--progress', 'quiet', '-t', 'busybox', base)
    tools['berth'] = ([BERTH, 'build', '--data', data, '--progress', 'quiet', '-t', 'bench', context], None)
    if shutil.which('buildah') and shutil.which('skopeo'):
        options, _ = containers_storage(place, 'buildah')
        run('sh', '-c', f'buildah {" ".join(options)} from --name base scratch && '
            f'buildah {" ".join(options)} add -q base {place.tar} / && buildah {" ".join(options)} commit -q --rm base busybox')
        tools['buildah'] = (['buildah', *options, 'bud', '-q', '--layers', '--isolation', 'chroot', '--pull-never', '-t', 'bench',
                             context], None)
    try:
        place.docker = place.docker or Docker(place)
        tools['docker, classic builder'] = (['docker', '-H', place.docker.host, 'build', '-q', '--network', 'none', '-t', 'bench',
                                             context], {'DOCKER_BUILDKIT': '0'})
    except Skip as e:
        table.note(f'build, docker: not measured: {e}')
    return tools


def cold(argv):
    verb = next(i for i, word in enumerate(argv) if word in ('build', 'bud'))
    return [*argv[:verb + 1], '--no-cache', *argv[verb + 1:]]


def bench_build(place, table):
    tools = build_tools(place, make_context(place), table)
    times = medians({name: Tool(cold(argv), env=env) for name, (argv, env) in tools.items()}, table, 'build')
    compare(table, f'build of {STEPS} steps, cold', times, 0.8)
    for name in times:
        run(*tools[name][0], env={**os.environ, **(tools[name][1] or {})})
    times = medians({name: Tool(tools[name][0], env=tools[name][1]) for name in times}, table, 'build')
    compare(table, f'build of {STEPS} steps, all from the cache', times, 0.2)
    containers_storage(place, 'buildah')[1]()
