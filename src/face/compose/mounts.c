/* SPDX-License-Identifier: Apache-2.0
 *
 * A bind source is a path of this machine and must be there now: starting on an empty directory in place of the data
 * is worse than an error. A name that is no path is a named volume.
 */
#include "face/compose/mounts.h"

#include "face/compose/check.h"
#include "face/compose/job.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"
#include "face/compose/scalar.h"
#include "face/compose/suggest.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define MOUNTS_MAX 256
#define NAME_MAX_BYTES 128
#define TMPFS_MODE 01777

static bool is_path(const char *source)
{
	return source[0] == '/' || source[0] == '.' || source[0] == '~' || strchr(source, '/');
}

static void check_target(struct loader *l, const struct job_service *s, const struct job_mount *m)
{
	if (!check_container_path(l, m->at, m->target))
		return;
	for (size_t i = 0; i + 1 < s->n_mounts; i++)
		if (strcmp(s->mounts[i].target, m->target) == 0)
			message_error(l, m->at, "two mounts at %s", m->target);
}

static void check_bind(struct loader *l, struct job_mount *m)
{
	struct stat st;

	m->source = loader_path(l, m->at, m->source);
	if (!m->source || m->create)
		return;
	if (stat(m->source, &st) < 0)
		message_error(l, m->at, "%s: %s", m->source,
			      errno == ENOENT ? "there is no such file or directory" : strerror(errno));
}

/* The volume's name on the node: its own, or with the name of the project before it, as Compose has it. */
static const char *volume_name(struct loader *l, const struct job_mount *m, const struct node *declared)
{
	const char *own = read_str(declared, "name", NULL);
	const char *name = own ? own : arena_printf(&l->arena, "%s_%s", l->job->name, m->source);
	size_t len = strlen(name);

	if (!isalnum((unsigned char)*name) || len > NAME_MAX_BYTES ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != len)
		message_error(l, own ? node_get(declared, "name") : declared,
			      "\"%s\" is no name of a volume: letters, digits, \".\", \"_\" and \"-\", at most %d",
			      name, NAME_MAX_BYTES);
	return name;
}

static void check_volume(struct loader *l, struct job_mount *m)
{
	const struct node *volumes = read_map(l->root, "volumes");
	const struct node *declared = node_get(volumes, m->source);
	struct suggest s = {.wrong = m->source};
	char text[SUGGEST_TEXT_MAX];

	if (declared) {
		m->source = volume_name(l, m, declared);
		return;
	}
	for (size_t i = 0; volumes && i < volumes->n; i++)
		suggest_try(&s, volumes->items[i]->key->text);
	if (s.best)
		message_error(l, m->at, "no volume \"%s\" is declared at the top of the file%s", m->source,
			      suggest_text(&s, text));
	else
		message_error(l, m->at,
			      "no volume \"%s\" is declared at the top of the file (volumes: {%s: {}}); a directory is "
			      "written ./%s",
			      m->source, m->source, m->source);
}

static void add(struct loader *l, struct job_service *s, const struct job_mount *m)
{
	struct job_mount *kept;

	if (s->n_mounts == MOUNTS_MAX) {
		message_error(l, m->at, "more than %d mounts", MOUNTS_MAX);
		return;
	}
	arena_grow(&l->arena, &s->mounts, &s->cap_mounts, s->n_mounts);
	kept = &s->mounts[s->n_mounts++];
	*kept = *m;
	job_where_add(l, s, m->at);
	check_target(l, s, kept);
	if (m->type == JOB_BIND)
		check_bind(l, kept);
	else if (m->type == JOB_VOLUME)
		check_volume(l, kept);
}

/* The options of the short form; false when one is unknown. */
static bool read_option(struct loader *l, struct job_mount *m, const char *option)
{
	static const char *const harmless[] = {"rw",	 "z",	      "Z",	  "nocopy", "consistent",
					       "cached", "delegated", "rprivate", "private"};

	if (strcmp(option, "ro") == 0) {
		m->read_only = true;
		return true;
	}
	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
		if (strcmp(option, harmless[i]) == 0)
			return true;
	message_error(l, m->at, "the option \"%s\" is not known; ro and rw are", option);
	return false;
}

static void read_short(struct loader *l, struct job_service *s, const struct node *at)
{
	struct job_mount m = {.at = at};
	char *text = arena_strdup(&l->arena, at->text), *target = strchr(text, ':'), *options, *save = NULL;

	if (!target) {
		message_error(l, at,
			      "volumes without a name are not supported yet by this version of berth; write NAME:%s",
			      text);
		return;
	}
	*target++ = '\0';
	options = strchr(target, ':');
	if (options)
		*options++ = '\0';
	if (!*text) {
		message_error(l, at, "the source before the colon is empty; for example ./data:/data");
		return;
	}
	m.type = is_path(text) ? JOB_BIND : JOB_VOLUME;
	m.source = text;
	m.target = target;
	for (char *o = options ? strtok_r(options, ",", &save) : NULL; o; o = strtok_r(NULL, ",", &save))
		if (!read_option(l, &m, o))
			return;
	add(l, s, &m);
}

