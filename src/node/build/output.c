/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/output.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>

#define LEVEL_MAX 22

void output_free(struct output *o)
{
	free(o->dest);
	mem_strv_free(o->names);
	*o = (struct output){.dest = NULL};
}

static int read_type(struct output *o, const char *value, struct err *err)
{
	static const char *const types[] = {[OUTPUT_IMAGE] = "image",
					    [OUTPUT_LOCAL] = "local",
					    [OUTPUT_TAR] = "tar",
					    [OUTPUT_OCI] = "oci",
					    [OUTPUT_DOCKER] = "docker"};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (!strcmp(types[i], value)) {
			o->type = (enum output_type)i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "--output: the type \"%.100s\" is not known; image, local, tar, oci and docker are",
		       value);
}

static int read_dest(struct output *o, const char *value, struct err *err)
{
	(void)err;
	free(o->dest);
	o->dest = *value && strcmp(value, "-") != 0 ? mem_strdup(value) : NULL;
	return 0;
}

static int read_name(struct output *o, const char *value, struct err *err)
{
	(void)err;
	mem_strv_add(&o->names, value);
	return 0;
}

static int read_bool(const char *key, const char *value, bool *ret, struct err *err)
{
	*ret = !strcmp(value, "true") || !strcmp(value, "1");
	if (*ret || !strcmp(value, "false") || !strcmp(value, "0"))
		return 0;
	return err_set(err, EINVAL, "--output: %s=%.100s: true or false", key, value);
}

static int read_tar(struct output *o, const char *value, struct err *err)
{
	bool tar;
	int r = read_bool("tar", value, &tar, err);

	o->dir = !tar;
	return r;
}

static int read_compression(struct output *o, const char *value, struct err *err)
{
	o->repack = true;
	return compress_kind_parse(!strcmp(value, "uncompressed") ? "none" : value, &o->kind, err) < 0
		   ? err_wrap(err, "--output: compression")
		   : 0;
}

static int read_level(struct output *o, const char *value, struct err *err)
{
	char *end;
	long level = strtol(value, &end, 10);

	if (!*value || *end || level < 1 || level > LEVEL_MAX)
		return err_set(err, EINVAL, "--output: compression-level=%.100s: a number from 1 to %d", value,
			       LEVEL_MAX);
	o->level = (int)level;
	return 0;
}

static int read_force(struct output *o, const char *value, struct err *err)
{
	bool force;

	(void)o;
	return read_bool("force-compression", value, &force, err);
}

static const struct {
	const char *key;
	int (*read)(struct output *o, const char *value, struct err *err);
} parts[] = {
    {"type", read_type},
    {"dest", read_dest},
    {"name", read_name},
    {"tar", read_tar},
    {"compression", read_compression},
    {"compression-level", read_level},
    {"force-compression", read_force},
};

static int read_part(struct output *o, const char *part, struct err *err)
{
	size_t key = strcspn(part, "=");

	for (size_t i = 0; part[key] && i < sizeof parts / sizeof *parts; i++) {
		if (strlen(parts[i].key) == key && !strncmp(parts[i].key, part, key))
			return parts[i].read(o, part + key + 1, err);
	}
	return err_set(err, EINVAL,
		       "--output: unknown part \"%.200s\"; type, dest, name, tar, compression, compression-level and "
		       "force-compression are known",
		       part);
}

static int check(const struct output *o, struct err *err)
{
	bool archive = o->type == OUTPUT_OCI || o->type == OUTPUT_DOCKER;

	if (o->dir && (o->type != OUTPUT_OCI || !o->dest))
		return err_set(err, EINVAL, "--output: tar=false is for type=oci with a directory as dest=");
	if (o->type == OUTPUT_LOCAL && !o->dest)
		return err_set(err, EINVAL, "--output type=local: dest= is missing");
	if (!archive && (o->repack || o->level))
		return err_set(err, EINVAL, "--output: compression is for type=oci and type=docker");
	if (o->level && !o->repack)
		return err_set(err, EINVAL, "--output: compression-level= needs compression=gzip or compression=zstd");
	return 0;
}

static int read_parts(struct output *o, const char *text, struct err *err)
{
	int r = 0;

	for (size_t n; r == 0 && *text; text += n + (text[n] == ',')) {
		mem_cleanup char *part = NULL;

		n = strcspn(text, ",");
		part = mem_strndup(text, n);
		r = read_part(o, part, err);
	}
	return r < 0 ? r : check(o, err);
}

int output_parse(const char *text, struct output *ret, struct err *err)
{
	struct output o = {.type = strcmp(text, "-") != 0 ? OUTPUT_LOCAL : OUTPUT_TAR};
	int r = 0;

	if (!strchr(text, '='))
		r = read_dest(&o, text, err);
	else if (!strstr(text, "type="))
		r = err_set(err, EINVAL, "--output \"%.200s\": type= is missing", text);
	else
		r = read_parts(&o, text, err);
	if (r < 0)
		output_free(&o);
	else
		*ret = o;
	return r;
}
