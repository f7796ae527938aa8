/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/login.h"

#include "base/core/mem.h"
#include "base/wire/protobuf.h"
#include "face/buildkit/ask.h"
#include "node/registry/docker_config.h"
#include "node/registry/name.h"

#include <string.h>

#define CREDENTIALS "/moby.filesync.v1.Auth/Credentials"
#define HUB "registry-1.docker.io" /* as BuildKit names docker.io */

static int session_ask = -1;

static char *field_text(const struct buf *message, unsigned field)
{
	const char *at = buf_str(message), *end = at + message->len;
	struct pb_field f;

	while (pb_next(&at, end, &f) > 0) {
		if (f.field == field && f.text && f.n > 0)
			return mem_strndup(f.text, f.n);
	}
	return NULL;
}

/* Who has none, has no session or does not say goes without. A secret without a user is a token that lets us ask for others. */
static int from_session(const char *registry, struct cred *ret)
{
	cleanup_with(ask_close) struct ask_stream stream = ASK_STREAM_NULL;
	buf_cleanup struct buf message = BUF_INIT;

	pb_text(&message, 1, strcmp(registry, NAME_DEFAULT_HOST) == 0 ? HUB : registry);
	if (ask_once(session_ask, CREDENTIALS, &message, &stream, NULL) < 0)
		return 0;
	*ret = (struct cred){.user = field_text(&stream.message, 1)};
	*(ret->user ? &ret->secret : &ret->identity_token) = field_text(&stream.message, 2);
	if (ret->user && !ret->secret)
		ret->secret = mem_strdup("");
	if (stream.message.len > 0)
		explicit_bzero(stream.message.data, stream.message.len);
	return ret->user || ret->identity_token;
}

void login_use(int ask)
{
	session_ask = ask;
	docker_config_ask(from_session);
}
