/* SPDX-License-Identifier: Apache-2.0
 *
 * save_out: members of an archive on their way out, into a tar or a directory.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct err;

struct save_out {
	int fd, file; /* file: of the present member in a directory */
	int is_dir;
	uint64_t left; /* of the present member */
	char **dirs;   /* that have an entry already */
};

int save_out_open(struct save_out *o, int fd, struct err *err);
/* A member of exactly `size` bytes: begin, any number of writes, end. */
int save_out_begin(struct save_out *o, const char *name, uint64_t size, struct err *err);
int save_out_write(void *ctx, const void *data, size_t n, struct err *err); /* a sink */
int save_out_end(struct save_out *o, uint64_t size, struct err *err);
int save_out_text(struct save_out *o, const char *name, const void *data, size_t n, struct err *err);
/* The end mark; the directory is synced. */
int save_out_close(struct save_out *o, struct err *err);
void save_out_free(struct save_out *o);
