/* SPDX-License-Identifier: Apache-2.0
 *
 * settings: images/settings.json, the limits of what is unpacked into this store; a missing file or member means the default. Written by
 * hand. {"bytes", "files", "ratio", "depth", "window", "layers"}: see struct image_limits; layers of one image, at most 127.
 */
#pragma once

struct err;
struct image_store;

/* -EINVAL names the member that is wrong, or that there is none of its name. */
int settings_read(struct image_store *s, struct err *err);
