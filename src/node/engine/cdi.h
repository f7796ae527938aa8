/* SPDX-License-Identifier: Apache-2.0
 *
 * cdi: devices by name ("vendor.com/class=name"), which files of the machine's administrator describe (Container Device Interface, specification
 * versions 0.1 to 1.1; a file of a later one is passed over, for what it means is not known). A file *.json or *.yaml (cdi_yaml.h) in a directory of
 * specifications is an object with `kind`, `devices` and `containerEdits`; what it says becomes devices, binds, environment and groups of a container's spec
 * (node/engine/spec.h), and hooks that run beside it (node/engine/devhook.h). The edits for all devices of a file come first, once, then
 * those of each device. The first directory with a device of that name decides; two files of one directory with the same device are an error.
 *
 * Not done, and refused where a wanted device asks for it: FIFOs as devices, mounts that are no binds, Intel's RDT, network devices. A device node gets
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

/* Where it goes. `hooks` is a list of `spec` that is no part of its root: what a request can say and what files say stay apart. */
struct cdi_edits {
	yyjson_mut_doc *spec;
	yyjson_mut_val *hooks; /* the first hook makes it; NULL = none */
};

/* Adds what the files say of the devices. -ENODEV: "unresolvable CDI devices x", and nothing is added; -EINVAL, -ENOTSUP name file and member. */
int cdi_apply(const char *const *dirs, char *const *names, struct cdi_edits *to, struct err *err);

/* One object `containerEdits` (NULL = nothing); `where` is for messages. */
int cdi_edit(struct cdi_edits *to, yyjson_val *edits, const char *where, struct err *err);
