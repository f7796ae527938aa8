#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Streams of Docker's API byte by byte: docker_streams.py SOCKET TEST [ARGUMENT...]. Every wait ends after PATIENCE seconds, which is a failure.
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time

SOCKET = sys.argv[1]
PATIENCE = 150


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(PATIENCE)
    s.connect(SOCKET)
    return s


def send(s, method, path, body=None, upgrade=False, more=b""):
    text = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
    if upgrade:
        head += "Connection: Upgrade\r\nUpgrade: tcp\r\n"
    s.sendall(head.encode() + b"\r\n" + text + more)


def read_head(s):
    got = b""
    while b"\r\n\r\n" not in got:
        piece = s.recv(1)
        assert piece, got
        got += piece
    lines = got.decode().split("\r\n")
    return int(lines[0].split()[1]), {k.lower(): v for k, v in (x.split(": ", 1) for x in lines[1:] if x)}


def api(method, path, body=None):
    s = connect()
    send(s, method, path, body)
    status, head = read_head(s)
    got = b""
    while len(got) < int(head.get("content-length", 0)):
        got += s.recv(65536)
    s.close()
    return status, json.loads(got) if got else None


def hijack(path, body=None, upgrade=True, more=b""):
    s = connect()
    send(s, "POST", path, body, upgrade, more)
    status, head = read_head(s)
    return s, status, head


def exactly(s, n):
    got = b""
    while len(got) < n:
        piece = s.recv(n - len(got))
        assert piece, got
        got += piece
    return got


def frames(s):
    """Until the end: {1: bytes, 2: bytes}"""
    out = {1: b"", 2: b""}
    while True:
        first = s.recv(1)
        if not first:
            return out
        stream, n = struct.unpack(">BxxxI", first + exactly(s, 7))
        out[stream] += exactly(s, n)


def expect(s, want, framed=True):
    """Reads until all of want has come on stdout."""
    got = b""
    while len(got) < len(want):
        got += exactly(s, struct.unpack(">BxxxI", exactly(s, 8))[1]) if framed else s.recv(65536)
    assert got == want, (got, want)


def expect_in(s, want):
    got = b""
    while want not in got:
        piece = s.recv(65536)
        assert piece, (got, want)
        got += piece


def end(s):
    got = s.recv(65536)
    assert got == b"", got
    s.close()


def ok(answer, want):
    assert answer[0] == want, answer
    return answer[1]


def exec_create(cmd, **more):
    body = dict(Cmd=cmd, AttachStdin=True, AttachStdout=True, AttachStderr=True, **more)
    return ok(api("POST", "/v1.44/containers/idle/exec", body), 201)["Id"]


def create(cmd, **more):
    return ok(api("POST", "/v1.44/containers/create", dict(Image="busybox", Cmd=cmd, **more)), 201)["Id"]


def remove(c):
    ok(api("DELETE", f"/v1.44/containers/{c}?force=1"), 204)


def until(fn):
    last = time.monotonic() + PATIENCE
    while not fn():
        assert time.monotonic() < last


def test_terminal():
    script = 'trap "stty size" WINCH; stty size; while :; do read x && echo "got $x"; done'
    x = exec_create(["sh", "-c", script], Tty=True)
    s, status, head = hijack(f"/v1.44/exec/{x}/start", {"Tty": True, "ConsoleSize": [30, 100]})
    assert status == 101 and head["content-type"] == "application/vnd.docker.raw-stream", head
    expect_in(s, b"30 100\r\n")
    s.sendall(b"hello\r")
    expect_in(s, b"got hello\r\n")
    ok(api("POST", f"/v1.44/exec/{x}/resize?h=40&w=120"), 200)
    s.sendall(b"\r")
    expect_in(s, b"40 120\r\n")
    ok(api("POST", f"/v1.44/exec/{x}/resize?h=x&w=120"), 400)
    s.sendall(b"\x10\x11")
    while s.recv(65536):
        pass
    assert ok(api("GET", f"/v1.44/exec/{x}/json"), 200)["Running"]
    c = create(["sh", "-c", "stty size; tty; read x; echo got $x $TERM; exit 5"], Tty=True, OpenStdin=True)
    s, status, _ = hijack(f"/v1.44/containers/{c}/attach?stream=1&stdin=1&stdout=1&stderr=1")
    assert status == 101
    ok(api("POST", f"/v1.44/containers/{c}/start"), 204)
    expect_in(s, b"/dev/pts/0\r\n")
    ok(api("POST", f"/v1.44/containers/{c}/resize?h=10&w=20"), 200)
    s.sendall(b"word\r")
    expect_in(s, b"got word xterm\r\n")
    end(s)
    remove(c)


