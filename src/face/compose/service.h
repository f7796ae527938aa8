/* SPDX-License-Identifier: Apache-2.0
 *
 * service: the map of one service becomes a struct job_service. What needs the other services is left to check.c.
 */
#pragma once

struct loader;
struct node;
struct job_service;

void service_read(struct loader *l, const struct node *n, struct job_service *s);
