/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/outside.h"

#include "base/core/child.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/guard.h"
#include "base/core/mem.h"
#include "node/build/cache.h"
#include "node/build/git.h"
#include "node/build/snapshot.h"
#include "node/build/step.h"
#include "node/image/image.h"
#include "node/image/lease.h"
#include "node/registry/web.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

struct outside_file {
	char *source;
	char hex[SHA256_HEX_MAX]; /* of the content; of a repository the commit */
	int64_t mtime_s;
	int fd; /* the content, or -1: it is known by its version only */
};

/* What a child does; `file` is in shared pages. */
struct fetch {
	struct cache *cache; /* NULL: the content is wanted in any case */
	const char *source;
	int fd;
	struct web_file *file;
};

/* What is asked for while the build goes on. */
struct look {
	struct child child; /* pid 0 = free */
	char *source;
	struct fetch f;	  /* a file */
	struct git_url u; /* a repository: remote is set */
	const struct outside *l;
};

struct outside {
	struct image_lease *lease;
	struct cache *cache;
	int stop_fd;
	bool ssh;
	int tmp; /* -1 = none yet */
	char tmp_name[64];
	struct outside_file *v;
	size_t n, cap;
	struct look looks[OUTSIDE_LOOKS];
};

bool outside_is(const char *source)
{
	return !strncmp(source, "http://", 7) || !strncmp(source, "https://", 8) || git_url_is(source);
}

struct outside *outside_new(struct image_lease *lease, struct cache *cache, int stop_fd, bool ssh)
{
	struct outside *l = mem_new(struct outside);

	*l = (struct outside){.lease = lease, .cache = cache, .stop_fd = stop_fd, .ssh = ssh, .tmp = -1};
	for (size_t i = 0; i < OUTSIDE_LOOKS; i++)
		l->looks[i] = (struct look){.child.fd = -1, .f.fd = -1};
	return l;
}

static void drop_tmp(struct outside *l)
{
	snapshot_remove(l->tmp, l->tmp_name);
	fd_closep(&l->tmp);
}

static void drop_look(struct look *k)
{
	child_kill(&k->child);
	free(k->source);
	git_url_free(&k->u);
	if (k->f.file)
		(void)munmap(k->f.file, sizeof *k->f.file);
	fd_closep(&k->f.fd);
	*k = (struct look){.child.fd = -1, .f.fd = -1};
}

struct outside *outside_free(struct outside *l)
{
	if (!l)
		return NULL;
	for (size_t i = 0; i < OUTSIDE_LOOKS; i++)
		drop_look(&l->looks[i]);
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].source);
		fd_closep(&l->v[i].fd);
	}
	free(l->v);
	drop_tmp(l);
	free(l);
	return NULL;
}

static const struct outside_file *find(const struct outside *l, const char *source)
{
	for (size_t i = 0; i < l->n; i++) {
		if (!strcmp(l->v[i].source, source))
			return &l->v[i];
	}
	return NULL;
}

/* ---- files ---- */

/* Where the content of a version of a file is written down. */
static void version_key(const char *source, const char *version, char ret[static SHA256_HEX_MAX])
{
	struct sha256 sha;

	sha256_init(&sha);
	sha256_add(&sha, "web", 4);
	sha256_add(&sha, source, strlen(source) + 1);
	sha256_add(&sha, version, strlen(version));
	sha256_hex(&sha, ret);
}

static bool is_known(void *ctx, const char *version)
{
	struct fetch *f = ctx;
	char key[SHA256_HEX_MAX], hex[SHA256_HEX_MAX];

	if (!f->cache)
		return false;
	version_key(f->source, version, key);
	return cache_content_find(f->cache, key, hex) == 1;
}

static int fetch_file(void *ctx, struct err *err)
{
	struct fetch *f = ctx;
	const struct web_request q = {.url = f->source, .fd = f->fd, .known = is_known, .ctx = f};
	int r = image_fetcher_confine(-1, err);

	return r < 0 ? r : web_get(&q, f->file, err);
}

