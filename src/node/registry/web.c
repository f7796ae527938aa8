/* SPDX-License-Identifier: Apache-2.0
 *
 * One request. When its head tells that the content is known, the rest is not read: a HEAD or a condition would be one more request to servers
 * that refuse the one or ignore the other.
 */
#include "node/registry/web.h"

#include "base/core/buf.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/guard.h"
#include "base/core/mem.h"
#include "node/registry/hosts.h"
#include "node/registry/transport.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define REDIRECTS_MAX 10
#define STEP_MS 1000
#define UNNAMED "__unnamed__"

struct get {
	const struct web_request *q;
	struct web_file *file;
	struct url at;
	struct hosts hosts;
	struct transport_trust trust; /* of the present server */
	bool loopback;		      /* may be talked to */
	struct transfer *x;
	struct sha256 sha;
	bool begun, ended; /* the content; ended: before its end */
	char refused[INET6_ADDRSTRLEN];
	struct err err;
};

/* ---- addresses ---- */

static bool v4_is_link_local(uint32_t a)
{
	return a >> 16 == 0xa9fe;
}

static bool v4_is_loopback(uint32_t a)
{
	return a >> 24 == 127 || a >> 24 == 0;
}

/* The addresses of clouds' metadata services for IPv6 among them. */
static bool v6_is_link_local(const struct in6_addr *a)
{
	static const unsigned char metadata[] = {0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54};

	return IN6_IS_ADDR_LINKLOCAL(a) || !memcmp(a, metadata, sizeof metadata);
}

static bool address_ok(const struct sockaddr *sa, bool loopback)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
	uint32_t v4;

	if (sa->sa_family == AF_INET) {
		v4 = ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr);
	} else if (sa->sa_family != AF_INET6) {
		return false;
	} else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		memcpy(&v4, &in6->sin6_addr.s6_addr[12], sizeof v4);
		v4 = ntohl(v4);
	} else {
		return !v6_is_link_local(&in6->sin6_addr) && (loopback || (!IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) &&
									   !IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr)));
	}
	return !v4_is_link_local(v4) && (loopback || !v4_is_loopback(v4));
}

static bool may_connect(void *ctx, const struct sockaddr *sa)
{
	struct get *g = ctx;
	const void *address = sa->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)sa)->sin_addr
						       : (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr;

	if (!RT_GUARD(B7) || address_ok(sa, g->loopback))
		return true;
	if (!inet_ntop(sa->sa_family, address, g->refused, sizeof g->refused))
		snprintf(g->refused, sizeof g->refused, "an odd address");
	return false;
}

/* ---- the content ---- */

static int64_t time_of(const char *text)
{
	struct tm tm = {.tm_sec = 0};
	int64_t t = text && strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) ? (int64_t)timegm(&tm) : 0;

	return t > 0 ? t : 0;
}

/* Without an ETag the server does not tell one content from another: a second is a long time. */
static void look_at_head(struct get *g)
{
	const char *etag = transfer_header(g->x, HEADER_ETAG), *modified = transfer_header(g->x, HEADER_MODIFIED);
	size_t n = etag ? strlen(etag) + (modified ? strlen(modified) : 0) + 2 : WEB_VERSION_MAX;

	g->begun = true;
	g->file->mtime_s = time_of(modified);
	if (n < WEB_VERSION_MAX)
		snprintf(g->file->version, sizeof g->file->version, "%s\n%s", etag, modified ? modified : "");
	if (*g->file->version && g->q->known && g->q->known(g->q->ctx, g->file->version))
		g->file->known = g->ended = true;
}

static int take(struct get *g, const void *data, size_t n)
{
	uint64_t limit = g->q->limit ? g->q->limit : WEB_BYTES_MAX;
	int r;

	if (n > limit - g->file->size)
		return err_set(&g->err, EFBIG, "the file is larger than %llu bytes", (unsigned long long)limit);
	r = fd_write_all(g->q->fd, data, n);
	if (r < 0)
		return err_sys(&g->err, -r, "keep the file");
	sha256_add(&g->sha, data, n);
	g->file->size += n;
	return 0;
}

/* False ends the transfer, because nobody resumes it. */
static bool on_write(void *ctx, const void *data, size_t n)
{
	struct get *g = ctx;

	if (!g->begun)
		look_at_head(g);
	if (!g->ended && take(g, data, n) < 0)
		g->ended = true;
	return !g->ended;
}

/* ---- the request ---- */

/* An address that is written as one: by a proxy it would be asked for without a look at it. */
static bool literal_ok(struct get *g)
{
	mem_cleanup char *bare = g->at.host[0] == '[' ? mem_strndup(g->at.host + 1, strlen(g->at.host) - 2) : NULL;
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	if (bare && inet_pton(AF_INET6, bare, &in6.sin6_addr) == 1)
		return may_connect(g, (const struct sockaddr *)&in6);
	if (inet_pton(AF_INET, g->at.host, &in.sin_addr) == 1)
		return may_connect(g, (const struct sockaddr *)&in);
	return true;
}

static int refused(const struct get *g, struct err *err)
{
	return err_set(err, EPERM, "the address %s is link-local or this machine's own, and is not asked", g->refused);
}

/* Authorities that the user trusts for this server (certs.d, hosts.h) count; certificates of ours and "insecure" are for registries. */
static int find_trust(struct get *g, struct err *err)
{
	int r;

	hosts_trust_free(&g->trust);
	g->trust = (struct transport_trust){.ca = NULL};
	r = hosts_trust(&g->hosts, &g->at, &g->trust, err);
	if (r < 0)
		return r;
	free(g->trust.cert_file);
	free(g->trust.key_file);
	g->trust.cert_file = g->trust.key_file = NULL;
	g->trust.unchecked = false;
	return 0;
}

