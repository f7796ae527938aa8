/* SPDX-License-Identifier: Apache-2.0
 *
 * run_request: what the options of `berth run` say, as the JSON of POST /v1/containers/run (docs/API.md). Reads no
 * file but those of --env-file.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;

struct run_options {
	bool remove, detach, read_only, userns, quiet;
	const char *pull; /* image_fetch.h */
	const char *name, *workdir, *user, *entrypoint, *hostname;
	char **env, **env_files, **volumes, **tmpfs;
	uint64_t cpus, memory, pids;
};

/* words: the image and its command. *ret_json is new memory. 0 or a negative errno. */
int run_request(const struct run_options *o, char **words, char **ret_json, struct err *err);
