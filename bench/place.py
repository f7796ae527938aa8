# SPDX-License-Identifier: Apache-2.0
"""The folder in which everything lives, with a berth of its own, and a dockerd beside it."""
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time

from measure import BERTH, Skip, TOP, batches, descendants, mounts, read, run


class Place:
    """A temporary folder with a berth of its own, a root filesystem and bundles for the peers."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='berth-bench.')
        self.socket = os.path.join(self.dir, 'berth.sock')
        os.environ['BERTH_SOCKET'] = self.socket
        self.tar = os.path.join(self.dir, 'busybox.tar')
        self.rootfs = os.path.join(self.dir, 'rootfs')
        self.docker = self.boxes = self.states = None
        self.up = False

    def prepare(self):
        with open(self.tar, 'wb') as f:
            subprocess.run([os.path.join(TOP, 'tools', 'mkimage-busybox')], stdout=f, check=True)
        os.mkdir(self.rootfs)
        run('tar', '-C', self.rootfs, '-xf', self.tar)

    def start_berth(self, *options):
        if not self.up:
            self.up = True
            run(BERTH, 'up', '--data', os.path.join(self.dir, 'data'), *options)
            run(BERTH, 'image', 'import', self.tar, 'busybox')

    def stop_berth(self):
        if self.up:
            subprocess.run([BERTH, 'down', '--all'], check=False, stdout=subprocess.DEVNULL)
            self.up = False

    def state(self):
        """Where the OCI tools keep their states: in memory, as /run is on most machines."""
        if not self.states:
            self.states = tempfile.mkdtemp(prefix='berth-bench.', dir='/dev/shm' if os.path.ismount('/dev/shm') else None)
        return self.states

    def delete_boxes(self):
        if self.boxes:
            run(*self.boxes.argv('berth', 'delete', '--force', '--regex', 'alive-.*'), check=False)
            self.boxes = None

    def close(self):
        self.delete_boxes()
        self.stop_berth()
        if self.docker:
            self.docker.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
        if self.states:
            shutil.rmtree(self.states, ignore_errors=True)


class Docker:
    """A dockerd of our own: folder, socket and containerd below the place; no bridge, no firewall rules, but with `network`, which wants a network
    namespace of one's own; ended by its pid."""

    def __init__(self, place, network=False):
        if not shutil.which('dockerd') or not shutil.which('docker'):
            raise Skip('docker is not installed (Debian package docker.io)')
        self.dir = tempfile.mkdtemp(prefix='docker-', dir=place.dir)
        self.host = f'unix://{self.dir}/docker.sock'
        self.network = [] if network else ['--iptables=false', '--ip6tables=false', '--bridge=none']
        self.before = set(mounts())
        self.log = open(os.path.join(self.dir, 'log'), 'wb')  # pylint: disable=consider-using-with
        self.process = None
        for driver in ('overlay2', 'vfs'):
            if self.start(driver):
                break
        else:
            self.stop()
            raise Skip(f'dockerd does not start: {self.last_words()}')
        self.call('import', place.tar, 'busybox')

    def start(self, driver):
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(
            ['dockerd', f'--data-root={self.dir}/data', f'--exec-root={self.dir}/exec', f'--pidfile={self.dir}/pid',
             f'--host={self.host}', f'--storage-driver={driver}', *self.network],
            stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            if subprocess.run(['docker', '-H', self.host, 'version'], capture_output=True, check=False).returncode == 0:
                return True
            time.sleep(0.1)
        self.end_process()
        return False

    def last_words(self):
        with open(os.path.join(self.dir, 'log'), encoding='utf-8', errors='replace') as f:
            return f.read().strip().split('\n')[-1][-300:]

    def call(self, *argv):
        return run('docker', '-H', self.host, *argv)

    def processes(self):
        """dockerd, its containerd, and the shims, which belong to PID 1 but name our socket."""
        found = set(descendants(self.process.pid))
        for path in glob.glob('/proc/[0-9]*/cmdline'):
            words = read(path)
            if 'containerd-shim' in words.split('\0')[0] and self.dir in words:
                found.add(int(path.split('/')[2]))
        return found

    def end_process(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            ids = subprocess.run(['docker', '-H', self.host, 'ps', '-aq'], capture_output=True, text=True, check=False)
            for part in batches(ids.stdout.split(), 20):
                subprocess.run(['docker', '-H', self.host, 'rm', '-f', *part], capture_output=True, check=False)
        self.end_process()
        self.log.close()
        for path in sorted(set(mounts()) - self.before, reverse=True):
            if path.startswith(self.dir):
                subprocess.run(['umount', '-l', path], capture_output=True, check=False)
