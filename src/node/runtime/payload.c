/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/payload.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/runtime/bundle.h"
#include "node/runtime/caps.h"
#include "base/core/guard.h"
#include "node/runtime/label.h"
#include "node/runtime/rootless.h"
#include "node/runtime/seccomp.h"
#include "node/runtime/seccomp_profile.h"
#include "node/runtime/setup.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum { EXEC_PATH_MAX = 4096 };

int payload_find_cwd(int root, const char *cwd, struct err *err)
{
	struct err missing = ERR_INIT;
	int fd;

	if (!cwd)
		cwd = "/";
	if (cwd[0] != '/')
		return err_set(err, EINVAL, "the working directory \"%s\" is not an absolute path", cwd);
	fd = RT_GUARD(R2) ? fs_open_in(root, cwd, O_RDONLY | O_DIRECTORY, 0, FS_IN_ROOT, &missing)
			  : open(cwd, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -fd, "chdir to \"%s\": %s", cwd, missing.text);
	return fd;
}

int payload_open_cwd(int root, const char *cwd, struct err *err)
{
	struct err missing = ERR_INIT;
	int fd = payload_find_cwd(root, cwd, &missing);

	/* A directory that is there needs no walk; one that is not is made. */
	if (fd >= 0)
		return fd;
	if (fd != -ENOENT)
		return err_set(err, -fd, "%s", missing.text);
	fd = fs_mkdirs_in(root, cwd, 0755, FS_IN_ROOT, err);
	return fd < 0 ? err_wrap(err, "chdir to \"%s\"", cwd) : fd;
}

int payload_enter_cwd(int cwd, struct err *err)
{
	char path[EXEC_PATH_MAX];

	if (fchdir(cwd) < 0)
		return err_sys(err, errno, "change to the working directory");
	/* The system call says "(unreachable)..." for a directory that is not below the root; the C library hides that. */
	if (syscall(SYS_getcwd, path, sizeof path) < 0)
		return err_sys(err, errno, "find the working directory");
	if (path[0] != '/' && RT_GUARD(R2))
		return err_set(err, EPERM, "the working directory is outside the container");
	return 0;
}

/* Not below 3, where it could be overwritten before it is used. */
static int source_of(int fd, int dev)
{
	int null, high;

	if (fd > 2)
		return fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd >= 0)
		return fcntl(fd, F_DUPFD_CLOEXEC, 3);
	null = openat(dev, "null", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (null < 0 || null > 2)
		return null;
	high = fcntl(null, F_DUPFD_CLOEXEC, 3);
	close(null);
	return high;
}

int payload_stdio(const int fds[static 3], int dev, const struct user *user, struct err *err)
{
	int from[3], failed = 0;
	struct stat st;

	for (int i = 0; i < 3; i++) {
		/* What stands above 2 already and is not ours to close can be used as it is. */
		from[i] = fds[i] > 2 ? fds[i] : source_of(fds[i], dev);
		if (from[i] < 0)
			failed = errno;
	}
	for (int i = 0; i < 3 && !failed; i++) {
		if (dup2(from[i], i) < 0)
			failed = errno;
		else if (user->uid != 0 && fstat(i, &st) == 0 && S_ISFIFO(st.st_mode) &&
			 fchown(i, user->uid, (gid_t)-1) < 0 && errno != EPERM && errno != EINVAL)
			failed = errno;
	}
	for (int i = 0; i < 3; i++) {
		if (fds[i] <= 2 && from[i] > 2)
			close(from[i]);
	}
	return failed ? err_sys(err, failed, "set up the standard descriptors") : 0;
}

int payload_confine(const struct payload *p, struct err *err)
{
	int r = caps_bound(p->caps, err);

	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, errno, "set no_new_privs");
	return p->no_filter ? 0 : seccomp_install(err);
}

static const char *unmapped(int code)
{
	return code == EINVAL ? " (the user namespace that we are in has no such number)" : "";
}

/* Groups first, the user last: after that nothing more is allowed. System calls, not the C library, whose versions speak to all threads. */
static int become(const struct user *u, uint64_t caps, struct err *err)
{
	if (!rootless_groups_fixed() && syscall(SYS_setgroups, u->n_groups, u->groups) < 0)
		return err_sys(err, errno, "set the groups");
	if (syscall(SYS_setresgid, u->gid, u->gid, u->gid) < 0)
		return err_sys(err, errno, "set the group %u%s", u->gid, unmapped(errno));
	if (syscall(SYS_setresuid, u->uid, u->uid, u->uid) < 0)
		return err_sys(err, errno, "set the user %u%s", u->uid, unmapped(errno));
	return caps_set(u->uid == 0 ? caps : 0, err);
}

/* Cleared by the change of user, so set again; if the parent has died meanwhile, its end of the channel is closed. */
static int tie_to_parent(int talk, struct err *err)
{
	char c;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_sys(err, errno, "ask to die with the parent");
	if (recv(talk, &c, 1, MSG_DONTWAIT | MSG_PEEK) == 0)
		return err_set(err, ECANCELED, "the parent has died");
	return 0;
}