def test_hijack():
    for version, upgrade, status, kind in (("v1.44", True, 101, "multiplexed"), ("v1.41", True, 101, "raw"),
                                           ("v1.44", False, 200, "multiplexed"), ("v1.41", False, 200, "raw")):
        x = exec_create(["sh", "-c", "cat; echo end >&2; exit 3"])
        s, got, head = hijack(f"/{version}/exec/{x}/start", {}, upgrade, b"early ")
        assert got == status and head["content-type"] == f"application/vnd.docker.{kind}-stream", head
        assert ("upgrade" in head) == upgrade and "content-length" not in head, head
        s.sendall(b"late")
        s.shutdown(socket.SHUT_WR)
        assert frames(s) == {1: b"early late", 2: b"end\n"}
        told = ok(api("GET", f"/v1.44/exec/{x}/json"), 200)
        assert told["ExitCode"] == 3 and not told["Running"], told
        assert told["ProcessConfig"]["entrypoint"] == "sh" and told["ProcessConfig"]["arguments"][0] == "-c", told
    ok(api("POST", f"/v1.44/exec/{x}/start", {}), 409)
    ok(api("POST", "/v1.44/exec/nothing/start", {}), 404)
    ok(api("GET", "/v1.44/exec/nothing/json"), 404)
    ok(api("POST", "/v1.44/containers/idle/exec", {"Cmd": []}), 400)
    ok(api("POST", "/v1.44/containers/idle/exec", {"Cmd": ["true"], "DetachKeys": "ctrl-!"}), 400)
    x = exec_create(["sleep", "1000"])
    assert ok(api("GET", f"/v1.44/exec/{x}/json"), 200)["ExitCode"] is None


def test_frames():
    """What the start says of a terminal decides about frames; docker-py writes detachKeys small."""
    for tty, said in ((True, False), (True, None), (False, True)):
        x = exec_create(["printf", "some words"], Tty=tty)
        s, status, head = hijack(f"/v1.44/exec/{x}/start", {} if said is None else {"Tty": said})
        assert status == 101 and head["content-type"].endswith("raw-stream" if said else "multiplexed-stream"), head
        expect(s, b"some words", framed=not said)
        end(s)
    x = exec_create(["cat"], Tty=True, detachKeys="ctrl-p")
    s = hijack(f"/v1.44/exec/{x}/start", {"Tty": True})[0]
    s.sendall(b"word\r")
    expect_in(s, b"word\r\nword\r\n")
    s.sendall(b"\x10")
    end(s)
    assert ok(api("GET", f"/v1.44/exec/{x}/json"), 200)["Running"]


def test_log_lines():
    """Every line of a log is a frame, also when the container has written several at once."""
    c = create(["printf", "first\\nsecond\\nthird"])
    ok(api("POST", f"/v1.44/containers/{c}/start"), 204)
    until(lambda: ok(api("GET", f"/v1.44/containers/{c}/json"), 200)["State"]["Status"] == "exited")
    s = connect()
    send(s, "GET", f"/v1.44/containers/{c}/logs?stdout=1")
    read_head(s)
    got = b""
    while not got.endswith(b"0\r\n\r\n"):
        piece = s.recv(65536)
        assert piece, got
        got += piece
    for line in (b"first\n", b"second\n", b"third"):
        assert struct.pack(">BxxxI", 1, len(line)) + line in got, got
    remove(c)


def attach(c, query):
    s, status, _ = hijack(f"/v1.44/containers/{c}/attach?{query}")
    return s, status


