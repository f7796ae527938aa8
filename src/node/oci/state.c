/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/state.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/oci/config.h"
#include "base/core/guard.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define STATE_FILE "state.json"
#define DIR_MODE (RT_GUARD(R15) ? 0700 : 0755) /* attack row R15 */
#define LOCK_WAIT_MS 10000
#define LOCK_STEP_NS 5000000

const char *const oci_status_names[] = {"creating", "created", "running", "paused", "stopped"};

int oci_id_check(const char *id, struct err *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";
	size_t n = strlen(id);

	if (n == 0)
		return err_set(err, EINVAL, "container id cannot be empty");
	if (n > OCI_ID_MAX || strspn(id, allowed) != n || !strcmp(id, ".") || !strcmp(id, ".."))
		return err_set(err, EINVAL,
			       "invalid container ID format: \"%.64s\" (letters, digits and _ + - . are allowed)", id);
	return 0;
}

int oci_root_open(const char *root, bool make, struct err *err)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && make)
		return fs_mkdirs(root, DIR_MODE, err);
	return fd < 0 ? err_sys(err, errno, "open directory \"%s\"", root) : fd;
}

/* A lock that is held for long belongs to somebody who is stuck: an answer is better than waiting with him. */
static int lock_dir(int dir, const char *id, struct err *err)
{
	const struct timespec step = {.tv_nsec = LOCK_STEP_NS};
	int64_t end = clock_mono_ms() + LOCK_WAIT_MS;

	while (flock(dir, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(err, errno, "lock container \"%s\"", id);
		if (clock_mono_ms() > end)
			return err_set(err, EBUSY, "container \"%s\" is held by another command", id);
		(void)nanosleep(&step, NULL);
	}
	return 0;
}

static int open_dir(int root, const char *id, bool lock, struct err *err)
{
	fd_cleanup int dir = openat(root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r;

	if (dir < 0 && errno == ENOENT)
		return err_set(err, ENOENT, "container \"%s\" does not exist", id);
	if (dir < 0)
		return err_sys(err, errno, "open the state of container \"%s\"", id);
	r = lock ? lock_dir(dir, id, err) : 0;
	if (r < 0)
		return r;
	/* Whoever had the lock may have removed it. */
	if (lock && (fstat(dir, &st) < 0 || st.st_nlink == 0))
		return err_set(err, ENOENT, "container \"%s\" does not exist", id);
	return fd_take(&dir);
}

int oci_state_make(const char *root, const char *id, struct err *err)
{
	fd_cleanup int top = -1;
	int r = oci_id_check(id, err);

	if (r < 0)
		return r;
	top = oci_root_open(root, true, err);
	if (top < 0)
		return top;
	if (mkdirat(top, id, DIR_MODE) < 0) {
		r = errno;
		return r == EEXIST ? err_set(err, EEXIST, "container with given ID already exists: \"%s\"", id)
				   : err_sys(err, r, "make directory \"%s/%s\"", root, id);
	}
	return open_dir(top, id, true, err);
}

int oci_state_open(const char *root, const char *id, bool lock, struct err *err)
{
	fd_cleanup int top = -1;
	int r = oci_id_check(id, err);

	if (r < 0)
		return r;
	top = oci_root_open(root, false, err);
	if (top == -ENOENT)
		return err_set(err, ENOENT, "container \"%s\" does not exist", id);
	return top < 0 ? top : open_dir(top, id, lock, err);
}

void oci_state_unlock(int dir)
{
	(void)flock(dir, LOCK_UN);
}

int oci_state_remove(const char *root, const char *id, struct err *err)
{
	fd_cleanup int top = oci_root_open(root, false, err);

	return top < 0 ? top : fs_remove_tree(top, id, err);
}

/* ---- the record ---- */

static void add_annotations(yyjson_mut_doc *doc, yyjson_mut_val *obj, const struct oci_state *s)
{
	yyjson_mut_val *map;

	if (s->n_annotations == 0)
		return;
	map = yyjson_mut_obj_add_obj(doc, obj, "annotations");
	for (size_t i = 0; i < s->n_annotations; i++)
		yyjson_mut_obj_add_str(doc, map, s->annotations[i].key, s->annotations[i].value);
}

int oci_state_write(int dir, const struct oci_state *s, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *obj = yyjson_mut_obj(doc);
	mem_cleanup char *text = NULL;
	size_t n = 0;

	yyjson_mut_doc_set_root(doc, obj);
	yyjson_mut_obj_add_str(doc, obj, "ociVersion", s->version);
	yyjson_mut_obj_add_str(doc, obj, "id", s->id);
	yyjson_mut_obj_add_str(doc, obj, "bundle", s->bundle);
	yyjson_mut_obj_add_str(doc, obj, "rootfs", s->rootfs);
	yyjson_mut_obj_add_str(doc, obj, "created", s->created);
	yyjson_mut_obj_add_str(doc, obj, "cgroup", s->cgroup);
	yyjson_mut_obj_add_int(doc, obj, "pid", s->pid);
	yyjson_mut_obj_add_uint(doc, obj, "startTime", s->start_time);
	yyjson_mut_obj_add_uint(doc, obj, "owner", s->owner);
	yyjson_mut_obj_add_bool(doc, obj, "creating", s->creating);
	yyjson_mut_obj_add_bool(doc, obj, "sharedPid", s->shared_pid);
	yyjson_mut_obj_add_bool(doc, obj, "poststart", s->poststart);
	yyjson_mut_obj_add_bool(doc, obj, "poststop", s->poststop);
	add_annotations(doc, obj, s);
	text = json_text(doc, false, &n);
	return fs_write_atomic(dir, STATE_FILE, text, n, 0600, false, err);
}

struct oci_state *oci_state_free(struct oci_state *s)
{
	if (!s)
		return NULL;
	yyjson_doc_free(s->owned);
	free((void *)s->annotations);
	free(s);
	return NULL;
}

static int read_annotations(yyjson_val *obj, struct oci_state *s, struct err *err)
{
	yyjson_val *map = yyjson_obj_get(obj, "annotations"), *key;
	struct oci_annotation *list;
	yyjson_obj_iter it;

	if (!map)
		return 0;
	if (!yyjson_is_obj(map))
		return err_set(err, EINVAL, "annotations: an object is needed");
	list = mem_new_n(struct oci_annotation, yyjson_obj_size(map));
	s->annotations = list;
	it = yyjson_obj_iter_with(map);
	while ((key = yyjson_obj_iter_next(&it))) {
		const char *value = yyjson_get_str(yyjson_obj_iter_get_val(key));

		if (!value)
			return err_set(err, EINVAL, "annotations: a string is needed");
		list[s->n_annotations++] = (struct oci_annotation){.key = yyjson_get_str(key), .value = value};
	}
	return 0;
}

static int read_fields(yyjson_val *obj, struct oci_state *s, struct err *err)
{
	const struct {
		const char *key;
		const char **to;
	} texts[] = {{"ociVersion", &s->version}, {"id", &s->id},	    {"bundle", &s->bundle},
		     {"rootfs", &s->rootfs},	  {"created", &s->created}, {"cgroup", &s->cgroup}};
	int64_t pid = 0, start = 0, owner = 0;
	const struct {
		const char *key;
		int64_t max, *to;
	} numbers[] = {{"pid", INT32_MAX, &pid}, {"startTime", INT64_MAX, &start}, {"owner", UINT32_MAX, &owner}};
	const struct {
		const char *key;
		bool *to;
	} flags[] = {{"creating", &s->creating},
		     {"sharedPid", &s->shared_pid},
		     {"poststart", &s->poststart},
		     {"poststop", &s->poststop}};
	int r = 0;

	for (size_t i = 0; i < sizeof texts / sizeof *texts && r == 0; i++)
		r = json_get_str(obj, texts[i].key, texts[i].to, err);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers && r == 0; i++)
		r = json_get_int(obj, numbers[i].key, 0, numbers[i].max, numbers[i].to, err);
	for (size_t i = 0; i < sizeof flags / sizeof *flags && r == 0; i++)
		r = json_get_bool(obj, flags[i].key, flags[i].to, err);
	s->pid = (pid_t)pid;
	s->start_time = (uint64_t)start;
	s->owner = (uid_t)owner;
	return r < 0 ? r : read_annotations(obj, s, err);
}

int oci_state_read(int dir, struct oci_state **ret, struct err *err)
{
	cleanup_with(oci_state_freep) struct oci_state *s = mem_new(struct oci_state);
	mem_cleanup char *text = NULL;
	size_t n = 0;
	int r = fs_read(dir, STATE_FILE, OCI_STATE_MAX, &text, &n, err);
	yyjson_doc *doc;

	if (r < 0)
		return r;
	doc = json_parse(text, n, OCI_STATE_MAX, STATE_FILE, err);
	if (!doc)
		return -EINVAL;
	s->owned = doc;
	if (!yyjson_is_obj(yyjson_doc_get_root(doc)))
		return err_set(err, EINVAL, STATE_FILE ": an object is needed");
	r = read_fields(yyjson_doc_get_root(doc), s, err);
	if (r < 0) {
		err_wrap(err, STATE_FILE);
		return r;
	}
	*ret = mem_take(s);
	return 0;
}

/* ---- all of them ---- */

static int is_container(const struct dirent *e)
{
	return oci_id_check(e->d_name, NULL) == 0 && (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN);
}

int oci_state_each(const char *root, int (*fn)(void *ctx, const char *id, struct err *err), void *ctx, struct err *err)
{
	struct dirent **list = NULL;
	int n = scandir(root, &list, is_container, alphasort), r = 0;

	if (n < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "list \"%s\"", root);
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = fn(ctx, list[i]->d_name, err);
		free(list[i]);
	}
	free(list);
	return r;
}

