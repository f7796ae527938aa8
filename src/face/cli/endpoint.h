/* SPDX-License-Identifier: Apache-2.0
 *
 * endpoint: where the daemon is that a command speaks to, and what it takes to be let in. The first of these that is said counts:
 *
 *	--socket, -H, --host	a path, unix://PATH, tcp://HOST[:PORT] or ssh://[USER@]HOST[:PORT]
 *	--context		a context of docker's client (docker_context.h)
 *	BERTH_SOCKET		as --socket
 *	DOCKER_HOST		as --socket
 *	DOCKER_CONTEXT		as --context; currentContext of docker's config.json
 *	nothing			the socket of this user's daemon, or the system's
 *
 * Over TCP: with DOCKER_TLS_VERIFY (DOCKER_TLS: whoever the server is) TLS with ca.pem, cert.pem and key.pem of DOCKER_CERT_PATH or ~/.docker, contexts
 * with their own. BERTH_TOKEN_FILE names the file of a token; HttpHeaders of config.json are sent as docker sends them.
 */
#pragma once

#include "base/wire/http_dial.h"

struct endpoint {
	struct http_dial dial; /* its strings are those below */
	char *address, *name, *ca, *cert, *key, *headers;
	char *context; /* that said it, or NULL */
};
#define ENDPOINT_NULL                                                                                                  \
	{                                                                                                              \
		.address = NULL                                                                                        \
	}
void endpoint_free(struct endpoint *e);

/* said: --socket; context: --context; each NULL when not given. usual: what there is when nobody says anything. */
int endpoint_find(const char *said, const char *context, const char *usual, struct endpoint *ret, struct err *err);
