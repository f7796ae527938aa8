/* SPDX-License-Identifier: Apache-2.0
 *
 * step_calls: steps and requests that several plans have.
 */
#pragma once

#include "face/project/steps.h"

struct member;
struct project;

int step_nothing(struct step *s, struct err *err); /* a barrier */
char *step_stop_target(const struct project *p, const char *id);
char *step_create_target(yyjson_val *def, const char *name);
/* Files of secrets and configs that the project holds as text are put into the container; then `reply`, with no reply when there are none. */
int step_contents(struct step *s, const struct project *p, yyjson_val *def, const char *id, step_reply_fn reply,
		  struct err *err);
/* A reply fn: as step_done, but what is not there any more is well, too. */
int step_gone(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err);
/* Stops (if it runs) and removes. One that did not run, and was started meanwhile, is an error unless `kills`. `m` must live as long as the plan. */
struct step *step_remove(struct steps *plan, struct project *p, const struct member *m, bool volumes, bool kills);
