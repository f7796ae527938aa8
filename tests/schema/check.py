#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# check.py FOLDER: are recorded answers of Docker's API what its description says? FOLDER holds pairs of files: N.call is "METHOD PATH STATUS", N.body the
# answer. Exit status 1 and a line for each member that is missing, of another type, null or unknown. Other tests use check_answer().
#
# The description (docker-1.44.json, made by make_facts) marks hardly any member as required and says of few whether they may be null or left out;
# clients rely on what Docker's engine does. So here every member has to be there and not null, but for those listed below, where Docker's own
# types (moby, api/types) leave an empty member out, or answer null.
import json
import os
import re
import sys

# pylint: disable=missing-function-docstring
HERE = os.path.dirname(os.path.abspath(__file__))

# "SHAPE.MEMBER": Docker leaves it out when it is empty (omitempty), or the description has it for other systems or requests alone.
OPTIONAL = set("""
ContainerConfig.ArgsEscaped ContainerConfig.ExposedPorts ContainerConfig.Healthcheck ContainerConfig.MacAddress ContainerConfig.NetworkDisabled
ContainerConfig.Shell ContainerConfig.StopSignal ContainerConfig.StopTimeout
ContainerState.Health
ContainerSummary.SizeRootFs ContainerSummary.SizeRw
ContainerWaitResponse.Error
EndpointIPAMConfig.IPv4Address EndpointIPAMConfig.IPv6Address EndpointIPAMConfig.LinkLocalIPs
EventActor.Attributes
HealthConfig.Interval HealthConfig.Retries HealthConfig.StartInterval HealthConfig.StartPeriod HealthConfig.Test HealthConfig.Timeout
HostConfig.Annotations HostConfig.Mounts HostConfig.StorageOpt HostConfig.Sysctls HostConfig.Tmpfs
IPAMConfig.AuxiliaryAddresses IPAMConfig.Gateway IPAMConfig.IPRange
ImageConfig.ArgsEscaped ImageConfig.ExposedPorts ImageConfig.Healthcheck ImageConfig.MacAddress ImageConfig.NetworkDisabled
ImageConfig.OnBuild ImageConfig.Shell ImageConfig.StopSignal ImageConfig.StopTimeout
ImageDeleteResponseItem.Deleted ImageDeleteResponseItem.Untagged
ImageInspect.OsVersion ImageInspect.Variant
Mount.BindOptions.CreateMountpoint Mount.BindOptions.NonRecursive Mount.BindOptions.Propagation
Mount.BindOptions.ReadOnlyForceRecursive Mount.BindOptions.ReadOnlyNonRecursive
Mount.VolumeOptions.DriverConfig Mount.VolumeOptions.Labels Mount.VolumeOptions.NoCopy
Mount.BindOptions Mount.Consistency Mount.ReadOnly Mount.Source Mount.TmpfsOptions Mount.VolumeOptions
MountPoint.Driver MountPoint.Name
Network.Peers
OCIDescriptor.annotations OCIDescriptor.artifactType OCIDescriptor.data OCIDescriptor.platform OCIDescriptor.urls
OCIPlatform.os.features OCIPlatform.os.version OCIPlatform.variant
Port.IP Port.PublicPort
ProcessConfig.user
Resources.Init Resources.KernelMemoryTCP
Runtime.runtimeArgs Runtime.status
SwarmInfo.Cluster SwarmInfo.Managers SwarmInfo.Nodes
SystemInfo.DefaultAddressPools SystemInfo.KernelMemoryTCP SystemInfo.ProductLicense
SystemVersion.BuildTime
Volume.ClusterVolume Volume.CreatedAt Volume.Status Volume.UsageData
""".split())

