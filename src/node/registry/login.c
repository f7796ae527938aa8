/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/login.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/registry/docker_config.h"
#include "node/registry/remote.h"

void registry_login_free(struct registry_login *l)
{
	free(l->file);
	*l = (struct registry_login){.file = NULL};
}

static int ask(struct session *s, const struct cred *c, struct err *err)
{
	cleanup_with(exchange_freep) struct exchange *e = NULL;
	const struct call call = {.method = "GET", .path = "v2/", .body_max = TRANSPORT_ERROR_BODY_MAX};
	int r;

	session_use(s, c);
	r = session_call(s, &call, &e, err);
	if (r < 0)
		return r;
	if (r == 401 || r == 403)
		return err_set(err, EACCES, "the registry %s refuses the name \"%s\" with this password",
			       session_name(s), c->user);
	return r == 200 ? 0 : exchange_refused(e, "login", err);
}

int registry_login_try(const char *registry, const struct cred *c, char **ret_token, struct err *err)
{
	cleanup_with(remote_close) struct remote r = REMOTE_INIT;
	int code = remote_open(registry, false, &r, err);

	if (code == 0)
		code = ask(r.sessions[0], c, err);
	if (code == 0)
		*ret_token = mem_strdup(session_identity(r.sessions[0]));
	return code;
}

int registry_login(const char *registry, const struct cred *c, struct registry_login *ret, struct err *err)
{
	cleanup_with(remote_close) struct remote r = REMOTE_INIT;
	struct cred kept = *c;
	int code = remote_open(registry, false, &r, err);

	if (code == 0)
		code = ask(r.sessions[0], c, err);
	if (code < 0)
		return code;
	kept.identity_token = (char *)(uintptr_t)session_identity(r.sessions[0]);
	ret->is_token = kept.identity_token != NULL;
	ret->is_plain = session_is_plain(r.sessions[0]);
	return docker_config_store(registry, &kept, &ret->file, err);
}
