/* SPDX-License-Identifier: Apache-2.0
 *
 * spaces: which file system the data spaces of this node lie in. Nodes that say the same of it share their spaces (the directory is a mount that they share), so that
 * tasks which hand files to each other may run on any of them.
 */
#pragma once

#include <stddef.h>

struct err;

#define SPACES_ID_MAX 33

/* The mark in DATA/spaces, 32 hexadecimal digits; made if there is none yet, by whoever of several nodes comes first. The errors of the files; -EINVAL: what
 * lies there is no mark. */
int spaces_id(const char *data_dir, char ret[static SPACES_ID_MAX], struct err *err);
