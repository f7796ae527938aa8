/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/run_options.h"

#include "base/core/err.h"

#include <errno.h>
#include <string.h>

#define AT(member) offsetof(struct run_options, member)
#define FLAG(name, letter, member, help)                                                                               \
	{                                                                                                              \
		name, letter, OPTION_FLAG, AT(member), NULL, help                                                      \
	}
#define TEXT(name, letter, member, arg, help)                                                                          \
	{                                                                                                              \
		name, letter, OPTION_TEXT, AT(member), arg, help                                                       \
	}
#define LIST(name, letter, member, arg, help)                                                                          \
	{                                                                                                              \
		name, letter, OPTION_LIST, AT(member), arg, help                                                       \
	}
#define COUNT(name, member, help)                                                                                      \
	{                                                                                                              \
		name, 0, OPTION_COUNT, AT(member), "N", help                                                           \
	}
#define TIME(name, member, help)                                                                                       \
	{                                                                                                              \
		name, 0, OPTION_TIME, AT(member), "TIME", help                                                         \
	}

#define FOREGROUND                                                                                                     \
	FLAG("detach", 'd', detach, "do not wait for its end: print its ID once it runs"),                             \
	    LIST("attach", 'a', attach, "STREAM", "of stdin, stdout, stderr this one alone (may be given again)"),     \
	    FLAG("sig-proxy", 0, sig_proxy, "pass signals on to it (default; --sig-proxy=false: not)"),                \
	    TEXT("detach-keys", 0, detach_keys, "KEYS", "keys that leave it running (default: ctrl-p,ctrl-q)")

#define LIMITS                                                                                                         \
	{"cpus", 0, OPTION_CPUS, AT(cpus), "N", "at the most so many cores, for example 0.5"},                         \
	    {"memory", 'm', OPTION_SIZE, AT(memory), "SIZE", "at the most so much memory, for example 512m"},          \
	    COUNT("pids", pids, "at the most so many processes and threads (also --pids-limit)"),                      \
	    COUNT("pids-limit", pids, "the same"),                                                                     \
	    TEXT("memory-reservation", 0, memory_reservation, "SIZE", "keep so much for it when memory is short"),     \
	    TEXT("memory-swap", 0, memory_swap, "SIZE", "memory and swap together; -1: no limit"),                     \
	    COUNT("cpu-shares", cpu_shares, "weight against others, 1024 is usual"),                                   \
	    COUNT("cpu-period", cpu_period, "microseconds of a period of --cpu-quota"),                                \
	    TEXT("cpu-quota", 0, cpu_quota, "N", "microseconds of processor time in a period"),                        \
	    TEXT("cpuset-cpus", 0, cpuset_cpus, "LIST", "on these cores only, for example 0-3,7"),                     \
	    TEXT("cpuset-mems", 0, cpuset_mems, "LIST", "memory of these nodes only"),                                 \
	    COUNT("blkio-weight", blkio_weight, "weight of its disk traffic, 10 to 1000"),                             \
	    TEXT("restart", 0, restart, "WHEN", "no, always, unless-stopped, on-failure[:N]")

