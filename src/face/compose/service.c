/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/service.h"

#include "face/compose/berth_keys.h"
#include "face/compose/counters.h"
#include "face/compose/deploy.h"
#include "face/compose/depends.h"
#include "face/compose/environment.h"
#include "face/compose/files.h"
#include "face/compose/health.h"
#include "face/compose/job.h"
#include "face/compose/loader.h"
#include "face/compose/mounts.h"
#include "face/compose/placement.h"
#include "face/compose/read.h"
#include "face/compose/scalar.h"
#include "face/compose/suggest.h"
#include "face/compose/words.h"

#include <ctype.h>
#include <string.h>

#define NAME_MAX_BYTES 63
#define GRACE_DEFAULT_MS 10000

void job_where_add(struct loader *l, struct job_service *s, const struct node *at)
{
	struct job_where *w;

	if (!at)
		return;
	arena_grow(&l->arena, &s->where, &s->cap_where, s->n_where);
	w = &s->where[s->n_where++];
	w->path = node_path_below(&l->arena, s->node, at);
	w->line = at->line;
	w->column = at->column;
}

struct job_service *job_find(const struct job *job, const char *name)
{
	for (size_t i = 0; i < job->n_services; i++)
		if (strcmp(job->services[i].name, name) == 0)
			return &job->services[i];
	return NULL;
}

static bool name_ok(const char *name)
{
	if (!isalnum((unsigned char)*name) || strlen(name) > NAME_MAX_BYTES)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
			return false;
	return true;
}

/* A command as words: a string is split, a list stays as it is. An empty one clears the image's. */
static char **read_words(struct loader *l, struct job_service *s, const char *key, bool *ret_has)
{
	const struct node *n = node_value(s->node, key);
	struct strings words = {0};
	const char *why;

	if (!n || n->kind == NODE_MAP)
		return NULL;
	*ret_has = true;
	job_where_add(l, s, n);
	if (n->kind == NODE_LIST)
		read_strings(l, s->node, key, &words);
	else if (!words_split(&l->arena, n->text, &words, &why))
		message_error(l, n, "%s", why);
	return words.v;
}

static void read_signal(struct loader *l, struct job_service *s)
{
	const char *text = read_str(s->node, "stop_signal", "SIGTERM");
	char name[SCALAR_SIGNAL_MAX];

	s->stop_signal = scalar_signal(text, name) ? arena_strdup(&l->arena, name) : "SIGTERM";
}

static void check_absolute(struct loader *l, const struct job_service *s, const char *key)
{
	const struct node *n = node_value(s->node, key);

	if (n && n->kind == NODE_SCALAR && n->text[0] != '/')
		message_error(l, n, "an absolute path is needed, not \"%s\"; for example /work", n->text);
}

static void check_hostname(struct loader *l, const struct job_service *s)
{
	const struct node *n = node_value(s->node, "hostname");
	size_t len = n && n->kind == NODE_SCALAR ? strlen(n->text) : 0;

	if (!len)
		return;
	if (len > 63 || strspn(n->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") != len ||
	    !isalnum((unsigned char)n->text[0]))
		message_error(l, n, "\"%s\" is no host name: letters, digits, - and dots, at most 63", n->text);
}

static bool image_text_ok(const char *image)
{
	for (const char *p = image; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._-:/@+", *p))
			return false;
	return *image && strlen(image) <= 512;
}

static void read_image(struct loader *l, struct job_service *s)
{
	const struct node *n = node_get(s->node, "image");

	s->image = read_str(s->node, "image", NULL);
	if (!n || node_is_null(n)) {
		if (!node_get(s->node, "build"))
			message_key_error(l, s->node, "the service has no image; for example image: busybox:1.36");
		return;
	}
	job_where_add(l, s, n);
	if (s->image && !image_text_ok(s->image))
		message_error(l, n, "\"%s\" is no name of an image; for example busybox:1.36", s->image);
}

/* "no", "always", "unless-stopped", "on-failure", "on-failure:3" */
static void read_restart(struct loader *l, struct job_service *s)
{
	static const char *const words[] = {"no", "always", "unless-stopped", "on-failure"};
	const struct node *n = node_value(s->node, "restart");
	struct suggest nearest = {0};
	char text[SUGGEST_TEXT_MAX];
	const char *value = read_str(s->node, "restart", "no");
	bool truth;

	s->restart = "no";
	if (!n || n->kind != NODE_SCALAR || (scalar_bool(value, false, &truth) && !truth))
		return;
	if (strncmp(value, "on-failure:", 11) == 0 && scalar_int(value + 11, &s->restart_max) && s->restart_max >= 0 &&
	    s->restart_max <= 1000000) {
		s->restart = "on-failure";
		return;
	}
	s->restart_max = 0;
	nearest.wrong = value;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(value, words[i]) == 0) {
			s->restart = words[i];
			return;
		}
		suggest_try(&nearest, words[i]);
	}
	message_error(l, n, "no, always, unless-stopped, on-failure or on-failure:N is needed, not \"%s\"%s", value,
		      suggest_text(&nearest, text));
}

static bool in_profiles(const struct loader *l, const struct node *list)
{
	for (char **p = l->profiles; p && *p; p++) {
		if (strcmp(*p, "*") == 0)
			return true;
		for (size_t i = 0; i < list->n; i++)
			if (list->items[i]->kind == NODE_SCALAR && strcmp(list->items[i]->text, *p) == 0)
				return true;
	}
	return list->n == 0;
}

static void read_plain(struct loader *l, struct job_service *s)
{
	read_image(l, s);
	s->entrypoint = read_words(l, s, "entrypoint", &s->has_entrypoint);
	s->command = read_words(l, s, "command", &s->has_command);
	s->working_dir = read_str(s->node, "working_dir", NULL);
	check_absolute(l, s, "working_dir");
	job_where_add(l, s, node_value(s->node, "working_dir"));
	s->user = read_str(s->node, "user", NULL);
	job_where_add(l, s, node_value(s->node, "user"));
	s->hostname = read_str(s->node, "hostname", NULL);
	check_hostname(l, s);
	s->read_only = read_bool(s->node, "read_only", false);
	read_signal(l, s);
	s->stop_grace_ms = read_duration(s->node, "stop_grace_period", GRACE_DEFAULT_MS);
}

void service_read(struct loader *l, const struct node *n, struct job_service *s)
{
	const struct node *profiles = read_list(n, "profiles");

	s->name = n->key->text;
	s->node = n;
	s->berth = read_map(n, "x-berth");
	s->walltime_ms = -1;
	s->slots = -1;
	s->active = !profiles || in_profiles(l, profiles);
	if (!name_ok(s->name))
		message_key_error(l, n, "a service is named by letters, digits, \".\", \"_\" and \"-\", at most 63");
	if (n->kind != NODE_MAP)
		return;
	read_plain(l, s);
	read_restart(l, s);
	deploy_read(l, s);
	depends_read(l, s);
	health_read(l, s);
	berth_keys_read(l, s);
	placement_read(l, s);
	counters_read(l, s);
	environment_read_labels(l, s);
	/* the files of a service that does not run need not be there */
	if (!s->active)
		return;
	environment_read(l, s);
	mounts_read(l, s);
	files_read(l, s);
}
