/* SPDX-License-Identifier: Apache-2.0
 *
 * cp: files into a container and out of it, as a tar in one request. Where they go is decided as docker and cp -r do: into a directory that is there,
 * else under the name that was said.
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "face/cli/interrupt.h"
#include "face/cli/packed.h"
#include "face/cli/job_task.h"
#include "face/cli/local_tar.h"
#include "face/cli/show.h"
#include "face/cli/term.h"
#include "node/image/image.h"
#include "node/registry/base64.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STAT_MAX 65536
#define GO_DIR (1u << 31)
#define GO_LINK (1u << 27)

struct copy_values {
	bool archive, follow, quiet;
};
static const struct option_spec copy_options[] = {
    {"archive", 'a', OPTION_FLAG, offsetof(struct copy_values, archive), NULL, "keep owners"},
    {"follow-link", 'L', OPTION_FLAG, offsetof(struct copy_values, follow), NULL,
     "when SRC is a symbolic link, what it leads to"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct copy_values, quiet), NULL, "as it is anyway"},
    {NULL},
};

/* ---- the two sides ---- */

struct side {
	char *container; /* NULL: here */
	const char *path;
};

/* "NAME:PATH"; what begins with / or . is a path of ours. */
static void read_side(const char *word, struct side *ret)
{
	size_t n = strcspn(word, ":");

	*ret = (struct side){.path = word};
	if (*word == '/' || *word == '.' || !word[n] || n == 0)
		return;
	ret->container = mem_strndup(word, n);
	ret->path = word + n + 1;
}

/* "/a/b/" -> "b"; "/" and what ends in "/." or ".." has none: "". */
static char *last_part(const char *path)
{
	mem_cleanup char *copy = mem_strdup(path);
	size_t n = strlen(copy);
	const char *slash;

	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	slash = strrchr(copy, '/');
	slash = slash ? slash + 1 : copy;
	return mem_strdup(!strcmp(slash, ".") || !strcmp(slash, "..") ? "" : slash);
}

/* All before that: "/a/b" -> "/a/", "b" -> ".". */
static char *dir_part(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	return n > 0 ? mem_strndup(path, n) : mem_strdup(".");
}

/* ---- in the container ---- */

static char *archive_target(const char *container, const char *path)
{
	mem_cleanup char *base = client_target(CLIENT_DOCKER_CONTAINERS, container, "/archive");
	struct buf target buf_cleanup = BUF_INIT;

	buf_adds(&target, base);
	client_query(&target, "path", *path ? path : "/");
	return buf_take(&target);
}

struct far {
	bool is_dir;
	char *link; /* NULL: it is none */
};

static int read_stat(struct http_client *c, struct far *ret, struct err *err)
{
	const char *header = http_client_header(c, "X-Docker-Container-Path-Stat");
	mem_cleanup char *text = NULL;
	yyjson_doc *doc json_doc_cleanup = NULL;
	uint64_t mode;
	size_t n = 0;

	text = header ? base64_bytes(header, &n) : NULL;
	if (!text)
		return err_set(err, EPROTO, "berth did not say what the path in the container is");
	doc = json_parse(text, n, STAT_MAX, "the path's description", err);
	if (!doc)
		return -EPROTO;
	mode = (uint64_t)show_int(yyjson_doc_get_root(doc), "mode", 0);
	ret->is_dir = mode & GO_DIR;
	ret->link = mode & GO_LINK ? mem_strdup(show_str(yyjson_doc_get_root(doc), "linkTarget", "")) : NULL;
	return 0;
}

/* 1 = it is there, 0 = it is not. */
static int far_stat(struct cli *cli, const char *container, const char *path, struct far *ret, struct err *err)
{
	mem_cleanup char *target = archive_target(container, path), *body = NULL;
	struct http_client *c = NULL;
	int r = client_http(cli, &c, err), status;

	*ret = (struct far){.link = NULL};
	if (r < 0)
		return r;
	status = http_client_request(c, "HEAD", target, NULL, NULL, 0, -1, err);
	if (status < 0)
		return status;
	if (status == 200)
		r = read_stat(c, ret, err);
	else if (status != 404)
		r = err_set(err, EIO, "berth answered with HTTP status %d about %s:%s", status, container, path);
	(void)http_client_read_all(c, STAT_MAX, &body, NULL, NULL);
	return r < 0 ? r : status == 200;
}

/* ---- out ---- */

struct unpacking {
	int tar, dir;
	bool owners;
};

static int unpack(void *ctx, struct err *err)
{
	const struct image_limits limits = {.any_files = true};
	const struct unpacking *u = ctx;
	const struct image_into how = {.own = !u->owners, .uid = getuid(), .gid = getgid()};

	return image_unpack_into(u->tar, u->dir, &limits, &how, err);
}

