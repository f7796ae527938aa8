/* SPDX-License-Identifier: Apache-2.0
 *
 * packer: a process that makes the compressed form of a layer and writes it into a pipe, while this one sends it.
 */
#pragma once

#include <stdint.h>

#include "node/image/compress.h"

struct err;
struct image_store;
struct packer;

enum packer_way {
	PACKER_AGAIN, /* the blob `hex`, as it was packed before (packed.h) */
	PACKER_NEW,   /* packed now, as kind and level say */
	PACKER_FETCH, /* the blob `hex`, from the registry that the layer came from */
};

struct packer_job {
	struct image_store *store;
	const char *diff_hex, *hex;
	enum packer_way way;
	enum compress_kind kind;
	int level;
	const char *from; /* of PACKER_FETCH: "host/repository", and the size */
	uint64_t size;
};

int packer_start(const struct packer_job *j, struct packer **ret, struct err *err);
int packer_fd(const struct packer *p); /* the bytes; does not block when `nonblock` was asked for */
void packer_nonblock(struct packer *p);
/* After the last byte: what came out, or why it did not. Nothing that was sent may be used before this has returned 0. */
int packer_end(struct packer *p, struct compressed *ret, struct err *err);
struct packer *packer_free(struct packer *p); /* ends the process; takes NULL */
static inline void packer_freep(struct packer **p)
{
	packer_free(*p);
}
