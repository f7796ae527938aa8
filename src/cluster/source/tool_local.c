/* SPDX-License-Identifier: Apache-2.0 */
/* Agents beside the server, each with its own state in DATA/sources/NODE. */
#include "cluster/source/tool_private.h"

#include "base/core/counts.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_number(char ***argv, yyjson_val *request, const char *key, const char *option)
{
	uint64_t n = yyjson_get_uint(yyjson_obj_get(request, key));
	mem_cleanup char *text = mem_printf("%" PRIu64, n);

	if (!n)
		return;
	mem_strv_add(argv, option);
	mem_strv_add(argv, text);
}

static void add(char ***argv, const char *option, const char *value)
{
	mem_strv_add(argv, option);
	mem_strv_add(argv, value);
}

static void add_counters(char ***argv, yyjson_val *request)
{
	yyjson_val *name, *n;
	size_t i, max;

	yyjson_obj_foreach (yyjson_obj_get(request, "counters"), i, max, name, n) {
		bool disk = counts_is_amount(yyjson_get_str(name));
		mem_cleanup char *text = disk ? mem_printf("%" PRIu64 "m", yyjson_get_uint(n))
					      : mem_printf("%s=%" PRIu64, yyjson_get_str(name), yyjson_get_uint(n));

		add(argv, disk ? "--disk" : "--counter", text);
	}
}

/* With the token in its environment, or without one: then it has a certificate. */
static int start_agent(yyjson_val *request, const char *dir, const char *socket, struct err *err)
{
	char **argv cleanup_with(mem_strv_freep) = NULL;
	const char *token = source_tool_text(request, "token");

	mem_strv_add(&argv, "berth");
	mem_strv_add(&argv, "agent");
	add(&argv, "--data", dir);
	add(&argv, "--socket", socket);
	add(&argv, "--node-name", source_tool_text(request, "node"));
	add(&argv, "--server", source_tool_text(request, "server"));
	add_number(&argv, request, "slots", "--slots");
	add_number(&argv, request, "memory", "--memory");
	add_counters(&argv, request);
	mem_strv_add(&argv, "--quiet");
	if (*token && setenv("BERTH_TOKEN", token, 1) < 0)
		return err_sys(err, errno, "set BERTH_TOKEN");
	return source_tool_run("berth agent", TOOL_SELF, argv, NULL, -1, NULL, err);
}

static int stop_agent(const char *socket, struct err *err)
{
	char **argv cleanup_with(mem_strv_freep) = NULL;

	mem_strv_add(&argv, "berth");
	add(&argv, "--socket", socket);
	mem_strv_add(&argv, "down");
	mem_strv_add(&argv, "--all");
	return source_tool_run("berth down", TOOL_SELF, argv, NULL, -1, NULL, err);
}

int tool_local_create(yyjson_val *request, struct err *err)
{
	const char *data = source_tool_text(request, "data"), *node = source_tool_text(request, "node");
	mem_cleanup char *dir = mem_printf("%s/%s", data, node), *socket = mem_printf("%s/berth.sock", dir);
	fd_cleanup int fd = fs_mkdirs(data, 0700, err);

	return fd < 0 ? fd : start_agent(request, dir, socket, err);
}

/* An agent that has died has left its containers: it is started once more, to end them. */
int tool_local_destroy(yyjson_val *request, struct err *err)
{
	const char *data = source_tool_text(request, "data"), *node = source_tool_text(request, "node");
	mem_cleanup char *dir = mem_printf("%s/%s", data, node), *socket = mem_printf("%s/berth.sock", dir);
	fd_cleanup int fd = -1;
	struct stat st;
	int r;

	if (!fs_name_ok(node) || lstat(dir, &st) < 0)
		return 0;
	r = stop_agent(socket, err);
	if (r < 0) {
		(void)start_agent(request, dir, socket, err);
		r = stop_agent(socket, err);
	}
	if (r < 0)
		return r;
	fd = fs_mkdirs(data, 0700, err);
	return fd < 0 ? fd : fs_remove_tree(fd, node, err);
}
