/* SPDX-License-Identifier: Apache-2.0
 *
 * log_default: the LogConfig of containers that do not say, as daemon.json has it (log-driver, log-opts). Pure.
 */
#pragma once

#include "base/wire/json.h"

struct err;

/* `text`: {"Type", "Config"}. *ret is the caller's. -EINVAL: no container could be made with it; the error says why. */
int log_default_read(const char *text, yyjson_doc **ret, struct err *err);
/* A body of POST /containers/create with it, or NULL: the body is good as it is (`wanted` is NULL, or it names another driver). Options of the body stay. */
yyjson_doc *log_default_merge(yyjson_val *wanted, yyjson_val *body);
