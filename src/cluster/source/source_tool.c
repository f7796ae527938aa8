/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/source/source_tool.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/source/tool_private.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQUEST_MAX 65536

static const struct {
	const char *kind, *verb;
	source_tool_fn *fn;
} verbs[] = {{"local", "create", tool_local_create},
	     {"local", "destroy", tool_local_destroy},
	     {"ssh", "create", tool_ssh_create},
	     {"ssh", "destroy", tool_ssh_destroy}};

const char *source_tool_text(yyjson_val *request, const char *key)
{
	const char *text = yyjson_get_str(yyjson_obj_get(request, key));

	return text ? text : "";
}

/* ---- other programs ---- */

static int spawn(const char *path, char **argv, char **env, const int fds[2], pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	int r;

	posix_spawn_file_actions_init(&actions);
	for (int i = 0; i < 2; i++)
		posix_spawn_file_actions_adddup2(&actions, fds[i], i);
	r = posix_spawnp(ret, path, &actions, NULL, argv, env ? env : environ);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int end_of(pid_t pid, const char *what, struct err *err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_sys(err, errno, "wait for %s", what);
	}
	if (WIFSIGNALED(status))
		return err_set(err, EIO, "%s was ended by signal %d", what, WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return err_set(err, EIO, "%s failed (exit code %d)", what, WEXITSTATUS(status));
	return 0;
}

int source_tool_run(const char *what, const char *path, char **argv, char **env, int in, struct buf *out,
		    struct err *err)
{
	fd_cleanup int null = open("/dev/null", O_RDWR | O_CLOEXEC), read_end = -1, write_end = -1;
	int ends[2], fds[2] = {in >= 0 ? in : null, null};
	char data[4096];
	ssize_t n;
	pid_t pid;
	int r;

	if (null < 0 || (out && pipe2(ends, O_CLOEXEC) < 0))
		return err_sys(err, errno, "open what %s needs", what);
	if (out) {
		read_end = ends[0];
		fds[1] = write_end = ends[1];
	}
	r = spawn(path, argv, env, fds, &pid);
	if (r < 0)
		return err_sys(err, -r, "run \"%s\"", path);
	fd_closep(&write_end);
	while (out && ((n = read(read_end, data, sizeof data)) > 0 || (n < 0 && errno == EINTR))) {
		if (n > 0)
			(void)buf_add(out, data, (size_t)n);
	}
	return end_of(pid, what, err);
}

/* ---- the request ---- */

static int read_request(yyjson_doc **ret, struct err *err)
{
	mem_cleanup char *text = NULL;
	size_t n;
	int r = fd_read_all(STDIN_FILENO, REQUEST_MAX, &text, &n);

	if (r < 0)
		return err_sys(err, -r, "read the request");
	*ret = json_parse(text, n, REQUEST_MAX, "the request", err);
	return *ret ? 0 : -err->code;
}

int source_tool_main(int argc, char **argv)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;
	int r = read_request(&doc, &err);
	size_t i = 0;

	while (i < sizeof verbs / sizeof *verbs &&
	       (argc < 3 || strcmp(argv[1], verbs[i].kind) != 0 || strcmp(argv[2], verbs[i].verb) != 0))
		i++;
	if (r == 0 && i == sizeof verbs / sizeof *verbs)
		r = err_set(&err, EINVAL, "there is no such verb");
	if (r == 0)
		r = verbs[i].fn(yyjson_doc_get_root(doc), &err);
	if (r < 0)
		fprintf(stderr, "%s\n", err.text);
	return r == -ENOTCONN ? SOURCE_TOOL_NOTHING : r < 0;
}
