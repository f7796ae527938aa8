/* SPDX-License-Identifier: Apache-2.0
 *
 * upload: blobs that are being sent. An upload is a file in the depot's uploads directory, ID.REPO, where REPO is a part of the digest of the
 * repository's name: it can go on after the server was stopped, and belongs to one repository. How many there may be and how long one may
 * wait is limited.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/depot/depot_name.h"

struct depot;
struct err;
struct uploads;

#define UPLOAD_ID_DIGITS 32u
#define UPLOAD_FILE_MAX (UPLOAD_ID_DIGITS + 1 + 16 + 1)

struct upload {
	char file[UPLOAD_FILE_MAX]; /* "ID.REPO" */
	uint64_t size;
	uint64_t hashed; /* `hasher` has seen so many bytes from the start */
	struct depot_hasher hasher;
	int64_t used_ms;
	bool busy; /* a request works on it */
};

struct upload_limits {
	unsigned open;	/* at the same time, of all repositories */
	int64_t ttl_ms; /* without a request */
};

/* Takes up what an earlier server left. */
int uploads_new(struct depot *d, const struct upload_limits *limits, struct uploads **ret, struct err *err);
struct uploads *uploads_free(struct uploads *u); /* the files stay */
/* -EAGAIN: too many are open. */
int uploads_begin(struct uploads *u, const char *repo, struct upload **ret, struct err *err);
/* NULL: the repository has no such upload. */
struct upload *uploads_find(struct uploads *u, const char *repo, const char *id);
void upload_id(const struct upload *up, char id[static UPLOAD_ID_DIGITS + 1]);
void uploads_used(struct upload *up); /* its time starts again */
/* Forgets it and removes its file (which may have become a blob). */
void uploads_end(struct uploads *u, struct upload *up);
/* Ends those whose time is over; returns how many. */
size_t uploads_expire(struct uploads *u);
size_t uploads_count(const struct uploads *u);