#define COMMON                                                                                                         \
	FLAG("rm", 0, remove, "forget the container when it has ended"),                                               \
	    FLAG("interactive", 'i', interactive, "send it standard input"),                                           \
	    FLAG("tty", 't', tty, "give it a terminal"), TEXT("name", 0, name, "NAME", "name of the container"),       \
	    LIST("env", 'e', env, "K[=V]", "environment variable, or the name of one of yours"),                       \
	    LIST("env-file", 0, env_files, "FILE", "environment variables, one a line"),                               \
	    LIST("volume", 'v', volumes, "[SRC:]DST[:OPTS]",                                                           \
		 "directory, file or named volume that it sees at DST; OPTS: ro ..."),                                 \
	    LIST("mount", 0, mounts, "K=V,...",                                                                        \
		 "the same in words: type=bind|volume|tmpfs,source=SRC,target=DST,readonly ..."),                      \
	    LIST("tmpfs", 0, tmpfs, "DST[:OPTS]", "directory in memory; options: size=64m,mode=1777"),                 \
	    TEXT("workdir", 'w', workdir, "DIR", "working directory"),                                                 \
	    TEXT("user", 'u', user, "USER", "user, or user:group, by name or number"),                                 \
	    TEXT("entrypoint", 0, entrypoint, "PROGRAM", "instead of the image's; \"\" for none"),                     \
	    LIST("publish", 'p', publish, "[IP:][HOST:]PORT", "make a port (80, 80/udp, 8000-8010) known outside"),    \
	    FLAG("publish-all", 'P', publish_all, "publish all ports that the image names"),                           \
	    LIST("expose", 0, expose, "PORT", "a port that it serves"),                                                \
	    LIST("network", 0, networks, "NAME",                                                                       \
		 "network that it is on: a name, host, container:NAME, none: its loopback alone (default: bridge)"),   \
	    LIST("net", 0, networks, "NAME", "the same"),                                                              \
	    LIST("network-alias", 0, aliases, "NAME", "one more name of it in the network"),                           \
	    TEXT("ip", 0, ip, "ADDRESS", "its IPv4 address"), TEXT("ip6", 0, ip6, "ADDRESS", "its IPv6 address"),      \
	    LIST("link-local-ip", 0, link_local, "ADDRESS", "one more address of it, link-local"),                     \
	    TEXT("mac-address", 0, mac, "ADDRESS", "its Ethernet address"),                                            \
	    LIST("link", 0, links, "NAME[:ALIAS]", "know another container by a name"),                                \
	    TEXT("hostname", 'h', hostname, "NAME", "its host name"),                                                  \
	    TEXT("domainname", 0, domainname, "NAME", "its NIS domain name"),                                          \
	    LIST("add-host", 0, hosts, "NAME:IP", "a line of its /etc/hosts; host-gateway is the machine"),            \
	    LIST("dns", 0, dns, "IP", "name server"), LIST("dns-search", 0, dns_search, "DOMAIN", "search domain"),    \
	    LIST("dns-option", 0, dns_options, "OPTION", "option of its resolv.conf"),                                 \
	    LIST("dns-opt", 0, dns_options, "OPTION", "the same"),                                                     \
	    FLAG("read-only", 0, read_only, "its root filesystem cannot be written"),                                  \
	    FLAG("userns", 0, userns,                                                                                  \
		 "its users, root too, are nobody outside: a user namespace with a range of its own"),                 \
	    FLAG("privileged", 0, privileged, "all rights and devices of the machine"),                                \
	    LIST("cap-add", 0, cap_add, "CAP", "one more capability, or ALL"),                                         \
	    LIST("cap-drop", 0, cap_drop, "CAP", "one capability less, or ALL"),                                       \
	    LIST("security-opt", 0, security, "OPTION",                                                                \
		 "no-new-privileges, seccomp=FILE|unconfined, apparmor=PROFILE"),                                      \
	    LIST("group-add", 0, group_add, "GROUP", "one more group of its user"),                                    \
	    LIST("device", 0, devices, "SRC[:DST[:rwm]]", "device of the machine"),                                    \
	    LIST("device-cgroup-rule", 0, device_rules, "RULE", "for example \"c 1:3 rwm\""),                          \
	    TEXT("gpus", 0, gpus, "WHICH", "GPUs: all, a number, or device=0,1"),                                      \
	    LIST("ulimit", 0, ulimits, "NAME=SOFT[:HARD]", "limit of each process, for example nofile=1024"),          \
	    LIST("sysctl", 0, sysctls, "NAME=VALUE", "parameter of the kernel"),                                       \
	    TEXT("shm-size", 0, shm_size, "SIZE", "of /dev/shm (default 64m)"),                                        \
	    FLAG("init", 0, init,                                                                                      \
		 "for people used to docker: there is always a process 1 that reaps and passes signals on"),           \
	    TEXT("pid", 0, pid, "SPACE", "process ids of: host, container:NAME"),                                      \
	    TEXT("ipc", 0, ipc, "SPACE", "shared memory of: host, container:NAME; shareable, private, none"),          \
	    TEXT("uts", 0, uts, "SPACE", "host name of: host"),                                                        \
	    TEXT("cgroupns", 0, cgroupns, "SPACE", "view of cgroups: private, host"),                                  \
	    TEXT("cgroup-parent", 0, cgroup_parent, "PATH", "where its cgroup is made"),                               \
	    TEXT("stop-signal", 0, stop_signal, "SIGNAL", "what `berth stop` sends first"),                            \
	    TEXT("stop-timeout", 0, stop_timeout, "SECONDS", "how long `berth stop` waits then"),                      \
	    TEXT("health-cmd", 0, health_cmd, "COMMAND", "tells by its exit code whether it is well"),                 \
	    TIME("health-interval", health_interval, "between two checks"),                                            \
	    TIME("health-timeout", health_timeout, "of one check"),                                                    \
	    TIME("health-start-period", health_start_period, "at the beginning failures do not count"),                \
	    TIME("health-start-interval", health_start_interval, "between two checks then"),                           \
	    COUNT("health-retries", health_retries, "failures until it is unhealthy"),                                 \
	    FLAG("no-healthcheck", 0, no_healthcheck, "without the image's check"),                                    \
	    LIST("label", 'l', labels, "K[=V]", "label"),                                                              \
	    LIST("label-file", 0, label_files, "FILE", "labels, one a line"),                                          \
	    LIST("annotation", 0, annotations, "K=V", "annotation"),                                                   \
	    TEXT("log-driver", 0, log_driver, "NAME", "json-file, local, journald, syslog, none"),                     \
	    LIST("log-opt", 0, log_options, "K=V", "for example max-size=10m"),                                        \
	    LIST("volumes-from", 0, volumes_from, "CONTAINER[:ro]", "the same volumes as another one"),                \
	    TEXT("volume-driver", 0, volume_driver, "NAME", "of new volumes: local"),                                  \
	    TEXT("platform", 0, platform, "OS/ARCH", "the image must be for it"),                                      \
	    TEXT("runtime", 0, runtime, "NAME", "berth"),                                                              \
	    TEXT("memory-swappiness", 0, memory_swappiness, "N", "0 to 100"),                                          \
	    TEXT("oom-score-adj", 0, oom_score_adj, "N", "-1000 to 1000"),                                             \
	    FLAG("oom-kill-disable", 0, oom_kill_disable, "wait for memory instead"),                                  \
	    LIST("blkio-weight-device", 0, weights, "PATH:N", "weight for one disk"),                                  \
	    LIST("device-read-bps", 0, read_bps, "PATH:SIZE", "bytes a second at the most"),                           \
	    LIST("device-write-bps", 0, write_bps, "PATH:SIZE", "the same for writes"),                                \
	    LIST("device-read-iops", 0, read_iops, "PATH:N", "operations a second at the most"),                       \
	    LIST("device-write-iops", 0, write_iops, "PATH:N", "the same for writes"),                                 \
	    TEXT("cidfile", 0, cidfile, "FILE", "write its ID there; the file must not exist"),                        \
	    TEXT("pull", 0, pull, "WHEN", "fetch the image from its registry: missing (default), always, never"),      \
	    FLAG("quiet", 'q', quiet, "no progress of that")

