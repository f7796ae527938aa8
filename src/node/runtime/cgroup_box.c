/* SPDX-License-Identifier: Apache-2.0
 *
 * A box is a list of directories, one in each hierarchy of the machine. This file says where they are; cgroup_tree.c makes them.
 */
#include "node/runtime/cgroup_box_impl.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/runtime/cgroup_file.h"
#include "node/runtime/rootless.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the box ---- */

struct cgroup_box *cgroup_box_free(struct cgroup_box *b)
{
	if (!b)
		return NULL;
	for (size_t i = 0; i < b->n; i++) {
		fd_closep(&b->v[i].fd);
		fd_closep(&b->v[i].door);
		fd_closep(&b->v[i].root);
		free(b->v[i].controllers);
		free(b->v[i].point);
		free(b->v[i].path);
		free(b->v[i].where);
	}
	free(b->text);
	free(b);
	return NULL;
}

static void box_freep(struct cgroup_box **b)
{
	(void)cgroup_box_free(*b);
}

const struct cgroup_dir *cgroup_box_v2(const struct cgroup_box *b)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->v[i].v2 && b->v[i].fd >= 0)
			return &b->v[i];
	}
	return NULL;
}

const struct cgroup_dir *cgroup_box_v1(const struct cgroup_box *b, const char *controller)
{
	for (size_t i = 0; i < b->n; i++) {
		if (!b->v[i].v2 && b->v[i].fd >= 0 && cgroup_mounts_has(b->v[i].controllers, controller))
			return &b->v[i];
	}
	return NULL;
}

bool cgroup_box_v2_has(const struct cgroup_box *b, const char *controller)
{
	const struct cgroup_dir *d = cgroup_box_v2(b);
	char list[1024];

	if (!d || cgroup_file_read(d->fd, "cgroup.controllers", list, sizeof list) < 0)
		return false;
	for (char *p = list; *p; p++)
		*p = *p == ' ' || *p == '\n' ? ',' : *p;
	return cgroup_mounts_has(list, controller);
}

int cgroup_box_fd(const struct cgroup_box *b)
{
	const struct cgroup_dir *d = cgroup_box_v2(b);

	return d ? d->fd : -1;
}

/* A new directory of the box, not yet made; NULL when its hierarchy is not what mountinfo said. */
static struct cgroup_dir *add_dir(struct cgroup_box *b, const struct cgroup_mount *m, const char *path)
{
	struct cgroup_dir *d = &b->v[b->n];
	int root = cgroup_file_root(m);

	if (root < 0)
		return NULL;
	*d = (struct cgroup_dir){.v2 = m->v2, .root = root, .fd = -1, .door = -1};
	d->controllers = mem_strdup(m->controllers);
	d->point = mem_strdup(m->point);
	d->path = mem_strdup(path);
	d->where = mem_printf("%s%s", m->point, path);
	b->n++;
	return d;
}

static void drop_last(struct cgroup_box *b)
{
	struct cgroup_dir *d = &b->v[--b->n];

	fd_closep(&d->fd);
	fd_closep(&d->root);
	free(d->controllers);
	free(d->point);
	free(d->path);
	free(d->where);
}

/* ---- the text: "1" and for each directory " <controllers>:<path>", blanks, '%' and what is not ASCII as %XX ---- */

static void add_escaped(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s > ' ' && *s < 0x7f && *s != '%')
			(void)buf_addc(out, *s);
		else
			(void)buf_printf(out, "%%%02X", (unsigned char)*s);
	}
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* In place. False for a '%' that is none of ours. */
static bool unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (*s == '%') {
			int high = hex_digit(s[1]), low = high < 0 ? -1 : hex_digit(s[2]);

			if (low < 0 || high * 16 + low == 0)
				return false;
			*out++ = (char)(high * 16 + low);
			s += 2;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
	return true;
}

static void set_text(struct cgroup_box *b)
{
	struct buf out = BUF_INIT;

	(void)buf_adds(&out, "1");
	for (size_t i = 0; i < b->n; i++) {
		(void)buf_addc(&out, ' ');
		add_escaped(&out, b->v[i].controllers);
		(void)buf_addc(&out, ':');
		add_escaped(&out, b->v[i].path);
	}
	free(b->text);
	b->text = buf_take(&out);
}