static int open_tmp(struct outside *l, struct err *err)
{
	int fd, r = l->tmp < 0 ? image_lease_tmp(l->lease, &l->tmp, l->tmp_name, err) : 0;

	if (r < 0)
		return r;
	fd = openat(l->tmp, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return fd < 0 ? err_sys(err, errno, "make a temporary file for a download") : fd;
}

/* What the child left may be anything: texts end, a digest is one. */
static int check_file(struct web_file *f, const char *source, struct err *err)
{
	f->hex[sizeof f->hex - 1] = '\0';
	f->version[sizeof f->version - 1] = '\0';
	if (strspn(f->hex, "0123456789abcdef") != SHA256_HEX_MAX - 1 || f->mtime_s < 0)
		return err_set(err, EIO, "\"%s\": the process that fetches it gave no digest", source);
	return 0;
}

static struct web_file *shared_file(struct err *err)
{
	struct web_file *f = mmap(NULL, sizeof *f, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (f != MAP_FAILED)
		return f;
	(void)err_sys(err, errno, "make a page for the result of a download");
	return NULL;
}

/* *ret_fd: the content, or -1 when its version was known (`known` only). */
static int fetch(struct outside *l, const char *source, bool known, struct web_file *ret, int *ret_fd, struct err *err)
{
	fd_cleanup int fd = open_tmp(l, err);
	struct web_file *shared = fd < 0 ? NULL : shared_file(err);
	struct fetch f;
	int r;

	if (!shared)
		return fd < 0 ? fd : -ENOMEM;
	f = (struct fetch){.cache = known ? l->cache : NULL, .source = source, .fd = fd, .file = shared};
	r = child_run(fetch_file, &f, l->stop_fd, "fetches a file", err);
	*ret = *shared;
	(void)munmap(shared, sizeof *shared);
	if (r == 0)
		r = check_file(ret, source, err);
	if (r == 0 && !ret->known)
		*ret_fd = fd_take(&fd);
	return r;
}

static void add(struct outside *l, const char *source, const struct web_file *f, int fd)
{
	mem_grow(&l->v, &l->cap, l->n);
	l->v[l->n] = (struct outside_file){.source = mem_strdup(source), .mtime_s = f->mtime_s, .fd = fd};
	memcpy(l->v[l->n].hex, f->hex, sizeof f->hex);
	l->n++;
}

/* Fetches what is not in the list yet. */
static int look(struct outside *l, const char *source, const struct outside_file **ret, struct err *err)
{
	struct web_file f = {.size = 0};
	char key[SHA256_HEX_MAX];
	int fd = -1, r;

	*ret = find(l, source);
	if (*ret)
		return 0;
	r = fetch(l, source, true, &f, &fd, err);
	if (r < 0)
		return r;
	version_key(source, f.version, key);
	if (f.known && !cache_content_find(l->cache, key, f.hex))
		r = fetch(l, source, false, &f, &fd, err);
	if (r == 0 && !f.known && *f.version)
		cache_content_put(l->cache, key, f.hex);
	if (r == 0)
		add(l, source, &f, fd);
	*ret = find(l, source);
	return r;
}

/* ---- repositories ---- */

/* The agent is the user's, the Dockerfile is somebody else's. */
static int parse_git(const struct outside *l, const char *source, struct git_url *ret, struct err *err)
{
	int r = git_url_parse(source, ret, err);

	if (r < 0 || !ret->ssh || l->ssh)
		return r;
	git_url_free(ret);
	return err_set(err, EPERM, "\"%s\" is fetched by ssh, which needs --ssh default", source);
}

static int resolve(struct outside *l, const struct git_url *u, char ret[static GIT_COMMIT_MAX], struct err *err)
{
	fd_cleanup int dir = -1;
	char name[64];
	int r = image_lease_tmp(l->lease, &dir, name, err);

	if (r < 0)
		return r;
	r = git_resolve(u, dir, l->stop_fd, ret, err);
	snapshot_remove(dir, name);
	return r;
}

static int look_git(struct outside *l, const char *source, const struct git_url *u, const struct outside_file **ret,
		    struct err *err)
{
	struct web_file f = {.size = 0};
	int r;

	*ret = find(l, source);
	if (*ret)
		return 0;
	r = resolve(l, u, f.hex, err);
	if (r == 0)
		add(l, source, &f, -1);
	*ret = find(l, source);
	return r;
}

static int git_digest(struct outside *l, const char *source, const struct step_copy *c, char ret[static SHA256_HEX_MAX],
		      struct err *err)
{
	cleanup_with(git_url_free) struct git_url u = {.remote = NULL};
	const struct outside_file *known = NULL;
	const char *commit;
	struct sha256 sha;
	int r = parse_git(l, source, &u, err);

	if (r == 0 && !c->checksum)
		r = look_git(l, source, &u, &known, err);
	if (r < 0)
		return r;
	commit = known ? known->hex : c->checksum ? c->checksum : "";
	sha256_init(&sha);
	sha256_add(&sha, "git", 4);
	sha256_add(&sha, commit, strlen(commit) + 1);
	sha256_add(&sha, u.remote, strlen(u.remote) + 1);
	sha256_add(&sha, u.dir ? u.dir : "", u.dir ? strlen(u.dir) : 0);
	sha256_hex(&sha, ret);
	return 0;
}

/* ---- while the build goes on ---- */

static struct look *find_look(struct outside *l, const char *source)
{
	for (size_t i = 0; i < OUTSIDE_LOOKS; i++) {
		if (source ? l->looks[i].source && !strcmp(l->looks[i].source, source) : !l->looks[i].source)
			return &l->looks[i];
	}
	return NULL;
}

static int look_in_child(void *ctx, struct err *err)
{
	struct look *k = ctx;
	struct outside l = *k->l;

	return k->u.remote ? resolve(&l, &k->u, k->f.file->hex, err) : fetch_file(&k->f, err);
}

static int begin_look(struct outside *l, struct look *k, const char *source, struct err *err)
{
	int r = git_url_is(source) ? parse_git(l, source, &k->u, err) : 0;

	k->source = mem_strdup(source);
	k->l = l;
	k->f = (struct fetch){.cache = l->cache, .source = k->source, .fd = -1};
	if (r == 0 && !k->u.remote)
		r = k->f.fd = open_tmp(l, err);
	if (r >= 0 && !(k->f.file = shared_file(err)))
		r = -ENOMEM;
	if (r >= 0)
		r = child_start(look_in_child, k, "fetches a file", &k->child, err);
	if (r < 0)
		drop_look(k);
	return r < 0 ? r : 0;
}

/* A version that was known and is not any more is left to look(), which asks again. */
static int end_look(struct outside *l, struct look *k, struct err *err)
{
	int r = child_end(&k->child, -1, "fetches a file", err);
	struct web_file f = *k->f.file;
	char key[SHA256_HEX_MAX];

	f.hex[sizeof f.hex - 1] = '\0';
	if (r == 0 && k->u.remote && !git_url_is_commit(f.hex))
		r = err_set(err, EIO, "\"%s\": the process that asks for its commit gave none", k->source);
	else if (r == 0 && !k->u.remote)
		r = check_file(&f, k->source, err);
	if (r == 0 && !k->u.remote)
		version_key(k->source, f.version, key);
	if (r == 0 && k->u.remote) {
		add(l, k->source, &f, -1);
	} else if (r == 0 && !f.known) {
		if (*f.version)
			cache_content_put(l->cache, key, f.hex);
		add(l, k->source, &f, fd_take(&k->f.fd));
	} else if (r == 0 && cache_content_find(l->cache, key, f.hex)) {
		add(l, k->source, &f, -1);
	}
	drop_look(k);
	return r;
}

int outside_look(struct outside *l, const char *source, const struct step_copy *c, struct err *err)
{
	struct look *k = find_look(l, source);
	int r;

	if (c->checksum || find(l, source))
		return 1;
	if (k && !child_has_ended(&k->child))
		return 0;
	if (k) {
		r = end_look(l, k, err);
		return r < 0 ? r : 1;
	}
	k = find_look(l, NULL);
	return k ? begin_look(l, k, source, err) : 0;
}

size_t outside_poll(const struct outside *l, struct pollfd fds[static OUTSIDE_LOOKS])
{
	size_t n = 0;

	for (size_t i = 0; i < OUTSIDE_LOOKS; i++) {
		if (l->looks[i].source)
			fds[n++] = (struct pollfd){.fd = l->looks[i].child.fd, .events = POLLIN};
	}
	return n;
}

static int clone(struct outside *l, const struct git_url *u, const char *commit, int dir, bool keep, struct err *err)
{
	mem_cleanup char *path = mem_printf("fs/%s", u->dir ? u->dir : ".");
	char found[GIT_COMMIT_MAX];
	int fd, r = commit ? 0 : resolve(l, u, found, err);

	if (r == 0)
		r = git_fetch(u, commit ? commit : found, dir, keep, l->stop_fd, err);
	if (r < 0)
		return r;
	fd = RT_GUARD(B4) ? fs_open_in(dir, path, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, NULL)
			  : guard_naive_open(dir, path, O_RDONLY | O_DIRECTORY);
	return fd < 0 ? err_sys(err, -fd, "\"%s\": open the directory \"%s\"", u->remote, u->dir ? u->dir : ".") : fd;
}

int outside_clone(struct outside *l, const char *address, const char *commit, int dir, bool keep_git_dir,
		  struct err *err)
{
	cleanup_with(git_url_free) struct git_url u = {.remote = NULL};
	int r = git_url_parse(address, &u, err);

	return r < 0 ? r : clone(l, &u, commit, dir, keep_git_dir, err);
}

int outside_tree(struct outside *l, const char *source, const struct step_copy *c, int dir, struct err *err)
{
	cleanup_with(git_url_free) struct git_url u = {.remote = NULL};
	const struct outside_file *known = NULL;
	int r = parse_git(l, source, &u, err);

	/* The commit alone would do, but the Dockerfile says that the ref means it. */
	if (r == 0 && (!c->checksum || u.ref))
		r = look_git(l, source, &u, &known, err);
	if (r < 0)
		return r;
	if (c->checksum && known && strcmp(known->hex, c->checksum) != 0)
		return err_set(err, EBADMSG, "\"%s\" is the commit %s, not %s", source, known->hex, c->checksum);
	return clone(l, &u, known ? known->hex : c->checksum, dir, c->keep_git_dir, err);
}

/* ---- both ---- */

int outside_digest(struct outside *l, const char *source, const struct step_copy *c, char ret[static SHA256_HEX_MAX],
		   struct err *err)
{
	mem_cleanup char *name = web_name(source);
	const struct outside_file *known = NULL;
	struct sha256 sha;
	int r;

	if (git_url_is(source))
		return git_digest(l, source, c, ret, err);
	r = c->checksum ? 0 : look(l, source, &known, err);
	if (r < 0)
		return r;
	sha256_init(&sha);
	sha256_add(&sha, name, strlen(name) + 1);
	sha256_add(&sha, known ? known->hex : c->checksum + strlen("sha256:"), SHA256_HEX_MAX - 1);
	sha256_hex(&sha, ret);
	return 0;
}

static int open_anew(struct outside *l, const char *source, const char *hex, const char *checksum, int64_t *ret_mtime_s,
		     struct err *err)
{
	struct web_file f = {.size = 0};
	bool fresh = l->tmp < 0; /* we are a child: what we made is unknown to who cleans up */
	fd_cleanup int fd = -1;
	char key[SHA256_HEX_MAX];
	int r = fetch(l, source, false, &f, &fd, err);

	if (fresh)
		drop_tmp(l);
	if (r < 0)
		return r;
	version_key(source, f.version, key);
	if (strcmp(f.hex, hex) != 0 && checksum)
		return err_set(err, EBADMSG, "\"%s\" has the checksum sha256:%s, not %s", source, f.hex, checksum);
	if (*f.version)
		cache_content_put(l->cache, key, f.hex);
	if (strcmp(f.hex, hex) != 0)
		return err_set(err, ESTALE, "\"%s\" has changed since the build began; build again", source);
	*ret_mtime_s = f.mtime_s;
	return fd_take(&fd);
}

int outside_fetch(struct outside *l, const char *url, struct err *err)
{
	struct web_file f;
	int fd = -1, r = fetch(l, url, false, &f, &fd, err);

	if (r == 0 && lseek(fd, 0, SEEK_SET) < 0) {
		r = err_sys(err, errno, "read what was fetched");
		fd_closep(&fd);
	}
	return r < 0 ? r : fd;
}

int outside_open(struct outside *l, const char *source, const struct step_copy *c, char **ret_name,
		 int64_t *ret_mtime_s, struct err *err)
{
	const struct outside_file *known = find(l, source);
	bool here = known && known->fd >= 0 && !c->checksum;
	int fd;

	if (here) {
		fd = fcntl(known->fd, F_DUPFD_CLOEXEC, 3);
		*ret_mtime_s = known->mtime_s;
	} else {
		fd = open_anew(l, source,
			       c->checksum ? c->checksum + strlen("sha256:")
			       : known	   ? known->hex
					   : "",
			       c->checksum, ret_mtime_s, err);
	}
	if (fd < 0)
		return here ? err_sys(err, errno, "open what was fetched") : fd;
	if (lseek(fd, 0, SEEK_SET) < 0) {
		fd_closep(&fd);
		return err_sys(err, errno, "read what was fetched");
	}
	*ret_name = web_name(source);
	return fd;
}
