/* SPDX-License-Identifier: Apache-2.0
 *
 * order: config.json of a container, the order that the daemon gives to a monitor: the checked spec as it came, and what was resolved from the
 * image at that moment. Typed members only: nothing that an image says can become one of ours (docs/formats/container.md).
 */
#pragma once

#include "node/engine/devhook.h"
#include "node/engine/spec.h"

#define ORDER_MAX (2 * SPEC_TEXT_MAX)
#define ORDER_NEXT "config.json.next" /* what is to take its place */

struct order {
	yyjson_doc *doc; /* strings below are borrowed from it */
	struct spec spec;
	struct devhooks hooks;
	const char *id, *name, *hostname, *working_dir, *user;
	const char *erofs; /* digest of the manifest of an image that has an EROFS file; NULL = it has none */
	char **layers, **argv, **env; /* layers: diff ids, bottom first */
	int64_t created_ns, stop_signal;
	bool waits;	     /* it was made by engine_create(): its first life is life.json's to begin */
	int64_t userns_base; /* the first user of its range, 0 = users are not shifted */
	int64_t fence_term;  /* of what is fenced: fence.h */
};

/* What engine_run() knows; strings are copied into the text. */
struct order_new {
	const char *id, *name, *hostname, *erofs;
	char *const *layers;
	const struct spec_command *command;
	int64_t created_ns, userns_base, fence_term;
	bool waits;
	yyjson_val *spec, *hooks; /* hooks: devhook.h; NULL = none */
};
/* The text of config.json, the caller's. */
char *order_text(const struct order_new *c, size_t *ret_len);

/* Reads and checks; order_free() empties *ret (also after a failure). */
int order_read(int dir, struct order *ret, struct err *err);
int order_read_file(int dir, const char *name, struct order *ret, struct err *err);
void order_free(struct order *c);

/* The container's names for itself and others: files of its directory, written by whoever knows them (names.h), and where they lie in it unless the user
 * has put something there. */
#define ORDER_RESOLV "resolv.conf"
#define ORDER_FILES 3
struct order_file {
	const char *name, *target;
};
extern const struct order_file order_files[ORDER_FILES];
