/* SPDX-License-Identifier: Apache-2.0
 *
 * mounts: volumes and tmpfs of a service.
 */
#pragma once

struct loader;
struct job_service;

void mounts_read(struct loader *l, struct job_service *s);
