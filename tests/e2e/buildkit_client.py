#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client of BuildKit's protocol, as docker buildx is one: two connections after an upgrade, HTTP/2 by python3-h2.

buildkit_client.py SOCKET [-d DIR] [-a NAME=VALUE]... [-s ID=TEXT]... [--ssh ID] [--login HOST=USER:PASSWORD]... [--cache-from NAME]... [--key KEY] [-o TYPE] [-n NAME] [--bridge] [--vanish] [--query QUERY [--body]]

  -d       the directory that is context and place of the Dockerfile
  -a       a word of the frontend: "filename=F", "build-arg:X=1"
  -s       a secret
  --key    what the builder may keep the directory by; says which files are asked for
  --ssh    the id of an ssh agent, which has no keys
  --login  who we are to a registry; the hosts that the builder asks for are printed
  --cache-from a cache or an image in a registry
  -o, -n   the exporter (moby, tar, none), the name of the image
  --bridge drives the frontend itself, as buildx does
  --query  builds as clients before buildx do: POST /build?version=2&QUERY
  --body   with --query: the directory is the body of that call
  --control calls METHOD of the builder in place of a build, with the --filter; prints the types and sizes of the records
  --vanish goes away as soon as the first step runs

It prints what the build says, then the answer as NAME=VALUE, or "error STATUS TEXT" (exit code 1). A tar goes to the file "out.tar" beside the directory.
"""
import argparse, base64, http.client, json, os, socket, stat, struct, subprocess, sys, threading, urllib.parse

import h2.config, h2.connection, h2.events, h2.settings


# ---- protobuf ----

def varint(n):
    out = b""
    while True:
        n, low = n >> 7, n & 127
        out += bytes([low | (128 if n else 0)])
        if not n:
            return out


def number(field, n):
    return varint(field << 3) + varint(n) if n else b""


def text(field, value):
    value = value if isinstance(value, bytes) else value.encode()
    return varint(field << 3 | 2) + varint(len(value)) + value


def entry(field, key, value):
    return text(field, text(1, key) + text(2, value))


def fields(data):
    at = 0

    def take():
        nonlocal at
        n = shift = 0
        while True:
            byte = data[at]
            at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n

    while at < len(data):
        key = take()
        if key & 7 == 0:
            yield key >> 3, take()
        else:
            n = take()
            yield key >> 3, data[at:at + n]
            at += n


# ---- HTTP/2 ----

def upgrade(path, name, headers=()):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    lines = [f"POST /v1.44/{name} HTTP/1.1", "Host: docker", "Connection: Upgrade", "Upgrade: h2c", *headers, "", ""]
    s.sendall("\r\n".join(lines).encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = s.recv(1)
        assert byte, head
        head += byte
    assert head.startswith(b"HTTP/1.1 101 "), head
    return s


class Connection:
    def __init__(self, sock, client):
        self.sock, self.lock = sock, threading.RLock()
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=client, header_encoding="utf-8"))
        self.streams, self.more = {}, threading.Condition(self.lock)
        self.serve = None
        with self.lock:
            self.h2.initiate_connection()
            self.flush()
        threading.Thread(target=self.run, daemon=True).start()

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def run(self):
        while True:
            try:
                data = self.sock.recv(65536)
            except OSError:
                data = b""
            with self.lock:
                if not data:
                    for s in self.streams.values():
                        s.over = True
                    self.more.notify_all()
                    return
                for e in self.h2.receive_data(data):
                    self.take(e)
                self.flush()
                self.more.notify_all()

    def take(self, e):
        if isinstance(e, h2.events.RequestReceived):
            s = self.streams[e.stream_id] = Stream(self, e.stream_id)
            threading.Thread(target=self.serve, args=(s, e.headers), daemon=True).start()
            return
        s = self.streams.get(getattr(e, "stream_id", None))
        if not s:
            return
        if isinstance(e, h2.events.DataReceived):
            s.data += e.data
            self.h2.acknowledge_received_data(e.flow_controlled_length, e.stream_id)
        elif isinstance(e, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
            s.headers.update(dict(e.headers))
        elif isinstance(e, (h2.events.StreamEnded, h2.events.StreamReset)):
            s.over = True

    def call(self, path, message=None, headers=()):
        with self.lock:
            id = self.h2.get_next_available_stream_id()
            s = self.streams[id] = Stream(self, id)
            self.h2.send_headers(id, [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x"),
                                      ("content-type", "application/grpc"), ("te", "trailers"), *headers])
            self.flush()
        if message is not None:
            s.send(message)
            s.end()
        return s


class Stream:
    def __init__(self, conn, id):
        self.conn, self.id, self.data, self.over, self.headers = conn, id, b"", False, {}

    def send(self, message):
        data = b"\0" + struct.pack(">I", len(message)) + message
        with self.conn.lock:
            while data:
                room = min(self.conn.h2.local_flow_control_window(self.id), self.conn.h2.max_outbound_frame_size)
                if room == 0:
                    self.conn.more.wait()
                    continue
                self.conn.h2.send_data(self.id, data[:room])
                data = data[room:]
                self.conn.flush()

    def end(self):
        with self.conn.lock:
            self.conn.h2.end_stream(self.id)
            self.conn.flush()

    def answer(self, status=0, words=""):
        with self.conn.lock:
            if not self.headers:
                self.begin()
            self.conn.h2.send_headers(self.id, [("grpc-status", str(status)), ("grpc-message", words)], end_stream=True)
            self.conn.flush()

    def begin(self):
        with self.conn.lock:
            self.headers = {":status": "200"}
            self.conn.h2.send_headers(self.id, [(":status", "200"), ("content-type", "application/grpc")])
            self.conn.flush()

    def next(self):
        with self.conn.lock:
            while True:
                if len(self.data) >= 5:
                    n = struct.unpack(">I", self.data[1:5])[0]
                    if len(self.data) >= 5 + n:
                        message, self.data = self.data[5:5 + n], self.data[5 + n:]
                        return message
                if self.over:
                    return None
                self.conn.more.wait()

    def status(self):
        while self.next() is not None:
            pass
        return int(self.headers.get("grpc-status", 2)), urllib.parse.unquote(self.headers.get("grpc-message", "gone"))


# ---- the session: what the builder asks for ----

def go_mode(mode):
    return mode & 0o777 | (1 << 31 if stat.S_ISDIR(mode) else 1 << 27 if stat.S_ISLNK(mode) else 0)


def walk(top, below=""):
    for name in sorted(os.listdir(os.path.join(top, below))):
        path = os.path.join(below, name)
        yield path
        if stat.S_ISDIR(os.lstat(os.path.join(top, path)).st_mode):
            yield from walk(top, path)


def wanted(path, follow):
    return not follow or any(path == f or path.startswith(f + "/") or f.startswith(path + "/") for f in follow)


def send_files(stream, args, headers):
    follow = [v for k, v in headers if k == "followpaths"]
    names = [p for p in walk(args.d) if wanted(p, follow)]
    stream.begin()
    for path in names:
        st = os.lstat(os.path.join(args.d, path))
        link = os.readlink(os.path.join(args.d, path)) if stat.S_ISLNK(st.st_mode) else ""
        entry = text(1, path) + number(2, go_mode(st.st_mode)) + number(5, st.st_size) + number(6, st.st_mtime_ns)
        stream.send(text(2, entry + (text(7, link) if link else b"")))
    stream.send(b"")
    for message in iter(stream.next, None):
        packet = dict(fields(message))
        if packet.get(1) == 3:
            stream.send(number(1, 3))
            break
        assert packet.get(1) == 1, packet
        id = packet.get(3, 0)
        if args.key:
            print("asked", names[id], flush=True)
        with open(os.path.join(args.d, names[id]), "rb") as f:
            for piece in iter(lambda: f.read(32768), b""):
                stream.send(number(1, 2) + number(3, id) + text(4, piece))
        stream.send(number(1, 2) + number(3, id))
    stream.answer()


def take_tar(stream, args):
    with open(os.path.join(args.d, "..", "out.tar"), "wb") as f:
        for message in iter(stream.next, None):
            f.write(dict(fields(message)).get(1, b""))
    stream.answer()


def give_secret(stream, args):
    secrets = dict(s.split("=", 1) for s in args.s)
    id = dict(fields(stream.next()))[1].decode()
    if id not in secrets:
        stream.answer(5, f"secret {id} not found")
        return
    stream.begin()
    stream.send(text(1, secrets[id]))
    stream.answer()


def give_login(stream, args):
    host = dict(fields(stream.next()))[1].decode()
    print("login", host, flush=True)
    user, _, password = dict(l.split("=", 1) for l in args.login).get(host, "").partition(":")
    stream.begin()
    stream.send((text(1, user) + text(2, password)) if user else b"")
    stream.answer()


def check_agent(stream, args):
    id = dict(fields(stream.next())).get(1, b"").decode()
    if id == args.ssh:
        stream.begin()
        stream.send(b"")
    stream.answer(0 if id == args.ssh else 5, "" if id == args.ssh else "unset ssh forward key")


def be_agent(stream, args):
    """Whatever the request is: SSH_AGENT_IDENTITIES_ANSWER, of no keys."""
    stream.begin()
    for _ in iter(stream.next, None):
        stream.send(text(1, b"\0\0\0\5\x0c\0\0\0\0"))
    stream.answer()


def serve(args):
    def one(stream, headers):
        path = dict(headers)[":path"]
        if path == "/moby.filesync.v1.FileSync/DiffCopy":
            send_files(stream, args, headers)
        elif path == "/moby.filesync.v1.FileSend/DiffCopy":
            take_tar(stream, args)
        elif path == "/moby.buildkit.secrets.v1.Secrets/GetSecret":
            give_secret(stream, args)
        elif path == "/moby.filesync.v1.Auth/Credentials":
            give_login(stream, args)
        elif path == "/moby.sshforward.v1.SSH/CheckAgent":
            check_agent(stream, args)
        elif path == "/moby.sshforward.v1.SSH/ForwardAgent":
            be_agent(stream, args)
        else:
            stream.answer(12, "not here")
    return one


# ---- the build ----

def watch(stream, args):
    for message in iter(stream.next, None):
        for field, value in fields(message):
            one = dict(fields(value))
            if field == 1 and 6 in one:
                print("cached" if one.get(4) else "done", one[3].decode(), one.get(7, b"").decode(), flush=True)
            elif field == 1:
                if args.vanish and one[3].startswith(b"["):
                    if b"/" in one[3].split(b"]")[0]:
                        os._exit(3)
            elif field == 2 and 8 in one:
                print("part", one[1].decode(), flush=True)
            elif field == 3:
                print("|", one[4].decode(), end="", flush=True)
            elif field == 4:
                print("warning", one[3].decode(), flush=True)


def caches(args, field):
    return b"".join(text(field, text(1, "registry") + entry(2, "ref", name)) for name in args.cache_from)


def solve_request(args, ref):
    words = b"".join(entry(7, *a.split("=", 1)) for a in args.a)
    out = text(13, text(1, args.o) + (entry(2, "name", args.n) if args.n else b"")) if args.o != "none" else b""
    mine = b"" if args.bridge else text(6, "dockerfile.v0") + words + text(8, caches(args, 5))
    return text(1, ref) + text(5, ref) + mine + out


def drive(conn, args, ref):
    headers = [("buildkit-controlapi-buildid", ref)]
    bridge = "/moby.buildkit.v1.frontend.LLBBridge/"
    assert conn.call(bridge + "Ping", b"", headers).status()[0] == 0
    words = b"".join(entry(3, *a.split("=", 1)) for a in args.a)
    done = conn.call(bridge + "Solve", text(2, "dockerfile.v0") + words + caches(args, 12), headers)
    code, why = done.status()
    failure = text(2, number(1, code) + text(2, why)) if code else b""
    assert conn.call(bridge + "Return", failure, headers).status()[0] == 0


def place(details):
    """Where in the Dockerfile it stands: google.rpc.Status with an Any that holds JSON."""
    for field, value in fields(base64.b64decode(details or "")):
        if field == 3:
            any = dict(fields(value))
            assert any[1] == b"github.com/moby/buildkit/errdefs.Source+json", any
            source = json.loads(any[2])
            lines = base64.b64decode(source["info"]["data"]).decode().split("\n")
            start, end = (source["ranges"][0][k]["line"] for k in ("start", "end"))
            print("at", source["info"]["filename"], start, end, lines[start - 1])


def old_build(args, ref):
    """Lines of JSON; the status comes in base64, the image or the error at the end."""
    class Traced:
        messages = []

        def next(self):
            return self.messages.pop(0) if self.messages else None

    c = http.client.HTTPConnection("docker")
    c.sock = socket.socket(socket.AF_UNIX)
    c.sock.connect(args.socket)
    where, body = "remote=client-session", b""
    if args.body:
        where, body = "remote=", subprocess.run(["tar", "-C", args.d, "-cf", "-", "."], check=True, stdout=subprocess.PIPE).stdout
    c.request("POST", f"/v1.41/build?version=2&{where}&session={ref}&{args.query}", body)
    reply = c.getresponse()
    code = 0
    for line in reply:
        message = json.loads(line) if line.strip() else {}
        if message.get("id") == "moby.buildkit.trace":
            Traced.messages.append(base64.b64decode(message["aux"]))
            watch(Traced(), args)
        elif message:
            code = 1 if "error" in message or "message" in message else 0
            print(reply.status, json.dumps(message))
    return code


def control(args):
    call = Connection(upgrade(args.socket, "grpc"), True).call("/moby.buildkit.v1.Control/" + args.control, text(1, args.filter) if args.filter else b"")
    for message in iter(call.next, None):
        for field, value in fields(message):
            if field == 1 and args.control == "DiskUsage":
                one = dict(fields(value))
                print("record", one[10].decode(), one.get(4, 0))
    code, why = call.status()
    print("error" if code else "end", code, why)
    return 1 if code else 0


def main():
    p = argparse.ArgumentParser()
    p.add_argument("socket")
    p.add_argument("-d", default=".")
    p.add_argument("-a", action="append", default=[])
    p.add_argument("-s", action="append", default=[])
    p.add_argument("--ssh", default="")
    p.add_argument("--login", action="append", default=[])
    p.add_argument("--cache-from", action="append", default=[])
    p.add_argument("--key", default="")
    p.add_argument("-o", default="moby")
    p.add_argument("-n", default="")
    p.add_argument("--bridge", action="store_true")
    p.add_argument("--vanish", action="store_true")
    p.add_argument("--query", default="")
    p.add_argument("--control", default="")
    p.add_argument("--filter", default="")
    p.add_argument("--body", action="store_true")
    args = p.parse_args()
    if args.control:
        return control(args)
    ref = "ref" + os.urandom(8).hex()
    session = Connection(upgrade(args.socket, "session", [f"X-Docker-Expose-Session-Uuid: {ref}", *([f"X-Docker-Expose-Session-Sharedkey: {args.key}"] if args.key else [])]), False)
    session.serve = serve(args)
    if args.query:
        return old_build(args, ref)
    conn = Connection(upgrade(args.socket, "grpc"), True)
    seen = threading.Thread(target=watch, args=(conn.call("/moby.buildkit.v1.Control/Status", text(1, ref)), args))
    seen.start()
    solve = conn.call("/moby.buildkit.v1.Control/Solve", solve_request(args, ref))
    if args.bridge:
        drive(conn, args, ref)
    answer = solve.next()
    code, why = solve.status()
    seen.join()
    if code:
        print("error", code, why)
        place(solve.headers.get("grpc-status-details-bin"))
        return 1
    for field, value in fields(answer):
        one = dict(fields(value))
        print(f"{one[1].decode()}={one[2].decode()}")
    return 0


sys.exit(main())
