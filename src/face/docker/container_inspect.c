/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /containers/NAME/json
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"
#include "face/docker/graph.h"
#include "face/docker/network.h"
#include "face/docker/shape.h"
#include "node/engine/kernel.h"
#include "node/engine/stream.h"

#include <string.h>

#define NEVER "0001-01-01T00:00:00Z"

static void add_time(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, int64_t ms)
{
	char text[DOCKER_TIME_MAX];

	yyjson_mut_obj_add_strcpy(d, o, key, ms > 0 ? docker_time(ms, text) : NEVER);
}

static void add_checks(yyjson_mut_doc *d, yyjson_mut_val *o, yyjson_val *checks)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(d, o, "Log"), *one;
	size_t i, n;
	yyjson_val *v;

	yyjson_arr_foreach (checks, i, n, v) {
		one = yyjson_mut_arr_add_obj(d, list);
		add_time(d, one, "Start", shape_number(v, "start_ns") / 1000000);
		add_time(d, one, "End", shape_number(v, "end_ns") / 1000000);
		yyjson_mut_obj_add_int(d, one, "ExitCode", shape_number(v, "code"));
		yyjson_mut_obj_add_strcpy(d, one, "Output", shape_text(v, "output"));
	}
}

static void add_health(struct docker *dk, yyjson_mut_doc *d, yyjson_mut_val *state, const struct engine_container *c)
{
	json_doc_cleanup yyjson_doc *log = NULL;
	yyjson_mut_val *o;

	if (c->health == ENGINE_HEALTH_NONE)
		return;
	(void)engine_health_log(dk->engine, c->id, &log, NULL);
	o = yyjson_mut_obj_add_obj(d, state, "Health");
	yyjson_mut_obj_add_str(d, o, "Status", container_health(c));
	yyjson_mut_obj_add_int(d, o, "FailingStreak", shape_number(yyjson_doc_get_root(log), "failing_streak"));
	add_checks(d, o, yyjson_obj_get(yyjson_doc_get_root(log), "log"));
}

static void add_state(struct docker *dk, yyjson_mut_doc *d, yyjson_mut_val *root, const struct engine_container *c)
{
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(d, root, "State");
	bool ended = c->state == ENGINE_EXITED || c->state == ENGINE_LOST;

	yyjson_mut_obj_add_str(d, o, "Status", container_state(c));
	yyjson_mut_obj_add_bool(d, o, "Running", container_runs(c));
	yyjson_mut_obj_add_bool(d, o, "Paused", c->paused);
	yyjson_mut_obj_add_bool(d, o, "Restarting", c->restarting);
	yyjson_mut_obj_add_bool(d, o, "OOMKilled", c->exit.oom);
	yyjson_mut_obj_add_bool(d, o, "Dead", c->dead);
	yyjson_mut_obj_add_int(d, o, "Pid", ended ? 0 : c->pid);
	yyjson_mut_obj_add_int(d, o, "ExitCode", container_exit_code(c));
	yyjson_mut_obj_add_strcpy(d, o, "Error", c->refused ? c->refused : c->exit.error ? c->exit.error : "");
	add_time(d, o, "StartedAt", ended && c->exit.never_started ? 0 : c->started_ms);
	add_time(d, o, "FinishedAt", ended && !c->exit.never_started ? c->ended_ms : c->last_ended_ms);
	add_health(dk, d, o, c);
}

static void add_command(yyjson_mut_doc *d, yyjson_mut_val *root, yyjson_val *argv)
{
	yyjson_mut_val *args;
	size_t i, n;
	yyjson_val *v;

	yyjson_mut_obj_add_strcpy(d, root, "Path",
				  yyjson_is_str(yyjson_arr_get_first(argv)) ? yyjson_get_str(yyjson_arr_get_first(argv))
									    : "");
	args = yyjson_mut_obj_add_arr(d, root, "Args");
	yyjson_arr_foreach (argv, i, n, v) {
		if (i > 0)
			yyjson_mut_arr_append(args, yyjson_val_mut_copy(d, v));
	}
}

