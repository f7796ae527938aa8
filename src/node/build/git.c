/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory is seen by git as /tmp (its own mount namespace, when we are root), because a user that owns nothing cannot walk to it. The
 * configuration is a file beside the work tree, where git cannot write: settings by -c and by the environment do not reach submodules.
 */
#include "node/build/git.h"

#include "base/core/child.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/guard.h"
#include "base/core/mem.h"
#include "node/image/image.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PROGRAM "/usr/bin/git"
#define NOBODY 65534
#define ANSWER_MAX (1u << 20)
#define SAID_MAX 300
#define FILE_MAX (16ull << 30)
#define WORK "fs"
#define CONFIG "config"

static const char config[] = "[core]\n"
			     "\thooksPath = /dev/null\n\tfsmonitor = false\n\tautocrlf = false\n\tsymlinks = true\n"
			     "\tattributesFile = /dev/null\n\texcludesFile = /dev/null\n\taskPass = /bin/false\n"
			     "[credential]\n\thelper =\n"
			     "[http]\n\tlowSpeedLimit = 64\n\tlowSpeedTime = 60\n"
			     "[submodule]\n\trecurse = false\n"
			     "[init]\n\tdefaultBranch = main\n\ttemplateDir =\n"
			     "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
			     "[advice]\n\tdetachedHead = false\n"
			     "[safe]\n\tdirectory = *\n";

/* In shared pages: what the child leaves. */
struct answer {
	char commit[GIT_COMMIT_MAX];
};

struct job {
	const struct git_url *u;
	const char *commit; /* NULL: find it */
	int dir, work;
	struct answer *answer;
	char *env[24];
	size_t n_env;
};

/* ---- the place ---- */

static int see_as_tmp(int dir, struct err *err)
{
	/* The present directory comes along into the namespace, a descriptor does not. */
	if (fchdir(dir) < 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(".", "/tmp", NULL, MS_BIND, NULL) < 0)
		return err_sys(err, errno, "give git its directory");
	return 0;
}

static int become_nobody(struct err *err)
{
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return err_sys(err, errno, "become the user nobody");
	/* Other ids end it. */
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? err_sys(err, errno, "die with berth") : 0;
}

/* An ssh agent answers its own user only, and a user namespace may have no nobody. */
static int enter(struct job *j, struct err *err)
{
	const struct rlimit size = {FILE_MAX, FILE_MAX};
	fd_cleanup int top = -1;
	int r = 0;

	if (setrlimit(RLIMIT_FSIZE, &size) < 0)
		return err_sys(err, errno, "limit the size of files");
	if (geteuid() == 0 && !j->u->ssh && fchown(j->work, NOBODY, NOBODY) == 0 && fchmod(j->dir, 0755) == 0) {
		r = see_as_tmp(j->dir, err);
		top = r < 0 ? -1 : open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (r == 0 && top < 0)
			r = err_sys(err, errno, "open git's directory");
		if (r == 0)
			r = become_nobody(err);
	}
	if (r == 0 && fchdir(top >= 0 ? top : j->dir) < 0)
		r = err_sys(err, errno, "go to git's directory");
	return r < 0 ? r : image_fetcher_confine(j->work, err);
}

/* ---- its environment ---- */

static void put_env(struct job *j, char *text)
{
	j->env[j->n_env++] = text;
}

static void pass_env(struct job *j, const char *name)
{
	const char *value = getenv(name);

	if (value)
		put_env(j, mem_printf("%s=%s", name, value));
}

/* What is not here is not there: GIT_DIR, GIT_EXEC_PATH, LD_PRELOAD ... */
static void make_env(struct job *j)
{
	static const char *const fixed[] = {
	    "PATH=/usr/bin:/bin",      "HOME=/nonexistent",	 "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
	    "GIT_ASKPASS=/bin/false",  "SSH_ASKPASS=/bin/false", "GIT_LFS_SKIP_SMUDGE=1", "LC_ALL=C",
	    "GIT_PROTOCOL_FROM_USER=0"};
	static const char *const passed[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
					     "ALL_PROXY",  "no_proxy",	  "NO_PROXY"};
	mem_cleanup char *here = mem_zalloc(1, PATH_MAX);

	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		put_env(j, mem_strdup(fixed[i]));
	for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
		pass_env(j, passed[i]);
	put_env(j, mem_printf("GIT_CONFIG_GLOBAL=%s/" CONFIG, getcwd(here, PATH_MAX) ? here : "/tmp"));
	if (RT_GUARD(B4))
		put_env(j, mem_printf("GIT_ALLOW_PROTOCOL=%s", j->u->protocols));
	if (!j->u->ssh)
		return;
	pass_env(j, "SSH_AUTH_SOCK");
	put_env(j, mem_printf("GIT_SSH_COMMAND=ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=yes"));
}