/* ---- what others see of it ---- */

static yyjson_mut_val *spec_state(yyjson_mut_doc *doc, const struct oci_state *s, enum oci_status status, pid_t pid)
{
	yyjson_mut_val *obj = yyjson_mut_obj(doc);

	yyjson_mut_doc_set_root(doc, obj);
	yyjson_mut_obj_add_str(doc, obj, "ociVersion", s->version);
	yyjson_mut_obj_add_str(doc, obj, "id", s->id);
	yyjson_mut_obj_add_int(doc, obj, "pid", pid);
	yyjson_mut_obj_add_str(doc, obj, "status", oci_status_names[status]);
	yyjson_mut_obj_add_str(doc, obj, "bundle", s->bundle);
	return obj;
}

char *oci_state_json(const struct oci_state *s, enum oci_status status, pid_t pid)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *obj = spec_state(doc, s, status, pid);
	size_t n;

	add_annotations(doc, obj, s);
	return json_text(doc, false, &n);
}

char *oci_state_show(const struct oci_state *s, enum oci_status status, bool pretty)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *obj = spec_state(doc, s, status, status == OCI_STOPPED ? 0 : s->pid);
	const struct passwd *pw = getpwuid(s->owner);
	mem_cleanup char *owner = pw ? mem_strdup(pw->pw_name) : mem_printf("#%u", s->owner);
	size_t n;

	yyjson_mut_obj_add_str(doc, obj, "rootfs", s->rootfs);
	yyjson_mut_obj_add_str(doc, obj, "created", s->created);
	add_annotations(doc, obj, s);
	yyjson_mut_obj_add_str(doc, obj, "owner", owner);
	return json_text(doc, pretty, &n);
}

char *oci_time_now(char text[static OCI_TIME_MAX])
{
	struct timespec now;
	struct tm tm;
	size_t n;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(text, OCI_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, OCI_TIME_MAX - n, ".%09ldZ", now.tv_nsec);
	return text;
}