static void read_long_bind(struct loader *l, struct job_mount *m)
{
	m->type = JOB_BIND;
	m->create = read_bool(read_map(m->at, "bind"), "create_host_path", false);
	if (!m->source)
		message_error(l, m->at, "a bind mount needs a source; for example source: ./data");
}

static void read_long_volume(struct loader *l, struct job_mount *m)
{
	m->type = JOB_VOLUME;
	if (!m->source)
		message_error(l, m->at, "volumes without a name are not supported yet by this version of berth");
}

static void read_long_tmpfs(struct loader *l, struct job_mount *m)
{
	const struct node *tmpfs = read_map(m->at, "tmpfs");

	m->type = JOB_TMPFS;
	m->size = read_size(tmpfs, "size", 0);
	m->mode = read_mode(l, tmpfs, "mode", TMPFS_MODE);
	if (m->source)
		message_error(l, m->at, "a tmpfs has no source");
	m->source = "";
}

static void read_long_later(struct loader *l, struct job_mount *m)
{
	message_error(l, m->at, "type: %s is not supported yet by this version of berth", read_str(m->at, "type", ""));
	m->source = NULL;
}

static void read_long(struct loader *l, struct job_service *s, const struct node *at)
{
	static const struct {
		const char *type;
		void (*read)(struct loader *l, struct job_mount *m);
	} types[] = {{"bind", read_long_bind},	 {"volume", read_long_volume}, {"tmpfs", read_long_tmpfs},
		     {"npipe", read_long_later}, {"cluster", read_long_later}, {"image", read_long_later}};
	struct job_mount m = {.at = at, .source = read_str(at, "source", NULL), .target = read_str(at, "target", NULL)};
	const char *type = read_str(at, "type", NULL);

	if (!type || !m.target) {
		message_error(l, at, "%s is missing; for example {type: bind, source: ./data, target: /data}",
			      type ? "target" : "type");
		return;
	}
	m.read_only = read_bool(at, "read_only", false);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (strcmp(type, types[i].type) != 0)
			continue;
		types[i].read(l, &m);
		if (m.source)
			add(l, s, &m);
	}
}

static bool read_tmpfs_option(struct job_mount *m, const char *o)
{
	static const char *const always[] = {"rw", "nosuid", "nodev"};

	for (size_t i = 0; i < sizeof always / sizeof *always; i++)
		if (strcmp(o, always[i]) == 0)
			return true;
	if (strcmp(o, "ro") == 0)
		return m->read_only = true;
	if (strncmp(o, "size=", 5) == 0)
		return scalar_size(o + 5, &m->size);
	return strncmp(o, "mode=", 5) == 0 && scalar_mode(o + 5, &m->mode);
}

/* "/tmp" or "/tmp:size=64m,mode=1777" */
static void read_tmpfs(struct loader *l, struct job_service *s, const struct node *at)
{
	struct job_mount m = {.type = JOB_TMPFS, .mode = TMPFS_MODE, .source = "", .at = at};
	char *text = arena_strdup(&l->arena, at->text), *options = strchr(text, ':'), *save = NULL;

	if (options)
		*options++ = '\0';
	m.target = text;
	for (char *o = options ? strtok_r(options, ",", &save) : NULL; o; o = strtok_r(NULL, ",", &save)) {
		if (!read_tmpfs_option(&m, o))
			message_error(l, at, "\"%s\" is not understood; for example /tmp:size=64m,mode=1777", o);
	}
	add(l, s, &m);
}

void mounts_read(struct loader *l, struct job_service *s)
{
	const struct node *volumes = read_list(s->node, "volumes"), *tmpfs = node_value(s->node, "tmpfs");

	for (size_t i = 0; volumes && i < volumes->n; i++) {
		if (volumes->items[i]->kind == NODE_SCALAR)
			read_short(l, s, volumes->items[i]);
		else if (volumes->items[i]->kind == NODE_MAP)
			read_long(l, s, volumes->items[i]);
	}
	if (tmpfs && tmpfs->kind == NODE_SCALAR)
		read_tmpfs(l, s, tmpfs);
	for (size_t i = 0; tmpfs && tmpfs->kind == NODE_LIST && i < tmpfs->n; i++)
		if (tmpfs->items[i]->kind == NODE_SCALAR)
			read_tmpfs(l, s, tmpfs->items[i]);
}
