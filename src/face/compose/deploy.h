/* SPDX-License-Identifier: Apache-2.0
 *
 * deploy: counts, limits and restarts: deploy, scale, cpus, mem_limit, pids_limit.
 */
#pragma once

struct loader;
struct job_service;

void deploy_read(struct loader *l, struct job_service *s);
