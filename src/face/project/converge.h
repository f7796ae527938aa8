/* SPDX-License-Identifier: Apache-2.0
 *
 * converge: the containers that a project should have, made out of those it has: created, created anew when the service or its image has
 * changed, removed when there are too many; then started in the order of what depends on what.
 */
#pragma once

#include "face/project/project.h"

#include <stdbool.h>

struct converge;
struct map;
struct step;

enum converge_recreate { CONVERGE_CHANGED, CONVERGE_ALWAYS, CONVERGE_NEVER };

struct converge_how {
	char *const *services; /* in order; what these are not stays untouched */
	char *const *wanted;   /* those that the user named, NULL or empty = all: for --force-recreate */
	char *const *scales;   /* "web=3", NULL = none */
	enum converge_recreate recreate, recreate_deps;
	bool renew_volumes; /* -V */
	bool quiet;
};

/* One container: slots are in the order of how->services and of their numbers. */
struct slot {
	struct converge *c;
	const char *service;
	yyjson_val *def;
	const struct member *old; /* NULL: there is none yet */
	char *name, *id;	  /* id NULL until it is created */
	int64_t number;
	bool recreate, running, started; /* running: it did before we started it */
	bool restart;			 /* it depends on one that is made anew, and wants to be restarted then */
	yyjson_doc *inspected;
	struct step *step;
};

struct converge {
	struct project *p;
	struct converge_how how;
	struct members members;
	struct slot *slots;
	size_t n, cap;
	struct map *images; /* service -> id of its image */
};

int converge_new(struct project *p, const struct converge_how *how, struct converge **ret, struct err *err);
/* The containers that there are, as they are; for `start`. */
int converge_existing(struct project *p, char *const *services, struct converge **ret, struct err *err);
struct converge *converge_free(struct converge *c);
/* Images must be there. Creates, recreates and removes. */
int converge_create(struct converge *c, struct err *err);
struct converge_wait {
	bool hold;	 /* until all are running or healthy, or over when somebody wants them so */
	int64_t timeout; /* seconds, -1 = for ever */
	/* a service that is not among them: until they are as its depends_on wants them; NULL = none */
	const char *before;
};
/* Starts what does not run, after what it depends on. -ETIMEDOUT, -ECHILD: one has ended, or is not healthy. */
int converge_start(struct converge *c, const struct converge_wait *wait, struct err *err);

/* Some other one of them wants it to be over (service_completed_successfully). */
bool converge_is_end(const struct converge *c, const char *service);

/* Containers of services that the file does not have: told, or removed. */
int converge_orphans(struct project *p, const struct members *m, bool remove, struct err *err);