# Docker answers null where there is nothing.
NULL = set("""
ContainerConfig.Cmd ContainerConfig.Entrypoint ContainerConfig.Env ContainerConfig.Labels ContainerConfig.Volumes
ContainerWaitResponse.Error
EndpointSettings.Aliases EndpointSettings.DNSNames EndpointSettings.DriverOpts EndpointSettings.IPAMConfig EndpointSettings.Links
HostConfig.Binds HostConfig.CapAdd HostConfig.CapDrop HostConfig.Dns HostConfig.DnsOptions HostConfig.DnsSearch HostConfig.ExtraHosts
HostConfig.GroupAdd HostConfig.Links HostConfig.MaskedPaths HostConfig.PortBindings HostConfig.ReadonlyPaths HostConfig.SecurityOpt HostConfig.VolumesFrom
IPAM.Options ImageHistoryResponseItem.Tags
ImageConfig.Cmd ImageConfig.Entrypoint ImageConfig.Env ImageConfig.Labels ImageConfig.OnBuild ImageConfig.Volumes
ImageSummary.Labels ImageSummary.RepoDigests
PluginsInfo.Authorization
Resources.BlkioDeviceReadBps Resources.BlkioDeviceReadIOps Resources.BlkioDeviceWriteBps Resources.BlkioDeviceWriteIOps
Resources.BlkioWeightDevice Resources.DeviceCgroupRules Resources.DeviceRequests Resources.Devices Resources.MemorySwappiness Resources.Ulimits
SystemInfo.GenericResources SystemInfo.Warnings
Volume.Labels Volume.Options VolumeListResponse.Warnings
""".split()) | {
    "GET /exec/{id}/json.ExitCode", "GET /system/df.BuildCache", "POST /containers/{id}/update.Warnings",
    "POST /images/prune.ImagesDeleted"}

# Members that the description of 1.44 does not have: of other versions of it, which clients of this one pass over.
MORE = {"EndpointSettings.GwPriority", "Network.EnableIPv4", "GET /system/df.BuilderSize", "ImageSummary.VirtualSize", "ImageInspect.VirtualSize",
        "EventMessage.status", "EventMessage.id", "EventMessage.from"}

OPTIONAL |= {"GET /containers/{id}/json.SizeRootFs", "GET /containers/{id}/json.SizeRw"}

ERROR = {"ref": "ErrorResponse"}

with open(os.path.join(HERE, "docker-1.44.json"), encoding="utf-8") as facts:
    FACTS = json.load(facts)

# Of a container's figures the description has examples alone; the types are those of the engine (types.StatsJSON).
INTEGERS = {"type": "object", "values": {"type": "integer"}}
CPU = {"type": "object", "members": {
    "cpu_usage": {"type": "object", "members": {"total_usage": {"type": "integer"}, "usage_in_kernelmode": {"type": "integer"},
                                                "usage_in_usermode": {"type": "integer"}}},
    "system_cpu_usage": {"type": "integer"}, "online_cpus": {"type": "integer"},
    "throttling_data": {"type": "object", "members": {"periods": {"type": "integer"}, "throttled_periods": {"type": "integer"},
                                                      "throttled_time": {"type": "integer"}}}}}
FACTS["calls"]["GET /containers/{id}/stats"]["200"] = {"type": "object", "members": {
    "read": {"type": "string"}, "preread": {"type": "string"}, "name": {"type": "string"}, "id": {"type": "string"}, "num_procs": {"type": "integer"},
    "pids_stats": INTEGERS, "cpu_stats": CPU, "precpu_stats": CPU, "storage_stats": {"type": "object"}, "networks": {"type": "object", "values": INTEGERS},
    "memory_stats": {"type": "object"}, "blkio_stats": {"type": "object", "values": {"type": "array"}}}}
# Not there in the figures before the first ones, and on a machine with version 2 of cgroups alone.
OPTIONAL |= {"GET /containers/{id}/stats.cpu_stats.system_cpu_usage", "GET /containers/{id}/stats.precpu_stats.system_cpu_usage",
             "GET /containers/{id}/stats.precpu_stats.online_cpus", "GET /containers/{id}/stats.cpu_stats.cpu_usage.percpu_usage"}
MORE |= {f"GET /containers/{{id}}/stats.{part}.cpu_usage.percpu_usage" for part in ("cpu_stats", "precpu_stats")}
NULL |= {"GET /containers/{id}/stats.blkio_stats.values"}


def pattern(path):
    return re.compile(re.sub(r"\\\{[a-z]+\\\}", "(.+)", re.escape(path)) + "$")


# Paths without a place for a name first: /images/get is no image.
CALLS = sorted(((name, name.split()[0], pattern(name.split()[1])) for name in FACTS["calls"]), key=lambda c: ("{" in c[0], -len(c[0])))


