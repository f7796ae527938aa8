/* SPDX-License-Identifier: Apache-2.0
 *
 * local_tar: files of the user as a tar, for `berth cp`. What vanishes meanwhile is left out; a file that becomes shorter is filled up with zeros, of
 * one that grows the beginning is taken. Sockets have no place in a tar.
 */
#pragma once

#include <stdbool.h>

struct err;

struct local_tar {
	const char *path;
	const char *as; /* what the top is called in the tar; "" = it has no entry, and names no beginning */
	bool follow;	/* when path is a symbolic link, what it leads to */
	bool owners;	/* as they are; else everything is root's */
};
/* Writes it into fd. -EPIPE: the reader has enough. */
int local_tar_write(const struct local_tar *t, int fd, struct err *err);
