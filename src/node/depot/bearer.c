/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/bearer.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/depot/access.h"
#include "node/depot/depot_name.h"
#include "node/depot/jwt.h"

#include <string.h>

/* Clocks of two machines are never quite the same. */
#define LEEWAY_S 60
#define GRANTS_MAX 200u

static bool is(yyjson_val *v, const char *text)
{
	return yyjson_is_str(v) && yyjson_get_len(v) == strlen(text) && strcmp(yyjson_get_str(v), text) == 0;
}

/* One audience, or a list of them. */
static bool is_for(yyjson_val *aud, const char *service)
{
	yyjson_val *one;
	size_t i, n;

	yyjson_arr_foreach (aud, i, n, one)
		if (is(one, service))
			return true;
	return is(aud, service);
}

static int check_claims(const struct bearer_rules *rules, yyjson_val *root, int64_t now_s, struct err *err)
{
	yyjson_val *exp = yyjson_obj_get(root, "exp"), *nbf = yyjson_obj_get(root, "nbf");

	if (!is(yyjson_obj_get(root, "iss"), rules->issuer))
		return err_set(err, EACCES, "the token was not issued by \"%s\"", rules->issuer);
	if (!is_for(yyjson_obj_get(root, "aud"), rules->service))
		return err_set(err, EACCES, "the token is not meant for \"%s\"", rules->service);
	if (!yyjson_is_num(exp) || yyjson_get_num(exp) + LEEWAY_S < (double)now_s)
		return err_set(err, EACCES, "the token has expired");
	if (nbf && (!yyjson_is_num(nbf) || yyjson_get_num(nbf) - LEEWAY_S > (double)now_s))
		return err_set(err, EACCES, "the token is not valid yet");
	return 0;
}

static unsigned rights_of(yyjson_val *actions)
{
	static const struct {
		const char *action;
		unsigned rights;
	} table[] = {{"pull", ACCESS_PULL},
		     {"push", ACCESS_PUSH},
		     {"delete", ACCESS_DELETE},
		     {"*", ACCESS_PULL | ACCESS_PUSH | ACCESS_DELETE}};
	unsigned rights = 0;
	yyjson_val *action;
	size_t i, n;

	yyjson_arr_foreach (actions, i, n, action)
		for (size_t k = 0; k < sizeof table / sizeof *table; k++)
			if (is(action, table[k].action))
				rights |= table[k].rights;
	return rights;
}

static void add_grant(yyjson_val *item, struct access *ret)
{
	yyjson_val *type = yyjson_obj_get(item, "type"), *name = yyjson_obj_get(item, "name");
	unsigned rights = rights_of(yyjson_obj_get(item, "actions"));

	if (is(type, "registry") && is(name, "catalog") && (rights & ACCESS_PULL))
		ret->everywhere |= ACCESS_CATALOG;
	else if (is(type, "repository") && yyjson_is_str(name) && depot_name_ok(yyjson_get_str(name)) && rights &&
		 ret->n < GRANTS_MAX)
		access_grant(ret, yyjson_get_str(name), rights);
}

int bearer_claims(const struct bearer_rules *rules, const char *json, size_t n, int64_t now_s, struct access *ret,
		  struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(json, n, JWT_MAX, "the token", err);
	yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL, *item;
	size_t i, count;
	int r;

	if (!root || !yyjson_is_obj(root))
		return err_set(err, EACCES, "the token has no claims");
	r = check_claims(rules, root, now_s, err);
	if (r < 0)
		return r;
	yyjson_arr_foreach (yyjson_obj_get(root, "access"), i, count, item) {
		add_grant(item, ret);
	}
	return 0;
}

int bearer_check(const struct bearer_rules *rules, const char *token, int64_t now_s, struct access *ret,
		 struct err *err)
{
	mem_cleanup char *json = NULL;
	size_t n;
	int r = jwt_open(rules->keys, token, &json, &n, err);

	return r < 0 ? r : bearer_claims(rules, json, n, now_s, ret, err);
}
