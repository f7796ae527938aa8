#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""token_server DIR PORT CERTS: a token server for a registry, on https://127.0.0.1:PORT/token with CERTS/cert and CERTS/key. Writes the certificate
that a registry must trust to DIR/token.crt and a line for each request to DIR/tokens. user:very-secret may do everything and gets the identity
token "an-identity"; nobody may pull from public/*. Signs with openssl. Ends with its parent."""
import base64
import ctypes
import http.server
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.parse

directory, port, certs = sys.argv[1], int(sys.argv[2]), sys.argv[3]
key = directory + '/token.key'


def text64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def make_key():
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=tokens', '-keyout', key, '-out',
                    directory + '/token.new'], check=True, stderr=subprocess.DEVNULL)
    with open(directory + '/token.new', encoding='ascii') as f:
        body = ''.join(f.read().split('\n')[1:-2])
    os.rename(directory + '/token.new', directory + '/token.crt')
    return body


def sign(claims):
    head = {'typ': 'JWT', 'alg': 'RS256', 'x5c': [certificate]}
    text = text64(json.dumps(head).encode()) + '.' + text64(json.dumps(claims).encode())
    done = subprocess.run(['openssl', 'dgst', '-sha256', '-sign', key], input=text.encode(), check=True, stdout=subprocess.PIPE)
    return text + '.' + text64(done.stdout)


def allowed(scopes, known):
    for scope in scopes:
        kind, name, actions = scope.split(':')
        yield {'type': kind, 'name': name,
               'actions': [a for a in actions.split(',') if known or (a == 'pull' and name.startswith('public/'))]}


class Server(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def reply(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def grant(self, query, known):
        scopes = [s for words in query.get('scope', []) for s in words.split()]
        with open(directory + '/tokens', 'a', encoding='utf-8') as f:
            f.write(f'{self.command} {" ".join(scopes)}\n')
        now = int(time.time())
        token = sign({'iss': 'tests', 'sub': 'user' if known else '', 'aud': 'peer', 'exp': now + 300, 'nbf': now - 10, 'iat': now,
                      'jti': str(time.time_ns()), 'access': list(allowed(scopes, known))})
        extra = {'refresh_token': 'an-identity'} if query.get('offline_token') and known else {}
        self.reply(200, {'token': token, 'access_token': token, 'expires_in': 300, **extra})

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        said = self.headers.get('Authorization')
        known = said == 'Basic ' + base64.b64encode(b'user:very-secret').decode()
        if said and not known:
            self.reply(401, {'details': 'wrong password'})
        else:
            self.grant(query, known)

    def do_POST(self):
        query = urllib.parse.parse_qs(self.rfile.read(int(self.headers['Content-Length'])).decode())
        if query.get('grant_type') == ['refresh_token'] and query.get('refresh_token') == ['an-identity']:
            self.grant(query, True)
        else:
            self.reply(401, {'details': 'wrong token'})


ctypes.CDLL(None).prctl(1, signal.SIGKILL)
server = http.server.ThreadingHTTPServer(('127.0.0.1', port), Server)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certs + '/cert', certs + '/key')
server.socket = context.wrap_socket(server.socket, server_side=True)
certificate = make_key()
server.serve_forever()
