/* SPDX-License-Identifier: Apache-2.0
 *
 * jobspec_probe: the test of a service that must have said yes on a node before a copy runs there (docs/formats/job.md): what runs, and the key by which its
 * answers are shared. It runs in the service's own image, as its user, within its limits, with its bind mounts; without a network, capabilities, the right to
 * write, environment, files and volumes. So it sees no more than the service would, and less.
 */
#pragma once

#include <stdint.h>
#include <yyjson.h>

struct err;
struct sched_task_spec;

/* t->probe and its age; the key is t's (jobspec_probe_free()). -EINVAL names what is wrong. */
int jobspec_probe_read(yyjson_val *service, struct sched_task_spec *t, struct err *err);
void jobspec_probe_free(struct sched_task_spec *t);
/* The container (engine.h, without a name), the caller frees; NULL: the service has no probe. */
char *jobspec_probe_container(yyjson_val *service, uint32_t *ret_timeout_ms);
