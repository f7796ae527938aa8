/* SPDX-License-Identifier: Apache-2.0
 *
 * rights: who may start containers need not be root of the machine. A container "opens the host" when its spec lets it reach more of the machine than
 * its own share: a bind mount, a device, a capability beyond Docker's default ones, a namespace of the host ... For callers of less trust these
 * functions stand in front of engine_create() and of everything that is done to a container. They judge the same value that is then executed.
 *
 * Every member of a spec stands in one table with what is to be asked of it; a member that does not is refused, so that a new one is nobody's way out.
 */
#pragma once

#include <stdbool.h>
#include <yyjson.h>

struct engine;
struct err;
struct spec;

/* The first member by which the container would open the host, NULL = none. Names of other containers and volumes are not followed. */
const char *rights_opens(const struct spec *s);
/* Stands in the table. */
bool rights_knows(const char *member);

/* -EPERM names the member; -EINVAL: it is no spec. Containers whose namespaces it joins and volumes that it names are looked at, too. */
int rights_check(struct engine *e, yyjson_val *spec, struct err *err);
/* The same of what only this machine knows: the volumes and containers that it names. For a job, whose members were judged where it was submitted. */
int rights_check_named(struct engine *e, yyjson_val *spec, struct err *err);
/* -EPERM: that container opens the host. By id, name or prefix; -ENOENT. */
int rights_check_container(struct engine *e, const char *id, struct err *err);
