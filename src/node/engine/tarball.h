/* SPDX-License-Identifier: Apache-2.0
 *
 * tarball: files that somebody may be changing at this moment, as a tar. What vanishes or becomes something else meanwhile is left out; a file that
 * becomes shorter is filled up with zeros, of one that grows the beginning is taken. Nothing is opened but directories and regular files. Of proc,
 * sysfs and their like there is nothing but the directory that they are at.
 * Inside of node/engine only.
 */
#pragma once

#include "node/image/sink.h"

#include <stdbool.h>
#include <stdint.h>

struct err;

struct tarball {
	int parent;	  /* where it is */
	const char *name; /* of what to write in it; "." = the parent itself */
	const char *as;	  /* what it is called in the tar; "" = everything begins with "/" */
	bool bare;	  /* the top has no entry, and names no beginning */
	uint32_t shift;	  /* owners are this much higher than the tar shall say */
};
int tarball_write(const struct tarball *t, const struct sink *to, struct err *err);
