/* SPDX-License-Identifier: Apache-2.0
 *
 * The launcher's short-lived children. Each does one thing that blocks and writes one JSON object to its reply descriptor:
 * {"ok": true, ...} or {"error": text, "code": errno}. No object at all means that it died.
 */
#include "node/engine/kernel.h"
#include "node/engine/launcher.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/guard.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "base/wire/json.h"
#include "node/data/data.h"
#include "node/engine/record.h"
#include "node/image/image.h"
#include "node/image/unpacker.h"
#include "node/image/report.h"
#include "node/runtime/rt.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPLY_MAX (256u << 20)

static _Noreturn void reply(int fd, struct buf *text, int r, const struct err *err)
{
	if (r < 0 || text->full) {
		buf_clear(text);
		text->full = false;
		buf_adds(text, "{\"error\":");
		json_quote(text, r < 0 ? err->text : "the answer is too long",
			   strlen(r < 0 ? err->text : "the answer is too long"));
		buf_printf(text, ",\"code\":%d}", r < 0 ? -r : E2BIG);
	}
	_exit(fd_write_all(fd, text->data, text->len) < 0);
}

/* Its monitor may have been started by a daemon in another cgroup. */
static void set_place(int data_dir, const char *id)
{
	mem_cleanup char *path = mem_printf("containers/%s", id);
	fd_cleanup int dir = fs_open_in(data_dir, path, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, NULL);
	struct record rec = {.pid = 0};

	if (dir >= 0 && record_read(dir, "state.json", &rec, NULL) == 0 && rec.cgroup)
		rt_host_set_place(rec.cgroup);
	record_clear(&rec);
}

/* The cgroups of one of whom more was asked than the usual. */
static int delete_written(int data_dir, const char *id, struct err *err)
{
	mem_cleanup char *path = mem_printf("containers/%s", id);
	fd_cleanup int dir = fs_open_in(data_dir, path, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, NULL);
	struct rt_box box;

	rt_find("", &box);
	if (dir < 0 || kernel_cgroups(dir, &box.cgroups, NULL) < 0)
		return 0;
	return rt_delete(&box, err);
}

_Noreturn void worker_cleanup(struct launcher_job *job)
{
	struct buf text = BUF_LIMIT(4096);
	struct err err = ERR_INIT;
	mem_cleanup char *own = mem_strdup(rt_host_place());
	struct rt_box box;
	int r;

	set_place(job->data_dir, job->args[0]);
	rt_find(job->args[0], &box);
	r = rt_delete(&box, &err);
	if (r == 0)
		r = delete_written(job->data_dir, job->args[0], &err);
	/* Not below ours: the daemon would not do it. */
	if (strcmp(rt_host_place(), own) != 0)
		rt_host_release();
	buf_adds(&text, "{\"ok\":true}");
	reply(job->fds[0], &text, r, &err);
}

_Noreturn void worker_import(struct launcher_job *job)
{
	struct buf text = BUF_LIMIT(4096);
	struct image_unpacked u = {.tar_size = 0};
	struct err err = ERR_INIT;
	int r;

	fd_closep(&job->lock_fd);
	unpacker_load();
	r = image_worker_confine(job->fds[2], &err);
	if (r == 0)
		r = image_unpack(job->fds[1], job->fds[2], NULL, &u, &err);
	buf_printf(&text, "{\"ok\":true,\"diff_id\":\"%s\",\"tar_size\":%" PRIu64 ",\"n_files\":%" PRIu64, u.diff_id,
		   u.tar_size, u.n_files);
	buf_printf(&text, ",\"special\":%" PRIu64 ",\"xattrs\":%" PRIu64 ",\"owners\":%" PRIu64 "}",
		   u.n_special_skipped, u.n_xattrs_dropped, u.n_owners_lost);
	reply(job->fds[0], &text, r, &err);
}

/* One pass over the trash; *ret_n counts what is gone, *err keeps the first failure. */
static void sweep(int dir, size_t *ret_n, struct err *err)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	*ret_n = 0;
	for (struct dirent *entry = d ? readdir(d) : NULL; entry; entry = readdir(d)) {
		if (!fs_name_ok(entry->d_name))
			continue;
		if (fs_remove_tree(dir, entry->d_name, err->code ? NULL : err) == 0)
			++*ret_n;
	}
	if (d)
		closedir(d);
}

_Noreturn void worker_sweep(struct launcher_job *job)
{
	struct buf text = BUF_LIMIT(4096);
	struct err err = ERR_INIT;
	int dir = fs_open_in(job->data_dir, "trash", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, &err);
	size_t n = dir >= 0;

	/* Nobody waits for the room, and somebody may wait for the processor. */
	(void)setpriority(PRIO_PROCESS, 0, 19);
	/* More may come while it works. What cannot be removed is tried again by the next sweep. */
	while (n > 0)
		sweep(dir, &n, &err);
	buf_adds(&text, "{\"ok\":true}");
	reply(job->fds[0], &text, -err.code, &err);
}

