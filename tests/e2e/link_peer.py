#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The other side of the link (docs/formats/link.md) as another release would have it: no member that is not needed, members and messages that nobody knows yet.

link_peer.py agent HOST:PORT TOKEN NODE MIN MAX DIR    joins, and takes each copy as started and ended
link_peer.py server PORT PROTOCOL DIR                  writes a token to DIR/token, takes whoever joins, has one container run there, and ends

Each message of the peer is a line on stdout.
"""
import hashlib, json, os, socket, ssl, struct, subprocess, sys, time

import h2.config, h2.connection, h2.events

MS = 1000
BEAT_S = 0.2
# It has the image, so that nobody brings it one.
FACTS = json.dumps({'images': {'busybox': 1, 'busybox:latest': 1}, 'colour': {'of': 'it'}})
CONFIG = '''
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
[agent]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
'''


def openssl(*args):
    subprocess.run(['openssl', *args], check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def make_key(path):
    openssl('ecparam', '-genkey', '-name', 'prime256v1', '-noout', '-out', path)


def read(path):
    with open(path, encoding='ascii') as f:
        return f.read()


def exactly(s, n):
    data = b''
    while len(data) < n:
        piece = s.recv(n - len(data))
        if not piece:
            raise EOFError('the peer has gone')
        data += piece
    return data


def framed(o):
    text = json.dumps(o).encode()
    return struct.pack('>I', len(text)) + text


class Control:
    """Messages on the control stream, which berth's server opens whoever has dialled."""

    def __init__(self, s, server):
        self.s, self.stream, self.data = s, None, b''
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=server, header_encoding='utf-8'))
        self.h2.initiate_connection()
        if server:
            self.stream = self.h2.get_next_available_stream_id()
            self.h2.send_headers(self.stream, [(':method', 'POST'), (':scheme', 'https'), (':authority', 'berth'), (':path', '/control')])
        self.flush()
        while not server and not self.stream:
            self.more()

    def flush(self):
        self.s.sendall(self.h2.data_to_send())

    def more(self):
        data = self.s.recv(65536)
        if not data:
            raise EOFError('the peer has gone')
        for e in self.h2.receive_data(data):
            if isinstance(e, h2.events.RequestReceived):
                self.stream = e.stream_id
                self.h2.send_headers(self.stream, [(':status', '200')])
            elif isinstance(e, h2.events.DataReceived):
                self.data += e.data
                self.h2.acknowledge_received_data(e.flow_controlled_length, e.stream_id)
        self.flush()

    def send(self, kind, **members):
        self.h2.send_data(self.stream, framed({'type': kind, **members}))
        self.flush()

    def next(self, beat=False):
        while True:
            n = struct.unpack('>I', self.data[:4])[0] + 4 if len(self.data) >= 4 else 4
            if len(self.data) >= n > 4:
                text, self.data = self.data[4:n], self.data[n:]
                print(text.decode(), flush=True)
                return json.loads(text)
            try:
                self.more()
            except TimeoutError:
                if not beat:
                    raise
                self.send('beat')


def tell_of_tomorrow(c):
    c.send('tomorrow', text='of the next release', of={'all': ['kinds']})


# ---- an agent ----

def dial(address, alpn, certs=None):
    how = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    how.check_hostname, how.verify_mode = False, ssl.CERT_NONE
    how.set_alpn_protocols([alpn])
    if certs:
        how.load_cert_chain(*certs)
    host, port = address.rsplit(':', 1)
    return how.wrap_socket(socket.create_connection((host, int(port)), timeout=60))


def agent(address, token, node, least, most, folder):
    key, request, cert = (os.path.join(folder, f'{node}.{end}') for end in ('key', 'csr', 'crt'))
    make_key(key)
    openssl('req', '-new', '-key', key, '-subj', f'/CN={node}', '-out', request)
    with dial(address, 'berth-join/1') as s:
        s.sendall(framed({'token': token, 'node': node, 'request': read(request), 'arch': 'of the next release'}))
        answer = json.loads(exactly(s, struct.unpack('>I', exactly(s, 4))[0]))
    with open(cert, 'w', encoding='ascii') as f:
        f.write(answer['cert'])
    while True:
        try:
            if work(Control(dial(address, 'berth/1', (cert, key)), False), node, int(least), int(most)):
                return
        except (EOFError, OSError):
            time.sleep(BEAT_S)


