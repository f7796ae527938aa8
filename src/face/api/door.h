/* SPDX-License-Identifier: Apache-2.0
 *
 * door: one place where the API is reached, and what of a request is looked at before any route (attack rows A2 and A3). The socket that
 * belongs to the data directory is the first door; `berth up --listen` makes more.
 *
 * What a web page can send gets in nowhere: the HTTP server refuses an Origin, and a body that is JSON has to say so. On TCP the Host must be
 * one that the door is for, so that no name that an attacker points at this machine gets in (DNS rebinding), and the peer proves himself: by a
 * certificate of --tls-client-ca, or, on a loopback address, by the token of --token-file ("Authorization: Bearer ...").
 */
#pragma once

#include "face/api/api.h"

#include <stdbool.h>

struct door;
struct http_handler;
struct http_req;

/* Listens on "tcp://HOST:PORT", "unix:///PATH" or "fd://" (the sockets that the service manager has opened, LISTEN_FDS; there may be several).
 * -EINVAL: TCP that is neither mutual TLS nor loopback with a token. */
int door_open(struct api *a, const char *address, const struct api_doors *o, struct door **list, struct err *err);
/* The door of a socket that listens already, which becomes its own. */
int door_new(struct api *a, int fd, struct door **list, struct err *err);
void door_close_all(struct door **list);

struct api *door_api(const struct door *d);
/* From on_headers: false = it has been answered. */
bool door_admits(const struct door *d, struct http_req *r);
/* With the whole body of a call that takes JSON: false = it has been answered. */
bool door_takes_body(struct http_req *r);
