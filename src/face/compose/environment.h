/* SPDX-License-Identifier: Apache-2.0
 *
 * environment: environment and env_file of a service (environment wins), and labels.
 */
#pragma once

struct loader;
struct job_service;

void environment_read(struct loader *l, struct job_service *s);
void environment_read_labels(struct loader *l, struct job_service *s);