/* ---- one command ---- */

static _Noreturn void become_git(const struct job *j, const char *const *args, int out, int said)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(said, 2) < 0)
		_exit(126);
	execve(PROGRAM, (char *const *)(uintptr_t)args, j->env);
	_exit(errno == ENOENT ? 127 : 126);
}

/* The last line that git said, in letters that a terminal can be shown. */
static void last_words(int said, char ret[static SAID_MAX])
{
	off_t end = lseek(said, 0, SEEK_END), from = end > SAID_MAX - 1 ? end - (SAID_MAX - 1) : 0;
	ssize_t n = pread(said, ret, SAID_MAX - 1, from);
	char *line;

	ret[n > 0 ? n : 0] = '\0';
	for (n = (ssize_t)strlen(ret); n > 0 && strchr("\r\n ", ret[n - 1]);)
		ret[--n] = '\0';
	line = strrchr(ret, '\n');
	if (line)
		memmove(ret, line + 1, strlen(line + 1) + 1);
	for (char *p = ret; *p; p++) {
		if (*p < ' ' || *p > '~')
			*p = '?';
	}
}

static int ended(const struct job *j, const char *what, int status, int said, struct err *err)
{
	char words[SAID_MAX];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(err, ENOSYS, "\"%s\": git is needed for it and is not installed: apt-get install git",
			       j->u->remote);
	last_words(said, words);
	return err_set(err, EIO, "\"%s\": git %s failed: %s", j->u->remote, what, *words ? words : "no reason given");
}

/* args[1] is the command. out: where its standard output goes, or -1. */
static int git(const struct job *j, const char *const *args, int out, struct err *err)
{
	fd_cleanup int said = memfd_create("git", MFD_CLOEXEC);
	int status = 0;
	pid_t pid;

	if (said < 0)
		return err_sys(err, errno, "make a file in memory");
	pid = fork();
	if (pid == 0)
		become_git(j, args, out < 0 ? said : out, said);
	if (pid < 0)
		return err_sys(err, errno, "start git");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return ended(j, args[1], status, said, err);
}

/* ---- what a ref means ---- */

/* Of the lines "COMMIT<tab>REF" the one for `ref`; a tag's commit stands behind its own line. */
static bool find_ref(const char *text, const char *ref, char ret[static GIT_COMMIT_MAX])
{
	size_t n = strlen(ref);
	bool found = false;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t hex = strcspn(line, "\t\n");
		const char *name = line + hex + 1;

		if (line[hex] != '\t' || hex >= GIT_COMMIT_MAX || strncmp(name, ref, n) != 0)
			continue;
		if (name[n] != '\n' && name[n] && strncmp(name + n, "^{}\n", 4) != 0)
			continue;
		memcpy(ret, line, hex);
		ret[hex] = '\0';
		found = git_url_is_commit(ret);
	}
	return found;
}

static int choose(const struct job *j, const char *text, struct err *err)
{
	static const char *const places[] = {"refs/", "refs/heads/", "refs/tags/"};
	const char *ref = j->u->ref;

	if (!ref)
		return find_ref(text, "HEAD", j->answer->commit)
			   ? 0
			   : err_set(err, ENOENT, "\"%s\": the repository is empty", j->u->remote);
	if (!strncmp(ref, "refs/", 5))
		ref += 5;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		mem_cleanup char *whole = mem_printf("%s%s", places[i], ref);

		if (find_ref(text, whole, j->answer->commit))
			return 0;
	}
	return err_set(err, ENOENT, "\"%s\" has no branch or tag \"%s\"", j->u->remote, j->u->ref);
}

