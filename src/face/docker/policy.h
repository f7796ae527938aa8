/* SPDX-License-Identifier: Apache-2.0
 *
 * policy: who may do what with the API (attack row A1). A file (docs/API.md, "Who may do what") gives callers roles; without one everybody who gets in is
 * an administrator, as with other engines.
 *
 *   admin            everything
 *   no-host-access   everything but what opens the machine (node/engine/rights.h): containers that do can be neither made nor used
 *   read-only        lists, inspections, logs, events and figures
 *   none             nothing
 *
 * Of jobs, their schedules and their containers, who has no-host-access changes what is his own alone (base/core/owner.h), unless his rule says "jobs": "all".
 * Everybody sees all of them.
 *
 * The call that is judged is the one that is then executed: the path after it was taken apart, and the spec that goes to the engine. What stands in no
 * table is refused.
 */
#pragma once

#include "base/core/owner.h"

#include <stdbool.h>
#include <stdint.h>
#include <yyjson.h>

struct engine;
struct err;
struct http_req;
struct policy;

enum policy_role { POLICY_ADMIN, POLICY_NO_HOST, POLICY_READ_ONLY, POLICY_NONE, POLICY_N_ROLES };

/* -EINVAL names the file and the rule. */
int policy_load(const char *path, struct policy **ret, struct err *err);
int policy_parse(const char *text, size_t n, struct policy **ret, struct err *err); /* the same from memory */
struct policy *policy_free(struct policy *p);					    /* takes NULL */

struct policy_caller {
	uint32_t uid;	  /* of a Unix socket; UINT32_MAX = unknown */
	const char *cert; /* common name of its certificate, or NULL */
	bool token;	  /* it has shown the token */
};
/* The role of the first rule that names the caller, else the default. root on a Unix socket is always an administrator; p NULL: everybody. */
enum policy_role policy_role(const struct policy *p, const struct policy_caller *caller);

/* May the caller change the jobs of others? */
bool policy_all_jobs(const struct policy *p, const struct policy_caller *caller);

/* What is known of the caller is kept with the request, from its headers on. */
void policy_mark(struct http_req *r, enum policy_role role, bool all_jobs, bool by_token);
enum policy_role policy_of(const struct http_req *r);

/* A server of a cluster asks its nodes for others: this header of its requests has the role of whoever asked it. It can only take away: the request has the
 * lesser one of this and of its caller's own. header NULL: his own; a word that is no role: none. */
#define POLICY_HEADER "Berth-Role"
const char *policy_word(enum policy_role role);
enum policy_role policy_lesser(enum policy_role role, const char *header);

/* Whose jobs the caller may change: NULL = everybody's, else the owner, which may be written to buf. A server of a cluster names him in this header; it counts
 * only for those who may change everybody's themselves, so it can only take away. */
#define POLICY_OWNER_HEADER "Berth-Owner"
const char *policy_only(struct http_req *r, char buf[static OWNER_MAX]);
/* Who the caller is as an owner of jobs. */
void policy_owner(struct http_req *r, char ret[static OWNER_MAX]);

/* May the call be made? path: the one that the route was found by, without Docker's version. -EPERM. */
int policy_check(struct http_req *r, const char *path, struct err *err);
/* After policy_check(): may it be made on this container? For whoever has found out which one is meant. -EPERM. */
int policy_check_container(struct engine *e, struct http_req *r, const char *id, struct err *err);
/* May this container be made? Before engine_create() and engine_run(), with the same value. -EPERM. */
int policy_check_spec(struct engine *e, enum policy_role role, yyjson_val *spec, struct err *err);
/* For what else opens the machine: -EPERM for everybody but administrators. what: "options of a volume" */
int policy_check_host(const struct http_req *r, const char *what, struct err *err);
