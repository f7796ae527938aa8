/* SPDX-License-Identifier: Apache-2.0 */
#include "base/store/etcd_url.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <ctype.h>
#include <string.h>

#define ENDPOINTS_MAX 16
#define PREFIX_MAX 200
#define TTL_MIN 2 /* less is not granted: etcd elects within a second */
#define TTL_MAX 60
#define TTL_DEFAULT 3 /* with half a second of etcd's own and the time to begin: less than five */

bool etcd_url_is(const char *text)
{
	return !strncmp(text, "etcd://", 7) || !strncmp(text, "etcds://", 8);
}

void etcd_url_free(struct etcd_url *u)
{
	mem_strv_free(u->endpoints);
	free(u->prefix);
	free(u->ca);
	free(u->cert);
	free(u->key);
	free(u->user);
	free(u->password_file);
	free(u->ttl_text);
	*u = (struct etcd_url){.tls = false};
}

static int take_endpoints(struct etcd_url *u, const char *text, size_t n, struct err *err)
{
	mem_cleanup char *list = mem_strndup(text, n);
	char *rest = list, *one;
	size_t count = 0;

	while ((one = strsep(&rest, ","))) {
		const char *colon = strrchr(one, ':');

		if (!colon || colon == one || !isdigit((unsigned char)colon[1]))
			return err_set(err, EINVAL, "the endpoint \"%s\" of etcd is not HOST:PORT", one);
		if (++count > ENDPOINTS_MAX)
			return err_set(err, EINVAL, "more than %d endpoints of etcd", ENDPOINTS_MAX);
		mem_strv_add(&u->endpoints, one);
	}
	return 0;
}

static int take_prefix(struct etcd_url *u, const char *text, size_t n, struct err *err)
{
	while (n > 0 && text[n - 1] == '/')
		n--;
	if (n > PREFIX_MAX)
		return err_set(err, EINVAL, "the prefix of keys in etcd is longer than %d bytes", PREFIX_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)text[i]) && !strchr("-_./", text[i]))
			return err_set(err, EINVAL,
				       "the prefix of keys in etcd, \"%.*s\", may have letters, digits and -_./ only",
				       (int)n, text);
	}
	u->prefix = n > 0 ? mem_printf("%.*s/", (int)n, text) : mem_strdup("berth/");
	return 0;
}

static char *unescape(const char *text)
{
	char *plain = mem_strdup(text), *to = plain;

	for (const char *c = text; *c; c++) {
		char hex[3] = {c[0] == '%' ? c[1] : '\0', '\0', '\0'};

		if (hex[0] && isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)c[2])) {
			hex[1] = c[2];
			*to++ = (char)strtoul(hex, NULL, 16);
			c += 2;
		} else {
			*to++ = *c;
		}
	}
	*to = '\0';
	return plain;
}

static int take_option(struct etcd_url *u, const char *name, const char *value, struct err *err)
{
	const struct {
		const char *name;
		char **to;
	} table[] = {{"ca", &u->ca},
		     {"cert", &u->cert},
		     {"key", &u->key},
		     {"user", &u->user},
		     {"password-file", &u->password_file},
		     {"ttl", &u->ttl_text}};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (strcmp(table[i].name, name) != 0)
			continue;
		free(*table[i].to);
		*table[i].to = unescape(value);
		return 0;
	}
	return err_set(err, EINVAL,
		       "the address of etcd has an unknown option \"%s\" (ca, cert, key, user, password-file, ttl)",
		       name);
}

static int take_options(struct etcd_url *u, const char *text, struct err *err)
{
	mem_cleanup char *list = mem_strdup(text);
	char *rest = list, *one;
	int r = 0;

	while (r == 0 && (one = strsep(&rest, "&"))) {
		char *value = strchr(one, '=');

		if (!value || value[1] == '\0')
			return err_set(err, EINVAL, "the option \"%s\" in the address of etcd has no value", one);
		*value = '\0';
		r = take_option(u, one, value + 1, err);
	}
	return r;
}

static int check(struct etcd_url *u, struct err *err)
{
	char *end = NULL;

	u->ttl_s = u->ttl_text ? strtoul(u->ttl_text, &end, 10) : TTL_DEFAULT;
	if (u->ttl_s < TTL_MIN || u->ttl_s > TTL_MAX || (end && *end))
		return err_set(err, EINVAL, "ttl=%s in the address of etcd is not a number of seconds from %d to %d",
			       u->ttl_text, TTL_MIN, TTL_MAX);
	if (u->tls && !u->ca)
		return err_set(err, EINVAL, "etcds:// needs ca=FILE, the certificate of who signs those of etcd");
	if (!u->tls && (u->ca || u->cert || u->key))
		return err_set(err, EINVAL, "certificates are for etcds://");
	if (!u->cert != !u->key)
		return err_set(err, EINVAL, "cert= and key= in the address of etcd belong together");
	if (!u->user != !u->password_file)
		return err_set(err, EINVAL, "user= and password-file= in the address of etcd belong together");
	return 0;
}

int etcd_url_parse(const char *text, struct etcd_url *ret, struct err *err)
{
	struct etcd_url u = {.tls = !strncmp(text, "etcds://", 8)};
	const char *at = text + (u.tls ? 8 : 7), *slash, *question;
	int r = etcd_url_is(text) ? 0 : err_set(err, EINVAL, "\"%s\" is not etcd://HOST:PORT", text);

	if (r < 0)
		return r;
	question = at + strcspn(at, "?");
	slash = at + strcspn(at, "/?");
	r = take_endpoints(&u, at, (size_t)(slash - at), err);
	if (r == 0)
		r = take_prefix(&u, slash < question ? slash + 1 : slash,
				slash < question ? (size_t)(question - slash) - 1 : 0, err);
	if (r == 0 && *question)
		r = take_options(&u, question + 1, err);
	if (r == 0)
		r = check(&u, err);
	if (r < 0) {
		etcd_url_free(&u);
		return r;
	}
	*ret = u;
	return 0;
}
