#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""web_server DIR [CERT KEY]: files on free ports of 127.0.0.1, for tests of what fetches from addresses. Writes them to DIR/ports ("A B"; A by
TLS when there is a certificate) and each request to DIR/log, a line "METHOD PATH". Ends with its parent. Served are the files below DIR/www:

  /NAME            with ETag (of the content) and Last-Modified (2020-01-02 03:04:05 GMT)
  /bare/NAME       without both
  /cut/NAME        of the content the first half
  /huge/NAME       says that it has a terabyte, and sends what it has
  /meet/NAME       when two such requests are there, or after a minute not at all
  /loop            redirects to itself
  /to?ADDRESS      redirects there
  /git/...         by git http-backend, repositories below DIR/git
"""
import ctypes
import hashlib
import http.server
import os
import signal
import ssl
import subprocess
import sys
import threading
import urllib.parse

directory = sys.argv[1]
lock = threading.Lock()
meeting = threading.Barrier(2, timeout=60)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, format, *args):
        pass

    def reply(self, status, body=b'', length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', str(len(body) if length is None else length))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def git(self):
        path, _, query = self.path.partition('?')
        env = {'GIT_PROJECT_ROOT': os.path.join(directory, 'git'), 'GIT_HTTP_EXPORT_ALL': '1', 'PATH_INFO': path[len('/git'):],
               'QUERY_STRING': query, 'REQUEST_METHOD': self.command, 'CONTENT_TYPE': self.headers.get('Content-Type', ''),
               'HTTP_CONTENT_ENCODING': self.headers.get('Content-Encoding', ''), 'PATH': os.environ['PATH'],
               'GIT_PROTOCOL': self.headers.get('Git-Protocol', ''), 'GIT_CONFIG_NOSYSTEM': '1', 'HOME': directory}
        body = self.rfile.read(int(self.headers.get('Content-Length', 0)))
        if self.headers.get('Transfer-Encoding') == 'chunked':
            body = b''
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        out = subprocess.run(['git', 'http-backend'], input=body, env=env, stdout=subprocess.PIPE, check=False).stdout
        head, _, content = out.partition(b'\r\n\r\n')
        headers = dict(line.split(': ', 1) for line in head.decode().split('\r\n') if ': ' in line)
        status = int(headers.pop('Status', '200').split()[0])
        self.reply(status, content, **{k.replace('-', '_'): v for k, v in headers.items() if k != 'Content-Length'})

    def do_GET(self):
        with lock, open(os.path.join(directory, 'log'), 'a', encoding='utf-8') as log:
            log.write(f'{self.command} {self.path}\n')
        path, _, query = self.path.partition('?')
        if path.startswith('/git/'):
            return self.git()
        if path in ('/loop', '/to'):
            return self.reply(302, Location=query or '/loop')
        if path.startswith('/meet/'):
            try:
                meeting.wait()
            except threading.BrokenBarrierError:
                return self.reply(500)
        kind, _, name = urllib.parse.unquote(path)[1:].rpartition('/')
        try:
            with open(os.path.join(directory, 'www', name), 'rb') as f:
                body = f.read()
        except OSError:
            return self.reply(404, b'not here')
        if kind == 'bare':
            return self.reply(200, body)
        if kind == 'cut':
            self.reply(200, body[:len(body) // 2], len(body))
            self.close_connection = True
            return None
        if kind == 'huge':
            self.reply(200, body, 1 << 40)
            self.close_connection = True
            return None
        tag = f'"{hashlib.md5(body).hexdigest()}"'
        return self.reply(200, body, ETag=tag, Last_Modified='Thu, 02 Jan 2020 03:04:05 GMT')

    do_POST = do_GET


def serve(certificate):
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


ctypes.CDLL(None).prctl(1, signal.SIGKILL)
ports = [serve(sys.argv[2:]), serve(None)]
with open(os.path.join(directory, 'ports.new'), 'w', encoding='utf-8') as f:
    f.write(' '.join(map(str, ports)) + '\n')
os.rename(os.path.join(directory, 'ports.new'), os.path.join(directory, 'ports'))
signal.pause()
