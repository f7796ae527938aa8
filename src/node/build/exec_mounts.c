/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/exec_mounts.h"

#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/build/copy.h"
#include "node/build/client.h"
#include "node/build/secret.h"
#include "node/build/view.h"
#include "base/core/guard.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define NAME_LEN 32
#define SHM "/dev/shm"
#define SSH_TARGET "/run/buildkit/ssh_agent.%s"

static int hold(struct exec_mounts *m, int fd)
{
	mem_grow(&m->held, &m->cap_held, m->n_held);
	m->held[m->n_held++] = fd;
	return fd;
}

static struct rt_mount *add(struct exec_mounts *m, const char *target, bool dir)
{
	struct rt_mount *one;

	mem_grow(&m->list, &m->cap, m->n);
	mem_grow(&m->dirs, &m->cap_dirs, m->n);
	m->dirs[m->n] = dir;
	one = &m->list[m->n++];
	*one = (struct rt_mount){.type = RT_MOUNT_BIND, .source_fd = -1, .target = mem_strdup(target)};
	return one;
}

static void new_name(struct exec_mounts *m, char name[static NAME_LEN])
{
	snprintf(name, NAME_LEN, "m%u", m->next_name++);
}

static int new_dir(struct exec_mounts *m, char name[static NAME_LEN], struct err *err)
{
	int fd;

	new_name(m, name);
	if (mkdirat(m->snapshot->extra, name, 0755) < 0)
		return err_sys(err, errno, "make a directory for a mount");
	fd = openat(m->snapshot->extra, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "open a directory for a mount") : hold(m, fd);
}

/* ---- files of ours ---- */

static int add_text(struct exec_mounts *m, const char *target, const void *data, size_t n, mode_t mode, uid_t uid,
		    gid_t gid, bool secret, struct err *err)
{
	struct rt_mount *mount = add(m, target, false);
	char name[NAME_LEN];
	int fd, r;

	new_name(m, name);
	fd = openat(m->snapshot->extra, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno, "make a file for \"%s\"", target);
	mount->source_fd = hold(m, fd);
	mount->read_only = true;
	if (secret)
		mem_strv_add(&m->secret, name);
	r = fd_write_all(fd, data, n);
	if (r == 0 && (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0))
		r = -errno;
	return r < 0 ? err_sys(err, -r, "write a file for \"%s\"", target) : 0;
}

