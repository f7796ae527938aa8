/* SPDX-License-Identifier: Apache-2.0 */
/* What a stranger sends before it has proved anything: the wish to join, the token in it, and its request for a certificate. */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/link/cert.h"
#include "cluster/link/join.h"
#include "cluster/link/join_token.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char *ca_key, *ca;

static void look(const char *token, const char *request)
{
	const struct cert_wish w = {.node = "n", .member = "m", .seconds = 60};
	mem_cleanup char *cert = NULL;
	char text[JOIN_TOKEN_TEXT_MAX];
	struct join_token t;
	struct err err = ERR_INIT;

	if (join_token_parse(token, &t, &err) == 0) {
		join_token_text(&t, text);
		if (strcmp(text, token) != 0)
			abort();
	}
	if (!ca && (cert_key_new(&ca_key, &err) < 0 || cert_authority_new(ca_key, &ca, &err) < 0))
		abort();
	(void)cert_sign(ca, ca_key, request, &w, &cert, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	mem_cleanup char *text = mem_zalloc(1, n + 1), *cert = NULL;
	struct buf whole = {.data = text, .len = n};
	struct join_request j;
	struct err err = ERR_INIT;
	size_t length;

	if (n)
		memcpy(text, data, n);
	(void)join_length(&whole, &length, &err);
	(void)join_decode_answer(text, n, &cert, &err);
	if (join_decode(text, n, &j, &doc, &err) == 0)
		look(j.token, j.request);
	else
		look(text, text);
	return 0;
}
