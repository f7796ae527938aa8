/* SPDX-License-Identifier: Apache-2.0
 *
 * watch_rule: one entry of `develop.watch` of a service: what is done when something below its path changes.
 */
#pragma once

#include "base/wire/json.h"

#include <stdbool.h>
#include <stddef.h>

struct err;
struct ignore;
struct project;

enum watch_action {
	WATCH_SYNC = 1,
	WATCH_RESTART = 2,
	WATCH_EXEC = 4,
	WATCH_REBUILD = 8,
};

struct watch_rule {
	const char *service, *path, *target; /* of the project */
	unsigned actions;		     /* WATCH_* */
	yyjson_val *exec;		     /* its command, a list */
	bool initial;
	struct ignore *passing, *ignore, *include; /* NULL = nothing; include NULL = everything */
	const char *context;			   /* of the service's build, or NULL */
	struct ignore *hidden;			   /* its .dockerignore */
};
struct watch_rules {
	struct watch_rule *v;
	size_t n, cap;
};
#define WATCH_RULES_NONE                                                                                               \
	{                                                                                                              \
		.v = NULL                                                                                              \
	}

/* Those of the named services, or of all. -EINVAL: none has any; a pattern or .dockerignore that cannot be read. */
int watch_rules_read(const struct project *p, char *const *services, struct watch_rules *ret, struct err *err);
void watch_rules_free(struct watch_rules *r);

/* The path below the rule's ("" = the path itself) when the rule is about it, or NULL: files of editors, .git, `ignore` and .dockerignore are not. */
const char *watch_rule_below(const struct watch_rule *r, const char *path);
/* Where that rest of a path is in the container; new memory. */
char *watch_rule_target(const struct watch_rule *r, const char *rest);
