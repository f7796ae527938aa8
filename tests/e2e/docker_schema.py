#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# docker_schema.py SOCKET REGISTRY: makes every call of Docker's API that berth serves, and checks each answer against the description (tests/schema/check.py).
# An operation that is not asked here is an error, so that none is forgotten.
import base64
import http.client
import io
import json
import os
import socket
import sys
import tarfile
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "schema"))
import check  # noqa: E402

# Served by an error alone: docs/DOCKER.md.
NOT_SERVED = ("/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs", "/plugins", "/session")
complaints, asked = [], set()


class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(sys.argv[1])


def call(method, path, body=None, want=None, headers=None, version=os.environ.get("API", "v1.44"), **query):
    """Makes a call, checks the answer, and returns it: JSON as what it says, else the bytes."""
    asked.add(check.operation(method, path))
    if query:
        path += "?" + urllib.parse.urlencode({k: v if isinstance(v, str) else json.dumps(v) for k, v in query.items()})
    client = Unix("d")
    headers = dict(headers or {})
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    client.request(method, f"/{version}{path}", body, headers)
    answer = client.getresponse()
    data = answer.read()
    client.close()
    want = want or (201 if path.split("?")[0].endswith(("/create", "/tag", "/exec", "/commit")) and "/images/create" not in path else 200)
    if answer.status != want:
        complaints.append(f"{method} {path}: {answer.status}, not {want}: {data[:300]!r}")
    else:
        complaints.extend(check.check_answer(method, path, answer.status, data))
    if answer.headers.get_content_type() == "application/json":
        return [*check.documents(data)] if b"\r\n" in data.strip() else json.loads(data or b"null")
    return data


def hijack(path, body=""):
    """The status of a call that becomes a stream; the stream is read to its end."""
    asked.add(check.operation("POST", path))
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect(sys.argv[1])
        s.sendall(f"POST /v1.44{path} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\n"
                  f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        s.shutdown(socket.SHUT_WR)
        data = b""
        while piece := s.recv(65536):
            data += piece
    if not data.startswith(b"HTTP/1.1 101"):
        complaints.append(f"POST {path}: {data[:200]!r}")


def tar_of(name, text):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    return out.getvalue()


FULL = {
    "Image": "busybox", "Cmd": ["sleep", "1000"], "Env": ["A=b"], "Labels": {"schema": "full"}, "ExposedPorts": {"80/tcp": {}, "81/udp": {}}, "Tty": False,
    "Hostname": "full", "Domainname": "example", "User": "root", "WorkingDir": "/tmp", "Volumes": {"/anonymous": {}}, "StopSignal": "SIGKILL", "StopTimeout": 3,
    "Healthcheck": {"Test": ["CMD", "true"], "Interval": 20000000, "Timeout": 10000000000, "Retries": 2},
    "HostConfig": {
        "Binds": ["named:/named"], "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}, "Tmpfs": {"/scratch": "size=1m"}, "Init": True,
        "Mounts": [{"Type": "volume", "Source": "other", "Target": "/other"}, {"Type": "tmpfs", "Target": "/t2"}],
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}, "Ulimits": [{"Name": "nofile", "Soft": 512, "Hard": 1024}], "CapDrop": ["NET_RAW"],
        "Sysctls": {"net.ipv4.ip_unprivileged_port_start": "0"}, "ExtraHosts": ["h:127.0.0.2"], "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
        "Dns": ["192.0.2.1"], "DnsOptions": ["ndots:1"], "DnsSearch": ["example"], "ShmSize": 1048576, "NetworkMode": "net1"},
    "NetworkingConfig": {"EndpointsConfig": {"net1": {"Aliases": ["alias"], "IPAMConfig": {"IPv4Address": "10.99.0.7"}}}}}


def system():
    call("GET", "/_ping")
    call("HEAD", "/_ping")
    call("GET", "/version")
    call("GET", "/info")


def networks():
    call("POST", "/networks/create", {"Name": "net1", "Labels": {"a": "b"}, "IPAM": {"Config": [{"Subnet": "10.99.0.0/24"}]}})
    call("POST", "/networks/create", {"Name": "net2", "Internal": True})
    call("POST", "/networks/create", {"Name": "net2"}, want=409)
    call("GET", "/networks")
    for name in ("bridge", "host", "none", "net1", "net2"):
        call("GET", f"/networks/{name}")
    call("GET", "/networks/net1", verbose="1")
    call("GET", "/networks/nope", want=404)


