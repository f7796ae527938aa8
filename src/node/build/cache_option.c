/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/cache_option.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const flags[] = {[CACHE_FROM] = "--cache-from", [CACHE_TO] = "--cache-to"};

void cache_option_free(struct cache_option *o)
{
	free(o->ref);
	free(o->dir);
	free(o->tag);
	free(o->digest);
	free(o->name);
	*o = (struct cache_option){.ref = NULL};
}

static void set(char **to, const char *value)
{
	free(*to);
	*to = mem_strdup(value);
}

static int set_type(struct cache_option *o, const char *value, struct err *err)
{
	static const char *const types[] = {
	    [CACHE_REGISTRY] = "registry", [CACHE_LOCAL] = "local", [CACHE_INLINE] = "inline"};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (!strcmp(types[i], value)) {
			o->type = (enum cache_option_type)i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "the type \"%s\" is not known; registry, local and inline are", value);
}

static int set_ref(struct cache_option *o, const char *value, struct err *err)
{
	(void)err;
	set(&o->ref, value);
	return 0;
}

static int set_dir(struct cache_option *o, const char *value, struct err *err)
{
	(void)err;
	set(&o->dir, value);
	return 0;
}

static int set_tag(struct cache_option *o, const char *value, struct err *err)
{
	if (!*value || strlen(value) > 128)
		return err_set(err, EINVAL, "tag= has 1 to 128 characters");
	set(&o->tag, value);
	return 0;
}

static int set_digest(struct cache_option *o, const char *value, struct err *err)
{
	if (strncmp(value, "sha256:", 7) != 0 || strlen(value) != 71)
		return err_set(err, EINVAL, "digest= is \"sha256:\" and 64 digits");
	set(&o->digest, value);
	return 0;
}

static int set_mode(struct cache_option *o, const char *value, struct err *err)
{
	o->max = !strcmp(value, "max");
	return o->max || !strcmp(value, "min") ? 0 : err_set(err, EINVAL, "mode=%s: min or max", value);
}

static int set_compression(struct cache_option *o, const char *value, struct err *err)
{
	if (!strcmp(value, "uncompressed"))
		value = "none";
	return compress_kind_parse(value, &o->kind, err);
}

static int set_level(struct cache_option *o, const char *value, struct err *err)
{
	char *end;
	long level = strtol(value, &end, 10);

	if (end == value || *end || level < 1 || level > 19)
		return err_set(err, EINVAL, "compression-level=%s: a number from 1 to 19", value);
	o->level = (int)level;
	return 0;
}

static bool is_yes(const char *value)
{
	return !strcasecmp(value, "true") || !strcmp(value, "1");
}

static int set_ignore_error(struct cache_option *o, const char *value, struct err *err)
{
	o->ignore_error = is_yes(value);
	return o->ignore_error || !strcasecmp(value, "false") || !strcmp(value, "0")
		   ? 0
		   : err_set(err, EINVAL, "ignore-error=%s: true or false", value);
}

/* What BuildKit lets choose and we do one way: OCI's media types, an image manifest. */
static int pass_over(struct cache_option *o, const char *value, struct err *err)
{
	(void)o;
	(void)value;
	(void)err;
	return 0;
}

static const struct key {
	const char *name;
	bool from, to;
	int (*set)(struct cache_option *o, const char *value, struct err *err);
} keys[] = {
    {"type", true, true, set_type},
    {"ref", true, true, set_ref},
    {"src", true, false, set_dir},
    {"dest", false, true, set_dir},
    {"tag", true, true, set_tag},
    {"digest", true, false, set_digest},
    {"mode", false, true, set_mode},
    {"compression", false, true, set_compression},
    {"compression-level", false, true, set_level},
    {"force-compression", false, true, pass_over},
    {"ignore-error", false, true, set_ignore_error},
    {"oci-mediatypes", false, true, pass_over},
    {"image-manifest", false, true, pass_over},
};

static int set_part(struct cache_option *o, enum cache_option_use use, const char *part, struct err *err)
{
	size_t n = strcspn(part, "=");

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const struct key *k = &keys[i];

		if (strlen(k->name) == n && !strncmp(k->name, part, n) && part[n] &&
		    (use == CACHE_FROM ? k->from : k->to))
			return k->set(o, part + n + 1, err);
	}
	return err_set(err, EINVAL, "unknown part \"%s\"", part);
}

static int parse_parts(struct cache_option *o, enum cache_option_use use, const char *text, struct err *err)
{
	int r = 0;

	for (const char *p = text; r == 0 && *p;) {
		size_t n = strcspn(p, ",");
		mem_cleanup char *part = mem_strndup(p, n);

		r = set_part(o, use, part, err);
		p += n + (p[n] == ',');
	}
	return r;
}

static int check(struct cache_option *o, enum cache_option_use use, struct err *err)
{
	if (o->type == CACHE_INLINE && use == CACHE_FROM)
		return err_set(err, EINVAL, "a cache inside of an image is read with type=registry,ref=IMAGE");
	if (o->type == CACHE_INLINE && o->max)
		return err_set(err, EINVAL,
			       "the image has the layers of the target alone; mode=max needs another type");
	if (o->type == CACHE_REGISTRY && (!o->ref || !*o->ref))
		return err_set(err, EINVAL, "type=registry needs ref=NAME");
	if (o->type == CACHE_LOCAL && (!o->dir || !*o->dir))
		return err_set(err, EINVAL, "type=local needs %s=DIR", use == CACHE_FROM ? "src" : "dest");
	if (!o->tag)
		o->tag = mem_strdup("latest");
	o->name = mem_strdup(o->type == CACHE_LOCAL ? o->dir : o->type == CACHE_REGISTRY ? o->ref : "inline");
	return 0;
}

int cache_option_parse(const char *text, enum cache_option_use use, struct cache_option *ret, struct err *err)
{
	struct cache_option o = {.kind = COMPRESS_GZIP, .level = COMPRESS_LEVEL_DEFAULT};
	int r = 0;

	o.plain = !strchr(text, '=');
	if (o.plain)
		set(&o.ref, text);
	else
		r = parse_parts(&o, use, text, err);
	if (r == 0)
		r = check(&o, use, err);
	if (r < 0) {
		cache_option_free(&o);
		return err ? err_wrap(err, "%s \"%s\"", flags[use], text) : r;
	}
	*ret = o;
	return 0;
}
