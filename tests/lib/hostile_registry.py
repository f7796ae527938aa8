#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hostile_registry DIR [CERT KEY]: a registry that breaks rules, for tests of the client. Listens on two free ports of 127.0.0.1 (two origins;
the first by TLS when there is a certificate), writes them to DIR/ports ("A B") and every request to DIR/log, one JSON object a line:
{"origin": "A"|"B", "method", "path", "authorization", "range"}. Ends with its parent.

The repository's name says what happens ("cut/x" -> cut); the image in it is always the same small one. See KINDS.
"""
import base64
import ctypes
import gzip
import hashlib
import http.server
import io
import json
import os
import random
import signal
import ssl
import sys
import tarfile
import threading

MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
INDEX = 'application/vnd.oci.image.index.v1+json'
LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'
CONFIG = 'application/vnd.oci.image.config.v1+json'
FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
USER = 'Basic ' + base64.b64encode(b'user:very-secret').decode()
SIZE = 300000

directory, blobs, seen = sys.argv[1], {}, {}
lock = threading.Lock()


def digest(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()


def blob(data):
    blobs[digest(data)] = data
    return {'digest': digest(data), 'size': len(data)}


def make_image(extra=None, **layer):
    random.seed(1)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w', format=tarfile.PAX_FORMAT) as tar:
        entry = tarfile.TarInfo('file')
        entry.size = SIZE
        tar.addfile(entry, io.BytesIO(random.randbytes(SIZE)))
    plain = out.getvalue()
    config = json.dumps({'architecture': 'amd64', 'os': 'linux', 'config': {'Cmd': ['/file']},
                         'rootfs': {'type': 'layers', 'diff_ids': [digest(plain)]}}).encode()
    manifest = {'schemaVersion': 2, 'mediaType': MANIFEST, 'config': {**blob(config), 'mediaType': CONFIG},
                'layers': [{**blob(gzip.compress(plain, mtime=0)), 'mediaType': LAYER, **layer}]}
    return json.dumps({**manifest, **(extra or {})}).encode()


PLAIN = make_image()
OTHER = make_image({'annotations': {'for': 'arm64'}})
PLATFORMS = json.dumps({'schemaVersion': 2, 'mediaType': INDEX, 'manifests': [
    {**blob(text), 'mediaType': MANIFEST, 'platform': {'os': 'linux', 'architecture': name}}
    for name, text in (('amd64', PLAIN), ('arm64', OTHER))]}).encode()
LAYER_DIGEST = json.loads(PLAIN)['layers'][0]['digest']


class Registry(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    origin = other = ''

    def log_message(self, *_):
        pass

    def note(self):
        line = {'origin': self.origin, 'method': self.command, 'path': self.path,
                'authorization': self.headers.get('Authorization'), 'range': self.headers.get('Range')}
        with lock, open(os.path.join(directory, 'log'), 'a', encoding='utf-8') as f:
            f.write(json.dumps(line) + '\n')

    def times(self, key):
        with lock:
            seen[key] = seen.get(key, 0) + 1
            return seen[key]

    def answer(self, status, body=b'', **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        if 'Content_Length' not in headers:
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def manifest(self, body, kind=MANIFEST):
        self.answer(200, body, Content_Type=kind)

    def part(self, data, first, send=None, status=206, shift=0):
        """The bytes from `first` on, of which only `send` come before the connection is cut."""
        rest = data[first:]
        headers = {'Content_Length': str(len(rest)), 'ETag': '"one"'}
        if status == 206:
            headers['Content_Range'] = f'bytes {first + shift}-{len(data) - 1}/{len(data)}'
        self.answer(status, rest if send is None else rest[:send], **headers)
        if send is not None and send < len(rest):
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)

    def first(self):
        return int((self.headers.get('Range') or 'bytes=0-')[6:].rstrip('-'))

    def do_POST(self):
        self.note()
        self.answer(404)

    do_PUT = do_PATCH = do_POST

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.note()
        words = self.path.split('?')[0].split('/')
        if words[1] == 'token':
            self.answer(200, b'{"token": "a-token"}')
        elif words[1] == 'elsewhere':
            self.answer(200, blobs[words[2]])
        elif len(words) < 5:
            self.answer(200, b'{}')
        else:
            kind = getattr(self, 'at_' + words[2].replace('-', '_'), None)
            if not kind or not kind(words[-2], words[-1]):
                self.usual(words[-2], words[-1])

    def usual(self, what, name):
        if what == 'manifests':
            self.manifest(PLAIN)
        else:
            first = self.first()
            self.part(blobs[name], first, status=206 if first else 200)

    def signed_in(self, challenge):
        if self.headers.get('Authorization') in (USER, 'Bearer a-token'):
            return True
        self.answer(401, b'{}', WWW_Authenticate=challenge)
        return False

    # ---- kinds: true = answered ----

    def at_index(self, what, name):
        if what == 'manifests' and name.startswith('sha256:'):
            self.manifest(blobs[name])
        elif what == 'manifests':
            self.manifest(PLATFORMS, INDEX)
        return what == 'manifests'

    def at_realm(self, *_):
        return not self.signed_in(f'Bearer realm="{self.other}/token",service="x"')

    def at_redirect(self, what, name):
        if not self.signed_in('Basic realm="x"'):
            return True
        if what == 'blobs' and name == LAYER_DIGEST:
            self.answer(307, Location=f'{self.other}/elsewhere/{name}')
            return True
        return False

    def at_loop(self, what, name):
        if what == 'blobs':
            self.answer(302, Location=self.path)
        return what == 'blobs'

    def at_foreign(self, what, _):
        if what == 'manifests':
            self.manifest(make_image(mediaType=FOREIGN, urls=[f'{self.other}/elsewhere/{LAYER_DIGEST}']))
        return what == 'manifests'

    def at_huge(self, what, _):
        if what == 'manifests':
            self.answer(200, b'{"a":"' + b'x' * (5 << 20) + b'"}', Content_Type=MANIFEST)
        return what == 'manifests'

    def at_deep(self, what, _):
        if what == 'manifests':
            self.manifest(b'[' * 100000 + b']' * 100000)
        return what == 'manifests'

    def at_twice(self, what, _):
        if what == 'manifests':
            self.manifest(PLAIN[:-1] + b',"layers":[]}')
        return what == 'manifests'

    def at_type(self, what, _):
        if what == 'manifests':
            self.manifest(PLAIN, INDEX)
        return what == 'manifests'

    def at_ambiguous(self, what, _):
        if what == 'manifests':
            self.manifest(PLAIN[:-1] + b',"manifests":[]}')
        return what == 'manifests'

    def at_digest(self, what, _):
        if what == 'manifests':
            self.manifest(PLAIN.replace(b'"sha256:', b'"sha256:../../', 1))
        return what == 'manifests'

    def at_says(self, what, _):
        if what == 'manifests':
            self.answer(200, PLAIN, Content_Type=MANIFEST, Docker_Content_Digest=digest(b'other'))
        return what == 'manifests'

    def layer_only(self, name):
        return name == LAYER_DIGEST

    def at_cut(self, _, name):
        if self.layer_only(name):
            first = self.first()
            self.part(blobs[name], first, 70000, 206 if first else 200)
        return self.layer_only(name)

    def at_norange(self, _, name):
        if self.layer_only(name):
            self.part(blobs[name], 0, 100000 * self.times('norange'), 200)
        return self.layer_only(name)

    def at_shift(self, _, name):
        if self.layer_only(name):
            first = self.first()
            self.part(blobs[name], first, 70000, 206 if first else 200, shift=1)
        return self.layer_only(name)

    def at_dead(self, _, name):
        if self.layer_only(name):
            self.close_connection = True
            self.connection.shutdown(2)
        return self.layer_only(name)

    def at_busy(self, what, name):
        if self.times('busy' + what + name) <= 2:
            self.answer(429, b'{"errors":[{"code":"TOOMANYREQUESTS"}]}', Retry_After='0')
            return True
        return False

    def at_never(self, *_):
        self.answer(429, b'{}', Retry_After='86400')
        return True

    def at_down(self, *_):
        self.answer(503, b'<html>')
        return True

    def at_hold(self, _, name):
        """Half of the layer; the rest when somebody writes to the pipe DIR/go."""
        if self.layer_only(name):
            data = blobs[name]
            self.answer(200, data[:len(data) // 2], Content_Length=str(len(data)))
            self.wfile.flush()
            with open(os.path.join(directory, 'go'), encoding='utf-8') as f:
                f.read()
            self.wfile.write(data[len(data) // 2:])
        return self.layer_only(name)

    def at_longer(self, _, name):
        if self.layer_only(name):
            self.answer(200, blobs[name] + b'more')
        return self.layer_only(name)

    def at_shorter(self, _, name):
        if self.layer_only(name):
            self.answer(200, blobs[name][:-1])
        return self.layer_only(name)

    def at_flip(self, _, name):
        if self.layer_only(name):
            data = bytearray(blobs[name])
            data[len(data) // 2] ^= 1
            self.answer(200, bytes(data))
        return self.layer_only(name)


def main():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    servers = [http.server.ThreadingHTTPServer(('127.0.0.1', 0), type(o, (Registry,), {'origin': o})) for o in 'AB']
    scheme = 'https' if len(sys.argv) > 2 else 'http'
    if scheme == 'https':
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        servers[0].socket = context.wrap_socket(servers[0].socket, server_side=True)
    servers[0].RequestHandlerClass.other = f'http://127.0.0.1:{servers[1].server_port}'
    servers[1].RequestHandlerClass.other = f'{scheme}://127.0.0.1:{servers[0].server_port}'
    for s in servers:
        threading.Thread(target=s.serve_forever, daemon=True).start()
    with open(os.path.join(directory, 'ports.new'), 'w', encoding='utf-8') as f:
        f.write(' '.join(str(s.server_port) for s in servers) + '\n' + digest(PLAIN) + '\n')
    os.rename(os.path.join(directory, 'ports.new'), os.path.join(directory, 'ports'))
    signal.pause()


main()
