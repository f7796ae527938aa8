/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/session_auth.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/registry/docker_config.h"
#include "node/registry/token.h"

#include <string.h>

#define EARLY_MS 10000 /* before its end a token is old */

struct session *session_new(struct transport *t, const struct hosts *h, const struct endpoint *e)
{
	struct session *s = mem_new(struct session);

	s->transport = t;
	s->hosts = h;
	s->endpoint = e;
	url_copy(&e->base, &s->base);
	return s;
}

struct session *session_free(struct session *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < s->n_tokens; i++) {
		free(s->tokens[i].scope);
		free(s->tokens[i].text);
	}
	free(s->tokens);
	free(s->identity);
	cred_free(&s->cred);
	challenge_free(&s->challenge);
	url_free(&s->base);
	free(s);
	return NULL;
}

const char *session_name(const struct session *s)
{
	return s->endpoint->name;
}

struct transport *session_transport(const struct session *s)
{
	return s->transport;
}

const char *session_identity(const struct session *s)
{
	return s->identity;
}

bool session_is_plain(const struct session *s)
{
	return !s->base.https;
}

void session_use(struct session *s, const struct cred *c)
{
	cred_free(&s->cred);
	s->cred = (struct cred){.user = mem_strdup(c->user),
				.secret = mem_strdup(c->secret),
				.identity_token = mem_strdup(c->identity_token),
				.registry_token = mem_strdup(c->registry_token)};
	s->asked = true;
}

static int load_cred(struct session *s, struct err *err)
{
	int r = s->asked ? 0 : docker_config_get(s->endpoint->name, &s->cred, err);

	s->asked = s->asked || r >= 0;
	return r < 0 ? r : 0;
}

static bool has_cred(const struct session *s)
{
	return s->cred.user || s->cred.identity_token;
}

/* ---- tokens ---- */

static struct session_token *find(struct session *s, const char *scope)
{
	for (size_t i = 0; i < s->n_tokens; i++) {
		if (strcmp(s->tokens[i].scope, scope) == 0)
			return &s->tokens[i];
	}
	return NULL;
}

static void keep(struct session *s, const char *scope, struct token *t)
{
	struct session_token *place = find(s, scope);

	if (!place) {
		mem_grow(&s->tokens, &s->cap_tokens, s->n_tokens);
		place = &s->tokens[s->n_tokens++];
		place->scope = mem_strdup(scope);
	}
	free(place->text);
	place->text = mem_take(t->text);
	place->until_ms = clock_mono_ms() + t->seconds * 1000;
	if (t->refresh) {
		free(s->identity);
		s->identity = mem_take(t->refresh);
	}
}

/* Whether the token server may know who we are: attack class I7. */
static int check_realm(struct session *s, const struct url *realm, bool *ret_known, struct err *err)
{
	mem_cleanup char *origin = url_origin(realm);
	bool named = s->endpoint->realm.host && url_same_origin(realm, &s->endpoint->realm);

	*ret_known = named || url_same_origin(realm, &s->base) || !RT_GUARD(I7);
	if (*ret_known)
		return 0;
	if (has_cred(s))
		return err_set(
		    err, EPERM,
		    "the registry %s wants the password for it to be sent to %s, another server; if that is right, "
		    "say so in registries.json: {\"registries\": {\"%s\": {\"realm\": \"%s\"}}}",
		    s->endpoint->name, origin, s->endpoint->name, origin);
	if (!realm->https)
		return err_set(
		    err, EPERM,
		    "the registry %s sends us to the token server %s, which is another server and without TLS",
		    s->endpoint->name, origin);
	return 0;
}

static int token_answer(struct session *s, const struct exchange *e, struct token *ret, struct err *err)
{
	mem_cleanup char *origin = url_origin(exchange_url(e));
	int status = exchange_status(e);
	int r;

	if (status == 400 || status == 401 || status == 403)
		return err_set(
		    err, EACCES,
		    has_cred(s) ? "the registry %s refuses this name and password (%s answered with %d); log in with: "
				  "berth login %s"
				: "the registry %s wants to know who asks (%s answered with %d); log in with: "
				  "berth login %s",
		    s->endpoint->name, origin, status, s->endpoint->name);
	if (status != 200)
		return err_set(err, EIO, "the token server %s of the registry %s answered with status %d", origin,
			       s->endpoint->name, status);
	r = token_parse(buf_str(exchange_body(e)), exchange_body(e)->len, ret, err);
	return r < 0 ? err_wrap(err, "%s", origin) : 0;
}

