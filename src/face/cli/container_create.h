/* SPDX-License-Identifier: Apache-2.0
 *
 * container_create: a container by Docker's API: `berth create`, and `berth run` with what the short road (run_request.h) does not know.
 */
#pragma once

struct cli;
struct err;
struct run_options;

/* Creates it; fetches the image first when --pull says so. *ret_id: new memory. Warnings are printed. */
int container_create(struct cli *cli, const struct run_options *o, char **words, char **ret_id, struct err *err);
/* Creates and starts it, and stays with it unless it is detached. The exit status, or a negative errno. */
int container_create_run(struct cli *cli, const struct run_options *o, char **words, struct err *err);
