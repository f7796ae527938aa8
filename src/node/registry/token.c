/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/token.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/registry/base64.h"

#include <string.h>

#define SECONDS_DEFAULT 60 /* the protocol's */
#define CLIENT "berth"

void token_free(struct token *t)
{
	free(t->text);
	free(t->refresh);
	*t = (struct token){.text = NULL};
}

static bool visible(const char *s)
{
	for (; *s; s++) {
		if (*s <= 0x20 || *s >= 0x7f)
			return false;
	}
	return true;
}

int token_parse(const char *text, size_t n, struct token *ret, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(text, n, TOKEN_ANSWER_MAX, "the token server's answer", err);
	yyjson_val *root = yyjson_doc_get_root(doc);
	const char *token = "", *access = "", *refresh = "";
	int64_t seconds = SECONDS_DEFAULT;
	int r;

	if (!doc)
		return -EINVAL;
	if (!yyjson_is_obj(root))
		return err_set(err, EINVAL, "the token server's answer is not a JSON object");
	r = json_opt_str(root, "token", &token, err);
	if (r == 0)
		r = json_opt_str(root, "access_token", &access, err);
	if (r == 0)
		r = json_opt_str(root, "refresh_token", &refresh, err);
	if (r == 0)
		r = json_opt_int(root, "expires_in", 0, INT32_MAX, &seconds, err);
	if (r < 0)
		return err_wrap(err, "the token server's answer");
	if (!*token)
		token = access;
	if (!*token || !visible(token) || !visible(refresh))
		return err_set(err, EINVAL, "the token server's answer holds no token");
	ret->text = mem_strdup(token);
	ret->refresh = *refresh ? mem_strdup(refresh) : NULL;
	ret->seconds = seconds < SECONDS_DEFAULT ? SECONDS_DEFAULT : seconds;
	return 0;
}

static void add(struct buf *out, char between, const char *name, const char *value, size_t n)
{
	mem_cleanup char *part = mem_strndup(value, n);
	mem_cleanup char *escaped = url_escape(part, "");

	if (between)
		buf_addc(out, between);
	buf_printf(out, "%s=%s", name, escaped);
}

char *token_get_address(const char *realm, const struct token_query *q)
{
	struct buf out = BUF_LIMIT(64u << 10);
	char between = strchr(realm, '?') ? '&' : '?';

	buf_adds(&out, realm);
	if (q->service) {
		add(&out, between, "service", q->service, strlen(q->service));
		between = '&';
	}
	for (const char *s = q->scope; s && *s; s += strspn(s, " ")) {
		size_t n = strcspn(s, " ");

		add(&out, between, "scope", s, n);
		between = '&';
		s += n;
	}
	if (q->cred && q->cred->user) {
		add(&out, between, "account", q->cred->user, strlen(q->cred->user));
		between = '&';
	}
	if (q->offline)
		buf_printf(&out, "%coffline_token=true&client_id=" CLIENT, between);
	return buf_take(&out);
}

char *token_post_body(const struct token_query *q)
{
	struct buf out = BUF_LIMIT(256u << 10);

	buf_adds(&out, "grant_type=refresh_token&client_id=" CLIENT);
	add(&out, '&', "refresh_token", q->cred->identity_token, strlen(q->cred->identity_token));
	if (q->service)
		add(&out, '&', "service", q->service, strlen(q->service));
	if (q->scope)
		add(&out, '&', "scope", q->scope, strlen(q->scope));
	return buf_take(&out);
}

char *token_basic(const struct cred *c)
{
	mem_cleanup char *pair = mem_printf("%s:%s", c->user ? c->user : "", c->secret ? c->secret : "");
	mem_cleanup char *text = base64_text(pair, strlen(pair));

	explicit_bzero(pair, strlen(pair));
	return mem_printf("Authorization: Basic %s", text);
}
