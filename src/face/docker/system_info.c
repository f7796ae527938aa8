/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /info: what the machine, the daemon and its objects are. Members that describe parts which berth has not got (Swarm, containerd, plugins) are
 * there and empty: clients read them without asking whether they exist.
 */
#include "base/core/clock.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/age.h"
#include "node/engine/cdi.h"
#include "face/docker/container.h"
#include "face/docker/shape.h"
#include "node/engine/engine.h"
#include "node/image/image.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

static void add_counts(struct docker *dk, yyjson_mut_doc *d, yyjson_mut_val *root)
{
	struct image_info **images = image_list_all(dk->images);
	const struct engine_container *c;
	uint64_t running = 0, paused = 0, total = 0, n = 0;

	/* As Docker counts: a paused one is no running one. */
	while ((c = engine_at(dk->engine, total))) {
		total++;
		paused += c->paused;
		running += !c->paused && container_runs(c);
	}
	for (; images[n]; n++)
		image_info_free(images[n]);
	free(images);
	yyjson_mut_obj_add_uint(d, root, "Containers", total);
	yyjson_mut_obj_add_uint(d, root, "ContainersRunning", running);
	yyjson_mut_obj_add_uint(d, root, "ContainersPaused", paused);
	yyjson_mut_obj_add_uint(d, root, "ContainersStopped", total - running - paused);
	yyjson_mut_obj_add_uint(d, root, "Images", n);
}

/* A value of os-release(5), "" = it does not say. */
static char *os_release(const char *key)
{
	FILE *f = fopen("/etc/os-release", "re");
	size_t n = strlen(key);
	char line[512], *value = NULL;

	while (f && !value && fgets(line, sizeof line, f)) {
		const char *text = line + n + 1;

		if (strncmp(line, key, n) != 0 || line[n] != '=')
			continue;
		line[strcspn(line, "\n")] = '\0';
		value = *text == '"' ? mem_strndup(text + 1, strcspn(text + 1, "\"")) : mem_strdup(text);
	}
	if (f)
		fclose(f);
	return value ? value : mem_strdup("");
}

static bool setting(const char *path)
{
	FILE *f = fopen(path, "re");
	bool on = f && fgetc(f) == '1';

	if (f)
		fclose(f);
	return on;
}

static uint64_t open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	uint64_t n = 0;

	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d))
		n += *e->d_name != '.';
	if (d)
		closedir(d);
	return n ? n - 1 : 0; /* without the one that read the list */
}

static void add_machine(yyjson_mut_doc *d, yyjson_mut_val *root)
{
	mem_cleanup char *system = os_release("PRETTY_NAME"), *version = os_release("VERSION_ID");
	struct sysinfo s = {.totalram = 0};
	struct utsname u;

	uname(&u);
	sysinfo(&s);
	yyjson_mut_obj_add_strcpy(d, root, "KernelVersion", u.release);
	yyjson_mut_obj_add_strcpy(d, root, "OperatingSystem", *system ? system : "Linux");
	yyjson_mut_obj_add_strcpy(d, root, "OSVersion", version);
	yyjson_mut_obj_add_str(d, root, "OSType", "linux");
	yyjson_mut_obj_add_strcpy(d, root, "Architecture", u.machine);
	yyjson_mut_obj_add_int(d, root, "NCPU", sysconf(_SC_NPROCESSORS_ONLN));
	yyjson_mut_obj_add_uint(d, root, "MemTotal", (uint64_t)s.totalram * s.mem_unit);
	yyjson_mut_obj_add_strcpy(d, root, "Name", u.nodename);
}

/* ---- the daemon ---- */

/* Of the daemon's environment, as docker shows it: without who logs in there. */
static void add_proxy(yyjson_mut_doc *d, yyjson_mut_val *root, const char *key, const char *upper, const char *lower)
{
	const char *value = getenv(upper) ? getenv(upper) : getenv(lower);
	const char *start = value ? strstr(value, "://") : NULL, *at;
	mem_cleanup char *shown = NULL;

	start = start ? start + 3 : value;
	at = start ? strrchr(start, '@') : NULL;
	if (at)
		shown = mem_printf("%.*sxxxxx:xxxxx%s", (int)(start - value), value, at);
	yyjson_mut_obj_add_strcpy(d, root, key, shown ? shown : value ? value : "");
}