const char *cgroup_box_text(const struct cgroup_box *b)
{
	return b->text;
}

/* ---- where ---- */

/* "a//b/./c/" becomes "/a/b/c". */
static int clean_path(const char *path, char **ret, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(path);
	struct buf out = BUF_INIT;
	char *rest = NULL;
	int r = 0;

	for (char *w = strtok_r(copy, "/", &rest); w && r == 0; w = strtok_r(NULL, "/", &rest)) {
		if (!strcmp(w, "."))
			continue;
		if (!fs_name_ok(w))
			r = err_set(err, EINVAL, "cgroupsPath \"%s\": \"%s\" cannot be part of it", path, w);
		else
			(void)buf_printf(&out, "/%s", w);
	}
	if (r == 0 && (out.len == 0 || out.len >= CGROUP_PATH_MAX))
		r = err_set(err, EINVAL, "cgroupsPath \"%s\" is %s", path,
			    out.len ? "too long" : "the root of the cgroups");
	if (r == 0)
		*ret = buf_take(&out);
	buf_free(&out);
	return r;
}

/* "slice:prefix:name" */
static bool is_systemd_form(const char *path)
{
	const char *first = strchr(path, ':'), *second = first ? strchr(first + 1, ':') : NULL;

	return second && !strchr(second + 1, ':') && !strchr(path, '/');
}

static char *from_systemd_form(const char *path)
{
	const char *first = strchr(path, ':'), *second = strchr(first + 1, ':');
	const int slice = (int)(first - path), prefix = (int)(second - first - 1);

	return mem_printf("/%.*s/%.*s%s%s.scope", slice, path, prefix, first + 1, prefix ? "-" : "", second + 1);
}

/* Of version 2 alone the cgroup above our own: ours has processes, and could give controllers only without them. */
static void base_of(const struct cgroup_mounts *mounts, const struct cgroup_mount *m, char base[static CGROUP_PATH_MAX])
{
	char *slash;
	int root;

	memcpy(base, m->own, CGROUP_PATH_MAX);
	slash = strrchr(base, '/');
	if (mounts->v1 || !m->v2 || !slash)
		return;
	*slash = '\0';
	root = cgroup_file_root(m);
	if (root < 0 || faccessat(root, *base ? base + 1 : ".", W_OK, AT_EACCESS) < 0)
		memcpy(base, m->own, CGROUP_PATH_MAX);
	fd_closep(&root);
}

struct place {
	bool absolute;
	char *path; /* "/a/b" */
};

static int find_place(const char *path, const char *id, struct place *ret, struct err *err)
{
	mem_cleanup char *systemd = NULL;

	if (!fs_name_ok(id))
		return err_set(err, EINVAL, "\"%s\" cannot be the name of a cgroup", id);
	if (path && is_systemd_form(path)) {
		systemd = from_systemd_form(path);
		path = systemd;
	}
	ret->absolute = path && *path == '/';
	return clean_path(path && *path ? path : id, &ret->path, err);
}

/* ---- make ---- */

bool cgroup_box_real_root(void)
{
	return geteuid() == 0 && !rootless_inside();
}

static bool is_denied(int r)
{
	return r == -EROFS || ((r == -EACCES || r == -EPERM) && !cgroup_box_real_root());
}

/* A directory that was there may belong to another container, whose limits would be changed and processes killed. */
static int check_unused(const struct cgroup_box *b, struct err *err)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct cgroup_box one = {.v = {b->v[i]}, .n = 1};
		pid_t *pids = NULL;
		size_t n = 0;
		int r;

		if (b->v[i].made > 0)
			continue;
		r = cgroup_box_pids(&one, &pids, &n, err);
		free(pids);
		if (r < 0)
			return r;
		if (n > 0)
			return err_set(err, EBUSY, "the cgroup %s is in use: it has %zu process%s", b->v[i].where, n,
				       n == 1 ? "" : "es");
		if (cgroup_box_frozen(&one) > 0)
			return err_set(err, EBUSY, "the cgroup %s is frozen", b->v[i].where);
	}
	return 0;
}