static int add_hosts(struct exec_mounts *m, struct err *err)
{
	buf_cleanup struct buf text = BUF_LIMIT(1u << 20);

	buf_adds(&text, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
	for (char *const *h = m->build->o->hosts; h && *h; h++) {
		const char *sep = strpbrk(*h, "=:");

		if (!sep || sep == *h || !sep[1] || strpbrk(*h, " \t\n"))
			return err_set(err, EINVAL, "--add-host \"%s\": NAME:ADDRESS is needed", *h);
		buf_printf(&text, "%s\t%.*s\n", sep + 1, (int)(sep - *h), *h);
	}
	return add_text(m, "/etc/hosts", buf_str(&text), text.len, 0644, 0, 0, false, err);
}

static int add_resolver(struct exec_mounts *m, struct err *err)
{
	return add_text(m, "/etc/resolv.conf", m->resolv_conf, strlen(m->resolv_conf), 0644, 0, 0, false, err);
}

static int add_script(struct exec_mounts *m, struct err *err)
{
	const struct step_run *run = m->step->run;
	mem_cleanup char *target = NULL;

	if (!run->script_name)
		return 0;
	target = mem_printf("/dev/pipes/%s", run->script_name);
	return add_text(m, target, run->script, strlen(run->script), 0755, 0, 0, false, err);
}

/* ---- --mount ---- */

/* Copies `source` of the tree into a directory of ours and opens it there: a directory, or the file in it. A context is always copied, so that
 * ignored files are not there, sockets are out of reach, and what the step writes is gone. */
static int open_copy(struct exec_mounts *m, const struct source_tree *tree, const char *source, struct err *err)
{
	cleanup_with(source_list_free) struct source_list list = SOURCE_LIST_INIT;
	mem_cleanup char *pattern = build_escape(source);
	char name[NAME_LEN];
	int dir = new_dir(m, name, err), r;
	struct copy c = {.draft = {.view = -1, .dir = dir}, .dest = "/", .dest_dir = true};

	if (dir < 0)
		return dir;
	c.has_owner = tree->context;
	r = source_find(tree, pattern, &list, err);
	if (r == 0)
		r = copy_items(&c, tree, &list, err);
	if (r < 0)
		return r;
	if (S_ISDIR(list.items[0].st.st_mode))
		return dir;
	source = strrchr(list.items[0].named, '/') ? strrchr(list.items[0].named, '/') + 1 : list.items[0].named;
	r = openat(dir, source, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return r < 0 ? err_sys(err, errno, "open \"%s\"", source) : hold(m, r);
}

/* A stage's own files, read-only or with a layer above that is thrown away. */
static int open_in_stage(struct exec_mounts *m, const struct step_mount *mount, struct err *err)
{
	struct snapshot_root root = SNAPSHOT_ROOT_NULL;
	struct source_tree tree;
	mem_cleanup char *plain = NULL;
	int top, fd, r = build_tree(m->build, mount->from, &tree, &root, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < root.n; i++)
		hold(m, root.lowers[i]);
	top = root.view;
	if (top >= 0)
		hold(m, top);
	if (!mount->read_only && top >= 0) {
		char name[NAME_LEN];
		int upper = new_dir(m, name, err), work = upper < 0 ? upper : new_dir(m, name, err);

		r = work < 0 ? work : (top = rt_overlay(root.lowers, root.n, upper, work, err));
		if (r >= 0)
			hold(m, top);
	}
	free(root.lowers);
	if (r < 0)
		return r;
	if (top < 0)
		return err_set(err, ENOENT, "%s is empty", tree.what);
	r = view_resolve(top, mount->source, true, &plain, err);
	if (r < 0)
		return r;
	fd = view_open(top, plain, O_PATH);
	return fd < 0 ? err_sys(err, -fd, "open \"%s\" in %s", mount->source, tree.what) : hold(m, fd);
}

static bool is_context(const struct build *b, int from)
{
	return from == STEP_FROM_CONTEXT || (from >= 0 && b->stages[from].context.tree.root >= 0);
}

static int add_bind(struct exec_mounts *m, const struct step_mount *mount, struct err *err)
{
	struct source_tree tree;
	struct rt_mount *one;
	struct stat st;
	int fd;

	if (is_context(m->build, mount->from)) {
		struct snapshot_root none = SNAPSHOT_ROOT_NULL;

		fd = build_tree(m->build, mount->from, &tree, &none, err);
		fd = fd < 0 ? fd : open_copy(m, &tree, mount->source, err);
	} else {
		fd = open_in_stage(m, mount, err);
	}
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "look at \"%s\"", mount->source);
	one = add(m, mount->target, S_ISDIR(st.st_mode));
	one->source_fd = fd;
	one->read_only = mount->read_only;
	return 0;
}

/* What a new cache begins with: its owner and mode, and the content of from=. */
static int fill_cache(struct exec_mounts *m, const struct step_mount *mount, int dir, struct err *err)
{
	cleanup_with(source_list_free) struct source_list list = SOURCE_LIST_INIT;
	cleanup_with(snapshot_root_close) struct snapshot_root root = SNAPSHOT_ROOT_NULL;
	struct copy c = {.draft = {.view = -1, .dir = dir}, .dest = "/", .dest_dir = true};
	struct source_tree tree;
	mem_cleanup char *pattern = NULL;
	int r = 0;

	if (mount->from != STEP_FROM_NOTHING) {
		pattern = build_escape(mount->source);
		r = build_tree(m->build, mount->from, &tree, &root, err);
		if (r == 0)
			r = source_find(&tree, pattern, &list, err);
		if (r == 0)
			r = copy_items(&c, &tree, &list, err);
	}
	if (r == 0 && (fchown(dir, mount->uid, mount->gid) < 0 || fchmod(dir, mount->mode & 07777) < 0))
		r = err_sys(err, errno, "set owner and mode of the cache mount \"%s\"", mount->id);
	return r;
}

static int add_cache(struct exec_mounts *m, const struct step_mount *mount, struct err *err)
{
	static const enum cache_sharing sharing[] = {CACHE_SHARED, CACHE_PRIVATE, CACHE_LOCKED};
	struct rt_mount *one;
	bool is_new = false;
	int lock = -1, r = 0,
	    dir = cache_mount(m->build->cache, mount->id, sharing[mount->sharing], &lock, &is_new, err);

	if (dir < 0)
		return dir;
	hold(m, lock);
	hold(m, dir);
	if (is_new)
		r = fill_cache(m, mount, dir, err);
	/* A step before may have left a link there, another one may just be making it: it is resolved in the cache. */
	if (r == 0 && mount->from == STEP_FROM_NOTHING && strcmp(mount->source, "/") != 0) {
		dir = RT_GUARD(B1) ? fs_mkdirs_in(dir, mount->source, 0755, FS_IN_ROOT, err)
				   : guard_naive_mkdirs(dir, mount->source);
		if (dir < 0)
			return dir;
		hold(m, dir);
	}
	if (r < 0)
		return r;
	one = add(m, mount->target, true);
	one->source_fd = dir;
	one->read_only = mount->read_only;
	return 0;
}

static int add_tmpfs(struct exec_mounts *m, const struct step_mount *mount, struct err *err)
{
	struct rt_mount *one = add(m, mount->target, true);

	(void)err;
	one->type = RT_MOUNT_TMPFS;
	one->size = mount->size;
	return 0;
}

/* A mount of the step's own is the one that counts. */
static void add_shm(struct exec_mounts *m)
{
	const struct step_run *run = m->step->run;
	struct rt_mount *one;

	for (size_t i = 0; i < run->n_mounts; i++) {
		if (run->mounts[i].target && !strcmp(run->mounts[i].target, SHM))
			return;
	}
	one = add(m, SHM, true);
	one->type = RT_MOUNT_TMPFS;
	one->size = m->build->o->limits.shm_size;
}

static int add_secret(struct exec_mounts *m, const struct step_mount *mount, struct err *err)
{
	char *data = NULL;
	size_t n = 0;
	const struct build_options *o = m->build->o;
	int r = o->client ? o->client->secret(o->client->ctx, mount->id, &data, &n, err)
			  : secret_read(o->secrets, mount->id, &data, &n, err);

	if (r == -ENOENT && !mount->required) {
		err_clear(err);
		return 0;
	}
	if (r == 0 && mount->target)
		r = add_text(m, mount->target, data, n, mount->mode, mount->uid, mount->gid, true, err);
	if (r == 0 && mount->env) {
		char *text = mem_printf("%s=%s", mount->env, data);

		mem_strv_add(&m->env, text);
		explicit_bzero(text, strlen(text));
		free(text);
	}
	if (data)
		explicit_bzero(data, n);
	free(data);
	return r;
}

static int add_ssh(struct exec_mounts *m, const struct step_mount *mount, struct err *err)
{
	mem_cleanup char *path = NULL, *target = NULL, *env = NULL;
	const struct build_options *o = m->build->o;
	int fd, r = o->client ? o->client->agent(o->client->ctx, mount->id, m->snapshot->extra, &path, err)
			      : secret_agent(o->ssh, mount->id, &path, err);

	if (r == -ENOENT && !mount->required) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	fd = open(path, O_PATH | O_CLOEXEC);
	/* One that was made for this step is its user's. */
	if (fd < 0 || (o->client && (chmod(path, mount->mode) < 0 || chown(path, mount->uid, mount->gid) < 0)))
		return err_sys(err, errno, "open the socket \"%s\" of the ssh agent", path);
	target = mount->target ? mem_strdup(mount->target) : mem_printf(SSH_TARGET, mount->id);
	add(m, target, false)->source_fd = hold(m, fd);
	env = mem_printf("SSH_AUTH_SOCK=%s", target);
	mem_strv_add(&m->env, env);
	return 0;
}

static int add_step_mounts(struct exec_mounts *m, struct err *err)
{
	static int (*const adders[])(struct exec_mounts *, const struct step_mount *, struct err *) = {
	    [STEP_MOUNT_BIND] = add_bind,     [STEP_MOUNT_CACHE] = add_cache, [STEP_MOUNT_TMPFS] = add_tmpfs,
	    [STEP_MOUNT_SECRET] = add_secret, [STEP_MOUNT_SSH] = add_ssh,
	};
	const struct step_run *run = m->step->run;

	for (size_t i = 0; i < run->n_mounts; i++) {
		int r = adders[run->mounts[i].type](m, &run->mounts[i], err);

		if (r < 0)
			return err_wrap(err, "--mount of %s",
					run->mounts[i].target ? run->mounts[i].target : run->mounts[i].id);
	}
	return 0;
}

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/' && path[1] && path[1] != '/';
	return n;
}

