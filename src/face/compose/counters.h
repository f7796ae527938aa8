/* SPDX-License-Identifier: Apache-2.0
 *
 * counters: how many units of its node's counters a service wants: x-berth's `counters`, Compose's `gpus` and, of deploy.resources.reservations,
 * `devices` and `generic_resources`. All of them are one list; a name may stand there once.
 */
#pragma once

struct job_service;
struct loader;

void counters_read(struct loader *l, struct job_service *s);
