/* SPDX-License-Identifier: Apache-2.0
 *
 * local_store: the store of images, opened by this process. Commands that work with images (pull, push, build, save ...) need no daemon, and
 * share the store with the one that runs.
 */
#pragma once

struct cli;
struct err;
struct image_store;

/* The directory of the state: `given` (--data), else BERTH_DATA, else what the daemon says that listens on the socket, else the default of
 * this user. New memory, absolute. -EINVAL: another node was asked for. */
int local_store_data(struct cli *cli, const char *given, char **ret, struct err *err);

/* Opens that directory, making it where it is missing: its descriptor. An ordinary user's process enters its user namespace first (docs/ROOTLESS.md): open it before anything that could
 * stay outside, threads among it. */
int local_store_dir(struct cli *cli, const char *given, struct err *err);
/* The same, and the store in it. */
int local_store_open(struct cli *cli, const char *given, struct image_store **ret, struct err *err);
