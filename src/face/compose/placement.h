/* SPDX-License-Identifier: Apache-2.0
 *
 * placement: where the copies of a service may run: deploy.placement as Compose and Swarm have it, and x-berth's select (docs/formats/select.md).
 */
#pragma once

struct job_service;
struct loader;

void placement_read(struct loader *l, struct job_service *s);
/* What only the whole job tells: that there is whom its rules name. */
void placement_check(struct loader *l, const struct job_service *s);