static void add_execs(struct docker *dk, yyjson_mut_doc *d, yyjson_mut_val *root, const struct engine_container *c)
{
	const struct engine_exec *x = engine_exec_at(dk->engine, c->id, 0);
	yyjson_mut_val *list;

	if (!x) {
		yyjson_mut_obj_add_null(d, root, "ExecIDs");
		return;
	}
	list = yyjson_mut_obj_add_arr(d, root, "ExecIDs");
	for (size_t i = 0; (x = engine_exec_at(dk->engine, c->id, i)); i++)
		yyjson_mut_arr_add_strcpy(d, list, x->id);
}

/* The files that the engine keeps for it, by their paths. */
static void add_files(struct docker *dk, yyjson_mut_doc *d, yyjson_mut_val *root, const struct engine_container *c)
{
	static const char *const files[][2] = {{"ResolvConfPath", "resolv.conf"},
					       {"HostnamePath", "hostname"},
					       {"HostsPath", "hosts"},
					       {"LogPath", "log"}};

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		mem_cleanup char *path = mem_printf("%s/containers/%s/%s", dk->data_dir, c->id, files[i][1]);

		yyjson_mut_obj_add_strcpy(d, root, files[i][0], path);
	}
}

/* Paths that the client left to us; a privileged container has none. */
static void add_paths(yyjson_mut_doc *d, yyjson_mut_val *host, const char *key, const char *const *usual)
{
	yyjson_mut_val *list;

	if (yyjson_mut_is_arr(yyjson_mut_obj_get(host, key)))
		return;
	yyjson_mut_obj_remove_key(host, key);
	if (yyjson_mut_is_true(yyjson_mut_obj_get(host, "Privileged"))) {
		yyjson_mut_obj_add(host, yyjson_mut_str(d, key), yyjson_mut_null(d));
		return;
	}
	list = yyjson_mut_arr(d);
	for (; *usual; usual++)
		yyjson_mut_arr_add_str(d, list, *usual);
	yyjson_mut_obj_add(host, yyjson_mut_str(d, key), list);
}

/* Numbers that clients send to say that nothing is said are shown as Docker has them, and the swap that comes with a limit of memory as it is. */
static void show_limits(yyjson_mut_doc *d, yyjson_mut_val *host)
{
	int64_t memory = yyjson_mut_get_sint(yyjson_mut_obj_get(host, "Memory"));

	if (yyjson_mut_get_sint(yyjson_mut_obj_get(host, "MemorySwappiness")) == -1)
		yyjson_mut_obj_put(host, yyjson_mut_str(d, "MemorySwappiness"), yyjson_mut_null(d));
	if (yyjson_mut_get_sint(yyjson_mut_obj_get(host, "PidsLimit")) <= 0)
		yyjson_mut_obj_put(host, yyjson_mut_str(d, "PidsLimit"), yyjson_mut_null(d));
	if (memory > 0 && yyjson_mut_get_sint(yyjson_mut_obj_get(host, "MemorySwap")) == 0)
		yyjson_mut_obj_put(host, yyjson_mut_str(d, "MemorySwap"), yyjson_mut_sint(d, 2 * memory));
}

static void add_config(struct docker *dk, yyjson_mut_doc *d, yyjson_mut_val *root, const struct engine_container *c,
		       const struct container_doc *doc)
{
	yyjson_mut_val *config = yyjson_val_mut_copy(d, doc->config), *host = yyjson_val_mut_copy(d, doc->host);
	const char *hostname = shape_text(doc->order, "hostname");

	if (!*shape_text(doc->config, "Hostname"))
		yyjson_mut_obj_put(config, yyjson_mut_str(d, "Hostname"), yyjson_mut_strcpy(d, hostname));
	show_limits(d, host);
	container_link_show(dk, d, host, c, doc->spec);
	add_paths(d, host, "MaskedPaths", kernel_masked_paths);
	add_paths(d, host, "ReadonlyPaths", kernel_readonly_paths);
	yyjson_mut_obj_add_val(d, root, "HostConfig", host);
	yyjson_mut_obj_add_val(d, root, "Config", config);
}

/* Where the network namespace can be found while it lives: people hand it to `ip netns` and nsenter. */
static void add_sandbox(yyjson_mut_doc *d, yyjson_mut_val *settings, const struct engine_container *c)
{
	mem_cleanup char *path = c->pid > 0 ? mem_printf("/proc/%d/ns/net", c->pid) : mem_strdup("");

	yyjson_mut_obj_add_strcpy(d, settings, "SandboxID", c->pid > 0 ? c->id : "");
	yyjson_mut_obj_add_strcpy(d, settings, "SandboxKey", path);
}

