/* SPDX-License-Identifier: Apache-2.0
 *
 * hook: programs that run beside a container's life (runtime-spec config.md, "POSIX-platform Hooks"): in their order, the container's state on standard
 * input, nothing in the environment but what the hook asks for, no descriptor of ours (attack row R18).
 */
#pragma once

#include <stddef.h>

struct err;

enum rt_hook_type {
	RT_HOOK_PRESTART,
	RT_HOOK_CREATE_RUNTIME,
	RT_HOOK_CREATE_CONTAINER,
	RT_HOOK_START_CONTAINER,
	RT_HOOK_POSTSTART,
	RT_HOOK_POSTSTOP,
	RT_HOOK_TYPES
};
extern const char *const rt_hook_names[RT_HOOK_TYPES]; /* "prestart" ... */

struct rt_hook {
	const char *path;  /* absolute */
	char *const *args; /* args[0] included; never NULL */
	char *const *env;  /* never NULL */
	int timeout_s;	   /* 0 = none */
};

struct rt_hooks {
	const struct rt_hook *v;
	size_t n;
};

struct rt_hook_call {
	const char *state; /* JSON (runtime.md, "State") */
	const char *cwd;   /* where they run */
	char *const *env;  /* for a hook that has no environment of its own; may be NULL */
	/* Called in the new process before its exec, to take rights away; returns 0 or a negative errno. NULL = nothing is to be done. */
	int (*prepare)(void *ctx);
	void *ctx;
};

/* `all` has RT_HOOK_TYPES entries. The first that fails ends it: "error running createRuntime hook #0: ..." with the end of what it said. */
int rt_hooks_run(const struct rt_hooks *all, enum rt_hook_type type, const struct rt_hook_call *call, struct err *err);
/* Runs them all, whatever each returns (poststop); `warn` is told of each failure. */
void rt_hooks_run_all(const struct rt_hooks *all, enum rt_hook_type type, const struct rt_hook_call *call,
		      void (*warn)(const char *text));