static void add_daemon(struct docker *dk, yyjson_mut_doc *d, yyjson_mut_val *root)
{
	char time[DOCKER_TIME_MAX];

	yyjson_mut_obj_add_bool(d, root, "Debug", false);
	yyjson_mut_obj_add_uint(d, root, "NFd", open_descriptors());
	yyjson_mut_obj_add_uint(d, root, "NGoroutines", 1); /* one loop */
	yyjson_mut_obj_add_uint(d, root, "NEventsListener", dk->n_event_clients);
	yyjson_mut_obj_add_strcpy(d, root, "SystemTime", docker_time(clock_wall_ms(), time));
	add_proxy(d, root, "HttpProxy", "HTTP_PROXY", "http_proxy");
	add_proxy(d, root, "HttpsProxy", "HTTPS_PROXY", "https_proxy");
	add_proxy(d, root, "NoProxy", "NO_PROXY", "no_proxy");
	yyjson_mut_obj_add_bool(d, root, "LiveRestoreEnabled", true);
	yyjson_mut_obj_add_bool(d, root, "ExperimentalBuild", false);
}

/* ---- parts ---- */

static const struct {
	const char *kind, *names[6];
} plugins[] = {{"Volume", {"local"}},
	       {"Network", {"bridge", "host", "null"}},
	       {"Log", {"journald", "json-file", "local", "none", "syslog"}}};

static void add_plugins(yyjson_mut_doc *d, yyjson_mut_val *root)
{
	yyjson_mut_val *part = yyjson_mut_obj_add_obj(d, root, "Plugins");

	for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++) {
		yyjson_mut_val *list = yyjson_mut_obj_add_arr(d, part, plugins[i].kind);

		for (const char *const *name = plugins[i].names; *name; name++)
			yyjson_mut_arr_add_str(d, list, *name);
	}
	yyjson_mut_obj_add_null(d, part, "Authorization");
}

static void add_swarm(yyjson_mut_doc *d, yyjson_mut_val *root)
{
	static const char *const empty[] = {"NodeID", "NodeAddr", "Error"};
	yyjson_mut_val *part = yyjson_mut_obj_add_obj(d, root, "Swarm");

	yyjson_mut_obj_add_str(d, part, "LocalNodeState", "inactive");
	yyjson_mut_obj_add_bool(d, part, "ControlAvailable", false);
	for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
		yyjson_mut_obj_add_str(d, part, empty[i], "");
	yyjson_mut_obj_add_null(d, part, "RemoteManagers");
}

static void add_registries(yyjson_mut_doc *d, yyjson_mut_val *root)
{
	static const char *const lists[] = {"AllowNondistributableArtifactsCIDRs",
					    "AllowNondistributableArtifactsHostnames", "InsecureRegistryCIDRs",
					    "Mirrors"};
	yyjson_mut_val *part = yyjson_mut_obj_add_obj(d, root, "RegistryConfig"), *index;

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		(void)yyjson_mut_obj_add_arr(d, part, lists[i]);
	index = yyjson_mut_obj_add_obj(d, yyjson_mut_obj_add_obj(d, part, "IndexConfigs"), "docker.io");
	yyjson_mut_obj_add_str(d, index, "Name", "docker.io");
	(void)yyjson_mut_obj_add_arr(d, index, "Mirrors");
	yyjson_mut_obj_add_bool(d, index, "Secure", true);
	yyjson_mut_obj_add_bool(d, index, "Official", true);
}

