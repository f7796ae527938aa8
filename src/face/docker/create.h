/* SPDX-License-Identifier: Apache-2.0
 *
 * create: what POST /containers/create says, in the engine's words. Pure: JSON in, JSON out.
 *
 *   create_shape.c    the body as inspect shows it: Config, HostConfig, NetworkingConfig, each with all its members
 *   create.c          the spec of it (node/engine/spec.h)
 *   create_host.c     HostConfig: resources, rights, devices, namespaces
 *   create_device.c   DeviceRequests
 *   create_mount.c    Binds, Mounts, Tmpfs, Volumes
 *   create_network.c  networks and published ports
 *
 * What berth cannot do is an error that names the member; what changes nothing for the container is a warning.
 */
#pragma once

#include "base/wire/json.h"

#include <stdint.h>

struct err;

#define CREATE_GPU_KIND "nvidia.com/gpu"

struct create {
	yyjson_mut_doc *doc; /* its root is the spec */
	char **warnings;     /* NULL = none */
	char **cdi;	     /* names of devices that CDI files describe (cdi.h), for the caller to add; NULL = none */
	uint32_t gpus;	 /* so many devices of the kind CREATE_GPU_KIND, whichever (cdi_idle.h): for the caller, too */
	char *no_device; /* the error when there is none of them, in Docker's words; NULL = that of cdi_apply() */
};

/* body: of the request. image: the configuration of the image ("config" of the OCI image configuration), NULL = it has none. The spec has no
 * name yet, and modes "container:NAME" and VolumesFrom are as the client wrote them: only the engine knows whom they mean.
 * -EINVAL, -E2BIG; -ENOTSUP: what berth does not do. */
int create_spec(yyjson_val *body, yyjson_val *image, struct create *ret, struct err *err);
void create_free(struct create *c);

/* The first half alone: {"Config", "HostConfig", "NetworkingConfig"} of a body, with all that the image says. For a container that nobody
 * made by this API, too. */
yyjson_mut_doc *create_shape(yyjson_val *body, yyjson_val *image, struct err *err);

/* HostConfig's limits and restart policy alone, as POST /containers/NAME/update has them: the spec's members that are set, and with
 * `ret_shown` what inspect shows of them. */
int create_update(yyjson_val *body, struct create *ret, yyjson_mut_val **ret_shown, struct err *err);
