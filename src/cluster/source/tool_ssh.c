/* SPDX-License-Identifier: Apache-2.0 */
/* A host that is reached by ssh: this program's file is copied there when another one (or none) is, and started as an agent. The token goes through standard input,
 * never through the words of a command, which everybody on a machine can see. The keys of hosts have to be known: an unknown one is refused. */
#include "cluster/source/tool_private.h"

#include "base/core/buf.h"
#include "base/core/counts.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES 65536

/* ---- the words of ssh ---- */

static void add(char ***argv, const char *option, const char *value)
{
	if (!value || !*value)
		return;
	mem_strv_add(argv, option);
	mem_strv_add(argv, value);
}

/* "[USER@]HOST[:PORT]"; an address of version 6 stands in square brackets. */
static void split_host(const char *text, char **ret_host, char **ret_port)
{
	const char *bracket = strchr(text, '['), *end = bracket ? strchr(bracket, ']') : NULL;
	const char *colon = strrchr(end ? end : text, ':');

	*ret_port = colon ? mem_strdup(colon + 1) : NULL;
	if (end)
		*ret_host = mem_printf("%.*s%.*s", (int)(bracket - text), text, (int)(end - bracket - 1), bracket + 1);
	else
		*ret_host = mem_strndup(text, colon ? (size_t)(colon - text) : strlen(text));
}

/* Runs a line of a shell over there. */
static int remote(yyjson_val *request, const char *what, const char *line, int in, struct buf *out, struct err *err)
{
	mem_cleanup char *host = NULL, *port = NULL, *known = NULL;
	char **argv cleanup_with(mem_strv_freep) = NULL;
	const char *ssh = source_tool_text(request, "ssh");
	int r;

	split_host(source_tool_text(request, "host"), &host, &port);
	mem_strv_add(&argv, ssh);
	add(&argv, "-o", "BatchMode=yes");
	add(&argv, "-o", "StrictHostKeyChecking=yes");
	add(&argv, "-o", "ConnectTimeout=15");
	add(&argv, "-o", "ServerAliveInterval=15");
	if (*source_tool_text(request, "known_hosts"))
		known = mem_printf("UserKnownHostsFile=%s", source_tool_text(request, "known_hosts"));
	add(&argv, "-o", known);
	add(&argv, "-i", source_tool_text(request, "identity"));
	add(&argv, "-p", port);
	mem_strv_add(&argv, "--");
	mem_strv_add(&argv, host);
	mem_strv_add(&argv, line);
	r = source_tool_run(what, ssh, argv, NULL, in, out, err);
	return r < 0 ? err_wrap(err, "%s", source_tool_text(request, "host")) : 0;
}

/* ---- the program ---- */

static int own_digest(int fd, char hex[static SHA256_HEX_MAX], struct err *err)
{
	mem_cleanup char *data = mem_zalloc(1, READ_BYTES);
	struct sha256 sum;
	ssize_t n;

	sha256_init(&sum);
	while ((n = read(fd, data, READ_BYTES)) > 0)
		sha256_add(&sum, data, (size_t)n);
	if (n < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "read \"%s\"", TOOL_SELF);
	sha256_hex(&sum, hex);
	return 0;
}

static int copy_program(yyjson_val *request, const char *dir, struct err *err)
{
	const char *node = source_tool_text(request, "node");
	mem_cleanup char *ask = mem_printf("sha256sum '%s/berth' 2>/dev/null || :", dir);
	mem_cleanup char *put =
	    mem_printf("umask 077 && mkdir -p '%s' && cat >'%s/.berth.%s' && chmod 700 '%s/.berth.%s' && mv -f "
		       "'%s/.berth.%s' '%s/berth'",
		       dir, dir, node, dir, node, dir, node, dir);
	buf_cleanup struct buf there = BUF_LIMIT(4096);
	fd_cleanup int fd = open(TOOL_SELF, O_RDONLY | O_CLOEXEC);
	char hex[SHA256_HEX_MAX];
	int r;

	if (fd < 0)
		return err_sys(err, errno, "open \"%s\"", TOOL_SELF);
	r = own_digest(fd, hex, err);
	if (r == 0 && remote(request, "the first contact by ssh", ask, -1, &there, err) < 0)
		r = -(err->code = ENOTCONN); /* nothing has been done there */
	if (r < 0 || !strncmp(buf_str(&there), hex, strlen(hex)))
		return r;
	return remote(request, "the copying of berth", put, fd, NULL, err);
}