static int add_place(struct cgroup_box *b, const struct cgroup_mounts *mounts, size_t i, const struct place *place,
		     struct cgroup_dir **ret, struct err *err)
{
	mem_cleanup char *path = NULL;
	char base[CGROUP_PATH_MAX] = "";

	if (!place->absolute)
		base_of(mounts, &mounts->v[i], base);
	path = mem_printf("%s%s", base, place->path);
	if (strlen(path) >= CGROUP_PATH_MAX)
		return err_set(err, ENAMETOOLONG, "the cgroup %s has too long a name", path);
	*ret = add_dir(b, &mounts->v[i], path);
	return 0;
}

static int make_dirs(struct cgroup_box *b, const struct cgroup_mounts *mounts, const struct place *place,
		     const struct rt_resources *res, struct err *err)
{
	/* The unified hierarchy of a hybrid machine is left as it is unless a limit needs a controller there. */
	const bool wanted = res && (res->hugetlb.n > 0 || res->rdma.n > 0 || res->unified.n > 0);

	for (size_t i = 0; i < mounts->n; i++) {
		struct err why = ERR_INIT;
		struct cgroup_dir *d = NULL;
		int r = add_place(b, mounts, i, place, &d, err);

		if (r < 0)
			return r;
		if (!d)
			continue;
		r = cgroup_tree_make(b, d, b->v2_only || wanted, &why);
		if (r < 0 && is_denied(r)) {
			snprintf(b->denied, sizeof b->denied, "%.*s", (int)sizeof b->denied - 1, why.text);
			drop_last(b);
		} else if (r < 0) {
			return err_set(err, -r, "%s", why.text);
		}
	}
	return 0;
}

static int apply_all(const struct cgroup_box *b, const struct rt_resources *res, struct err *err)
{
	int r = cgroup_resources_apply(b, res, err);

	return r < 0 ? r : cgroup_devices_apply(b, res, err);
}

int cgroup_box_plan(const char *path, const char *id, char **ret_text, struct err *err)
{
	cleanup_with(box_freep) struct cgroup_box *b = mem_new(struct cgroup_box);
	mem_cleanup struct cgroup_mounts *mounts = NULL;
	struct place place = {.path = NULL};
	struct cgroup_dir *d;
	int r = find_place(path, id, &place, err);

	if (r == 0)
		r = cgroup_file_machine(&mounts, err);
	for (size_t i = 0; r == 0 && i < mounts->n; i++)
		r = add_place(b, mounts, i, &place, &d, err);
	free(place.path);
	if (r < 0)
		return r;
	set_text(b);
	*ret_text = mem_take(b->text);
	return 0;
}

int cgroup_box_make(const char *path, const char *id, const struct rt_resources *resources, struct cgroup_box **ret,
		    struct err *err)
{
	cleanup_with(box_freep) struct cgroup_box *b = mem_new(struct cgroup_box);
	mem_cleanup struct cgroup_mounts *mounts = NULL;
	struct place place = {.path = NULL};
	int r = find_place(path, id, &place, err);

	if (r == 0)
		r = cgroup_file_machine(&mounts, err);
	if (r == 0) {
		b->v2_only = !mounts->v1;
		r = make_dirs(b, mounts, &place, resources, err);
	}
	free(place.path);
	if (r == 0)
		r = check_unused(b, err);
	if (r == 0 && resources)
		r = apply_all(b, resources, err);
	if (r < 0) {
		for (size_t i = 0; i < b->n; i++)
			cgroup_tree_unmake(&b->v[i]);
		return r;
	}
	set_text(b);
	*ret = mem_take(b);
	return 0;
}

int cgroup_box_apply(struct cgroup_box *b, const struct rt_resources *resources, struct err *err)
{
	int r = cgroup_resources_apply(b, resources, err);

	/* An update without rules leaves those that are in force. */
	return r < 0 || resources->n_devices == 0 ? r : cgroup_devices_apply(b, resources, err);
}

/* ---- open ---- */

static const struct cgroup_mount *find_mount(const struct cgroup_mounts *mounts, const char *controllers)
{
	for (size_t i = 0; i < mounts->n; i++) {
		if (!strcmp(mounts->v[i].controllers, controllers))
			return &mounts->v[i];
	}
	return NULL;
}