/* clang-format off */
const struct option_spec run_option_specs[] = {FOREGROUND, COMMON, LIMITS, {NULL}};
const struct option_spec create_option_specs[] = {COMMON, LIMITS, {NULL}};
const struct option_spec update_option_specs[] = {LIMITS, {NULL}};
/* clang-format on */
const struct run_options run_option_defaults = {.sig_proxy = true};

int run_options_streams(const struct run_options *o, struct run_streams *ret, struct err *err)
{
	struct run_streams s = {.in = o->interactive, .out = true, .err = true};
	struct {
		const char *name;
		bool *flag;
	} names[] = {{"stdin", &s.in}, {"stdout", &s.out}, {"stderr", &s.err}};
	const size_t n = sizeof names / sizeof *names;

	if (o->attach && o->detach)
		return err_set(err, EINVAL, "--attach and --detach exclude each other");
	if (o->attach || o->detach)
		s = (struct run_streams){.in = false};
	for (char *const *a = o->attach; a && *a; a++) {
		size_t i = 0;

		while (i < n && strcasecmp(names[i].name, *a) != 0)
			i++;
		if (i == n)
			return err_set(err, EINVAL, "--attach \"%s\": stdin, stdout or stderr is needed", *a);
		*names[i].flag = true;
	}
	if (s.in && !o->interactive)
		return err_set(err, EINVAL, "--attach stdin needs --interactive");
	*ret = s;
	return 0;
}

static bool is_plain(const char *name)
{
	static const char *const names[] = {"rm",   "detach",	  "read-only",	 "userns",  "quiet",	  "sig-proxy",
					    "pull", "name",	  "workdir",	 "user",    "entrypoint", "hostname",
					    "env",  "env-file",	  "volume",	 "tmpfs",   "cpus",	  "memory",
					    "pids", "pids-limit", "detach-keys", "network", "net"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

static bool is_given(const struct option_spec *s, const struct run_options *o)
{
	const void *value = (const char *)o + s->offset;

	switch (s->kind) {
	case OPTION_FLAG:
		return *(const bool *)value;
	case OPTION_TEXT:
	case OPTION_LIST:
		return *(const void *const *)value != NULL;
	default:
		return *(const uint64_t *)value != 0;
	}
}

/* SRC:DST, SRC:DST:ro or SRC:DST:rw */
static bool plain_volume(const char *text)
{
	const char *target = strchr(text, ':'), *mode = target ? strchr(target + 1, ':') : NULL;

	return target && target[1] == '/' && (!mode || !strcmp(mode, ":ro") || !strcmp(mode, ":rw"));
}

static bool plain_tmpfs(const char *text)
{
	const char *p = strchr(text, ':');

	for (p = p ? p + 1 : ""; *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ',')) {
		if (strncmp(p, "size=", 5) != 0 && strncmp(p, "mode=", 5) != 0)
			return false;
	}
	return true;
}

/* Of the words that mean more than a network; what has a name may have more to it. */
static bool plain_network(const char *text)
{
	static const char *const words[] = {"default", "bridge", "host", "none"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!strcmp(words[i], text))
			return true;
	}
	return false;
}

bool run_options_plain(const struct run_options *o)
{
	bool plain = true;

	for (const struct option_spec *s = run_option_specs; s->name && plain; s++)
		plain = is_plain(s->name) || !is_given(s, o);
	for (char **v = o->volumes; plain && v && *v; v++)
		plain = plain_volume(*v);
	for (char **v = o->tmpfs; plain && v && *v; v++)
		plain = plain_tmpfs(*v);
	if (plain && o->networks)
		plain = !o->networks[1] && plain_network(o->networks[0]);
	return plain;
}
