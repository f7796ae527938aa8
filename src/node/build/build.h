/* SPDX-License-Identifier: Apache-2.0
 *
 * build: `berth build`: a Dockerfile and a context become an image of the store. No daemon is needed: whoever may open the data directory
 * builds in a process of his own.
 *
 * build_run() blocks, wants a process with one thread, and tells by events what happens. Every step that is not in the cache runs in a
 * child process; independent stages run at the same time. SIGINT and SIGTERM are the caller's: his handler calls build_stop(), and
 * build_run() ends with -ECANCELED when the running steps have been cleared away.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct build_client;
struct err;
struct image_store;

enum build_network { BUILD_NETWORK_DEFAULT, BUILD_NETWORK_NONE, BUILD_NETWORK_HOST, BUILD_NETWORK_GIVEN };

/* Lists are NULL-terminated or NULL. */
/* Of each RUN; 0 and NULL = as usual. */
struct build_limits {
	uint64_t memory;      /* bytes, no swap beyond */
	uint64_t cpu_milli;   /* 1000 = one processor */
	uint64_t shm_size;    /* bytes of /dev/shm */
	char *const *ulimits; /* "nofile=1024:2048"; -1 = none */
	const char *cpus;     /* "0-2,5": the processors it runs on */
};

struct build_options {
	const char *context;	/* context.h */
	const char *dockerfile; /* -f, or NULL */
	int stdin_fd;
	char *const *tags;					   /* names of the image */
	char *const *build_args, *const *labels, *const *contexts; /* NAME=VALUE */
	char *const *no_cache_stages;
	char *const *secrets; /* "id=ID,src=PATH", "id=ID,env=NAME" */
	char *const *ssh;     /* "default", "ID=SOCKET" */
	char *const *hosts;   /* "NAME:ADDRESS" or "NAME=ADDRESS" */
	char *const *outputs; /* "type=local,dest=DIR", "type=tar|oci|docker,dest=FILE", "type=image,name=REF" */
	char *const *cache_from, *const *cache_to; /* cache_option.h */
	bool
	    cache_from_only; /* as Docker does it: with cache_from, a result counts only when it is a layer of a named image that is here, or
				 comes from the cache inside of it */
	struct build_limits limits;
	bool no_host;	  /* RUN --network=host is refused: who asks may not open the machine */
	bool docker_caps; /* RUN has Docker's capabilities, of which our own are a few less */
	const char *target, *platform;
	const char *check; /* more for "# check=": lint.h */
	bool no_cache, pull, check_only;
	enum build_network network;
	int netns; /* GIVEN: all RUN are in this network namespace, and have this resolv.conf (NULL: the machine's) */
	const char *resolv_conf;
	int tick_ms;   /* BUILD_EVENT_TICK so often while steps run; 0 = never */
	unsigned jobs; /* steps at the same time, 0 = as many as there are processors */
	/* Gets a base image that is not there, or with `pull` each one; NULL = what is not there is an error. */
	int (*fetch)(void *ctx, struct image_store *s, const char *ref, const char *platform, struct err *err);
	void *fetch_ctx;
	const struct build_client *client; /* client.h; NULL = nobody else */
	const char *dockerfile_dir; /* the client's directory that holds the Dockerfile; NULL = the context does */
};

enum build_event_type {
	BUILD_EVENT_PLAN,    /* total: steps that may run */
	BUILD_EVENT_STAGE,   /* a stage begins: text is its FROM, id its image's or NULL */
	BUILD_EVENT_CONFIG,  /* a step that changes the config alone: over already */
	BUILD_EVENT_WARNING, /* about the Dockerfile: text; line, 0 = of none */
	BUILD_EVENT_NOTE,    /* text: something else to tell */
	BUILD_EVENT_BEGIN,   /* a step begins */
	BUILD_EVENT_CACHED,  /* a step was in the cache */
	BUILD_EVENT_OUTPUT,  /* text: one line of a running step, without its newline */
	BUILD_EVENT_DONE,    /* ms */
	BUILD_EVENT_FAILED,  /* text: the last lines of its output; why */
	BUILD_EVENT_EXPORT,  /* the steps are done: image and other outputs are written */
	BUILD_EVENT_TICK,    /* time went by */
};

struct build_event {
	enum build_event_type type;
	size_t index; /* of the step among all steps, from 1 */
	size_t total;
	size_t n_instructions; /* of the stages that are needed, with FROM and what changes the config alone */
	const char *stage;     /* its label */
	int number, of;	       /* of the step in its stage */
	const char *step;      /* "RUN make" */
	const char *text, *id;
	const char *file; /* of the Dockerfile */
	unsigned line, end_line;
	int64_t ms;
	const char *why;   /* FAILED: the error */
	const char *base;  /* STAGE: the image that it is FROM, or NULL */
	char *const *argv; /* of a RUN, or NULL */
	size_t n_stages;   /* that the Dockerfile has */
	bool written;	   /* the step is of the Dockerfile, not ONBUILD of a base */
};
/* How a failure of a RUN ends; its number follows. */
#define BUILD_EXIT_TEXT "the command returned a non-zero code: "

typedef void build_event_fn(void *ctx, const struct build_event *e);

struct build_result {
	char *id, *digest; /* "sha256:<hex>" of config and manifest; NULL when no image was asked for */
	char **names;
	size_t n_steps, n_cached;
	bool on_stdout; /* an output went there: nothing else may */
	bool unchanged; /* the image is one that was made before */
};
void build_result_free(struct build_result *r);

int build_run(int data_dir, const struct build_options *o, build_event_fn *event, void *ctx, struct build_result *ret,
	      struct err *err);
void build_stop(void); /* async-signal-safe */