static const char *env_get(char *const *env, const char *name)
{
	size_t len = strlen(name);

	for (; *env; env++) {
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return *env + len + 1;
	}
	return NULL;
}

/* Tries every directory of PATH, as execvp(3) but with the container's PATH: "no permission" is remembered, the rest is "not there". */
static int exec_in_path(const struct payload *p, char *const *env, const char *path)
{
	int best = ENOENT;

	for (const char *dir = path, *end; dir; dir = *end ? end + 1 : NULL) {
		char file[EXEC_PATH_MAX];
		int n;

		end = strchrnul(dir, ':');
		n = snprintf(file, sizeof file, "%.*s%s%s", (int)(end - dir), dir, end > dir ? "/" : "./", p->argv[0]);
		if (n < 0 || (size_t)n >= sizeof file)
			continue;
		execve(file, p->argv, env);
		if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
			return errno;
		if (errno == EACCES)
			best = EACCES;
	}
	return best;
}

/* The environment with HOME in front when it has none or an empty one; the array alone is new. */
static char **with_home(char *const *env, char *home)
{
	char **all = mem_new_n(char *, mem_strv_len(env) + 2);
	size_t n = 0;

	const char *given = env_get(env, "HOME");

	if (!given || !*given)
		all[n++] = home;
	for (; *env; env++) {
		if (strcmp(*env, "HOME=") != 0)
			all[n++] = *env;
	}
	return all;
}

static char **env_of(const struct payload *p, char home[static USER_HOME_MAX + 8])
{
	static char *const nothing[] = {NULL};

	snprintf(home, USER_HOME_MAX + 8, "HOME=%s", p->user.home);
	return with_home(p->env ? p->env : nothing, home);
}

static const char *path_of(char *const *env)
{
	const char *path = env ? env_get(env, "PATH") : NULL;

	return path ? path : DEFAULT_PATH;
}

static int not_found(const char *name, const char *path, struct err *err)
{
	if (strchr(name, '/'))
		return err_set(err, ENOENT, "exec: \"%s\": executable file not found: no such file or directory", name);
	return err_set(err, ENOENT, "exec: \"%s\": executable file not found in $PATH (%s)", name, path);
}

static enum rt_fault exec_program(const struct payload *p, struct err *err)
{
	const char *path = path_of(p->env), *name = p->argv[0];
	char home[USER_HOME_MAX + 8];
	char **env = env_of(p, home);
	int code;

	if (strchr(name, '/')) {
		execve(name, p->argv, env);
		code = errno;
	} else {
		code = *name ? exec_in_path(p, env, path) : ENOENT;
	}
	/* The space of an init that waits for us may be shared: leave it as it was. */
	free(env);
	if (code == ENOENT || code == ENOTDIR) {
		(void)not_found(name, path, err);
		return RT_FAULT_NOT_FOUND;
	}
	(void)(code == EACCES ? err_set(err, code, "exec: \"%s\": permission denied", name)
			      : err_sys(err, code, "exec: \"%s\"", name));
	return RT_FAULT_NOT_EXECUTABLE;
}

/* 0, or what an exec would say. */
static int try_file(const char *file)
{
	struct stat st;

	if (access(file, X_OK) < 0 || stat(file, &st) < 0)
		return errno;
	return S_ISREG(st.st_mode) ? 0 : EACCES;
}

static int find_in_path(const char *name, const char *path)
{
	int best = ENOENT;

	for (const char *dir = path, *end; dir; dir = *end ? end + 1 : NULL) {
		char file[EXEC_PATH_MAX];
		int n, code;

		end = strchrnul(dir, ':');
		n = snprintf(file, sizeof file, "%.*s%s%s", (int)(end - dir), dir, end > dir ? "/" : "./", name);
		if (n < 0 || (size_t)n >= sizeof file)
			continue;
		code = try_file(file);
		if (code == 0)
			return 0;
		best = code == EACCES ? EACCES : best;
	}
	return best;
}

int payload_find(const char *name, char *const *env, struct err *err)
{
	const char *path = path_of(env);
	int code = 0;

	if (strchr(name, '/'))
		code = try_file(name);
	else
		code = *name ? find_in_path(name, path) : ENOENT;
	if (code == ENOENT || code == ENOTDIR)
		return not_found(name, path, err);
	return code ? err_sys(err, code, "exec \"%s\"", name) : 0;
}

static int become_as_told(const struct payload *p, struct err *err)
{
	const struct rt_process_attr *a = p->attr;
	const struct user *u = &p->user;

	bool wanted = a->n_gids > 0 || (a->user && u->n_groups > 1);

	/* A namespace of one id has no groups to set. */
	if (syscall(SYS_setgroups, u->n_groups, u->groups) < 0 && (errno != EPERM || wanted))
		return err_sys(err, errno, "set the groups");
	if (syscall(SYS_setresgid, u->gid, u->gid, u->gid) < 0)
		return err_sys(err, errno, "set the group %u", u->gid);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_sys(err, errno, "keep the capabilities");
	if (syscall(SYS_setresuid, u->uid, u->uid, u->uid) < 0)
		return err_sys(err, errno, "set the user %u", u->uid);
	return caps_apply(&a->caps, err);
}

