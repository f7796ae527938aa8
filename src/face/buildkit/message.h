/* SPDX-License-Identifier: Apache-2.0
 *
 * message: what clients of BuildKit's protocol ask for, read into the request of solve.h.
 * Sources: moby/buildkit api/services/control/control.proto, frontend/gateway/pb/gateway.proto.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/wire/json.h"

struct buf;
struct err;

#define MESSAGE_ENTRIES 10000u /* of all maps and lists of one message */

struct message {
	yyjson_mut_doc
	    *request; /* "attrs", "exporters", "cache_from", "cache_to"; "inputs": contexts that are results of ours */
	char *ref, *session, *frontend;
	bool definition; /* it has LLB of its own */
	bool quiet;	 /* nothing but the image's id is told (POST /build) */
};

/* -EINVAL, -E2BIG. *ret is for message_free() in every case. */
int message_solve(const char *data, size_t n, struct message *ret, struct err *err);  /* Control.Solve */
int message_bridge(const char *data, size_t n, struct message *ret, struct err *err); /* LLBBridge.Solve */
void message_free(struct message *m);
/* The text of field `field`, or NULL; the caller's. */
char *message_text(const char *data, size_t n, unsigned field);
/* A result of ours is an image; its LLB is one source of this scheme, which clients hand back as an input of another build. */
#define MESSAGE_IMAGE "berth-image://"
/* Appends the definition (pb.Definition) of the image with this id. */
void message_image(struct buf *b, unsigned field, const char *id);
/* LLBBridge.Return: why the client gives up, or NULL; the caller's. */
char *message_failure(const char *data, size_t n);