/* ---- the agent ---- */

/* "--slots 4", or nothing. */
static char *number(yyjson_val *request, const char *key)
{
	uint64_t n = yyjson_get_uint(yyjson_obj_get(request, key));

	return n ? mem_printf(" --%s %" PRIu64, key, n) : mem_strdup("");
}

/* Their names have no character that a shell cares for (counts.h). */
static char *counters(yyjson_val *request)
{
	struct buf text = BUF_INIT;
	yyjson_val *name, *n;
	size_t i, max;

	yyjson_obj_foreach (yyjson_obj_get(request, "counters"), i, max, name, n) {
		if (counts_is_amount(yyjson_get_str(name)))
			buf_printf(&text, " --disk %" PRIu64 "m", yyjson_get_uint(n));
		else if (counts_name_ok(yyjson_get_str(name)))
			buf_printf(&text, " --counter %s=%" PRIu64, yyjson_get_str(name), yyjson_get_uint(n));
	}
	return buf_take(&text);
}

static char *agent_line(yyjson_val *request, const char *dir)
{
	const char *node = source_tool_text(request, "node");
	mem_cleanup char *slots = number(request, "slots"), *memory = number(request, "memory");
	mem_cleanup char *more = counters(request);

	return mem_printf(
	    "'%s/berth' agent --data '%s/%s' --socket '%s/%s/berth.sock' --node-name %s --server '%s'%s%s%s "
	    "--quiet",
	    dir, dir, node, dir, node, node, source_tool_text(request, "server"), slots, memory, more);
}

static int token_pipe(const char *token, int *ret, struct err *err)
{
	mem_cleanup char *line = mem_printf("%s\n", token);
	fd_cleanup int write_end = -1;
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	*ret = ends[0];
	write_end = ends[1];
	r = fd_write_all(write_end, line, strlen(line));
	return r < 0 ? err_sys(err, -r, "write the token") : 0;
}

int tool_ssh_create(yyjson_val *request, struct err *err)
{
	const char *dir = source_tool_text(request, "dir");
	mem_cleanup char *agent = agent_line(request, dir);
	mem_cleanup char *line =
	    mem_printf("IFS= read -r BERTH_TOKEN && export BERTH_TOKEN && exec %s </dev/null", agent);
	fd_cleanup int in = -1;
	int r = copy_program(request, dir, err);

	if (r == 0)
		r = token_pipe(source_tool_text(request, "token"), &in, err);
	return r < 0 ? r : remote(request, "berth agent over there", line, in, NULL, err);
}

/* An agent that has died has left its containers: it is started once more, to end them. */
int tool_ssh_destroy(yyjson_val *request, struct err *err)
{
	const char *dir = source_tool_text(request, "dir"), *node = source_tool_text(request, "node");
	mem_cleanup char *agent = agent_line(request, dir);
	mem_cleanup char *down =
	    mem_printf("'%s/berth' --socket '%s/%s/berth.sock' down --all >/dev/null", dir, dir, node);
	mem_cleanup char *line =
	    mem_printf("[ -d '%s/%s' ] || exit 0; %s 2>&1 || { %s </dev/null >/dev/null 2>&1; %s; } && rm -rf '%s/%s'",
		       dir, node, down, agent, down, dir, node);

	return remote(request, "berth down over there", line, -1, NULL, err);
}
