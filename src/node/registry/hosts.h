/* SPDX-License-Identifier: Apache-2.0
 *
 * hosts: where a registry is, how it is trusted, and who else may be asked for its images. Comes from registries.json, in
 * $XDG_CONFIG_HOME/berth (~/.config/berth) and in /etc/berth; the user's file wins, registry by registry:
 *
 *   {"registries": {
 *      "docker.io": {"mirrors": ["https://mirror.example"]},
 *      "lab.example:5000": {"insecure": true, "realm": "https://auth.lab.example"}},
 *    "downloads": 3, "attempts": 5, "retry_delay_ms": 500, "chunk": 0}
 *
 * downloads: layers at once; attempts without a byte of progress; chunk: layers that are packed while they are sent go in pieces of so many
 * bytes, 0 = in one piece.
 *
 * Certificates are docker's: certs.d/HOST[:PORT]/ with *.crt (trusted beside the system's) and one *.cert with its *.key (ours), in the
 * user's folder above, /etc/berth, /etc/docker; the first one that there is counts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "node/registry/transport.h"
#include "node/registry/url.h"

#define HOSTS_FILE "registries.json"

struct host {
	char *name; /* "docker.io", "lab.example:5000" */
	char **mirrors;
	bool insecure; /* plain HTTP, or a certificate that nobody vouches for, will do */
	char *realm;   /* the token server that may have its credentials beside the host itself; NULL = none */
};

struct hosts {
	struct host *items;
	size_t n, cap;
	int downloads, attempts, retry_delay_ms;
	size_t chunk;
	char **folders; /* where certs.d is looked for */
};
#define HOSTS_INIT                                                                                                     \
	{                                                                                                              \
		.items = NULL                                                                                          \
	}

int hosts_load(struct hosts *ret, struct err *err);
void hosts_free(struct hosts *h);
/* The text of one file; what is set already stays. `what` names it in errors. */
int hosts_add(struct hosts *h, const char *text, size_t n, const char *what, struct err *err);

/* One server that speaks for a registry. */
struct endpoint {
	struct url base; /* path: "/", or what stands before "/v2/", with its '/' */
	char *name;	 /* whose credentials and certificates: "docker.io", "lab.example:5000", of a mirror its own */
	struct transport_trust trust;
	bool plain_too; /* HTTP when it does not speak TLS */
	bool mirror;
	struct url realm; /* the token server that may have its credentials, too; host NULL: none */
};

/* In the order in which they are to be asked: mirrors first (not for pushing), the registry last. */
int hosts_endpoints(const struct hosts *h, const char *registry, bool mirrors, struct endpoint **ret, size_t *ret_n,
		    struct err *err);
void hosts_endpoints_free(struct endpoint *e, size_t n);

/* How another server (a token server) is trusted: by its own name. */
int hosts_trust(const struct hosts *h, const struct url *server, struct transport_trust *ret, struct err *err);
void hosts_trust_free(struct transport_trust *t);