static int open_entry(struct cgroup_box *b, const struct cgroup_mounts *mounts, char *entry, struct err *err)
{
	char *path = strchr(entry, ':');
	const struct cgroup_mount *m;
	struct cgroup_dir *d;

	if (path)
		*path++ = '\0';
	if (!path || !unescape(entry) || !unescape(path) || !cgroup_mounts_path_ok(path))
		return err_set(err, EINVAL, "the list of cgroups has an entry that is none: \"%s\"", entry);
	for (size_t i = 0; i < b->n; i++) {
		if (!strcmp(b->v[i].controllers, entry))
			return err_set(err, EINVAL, "the list of cgroups names the hierarchy \"%s\" twice", entry);
	}
	m = find_mount(mounts, entry);
	if (!m)
		return err_set(err, EINVAL, "the list of cgroups names the hierarchy \"%s\", which is not mounted here",
			       entry);
	d = add_dir(b, m, path);
	if (!d)
		return err_set(err, ESTALE, "%s is not the cgroup hierarchy that is mounted there", m->point);
	d->fd = cgroup_file_open(d->root, path + 1, O_RDONLY | O_DIRECTORY);
	if (d->fd < 0 && d->fd != -ENOENT)
		return err_sys(err, -d->fd, "open the cgroup %s", d->where);
	d->fd = d->fd < 0 ? -1 : d->fd;
	return 0;
}

/* The hierarchy that holds a directory: of several mounts of one above the other the nearest. */
static const struct cgroup_mount *mount_of(const struct cgroup_mounts *mounts, const char *dir)
{
	const struct cgroup_mount *found = NULL;

	for (size_t i = 0; i < mounts->n; i++) {
		const struct cgroup_mount *m = &mounts->v[i];
		size_t n = strlen(m->point);

		if (!strncmp(m->point, dir, n) && dir[n] == '/' && (!found || n > strlen(found->point)))
			found = m;
	}
	return found;
}

int cgroup_box_of(const char *const *dirs, struct cgroup_box **ret, struct err *err)
{
	cleanup_with(box_freep) struct cgroup_box *b = mem_new(struct cgroup_box);
	mem_cleanup struct cgroup_mounts *mounts = NULL;
	int r = cgroup_file_machine(&mounts, err);

	if (r < 0)
		return r;
	b->v2_only = !mounts->v1;
	for (; *dirs && b->n < CGROUP_MOUNTS_MAX; dirs++) {
		const struct cgroup_mount *m = mount_of(mounts, *dirs);
		struct cgroup_dir *d = m ? add_dir(b, m, *dirs + strlen(m->point)) : NULL;

		if (d)
			d->fd = cgroup_file_open(d->root, d->path + 1, O_RDONLY | O_DIRECTORY);
		if (d && d->fd < 0)
			drop_last(b);
	}
	set_text(b);
	*ret = mem_take(b);
	return 0;
}

