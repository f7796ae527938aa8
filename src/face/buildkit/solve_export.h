/* SPDX-License-Identifier: Apache-2.0
 *
 * solve_export: the files of a build for the client: --output type=local and type=tar. They are made below the store's folder for work in progress, and
 * sent when the build is done.
 * Source: moby/buildkit session/filesync, FileSend.DiffCopy.
 */
#pragma once

#include "node/image/lease.h"

struct err;
struct solve_options;

struct solve_export_place {
	struct image_store *store;
	struct image_lease *lease;
	int tmp;
	char name[64];
	char *output;
	char *outputs[2];
};
#define SOLVE_EXPORT_NULL                                                                                              \
	{                                                                                                              \
		.tmp = -1                                                                                              \
	}

/* Sets the outputs of the build. *ret is for solve_export_close() in every case. */
int solve_export_open(struct solve_options *w, int data_dir, struct solve_export_place *ret, struct err *err);
int solve_export_send(const struct solve_options *w, int ask, const struct solve_export_place *place, struct err *err);
void solve_export_close(struct solve_export_place *place);
