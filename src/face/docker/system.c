/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"
#include "node/engine/engine.h"
#include "node/image/image.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char *architecture(const struct utsname *u)
{
	if (!strcmp(u->machine, "x86_64"))
		return "amd64";
	return strcmp(u->machine, "aarch64") ? u->machine : "arm64";
}

static void version_headers(struct http_req *r)
{
	http_reply_header(r, "Api-Version", DOCKER_API_TEXT);
	http_reply_header(r, "Builder-Version", "1");
	http_reply_header(r, "Docker-Experimental", "false");
	http_reply_header(r, "OSType", "linux");
	http_reply_header(r, "Swarm", "inactive");
	http_reply_header(r, "Server", "berth/" BERTH_VERSION " (linux)");
	http_reply_header(r, "Cache-Control", "no-cache, no-store, must-revalidate");
}

void docker_ping(const struct docker_call *c)
{
	version_headers(c->r);
	http_reply(c->r, 200, "text/plain; charset=utf-8", "OK", 2);
}

/* Objects that berth does not show by this API yet. */
void docker_not_here(const struct docker_call *c)
{
	struct err err = ERR_INIT;

	err_set(&err, ENOENT, "No such object: %.300s", c->arg);
	http_reply_err(c->r, &err);
}

void docker_version(const struct docker_call *c)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d), *part, *details;
	struct utsname u;

	uname(&u);
	yyjson_mut_doc_set_root(d, root);
	part = yyjson_mut_obj_add_obj(d, root, "Platform");
	yyjson_mut_obj_add_str(d, part, "Name", "berth");
	part = yyjson_mut_arr_add_obj(d, yyjson_mut_obj_add_arr(d, root, "Components"));
	yyjson_mut_obj_add_str(d, part, "Name", "Engine");
	yyjson_mut_obj_add_str(d, part, "Version", BERTH_VERSION);
	details = yyjson_mut_obj_add_obj(d, part, "Details");
	yyjson_mut_obj_add_str(d, details, "ApiVersion", DOCKER_API_TEXT);
	yyjson_mut_obj_add_str(d, details, "MinAPIVersion", DOCKER_API_MIN_TEXT);
	yyjson_mut_obj_add_str(d, details, "Os", "linux");
	yyjson_mut_obj_add_strcpy(d, details, "Arch", architecture(&u));
	yyjson_mut_obj_add_strcpy(d, details, "KernelVersion", u.release);
	yyjson_mut_obj_add_str(d, root, "Version", BERTH_VERSION);
	yyjson_mut_obj_add_str(d, root, "ApiVersion", DOCKER_API_TEXT);
	yyjson_mut_obj_add_str(d, root, "MinAPIVersion", DOCKER_API_MIN_TEXT);
	yyjson_mut_obj_add_str(d, root, "GitCommit", "");
	yyjson_mut_obj_add_str(d, root, "GoVersion", "");
	yyjson_mut_obj_add_str(d, root, "Os", "linux");
	yyjson_mut_obj_add_strcpy(d, root, "Arch", architecture(&u));
	yyjson_mut_obj_add_strcpy(d, root, "KernelVersion", u.release);
	yyjson_mut_obj_add_bool(d, root, "Experimental", false);
	docker_reply(c->r, 200, d);
}

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