int cgroup_box_open(const char *text, struct cgroup_box **ret, struct err *err)
{
	cleanup_with(box_freep) struct cgroup_box *b = mem_new(struct cgroup_box);
	mem_cleanup struct cgroup_mounts *mounts = NULL;
	mem_cleanup char *copy = NULL;
	char *rest = NULL;
	int r;

	if (strlen(text) > (size_t)CGROUP_MOUNTS_MAX * (CGROUP_PATH_MAX + CGROUP_CONTROLLERS_MAX) * 3)
		return err_set(err, EINVAL, "the list of cgroups is too long");
	if (text[0] != '1' || (text[1] && text[1] != ' '))
		return err_set(err, EINVAL, "the list of cgroups begins with \"%.8s\", not with \"1\"", text);
	r = cgroup_file_machine(&mounts, err);
	if (r < 0)
		return r;
	b->v2_only = !mounts->v1;
	copy = mem_strdup(text + 1);
	for (char *w = strtok_r(copy, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
		r = open_entry(b, mounts, w, err);
		if (r < 0)
			return r;
	}
	set_text(b);
	*ret = mem_take(b);
	return 0;
}

/* ---- enter ---- */

static int check_sub(const char *sub, const char **ret, struct err *err)
{
	mem_cleanup char *absolute = NULL;

	sub += strspn(sub, "/");
	absolute = mem_printf("/%s", sub);
	if (*sub && !cgroup_mounts_path_ok(absolute))
		return err_set(err, EINVAL, "\"%s\" cannot be a cgroup below the container's", sub);
	*ret = *sub ? sub : ".";
	return 0;
}

int cgroup_box_fd_sub(const struct cgroup_box *b, const char *sub, int *ret_fd, struct err *err)
{
	const struct cgroup_dir *d = cgroup_box_v2(b);
	int fd = -1, r = check_sub(sub, &sub, err);

	if (r == 0 && d) {
		fd = cgroup_file_open(d->fd, sub, O_RDONLY | O_DIRECTORY);
		r = fd < 0 ? err_sys(err, -fd, "open the cgroup %s/%s", d->where, sub) : 0;
	}
	if (r == 0)
		*ret_fd = fd;
	return r;
}

static int enter_failed(const struct cgroup_dir *d, int r, struct err *err)
{
	if (r == -EBUSY && d->v2)
		return err_set(
		    err, EBUSY,
		    "the cgroup %s has given its controllers to those below and takes no process itself (\"no internal "
		    "processes\")",
		    d->where);
	if (r == -ENOSPC && cgroup_mounts_has(d->controllers, "cpuset"))
		return err_set(err, ENOSPC, "the cgroup %s has no processors or memory nodes (cpuset)", d->where);
	return err_sys(err, -r, "move a process to the cgroup %s", d->where);
}

/* "0" in `tasks` moves the caller's thread alone, which costs no waiting. */
static const char *door_of(const struct cgroup_dir *d, const char *pid)
{
	return !d->v2 && !strcmp(pid, "0") ? "tasks" : "cgroup.procs";
}

int cgroup_box_open_doors(struct cgroup_box *b, struct err *err)
{
	for (size_t i = 0; i < b->n; i++) {
		struct cgroup_dir *d = &b->v[i];

		if (d->fd < 0 || d->v2)
			continue;
		d->door = cgroup_file_open(d->fd, door_of(d, "0"), O_WRONLY);
		if (d->door < 0)
			return enter_failed(d, d->door, err);
	}
	return 0;
}

int cgroup_box_go_in(const struct cgroup_box *b, struct err *err)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->v[i].door >= 0 && write(b->v[i].door, "0", 1) < 0)
			return enter_failed(&b->v[i], -errno, err);
	}
	return 0;
}

void cgroup_box_close_doors(struct cgroup_box *b)
{
	for (size_t i = 0; i < b->n; i++)
		fd_closep(&b->v[i].door);
}

static int enter_dir(const struct cgroup_dir *d, const char *pid, const char *sub, size_t *found, struct err *err)
{
	fd_cleanup int below = cgroup_file_open(d->fd, sub, O_RDONLY | O_DIRECTORY);
	int r;

	if (below < 0 && below != -ENOENT)
		return err_sys(err, -below, "open the cgroup %s/%s", d->where, sub);
	*found += below >= 0;
	r = cgroup_file_write(below < 0 ? d->fd : below, door_of(d, pid), pid);
	return r < 0 ? enter_failed(d, r, err) : 0;
}

/* Before anything is moved: is the cgroup anywhere? */
static bool sub_exists(const struct cgroup_box *b, const char *sub)
{
	bool found = !strcmp(sub, ".");

	for (size_t i = 0; i < b->n && !found; i++) {
		fd_cleanup int fd = b->v[i].fd < 0 ? -1 : cgroup_file_open(b->v[i].fd, sub, O_RDONLY | O_DIRECTORY);

		found = fd >= 0;
	}
	return found;
}

static int enter(const struct cgroup_box *b, pid_t pid, const char *sub, bool v2, struct err *err)
{
	size_t found = 0;
	char text[16];
	int r = check_sub(sub, &sub, err);

	if (r < 0)
		return r;
	if (!sub_exists(b, sub))
		return err_set(err, ENOENT, "the container has no cgroup \"%s\"", sub);
	snprintf(text, sizeof text, "%d", (int)pid);
	for (size_t i = 0; i < b->n && r == 0; i++) {
		if (b->v[i].fd >= 0 && (v2 || !b->v[i].v2))
			r = enter_dir(&b->v[i], text, sub, &found, err);
	}
	return r;
}

