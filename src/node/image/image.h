/* SPDX-License-Identifier: Apache-2.0
 *
 * image: images by digest, their unpacked layers once, and names for them. Everything is below one directory:
 *
 *   images/blobs/sha256/<hex>    OCI image config and manifest (JSON), verified when written
 *   images/layers/<hex>/fs/      an unpacked layer, <hex> = its diff id (digest of the uncompressed tar); layer.h
 *   images/layers/<hex>/meta     {"size": bytes of the tar, "files": n, ...}
 *   images/refs.json             names and what they mean; replaced atomically (docs/IMAGES.md)
 *   images/leases/               what must stay although no name leads to it; lease.h
 *   images/lock                  locked (flock) while refs.json changes or garbage is collected
 *   images/tmp/                  work in progress
 *
 * Several processes use the store at once. One process uses a struct image_store from one thread.
 *
 * Images are untrusted: sizes, counts, depth and names are limited, and what unpacks runs in a worker process of its own.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#include "base/core/child.h"

struct err;
struct image_store;

/* Opens (and makes) the store below the data directory; collects what an earlier crash left in tmp/ and layers that no image names. */
int image_store_open(int data_dir, struct image_store **ret, struct err *err);
struct image_store *image_store_close(struct image_store *s);
/* For a process that has no time to remove many files: what nothing leads to any more goes into `trash`, a directory of the same file system, under names that
 * say nothing, and told() is called when some has. The descriptor stays the caller's and outlives the store. Without this the files are removed at once. */
void image_store_use_trash(struct image_store *s, int trash, void (*told)(void *ctx), void *ctx);

struct image_info {
	char *name;    /* "busybox:latest", "busybox@sha256:<hex>"; "" = it has none any more (image_store_collect) */
	char *id;      /* "sha256:<hex>" of the config */
	char *digest;  /* "sha256:<hex>" of the manifest */
	uint64_t size; /* bytes of its layers, unpacked tar size */
	int64_t created_ms;
	char **layers; /* diff ids, hex, bottom first */
	char **env, **entrypoint, **cmd;
	char *working_dir, *user, *stop_signal;
	char **labels; /* "key=value"; without those of berth's own name space, "io.berth." */
	char **
	    volumes; /* absolute paths; without those that no volume can be at (/, /proc, /sys, /dev and what is in them) */
	char **exposed_ports; /* "80/tcp" */
	char *index;	      /* "sha256:<hex>" of the index that it was chosen from, or NULL */
	char *platform;	      /* "linux/amd64", "linux/arm64/v8" */
};
struct image_info *image_info_free(struct image_info *i);
static inline void image_info_freep(struct image_info **i)
{
	image_info_free(*i);
}

/* "busybox" -> "busybox:latest"; refuses what the reference grammar does not allow. The caller frees *ret. */
int image_ref_normalise(const char *name, char **ret, struct err *err);

/* By name, name:tag, id or an unambiguous id prefix of at least 4 digits. -ENOENT: "image \"x\" is not here; fetch it with ...". */
int image_find(struct image_store *s, const char *name, struct image_info **ret, struct err *err);

/* All images, sorted by name; a NULL-terminated array of the caller. */
struct image_info **image_list(struct image_store *s);
/* With those that have no name. */
struct image_info **image_list_all(struct image_store *s);

/* Opens the unpacked layers, topmost first, as directory descriptors of the caller. */
int image_open_layers(struct image_store *s, const struct image_info *i, int **ret_fds, size_t *ret_n, struct err *err);

/* A name that is given to another image while leases of containers are on the old one leaves the old one in the store without a name
 * ("detached"; image_find knows it by its id). It goes with the last of them. The daemon calls this at its start, when it has reconciled the
 * leases (lease.h), for those whose containers went meanwhile. */
void image_store_collect(struct image_store *s);

/* Removes the name; the layers go when no name and no container uses them. -EBUSY when containers are on it, running or not (the text
 * says how many holds there are; the engine knows whose), and no other name keeps it. */
int image_remove(struct image_store *s, const char *name, struct err *err);
/* The same, but an image with containers loses its name and stays without one ("detached") until the last of them goes. */
int image_remove_by_force(struct image_store *s, const char *name, struct err *err);

