/* SPDX-License-Identifier: Apache-2.0
 *
 * volume_group: volumes as Docker shows and chooses them. Inside of face/docker only.
 */
#pragma once

#include "face/docker/docker_private.h"
#include "node/engine/volume.h"

/* The members that Docker shows of a volume. */
void volume_group_json(yyjson_mut_doc *d, yyjson_mut_val *o, const struct volume *v);
void volume_group_reply(const struct docker_call *c, int status, const struct volume *v);
/* Whether it has all labels that the filter `key` asks for. */
bool volume_group_has_labels(const struct volume *v, const struct docker_filters *f, const char *key);
/* A filter that is true or false; -EINVAL. */
int volume_group_bool(const struct docker_filters *f, const char *key, int otherwise, struct err *err);
