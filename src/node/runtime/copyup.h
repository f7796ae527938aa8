/* SPDX-License-Identifier: Apache-2.0
 *
 * copyup: what an image has at the place of a mount becomes what the mount begins with. The tree is somebody else's but at rest; names are taken
 * one at a time from descriptors and no link is followed.
 */
#pragma once

struct err;

/* Copies what the directory `from` holds into the empty directory `to` (a descriptor of a path is enough): owners, modes, times, extended attributes,
 * hard links; and takes over the directory's own owner and mode. Devices and sockets mean nothing in a copy and are left out. */
int copyup(int from, int to, struct err *err);
