/* SPDX-License-Identifier: Apache-2.0
 *
 * defaults: what single values of a merged tree have when the user did not say it, and variables that are passed on by
 * name alone. With the directory and the variables of the files the tree was made of.
 */
#pragma once

struct loader;
struct node;

void defaults_set(struct loader *l, struct node *root);
