/* SPDX-License-Identifier: Apache-2.0
 *
 * What runs on what is a list for each processor, best first, as containerd's "platforms" package has it.
 */
#include "node/image/platform.h"

#include "base/core/err.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* Spellings that mean the same. variant NULL: any, and it stays. */
static const struct spelling {
	const char *architecture, *variant;
	const char *to, *to_variant;
} spellings[] = {
    {"x86_64", NULL, "amd64", NULL},  {"x86-64", NULL, "amd64", NULL},
    {"i386", NULL, "386", ""},	      {"i686", NULL, "386", ""},
    {"aarch64", NULL, "arm64", NULL}, {"armhf", NULL, "arm", "v7"},
    {"armv7l", NULL, "arm", "v7"},    {"armv6l", NULL, "arm", "v6"},
    {"armel", NULL, "arm", "v6"},     {"loongarch64", NULL, "loong64", NULL},
};
static const struct spelling variants[] = {
    {"arm64", "v8", NULL, ""}, {"arm64", "8", NULL, ""}, {"amd64", "v1", NULL, ""}, {"arm", "", NULL, "v7"},
    {"arm", "8", NULL, "v8"},  {"arm", "7", NULL, "v7"}, {"arm", "6", NULL, "v6"},  {"arm", "5", NULL, "v5"},
};

static int copy(char *to, size_t cap, const char *from, const char *what, struct err *err)
{
	size_t n = from ? strlen(from) : 0;

	if (n >= cap)
		return err_set(err, EINVAL, "the %s of a platform is longer than %zu characters", what, cap - 1);
	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)from[i]) && !strchr("_.-", from[i]))
			return err_set(err, EINVAL,
				       "the %s of a platform has a character that is no letter, digit, '_', '.' or '-'",
				       what);
		to[i] = (char)tolower((unsigned char)from[i]);
	}
	to[n] = '\0';
	return 0;
}

static void normalise(struct platform *p)
{
	if (!strcmp(p->os, "macos"))
		snprintf(p->os, sizeof p->os, "darwin");
	for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
		const struct spelling *s = &spellings[i];

		if (strcmp(p->architecture, s->architecture) != 0)
			continue;
		snprintf(p->architecture, sizeof p->architecture, "%s", s->to);
		if (s->to_variant && !*p->variant)
			snprintf(p->variant, sizeof p->variant, "%s", s->to_variant);
		break;
	}
	for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
		const struct spelling *s = &variants[i];

		if (!strcmp(p->architecture, s->architecture) && !strcmp(p->variant, s->variant)) {
			snprintf(p->variant, sizeof p->variant, "%s", s->to_variant);
			break;
		}
	}
}

int platform_set(struct platform *ret, const char *os, const char *architecture, const char *variant, struct err *err)
{
	struct platform p;
	int r = copy(p.os, sizeof p.os, os, "os", err);

	if (r == 0)
		r = copy(p.architecture, sizeof p.architecture, architecture, "architecture", err);
	if (r == 0)
		r = copy(p.variant, sizeof p.variant, variant, "variant", err);
	if (r < 0)
		return r;
	normalise(&p);
	*ret = p;
	return 0;
}

void platform_host(struct platform *ret)
{
	struct utsname host;

	if (uname(&host) < 0 || platform_set(ret, "linux", host.machine, "", NULL) < 0)
		*ret = (struct platform){.os = "linux"};
}

static bool is_os(const char *word)
{
	static const char *const known[] = {"linux", "windows", "darwin", "macos", "freebsd", "openbsd", "netbsd"};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (!strcmp(word, known[i]))
			return true;
	}
	return false;
}

/* One word: an operating system or a processor. */
static int parse_word(const char *word, struct platform *ret, struct err *err)
{
	struct platform host;

	platform_host(&host);
	if (is_os(word))
		return platform_set(ret, word, host.architecture, host.variant, err);
	return platform_set(ret, "linux", word, "", err);
}

int platform_parse(const char *text, struct platform *ret, struct err *err)
{
	char part[3][33] = {"", "", ""};
	const char *p = text;
	size_t n = 0;

	for (;; n++) {
		size_t len = strcspn(p, "/");

		if (n == 3 || len == 0 || len > 31)
			return err_set(err, EINVAL,
				       "\"%.100s\" is not a platform; write it as linux/amd64 or linux/arm/v7", text);
		memcpy(part[n], p, len);
		if (!p[len])
			break;
		p += len + 1;
	}
	if (n == 0)
		return parse_word(part[0], ret, err);
	return platform_set(ret, part[0], part[1], part[2], err);
}

/* Best first; a processor's list begins at the variant that was asked for. */
static const char *const chain_amd64[] = {"amd64/v4", "amd64/v3", "amd64/v2", "amd64/", "386/", NULL};
static const char *const chain_arm64[] = {"arm64/", "arm/v8", "arm/v7", "arm/v6", "arm/v5", NULL};
static const char *const chain_arm[] = {"arm/v8", "arm/v7", "arm/v6", "arm/v5", NULL};
static const struct {
	const char *architecture;
	const char *const *chain;
} chains[] = {{"amd64", chain_amd64}, {"arm64", chain_arm64}, {"arm", chain_arm}};

static int match_chain(const char *const *chain, const char *want, const char *have)
{
	int score = 0, at = -1;

	for (int i = 0; chain[i]; i++) {
		if (!strcmp(chain[i], want))
			at = i;
		if (at >= 0 && score == 0 && !strcmp(chain[i], have))
			score = 100 - (i - at);
	}
	return score;
}

int platform_match(const struct platform *want, const struct platform *have)
{
	char wanted[64], given[64];

	if (strcmp(want->os, have->os) != 0)
		return 0;
	snprintf(wanted, sizeof wanted, "%s/%s", want->architecture, want->variant);
	snprintf(given, sizeof given, "%s/%s", have->architecture, have->variant);
	if (!strcmp(wanted, given))
		return 100;
	for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
		if (!strcmp(chains[i].architecture, want->architecture))
			return match_chain(chains[i].chain, wanted, given);
	}
	return 0;
}

const char *platform_text(const struct platform *p, char text[static PLATFORM_TEXT_MAX])
{
	snprintf(text, PLATFORM_TEXT_MAX, "%s/%s%s%s", p->os, p->architecture, *p->variant ? "/" : "", p->variant);
	return text;
}