/* The documents of an image, byte for byte as they came. All of them are checked (manifest.h, config.h), and that they fit each other. */
struct image_docs {
	const char *manifest;
	size_t n_manifest;
	const char *media_type; /* of the manifest; NULL = what it says itself */
	const char *config;
	size_t n_config;
	const char *index; /* the index that the manifest was chosen from, or NULL */
	size_t n_index;
};
struct image_lease;
/* KEEP: the image that had the name stays without one, until it is pruned or removed. */
enum image_replace { IMAGE_REPLACE_NO, IMAGE_REPLACE_YES, IMAGE_REPLACE_KEEP };
/* Makes an image of documents whose layers are there (and leased). ref NULL: without a name; it stays until it is removed or pruned.
 * "repo@sha256:..." is a name, too, when it is the digest of the manifest or of the index. IMAGE_REPLACE_NO: -EEXIST when another image has the
 * name. On success everything of it is on the disk. */
int image_commit(struct image_store *s, struct image_lease *lease, const struct image_docs *docs, const char *ref,
		 enum image_replace replace, struct image_info **ret, struct err *err);
/* Another name for an image. */
int image_tag(struct image_store *s, const char *name, const char *new_name, enum image_replace replace,
	      struct err *err);

/* What an import sets in the image config besides the root filesystem. */
struct image_import_options {
	char **cmd, **entrypoint, **env;
	char *working_dir, *user;
};

/* The worker's half: reads a root filesystem tar (plain or packed as tar_stream.h knows; pax, GNU and ustar) from fd, unpacks it below tmp_dir/"fs" by
 * descriptors only, and returns what it found, synced to the disk (syncfs). Runs in a process of its own (it sets the umask and the
 * locale meanwhile); a failure leaves what was unpacked so far, for image_import_abort(). -EINVAL: not a tar, damaged, cut short, or an
 * entry that a root filesystem cannot have; -EFBIG, -E2BIG: a limit; -ENOSPC. The text names the entry and its number. */
struct image_unpacked {
	char diff_id[65];
	uint64_t tar_size, n_files;
	uint64_t n_special_skipped; /* device nodes and sockets: berth makes its own /dev */
	uint64_t n_owners_lost;	    /* in a user namespace: owner or group became 0, because it has no such number */
	uint64_t n_xattrs_dropped;  /* all but user.* (without user.overlay.*) and security.capability */
	/* Of a layer: the digest (hex) and number of the bytes as they came, compressed mostly; whether it hides all layers below it */
	char packed[65];
	uint64_t packed_size;
	bool opaque;
};
struct image_limits {
	/* bytes of the uncompressed archive, and of its files; entries; uncompressed to compressed bytes; parts of a name; bytes of the zstd
	 * window. 0 = the defaults: 64 GiB, 5,000,000, 200, 2048 and 32 MiB */
	uint64_t bytes, files, ratio, depth, window;
	bool
	    any_files; /* the archive is no root filesystem but any files: names that mean something in images are names */
};
int image_unpack(int tar_fd, int tmp_dir, const struct image_limits *limits, struct image_unpacked *ret,
		 struct err *err);

/* Any files, into a directory that is there already and stays what it is but for them (a container's, `cp`). */
struct image_into {
	bool no_overwrite; /* -EINVAL instead of a directory in the place of something else, or the other way */
	bool own;	   /* everything belongs to uid and gid, whatever the archive says */
	uint32_t uid, gid;
	uint32_t shift; /* added to what the archive says */
};
int image_unpack_into(int tar_fd, int dir, const struct image_limits *limits, const struct image_into *how,
		      struct err *err);

/* What the worker calls first, when it has the archive and tmp_dir open: no_new_privs, only the capabilities that unpacking needs, limits
 * of memory and descriptors, and (kernel 5.19 and later) Landlock, after which tmp_dir is the only place where it can open or make
 * anything. There is no way back. */
int image_worker_confine(int tmp_dir, struct err *err);

/* child_run() of such a worker. */
int image_worker_run(int tmp_dir, child_fn *fn, void *ctx, const char *what, struct err *err);

/* The same for a process that fetches something: it may talk to servers, and read and run what the machine has, but it has no capabilities and can
 * make and change files below tmp_dir (-1 = nowhere) and through open descriptors alone. */
int image_fetcher_confine(int tmp_dir, struct err *err);

/* The daemon's half: a fresh directory for the worker, and its commit under a name (replaces the name atomically). */
int image_import_begin(struct image_store *s, int *ret_tmp_dir, char ret_tmp_name[static 64], struct err *err);
int image_import_commit(struct image_store *s, const char *tmp_name, const char *ref, const struct image_unpacked *u,
			const struct image_import_options *o, struct image_info **ret, struct err *err);
void image_import_abort(struct image_store *s, const char *tmp_name);
