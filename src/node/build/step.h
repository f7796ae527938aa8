/* SPDX-License-Identifier: Apache-2.0
 *
 * step: what a plan says is to be done, in full: nothing in these structs has a variable or needs the Dockerfile any more. Plain data; all
 * strings belong to the plan.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/build/build_config.h"
#include "node/build/file_mode.h"

enum step_kind {
	STEP_CONFIG, /* changes the config only: nothing to run */
	STEP_RUN,
	STEP_COPY,
	STEP_ADD,
	STEP_WORKDIR, /* makes the directory when it is missing */
};

enum step_mount_type { STEP_MOUNT_BIND, STEP_MOUNT_CACHE, STEP_MOUNT_TMPFS, STEP_MOUNT_SECRET, STEP_MOUNT_SSH };
enum step_sharing { STEP_SHARED, STEP_PRIVATE, STEP_LOCKED };
enum step_network { STEP_NETWORK_DEFAULT, STEP_NETWORK_NONE, STEP_NETWORK_HOST };

#define STEP_FROM_CONTEXT (-1) /* the build context */
#define STEP_FROM_NOTHING (-2) /* an empty directory: a cache without from= */

struct step_mount {
	enum step_mount_type type;
	int from;     /* bind and cache: a stage of the plan, STEP_FROM_CONTEXT or STEP_FROM_NOTHING */
	char *source; /* bind and cache: path in `from`, absolute and clean ("/" by default) */
	char *
	    target; /* absolute and clean; secret: /run/secrets/ID by default, NULL when only env= was asked for; ssh: NULL = the runner
			  chooses */
	char *
	    id; /* cache (the target by default), secret (the last part of source or target by default), ssh ("default") */
	char *env; /* secret: the variable that holds it too, or NULL */
	bool read_only;
	bool required;		   /* secret and ssh: an error when it was not given */
	enum step_sharing sharing; /* cache */
	uint64_t size;		   /* tmpfs: bytes, 0 = no own limit */
	uint32_t mode, uid, gid;   /* cache: 0755; secret: 0400; ssh: 0600; uid and gid 0 */
};

struct step_device {
	char *name;
	bool required;
};

struct step_run {
	char **argv; /* with the shell in front when it was no JSON */
	bool shell;  /* it was the shell form */
	/* RUN <<EOF whose text starts with "#!": the file /dev/pipes/NAME, mode 0755, which argv names; NULL otherwise. */
	char *script_name, *script;
	char **env; /* NAME=VALUE: the image's, then build arguments; no proxies */
	char **
	    proxy_env; /* predefined proxy arguments that were given and not declared: for the process, not for key and history */
	struct step_mount *mounts;
	size_t n_mounts;
	enum step_network network;
	bool insecure; /* --security=insecure: only with leave */
	struct step_device *devices;
	size_t n_devices;
};

struct step_file {
	char *name, *content; /* a heredoc as a file; expanded */
};

struct step_copy {
	int from; /* a stage of the plan, STEP_FROM_CONTEXT or STEP_FROM_NOTHING (--from=scratch) */
	char **
	    sources; /* paths with * ? [] as given (COPY: relative to the root of `from`); ADD: also URLs and git addresses */
	struct step_file *files;
	size_t n_files;
	char *dest;	       /* absolute, clean, relative ones resolved by WORKDIR */
	bool dest_dir;	       /* it ended in '/' or was "." */
	char *chown;	       /* "user:group" by names or numbers, NULL = 0:0 */
	char *chmod;	       /* as written, NULL = the mode of the source */
	struct file_mode mode; /* chmod, when not NULL */
	bool link, parents;
	char **exclude; /* patterns of ignore.h */
	/* ADD */
	char *checksum;		 /* "sha256:<hex>" of a URL, the commit of a git address; NULL = none */
	bool keep_git_dir;	 /* false by default */
	bool has_unpack, unpack; /* --unpack; without it local archives are unpacked, downloaded ones not */
};

struct step_workdir {
	char *path; /* absolute, clean */
};

struct plan_step {
	enum step_kind kind;
	const char *text;	 /* the instruction for people, expanded where that is safe: "RUN make" */
	const char *name;	 /* "RUN", in capitals */
	unsigned line, end_line; /* in the Dockerfile; of FROM for a trigger of the base image */
	bool on_build;		 /* came from ONBUILD of the base image */
	bool no_cache;		 /* its result must not be taken from the cache (--no-cache) */
	int number,
	    total;   /* of the stage, counted as shown to people: FROM is 1 when it is an image; 0 for STEP_CONFIG */
	int history; /* index in the stage's config->history, -1 = none (ONBUILD) */
	const char *user;    /* USER at this place, "" = root */
	const char *workdir; /* WORKDIR at this place, "/" at least */
	union {
		struct step_run *run;
		struct step_copy *copy; /* COPY and ADD */
		struct step_workdir *dir;
	};
};
