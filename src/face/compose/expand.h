/* SPDX-License-Identifier: Apache-2.0
 *
 * expand: what rows of the model (model.h) need beyond their type: short forms of a single key, what makes two entries
 * of a list the same one, and how files are merged where Compose has a rule of its own.
 */
#pragma once

struct loader;
struct model;
struct node;

/* [a, b] -> {a: {condition: service_started, required: true}, ...} */
void expand_depends(struct loader *l, struct node *n);
/* "/dev/a:/dev/b:rwm" -> {source, target, permissions} */
void expand_device(struct loader *l, struct node *n);
/* one file -> a list of it */
void expand_env_file(struct loader *l, struct node *n);
/* "all" -> [{count: all}] */
void expand_gpus(struct loader *l, struct node *n);

const char *expand_target_identity(struct loader *l, const struct node *n);
const char *expand_path_identity(struct loader *l, const struct node *n);
const char *expand_pool_identity(struct loader *l, const struct node *n);
/* target, or where a config or secret without one is */
const char *expand_config_identity(struct loader *l, const struct node *n);
const char *expand_secret_identity(struct loader *l, const struct node *n);

/* Options belong to a driver: another driver starts without them. */
void expand_unite_logging(struct loader *l, struct node *base, struct node *over, const struct model *m);
