/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/git_url.h"

#include "base/core/err.h"
#include "base/core/guard.h"
#include "base/core/mem.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define HOST_BYTES LETTERS DIGITS ".-_"
#define PATH_BYTES LETTERS DIGITS ".-_~/+,=%:@"
#define REF_BYTES LETTERS DIGITS ".-_/+@#,="
#define HUB "github.com/"
#define TEXT_MAX 2048

static const struct {
	const char *prefix, *protocols;
	bool ssh;
} schemes[] = {
    {"https://", "https", false},
    {"http://", "http:https", false},
    {"git://", "git:https", false},
    {"ssh://", "ssh:https", true},
};

bool git_url_is(const char *s)
{
	size_t n = strcspn(s, "#?");

	if (!strncmp(s, "git://", 6) || !strncmp(s, "git@", 4) || !strncmp(s, "ssh://", 6))
		return true;
	if (strncmp(s, "http://", 7) != 0 && strncmp(s, "https://", 8) != 0)
		return false;
	return n > 4 && !strncmp(s + n - 4, ".git", 4);
}

bool git_url_is_context(const char *s)
{
	return git_url_is(s) || !strncmp(s, HUB, strlen(HUB));
}

bool git_url_is_commit(const char *s)
{
	size_t n = strspn(s, "0123456789abcdef");

	return !s[n] && (n == 40 || n == 64);
}

void git_url_free(struct git_url *u)
{
	free(u->remote);
	free(u->ref);
	free(u->dir);
	*u = (struct git_url){.remote = NULL};
}

static int bad(const char *text, const char *why, struct err *err)
{
	return err_set(err, EINVAL, "\"%.300s\" is not an address of a git repository: %s", text, why);
}

/* In any spelling that the C library takes: "169.254.169.254", "0xa9fea9fe". The metadata services of clouds are there. */
static bool is_link_local(const char *host, size_t n)
{
	mem_cleanup char *text = mem_strndup(host, n);
	struct in_addr a;

	return inet_aton(text, &a) && ntohl(a.s_addr) >> 16 == 0xa9fe;
}

/* "[user@]host[:port]/path", or "user@host:path" with `end` ":". */
static const char *wrong_place(const char *at, bool user_ok, const char *end)
{
	size_t user = strcspn(at, "@/:"), n, host;

	if (at[user] == '@') {
		if (!user_ok)
			return "there may be no user in it";
		if (user == 0 || *at == '-' || strspn(at, HOST_BYTES) < user)
			return "the user is not a name";
		at += user + 1;
	}
	host = strcspn(at, "/:");
	if (host == 0 || *at == '-' || *at == '.' || strspn(at, HOST_BYTES) < host)
		return "the host is not a name or an IPv4 address";
	if (is_link_local(at, host))
		return "the host is link-local, and is not asked";
	at += host;
	n = *at == ':' && *end == '/' ? strspn(at + 1, DIGITS) : 0;
	if (n > 5)
		return "the port is not a number";
	at += n ? n + 1 : 0;
	if (*at != *end || !at[1] || at[1] == '-' || strstr(at, "::") || strstr(at, "://"))
		return "there is no path in it";
	/* Whoever reads it another way than we do must not find an option behind a user's name. */
	if (strstr(at, "@-"))
		return "there is \"@-\" in its path";
	return at[strspn(at, PATH_BYTES)] ? "there are bytes in it that no such address has" : NULL;
}

static int read_remote(struct git_url *u, const char *text, struct err *err)
{
	const char *why = NULL;

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		if (strncmp(u->remote, schemes[i].prefix, strlen(schemes[i].prefix)) != 0)
			continue;
		u->ssh = schemes[i].ssh;
		u->protocols = schemes[i].protocols;
		why = wrong_place(u->remote + strlen(schemes[i].prefix), u->ssh, "/");
		return why ? bad(text, why, err) : 0;
	}
	u->ssh = true;
	u->protocols = "ssh:https";
	why = strncmp(u->remote, "git@", 4) != 0 ? "it must begin with https://, http://, git://, ssh:// or git@"
						 : wrong_place(u->remote, true, ":");
	return why ? bad(text, why, err) : 0;
}

/* git-check-ref-format(1), and less. */
static bool ref_ok(const char *ref)
{
	size_t n = strlen(ref);

	if (n == 0 || n > 255 || strspn(ref, REF_BYTES) < n || strchr("-/+.@", *ref) || strchr("/.", ref[n - 1]))
		return false;
	if (n > 5 && !strcmp(ref + n - 5, ".lock"))
		return false;
	return !strstr(ref, "..") && !strstr(ref, "//") && !strstr(ref, "/.") && !strstr(ref, "@{");
}

/* Components without "..", empty ones and "." left out. */
static char *clean_dir(const char *dir)
{
	char *out = mem_zalloc(1, strlen(dir) + 1);
	size_t n = 0;

	for (size_t len; *dir; dir += len) {
		dir += strspn(dir, "/");
		len = strcspn(dir, "/");
		if (RT_GUARD(B4) && len == 2 && !strncmp(dir, "..", 2)) {
			free(out);
			return NULL;
		}
		if (len == 0 || (len == 1 && *dir == '.'))
			continue;
		if (n > 0)
			out[n++] = '/';
		memcpy(out + n, dir, len);
		n += len;
	}
	return out;
}

/* "REF", "REF:DIR", ":DIR" */
static int read_fragment(struct git_url *u, const char *text, const char *fragment, struct err *err)
{
	size_t n = strcspn(fragment, ":");

	if (n > 0)
		u->ref = mem_strndup(fragment, n);
	if (RT_GUARD(B4) && u->ref && !ref_ok(u->ref))
		return bad(text, "what stands behind # is no name of a branch or tag, and no commit", err);
	if (!fragment[n])
		return 0;
	u->dir = clean_dir(fragment + n + 1);
	if (!u->dir)
		return bad(text, "the directory may not have \"..\" in it", err);
	if (!*u->dir) {
		free(u->dir);
		u->dir = NULL;
	}
	return 0;
}

int git_url_parse(const char *text, struct git_url *ret, struct err *err)
{
	const char *fragment = strchr(text, '#');
	size_t n = strcspn(text, "#");
	struct git_url u = {.remote = NULL};
	int r;

	if (strlen(text) > TEXT_MAX)
		return bad(text, "it is too long", err);
	if (memchr(text, '?', n))
		return bad(text, "it may not have a query; a branch or tag and a directory are written #REF:DIR", err);
	u.remote = mem_printf("%s%.*s", !strncmp(text, HUB, strlen(HUB)) ? "https://" : "", (int)n, text);
	r = read_remote(&u, text, err);
	if (r == 0 && fragment)
		r = read_fragment(&u, text, fragment + 1, err);
	if (r < 0)
		git_url_free(&u);
	else
		*ret = u;
	return r;
}
