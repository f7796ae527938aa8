/* SPDX-License-Identifier: Apache-2.0
 *
 * tar_make: archives for tests, written header by header, so that they may be as wrong as we like. tar_cases is a table of named ones,
 * good and hostile, with what `berth image import` (image_unpack) must make of each. As a program: `tar_make --list`, `tar_make NAME`.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct tar_make {
	unsigned char *data;
	size_t len, cap;
};

struct tar_header {
	const char *name;
	char type;     /* '0' file, '5' directory, '2' symbolic link, '1' hard link ...; 0 means '0' */
	unsigned mode; /* 0 means 0644, 0755 for directories */
	uint64_t uid, gid;
	uint64_t size;
	int64_t mtime; /* 0 means 1600000000 */
	const char *link;
	unsigned major, minor;
};

void tar_make_free(struct tar_make *t);
void tar_make_bytes(struct tar_make *t, const void *data, size_t n);
void tar_make_head(struct tar_make *t, const struct tar_header *h); /* ustar, or base 256 where a number does not fit */
void tar_make_body(struct tar_make *t, const void *data, size_t n); /* and padding */
void tar_make_file(struct tar_make *t, const char *name, const char *text);
void tar_make_dir(struct tar_make *t, const char *name);
void tar_make_link(struct tar_make *t, char type, const char *name, const char *target);
void tar_make_pax(struct tar_make *t, const char *key, const void *value, size_t n); /* one record for the next entry */
void tar_make_long(struct tar_make *t, char type, const char *text, size_t n);	     /* GNU 'L' and 'K' */
void tar_make_end(struct tar_make *t);
void tar_make_gzip(struct tar_make *t); /* in place */
void tar_make_zstd(struct tar_make *t);

struct tar_case {
	const char *name;
	void (*make)(struct tar_make *t);
	int want;	  /* 0, or the positive errno of the refusal */
	const char *text; /* what the refusal's text must contain; of a good one: what it shows */
};
extern const struct tar_case tar_cases[];
extern const size_t tar_cases_n;

const struct tar_case *tar_case_find(const char *name);
