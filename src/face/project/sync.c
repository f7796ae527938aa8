/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/sync.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "face/cli/local_tar.h"
#include "face/project/ensure.h"
#include "face/project/project.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPLY_MAX 65536

static int put(struct project *p, const char *container, int tar, struct err *err)
{
	mem_cleanup char *target = client_target("/containers/", container, "/archive?path=/"), *body = NULL;
	struct http_client *c = NULL;
	int r = client_http(p->cli, &c, err), status;

	if (r < 0)
		return r;
	status = http_client_request(c, "PUT", target, "application/x-tar", NULL, 0, tar, err);
	r = status < 0 ? status : client_check(c, status, err);
	return r < 0 ? r : http_client_read_all(c, REPLY_MAX, &body, NULL, err);
}

/* A child packs while the request is sent. */
static int copy(struct project *p, const char *container, const char *path, const char *target, struct err *err)
{
	const struct local_tar tar = {.path = path, .as = target + strspn(target, "/")};
	fd_cleanup int from = -1;
	int fds[2], r, status = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	from = fds[0];
	pid = fork();
	if (pid == 0)
		_exit(local_tar_write(&tar, fds[1], NULL) < 0);
	close(fds[1]);
	if (pid < 0)
		return err_sys(err, errno, "start a process that packs");
	r = put(p, container, from, err);
	fd_closep(&from);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return r == 0 && status != 0 ? err_set(err, EIO, "\"%s\" cannot be read", path) : r;
}

static int drop(struct project *p, const char *container, const char *target, struct err *err)
{
	const char *const all[] = {"exec", container, "rm", "-rf", "--", target};
	char **words cleanup_with(mem_strv_freep) = NULL;
	int r;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		mem_strv_add(&words, all[i]);
	r = ensure_run(p, words, err);
	return r > 0 ? err_set(err, EIO, "\"%s\" could not be removed in the container", target) : r;
}

int sync_path(struct project *p, const char *container, const char *path, const char *target, struct err *err)
{
	struct stat st;

	return lstat(path, &st) < 0 ? drop(p, container, target, err) : copy(p, container, path, target, err);
}
