/* SPDX-License-Identifier: Apache-2.0
 *
 * resolve: env_file and label_file of a service are read into its environment and labels (which win), and go away.
 */
#pragma once

struct loader;
struct node;

void resolve_files(struct loader *l, struct node *service);
