/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of spec: its files. Nobody else includes this.
 */
#pragma once

#include "face/project/spec.h"

#include <stdint.h>

struct spec {
	const struct project *p;
	const struct spec_how *how;
	yyjson_val *service;
	yyjson_mut_doc *d;
	yyjson_mut_val *root, *host, *endpoints;
	struct err *err;
	int r;
};

int spec_host(struct spec *s);
int spec_mounts(struct spec *s);
int spec_networks(struct spec *s);
void spec_devices(struct spec *s);

/* How a member of the service becomes one of the API. */
enum spec_kind { SPEC_COPY, SPEC_BYTES, SPEC_INT };
struct spec_member {
	const char *from, *to; /* from NULL ends a table */
	enum spec_kind kind;
};
int spec_members(struct spec *s, yyjson_mut_val *to, const struct spec_member *table);

/* Numbers stand as such or as text ("10s", "512m", "1073741824"). 0 or a negative errno. */
int spec_bytes(struct spec *s, const char *key, yyjson_val *v, int64_t *ret);
int spec_ms(struct spec *s, const char *key, yyjson_val *v, uint64_t *ret);
/* A list, or a map as "NAME=value" with null as "NAME". */
yyjson_mut_val *spec_pairs(struct spec *s, yyjson_val *v);
/* A copy of `text` in the document. */
yyjson_mut_val *spec_text(struct spec *s, const char *text);
/* "service:NAME" -> "container:ID", everything else as it is; NULL with *err set. New memory. */
char *spec_mode(struct spec *s, const char *key, const char *text);