static int run(struct get *g, struct transport *t, struct err *err)
{
	char identity[] = "Accept-Encoding: identity";
	char *headers[] = {identity, NULL};
	const struct transfer_request q = {.method = "GET",
					   .url = &g->at,
					   .headers = headers,
					   .trust = &g->trust,
					   .write = on_write,
					   .may_connect = may_connect,
					   .ctx = g};
	int r = 0;

	if (!literal_ok(g))
		return refused(g, err);
	g->x = transfer_free(g->x);
	r = find_trust(g, err);
	if (r < 0)
		return r;
	g->x = transfer_new(t, &q);
	while (r >= 0 && !transfer_done(g->x) && !g->ended)
		r = transport_step(t, NULL, 0, STEP_MS, err);
	if (r == 0 && g->err.code)
		return err_set(err, g->err.code, "%s", g->err.text);
	if (r < 0 || g->ended)
		return r;
	if (*g->refused)
		return refused(g, err);
	if (transfer_fault(g->x) != TRANSFER_FINE)
		return err_set(err, EIO, "%s", transfer_fault_text(g->x));
	return 0;
}

/* What goes through a proxy is resolved there, and the proxy itself may be on this machine. */
static bool has_proxy(void)
{
	static const char *const names[] = {"http_proxy",  "HTTP_PROXY", "https_proxy",
					    "HTTPS_PROXY", "all_proxy",	 "ALL_PROXY"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (getenv(names[i]))
			return true;
	}
	return false;
}

/* The new address replaces g->at. */
static int redirect(struct get *g, struct err *err)
{
	const char *location = transfer_header(g->x, HEADER_LOCATION);
	mem_cleanup char *plain = location ? mem_strndup(location, strcspn(location, "#")) : NULL;
	struct url to = URL_INIT;
	int r;

	if (!plain)
		return err_set(err, EPROTO, "the server redirects, but does not say where");
	r = url_resolve(&g->at, plain, &to, err);
	if (r < 0)
		return err_wrap(err, "redirected");
	if (g->at.https && !to.https)
		r = err_set(err, EPERM, "redirected from https to http://%s; that is not followed", to.host);
	else if (RT_GUARD(B7) && !url_is_loopback(g->at.host) && url_is_loopback(to.host))
		r = err_set(err, EPERM, "redirected from %s to this machine; that is not followed", g->at.host);
	if (r < 0) {
		url_free(&to);
		return r;
	}
	g->loopback = g->loopback && (url_is_loopback(to.host) || has_proxy());
	url_free(&g->at);
	g->at = to;
	return 0;
}

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static int follow(struct get *g, struct transport *t, struct err *err)
{
	for (int i = 0; i <= REDIRECTS_MAX; i++) {
		int status, r = run(g, t, err);

		if (r < 0 || g->ended)
			return r;
		status = transfer_status(g->x);
		if (status == 200)
			return 0;
		if (!is_redirect(status))
			return err_set(err, status == 404 || status == 410 ? ENOENT : EIO, "the server answers %d",
				       status);
		r = redirect(g, err);
		if (r < 0)
			return r;
	}
	return err_set(err, ELOOP, "more than %d redirects", REDIRECTS_MAX);
}

static int get(struct get *g, struct err *err)
{
	struct transport *t = NULL;
	int r = url_parse(g->q->url, &g->at, err);

	if (r == 0)
		r = hosts_load(&g->hosts, err);
	if (r == 0)
		r = transport_new(&t, err);
	g->loopback = r == 0; /* what the user names may be this machine */
	if (r == 0)
		r = follow(g, t, err);
	if (r == 0 && !g->begun)
		look_at_head(g);
	sha256_hex(&g->sha, g->file->hex);
	transfer_free(g->x);
	transport_free(t);
	hosts_trust_free(&g->trust);
	hosts_free(&g->hosts);
	url_free(&g->at);
	return r;
}

int web_get(const struct web_request *q, struct web_file *ret, struct err *err)
{
	struct web_file file = {.size = 0};
	struct get g = {.q = q, .file = &file, .hosts = HOSTS_INIT};
	struct err own = ERR_INIT;
	int r;

	sha256_init(&g.sha);
	r = get(&g, err ? err : &own);
	if (r < 0)
		return err ? err_wrap(err, "\"%.300s\"", q->url) : r;
	*ret = file;
	return 0;
}

/* ---- its name ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char *decoded(const char *s, size_t n)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		bool coded = s[i] == '%' && i + 2 < n && hex_digit(s[i + 1]) >= 0 && hex_digit(s[i + 2]) >= 0;

		if (coded) {
			buf_addc(&b, (char)(hex_digit(s[i + 1]) * 16 + hex_digit(s[i + 2])));
			i += 2;
		} else {
			buf_addc(&b, s[i]);
		}
	}
	return b.data ? buf_take(&b) : mem_strdup("");
}

char *web_name(const char *url)
{
	const char *host = strstr(url, "://"), *path = host ? strchr(host + 3, '/') : NULL;
	mem_cleanup char *plain = path ? decoded(path, strcspn(path, "?#")) : mem_strdup("");
	const char *slash = strrchr(plain, '/');

	return mem_strdup(slash && fs_name_ok(slash + 1) ? slash + 1 : UNNAMED);
}
