/* SPDX-License-Identifier: Apache-2.0
 *
 * normal: what a project has without saying so: the network `default`, dependencies that links and shared namespaces
 * imply, the Dockerfile, and the names of networks, volumes, secrets and configs.
 */
#pragma once

struct loader;
struct node;

void normal_make(struct loader *l, struct node *root, const char *project);