static int resolve(struct job *j, struct err *err)
{
	fd_cleanup int out = memfd_create("refs", MFD_CLOEXEC);
	mem_cleanup char *text = NULL, *peeled = j->u->ref ? mem_printf("%s^{}", j->u->ref) : NULL;
	size_t n;
	int r;

	if (out < 0)
		return err_sys(err, errno, "make a file in memory");
	r = git(j,
		(const char *const[]){PROGRAM, "ls-remote", "--quiet", "--", j->u->remote,
				      j->u->ref ? j->u->ref : "HEAD", peeled, NULL},
		out, err);
	if (r < 0)
		return r;
	if (lseek(out, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "read git's answer");
	r = fd_read_all(out, ANSWER_MAX, &text, &n);
	return r < 0 ? err_sys(err, -r, "read git's answer") : choose(j, text, err);
}

/* ---- its files ---- */

static int get_commit(struct job *j, struct err *err)
{
	const char *const one[] = {
	    PROGRAM, "fetch",	   "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules",
	    "--",    j->u->remote, j->commit, NULL};
	const char *const all[] = {PROGRAM,
				   "fetch",
				   "--quiet",
				   "--no-recurse-submodules",
				   "--",
				   j->u->remote,
				   "+refs/heads/*:refs/remotes/origin/*",
				   "+refs/tags/*:refs/tags/*",
				   NULL};
	struct err first = ERR_INIT;

	if (git(j, one, -1, &first) == 0)
		return 0;
	/* Some servers give no commit by its name. */
	return first.code == ENOSYS ? err_set(err, ENOSYS, "%s", first.text) : git(j, all, -1, err);
}

static int check_out(struct job *j, struct err *err)
{
	int r = git(j, (const char *const[]){PROGRAM, "init", "--quiet", ".", NULL}, -1, err);

	/* Where the addresses of submodules that are relative begin */
	if (r == 0)
		r = git(j, (const char *const[]){PROGRAM, "remote", "add", "origin", j->u->remote, NULL}, -1, err);
	if (r == 0)
		r = get_commit(j, err);
	if (r == 0)
		r = git(
		    j,
		    (const char *const[]){PROGRAM, "checkout", "--quiet", "--force", "--detach", j->commit, "--", NULL},
		    -1, err);
	if (r == 0 && access(".gitmodules", F_OK) == 0)
		r = git(j,
			(const char *const[]){PROGRAM, "submodule", "--quiet", "update", "--init", "--recursive",
					      "--depth=1", NULL},
			-1, err);
	return r;
}

static int work(void *ctx, struct err *err)
{
	struct job *j = ctx;
	int r = enter(j, err);

	if (r < 0)
		return r;
	make_env(j);
	if (chdir(WORK) < 0)
		return err_sys(err, errno, "go to git's directory");
	return j->commit ? check_out(j, err) : resolve(j, err);
}

static int run(struct job *j, int stop_fd, struct err *err)
{
	fd_cleanup int file = openat(j->dir, CONFIG, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	int r;

	if (file < 0)
		return err_sys(err, errno, "write git's configuration");
	r = fd_write_all(file, config, sizeof config - 1);
	if (r < 0)
		return err_sys(err, -r, "write git's configuration");
	j->work = fs_mkdirs_in(j->dir, WORK, 0755, FS_NO_SYMLINKS, err);
	if (j->work < 0)
		return j->work;
	r = child_run(work, j, stop_fd, "runs git", err);
	fd_closep(&j->work);
	return r;
}

int git_resolve(const struct git_url *u, int dir, int stop_fd, char ret[static GIT_COMMIT_MAX], struct err *err)
{
	struct job j = {.u = u, .dir = dir};
	int r;

	if (u->ref && git_url_is_commit(u->ref)) {
		snprintf(ret, GIT_COMMIT_MAX, "%s", u->ref);
		return 0;
	}
	j.answer = mmap(NULL, sizeof *j.answer, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (j.answer == MAP_FAILED)
		return err_sys(err, errno, "make a page for git's answer");
	r = run(&j, stop_fd, err);
	snprintf(ret, GIT_COMMIT_MAX, "%.*s", GIT_COMMIT_MAX - 1, j.answer->commit);
	(void)munmap(j.answer, sizeof *j.answer);
	if (r == 0 && !git_url_is_commit(ret))
		return err_set(err, EIO, "\"%s\": the process that runs git gave no commit", u->remote);
	return r;
}

int git_fetch(const struct git_url *u, const char *commit, int dir, bool keep, int stop_fd, struct err *err)
{
	struct job j = {.u = u, .dir = dir, .commit = commit};
	fd_cleanup int fs = -1;
	int r = run(&j, stop_fd, err);

	if (r < 0 || keep)
		return r;
	fs = fs_open_in(dir, WORK, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	return fs < 0 ? fs : fs_remove_tree(fs, ".git", err);
}
