/* SPDX-License-Identifier: Apache-2.0
 *
 * cdi: devices by name ("vendor.com/class=name"), which files of the machine's administrator describe (Container Device Interface, specification
 * versions 0.3 to 1.0). A file *.json or *.yaml (cdi_yaml.h) in a directory of specifications is an object with `kind`, `devices` and `containerEdits`; what it says becomes
 * devices, binds, environment and groups of a container's spec (node/engine/spec.h). The edits for all devices of a file come first, once, then
 * those of each device. The first directory with a device of that name decides; two files of one directory with the same device are an error.
 *
 * Not done, and refused where a wanted device asks for it: hooks, FIFOs as devices, mounts that are no binds, Intel's RDT. A device node gets
 * type, number, mode and owner of the machine's own node, whatever the file says.
 */
#pragma once

#include "base/wire/json.h"

#include <stdbool.h>

struct err;

/* NULL-terminated; the first wins. */
extern const char *const cdi_dirs[];

/* "vendor.com/class=name" */
bool cdi_is_name(const char *text);

/* Adds what the files say of the devices to the spec. -ENODEV: "unresolvable CDI devices x"; -EINVAL, -ENOTSUP name file and member. */
int cdi_apply(const char *const *dirs, char *const *names, yyjson_mut_doc *spec, struct err *err);

/* One object `containerEdits` (NULL = nothing); `where` is for messages. */
int cdi_edit(yyjson_mut_doc *spec, yyjson_val *edits, const char *where, struct err *err);