def work(c, node, least, most):
    c.send('hello', text=node, text2='/spaces', protocol_min=least, protocol_max=most, slots=1, cpu_milli=1000, memory=1 << 30, facts=FACTS, colour={'of': 'it'})
    tell_of_tomorrow(c)
    c.s.settimeout(BEAT_S)
    while True:
        m = c.next(beat=True)
        if m['type'] == 'refuse':
            return True
        if m['type'] != 'start':
            continue
        attempt = {k: m[k] for k in ('job', 'task', 'index', 'attempt')}
        c.send('started', text='0' * 64, **attempt)
        c.send('exited', outcome='exited', code=0, signal=0, flag=False, **attempt)


# ---- a server ----

def make_authority(path):
    with open(path('conf'), 'w', encoding='ascii') as f:
        f.write(CONFIG)
    for name in ('ca', 'server'):
        make_key(path(f'{name}.key'))
    openssl('req', '-x509', '-new', '-config', path('conf'), '-extensions', 'ca', '-key', path('ca.key'), '-subj', '/CN=berth', '-days', '9', '-out', path('ca.crt'))
    openssl('req', '-new', '-config', path('conf'), '-key', path('server.key'), '-subj', '/CN=server', '-out', path('server.csr'))
    sign(path, 'server')
    pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert(read(path('ca.crt')))).hexdigest()
    with open(path('server.crt'), 'a', encoding='ascii') as f:
        f.write(read(path('ca.crt')))
    with open(path('token'), 'w', encoding='ascii') as f:
        f.write(f'berth1.{8 * "a"}.{32 * "b"}.{pin}\n')


def sign(path, name, *more):
    openssl('x509', '-req', '-in', path(f'{name}.csr'), '-CA', path('ca.crt'), '-CAkey', path('ca.key'), '-CAcreateserial', '-days', '9',
            '-extfile', path('conf'), '-extensions', name, '-out', path(f'{name}.crt'), *more)


def take_in(s, path):
    wish = json.loads(exactly(s, struct.unpack('>I', exactly(s, 4))[0]))
    with open(path('agent.csr'), 'w', encoding='ascii') as f:
        f.write(wish['request'])
    sign(path, 'agent')
    s.sendall(framed({'cert': read(path('agent.crt')), 'of': 'the next release'}))
    s.close()


def use(s, protocol):
    c = Control(s, True)
    hello = c.next()
    assert hello['type'] == 'hello' and hello['protocol_min'] <= int(protocol) <= hello['protocol_max'], hello
    c.send('welcome', protocol=int(protocol), lease_ms=5 * MS, colour={'of': 'it'})
    tell_of_tomorrow(c)
    m = hello
    while '"busybox' not in m.get('facts' if m is hello else 'text', ''):
        m = c.next()
    attempt = {'job': 'other-1', 'task': 0, 'index': 0, 'attempt': 1}
    container = {'image': 'busybox', 'command': ['sh', '-c', 'exit 7'], 'key': 'other-1/0/0/1', 'name': 'other-1-t-0', 'job': 'other-1', 'task': 't',
                 'index': 0, 'epoch': 1}
    c.send('start', flag=False, text=json.dumps(container), **attempt)
    while c.next()['type'] != 'exited':
        pass
    c.send('forget', job='other-1')


def server(port, protocol, folder):
    def path(name):
        return os.path.join(folder, name)

    make_authority(path)
    how = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    how.load_cert_chain(path('server.crt'), path('server.key'))
    how.load_verify_locations(path('ca.crt'))
    how.verify_mode = ssl.CERT_OPTIONAL
    how.set_alpn_protocols(['berth/1', 'berth-join/1'])
    door = socket.create_server(('127.0.0.1', int(port)))
    print('ready', flush=True)
    while True:
        s = how.wrap_socket(door.accept()[0], server_side=True)
        s.settimeout(60)
        if s.selected_alpn_protocol() == 'berth/1':
            use(s, protocol)
            return
        take_in(s, path)


if __name__ == '__main__':
    {'agent': agent, 'server': server}[sys.argv[1]](*sys.argv[2:])
