/* SPDX-License-Identifier: Apache-2.0
 *
 * output: what --output asks for: "type=TYPE,dest=PATH,...", or in short "DIR" (type=local) and "-" (type=tar to standard output).
 *
 *   image    an image of the store: name=REF, more than once too (default: the tags)
 *   local    the files of the target in the directory dest
 *   tar      the files of the target as a tar
 *   oci      an OCI layout: a tar, or with tar=false the empty or new directory dest
 *   docker   the same and what `docker load` of any version reads, as a tar
 *
 * dest of a tar may be missing or "-": standard output. oci and docker have name= (default: the tags), compression= (uncompressed, gzip, zstd; default:
 * as the manifest has it), compression-level= and force-compression= (which changes nothing: compression= is for all layers).
 */
#pragma once

#include <stdbool.h>

#include "node/image/compress.h"

struct err;

enum output_type { OUTPUT_IMAGE, OUTPUT_LOCAL, OUTPUT_TAR, OUTPUT_OCI, OUTPUT_DOCKER };

struct output {
	enum output_type type;
	char *dest;   /* NULL = standard output */
	char **names; /* or NULL */
	bool dir;     /* tar=false */
	bool repack;  /* compression= */
	enum compress_kind kind;
	int level; /* 0 = the usual */
};

/* output_free() empties *ret; a failure leaves it empty. */
int output_parse(const char *text, struct output *ret, struct err *err);
void output_free(struct output *o);
