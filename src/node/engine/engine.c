/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/container.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/core/nickname.h"
#include "base/core/random.h"
#include "base/wire/json.h"
#include "node/engine/fence.h"
#include "node/engine/health.h"
#include "node/engine/network.h"
#include "node/engine/order.h"
#include "node/engine/volume.h"
#include "node/image/erofs.h"
#include "node/image/image.h"
#include "base/core/guard.h"
#include "node/runtime/rootless.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Nobody but us looks into the folders of containers (attack row R15). */
#define DIR_MODE (RT_GUARD(R15) ? 0700 : 0755)

/* ---- open and close ---- */

/* An image may have a hundred thousand files: a worker removes them. */
static void on_thrown(void *ctx)
{
	trash_sweep(ctx);
}

static int open_all(struct engine *e, struct err *err)
{
	int r;

	e->data_dir = fs_mkdirs(e->data_path, 0700, err);
	if (e->data_dir < 0)
		return e->data_dir;
	e->dir = fs_mkdirs_in(e->data_dir, "containers", DIR_MODE, FS_NO_SYMLINKS, err);
	if (e->dir < 0)
		return e->dir;
	e->trash = fs_mkdirs_in(e->data_dir, "trash", 0700, FS_NO_SYMLINKS, err);
	if (e->trash < 0)
		return e->trash;
	r = fence_open(e->data_dir, &e->fence, err);
	if (r == 0)
		r = image_store_open(e->data_dir, &e->images, err);
	if (r == 0)
		r = event_open(e, err);
	if (r == 0)
		r = action_open(e, err);
	if (r == 0)
		r = launcher_attach(e->launcher, e->loop, err);
	if (r == 0)
		r = network_open(e, err);
	if (r == 0)
		r = recover_all(e, err);
	if (r < 0)
		return r;
	image_store_use_trash(e->images, e->trash, on_thrown, e);
	image_store_collect(e->images);
	/* What an earlier daemon did not get to. */
	trash_sweep(e);
	return r;
}

int engine_open(struct loop *loop, const char *data_dir, struct launcher *launcher, struct engine **ret,
		struct err *err)
{
	struct engine *e = mem_new(struct engine);
	int r;

	*e = (struct engine){.loop = loop,
			     .launcher = launcher,
			     .data_dir = -1,
			     .dir = -1,
			     .trash = -1,
			     .data_path = mem_strdup(data_dir)};
	e->last = &e->first;
	r = open_all(e, err);
	if (r < 0)
		engine_close(e);
	else
		*ret = e;
	return r;
}

struct engine *engine_close(struct engine *e)
{
	if (!e)
		return NULL;
	stream_log_close_all(e);
	import_close_all(e);
	tool_close_all(e);
	reply_close_all(e);
	if (e->post)
		event_close(e);
	action_close(e);
	launcher_detach(e->launcher);
	for (size_t i = 0; i < e->n; i++) {
		life_close(e->list[i]);
		container_free(e->list[i]);
	}
	while (e->gone) {
		struct container *c = e->gone;

		e->gone = c->next_gone;
		container_free(c);
	}
	network_close(e);
	free(e->list);
	map_free(&e->by_id);
	map_free(&e->by_name);
	map_free(&e->by_key);
	image_store_close(e->images);
	fence_close(e->fence);
	fd_closep(&e->trash);
	fd_closep(&e->dir);
	fd_closep(&e->data_dir);
	free(e->data_path);
	free(e->log_buf);
	free(e);
	return NULL;
}

void engine_fence(struct engine *e, int64_t until_ms)
{
	fence_set(e->fence, until_ms, clock_mono_ms());
}

int64_t engine_fenced_until(const struct engine *e)
{
	return fence_get(e->fence).until_ms;
}

struct image_store *engine_images(struct engine *e)
{
	return e->images;
}

void engine_each_image(struct engine *e, void (*fn)(void *ctx, const char *name, const char *id, uint64_t bytes),
		       void *ctx)
{
	struct image_info **list = image_list(e->images);

	for (size_t k = 0; list && list[k]; k++) {
		fn(ctx, list[k]->name, list[k]->id, list[k]->size);
		image_info_free(list[k]);
	}
	free(list);
}