def test_attach():
    streams = "stream=1&stdin=1&stdout=1&stderr=1"
    c = create(["sh", "-c", "echo first; cat"], OpenStdin=True)
    one, two = attach(c, streams)[0], attach(c, streams)[0]
    ok(api("POST", f"/v1.44/containers/{c}/start"), 204)
    expect(one, b"first\n")
    expect(two, b"first\n")
    one.sendall(b"x\n")
    expect(one, b"x\n")
    expect(two, b"x\n")
    three = attach(c, streams + "&logs=1")[0]
    expect(three, b"first\nx\n")
    four = attach(c, "logs=1&stdout=1&stderr=1")[0]
    assert frames(four)[1] == b"first\nx\n"
    # One that leaves does not close the input of the others.
    one.close()
    two.sendall(b"y\n")
    expect(two, b"y\n")
    expect(three, b"y\n")
    many = []
    while len(many) < 100:
        s, status = attach(c, streams)
        if status != 101:
            break
        many.append(s)
        # It is there, not only on its way.
        s.sendall(b"z\n")
        expect(s, b"z\n")
    assert status == 409 and len(many) in (61, 62, 63), (status, len(many))
    for s in many:
        s.close()
    until(lambda: attach(c, streams)[1] == 101)
    ok(api("POST", f"/v1.44/containers/{c}/kill"), 204)
    while three.recv(65536):
        pass
    until(lambda: not ok(api("GET", f"/v1.44/containers/{c}/json"), 200)["State"]["Running"])
    assert frames(attach(c, "logs=1&stdout=1&stderr=1")[0])[1].startswith(b"first\nx\ny\nz\n")
    remove(c)
    c = create(["cat"], OpenStdin=True, StdinOnce=True, AttachStdin=True)
    one = attach(c, streams)[0]
    ok(api("POST", f"/v1.44/containers/{c}/start"), 204)
    one.sendall(b"once")
    one.shutdown(socket.SHUT_WR)
    assert frames(one)[1] == b"once"
    remove(c)


def test_outlive(berth, data):
    c = create(["cat"], OpenStdin=True, StdinOnce=True)
    one = attach(c, "stream=1&stdin=1&stdout=1")[0]
    ok(api("POST", f"/v1.44/containers/{c}/start"), 204)
    one.sendall(b"before")
    expect(one, b"before")
    x = exec_create(["sh", "-c", "cat; exit 9"])
    two, status, _ = hijack(f"/v1.44/exec/{x}/start", {})
    assert status == 101
    two.sendall(b"before")
    expect(two, b"before")
    subprocess.run([berth, "down"], check=True, stdout=subprocess.DEVNULL)
    for s in (one, two):
        s.sendall(b"during")
        expect(s, b"during")
    subprocess.run(["nsenter", f"--net={os.environ['DIR']}/netns", berth, "up", "--data", data], check=True, stdout=subprocess.DEVNULL, close_fds=True)
    until(lambda: api("GET", f"/v1.44/exec/{x}/json")[0] == 200)
    told = ok(api("GET", f"/v1.44/exec/{x}/json"), 200)
    assert told["Running"] and told["ProcessConfig"]["arguments"] == ["-c", "cat; exit 9"], told
    for s in (one, two):
        s.sendall(b"after")
        s.shutdown(socket.SHUT_WR)
        assert frames(s)[1] == b"after"
    assert ok(api("GET", f"/v1.44/exec/{x}/json"), 200)["ExitCode"] == 9
    remove(c)


def monitor():
    """Memory in KiB and descriptors of the monitor of the container "idle"."""
    pid = ok(api("GET", "/v1.44/containers/idle/json"), 200)["State"]["Pid"]
    with open(f"/proc/{pid}/stat") as f:
        parent = f.read().rsplit(")", 1)[1].split()[1]
    with open(f"/proc/{parent}/smaps_rollup") as f:
        memory = sum(int(x.split()[1]) for x in f if x.startswith(("Private_Dirty", "Private_Clean")))
    return memory, len(os.listdir(f"/proc/{parent}/fd"))


# Attack row A5, in little (tests/attack/85-streams.bats shows that they bite). What is wrong begins with "grown".

def run_true():
    x = exec_create(["true"])
    frames(hijack(f"/v1.44/exec/{x}/start", {})[0])