_Noreturn void worker_tool(struct launcher_job *job)
{
	/* From where each comes, in the order of where it goes. */
	const int from[] = {job->fds[2], job->fds[3], STDERR_FILENO, job->fds[0],
			    job->fds[1], job->fds[4], job->data_dir};
	static const int to[] = {STDIN_FILENO,	      STDOUT_FILENO,	STDERR_FILENO,	 ENGINE_TOOL_REPLY,
				 ENGINE_TOOL_REQUEST, ENGINE_TOOL_LIFE, ENGINE_TOOL_DATA};
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2};
	enum { N = sizeof to / sizeof *to };
	char name[] = ENGINE_TOOL_NAME;
	char *argv[] = {name, NULL}, *env[] = {NULL};
	int high[N];

	for (size_t i = 0; i < N; i++)
		high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 64);
	for (size_t i = 0; i < N; i++) {
		if (high[i] < 0 || dup2(high[i], to[i]) < 0)
			_exit(125);
	}
	close_range(ENGINE_TOOL_FDS, ~0u, 0);
	/* The launcher ignores them. */
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		(void)signal(signals[i], SIG_DFL);
	(void)execve("/proc/self/exe", argv, guard_env(env));
	_exit(125);
}

_Noreturn void worker_glob(struct launcher_job *job)
{
	struct buf text = BUF_LIMIT(REPLY_MAX);
	struct err err = ERR_INIT;
	char **paths = NULL;
	int dir = open(job->args[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (dir < 0)
		r = err_sys(&err, errno, "open space \"%s\"", job->args[0]);
	else
		r = data_glob(dir, job->args[1], strtoull(job->args[2], NULL, 10), &paths, &err);
	if (r >= 0) {
		buf_adds(&text, "{\"ok\":true,\"paths\":[");
		for (char **p = paths; p && *p; p++) {
			if (p != paths)
				buf_addc(&text, ',');
			json_quote(&text, *p, strlen(*p));
		}
		buf_adds(&text, "]}");
	}
	reply(job->fds[0], &text, r, &err);
}

_Noreturn void worker_usage(struct launcher_job *job)
{
	struct buf text = BUF_LIMIT(REPLY_MAX);
	struct image_store *store = NULL;
	mem_cleanup char *report = NULL;
	struct err err = ERR_INIT;
	int r = image_store_open(job->data_dir, &store, &err);

	if (r == 0)
		r = report_usage(store, job->data_dir, NULL, 0, &report, &err);
	buf_printf(&text, "{\"ok\":true,\"usage\":%s}", report ? report : "{}");
	reply(job->fds[0], &text, r, &err);
}

/* ---- pull ---- */

#define SAID_MAX (64u << 10)

/* The engine knows no registries: the program itself does it, as for a user. */
static _Noreturn void exec_pull(const char *data, const char *image, int said)
{
	static char berth[] = "berth", pull[] = "pull", quiet[] = "--quiet", data_option[] = "--data", end[] = "--";
	char *argv[] = {berth, pull, quiet, data_option, (char *)data, end, (char *)image, NULL};
	int null = open("/dev/null", O_RDWR);

	proc_default_signals();
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(said, STDERR_FILENO) < 0 || proc_close_from(3, true) < 0)
		_exit(127);
	execv("/proc/self/exe", argv);
	_exit(127);
}

/* What it said is one line, "berth: REASON". */
static int why(char *said, const char *image, struct err *err)
{
	static const char prefix[] = "berth: ";
	char *line = strstr(said, prefix);

	line = line ? line + strlen(prefix) : said;
	line[strcspn(line, "\n")] = '\0';
	return err_set(err, EIO, "%s", *line ? line : image);
}

static int pull(const char *data, const char *image, struct err *err)
{
	mem_cleanup char *said = NULL;
	int fds[2], status = 0;
	size_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		exec_pull(data, image, fds[1]);
	}
	close(fds[1]);
	if (pid < 0 || fd_read_all(fds[0], SAID_MAX, &said, &n) < 0)
		said = mem_strdup("");
	close(fds[0]);
	if (pid < 0)
		return err_sys(err, errno, "start `berth pull`");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : why(said, image, err);
}

_Noreturn void worker_pull(struct launcher_job *job)
{
	struct buf text = BUF_LIMIT(4096);
	struct err err = ERR_INIT;
	int r;

	fd_closep(&job->lock_fd);
	r = pull(job->args[0], job->args[1], &err);
	buf_adds(&text, "{\"ok\":true}");
	reply(job->fds[0], &text, r, &err);
}