uint64_t engine_images_stamp(const struct engine *e)
{
	struct stat st;

	if (fstatat(e->data_dir, "images/refs.json", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return (uint64_t)st.st_ino * 1000003 + (uint64_t)st.st_mtim.tv_sec * 1000000007 + (uint64_t)st.st_mtim.tv_nsec;
}

/* ---- find ---- */

static int find_by_prefix(struct engine *e, const char *prefix, struct container **ret, struct err *err)
{
	size_t n = strlen(prefix);
	struct container *found = NULL;

	if (n < 2 || n > 64 || strspn(prefix, "0123456789abcdef") != n)
		return err_set(err, ENOENT, "there is no container \"%.200s\"", prefix);
	for (size_t i = 0; i < e->n; i++) {
		if (strncmp(e->list[i]->pub.id, prefix, n) != 0)
			continue;
		if (found)
			return err_set(err, EINVAL, "several containers have an id that begins with \"%s\"", prefix);
		found = e->list[i];
	}
	if (!found)
		return err_set(err, ENOENT, "there is no container \"%.200s\"", prefix);
	*ret = found;
	return 0;
}

int container_find(struct engine *e, const char *name, struct container **ret, struct err *err)
{
	const struct map *const maps[] = {&e->by_id, &e->by_name, &e->by_key};

	for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
		struct container *c = map_get(maps[i], name);

		if (c) {
			*ret = c;
			return 0;
		}
	}
	return find_by_prefix(e, name, ret, err);
}

int engine_find(struct engine *e, const char *name, const struct engine_container **ret, struct err *err)
{
	struct container *c;
	int r = container_find(e, name, &c, err);

	if (r == 0)
		*ret = &c->pub;
	return r;
}

const struct engine_container *engine_by_key(struct engine *e, const char *key)
{
	struct container *c = map_get(&e->by_key, key);

	return c ? &c->pub : NULL;
}

const struct engine_container *engine_at(struct engine *e, size_t position)
{
	return position < e->n ? &e->list[position]->pub : NULL;
}

/* ---- run ---- */

/* Ranges of users for containers with a user namespace; below 2^31, where every file system can store them. */
#define USERNS_FIRST 1000000000
#define USERNS_SIZE 65536
#define USERNS_MAX 16000

/* What engine_run() builds before anything exists. */
struct draft {
	struct spec spec;
	yyjson_val *hooks;
	struct image_info *image;
	struct spec_command command;
	bool waits; /* engine_create(): nothing is started */
	char id[65], name[160], hostname[13];
};

static void draft_free(struct draft *d)
{
	spec_command_free(&d->command);
	spec_free(&d->spec);
	image_info_free(d->image);
}

static bool name_taken(void *ctx, const char *name)
{
	const struct engine *e = ctx;

	return map_get(&e->by_name, name) != NULL;
}

static int draft_make(struct engine *e, yyjson_val *v, struct draft *d, struct err *err)
{
	int r = spec_parse(v, &d->spec, err);

	if (r < 0)
		return r;
	r = image_find(e->images, d->spec.image, &d->image, err);
	if (r < 0)
		return r;
	random_hex(d->id, 64);
	snprintf(d->hostname, sizeof d->hostname, "%.12s", d->id);
	if (d->spec.name)
		snprintf(d->name, sizeof d->name, "%s", d->spec.name);
	else
		nickname_make(d->name, 0, name_taken, e);
	return spec_merge(&d->spec, d->image, d->spec.hostname ? d->spec.hostname : d->hostname, &d->command, err);
}

int engine_check(struct engine *e, yyjson_val *spec, struct err *err)
{
	json_doc_cleanup yyjson_doc *completed = NULL;
	struct draft d = {.image = NULL};
	int r;

	volume_complete(spec, &completed);
	r = draft_make(e, completed ? yyjson_doc_get_root(completed) : spec, &d, err);
	draft_free(&d);
	return r;
}

static int write_order(struct engine *e, int dir, const struct draft *d, yyjson_val *v, int64_t created_ns,
		       int64_t userns_base, struct err *err)
{
	struct order_new o = {
	    .id = d->id,
	    .name = d->name,
	    .hostname = d->spec.hostname ? d->spec.hostname : d->hostname,
	    .layers = d->image->layers,
	    .erofs = image_erofs_bytes(e->images, d->image) > 0 ? d->image->digest : NULL,
	    .command = &d->command,
	    .created_ns = created_ns,
	    .userns_base = userns_base,
	    .waits = d->waits,
	    .fence_term = d->spec.fenced ? fence_get(e->fence).term : 0,
	    .spec = v,
	    .hooks = d->hooks,
	};
	size_t n;
	mem_cleanup char *text = order_text(&o, &n);
	fd_cleanup int fd = openat(dir, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "make config.json");
	/* Not synced and not renamed: after a crash a half-written order is one that nobody has acted on. */
	r = fd_write_all(fd, text, n);
	return r < 0 ? err_sys(err, -r, "write config.json") : 0;
}

static void undo(struct container *c)
{
	fs_remove_tree(c->e->dir, c->pub.id, NULL);
	container_unlist(c);
	volume_remove_anonymous(c->e, c->own_volumes);
	c->e->gone = c->next_gone;
	network_release(c);
	container_drop_lease(c);
	container_free(c);
}

static int create(struct container *c, const struct draft *d, yyjson_val *v, struct err *err)
{
	fd_cleanup int dir = -1;
	int r;

	if (mkdirat(c->e->dir, c->pub.id, DIR_MODE) < 0)
		return err_sys(err, errno, "make the directory of container %.12s", c->pub.id);
	dir = container_dir(c, err);
	if (dir < 0)
		return dir;
	r = volume_make_all(c->e, &d->spec, err);
	if (r == 0)
		r = write_order(c->e, dir, d, v, c->created_ns, c->userns_base, err);
	if (r == 0)
		r = container_lease(c, d->image, err);
	if (r < 0 || d->waits)
		return r;
	r = network_prepare(c, dir, err);
	return r < 0 ? r : container_order(c, dir, err);
}

/* A range of 65,536 users that no container has that lives or may live again: files of one never belong to a user of another. */
static int64_t free_userns(const struct engine *e)
{
	unsigned char taken[USERNS_MAX + 1] = {0};
	int64_t n = 1;

	for (size_t i = 0; i < e->n; i++) {
		int64_t base = e->list[i]->userns_base;

		if (base && !(container_ended(e->list[i]) && e->list[i]->pub.job) && RT_GUARD(R20))
			taken[(base - USERNS_FIRST) / USERNS_SIZE] = 1;
	}
	while (n <= USERNS_MAX && taken[n])
		n++;
	return n <= USERNS_MAX ? USERNS_FIRST + n * USERNS_SIZE : 0;
}

static int run(struct engine *e, struct draft *d, yyjson_val *v, const struct engine_container **ret, struct err *err)
{
	struct order o = {
	    .spec = d->spec, .name = d->name, .created_ns = clock_wall_ns(), .stop_signal = d->command.stop_signal};
	struct container *c;
	int r;

	if (e->n >= ENGINE_CONTAINERS_MAX)
		return err_set(err, EDQUOT, "there are %zu containers; remove some first", e->n);
	if (d->spec.userns && rootless_inside())
		return err_set(err, EINVAL,
			       "userns: berth of an ordinary user is in a user namespace already, and has no "
			       "further ranges to give away");
	if (d->spec.userns)
		o.userns_base = free_userns(e);
	if (d->spec.userns && !o.userns_base)
		return err_set(err, EDQUOT, "all %d ranges of users are taken by running containers", USERNS_MAX);
	c = container_new(e, d->id);
	container_describe(c, &o, (const char *const *)d->command.argv);
	c->pub.starting = !d->waits;
	c->pub.run = d->waits ? 0 : 1;
	r = container_list(c, err);
	if (r < 0) {
		container_free(c);
		return r;
	}
	r = create(c, d, v, err);
	if (r < 0) {
		undo(c);
		return r;
	}
	engine_action_of(e, &c->pub, "create", NULL);
	event_add(e, ENGINE_EV_CREATED, c, NULL);
	*ret = &c->pub;
	return 0;
}

static int check_hooks(const struct draft *d, struct err *err)
{
	struct devhooks h;
	int r = devhook_read(d->hooks, &h, err);

	/* They run as its root, who may not look below our directory. */
	if (r == 0 && h.n && d->spec.userns)
		r = err_set(err, ENOTSUP, "a device that brings hooks is not for a container with users of its own");
	devhook_free(&h);
	return r;
}

static int make(struct engine *e, yyjson_val *spec, yyjson_val *hooks, bool waits, const struct engine_container **ret,
		struct err *err)
{
	json_doc_cleanup yyjson_doc *completed = NULL;
	struct draft d = {.waits = waits, .hooks = hooks};
	int r;

	volume_complete(spec, &completed);
	spec = completed ? yyjson_doc_get_root(completed) : spec;
	r = draft_make(e, spec, &d, err);
	if (r == 0)
		r = check_hooks(&d, err);
	if (r == 0)
		r = run(e, &d, spec, ret, err);
	draft_free(&d);
	return r;
}

int engine_create(struct engine *e, yyjson_val *spec, yyjson_val *hooks, const struct engine_container **ret,
		  struct err *err)
{
	return make(e, spec, hooks, true, ret, err);
}

int engine_run(struct engine *e, yyjson_val *spec, const struct engine_container **ret, struct err *err)
{
	return make(e, spec, NULL, false, ret, err);
}

int engine_run_hooked(struct engine *e, yyjson_val *spec, yyjson_val *hooks, const struct engine_container **ret,
		      struct err *err)
{
	return make(e, spec, hooks, false, ret, err);
}

/* ---- what is written down ---- */

/* A file in a container's folder, below engine.dir. */
#define PATH_ROOM (sizeof((struct engine_container *)0)->id + 32)

/* A JSON file of a container's folder. Lists ask for some of every container: no folder is opened for what is not there. */
static int read_file(struct engine *e, const char *id, const char *name, size_t limit, yyjson_doc **ret,
		     struct err *err)
{
	mem_cleanup char *text = NULL;
	char path[PATH_ROOM];
	struct container *c;
	size_t n;
	int r = container_find(e, id, &c, err);

	if (r < 0)
		return r;
	snprintf(path, sizeof path, "%s/%s", c->pub.id, name);
	r = fs_read(e->dir, path, limit, &text, &n, err);
	if (r < 0)
		return r;
	*ret = json_parse(text, n, limit, name, err);
	return *ret ? 0 : -EINVAL;
}

int engine_config(struct engine *e, const char *id, yyjson_doc **ret, struct err *err)
{
	return read_file(e, id, "config.json", ORDER_MAX, ret, err);
}

int engine_config_stat(struct engine *e, const char *id, struct stat *ret, struct err *err)
{
	struct container *c;
	char path[PATH_ROOM];
	int r = container_find(e, id, &c, err);

	if (r < 0)
		return r;
	snprintf(path, sizeof path, "%s/config.json", c->pub.id);
	return fstatat(e->dir, path, ret, AT_SYMLINK_NOFOLLOW) < 0 ? err_sys(err, errno, "look at %s", path) : 0;
}

int engine_health_log(struct engine *e, const char *id, yyjson_doc **ret, struct err *err)
{
	return read_file(e, id, "health.json", HEALTH_TEXT_MAX, ret, err);
}

int engine_networks(struct engine *e, const char *id, yyjson_doc **ret, struct err *err)
{
	struct container *c;
	int r = container_find(e, id, &c, err);

	if (r < 0)
		return r;
	if (c->networks_as_made)
		return err_set(err, ENOENT, "container %s has the networks that it was made with", c->pub.id);
	r = read_file(e, id, NETWORK_WANTED, NETWORK_WANTED_MAX, ret, err);
	c->networks_as_made = r == -ENOENT;
	return r;
}
