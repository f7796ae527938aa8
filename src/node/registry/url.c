/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/url.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdio.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define HOST_MAX 253

static int bad(const char *text, const char *why, struct err *err)
{
	return err_set(err, EINVAL, "\"%.200s\" is not an address to go to: %s", text, why);
}

static bool host_ok(const char *host, size_t n)
{
	if (n == 0 || n > HOST_MAX)
		return false;
	if (host[0] == '[')
		return n > 3 && host[n - 1] == ']' && strspn(host + 1, DIGITS "abcdefABCDEF:.") == n - 2;
	return strspn(host, LOWER UPPER DIGITS ".-_") >= n && host[0] != '.' && host[0] != '-';
}

/* Visible ASCII, without what another parser might take for the end of something. */
static bool path_ok(const char *path)
{
	for (const char *p = path; *p; p++) {
		if (*p <= 0x20 || *p >= 0x7f || strchr("\\#\"<>^`{|}", *p))
			return false;
	}
	return true;
}

static bool port_parse(const char *text, size_t n, unsigned *ret)
{
	unsigned port = 0;

	if (n == 0 || n > 5)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	*ret = port;
	return port > 0 && port < 65536;
}

static const char *skip_scheme(const char *text, bool *ret_https)
{
	static const struct {
		const char *prefix;
		bool https;
	} schemes[] = {{"https://", true}, {"http://", false}};

	for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
		if (strncasecmp(text, schemes[i].prefix, strlen(schemes[i].prefix)) != 0)
			continue;
		*ret_https = schemes[i].https;
		return text + strlen(schemes[i].prefix);
	}
	return NULL;
}

static char *lower(const char *s, size_t n)
{
	char *text = mem_strndup(s, n);

	for (char *p = text; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	}
	return text;
}

int url_parse(const char *text, struct url *ret, struct err *err)
{
	struct url u = URL_INIT;
	const char *at, *path, *colon;
	size_t n, host;

	if (strlen(text) > URL_MAX)
		return bad(text, "it is too long", err);
	at = skip_scheme(text, &u.https);
	if (!at)
		return bad(text, "it must begin with https:// or http://", err);
	n = strcspn(at, "/?");
	path = at + n;
	if (memchr(at, '@', n))
		return bad(text, "there may be no user in it", err);
	colon = at[0] == '[' ? strchr(at, ']') : at;
	colon = colon && colon < path ? memchr(colon, ':', (size_t)(path - colon)) : NULL;
	host = colon ? (size_t)(colon - at) : n;
	u.port = u.https ? 443 : 80;
	if (!host_ok(at, host))
		return bad(text, "the host is not a name or an address", err);
	if (colon && !port_parse(colon + 1, n - host - 1, &u.port))
		return bad(text, "the port must be a number from 1 to 65535", err);
	if (!path_ok(path))
		return bad(text, "there are bytes in it that must be percent-encoded", err);
	u.host = lower(at, host);
	u.path = *path == '/' ? mem_strdup(path) : mem_printf("/%s", path);
	*ret = u;
	return 0;
}

/* The path of base up to its last '/', before the query. */
static char *folder_of(const struct url *base)
{
	size_t n = strcspn(base->path, "?");

	while (n > 0 && base->path[n - 1] != '/')
		n--;
	return mem_strndup(base->path, n);
}

int url_resolve(const struct url *base, const char *location, struct url *ret, struct err *err)
{
	mem_cleanup char *whole = NULL;
	mem_cleanup char *origin = url_origin(base);
	mem_cleanup char *folder = NULL;
	size_t scheme = strspn(location, LOWER UPPER DIGITS "+.-");

	if (location[scheme] == ':' && scheme > 0)
		return url_parse(location, ret, err);
	if (strncmp(location, "//", 2) == 0)
		whole = mem_printf("%s:%s", base->https ? "https" : "http", location);
	else if (*location == '/')
		whole = mem_printf("%s%s", origin, location);
	else if (*location == '?')
		whole = mem_printf("%s%.*s%s", origin, (int)strcspn(base->path, "?"), base->path, location);
	else {
		folder = folder_of(base);
		whole = mem_printf("%s%s%s", origin, folder, location);
	}
	if (!*location)
		return bad(location, "it is empty", err);
	return url_parse(whole, ret, err);
}

void url_free(struct url *u)
{
	free(u->host);
	free(u->path);
	*u = (struct url)URL_INIT;
}

void url_copy(const struct url *from, struct url *ret)
{
	*ret = (struct url){
	    .https = from->https, .host = mem_strdup(from->host), .port = from->port, .path = mem_strdup(from->path)};
}

bool url_same_origin(const struct url *a, const struct url *b)
{
	return a->https == b->https && a->port == b->port && strcmp(a->host, b->host) == 0;
}

bool url_is_loopback(const char *host)
{
	unsigned a, b, c, d;
	char end;

	if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	return sscanf(host, "%u.%u.%u.%u%c", &a, &b, &c, &d, &end) == 4 && a == 127 && b < 256 && c < 256 && d < 256;
}

char *url_authority(const struct url *u)
{
	if (u->port == (u->https ? 443 : 80))
		return mem_strdup(u->host);
	return mem_printf("%s:%u", u->host, u->port);
}

char *url_origin(const struct url *u)
{
	mem_cleanup char *authority = url_authority(u);

	return mem_printf("%s://%s", u->https ? "https" : "http", authority);
}

char *url_text(const struct url *u)
{
	mem_cleanup char *origin = url_origin(u);

	return mem_printf("%s%s", origin, u->path);
}

char *url_escape(const char *s, const char *keep)
{
	struct buf out = BUF_INIT;

	for (; *s; s++) {
		if (strchr(LOWER UPPER DIGITS "-._~", *s) || strchr(keep, *s))
			buf_addc(&out, *s);
		else
			buf_printf(&out, "%%%02X", (unsigned)(unsigned char)*s);
	}
	return out.data ? buf_take(&out) : mem_strdup("");
}
