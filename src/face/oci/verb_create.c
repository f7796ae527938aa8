/* SPDX-License-Identifier: Apache-2.0 */
/* create and run: they differ in what comes after. */
#include "face/oci/verb.h"

#include <stdint.h>

struct values {
	const char *bundle, *config, *console_socket, *pidfd_socket, *pid_file;
	uint64_t preserve_fds;
	bool no_pivot, no_new_keyring, no_subreaper, detach, keep;
};

static const struct values defaults = {.bundle = ".", .config = "config.json"};

#define COMMON                                                                                                         \
	{"bundle", 'b', OPTION_TEXT, offsetof(struct values, bundle), "DIR", "the bundle (default: this folder)"},     \
	    {"config",	  'f',                                                                                         \
	     OPTION_TEXT, offsetof(struct values, config),                                                             \
	     "FILE",	  "its configuration (default: config.json)"},                                                 \
	    {"console-socket", 0,                                                                                      \
	     OPTION_TEXT,      offsetof(struct values, console_socket),                                                \
	     "PATH",	       "the socket that takes the terminal"},                                                  \
	    {"pidfd-socket", 0,                                                                                        \
	     OPTION_TEXT,    offsetof(struct values, pidfd_socket),                                                    \
	     "PATH",	     "a socket that takes a pidfd of the first process"},                                      \
	    {"pid-file",  0,                                                                                           \
	     OPTION_TEXT, offsetof(struct values, pid_file),                                                           \
	     "FILE",	  "where to write the number of the first process"},                                           \
	    {"preserve-fds",                                                                                           \
	     0,                                                                                                        \
	     OPTION_COUNT,                                                                                             \
	     offsetof(struct values, preserve_fds),                                                                    \
	     "N",                                                                                                      \
	     "give the container N descriptors from 3 on"},                                                            \
	    {"no-pivot",  0,                                                                                           \
	     OPTION_FLAG, offsetof(struct values, no_pivot),                                                           \
	     NULL,	  "for a root on an initial ramdisk: chroot instead of pivot_root"},                           \
	    {"no-new-keyring",                                                                                         \
	     0,                                                                                                        \
	     OPTION_FLAG,                                                                                              \
	     offsetof(struct values, no_new_keyring),                                                                  \
	     NULL,                                                                                                     \
	     "keep the session keyring of the caller"},                                                                \
	{                                                                                                              \
		"no-subreaper", 0, OPTION_FLAG, offsetof(struct values, no_subreaper), NULL,                           \
		    "do not become the parent of orphans"                                                              \
	}

static const struct option_spec create_options[] = {COMMON, {NULL}};

static const struct option_spec run_options[] = {
    COMMON,
    {"detach", 'd', OPTION_FLAG, offsetof(struct values, detach), NULL, "do not wait for the container"},
    {"keep", 0, OPTION_FLAG, offsetof(struct values, keep), NULL, "do not delete the container when it has ended"},
    {NULL},
};

static struct oci_request request_of(const struct values *v, const char *id)
{
	return (struct oci_request){.id = id,
				    .bundle = v->bundle,
				    .config = v->config,
				    .console_socket = v->console_socket,
				    .pidfd_socket = v->pidfd_socket,
				    .pid_file = v->pid_file,
				    .preserve_fds = (unsigned)v->preserve_fds,
				    .listen_fds = oci_listen_fds(),
				    .no_pivot = v->no_pivot,
				    .no_new_keyring = v->no_new_keyring,
				    .detach = v->detach,
				    .keep = v->keep,
				    .no_subreaper = v->no_subreaper};
}

static int run_create(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	const struct oci_request o = request_of(values, operands[0]);

	return oci_create(rt, &o, err);
}

static int run_run(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	const struct oci_request o = request_of(values, operands[0]);

	return oci_run(rt, &o, err);
}

const struct oci_verb verb_create = {
    .name = "create",
    .usage = "[OPTIONS] ID",
    .summary = "make a container of a bundle; it waits for its start",
    .options = create_options,
    .values_size = sizeof(struct values),
    .defaults = &defaults,
    .preserve_offset = offsetof(struct values, preserve_fds),
    .least = 1,
    .most = 1,
    .guarded = true,
    .enters = true,
    .run = run_create,
};

const struct oci_verb verb_run = {
    .name = "run",
    .usage = "[OPTIONS] ID",
    .summary = "make and start a container, wait for its end, delete it",
    .options = run_options,
    .values_size = sizeof(struct values),
    .defaults = &defaults,
    .preserve_offset = offsetof(struct values, preserve_fds),
    .least = 1,
    .most = 1,
    .guarded = true,
    .enters = true,
    .run = run_run,
};