def containers():
    call("POST", "/volumes/create", {"Name": "other", "Labels": {"a": "b"}})
    call("POST", "/containers/create", FULL, name="full")
    call("POST", "/containers/create", {"Image": "busybox", "Cmd": ["true"]}, name="bare")
    call("POST", "/containers/create", {"Image": "nope"}, want=404)
    call("POST", "/containers/create", {"Image": "busybox", "Cmd": ["true"]}, want=409, name="bare")
    call("GET", "/containers/full/json")
    call("POST", "/containers/full/start", want=204)
    call("POST", "/containers/full/start", want=304)
    call("POST", "/networks/net2/connect", {"Container": "full", "EndpointConfig": {"Aliases": ["second"]}})
    for name in ("bridge", "net1", "net2"):
        call("GET", f"/networks/{name}")
    for name in ("full", "bare"):
        call("GET", f"/containers/{name}/json", size="1")
    call("GET", "/containers/json", all="1", size="1")
    call("POST", "/networks/net2/disconnect", {"Container": "full"})
    call("GET", "/containers/full/top")
    call("GET", "/containers/full/logs", stdout="1")
    call("GET", "/containers/full/logs", want=400)
    call("GET", "/containers/full/stats", stream="0")
    call("POST", "/containers/full/resize", h="10", w="20")
    call("POST", "/containers/full/update", {"RestartPolicy": {"Name": "no"}})
    call("POST", "/containers/bare/rename", name="barer", want=204)
    call("POST", "/containers/barer/rename", name="full", want=409)
    call("GET", "/containers/full/attach/ws", want=400)
    hijack("/containers/barer/attach?stdout=1&stream=0")


def execs():
    made = call("POST", "/containers/full/exec", {"Cmd": ["true"], "AttachStdout": True})["Id"]
    call("GET", f"/exec/{made}/json")
    hijack(f"/exec/{made}/start", "{}")
    call("GET", f"/exec/{made}/json")
    call("POST", f"/exec/{made}/resize", h="1", w="1", want=409)
    call("GET", "/exec/nope/json", want=404)


def files():
    call("PUT", "/containers/full/archive?path=/tmp", tar_of("put", b"text"), headers={"Content-Type": "application/x-tar"})
    call("GET", "/containers/full/archive?path=/tmp/put")
    call("HEAD", "/containers/full/archive?path=/tmp/put")
    call("GET", "/containers/full/archive?path=/nope", want=404)
    call("GET", "/containers/full/changes")
    call("GET", "/containers/full/export")


def images():
    call("POST", "/commit", {"Cmd": ["sleep", "5"]}, container="full", repo="committed", comment="why", author="who")
    call("POST", "/images/busybox/tag", repo="other", tag="1")
    call("GET", "/images/json")
    call("GET", "/images/json", **{"shared-size": "1"})
    for name in ("busybox", "committed"):
        call("GET", f"/images/{name}/json")
        call("GET", f"/images/{name}/history")
    call("GET", "/images/nope/json", want=404)
    saved = call("GET", "/images/other:1/get")
    call("GET", "/images/get", names="other:1")
    call("POST", "/images/load", saved, headers={"Content-Type": "application/x-tar"})
    context = tar_of("Dockerfile", b"FROM busybox\nLABEL built=yes\n")
    call("POST", "/build", context, headers={"Content-Type": "application/x-tar"}, t="built")
    call("DELETE", "/images/other:1")
    call("DELETE", "/images/nope", want=404)
    call("POST", "/images/prune")
    call("POST", "/build/prune", all="1")
    call("POST", "/build/prune", filters={"until": ["24h"]}, **{"keep-storage": "1000"})
    call("POST", "/build/prune", filters={"nonsense": ["1"]}, want=400)


def ends():
    call("POST", "/containers/full/pause", want=204)
    call("POST", "/containers/full/unpause", want=204)
    call("POST", "/containers/full/restart", want=204)
    call("POST", "/containers/full/kill", want=204)
    call("POST", "/containers/full/wait")
    call("POST", "/containers/full/kill", want=409)
    call("POST", "/containers/full/stop", want=304)
    call("GET", "/containers/full/json")
    call("GET", "/system/df")
    call("DELETE", "/containers/barer", want=204)
    call("POST", "/containers/prune")
    call("GET", "/volumes")
    call("GET", "/volumes/other")
    call("GET", "/volumes/nope", want=404)
    call("PUT", "/volumes/other", {"Spec": {}}, want=503)
    call("DELETE", "/volumes/other", want=204)
    call("POST", "/volumes/prune")
    call("DELETE", "/networks/net2", want=204)
    call("POST", "/networks/prune")
    call("GET", "/events", since="0", until="1")


def registry():
    """What needs a registry."""
    host = sys.argv[2]
    name = f"{host}/schema"
    none = {"X-Registry-Auth": base64.urlsafe_b64encode(b"{}").decode()}
    call("POST", "/auth", {"username": "nobody", "password": "", "serveraddress": host})
    call("GET", "/images/search", term=f"{host}/sch")
    call("POST", "/images/busybox/tag", repo=name, tag="1")
    call("POST", f"/images/{name}/push", headers=none, tag="1")
    call("POST", "/images/create", headers=none, fromImage=name, tag="1")
    call("GET", f"/distribution/{name}:1/json", headers=none)
    call("GET", f"/distribution/{name}:2/json", headers=none, want=404)


def main():
    for group in (system, networks, containers, execs, files, images, registry, ends):
        try:
            group()
        except (KeyError, TypeError, ValueError) as e:
            complaints.append(f"{group.__name__}: {e!r}")
    forgotten = [name for name in check.FACTS["calls"] if name not in asked and not name.split()[1].startswith(NOT_SERVED)]
    for text in complaints + [f"not asked: {name}" for name in sorted(forgotten)]:
        print(text)
    return 1 if complaints or forgotten else 0


sys.exit(main())