static int set_memory_policy(const struct rt_memory_policy *m, struct err *err)
{
	/* The kernel takes the last bit for one that is not there. */
	unsigned long bits = m->has_nodes ? RT_NODES_MAX + 1 : 0;

	if (m->set && syscall(SYS_set_mempolicy, m->mode, m->has_nodes ? m->nodes : NULL, bits) < 0)
		return err_sys(err, errno, "set the memory policy (mode and flags %#x)", (unsigned)m->mode);
	return 0;
}

static int set_traits(const struct rt_process_attr *a, struct err *err)
{
	int r = limits_lower(a, err);

	(void)umask(a->has_umask ? a->umask : 022);
	if (r < 0)
		return r;
	if (a->has_personality && personality(a->personality) < 0)
		return err_sys(err, errno, "set the personality %lx", a->personality);
	r = set_memory_policy(&a->memory_policy, err);
	return r < 0 ? r : limits_cpus(a->cpus_final, 0, err);
}

static int load_filter(const struct payload *p, struct err *err)
{
	if (!p->attr->filter)
		return 0;
	return seccomp_load(p->attr->filter, p->listener, p->listener_state, err);
}

/* The hook may have the environment that the program gets. */
static int start_container(const struct payload *p, struct err *err)
{
	char home[USER_HOME_MAX + 8];
	char **env;
	int r;

	if (!p->box || !p->box->start_container)
		return 0;
	env = env_of(p, home);
	r = p->box->start_container(p->box->ctx, env, err);
	free(env);
	return r;
}

/* Without no_new_privs a filter needs the capability that is about to go; with it the filter comes last and sees least of us. */
static int prepare_as_told(const struct payload *p, struct err *err)
{
	const struct rt_process_attr *a = p->attr;
	int r = a->terminal ? terminal_connect(p->terminal, err) : 0;

	if (r == 0)
		r = start_container(p, err);
	if (r == 0)
		r = label_exec(a, err);
	if (r == 0)
		r = set_traits(a, err);
	if (r == 0) {
		r = proc_close_from(3 + (unsigned)a->preserve_fds, true);
		if (r < 0)
			return err_sys(err, -r, "mark descriptors close-on-exec");
		proc_default_signals();
		r = caps_bound(a->caps.bounding, err);
	}
	if (r == 0 && !a->no_new_privs)
		r = load_filter(p, err);
	if (r == 0)
		r = become_as_told(p, err);
	if (r == 0 && p->death_signal)
		r = tie_to_parent(p->talk, err);
	if (r == 0 && a->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = err_sys(err, errno, "set no_new_privs");
	return r == 0 && a->no_new_privs ? load_filter(p, err) : r;
}

static int prepare_own(const struct payload *p, struct err *err)
{
	int r = become(&p->user, p->caps, err);

	if (r == 0 && p->death_signal)
		r = tie_to_parent(p->talk, err);
	if (r < 0)
		return r;
	/* Who set the container up made files with modes as they are; this process may be older than the end of that. */
	(void)umask(022);
	r = proc_close_from(3, true);
	if (r < 0)
		return err_sys(err, -r, "mark descriptors close-on-exec");
	proc_default_signals();
	return 0;
}

void payload_exec(const struct payload *p)
{
	struct err err = ERR_INIT;
	enum rt_fault fault = RT_FAULT_OURS;
	int r;

	(void)setsid();
	r = p->attr ? prepare_as_told(p, &err) : prepare_own(p, &err);
	if (r == 0)
		fault = exec_program(p, &err);
	setup_tell_failure(p->talk, fault, &err);
	_exit(fault == RT_FAULT_NOT_FOUND ? 127 : fault == RT_FAULT_NOT_EXECUTABLE ? 126 : 125);
}

int payload_user(const struct rt_process_attr *attr, int root, struct user *ret, struct err *err)
{
	char text[16];
	int r;

	if (attr->user) {
		r = user_find_in(root, attr->user, ret, err);
		return r < 0 ? r : user_add_groups_in(root, attr->groups, ret, err);
	}
	snprintf(text, sizeof text, "%u", attr->uid);
	if (attr->n_gids >= USER_GROUPS_MAX)
		return err_set(err, E2BIG, "%zu additional groups, %d are possible", attr->n_gids, USER_GROUPS_MAX - 1);
	if (user_find_in(root, text, ret, NULL) < 0)
		snprintf(ret->home, sizeof ret->home, "/");
	ret->uid = attr->uid;
	ret->gid = attr->gid;
	/* The primary group is among them, so that a file can keep the group out (CVE-2022-2989). */
	ret->n_groups = 0;
	ret->groups[ret->n_groups++] = attr->gid;
	for (size_t i = 0; i < attr->n_gids; i++) {
		if (attr->gids[i] != attr->gid)
			ret->groups[ret->n_groups++] = attr->gids[i];
	}
	return 0;
}
