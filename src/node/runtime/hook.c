/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/hook.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "node/runtime/spawn.h"

#include <stdio.h>
#include <string.h>

#define SAID_MAX 700	      /* leaves room in an error's text */
#define TIMEOUT_S_MAX 1000000 /* above that it may as well have none */

const char *const rt_hook_names[RT_HOOK_TYPES] = {
    "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
};

static void trim(struct buf *said)
{
	while (said->len > 0 && strchr(" \n\r\t", said->data[said->len - 1]))
		said->data[--said->len] = '\0';
}

static int run_one(const struct rt_hook *h, const struct rt_hook_call *call, struct err *err)
{
	buf_cleanup struct buf said = BUF_LIMIT(SAID_MAX);
	const struct spawn s = {.path = h->path,
				.args = h->args,
				.env = h->env[0] || !call->env ? h->env : call->env,
				.cwd = call->cwd,
				.input = call->state,
				.timeout_ms =
				    h->timeout_s > 0 && h->timeout_s < TIMEOUT_S_MAX ? h->timeout_s * 1000 : -1,
				.out = &said,
				.prepare = call->prepare,
				.ctx = call->ctx};
	int r = spawn_run(&s, err);

	if (r <= 0)
		return r;
	trim(&said);
	if (r > 128)
		return err_set(err, ECANCELED, "%s: signal: %s, output: %s", h->path, strsignal(r - 128),
			       buf_str(&said));
	return err_set(err, ECANCELED, "%s: exit status %d, output: %s", h->path, r, buf_str(&said));
}

int rt_hooks_run(const struct rt_hooks *all, enum rt_hook_type type, const struct rt_hook_call *call, struct err *err)
{
	const struct rt_hooks *hooks = &all[type];

	for (size_t i = 0; i < hooks->n; i++) {
		int r = run_one(&hooks->v[i], call, err);

		if (r < 0) {
			err_wrap(err, "error running %s hook #%zu", rt_hook_names[type], i);
			return r;
		}
	}
	return 0;
}

void rt_hooks_run_all(const struct rt_hooks *all, enum rt_hook_type type, const struct rt_hook_call *call,
		      void (*warn)(const char *text))
{
	const struct rt_hooks *hooks = &all[type];

	for (size_t i = 0; i < hooks->n; i++) {
		struct err err = ERR_INIT;

		if (run_one(&hooks->v[i], call, &err) >= 0)
			continue;
		err_wrap(&err, "error running %s hook #%zu", rt_hook_names[type], i);
		warn(err.text);
	}
}
