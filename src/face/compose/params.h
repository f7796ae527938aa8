/* SPDX-License-Identifier: Apache-2.0
 *
 * params: x-berth.params with the values of --param. They are known, typed and checked before anything else is
 * interpolated, and win over the environment.
 */
#pragma once

struct loader;

struct param {
	const char *name, *value; /* value NULL: none given and no default (told) */
};

/* Fills l->params. Defaults may hold variables of the environment, not other params. */
void params_load(struct loader *l);
