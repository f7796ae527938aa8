/* SPDX-License-Identifier: Apache-2.0
 *
 * health: healthcheck, all forms.
 */
#pragma once

struct loader;
struct job_service;

void health_read(struct loader *l, struct job_service *s);