/* The connection is read here, in a process of its own, while the worker unpacks: a process with two threads must not fork. */
static int start_reader(struct http_client *c, int fds[static 2], pid_t *ret, struct err *err)
{
	struct err own = ERR_INIT;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	(void)fflush(stdout);
	pid = fork();
	if (pid < 0)
		return err_sys(err, errno, "start a process");
	if (pid == 0) {
		close(fds[0]);
		_exit(http_client_read_into(c, fds[1], &own) < 0 && own.code != EPIPE ? 1 : 0);
	}
	fd_closep(&fds[1]);
	*ret = pid;
	return 0;
}

struct receiving {
	struct http_client *c;
	struct unpacking u;
};

static int receive_all(void *ctx, struct err *err)
{
	struct receiving *w = ctx;
	int fds[2] = {-1, -1}, status = 0, dir = w->u.dir;
	struct unpacking u = w->u;
	pid_t reader = -1;
	int r = start_reader(w->c, fds, &reader, err);

	u.tar = fds[0];
	if (r == 0)
		r = image_worker_run(dir, unpack, &u, "unpacks the files of the container", err);
	fd_closep(&fds[0]);
	fd_closep(&fds[1]);
	if (reader > 0 && waitpid(reader, &status, 0) == reader && r >= 0 && status != 0)
		return err_set(err, EPROTO, "lost the connection to berth while files came");
	return r < 0 ? r : 0;
}

/* What comes is unpacked below dir. Who interrupts it leaves no directory of ours behind: this process goes on, and removes it. */
static int receive(struct http_client *c, int dir, const struct copy_values *v, struct err *err)
{
	struct receiving w = {.c = c, .u = {.dir = dir, .owners = v->archive}};

	return interrupt_run(receive_all, &w, "copies the files of the container", err);
}

