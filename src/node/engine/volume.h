/* SPDX-License-Identifier: Apache-2.0
 *
 * volume: directories with a name that outlive containers.
 *
 *   <data>/volumes/<name>/             the data itself: what is mounted
 *   <data>/volume-records/<name>.json  labels, options, time of its making, whether nobody named it; a volume without one is plain
 *   <data>/volume-records/<name>.new   (empty) there while the image's content is copied in: whoever finds it begins again
 *   <data>/volume-records/<name>.lock  (empty) locked by whoever looks whether the volume is empty, and fills it
 *
 * A volume exists when its directory does. Options as Docker's driver "local" has them: type, o, device. Such a volume is a mount that every container
 * makes of its own: type=tmpfs (empty at every start), type=nfs (device ":/path", o "addr=HOST,..."), o=bind (device: a directory of this
 * machine), and any file system that the kernel has (ext4, xfs, ...: device a block device).
 *
 * Which container uses what is known from the containers' own orders; there is no count that could go wrong.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <yyjson.h>

struct container;
struct engine;
struct err;
struct spec;

#define VOLUME_LABELS_MAX 256
#define VOLUME_OPTIONS_MAX 16
#define VOLUMES_MAX 100000
#define VOLUME_ANONYMOUS_LABEL "com.docker.volume.anonymous"

struct volume {
	char *name;
	char *path;	/* absolute, of its directory */
	char **labels;	/* "key=value", NULL = none */
	char **options; /* "key=value", NULL = none */
	bool anonymous; /* berth made its name up */
	int64_t created_ms;
	size_t n_users; /* containers that name it, running or not */
};
struct volume *volume_free(struct volume *v);
static inline void volume_freep(struct volume **v)
{
	volume_free(*v);
}
void volumes_free(struct volume **v); /* a NULL-terminated list */

/* ---- the daemon ---- */

struct volume_new {
	const char *name;		      /* NULL or "": 64 hex digits, anonymous */
	const char *driver;		      /* NULL, "" or "local"; another one is -ENOENT */
	char *const *labels, *const *options; /* "key=value" */
};
/* A name of one letter is refused, as by Docker: `-v C:x` of another system is no volume "C". -EINVAL. */
int volume_check_length(const char *name, struct err *err);
/* A volume that is there already is given as it is; -EEXIST when it was made with other options. */
int engine_volume_create(struct engine *e, const struct volume_new *n, struct volume **ret, struct err *err);
int engine_volume_find(struct engine *e, const char *name, struct volume **ret, struct err *err); /* -ENOENT */
/* All of them, by name; one with a damaged record without what that would say. */
int engine_volumes(struct engine *e, struct volume ***ret, struct err *err);
/* Moves it to the trash. -ENOENT (not with force); -EBUSY when a container names it: the text has their ids. */
int engine_volume_remove(struct engine *e, const char *name, bool force, struct err *err);

/* For engine_create(), before the spec is parsed: gives every volume mount without a "source" a name of 64 hex digits and says that it is "anonymous".
 * *ret: the new document, the caller's, whose root replaces `spec`; NULL = nothing was to be changed. Nothing is made yet. */
void volume_complete(yyjson_val *spec, yyjson_doc **ret);
/* For engine_create(), before the order is written: makes those volumes of the spec that are not there. On failure the anonymous ones are gone. */
int volume_make_all(struct engine *e, const struct spec *s, struct err *err);
/* For `rm -v`, autoremove and a failed engine_create(): removes those anonymous volumes among `names` that no listed container names. */
void volume_remove_anonymous(struct engine *e, char *const *names);
/* "mount" and "unmount" of each of a container's volumes, for listeners. */
void volume_tell_use(const struct container *c, const char *action);
/* The names of a container's volumes, NULL-terminated and without doubles, NULL = none: what struct container keeps as `volumes`. */
char **volume_names(const struct spec *s);
/* Of them those that were made for this container and that nobody named: what goes with it (`own_volumes`). */
char **volume_own_names(const struct spec *s);

/* ---- the monitor ---- */

/* What is to be mounted: the directory, made where it is missing, or a mount of its own that is attached nowhere (*ret_loose). subpath (NULL = none)
 * must be there and is resolved inside it. lowers: the image's layers, topmost first, none for nocopy: when the volume has no options and is
 * empty, what the image has at `target` is copied in first, owners, modes, times, attributes and links included, once. */
struct volume_mount {
	const char *name, *subpath, *target;
	const int *lowers;
	size_t n_lowers;
};
int volume_open(int data_dir, const struct volume_mount *m, bool *ret_loose, struct err *err);
