/* SPDX-License-Identifier: Apache-2.0
 *
 * holdings: what of volumes and data spaces lies on this node, for the scheduler's choice: work goes where its data is. Names are those of facts:
 * "volume.NAME" (volumes with a name), "space.global", "space.user/UID", "space.job/JOB/NAME" (spaces that are not empty).
 */
#pragma once

#include <stdbool.h>

#define HOLDINGS_MAX 200

struct holdings;

struct holdings *holdings_new(const char *data_dir);
struct holdings *holdings_free(struct holdings *h);
/* Looks into the directories; true: something has come or gone since the last look. A few small directories are read. */
bool holdings_look(struct holdings *h);
/* Whether a container of that job (NULL: of none) may have changed something by now: two looks at most at what is cheap, for each end of one. */
bool holdings_touched(const struct holdings *h, const char *job);
/* As seen by the last look, ordered, NULL-terminated (NULL = nothing); valid until the next one. What is beyond HOLDINGS_MAX is left out. */
char *const *holdings_names(const struct holdings *h);
