/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon_json: dockerd's configuration file (/etc/docker/daemon.json), for who puts berth where dockerd was. Every key that dockerd knows is done, needs nothing
 * here, is told to be without effect, or is refused: what would leave a machine open if it were passed over.
 * Source: "Daemon configuration file" of dockerd's reference.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;

struct daemon_json {
	char **hosts;		       /* as --listen has them */
	char *tls_cert, *tls_key, *ca; /* NULL: not there */
	int level;		       /* enum log_level, -1: not there */
	char *log;		       /* {"Type", "Config"} of containers that do not say, NULL: not there */
	char **told;		       /* what has no effect here and why, a line each; NULL: nothing */
};
#define DAEMON_JSON_INIT                                                                                               \
	{                                                                                                              \
		.level = -1                                                                                            \
	}

/* Reads the file. Errors (-EINVAL) name file and key; an unknown key is one, as with dockerd. */
int daemon_json_read(const char *path, struct daemon_json *ret, struct err *err);
/* The text of one; `path` is for errors. */
int daemon_json_parse(const char *text, size_t n, const char *path, struct daemon_json *ret, struct err *err);
void daemon_json_free(struct daemon_json *d);
