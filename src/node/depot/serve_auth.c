/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/clock.h"
#include "base/core/log.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "base/core/sha256.h"
#include "base/wire/http_server.h"
#include "node/depot/bearer.h"
#include "node/depot/htpasswd.h"
#include "node/depot/jwt.h"
#include "node/depot/serve_impl.h"
#include "node/registry/base64.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* A password is checked on a helper thread and takes long; what was right is remembered under a salted digest, until the file changes. */
#define REMEMBER_MAX 4096u
#define CHECKS_MAX 64u
#define LOOK_EVERY_MS 1000
#define SALT_SIZE 32

struct auth {
	const struct serve_options *o;
	struct htpasswd *users;
	struct stat users_stat;
	int64_t looked_ms;
	struct map right; /* salted digests of users with their passwords */
	unsigned char salt[SALT_SIZE];
	struct bearer_rules bearer;
	struct jwt_keys *keys;
};

/* ---- who it is not ---- */

static void challenge(struct call *c, const char *repo, unsigned rights, const char *error)
{
	static const struct {
		unsigned rights;
		const char *actions;
	} scopes[] = {{ACCESS_PULL, "pull"}, {ACCESS_PUSH, "pull,push"}, {ACCESS_DELETE, "delete"}};
	const struct serve_options *o = c->s->o;
	struct buf b buf_cleanup = BUF_INIT;

	if (o->htpasswd) {
		http_reply_header(c->r, "WWW-Authenticate", "Basic realm=\"berth registry\", charset=\"UTF-8\"");
		return;
	}
	buf_printf(&b, "Bearer realm=\"%s\",service=\"%s\"", o->token_realm, o->token_service);
	for (size_t i = 0; repo && *repo && i < sizeof scopes / sizeof *scopes; i++)
		if (scopes[i].rights & rights)
			buf_printf(&b, ",scope=\"repository:%s:%s\"", repo, scopes[i].actions);
	if (rights & ACCESS_CATALOG)
		buf_adds(&b, ",scope=\"registry:catalog:*\"");
	if (error)
		buf_printf(&b, ",error=\"%s\"", error);
	http_reply_header(c->r, "WWW-Authenticate", buf_str(&b));
}

void auth_refuse(struct call *c, const char *repo, unsigned rights)
{
	/* Another token may allow more; another login with a password does not. */
	if (c->access.known && c->s->o->htpasswd) {
		call_fail(c, CODE_DENIED, NULL);
		return;
	}
	challenge(c, repo, rights, c->access.known ? "insufficient_scope" : NULL);
	call_fail(c, CODE_UNAUTHORIZED, NULL);
}

static void reject(struct call *c, const char *why)
{
	challenge(c, c->route.name, 0, "invalid_token");
	call_fail(c, CODE_UNAUTHORIZED, why);
	call_resume(c);
}

static void let_in(struct call *c, bool known, unsigned everywhere)
{
	c->access.known = known;
	c->access.everywhere |= everywhere;
	c->checked(c);
}

static void let_in_anonymous(struct call *c)
{
	let_in(c, false, c->s->o->anonymous_pull ? ACCESS_PULL | ACCESS_CATALOG : 0);
}

/* ---- passwords ---- */

static void remember_key(const struct auth *a, const char *user, const char *password, char hex[static SHA256_HEX_MAX])
{
	struct sha256 h;

	sha256_init(&h);
	sha256_add(&h, a->salt, sizeof a->salt);
	sha256_add(&h, user, strlen(user) + 1);
	sha256_add(&h, password, strlen(password) + 1);
	sha256_hex(&h, hex);
}

static void forget_all(struct auth *a)
{
	map_free(&a->right);
	a->right = (struct map)MAP_INIT;
}

/* The file is looked at when somebody asks, once a second at the most. One that cannot be read leaves the users as they were. */
static void look_at_users(struct auth *a)
{
	struct htpasswd *users = NULL;
	struct err err = ERR_INIT;
	struct stat st;

	if (clock_mono_ms() - a->looked_ms < LOOK_EVERY_MS)
		return;
	a->looked_ms = clock_mono_ms();
	if (stat(a->o->htpasswd, &st) < 0 ||
	    (st.st_ino == a->users_stat.st_ino && st.st_size == a->users_stat.st_size &&
	     st.st_mtim.tv_sec == a->users_stat.st_mtim.tv_sec && st.st_mtim.tv_nsec == a->users_stat.st_mtim.tv_nsec))
		return;
	a->users_stat = st;
	if (htpasswd_load(a->o->htpasswd, &users, &err) < 0) {
		log_err(&err, "the users stay as they were");
		return;
	}
	htpasswd_free(a->users);
	a->users = users;
	forget_all(a);
}