/* PRETTY_NAME of os-release(5). */
static char *system_name(void)
{
	FILE *f = fopen("/etc/os-release", "re");
	char line[512], *name = NULL;

	while (f && !name && fgets(line, sizeof line, f)) {
		if (strncmp(line, "PRETTY_NAME=", 12) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		name = line[12] == '"' ? mem_strndup(line + 13, strcspn(line + 13, "\"")) : mem_strdup(line + 12);
	}
	if (f)
		fclose(f);
	return name ? name : mem_strdup("Linux");
}

static void add_machine(yyjson_mut_doc *d, yyjson_mut_val *root)
{
	mem_cleanup char *system = system_name();
	struct sysinfo s = {.totalram = 0};
	struct utsname u;

	uname(&u);
	sysinfo(&s);
	yyjson_mut_obj_add_strcpy(d, root, "KernelVersion", u.release);
	yyjson_mut_obj_add_strcpy(d, root, "OperatingSystem", system);
	yyjson_mut_obj_add_str(d, root, "OSType", "linux");
	yyjson_mut_obj_add_strcpy(d, root, "Architecture", u.machine);
	yyjson_mut_obj_add_int(d, root, "NCPU", sysconf(_SC_NPROCESSORS_ONLN));
	yyjson_mut_obj_add_uint(d, root, "MemTotal", (uint64_t)s.totalram * s.mem_unit);
	yyjson_mut_obj_add_strcpy(d, root, "Name", u.nodename);
}

static const struct {
	const char *kind, *names[6];
} plugins[] = {{"Volume", {"local"}},
	       {"Network", {"bridge", "host", "null"}},
	       {"Log", {"journald", "json-file", "local", "none"}}};

void docker_info(const struct docker_call *c)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d), *part;
	bool v2 = strstr(c->d->cgroup_layout, "v2") != NULL && !strstr(c->d->cgroup_layout, "v1");

	yyjson_mut_doc_set_root(d, root);
	yyjson_mut_obj_add_str(d, root, "ID", "berth");
	add_counts(c->d, d, root);
	add_machine(d, root);
	yyjson_mut_obj_add_str(d, root, "Driver", "overlay2");
	yyjson_mut_obj_add_arr(d, root, "DriverStatus");
	yyjson_mut_obj_add_strcpy(d, root, "DockerRootDir", c->d->data_dir);
	part = yyjson_mut_obj_add_obj(d, root, "Plugins");
	for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++) {
		yyjson_mut_val *list = yyjson_mut_obj_add_arr(d, part, plugins[i].kind);

		for (const char *const *name = plugins[i].names; *name; name++)
			yyjson_mut_arr_add_str(d, list, *name);
	}
	yyjson_mut_obj_add_null(d, part, "Authorization");
	yyjson_mut_obj_add_str(d, root, "LoggingDriver", "json-file");
	yyjson_mut_obj_add_str(d, root, "CgroupDriver", "cgroupfs");
	yyjson_mut_obj_add_str(d, root, "CgroupVersion", v2 ? "2" : "1");
	yyjson_mut_obj_add_str(d, root, "IndexServerAddress", "https://index.docker.io/v1/");
	yyjson_mut_obj_add_str(d, root, "ServerVersion", BERTH_VERSION);
	part = yyjson_mut_obj_add_obj(d, yyjson_mut_obj_add_obj(d, root, "Runtimes"), "berth");
	yyjson_mut_obj_add_str(d, part, "path", "berth");
	yyjson_mut_obj_add_str(d, root, "DefaultRuntime", "berth");
	part = yyjson_mut_obj_add_obj(d, root, "Swarm");
	yyjson_mut_obj_add_str(d, part, "LocalNodeState", "inactive");
	yyjson_mut_obj_add_bool(d, part, "ControlAvailable", false);
	yyjson_mut_obj_add_bool(d, root, "LiveRestoreEnabled", true);
	yyjson_mut_obj_add_bool(d, root, "ExperimentalBuild", false);
	yyjson_mut_obj_add_bool(d, root, "MemoryLimit", true);
	yyjson_mut_obj_add_bool(d, root, "SwapLimit", true);
	yyjson_mut_obj_add_bool(d, root, "CpuCfsQuota", true);
	yyjson_mut_obj_add_bool(d, root, "CpuCfsPeriod", true);
	yyjson_mut_obj_add_bool(d, root, "PidsLimit", true);
	yyjson_mut_obj_add_bool(d, root, "OomKillDisable", false);
	part = yyjson_mut_obj_add_arr(d, root, "SecurityOptions");
	yyjson_mut_arr_add_str(d, part, "name=seccomp,profile=builtin");
	yyjson_mut_obj_add_arr(d, root, "Labels");
	yyjson_mut_obj_add_arr(d, root, "Warnings");
	docker_reply(c->r, 200, d);
}
