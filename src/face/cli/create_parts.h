/* SPDX-License-Identifier: Apache-2.0
 *
 * create_parts: options whose values have a form of their own, as members of a body of Docker's API (create_body.h). Each takes one value as it was
 * typed; -EINVAL quotes it.
 */
#pragma once

#include "base/wire/json.h"

struct run_options;

/* The object `key` of obj, made when it is not there; the same for a list. */
yyjson_mut_val *create_parts_obj(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *key);
yyjson_mut_val *create_parts_list(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *key);

/* "NAME=VALUE" each, or "NAME" for an empty one, into the object `key`, which is made when there is one. `option`: for the error. */
int create_parts_pairs(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *key, const char *option, char *const *pairs,
		       struct err *err);
/* "[IP:][HOST:]PORT[/PROTOCOL]", each port may be a range: PortBindings and ExposedPorts. */
int create_parts_publish(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err);
/* "80", "80/udp", "8000-8010" */
int create_parts_expose(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err);
/* "[SRC:]DST[:OPTS]" */
int create_parts_volume(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err);
/* "type=bind,source=/a,target=/b,readonly"; a field with commas stands in "". */
int create_parts_mount(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err);
/* "DST[:OPTS]" */
int create_parts_tmpfs(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err);
/* "SRC[:DST][:rwm]" */
int create_parts_device(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err);
/* "NAME=SOFT[:HARD]" */
int create_parts_ulimit(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err);
/* "all", "2", "device=0,1", "count=2,capabilities=compute" */
int create_parts_gpus(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err);
/* "on-failure:3" */
int create_parts_restart(yyjson_mut_doc *d, yyjson_mut_val *host, const char *text, struct err *err);
/* --network and all that belongs to it */
int create_parts_networks(yyjson_mut_doc *d, yyjson_mut_val *root, const struct run_options *o, struct err *err);
