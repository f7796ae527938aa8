/* SPDX-License-Identifier: Apache-2.0
 *
 * depot: what a registry keeps, as files below one directory.
 *
 *   blobs/HASH/XX/HEX             every blob and manifest once, by digest
 *   repos/NAME/_blobs/HASH/HEX    hard links: what the repository holds. A blob whose only name is the one below blobs/ is garbage.
 *   repos/NAME/_manifests/HASH/HEX
 *   repos/NAME/_tags/TAG          text: the digest
 *   repos/NAME/_referrers/HASH/SUBJECT/HASH-HEX   text: the descriptor of a manifest whose subject this is
 *   uploads/ID.REPO               blobs that are being sent (upload.h)
 *   tmp/                          files before they get their names
 *
 * A file appears under its name whole and synced, or not at all, and is linked before it is named by another: a kill or a power cut at any moment
 * leaves the old state or the new one, and at worst garbage. Changes of several threads and processes exclude one another (depot_lock).
 *
 * Garbage collection never takes what was written, linked or looked up (DEPOT_KEEP) within the time of grace, and a manifest is accepted only under
 * the lock, when all that it refers to is there; so nothing goes while it is being pushed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/depot/depot_name.h"

struct buf;
struct depot;
struct document;
struct err;

/* `quota`: bytes of all blobs together, 0 = as much as the disk has. Only one may `serve` a directory (-EBUSY), others may read and collect
 * garbage beside it. */
int depot_open(const char *dir, bool serve, uint64_t quota, struct depot **ret, struct err *err);
/* A directory holds either images of its own or what a mirror fetched: `mirror` = the registry that it speaks for, NULL = its own. The first who
 * serves it decides; -EINVAL for others. */
int depot_claim(struct depot *d, const char *mirror, struct err *err);
bool depot_is_mirror(const struct depot *d);
struct depot *depot_close(struct depot *d);
int depot_uploads_fd(const struct depot *d); /* directory of the uploads */
uint64_t depot_used(const struct depot *d);  /* bytes of all blobs; 0 without a quota */
/* -EDQUOT when `n` more bytes are too many. */
int depot_check_room(struct depot *d, uint64_t n, struct err *err);

/* Reading: from any thread, without a lock. -ENOENT: not in this repository. */
enum depot_use { DEPOT_LOOK, DEPOT_KEEP /* for the time of grace, also when nothing refers to it */ };
int depot_blob_open(const struct depot *d, const char *repo, const struct depot_digest *digest, enum depot_use use,
		    uint64_t *ret_size, struct err *err); /* a descriptor */
/* Whether any repository has it. */
bool depot_blob_known(const struct depot *d, const struct depot_digest *digest, uint64_t *ret_size);
int depot_manifest_read(const struct depot *d, const char *repo, const struct depot_digest *digest, char **ret,
			size_t *ret_n, struct err *err);
int depot_tag_read(const struct depot *d, const char *repo, const char *tag, struct depot_digest *ret, struct err *err);

/* Changing. */
/* Takes the file `upload` of the uploads directory, whose content has that digest, as a blob of the repository. */
int depot_blob_put(struct depot *d, const char *repo, const struct depot_digest *digest, const char *upload,
		   struct err *err);
/* -ENOENT: `from` does not have it. */
int depot_blob_mount(struct depot *d, const char *from, const char *repo, const struct depot_digest *digest,
		     struct err *err);
/* A repository gets a blob that others have. -ENOENT: nobody has it. */
int depot_blob_adopt(struct depot *d, const char *repo, const struct depot_digest *digest, struct err *err);
int depot_blob_delete(struct depot *d, const char *repo, const struct depot_digest *digest, struct err *err);
/* `tag` may be NULL. -ENOENT when something that it refers to is missing; *ret_missing says which. */
int depot_manifest_put(struct depot *d, const char *repo, const struct depot_digest *digest, const char *tag,
		       const char *text, size_t n, const struct document *doc, struct depot_digest *ret_missing,
		       struct err *err);
/* The same for a mirror: what it refers to may be missing, since it is fetched when somebody asks for it. */
int depot_manifest_keep(struct depot *d, const char *repo, const struct depot_digest *digest, const char *tag,
			const char *text, size_t n, const struct document *doc, struct err *err);
/* Marks it as used now. False: it is not here. */
bool depot_manifest_used(const struct depot *d, const char *repo, const struct depot_digest *digest);
/* And the tags that point to it. */
int depot_manifest_delete(struct depot *d, const char *repo, const struct depot_digest *digest, struct err *err);
int depot_tag_delete(struct depot *d, const char *repo, const char *tag, struct err *err);

/* Lists, in the order of strcmp: at the most n names after `last` (NULL = from the start) into a new NULL-terminated array; *ret_more says that
 * there are others. For repositories `match` is a part of the name, or NULL. */
int depot_tags(const struct depot *d, const char *repo, const char *last, size_t n, char ***ret, bool *ret_more,
	       struct err *err);
int depot_repos(const struct depot *d, const char *match, const char *last, size_t n, char ***ret, bool *ret_more,
		struct err *err);
/* The index of what refers to a digest: descriptors, comma-separated. `type` = only of that artifactType, or NULL. */
int depot_referrers(const struct depot *d, const char *repo, const struct depot_digest *subject, const char *type,
		    struct buf *out, struct err *err);
/* [{"tag","digest","mediaType","size","platforms"?}]: `size` counts what a pull has to fetch, each blob once. */
int depot_images(const struct depot *d, const char *repo, size_t max_tags, struct buf *out, struct err *err);

#define DEPOT_GRACE_MS (2 * 3600 * 1000)

/* Garbage. Takes the lock for short moments only; `pause` (may be NULL) is called between them and ends it by returning true. */
struct depot_gc {
	int64_t grace_ms;      /* younger things stay */
	int64_t upload_ttl_ms; /* uploads that nobody has touched for so long go; 0 = none (a server knows better) */
	bool (*pause)(void *ctx);
	void *ctx;
	bool dry_run;			       /* only count what would go */
	uint64_t blobs, bytes, links, uploads; /* what went */
	uint64_t disk;			       /* the same bytes, as the disk counts them */
	uint64_t all;			       /* blobs and manifests that there are, these among them */
};
int depot_gc(struct depot *d, struct depot_gc *gc, struct err *err);

/* What a mirror may forget: first what nobody has asked for in the longest time. `pause` as above. */
struct depot_trim {
	int64_t age_ms; /* unused for so long, 0 = never too old */
	uint64_t bytes; /* of all blobs and manifests, 0 = no limit; when there are more, it goes down to nine tenths */
	bool shrink;	/* the disk is full: down to nine tenths of what there is, at the least */
	bool (*pause)(void *ctx);
	void *ctx;
	uint64_t blobs, freed; /* what went */
};
int depot_trim(struct depot *d, struct depot_trim *t, struct err *err);
