/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of create share. Nobody else includes this.
 */
#pragma once

#include "face/docker/create.h"

/* The making of a spec. config, host, network: as create_shape() left them. */
struct making {
	struct create *out;
	yyjson_mut_doc *d;
	yyjson_mut_val *spec;
	yyjson_val *config, *host, *network;
	bool update; /* a restart policy "no" is said, too */
};

void create_warn(struct making *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int create_host(struct making *m, struct err *err);
/* Limits and the restart policy: what update changes, too. */
int create_resources(struct making *m, struct err *err);
/* create_cpu.c: those of processors, checked against this machine's. */
int create_cpus(struct making *m, struct err *err);
int create_mounts(struct making *m, struct err *err);
/* HostConfig.DeviceRequests of `from` as inspect shows it. */
int create_device_shape(yyjson_mut_doc *d, yyjson_mut_val *host, yyjson_val *from, struct err *err);
int create_devices(struct making *m, struct err *err);
int create_network(struct making *m, struct err *err);