/* c->match is the password, c->last the hash. */
static void check_password(struct call *c)
{
	c->result = htpasswd_check(c->last, c->match) ? 0 : -EACCES;
}

static void password_checked(struct call *c)
{
	struct auth *a = c->s->auth;
	mem_cleanup char *password = mem_take(c->match);
	bool well = c->result == 0 && c->more;

	explicit_bzero(password, strlen(password));
	free(mem_take(c->last));
	c->more = false;
	if (!well) {
		log_info("registry: a login was refused");
		reject(c, "the user or the password is wrong");
		return;
	}
	if (a->right.n >= REMEMBER_MAX)
		forget_all(a);
	map_put(&a->right, buf_str(&c->text), a);
	buf_free(&c->text);
	let_in(c, true, ACCESS_ALL);
}

static void check_basic(struct call *c, const char *credentials)
{
	struct auth *a = c->s->auth;
	size_t n;
	mem_cleanup char *text = base64_bytes(credentials, &n);
	char *colon = text && strlen(text) == n ? strchr(text, ':') : NULL;
	char hex[SHA256_HEX_MAX];

	if (!colon) {
		reject(c, "the login is not NAME:PASSWORD in base64");
		return;
	}
	*colon = '\0';
	/* Some clients who have no login say so like this. */
	if (!*text) {
		let_in_anonymous(c);
		return;
	}
	look_at_users(a);
	remember_key(a, text, colon + 1, hex);
	if (map_get(&a->right, hex)) {
		explicit_bzero(text, n);
		let_in(c, true, ACCESS_ALL);
		return;
	}
	if (helper_waiting(c->s->helper) >= CHECKS_MAX) {
		call_fail(c, CODE_TOO_MANY, "too many logins at a time");
		call_resume(c);
		return;
	}
	c->last = mem_strdup(htpasswd_hash(a->users, text, &c->more));
	c->match = mem_strdup(colon + 1);
	buf_adds(&c->text, hex);
	explicit_bzero(text, n);
	call_work(c, check_password, password_checked);
}

/* ---- both ---- */

static const char *after_word(const char *header, const char *word)
{
	size_t n = strlen(word);

	if (!header || strncasecmp(header, word, n) != 0 || header[n] != ' ')
		return NULL;
	return header + n + strspn(header + n, " ");
}

static void check_token(struct call *c, const char *token)
{
	struct err err = ERR_INIT;

	if (bearer_check(&c->s->auth->bearer, token, clock_wall_ms() / 1000, &c->access, &err) < 0)
		reject(c, err.text);
	else
		let_in(c, true, c->s->o->anonymous_pull ? ACCESS_PULL | ACCESS_CATALOG : 0);
}

void auth_check(struct call *c, void (*then)(struct call *c))
{
	const struct auth *a = c->s->auth;
	const char *header = http_req_header(c->r, "Authorization"), *rest;

	c->checked = then;
	if (!a->users && !a->keys)
		let_in(c, true, ACCESS_ALL);
	else if (a->users && (rest = after_word(header, "Basic")))
		check_basic(c, rest);
	else if (a->keys && (rest = after_word(header, "Bearer")))
		check_token(c, rest);
	else
		let_in_anonymous(c);
}

int auth_new(const struct serve_options *o, struct auth **ret, struct err *err)
{
	struct auth *a = mem_new(struct auth);
	int r = 0;

	a->o = o;
	random_bytes(a->salt, sizeof a->salt);
	if (o->htpasswd) {
		(void)stat(o->htpasswd, &a->users_stat);
		r = htpasswd_load(o->htpasswd, &a->users, err);
	}
	if (r == 0 && o->token_keys)
		r = jwt_keys_load(o->token_keys, &a->keys, err);
	if (r < 0) {
		auth_free(a);
		return r;
	}
	a->bearer = (struct bearer_rules){.keys = a->keys, .issuer = o->token_issuer, .service = o->token_service};
	*ret = a;
	return 0;
}

struct auth *auth_free(struct auth *a)
{
	if (!a)
		return NULL;
	htpasswd_free(a->users);
	jwt_keys_free(a->keys);
	forget_all(a);
	free(a);
	return NULL;
}