def test_flat_stalled():
    """A client that does not read sets the pace: what it has not taken is not kept for it."""
    run_true()
    memory, _ = monitor()
    x = exec_create(["sh", "-c", "busybox dd if=/dev/zero bs=1M count=200; exit 6"])
    s = hijack(f"/v1.44/exec/{x}/start", {})[0]
    exactly(s, 1)
    for _ in range(10):
        run_true()
        now = monitor()[0]
        assert now < memory + 1024, f"grown: from {memory} to {now} KiB"
    # Nobody looks any more: it can go on to its end.
    s.close()
    until(lambda: ok(api("GET", f"/v1.44/exec/{x}/json"), 200)["ExitCode"] == 6)


def test_flat_dropped():
    """Clients that come and go, and sizes of terminals."""
    run_true()
    memory, fds = monitor()
    x = exec_create(["cat"], Tty=True)
    tty = hijack(f"/v1.44/exec/{x}/start", {"Tty": True})[0]
    for i in range(300):
        s = hijack("/v1.44/containers/idle/attach?stream=1&stdout=1&stderr=1")
        assert s[1] == 101, s[1]
        s[0].close()
        ok(api("POST", f"/v1.44/exec/{x}/resize?h={i + 1}&w=80"), 200)
        now = monitor()[1]
        # Those that went last may not have been seen yet.
        assert now < fds + 32, f"grown: from {fds} to {now} descriptors"
    tty.sendall(b"\x04")
    while tty.recv(65536):
        pass
    assert ok(api("GET", f"/v1.44/exec/{x}/json"), 200)["ExitCode"] == 0
    until(lambda: monitor()[1] == fds)
    now = monitor()[0]
    assert now < memory + 256, f"grown: from {memory} to {now} KiB"


def test_flat_crowd():
    """More clients than there are places for, and none of them leaves."""
    run_true()
    fds = monitor()[1]
    held = [hijack("/v1.44/containers/idle/attach?stream=1&stdout=1&stderr=1")[0] for _ in range(100)]
    now = monitor()[1]
    assert now < fds + 70, f"grown: from {fds} to {now} descriptors"
    for s in held:
        s.close()
    until(lambda: monitor()[1] == fds)


def test_flat():
    test_flat_stalled()
    test_flat_dropped()
    test_flat_crowd()


def test_docker_py():
    import docker

    client = docker.DockerClient(base_url="unix://" + SOCKET, version="1.41", timeout=PATIENCE)
    idle = client.containers.get("idle")
    assert idle.exec_run(["sh", "-c", "echo out; echo err >&2; exit 4"], demux=True) == (4, (b"out\n", b"err\n"))
    assert idle.exec_run("echo one", stream=False).output == b"one\n"
    assert b"".join(idle.exec_run("echo streamed", stream=True).output) == b"streamed\n"
    x = client.api.exec_create("idle", "cat", stdin=True)["Id"]
    s = client.api.exec_start(x, socket=True)
    s._sock.sendall(b"socket")
    s._sock.shutdown(socket.SHUT_WR)
    assert frames(s._sock)[1] == b"socket"
    s.close()
    c = client.containers.create("busybox", ["sh", "-c", "echo out; echo err >&2"])
    stream = c.attach(stdout=True, stderr=True, stream=True, demux=True)
    c.start()
    got = list(stream)
    assert b"".join(o for o, _ in got if o) == b"out\n" and b"".join(e for _, e in got if e) == b"err\n", got
    c.wait()
    c.remove()
    client.close()


# ---- websockets (RFC 6455) ----

WS_KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # its own example, and the answer to it
WS_ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
WS_ALL = "stream=1&stdin=1&stdout=1&stderr=1"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def ws_open(path, status=101, **headers):
    s = connect()
    fields = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": WS_KEY}
    fields.update({k.replace("_", "-"): v for k, v in headers.items()})
    s.sendall(f"GET {path} HTTP/1.1\r\nHost: d\r\n".encode() + b"".join(f"{k}: {v}\r\n".encode() for k, v in fields.items()) + b"\r\n")
    got, head = read_head(s)
    assert got == status, (got, head)
    if status == 101:
        assert head["upgrade"] == "websocket" and head["sec-websocket-accept"] == WS_ACCEPT, head
    return s


def ws_frame(opcode, data, fin=True, mask=b"\x01\x02\x03\x04"):
    n = len(data)
    size = bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 65536 else b"\x7f" + struct.pack(">Q", n)
    masked = bytes(c ^ mask[i % 4] for i, c in enumerate(data))
    return bytes([(0x80 if fin else 0) | opcode, size[0] | 0x80]) + size[1:] + mask + masked