static int ask(struct session *s, const char *address, const struct token_query *q, struct token *ret, struct err *err)
{
	cleanup_with(url_free) struct url u = URL_INIT;
	cleanup_with(hosts_trust_free) struct transport_trust trust = {.ca = NULL};
	cleanup_with(exchange_freep) struct exchange *e = NULL;
	char **headers cleanup_with(mem_strv_freep) = NULL;
	mem_cleanup char *body = NULL;
	struct call c = {.method = "GET", .url = &u, .alone = true, .body_max = TOKEN_ANSWER_MAX};
	int r = url_parse(address, &u, err);

	if (r == 0 && !url_same_origin(&u, &s->base))
		r = hosts_trust(s->hosts, &u, &trust, err);
	if (r < 0)
		return r;
	c.trust = url_same_origin(&u, &s->base) ? NULL : &trust;
	if (q->cred && q->cred->identity_token) {
		body = token_post_body(q);
		c.method = "POST";
		c.body = body;
		c.body_size = (int64_t)strlen(body);
		mem_strv_add(&headers, "Content-Type: application/x-www-form-urlencoded");
	} else if (q->cred) {
		mem_cleanup char *basic = token_basic(q->cred);

		mem_strv_add(&headers, basic);
	}
	c.headers = headers;
	r = session_call(s, &c, &e, err);
	return r < 0 ? r : token_answer(s, e, ret, err);
}

static int fetch(struct session *s, const char *scope, struct err *err)
{
	cleanup_with(url_free) struct url realm = URL_INIT;
	cleanup_with(token_free) struct token t = {.text = NULL};
	struct token_query q = {.service = s->challenge.service, .scope = *scope ? scope : NULL};
	mem_cleanup char *address = NULL;
	bool known = false;
	int r = url_parse(s->challenge.realm, &realm, err);

	if (r < 0)
		return err_wrap(err, "the token server of the registry %s", s->endpoint->name);
	if (RT_GUARD(I7) && s->base.https && !realm.https)
		return err_set(err, EPERM, "the registry %s wants tokens to be fetched without TLS, from http://%s",
			       s->endpoint->name, realm.host);
	r = check_realm(s, &realm, &known, err);
	if (r < 0)
		return r;
	if (known && has_cred(s)) {
		q.cred = &s->cred;
		q.offline = s->cred.user && !s->cred.identity_token && !*scope;
	}
	if (q.cred && q.cred->identity_token)
		address = url_text(&realm);
	else
		address = token_get_address(s->challenge.realm, &q);
	r = ask(s, address, &q, &t, err);
	if (r == 0)
		keep(s, scope, &t);
	return r;
}

/* ---- the header ---- */

static int bearer(struct session *s, const char *scope, char **ret, struct err *err)
{
	struct session_token *t = find(s, scope);
	int r = 0;

	if (!t || t->until_ms - EARLY_MS < clock_mono_ms()) {
		r = fetch(s, scope, err);
		t = find(s, scope);
	}
	if (r < 0)
		return r;
	*ret = mem_printf("Authorization: Bearer %s", t->text);
	return 0;
}

int session_authorization(struct session *s, const char *scope, char **ret, struct err *err)
{
	int r = load_cred(s, err);

	if (r < 0)
		return r;
	*ret = NULL;
	if (s->cred.registry_token)
		*ret = mem_printf("Authorization: Bearer %s", s->cred.registry_token);
	else if (s->challenge.kind == CHALLENGE_BEARER)
		return bearer(s, scope ? scope : "", ret, err);
	else if (s->challenge.kind == CHALLENGE_BASIC && s->cred.user)
		*ret = token_basic(&s->cred);
	return 0;
}

int session_challenged(struct session *s, const char *header, const char *scope, bool shown, struct err *err)
{
	struct challenge c = {.kind = CHALLENGE_NONE};
	struct session_token *old = find(s, scope ? scope : "");
	int r = challenge_parse(header, &c, err);

	if (r < 0)
		return r;
	challenge_free(&s->challenge);
	s->challenge = c;
	if (s->cred.registry_token || c.kind == CHALLENGE_NONE)
		return 0;
	if (c.kind == CHALLENGE_BASIC)
		return s->cred.user && !shown ? 1 : 0;
	if (old)
		old->until_ms = 0;
	return 1;
}