/* The runtime, the init and the engine are one program. */
static void add_runtimes(yyjson_mut_doc *d, yyjson_mut_val *root)
{
	static const char *const commits[] = {"ContainerdCommit", "RuncCommit", "InitCommit"};
	yyjson_mut_val *part = yyjson_mut_obj_add_obj(d, yyjson_mut_obj_add_obj(d, root, "Runtimes"), "berth");

	yyjson_mut_obj_add_str(d, part, "path", "berth");
	yyjson_mut_obj_add_str(d, root, "DefaultRuntime", "berth");
	yyjson_mut_obj_add_str(d, root, "InitBinary", "berth");
	yyjson_mut_obj_add_str(d, root, "Isolation", "");
	for (size_t i = 0; i < sizeof commits / sizeof *commits; i++) {
		part = yyjson_mut_obj_add_obj(d, root, commits[i]);
		yyjson_mut_obj_add_str(d, part, "ID", "");
		yyjson_mut_obj_add_str(d, part, "Expected", "");
	}
}

/* ---- what the kernel does ---- */

static void add_kernel(struct docker *dk, yyjson_mut_doc *d, yyjson_mut_val *root)
{
	static const char *const yes[] = {"MemoryLimit", "SwapLimit", "CpuCfsQuota", "CpuCfsPeriod",
					  "CPUShares",	 "CPUSet",    "PidsLimit"};
	bool v2 = strstr(dk->cgroup_layout, "v2") != NULL && !strstr(dk->cgroup_layout, "v1");

	yyjson_mut_obj_add_str(d, root, "CgroupDriver", "cgroupfs");
	yyjson_mut_obj_add_str(d, root, "CgroupVersion", v2 ? "2" : "1");
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		yyjson_mut_obj_add_bool(d, root, yes[i], true);
	yyjson_mut_obj_add_bool(d, root, "OomKillDisable", false);
	yyjson_mut_obj_add_bool(d, root, "IPv4Forwarding", setting("/proc/sys/net/ipv4/ip_forward"));
	yyjson_mut_obj_add_bool(d, root, "BridgeNfIptables", setting("/proc/sys/net/bridge/bridge-nf-call-iptables"));
	yyjson_mut_obj_add_bool(d, root, "BridgeNfIp6tables", setting("/proc/sys/net/bridge/bridge-nf-call-ip6tables"));
}

void docker_info(const struct docker_call *c)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d), *part;

	yyjson_mut_doc_set_root(d, root);
	yyjson_mut_obj_add_str(d, root, "ID", c->d->id);
	add_counts(c->d, d, root);
	add_machine(d, root);
	add_daemon(c->d, d, root);
	add_kernel(c->d, d, root);
	yyjson_mut_obj_add_str(d, root, "Driver", "overlay2");
	yyjson_mut_obj_add_arr(d, root, "DriverStatus");
	yyjson_mut_obj_add_strcpy(d, root, "DockerRootDir", c->d->data_dir);
	add_plugins(d, root);
	yyjson_mut_obj_add_str(d, root, "LoggingDriver",
			       c->d->log_default ? shape_text(yyjson_doc_get_root(c->d->log_default), "Type")
						 : "json-file");
	yyjson_mut_obj_add_str(d, root, "IndexServerAddress", "https://index.docker.io/v1/");
	yyjson_mut_obj_add_str(d, root, "ServerVersion", BERTH_VERSION);
	add_registries(d, root);
	add_runtimes(d, root);
	add_swarm(d, root);
	yyjson_mut_obj_add_null(d, root, "GenericResources");
	part = yyjson_mut_obj_add_arr(d, root, "CDISpecDirs");
	for (const char *const *dir = cdi_dirs; *dir; dir++)
		yyjson_mut_arr_add_str(d, part, *dir);
	part = yyjson_mut_obj_add_arr(d, root, "SecurityOptions");
	yyjson_mut_arr_add_str(d, part,
			       docker_since(c, DOCKER_SECURITY_NAMED) ? "name=seccomp,profile=builtin" : "seccomp");
	yyjson_mut_obj_add_arr(d, root, "Labels");
	yyjson_mut_obj_add_arr(d, root, "Warnings");
	docker_reply(c->r, 200, d);
}
