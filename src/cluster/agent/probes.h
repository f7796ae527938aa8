/* SPDX-License-Identifier: Apache-2.0
 *
 * probes: tests of this node, each in a small container: exit code 0 means that the node will do. Nothing of one outlives its answer; what an earlier daemon left
 * is removed, for the server asks again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct loop;
struct probes;

/* text: the first line that it wrote, or why it did not run; at most PROBES_TEXT_MAX bytes of printable ASCII and UTF-8. */
#define PROBES_TEXT_MAX 160
typedef void (*probes_fn)(void *ctx, const char *name, bool fit, const char *text);

struct probes *probes_new(struct loop *l, struct engine *e, probes_fn fn, void *ctx);
struct probes *probes_free(struct probes *p);
/* spec: the container (JSON, engine.h) without a name. One that does not end in time is killed, and is a no. fn is called once for each call, but for one with the name
 * of a probe that runs: that has one answer. It may be called from inside. */
void probes_run(struct probes *p, const char *name, const char *spec, uint32_t timeout_ms);
