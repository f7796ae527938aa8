/* SPDX-License-Identifier: Apache-2.0
 *
 * prune: removes what nobody uses: `berth container|volume|network|system prune`.
 */
#pragma once

#include "face/cli/options.h"

#include <stdint.h>

struct cli;
struct err;

struct prune_choice {
	bool force, all, volumes;
	char **filters;
};
/* --force, --filter */
extern const struct option_spec prune_options[];

/* One kind of thing, and where its call tells what went. */
struct prune_kind {
	const char *path, *list, *of_entry; /* of_entry: the member that names one, NULL = the entries are names */
	const char *title;
};
extern const struct prune_kind prune_containers, prune_volumes, prune_networks, prune_images;

/* Asks on the terminal unless --force was given. 0: go on; -ECANCELED: no; -EINVAL: there is nobody to ask. */
int prune_ask(const struct prune_choice *v, const char *what, struct err *err);
/* Removes, and prints what went. 0 or a negative errno. */
int prune_call(struct cli *cli, const struct prune_kind *kind, const struct prune_choice *v, struct err *err);
/* The same; adds the bytes to *total and does not print them. */
int prune_add(struct cli *cli, const struct prune_kind *kind, const struct prune_choice *v, uint64_t *total,
	      struct err *err);