def operation(method, path):
    """The description's name of a call, "GET /containers/{id}/json", or None."""
    path = re.sub(r"^/v1\.\d+", "", path.split("?")[0])
    for name, its_method, its_path in CALLS:
        if method == its_method and its_path.match(path):
            return name
    return None


def kind_fits(kind, value):
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, {"string": str, "boolean": bool, "array": list, "object": dict}.get(kind, object))


def listed(table, owner, member):
    return f"{owner}.{member}" in table


def members_of(shape):
    """All members of a shape, with those that it takes from others."""
    found = {}
    for part in shape.get("all", []):
        owner, part = resolve("", part)
        found.update({name: (owner, s) for name, (_, s) in members_of(part).items()})
    found.update({name: (None, s) for name, s in shape.get("members", {}).items()})
    return found


def resolve(owner, shape):
    while "ref" in shape:
        owner = shape["ref"]
        shape = FACTS["shapes"][owner]
    return owner, shape


def check_members(owner, shape, value, where):
    members = members_of(shape)
    for name, (its_owner, its_shape) in members.items():
        its_owner = its_owner or owner
        if name not in value:
            if not listed(OPTIONAL, its_owner, name):
                yield f"{where}.{name} is missing ({its_owner}.{name})"
        elif value[name] is None:
            inner = resolve("", its_shape)[1]
            if not its_shape.get("null") and not inner.get("null") and not listed(NULL, its_owner, name):
                yield f"{where}.{name} is null ({its_owner}.{name})"
        else:
            yield from check_shape(f"{its_owner}.{name}", its_shape, value[name], f"{where}.{name}")
    for name in value:
        if name in members:
            continue
        if "values" in shape:
            if value[name] is not None or not (listed(NULL, owner, "values") or shape["values"].get("null") or
                                               resolve("", shape["values"])[1].get("null")):
                yield from check_shape(f"{owner}.values", shape["values"], value[name], f"{where}[{name}]")
        elif members and not listed(MORE, owner, name):
            yield f"{where}.{name} is unknown ({owner}.{name})"


def check_shape(owner, shape, value, where):
    """Yields what is wrong with a value."""
    owner, shape = resolve(owner, shape)
    kind = shape.get("type", "object" if "all" in shape and members_of(shape) else None)
    if not kind_fits(kind, value):
        yield f"{where}: {json.dumps(value)[:80]} is no {kind} ({owner})"
        return
    if "enum" in shape and value not in shape["enum"]:
        yield f"{where}: {json.dumps(value)[:80]} is none of {shape['enum']} ({owner})"
    if isinstance(value, dict):
        yield from check_members(owner, shape, value, where)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from check_shape(f"{owner}[]", shape.get("items", {}), item, f"{where}[{i}]")


def documents(body):
    """One JSON document, or one after the other (events)."""
    decoder, text = json.JSONDecoder(), body.decode().strip()
    while text:
        value, end = decoder.raw_decode(text)
        yield value
        text = text[end:].lstrip()


def answer_shape(call, status):
    answers = FACTS["calls"].get(call, {})
    if status >= 400:
        return ERROR
    return answers.get(str(status), "unknown")


def check_answer(method, path, status, body):
    """The complaints about an answer: a list of texts."""
    call = operation(method, path)
    if call is None:
        return [] if status >= 400 else [f"{method} {path}: the description has no such call"]
    shape = answer_shape(call, status)
    if shape == "unknown":
        return [f"{method} {path}: the description has no status {status}"]
    if shape is None or shape.get("type") == "string" or method == "HEAD":
        return []
    try:
        values = list(documents(body))
    except ValueError as e:
        return [f"{method} {path}: no JSON: {e}: {body[:80]!r}"]
    if not values and call != "GET /events":
        return [f"{method} {path}: the answer is empty"]
    return [f"{method} {path}: {text}" for value in values for text in check_shape(call, shape, value, "")]


def main():
    folder = sys.argv[1]
    failed = False
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".call"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            method, path, status = f.read().split()
        body_file = os.path.join(folder, name[:-4] + "body")
        body = b""
        if os.path.exists(body_file):
            with open(body_file, "rb") as f:
                body = f.read()
        for complaint in check_answer(method, path, int(status), body):
            print(complaint)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
