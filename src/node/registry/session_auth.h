/* SPDX-License-Identifier: Apache-2.0
 *
 * session_auth: who we are to an endpoint: credentials, challenges and tokens. Inside of session.
 */
#pragma once

#include "node/registry/challenge.h"
#include "node/registry/cred_helper.h"
#include "node/registry/session.h"
#include "base/core/guard.h"

struct session_token {
	char *scope, *text;
	int64_t until_ms;
};

struct session {
	struct transport *transport;
	const struct hosts *hosts;
	const struct endpoint *endpoint;
	struct url base; /* the endpoint's, with the scheme that it turned out to speak */
	bool reached;	 /* it has answered once */
	bool asked;	 /* config.json was looked at */
	struct cred cred;
	struct challenge challenge; /* the last one */
	struct session_token *tokens;
	size_t n_tokens, cap_tokens;
	char *identity;
};

/* The header for a request to the endpoint's origin; *ret = NULL when nothing was asked for yet, or there is nothing to show. */
int session_authorization(struct session *s, const char *scope, char **ret, struct err *err);
/* After a 401: 1 = try again, 0 = there is nothing (else) to show. `shown`: what we had was refused. */
int session_challenged(struct session *s, const char *header, const char *scope, bool shown, struct err *err);