int cgroup_box_enter(const struct cgroup_box *b, pid_t pid, const char *sub, struct err *err)
{
	return enter(b, pid, sub, true, err);
}

int cgroup_box_enter_others(const struct cgroup_box *b, const char *sub, struct err *err)
{
	return enter(b, 0, sub, false, err);
}

int cgroup_box_sub_of(const struct cgroup_box *b, pid_t pid, char **ret, struct err *err)
{
	const struct cgroup_dir *d = cgroup_box_v2(b);
	char path[64], text[8192];
	const char *own;
	fd_cleanup int fd = -1;
	size_t len;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n < 0)
		return err_sys(err, errno, "read %s", path);
	text[n] = '\0';
	own = !strncmp(text, "0::/", 4) ? text : strstr(text, "\n0::/");
	if (own)
		own = strchr(own, '/');
	len = d ? strlen(d->path) : 0;
	if (d && own && !strncmp(own, d->path, len) && (own[len] == '/' || own[len] == '\n')) {
		own += len + (own[len] == '/');
		*ret = mem_strndup(own, strcspn(own, "\n"));
		return 0;
	}
	return err_set(err, ENOENT, "process %d is not in the container's cgroup", (int)pid);
}

/* ---- delegation ---- */

static int give(const struct cgroup_dir *d, const char *file, uid_t uid, gid_t gid, struct err *err)
{
	fd_cleanup int fd = cgroup_file_open(d->fd, file, O_PATH);

	/* A kernel without the file has nothing to give. */
	if (fd == -ENOENT)
		return 0;
	if (fd < 0 || fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
		return err_sys(err, fd < 0 ? -fd : errno, "give %s/%s to user %u", d->where, file, (unsigned)uid);
	return 0;
}

/* The kernel's own list, or what it was when that came (Linux 4.15). */
static char *delegated_files(void)
{
	fd_cleanup int fd = open("/sys/kernel/cgroup/delegate", O_RDONLY | O_CLOEXEC);
	char *text = NULL;

	if (fd >= 0 && fd_read_all(fd, 4096, &text, NULL) == 0)
		return text;
	return mem_strdup("cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n");
}

int cgroup_box_delegate(const struct cgroup_box *b, uid_t uid, gid_t gid, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < b->n && r == 0; i++) {
		const struct cgroup_dir *d = &b->v[i];
		mem_cleanup char *files = d->v2 ? delegated_files() : mem_strdup("cgroup.procs\ntasks\n");
		char *rest = NULL;

		/* Of version 1 only hierarchies without a controller are safe to give away: systemd in the container needs its own. */
		if (d->fd < 0 || (!d->v2 && strncmp(d->controllers, "name=", 5) != 0))
			continue;
		if (fchown(d->fd, uid, gid) < 0)
			return err_sys(err, errno, "give the cgroup %s to user %u", d->where, (unsigned)uid);
		for (char *f = strtok_r(files, "\n", &rest); f && r == 0; f = strtok_r(NULL, "\n", &rest))
			r = fs_name_ok(f) ? give(d, f, uid, gid, err) : 0;
	}
	return r;
}

/* ---- for the mount in the container ---- */

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int cgroup_box_each(const struct cgroup_box *b, int (*fn)(void *ctx, const struct cgroup_hierarchy *h, struct err *err),
		    void *ctx, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < b->n && r >= 0; i++) {
		const struct cgroup_dir *d = &b->v[i];
		const struct cgroup_hierarchy h = {
		    .v2 = d->v2,
		    .name = b->n == 1 && d->v2 ? "" : last_name(d->point),
		    .options = d->controllers,
		    .dir = d->where,
		    .aliases = strchr(d->controllers, ',') ? d->controllers : "",
		};

		if (d->fd >= 0)
			r = fn(ctx, &h, err);
	}
	return r < 0 ? r : 0;
}
