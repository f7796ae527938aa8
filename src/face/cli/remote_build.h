/* SPDX-License-Identifier: Apache-2.0
 *
 * remote_build: a build that the daemon does, by Docker's API: it alone can bring RUN to a network of its books. The context goes there as a tar of what
 * .dockerignore leaves, so that the same steps come out of the cache as when this process builds.
 */
#pragma once

#include <stdbool.h>

struct build_options;
struct build_result;
struct cli;
struct err;

/* Of the options those that Docker's API knows; -EINVAL names one that it does not. network: a name. What the daemon tells goes to stderr, unless
 * `quiet`. */
int remote_build(struct cli *cli, const struct build_options *o, const char *network, bool quiet,
		 struct build_result *ret, struct err *err);
