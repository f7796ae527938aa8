/* SPDX-License-Identifier: Apache-2.0
 *
 * image_ref: names of images, by the grammar of the distribution project's "reference" package, in lower case:
 *
 *   [host[:port]/]part[/part]...[:tag][@sha256:<64 hex>]
 *
 * A first part with '.' or ':' in it, or "localhost", is a host. Nothing is put in front of a name without one.
 */
#include "node/image/ref.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 255
#define TAG_MAX_BYTES 128
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define HEX DIGITS "abcdef"

bool ref_is_hex(const char *s, size_t n)
{
	return strlen(s) == n && strspn(s, HEX) == n;
}

bool ref_is_digest(const char *s)
{
	return !strncmp(s, "sha256:", 7) && ref_is_hex(s + 7, 64);
}

size_t ref_repository(const char *name)
{
	const char *slash = strrchr(name, '/');
	size_t path = slash ? (size_t)(slash - name) : 0;

	return path + strcspn(name + path, ":@");
}

/* alphanumeric runs with one ".", one or two "_", or any number of "-" between them */
static bool part_ok(const char *p, size_t n)
{
	size_t i = strspn(p, LOWER DIGITS);

	if (i == 0)
		return false;
	while (i < n) {
		size_t dash = strspn(p + i, "-"), under = strspn(p + i, "_"), dot = strspn(p + i, ".");
		size_t run;

		if (!dash && under != 1 && under != 2 && dot != 1)
			return false;
		i += dash ? dash : under ? under : dot;
		run = strspn(p + i, LOWER DIGITS);
		if (i >= n || run == 0)
			return false;
		i += run;
	}
	return i == n;
}

static bool host_ok(const char *p, size_t n)
{
	const char *colon = memchr(p, ':', n);
	size_t host = colon ? (size_t)(colon - p) : n;

	if (colon && (n - host < 2 || n - host > 6 || strspn(colon + 1, DIGITS) != n - host - 1))
		return false;
	if (host == 0 || p[0] == '-' || p[0] == '.' || p[host - 1] == '-' || p[host - 1] == '.')
		return false;
	for (size_t i = 0; i < host; i++) {
		if (!strchr(LOWER DIGITS ".-", p[i]) || (p[i] == '.' && strchr(".-", p[i + 1])) ||
		    (p[i] == '-' && p[i + 1] == '.'))
			return false;
	}
	return true;
}

static bool path_ok(const char *name)
{
	size_t first = strcspn(name, "/");
	const char *p = name;

	if (name[first] && (memchr(name, '.', first) || memchr(name, ':', first) || !strncmp(name, "localhost/", 10))) {
		if (!host_ok(name, first))
			return false;
		p += first + 1;
	}
	for (;;) {
		size_t n = strcspn(p, "/");

		if (!part_ok(p, n))
			return false;
		if (!p[n])
			return true;
		p += n + 1;
	}
}

static bool tag_ok(const char *tag)
{
	size_t n = strlen(tag);

	return n > 0 && n <= TAG_MAX_BYTES && tag[0] != '.' && tag[0] != '-' &&
	       strspn(tag, LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS "_.-") == n;
}

void ref_free(struct ref *r)
{
	free(r->text);
	*r = (struct ref){.text = NULL};
}

static int ref_bad(const char *name, const char *why, struct err *err)
{
	return err_set(err, EINVAL, "\"%.300s\" is not an image name: %s", name, why);
}

int ref_parse(const char *name, struct ref *ret, struct err *err)
{
	cleanup_with(ref_free) struct ref r = {.text = mem_strndup(name, NAME_MAX_BYTES + TAG_MAX_BYTES + 80)};
	char *slash, *colon;

	r.name = r.text;
	r.digest = strchr(r.text, '@');
	if (r.digest)
		*r.digest++ = '\0';
	slash = strrchr(r.text, '/');
	colon = strchr(slash ? slash : r.text, ':');
	if (colon) {
		*colon = '\0';
		r.tag = colon + 1;
	}
	if (r.digest && !ref_is_digest(r.digest))
		return ref_bad(name, "after '@' there must be \"sha256:\" and 64 lower-case hexadecimal digits", err);
	if (r.tag && !tag_ok(r.tag))
		return ref_bad(name, "the tag after ':' may have letters, digits, '_', '.' and '-', at most 128", err);
	if (!*r.name || strlen(r.name) > NAME_MAX_BYTES || !path_ok(r.name))
		return ref_bad(
		    name,
		    "it takes lower-case letters and digits, with single '.', '_' or '-' between them, in parts "
		    "separated by '/', at most 255",
		    err);
	if (ref_is_hex(r.name, 64))
		return ref_bad(name, "64 hexadecimal digits would be taken for an id", err);
	*ret = r;
	r.text = NULL;
	return 0;
}

int image_ref_normalise(const char *name, char **ret, struct err *err)
{
	cleanup_with(ref_free) struct ref r = {.text = NULL};
	int code = ref_parse(name, &r, err);

	if (code < 0)
		return code;
	if (!r.tag && !r.digest)
		r.tag = "latest";
	*ret = mem_printf("%s%s%s%s%s", r.name, r.tag ? ":" : "", r.tag ? r.tag : "", r.digest ? "@" : "",
			  r.digest ? r.digest : "");
	return 0;
}
