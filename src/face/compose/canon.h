/* SPDX-License-Identifier: Apache-2.0
 *
 * canon: one file's tree becomes canonical by the rows of model.h: keys and types are checked, short forms written
 * out, lists of KEY=VALUE become maps, paths absolute (from l->directory). What follows (unite.h, project_json.h) sees
 * one form only.
 */
#pragma once

struct loader;
struct model;
struct node;

/* A map with the keys of `table`. */
void canon_object(struct loader *l, struct node *n, const struct model *table);