static void add_settings(struct docker *dk, yyjson_mut_doc *d, yyjson_mut_val *root, const struct engine_container *c,
			 const struct container_doc *doc)
{
	static const char *const texts[] = {
	    "Bridge",	 "LinkLocalIPv6Address", "EndpointID", "Gateway", "GlobalIPv6Address",
	    "IPAddress", "IPv6Gateway",		 "MacAddress"};
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(d, root, "NetworkSettings"), *networks, *bridge;

	add_sandbox(d, o, c);
	networks = network_settings_networks(dk, d, c->id, doc->spec);
	bridge = yyjson_mut_obj_get(networks, "bridge");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		yyjson_mut_val *v = yyjson_mut_obj_get(bridge, texts[i]);

		if (v)
			yyjson_mut_obj_add_val(d, o, texts[i], yyjson_mut_val_mut_copy(d, v));
		else
			yyjson_mut_obj_add_str(d, o, texts[i], "");
	}
	yyjson_mut_obj_add_bool(d, o, "HairpinMode", false);
	yyjson_mut_obj_add_int(d, o, "LinkLocalIPv6PrefixLen", 0);
	yyjson_mut_obj_add_int(d, o, "IPPrefixLen", yyjson_mut_get_sint(yyjson_mut_obj_get(bridge, "IPPrefixLen")));
	yyjson_mut_obj_add_int(d, o, "GlobalIPv6PrefixLen",
			       yyjson_mut_get_sint(yyjson_mut_obj_get(bridge, "GlobalIPv6PrefixLen")));
	yyjson_mut_obj_add_null(d, o, "SecondaryIPAddresses");
	yyjson_mut_obj_add_null(d, o, "SecondaryIPv6Addresses");
	yyjson_mut_obj_add_val(d, o, "Ports",
			       network_settings_ports(dk, d, c->id, yyjson_obj_get(doc->config, "ExposedPorts")));
	yyjson_mut_obj_add_val(d, o, "Networks", networks);
}

static yyjson_mut_doc *view(struct docker *dk, const struct engine_container *c, const struct container_doc *doc)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d);
	mem_cleanup char *name = mem_printf("/%s", c->name);

	yyjson_mut_doc_set_root(d, root);
	yyjson_mut_obj_add_strcpy(d, root, "Id", c->id);
	add_time(d, root, "Created", c->created_ms);
	add_command(d, root, yyjson_obj_get(doc->order, "argv"));
	add_state(dk, d, root, c);
	yyjson_mut_obj_add_strcpy(d, root, "Image", doc->image);
	add_files(dk, d, root, c);
	yyjson_mut_obj_add_strcpy(d, root, "Name", name);
	yyjson_mut_obj_add_uint(d, root, "RestartCount", c->restart_count);
	yyjson_mut_obj_add_str(d, root, "Driver", "overlay2");
	yyjson_mut_obj_add_str(d, root, "Platform", "linux");
	yyjson_mut_obj_add_str(d, root, "MountLabel", "");
	yyjson_mut_obj_add_str(d, root, "ProcessLabel", "");
	yyjson_mut_obj_add_strcpy(d, root, "AppArmorProfile", shape_text(doc->spec, "apparmor"));
	add_execs(dk, d, root, c);
	graph_container(dk, d, root, c, doc);
	yyjson_mut_obj_add_val(d, root, "Mounts", container_mounts(dk, d, doc));
	add_config(dk, d, root, c, doc);
	add_settings(dk, d, root, c, doc);
	return d;
}

void docker_container_inspect(const struct docker_call *c)
{
	const struct engine_container *container = docker_container(c);
	struct container_doc doc;
	struct err err = ERR_INIT;
	yyjson_mut_doc *d;

	if (!container)
		return;
	if (container_doc_read(c->d, container, &doc, &err) < 0) {
		docker_fail(c->r, &err);
		return;
	}
	d = view(c->d, container, &doc);
	container_doc_free(&doc);
	if (docker_flag(c->r, "size", false))
		container_sizes(c, d);
	else
		docker_reply(c->r, 200, d);
}
