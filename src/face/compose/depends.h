/* SPDX-License-Identifier: Apache-2.0
 *
 * depends: depends_on, both forms.
 */
#pragma once

struct loader;
struct job_service;

void depends_read(struct loader *l, struct job_service *s);
