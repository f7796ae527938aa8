/* SPDX-License-Identifier: Apache-2.0
 *
 * project: a Compose project as its file says it (the canonical JSON of docs/formats/project.md, or none: then containers alone are known), and
 * what there is of it at the daemon.
 */
#pragma once

#include "base/wire/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli;
struct project_globals;
struct err;
struct http_dial;
struct loop;
struct steps;
struct view;

#define PROJECT_LABEL "com.docker.compose."
#define PROJECT_SERVICES_MAX 4096

struct project {
	struct cli *cli;
	const struct project_globals *globals;
	struct loop *loop;
	struct view *view;
	struct steps *plan;	      /* that runs, or NULL */
	const struct http_dial *dial; /* where the daemon is */
	char *name;
	char *dir, *files;    /* labels: absolute; files separated by commas */
	yyjson_doc *doc;      /* NULL: no file */
	yyjson_val *services; /* of doc */
	char **inactive;      /* services without an active profile */
	int64_t timeout;      /* seconds until SIGKILL, -1: the container's own */
};

/* One container of the project. Strings belong to the list. */
struct member {
	const char *id, *name, *service, *image, *image_id, *hash, *state, *status;
	yyjson_val *json;
	int64_t number;
	bool oneoff;
};

struct members {
	yyjson_doc *doc;
	struct member *v;
	size_t n, cap;
};
#define MEMBERS_INIT                                                                                                   \
	{                                                                                                              \
		.doc = NULL                                                                                            \
	}
void members_free(struct members *m);
/* All containers with the project's label, one-off ones too, by service and number. */
int members_read(struct project *p, struct members *ret, struct err *err);
bool member_runs(const struct member *m);			    /* running, paused or restarting */
const char *member_label(const struct member *m, const char *name); /* without PROJECT_LABEL; "" when missing */

bool project_is_inactive(const struct project *p, const char *service);
yyjson_val *project_service(const struct project *p, const char *name); /* or NULL */
/* The real name of what the file calls `key` in its networks or volumes. */
const char *project_real_name(const struct project *p, const char *section, const char *key);
/* Errors for names that are no service of the file; without a file, of no member. */
int project_check_names(const struct project *p, const struct members *m, char *const *names, struct err *err);

/* Services in the order in which they may start: those of `names` (NULL or empty: all), with what they need unless `alone`. Known are those of the
 * file and those of `m` (may be NULL). NULL-terminated, the caller's (mem_strv_free); NULL with *err set: a circle. */
char **project_order(const struct project *p, const struct members *m, char *const *names, bool alone, struct err *err);

/* What `service` depends on: fn(ctx, name, condition, required, restart). */
typedef void (*project_dep_fn)(void *ctx, const char *name, const char *condition, bool required, bool restart);
void project_deps(const struct project *p, const struct members *m, const char *service, project_dep_fn fn, void *ctx);

bool project_in(char *const *names, const char *name); /* true as well when names is NULL or empty */
/* "com.docker.compose.project=NAME" as the value of a filters= parameter, with `more` label filters (may be NULL); encoded. */
char *project_filter(const struct project *p, const char *type);
