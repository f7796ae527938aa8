/* SPDX-License-Identifier: Apache-2.0
 *
 * files: secrets and configs of a service, read into the job.
 */
#pragma once

struct loader;
struct job_service;

void files_read(struct loader *l, struct job_service *s);