/* Stable, shallow first: a mount below another one must come after it. */
static void sort(struct exec_mounts *m)
{
	for (size_t i = 1; i < m->n; i++) {
		struct rt_mount one = m->list[i];
		bool dir = m->dirs[i];
		size_t j = i;

		for (; j > 0 && depth(m->list[j - 1].target) > depth(one.target); j--) {
			m->list[j] = m->list[j - 1];
			m->dirs[j] = m->dirs[j - 1];
		}
		m->list[j] = one;
		m->dirs[j] = dir;
	}
}

int exec_mounts_make(struct exec_mounts *m, struct err *err)
{
	int r = add_hosts(m, err);

	if (r == 0)
		r = add_resolver(m, err);
	if (r == 0)
		r = add_script(m, err);
	if (r == 0)
		r = add_step_mounts(m, err);
	if (r == 0 && m->build->o->limits.shm_size > 0)
		add_shm(m);
	sort(m);
	return r;
}

void exec_mounts_started(struct exec_mounts *m)
{
	for (char **name = m->secret; name && *name; name++)
		(void)unlinkat(m->snapshot->extra, *name, 0);
}

void exec_mounts_free(struct exec_mounts *m)
{
	exec_mounts_started(m);
	for (size_t i = 0; i < m->n; i++)
		free((char *)m->list[i].target);
	for (size_t i = m->n_held; i > 0; i--)
		fd_closep(&m->held[i - 1]);
	for (char **v = m->env; v && *v; v++)
		explicit_bzero(*v, strlen(*v));
	mem_strv_free(m->env);
	mem_strv_free(m->secret);
	free(m->list);
	free(m->dirs);
	free(m->held);
}
