/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/hook.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "node/oci/spawn.h"

#include <stdio.h>
#include <string.h>

#define SAID_MAX 700	      /* leaves room in an error's text */
#define TIMEOUT_S_MAX 1000000 /* above that it may as well have none */

static void trim(struct buf *said)
{
	while (said->len > 0 && strchr(" \n\r\t", said->data[said->len - 1]))
		said->data[--said->len] = '\0';
}

static int run_one(const struct oci_hook *h, const char *state_json, const char *cwd, char *const *env, struct err *err)
{
	buf_cleanup struct buf said = BUF_LIMIT(SAID_MAX);
	const struct spawn s = {.path = h->path,
				.args = h->args,
				.env = h->env[0] || !env ? h->env : env,
				.cwd = cwd,
				.input = state_json,
				.timeout_ms =
				    h->timeout_s > 0 && h->timeout_s < TIMEOUT_S_MAX ? h->timeout_s * 1000 : -1,
				.out = &said};
	int r = spawn_run(&s, err);

	if (r <= 0)
		return r;
	trim(&said);
	if (r > 128)
		return err_set(err, ECANCELED, "%s: signal: %s, output: %s", h->path, strsignal(r - 128),
			       buf_str(&said));
	return err_set(err, ECANCELED, "%s: exit status %d, output: %s", h->path, r, buf_str(&said));
}

int oci_hooks_run(const struct oci_config *c, enum oci_hook_type type, const char *state_json, const char *cwd,
		  char *const *env, struct err *err)
{
	const struct oci_hooks *hooks = &c->hooks[type];

	for (size_t i = 0; i < hooks->n; i++) {
		int r = run_one(&hooks->v[i], state_json, cwd, env, err);

		if (r < 0) {
			err_wrap(err, "error running %s hook #%zu", oci_hook_names[type], i);
			return r;
		}
	}
	return 0;
}

void oci_hooks_run_all(const struct oci_config *c, enum oci_hook_type type, const char *state_json, const char *cwd,
		       void (*warn)(const char *text))
{
	const struct oci_hooks *hooks = &c->hooks[type];

	for (size_t i = 0; i < hooks->n; i++) {
		struct err err = ERR_INIT;

		if (run_one(&hooks->v[i], state_json, cwd, NULL, &err) >= 0)
			continue;
		err_wrap(&err, "error running %s hook #%zu", oci_hook_names[type], i);
		warn(err.text);
	}
}
