/* SPDX-License-Identifier: Apache-2.0
 *
 * client: requests to the daemon, with its errors turned into ours.
 */
#pragma once

#include "base/wire/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct buf;
struct cli;
struct err;
struct http_client;
struct http_dial;

/* Of one reply that is read as a whole. */
#define CLIENT_REPLY_MAX (256u << 20)

/* Calls of Docker's API (docs/DOCKER.md) have this before their path: what it promises stays the same. */
#define CLIENT_DOCKER "/v1.44"
#define CLIENT_DOCKER_CONTAINERS CLIENT_DOCKER "/containers/"

/* The data directory of root's daemon. */
#define CLIENT_SYSTEM_DATA "/var/lib/berth"

/* Where the daemon is (endpoint.h). When nobody says it: /run/berth/berth.sock for root; for others XDG_RUNTIME_DIR/berth.sock or, without it, berth.sock
 * in their data directory, unless only the system's is there and they may use it. It lives as long as cli; NULL with *err set. */
const struct http_dial *client_dial(struct cli *cli, struct err *err);
/* It is reached over TCP or ssh: what is in this machine's directories is not what it has. */
bool client_is_remote(struct cli *cli);
/* What client_dial() and client_http() have opened. */
void client_end(struct cli *cli);
/* In words what a failed http_dial() means; the code is that of *err. */
int client_unreachable(const struct http_dial *d, int code, struct err *err);
/* The default for a daemon of this user; new memory. */
char *client_default_socket(void);
/* Its data directory: CLIENT_SYSTEM_DATA for root, XDG_DATA_HOME/berth or HOME/.local/share/berth for others; NULL when neither is set. */
char *client_default_data(void);
/* The same; -EINVAL when there is none: "... say where WHAT with --data DIR". */
int client_data(char **ret, const char *what, struct err *err);

/* The node that --node or BERTH_NODE names, or NULL. */
const char *client_node(const struct cli *cli);
/* A new connection; *err tells how to start berth when nobody listens. */
int client_open(struct cli *cli, struct http_client **ret, struct err *err);
/* The shared connection, opened on first use. */
int client_http(struct cli *cli, struct http_client **ret, struct err *err);

/* Sends one request and reads the headers of its reply: 0 when the status is 2xx (the body is still to be read), or a
 * negative errno with the server's message. `body` is JSON, or NULL. */
int client_begin(struct http_client *c, const char *method, const char *target, const char *body, struct err *err);
/* What an answer with this status means: 0 for 2xx and 304 (it was so already), else reads the message of the reply. */
int client_check(struct http_client *c, int status, struct err *err);

/* A request with a short reply over the shared connection. *ret_doc (may be NULL) is NULL when the reply has no body.
 */
int client_call(struct cli *cli, const char *method, const char *target, const char *body, yyjson_doc **ret_doc,
		struct err *err);
/* The same over a given connection. */
int client_call_on(struct http_client *c, const char *method, const char *target, const char *body,
		   yyjson_doc **ret_doc, struct err *err);

/* "/v1/jobs/" + id + tail, the id percent-encoded but for its slashes. New memory. */
char *client_target(const char *base, const char *id, const char *tail);
/* Adds ?name=value or &name=value, encoded. */
void client_query(struct buf *target, const char *name, const char *value);

/* Reads of the reply's body until there is something, the end (0), a signal of signal_fd (-EINTR, *ret_signal set;
 * signal_fd may be -1), or timeout_ms have passed (-EAGAIN; -1: never). */
ssize_t client_read(struct http_client *c, int signal_fd, void *data, size_t cap, int timeout_ms, int *ret_signal,
		    struct err *err);

/* Prints a JSON document on stdout: indented on a terminal, one line otherwise. Returns 0. */
int client_print_json(yyjson_doc *doc);

/* Waits until berth answers a ping on the socket, at the most timeout_ms, woken by what happens in the socket's
 * directory. -ETIMEDOUT when it did not. *ret_pid may be NULL. */
int client_wait_up(struct cli *cli, int64_t timeout_ms, int64_t *ret_pid, struct err *err);
/* One ping. */
int client_ping(struct cli *cli, int64_t *ret_pid, struct err *err);