/* Into a new directory beside the place, and from there under its name. */
static int receive_as(struct http_client *c, const char *parent, const char *path, const struct copy_values *v,
		      const char *name, struct err *err)
{
	mem_cleanup char *tmp = mem_printf("%s/.berth-cp-XXXXXX", parent), *from = NULL;
	fd_cleanup int dir = -1;
	int r;

	if (!mkdtemp(tmp))
		return err_sys(err, errno, "make a directory in \"%s\"", parent);
	dir = open(tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = dir < 0 ? err_sys(err, errno, "open \"%s\"", tmp) : receive(c, dir, v, err);
	from = mem_printf("%s/%s", tmp, name);
	if (r == 0 && rename(from, path) < 0)
		r = err_sys(err, errno, "name what came \"%s\"", path);
	fd_closep(&dir);
	(void)fs_remove_tree(AT_FDCWD, tmp, NULL);
	return r;
}

static int receive_into(struct http_client *c, const char *path, const struct copy_values *v, struct err *err)
{
	fd_cleanup int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 ? err_sys(err, errno, "open \"%s\"", path) : receive(c, dir, v, err);
}

/* A link's target, seen from where the link is. */
static char *followed(const char *path, const char *target)
{
	mem_cleanup char *dir = NULL;

	if (*target == '/')
		return mem_strdup(target);
	dir = dir_part(path);
	return mem_printf("%s%s", dir, target);
}

static int place(struct http_client *c, const char *source, const char *to, const struct copy_values *v,
		 struct err *err)
{
	mem_cleanup char *name = last_part(source), *parent = dir_part(to);
	struct stat st;

	if (stat(to, &st) == 0 && S_ISDIR(st.st_mode))
		return receive_into(c, to, v, err);
	if (*name && to[strlen(to) - 1] != '/')
		return receive_as(c, parent, to, v, name, err);
	/* The contents of a directory need one here. */
	if (!*name && mkdir(to, 0777) == 0)
		return receive_into(c, to, v, err);
	return err_set(err, ENOTDIR, "there is no directory \"%s\"", to);
}

static int copy_out(struct cli *cli, const struct side *from, const char *to, const struct copy_values *v,
		    struct err *err)
{
	mem_cleanup char *path = mem_strdup(from->path), *target = NULL;
	struct http_client *c = NULL;
	struct far far = {.link = NULL};
	int r = v->follow ? far_stat(cli, from->container, path, &far, err) : 0;

	if (r > 0 && far.link) {
		free(path);
		path = followed(from->path, far.link);
	}
	free(far.link);
	target = archive_target(from->container, path);
	if (r >= 0)
		r = client_http(cli, &c, err);
	if (r == 0)
		r = client_begin(c, "GET", target, NULL, err);
	if (r < 0)
		return r;
	if (strcmp(to, "-") != 0)
		return place(c, path, to, v, err);
	if (term_is(STDOUT_FILENO))
		return err_set(err, EINVAL, "a tar is no text for a terminal; send it to a file or a program");
	return http_client_read_into(c, STDOUT_FILENO, err);
}

/* ---- in ---- */

static int put(struct cli *cli, const char *container, const char *path, int fd, const struct copy_values *v,
	       struct err *err)
{
	mem_cleanup char *base = archive_target(container, path);
	mem_cleanup char *target =
	    mem_printf("%s&noOverwriteDirNonDir=true%s", base, v->archive ? "&copyUIDGID=true" : "");
	mem_cleanup char *body = NULL;
	struct http_client *c = NULL;
	int r = client_http(cli, &c, err), status;

	if (r < 0)
		return r;
	status = http_client_request(c, "PUT", target, "application/x-tar", NULL, 0, fd, err);
	r = status < 0 ? status : client_check(c, status, err);
	return r < 0 ? r : http_client_read_all(c, STAT_MAX, &body, NULL, err);
}

static int write_tar(void *what, int fd, struct err *err)
{
	return local_tar_write(what, fd, err);
}

struct putting {
	struct cli *cli;
	const char *container, *path;
	const struct copy_values *values;
};

static int send_put(void *ctx, int fd, struct err *err)
{
	const struct putting *p = ctx;

	return put(p->cli, p->container, p->path, fd, p->values, err);
}

static int send_tar(struct cli *cli, const char *container, const char *path, struct local_tar *tar,
		    const struct copy_values *v, struct err *err)
{
	struct putting p = {.cli = cli, .container = container, .path = path, .values = v};
	const struct packed how = {.write = write_tar, .what = tar, .send = send_put, .ctx = &p};

	return packed_send(&how, err);
}

static int copy_in(struct cli *cli, const char *from, const struct side *to, const struct copy_values *v,
		   struct err *err)
{
	mem_cleanup char *name = last_part(from), *parent = dir_part(to->path), *new_name = last_part(to->path);
	struct local_tar tar = {.path = from, .as = name, .follow = v->follow, .owners = v->archive};
	struct stat st;
	struct far far;
	int r;

	if (!strcmp(from, "-"))
		return put(cli, to->container, to->path, STDIN_FILENO, v, err);
	if ((v->follow ? stat(from, &st) : lstat(from, &st)) < 0)
		return err_sys(err, errno, "read \"%s\"", from);
	r = far_stat(cli, to->container, to->path, &far, err);
	if (r < 0)
		return r;
	if (r > 0 && (far.is_dir || far.link)) {
		free(far.link);
		return send_tar(cli, to->container, to->path, &tar, v, err);
	}
	if (r > 0 && S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR, "%s:%s is no directory, but \"%s\" is one", to->container, to->path, from);
	if (!*new_name || (!S_ISDIR(st.st_mode) && to->path[strlen(to->path) - 1] == '/'))
		return err_set(err, ENOENT, "there is no directory %s:%s", to->container, to->path);
	tar.as = new_name;
	return send_tar(cli, to->container, parent, &tar, v, err);
}

/* The container of a task, when that is what it names. */
static int in_task(struct cli *cli, struct side *s, struct err *err)
{
	char *container = NULL;
	int r = s->container ? job_task_container(cli, s->container, &container, err) : 0;

	if (container) {
		free(s->container);
		s->container = container;
	}
	return r;
}

static int copy_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	struct side from, to;
	int r;

	if (!*operands[0] || !*operands[1])
		return err_set(err, EINVAL, "%s is empty: write CONTAINER:PATH, and a path of yours",
			       *operands[0] ? "DST" : "SRC");
	read_side(operands[0], &from);
	read_side(operands[1], &to);
	r = in_task(cli, &from, err);
	if (r == 0)
		r = in_task(cli, &to, err);
	if (r < 0)
		;
	else if (from.container && to.container)
		r = err_set(err, EINVAL, "one of both must be here, not in a container");
	else if (from.container)
		r = copy_out(cli, &from, operands[1], values, err);
	else if (to.container)
		r = copy_in(cli, operands[0], &to, values, err);
	else
		r = err_set(err, EINVAL, "neither \"%s\" nor \"%s\" is in a container: write CONTAINER:PATH",
			    operands[0], operands[1]);
	free(from.container);
	free(to.container);
	return interrupt_status(r, err);
}

const struct cli_command command_cp = {
    .name = "cp",
    .usage = "CONTAINER:SRC DST | SRC CONTAINER:DST",
    .summary = "Copy files out of a container or into it",
    .detail =
	"A directory that is there gets SRC in it, or, when SRC ends in /., what SRC holds; else DST is its new name.\n"
	"- stands for a tar on standard output or input. A path of yours that has a colon begins with / or ./.\n"
	"Without --archive the files are yours here, and root's there. CONTAINER may be JOB/TASK or JOB/TASK/INDEX.",
    .examples = "  berth cp web:/etc/passwd .\n  berth cp site/. web:/www\n  berth cp web:/var/log - | tar t",
    .options = copy_options,
    .values_size = sizeof(struct copy_values),
    .least = 2,
    .most = 2,
    .operand = OPERAND_FILE,
    .run = copy_run,
};
