/* SPDX-License-Identifier: Apache-2.0
 *
 * spec: what a container shall be. Pure: JSON in (docs/formats/job.md section 2 and engine.h), a checked struct out, and the merge with
 * the image's configuration. Strings are borrowed from the JSON value, which must outlive the struct.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <yyjson.h>

struct err;
struct image_info;

#define SPEC_ARGS_MAX (1u << 20)  /* bytes of entrypoint and command, and of the environment */
#define SPEC_FILES_MAX (4u << 20) /* bytes of all files in base64 */
#define SPEC_MOUNTS_MAX 256
#define SPEC_RULES_MAX 256
#define SPEC_TEXT_MAX (16u << 20) /* of the whole in JSON */
#define SPEC_PIDS_DEFAULT 4096
#define SPEC_LOG_SIZE_DEFAULT (100u << 20)
#define SPEC_LOG_FILES_DEFAULT 3
#define SPEC_TASK_DIR "/work"

enum spec_mount_type { SPEC_BIND, SPEC_VOLUME, SPEC_TMPFS };

struct spec_mount {
	enum spec_mount_type type;
	const char *source; /* bind: absolute path; volume: its name */
	const char *target;
	bool read_only, create;
	uint64_t size;
	mode_t mode;
};

struct spec_file {
	const char *target, *base64;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

struct spec_space {
	const char *name, *path;
};

struct spec_rule {
	const char *space, *path; /* path: of the space, from `spaces` */
	const char *to;		  /* NULL = the top */
	char **include, **exclude;
};

struct spec_health {
	char **test; /* argv; NULL = none */
	int64_t interval_ms, timeout_ms, start_period_ms, start_interval_ms;
	int64_t retries;
};

struct spec {
	const char *image, *name, *key, *job, *task;
	const char *working_dir, *user, *hostname, *stop_signal;
	int64_t index, epoch;
	bool remove, read_only, userns;		     /* userns: its users are shifted to a range of their own */
	char **entrypoint, **command, **environment; /* NULL = absent */
	struct spec_mount *mounts;
	size_t n_mounts;
	struct spec_file *files;
	size_t n_files;
	struct spec_space *spaces;
	size_t n_spaces;
	struct spec_rule *stage_in, *stage_out;
	size_t n_stage_in, n_stage_out;
	struct spec_health health;
	int64_t limit_cpu_milli, limit_memory, limit_pids;
	bool pids_by_default; /* nobody asked for limit_pids: it is left out where it cannot be enforced */
	int64_t stop_grace_ms;
	int64_t log_max_size, log_max_files;
};

/* Fills *ret, which spec_free() empties (also after a failure). -EINVAL or -E2BIG name the member. */
int spec_parse(yyjson_val *v, struct spec *ret, struct err *err);
void spec_free(struct spec *s);

/* What runs in the end: the spec merged with the image's defaults as Docker does: an entrypoint of the spec drops the image's command,
 * variables of the spec replace those of the image by name, and PATH and HOSTNAME have defaults. */
struct spec_command {
	char **argv, **env;
	const char *working_dir, *user; /* borrowed from spec or image, may be NULL */
	int stop_signal;
};
/* -EINVAL when there is nothing to run or the image's own values are unusable. `image` may be freed only after *ret. */
int spec_merge(const struct spec *s, const struct image_info *image, const char *hostname, struct spec_command *ret,
	       struct err *err);
void spec_command_free(struct spec_command *c);

/* Signal number of "SIGTERM", "TERM" or "15" (1..64), or -EINVAL. */
int spec_signal(const char *text, struct err *err);

/* [a-zA-Z0-9][a-zA-Z0-9_.-]{0,127} */
bool spec_name_ok(const char *name);

/* Decodes base64 (RFC 4648 section 4, padded) into new memory; -EINVAL when it is malformed. */
int spec_base64(const char *text, unsigned char **ret, size_t *ret_len, struct err *err);