def ws_read(s):
    """One frame of the server's: its opcode and data."""
    first, size = exactly(s, 2)
    assert first & 0x80 and not size & 0x80, (first, size)
    if size == 126:
        size = struct.unpack(">H", exactly(s, 2))[0]
    elif size == 127:
        size = struct.unpack(">Q", exactly(s, 8))[0]
    return first & 0x0F, exactly(s, size)


def ws_expect(s, want, opcode=BINARY):
    got = b""
    while len(got) < len(want):
        op, data = ws_read(s)
        assert op == opcode, (op, data)
        got += data
    assert got == want, (got[:100], want[:100])


def ws_closed(s, code):
    assert ws_read(s) == (CLOSE, struct.pack(">H", code))
    s.sendall(ws_frame(CLOSE, struct.pack(">H", 1000)))
    end(s)


def test_websocket():
    cat = create(["cat"], OpenStdin=True)
    path = f"/v1.44/containers/{cat}/attach/ws?{WS_ALL}"
    ok(api("POST", f"/v1.44/containers/{cat}/start"), 204)
    # Text, binary and pieces are one stream; a ping in between is answered, an empty frame is nothing.
    s = ws_open(path)
    s.sendall(ws_frame(TEXT, b"one"))
    ws_expect(s, b"one")
    s.sendall(ws_frame(BINARY, b"tw", fin=False) + ws_frame(PING, b"there?") + ws_frame(0, b"o") + ws_frame(TEXT, b""))
    got = sorted([ws_read(s), ws_read(s)])
    while sum(len(d) for op, d in got if op == BINARY) < 3:
        got.append(ws_read(s))
    assert (PONG, b"there?") in got and b"".join(d for op, d in got if op == BINARY) == b"two", got
    # Much, both ways at once.
    big = os.urandom(300000)
    sender = threading.Thread(target=s.sendall, args=(ws_frame(BINARY, big),))
    sender.start()
    ws_expect(s, big)
    sender.join()
    # A close is answered with its own code.
    s.sendall(ws_frame(CLOSE, struct.pack(">H", 4000) + b"bye"))
    assert ws_read(s) == (CLOSE, struct.pack(">H", 4000))
    end(s)
    # Who breaks the rules is told, and left.
    for bad in (b"\x82\x03abc", ws_frame(3, b""), ws_frame(PING, b"", fin=False), ws_frame(0, b"x"), b"\xc2" + ws_frame(BINARY, b"x")[1:]):
        s = ws_open(path)
        s.sendall(bad)
        assert ws_read(s) == (CLOSE, struct.pack(">H", 1002)), bad
        end(s)
    # Libraries name an origin, too, which no page has; a page's is refused.
    s = ws_open(path, Origin="http://localhost")
    s.sendall(ws_frame(TEXT, b"o"))
    ws_expect(s, b"o")
    s.close()
    ws_open(path, 403, Origin="http://evil.test").close()
    # Before API 1.28 frames are text. The end of the program is a close, and its output is in the log.
    s = ws_open(path.replace("v1.44", "v1.27"))
    s.sendall(ws_frame(TEXT, b"last"))
    ws_expect(s, b"last", TEXT)
    ok(api("POST", f"/v1.44/containers/{cat}/kill"), 204)
    ws_closed(s, 1000)
    s = ws_open(f"/containers/{cat}/attach/ws?logs=1&stdout=1")
    log = b""
    while not log.endswith(b"last"):
        op, data = ws_read(s)
        assert op == BINARY, (op, data)
        log += data
    assert log.startswith(b"onetwo"), log[:20]
    ws_closed(s, 1000)
    # No handshake.
    for wrong in ({"Upgrade": "tcp"}, {"Sec-WebSocket-Version": "8"}, {"Sec-WebSocket-Key": "short"}, {"Sec-WebSocket-Key": "!" * 24}):
        ws_open(path, 400, **wrong).close()
    ws_open("/containers/nope/attach/ws", 404).close()
    ok(api("DELETE", f"/v1.44/containers/{cat}?force=1"), 204)


globals()["test_" + sys.argv[2]](*sys.argv[3:])
