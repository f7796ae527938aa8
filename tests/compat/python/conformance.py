#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Buildah's conformance cases: what Docker's classic builder and `berth build` make of the same Dockerfile and context.

    conformance.py list DIR            the names of the cases in the checkout DIR/tests/conformance
    conformance.py run DIR NAME WORK   one case, in the empty folder WORK: starts a dockerd, builds with both, compares; prints a line of TAP

The cases are rows of a table in Go (conformance_test.go), of which only texts are read; a case whose context is made by Go code is skipped.
Every base image is the same busybox, made here. Compared are: whether the build fails; of the config what a user sets; of the files names, types,
modes, owners, contents, targets of links, and the times of files that are older than the build. BERTH is the program.
"""
import ast
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time

OLD = 1000000000
CONFIG = ('User', 'ExposedPorts', 'Env', 'Entrypoint', 'Cmd', 'Volumes', 'WorkingDir', 'Labels', 'StopSignal', 'Shell', 'OnBuild', 'Healthcheck')
BASES = ('mirror.gcr.io/busybox', 'mirror.gcr.io/alpine', 'mirror.gcr.io/golang', 'quay.io/libpod/centos:7', 'quay.io/libpod/ubuntu:latest',
         'quay.io/libpod/busybox', 'quay.io/fedora/python-311:latest')


class Skip(Exception):
    pass


# ---- the table ----

def go_strings(text):
    """All string literals of a piece of Go, in their order."""
    found = re.findall(r'`[^`]*`|"(?:[^"\\]|\\.)*"', text)
    return [s[1:-1] if s[0] == '`' else ast.literal_eval(s) for s in found]


def fields_of(block):
    """{name: text} of the members of one row, which gofmt has put at two tabs."""
    fields, name = {}, None
    for line in block:
        start = re.match(r'\t\t(\w+):\s*(.*)', line)
        if start:
            name, line = start.group(1), start.group(2)
            fields[name] = line
        elif name:
            fields[name] += '\n' + line
    return fields


def cases(folder):
    with open(os.path.join(folder, 'conformance_test.go'), encoding='utf-8') as f:
        lines = f.read().split('\n')
    begin = lines.index('var internalTestCases = []testCase{')
    rows, block = [], None
    for line in lines[begin + 1:lines.index('}', begin)]:
        if line == '\t{':
            block = []
        elif line == '\t},':
            rows.append(fields_of(block))
        elif block is not None:
            block.append(line)
    named = {}
    for row in rows:
        name = go_strings(row['name'])[0]
        named[name + '#01' if name in named else name] = row
    return named


def text_of(row, name):
    found = go_strings(row.get(name, ''))
    return found[0] if found else ''


def contents_of(row):
    text = row['dockerfileContents']
    if 'Sprintf' in text:
        raise Skip('its Dockerfile is made by Go code')
    parts = go_strings(text)
    return '\n'.join(parts[:-1]) if text.startswith('strings.Join') else parts[0]


def prepare(folder, row, work):
    """The context and the Dockerfile of a case below work."""
    context, file = os.path.join(work, 'context'), os.path.join(work, 'Dockerfile')
    data = os.path.join(folder, 'testdata')
    if 'tweakContextDir' in row:
        raise Skip('its context is made by Go code')
    if 'transientMounts' in row or 'testUsingSetParent' in row:
        raise Skip('an option of buildah\'s library')
    if row.get('dockerUseBuildKit', '').startswith('true') or 'withoutDocker' in row:
        raise Skip('the reference for it is BuildKit, or nothing')
    source = os.path.join(data, text_of(row, 'contextDir'))
    if 'contextDir' in row:
        shutil.copytree(source, context, symlinks=True)
    else:
        os.mkdir(context)
    if 'dockerfileContents' in row:
        with open(file, 'w', encoding='utf-8') as f:
            f.write(contents_of(row))
    else:
        name = text_of(row, 'dockerfile') or 'Dockerfile'
        if os.path.isfile(os.path.join(context, name)):
            file = os.path.join(context, name)
        else:
            shutil.copy(os.path.join(data, name), file)
    for top, dirs, files in os.walk(context):
        for path in [top] + [os.path.join(top, name) for name in dirs + files]:
            # Of modes git keeps whether a file is a program, no more.
            if not os.path.islink(path):
                os.chmod(path, os.stat(path).st_mode & ~0o022)
            os.utime(path, (OLD, OLD), follow_symlinks=False)
    pairs = re.findall(r'"(\w+)":\s*("(?:[^"\\]|\\.)*")', row.get('buildArgs', ''))
    return context, file, [word for name, value in pairs for word in ('--build-arg', name + '=' + ast.literal_eval(value))]


# ---- the two builders ----

def call(words, **more):
    return subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more)


def must(words, **more):
    done = call(words, **more)
    if done.returncode:
        raise RuntimeError(f'{words}: {done.stdout.decode(errors="replace")}')
    return done.stdout


def base_tar(work):
    """A root file system with busybox under all its names."""
    path, busybox = os.path.join(work, 'base.tar'), shutil.which('busybox')
    names = subprocess.run([busybox, '--list'], stdout=subprocess.PIPE, check=True).stdout.decode().split()
    texts = {'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nbin:x:1:1:bin:/bin:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n',
             'etc/group': 'root:x:0:\nbin:x:1:\nnobody:x:65534:\n'}

    def entry(name, kind, mode, **more):
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.mtime = kind, mode, OLD
        for key, value in more.items():
            setattr(info, key, value)
        return info

    with tarfile.open(path, 'w') as tar:
        for name in ('bin', 'etc', 'root', 'tmp', 'usr', 'usr/bin', 'var', 'home', 'proc', 'sys', 'dev', 'run'):
            tar.addfile(entry(name, tarfile.DIRTYPE, 0o1777 if name == 'tmp' else 0o755))
        with open(busybox, 'rb') as f:
            tar.addfile(entry('bin/busybox', tarfile.REGTYPE, 0o755, size=os.path.getsize(busybox)), f)
        for name in names:
            if name != 'busybox':
                tar.addfile(entry('bin/' + name, tarfile.LNKTYPE, 0o755, linkname='bin/busybox'))
        tar.addfile(entry('usr/bin/env', tarfile.SYMTYPE, 0o777, linkname='/bin/env'))
        for name, text in texts.items():
            tar.addfile(entry(name, tarfile.REGTYPE, 0o644, size=len(text)), io.BytesIO(text.encode()))
    return path


class Docker:
    def __init__(self, work):
        self.socket = 'unix://' + os.path.join(work, 'docker.sock')
        self.env = dict(os.environ, DOCKER_BUILDKIT='0', DOCKER_HOST=self.socket, DOCKER_CONFIG=os.path.join(work, 'docker-config'))
        self.log = open(os.path.join(work, 'dockerd.log'), 'w+b')
        with open(os.path.join(work, 'daemon.json'), 'w', encoding='utf-8') as f:
            f.write('{}')
        self.daemon = subprocess.Popen(
            ['dockerd', '--config-file', os.path.join(work, 'daemon.json'), '--data-root', os.path.join(work, 'docker'), '--exec-root',
             os.path.join(work, 'docker-run'), '--pidfile', os.path.join(work, 'dockerd.pid'), '--host', self.socket, '--iptables=false',
             '--ip6tables=false', '--bridge=none', '--storage-driver=vfs'], stdout=self.log, stderr=self.log)

    def ready(self):
        while call(['docker', 'info'], env=self.env).returncode:
            if self.daemon.poll() is not None:
                self.log.seek(0)
                raise RuntimeError('dockerd ended: ' + self.log.read().decode(errors='replace')[-2000:])
            time.sleep(0.05)

    def run(self, *words):
        return call(['docker', *words], env=self.env)

    def must(self, *words):
        return must(['docker', *words], env=self.env)


class Berth:
    def __init__(self, work):
        self.program = os.environ['BERTH']
        self.env = dict(os.environ, BERTH_DATA=os.path.join(work, 'berth'), XDG_CONFIG_HOME=os.path.join(work, 'config'))

    def run(self, *words):
        return call([self.program, *words], env=self.env)

    def must(self, *words):
        return must([self.program, *words], env=self.env)


# ---- comparing ----

def add_layer(tree, tar):
    """One layer onto the tree {path: (facts..., mtime)}."""
    gone = []
    for m in tar:
        path = m.name.removeprefix('./').strip('/')
        folder, name = os.path.split(path)
        if name == '.wh..wh..opq':
            gone.append(folder + '/')
        elif name.startswith('.wh.'):
            gone += [os.path.join(folder, name[4:]), os.path.join(folder, name[4:]) + '/']
    for path in list(tree):
        if any(path == g or (g.endswith('/') and path.startswith(g)) for g in gone):
            del tree[path]
    for m in tar:
        path = m.name.removeprefix('./').strip('/')
        if not path or os.path.basename(path).startswith('.wh.'):
            continue
        if m.islnk():
            tree[path] = tree[m.linkname.removeprefix('./').strip('/')]
            continue
        if not m.isdir() or (path in tree and tree[path][0] != 'dir'):
            for below in [p for p in tree if p.startswith(path + '/')]:
                del tree[below]
        kind = 'dir' if m.isdir() else 'link' if m.issym() else 'file' if m.isreg() else 'other'
        content = hashlib.sha256(tar.extractfile(m).read()).hexdigest() if m.isreg() else m.linkname
        tree[path] = (kind, None if m.issym() else oct(m.mode & 0o7777), m.uid, m.gid, content, int(m.mtime))


def read_image(path):
    with tarfile.open(path) as outer:
        manifest = json.load(outer.extractfile('manifest.json'))[0]
        config = json.load(outer.extractfile(manifest['Config']))
        tree = {}
        for layer in manifest['Layers']:
            member = outer.getmember(layer)
            if member.issym():
                member = outer.getmember(os.path.normpath(os.path.join(os.path.dirname(layer), member.linkname)))
            with tarfile.open(fileobj=outer.extractfile(member)) as tar:
                add_layer(tree, tar)
    return config, tree


def is_skipped(path, what, skips):
    """fsSkip of the table: "(dir):a:(dir):b:mtime", or without a last word everything there and below."""
    for skip in skips:
        parts = [p for p in skip.split(':') if p != '(dir)']
        last = parts.pop() if parts[-1] in ('mtime', 'uid', 'gid', 'mode', 'size', 'type', 'digest') else None
        where = '/'.join(parts)
        if path == where and last in (None, what) or (last is None and path.startswith(where + '/')):
            return True
    return False


def differences(docker, berth, skips, started):
    names = ('type', 'mode', 'uid', 'gid', 'digest', 'mtime')
    (a, left), (b, right) = docker, berth
    for key in CONFIG:
        x, y = a['config'].get(key) or None, b['config'].get(key) or None
        if x != y:
            yield f'config {key}: docker {json.dumps(x)}, berth {json.dumps(y)}'
    for path in sorted(set(left) | set(right)):
        if (path not in left or path not in right) and not is_skipped(path, None, skips):
            yield f'{path}: only {"docker" if path in left else "berth"} has it'
        if path not in left or path not in right:
            continue
        for name, x, y in zip(names, left[path], right[path]):
            if name == 'mtime' and (left[path][0] != 'file' or x >= started):
                continue
            if x != y and not is_skipped(path, name, skips):
                yield f'{path}: {name}: docker {x}, berth {y}'


def compare(folder, name, work):
    row = cases(folder)[name]
    context, file, args = prepare(folder, row, work)
    tar, started = base_tar(work), int(time.time())
    docker, berth = Docker(work), Berth(work)
    docker.ready()
    image = docker.must('import', '--change', 'CMD ["sh"]', '--change', 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
                        tar, BASES[0]).decode().strip()
    for base in BASES[1:]:
        docker.must('tag', image, base)
    docker.must('save', '-o', os.path.join(work, 'bases.tar'), *BASES)
    berth.must('load', '-i', os.path.join(work, 'bases.tar'))

    one = docker.run('build', '--network', 'none', '-t', 'result', '-f', file, *args, context)
    two = berth.run('build', '--progress', 'plain', '-t', 'result', '-f', file, *args, context)
    print(''.join('# docker: ' + line + '\n' for line in one.stdout.decode(errors='replace').splitlines()[-20:]), end='')
    print(''.join('# berth: ' + line + '\n' for line in two.stdout.decode(errors='replace').splitlines()[-20:]), end='')
    if 'shouldFailAt' in row and one.returncode == 0:
        raise Skip('docker builds what the case says that it refuses')
    if 'shouldFailAt' not in row and one.returncode:
        raise Skip('docker cannot build it here')
    if one.returncode or two.returncode:
        return [] if bool(one.returncode) == bool(two.returncode) else [f'docker ended with {one.returncode}, berth with {two.returncode}']
    docker.must('save', '-o', os.path.join(work, 'docker.tar'), 'result')
    berth.must('save', '-o', os.path.join(work, 'berth.tar'), 'result')
    return list(differences(read_image(os.path.join(work, 'docker.tar')), read_image(os.path.join(work, 'berth.tar')),
                            go_strings(row.get('fsSkip', '')), started))


def main():
    if len(sys.argv) not in (3, 5) or (sys.argv[1], len(sys.argv)) not in (('list', 3), ('run', 5)):
        print(__doc__, file=sys.stderr)
        return 2
    folder = os.path.join(sys.argv[2], 'tests', 'conformance')
    if sys.argv[1] == 'list':
        print('\n'.join(cases(folder)))
        return 0
    try:
        found = compare(folder, sys.argv[3], sys.argv[4])
    except Skip as reason:
        print(f'ok 1 - {sys.argv[3]} # skip {reason}')
        return 0
    print(''.join(f'# {line}\n' for line in found), end='')
    print(f'{"not " if found else ""}ok 1 - {sys.argv[3]}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
