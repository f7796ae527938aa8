/* SPDX-License-Identifier: Apache-2.0
 *
 * Spaces are found by name. `input`, `output`, `user` and `global` exist without being declared; the first two need a
 * directory from the command line or a path.
 */
#include "face/compose/stage.h"

#include "face/compose/job.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"
#include "face/compose/suggest.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define RULES_MAX 256
#define PATTERN_MAX 4000

static const char *const built_in[] = {"input", "output", "user", "global"};
static const char *const placeholders[] = {"index", "count", "item", "job"};

static struct job_space *find_space(const struct job *job, const char *name)
{
	for (size_t i = 0; i < job->n_spaces; i++)
		if (strcmp(job->spaces[i].name, name) == 0)
			return &job->spaces[i];
	return NULL;
}

static struct job_space *add_space(struct loader *l, const char *name, const char *path)
{
	struct job *job = l->job;
	struct job_space *s;

	arena_grow(&l->arena, &job->spaces, &job->cap_spaces, job->n_spaces);
	s = &job->spaces[job->n_spaces++];
	s->name = name;
	s->path = path;
	return s;
}

static bool name_ok(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= 64 && name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

/* What is wrong with a directory, or NULL. A missing one is fine when it may be made. */
static const char *bad_directory(const char *path, bool may_be_made)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT && may_be_made ? NULL
		       : errno == ENOENT	      ? "there is no such directory"
						      : strerror(errno);
	return S_ISDIR(st.st_mode) ? NULL : "this is no directory";
}

static void read_declared(struct loader *l, const struct node *n)
{
	const struct node *at = node_value(n, "path");
	const char *name = n->key->text, *why;
	char *path = NULL;

	if (!name_ok(name))
		message_key_error(l, n, "a space is named by letters, digits, \".\", \"_\" and \"-\", at most 64");
	if (at && at->kind == NODE_SCALAR) {
		path = loader_path(l, at, at->text);
		why = path ? bad_directory(path, strcmp(name, "input") != 0) : NULL;
		if (why)
			message_error(l, at, "%s: %s", path, why);
	}
	add_space(l, name, path);
}

/* A directory of the command line wins over a path in the file. */
static void read_given(struct loader *l, const char *name, const char *directory)
{
	struct job_space *s = find_space(l->job, name);
	const char *why;
	char *path;

	if (!directory)
		return;
	path = loader_cwd_path(l, directory);
	why = bad_directory(path, strcmp(name, "output") == 0);
	if (why)
		message_place_error(l, 0, 0, "--%s %s: %s", name, directory, why);
	if (s)
		s->path = path;
	else
		add_space(l, name, path);
}

void stage_read_spaces(struct loader *l)
{
	const struct node *spaces = read_map(read_map(l->root, "x-berth"), "spaces");

	for (size_t i = 0; spaces && i < spaces->n; i++)
		read_declared(l, spaces->items[i]);
	read_given(l, "input", l->options->input);
	read_given(l, "output", l->options->output);
}

static bool is_built_in(const char *name)
{
	for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
		if (strcmp(built_in[i], name) == 0)
			return true;
	return false;
}

static void tell_no_space(struct loader *l, const struct node *at, const char *name)
{
	struct suggest s = {.wrong = name};
	char text[SUGGEST_TEXT_MAX];

	for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
		suggest_try(&s, built_in[i]);
	for (size_t i = 0; i < l->job->n_spaces; i++)
		suggest_try(&s, l->job->spaces[i].name);
	if (s.best)
		message_error(l, at, "no space \"%s\" is declared in x-berth.spaces%s", name, suggest_text(&s, text));
	else
		message_error(l, at,
			      "no space \"%s\" is declared in x-berth.spaces; for example x-berth: {spaces: {%s: {}}}",
			      name, name);
}

void stage_check_space(struct loader *l, const struct node *at, const char *name)
{
	const struct job_space *s = find_space(l->job, name);
	bool outside = strcmp(name, "input") == 0 || strcmp(name, "output") == 0;

	if (!s && !is_built_in(name))
		tell_no_space(l, at, name);
	else if (outside && (!s || !s->path))
		message_error(l, at, "the space \"%s\" needs a directory; give --%s DIR", name, name);
	else if (!s)
		add_space(l, name, NULL);
}

static bool uses(const struct job_stage *rules, size_t n, const char *space)
{
	for (size_t i = 0; i < n; i++)
		if (rules[i].space && strcmp(rules[i].space, space) == 0)
			return true;
	return false;
}

static bool is_used(const struct job *job, const char *space)
{
	for (size_t i = 0; i < job->n_services; i++) {
		const struct job_service *s = &job->services[i];

		if (uses(s->stage_in, s->n_stage_in, space) || uses(s->stage_out, s->n_stage_out, space) ||
		    (s->over_space && strcmp(s->over_space, space) == 0))
			return true;
	}
	return false;
}

void stage_check_unused(struct loader *l)
{
	if (l->options->input && !is_used(l->job, "input"))
		message_place_warn(l, 0, 0, "--input is given, but no task uses the space \"input\"");
	if (l->options->output && !is_used(l->job, "output"))
		message_place_warn(l, 0, 0, "--output is given, but no task uses the space \"output\"");
}

void stage_split(struct loader *l, const struct node *at, const char **ret_space, const char **ret_glob)
{
	const char *colon = strchr(at->text, ':');

	*ret_space = *ret_glob = NULL;
	if (!colon || colon == at->text || !colon[1]) {
		message_error(l, at, "SPACE:PATTERN is needed, not \"%s\"; for example work:parts/*", at->text);
		return;
	}
	*ret_space = arena_strndup(&l->arena, at->text, (size_t)(colon - at->text));
	*ret_glob = colon + 1;
}

static bool path_leaves(const char *pattern)
{
	for (const char *p = pattern; *p; p += strspn(p, "/")) {
		size_t n = strcspn(p, "/");

		if (n == 2 && strncmp(p, "..", 2) == 0)
			return true;
		p += n;
	}
	return pattern[0] == '/';
}

/* Length of the word after '{' up to '}', or 0 when it is no placeholder by its looks. */
static size_t word_length(const char *p)
{
	size_t n = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");

	return p[n] == '}' ? n : 0;
}

static void check_placeholder(struct loader *l, const struct node *at, const char *word, size_t n,
			      const struct job_service *s)
{
	struct suggest nearest = {.wrong = arena_strndup(&l->arena, word, n)};
	char text[SUGGEST_TEXT_MAX];

	for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++) {
		suggest_try(&nearest, placeholders[i]);
		if (strcmp(placeholders[i], nearest.wrong) != 0)
			continue;
		if (!s)
			message_error(l, at, "{%s} has no value here: the copies are not known yet", nearest.wrong);
		else if (i == 2 && !s->has_items && !s->over_space)
			message_error(l, at, "{item} has no value: the task has no x-berth.replicate.over");
		return;
	}
	message_error(l, at, "{%s} is not known; {index}, {count}, {item} and {job} are%s", nearest.wrong,
		      suggest_text(&nearest, text));
}

void stage_check_pattern(struct loader *l, const struct node *at, const char *pattern, const struct job_service *s)
{
	if (!*pattern || strlen(pattern) > PATTERN_MAX)
		message_error(l, at, "the pattern is %s", *pattern ? "too long" : "empty");
	if (path_leaves(pattern))
		message_error(l, at, "\"%s\" leaves the space: a relative path without \"..\" is needed", pattern);
	for (const char *p = strchr(pattern, '{'); p; p = strchr(p + 1, '{')) {
		size_t n = word_length(p + 1);

		if (n)
			check_placeholder(l, at, p + 1, n, s);
		else
			message_error(l, at, "\"%.20s\": {index}, {count}, {item} and {job} are known in braces", p);
	}
}

static char **read_patterns(struct loader *l, const struct job_service *s, const struct node *rule, const char *key)
{
	const struct node *n = node_value(rule, key);
	struct strings patterns = {0};

	read_strings(l, rule, key, &patterns);
	for (size_t i = 0; i < patterns.n; i++)
		stage_check_pattern(l, n, patterns.v[i], s);
	return patterns.v;
}

static void read_map_rule(struct loader *l, const struct job_service *s, const struct node *n, struct job_stage *rule)
{
	rule->space = read_str(n, "space", NULL);
	rule->include = read_patterns(l, s, n, "include");
	rule->exclude = read_patterns(l, s, n, "exclude");
	rule->to = read_str(n, "to", NULL);
	if (rule->to && (strcmp(rule->to, ".") == 0 || strcmp(rule->to, "") == 0))
		rule->to = NULL;
	if (rule->to)
		stage_check_pattern(l, node_value(n, "to"), rule->to, s);
	if (!rule->space)
		message_error(l, n, "space is missing; for example {space: input, include: [\"*.txt\"]}");
}

static void read_rule(struct loader *l, struct job_service *s, const struct node *n, struct job_stage *rule)
{
	const char *glob = NULL;
	struct strings one = {0};

	rule->at = n;
	if (n->kind == NODE_SCALAR) {
		stage_split(l, n, &rule->space, &glob);
		if (glob) {
			strings_add(&l->arena, &one, glob);
			stage_check_pattern(l, n, glob, s);
		}
		rule->include = one.v;
	} else if (n->kind == NODE_MAP) {
		read_map_rule(l, s, n, rule);
	}
	if (rule->space)
		stage_check_space(l, n, rule->space);
	job_where_add(l, s, n);
}

static size_t read_rules(struct loader *l, struct job_service *s, const char *key, struct job_stage **ret)
{
	const struct node *list = read_list(s->berth, key);
	size_t n = list ? list->n : 0;

	if (n > RULES_MAX) {
		message_error(l, list, "%zu rules; %d are possible", n, RULES_MAX);
		return 0;
	}
	*ret = arena_new_n(&l->arena, struct job_stage, n);
	for (size_t i = 0; i < n; i++)
		read_rule(l, s, list->items[i], &(*ret)[i]);
	return n;
}

void stage_read(struct loader *l, struct job_service *s)
{
	s->n_stage_in = read_rules(l, s, "stage_in", &s->stage_in);
	s->n_stage_out = read_rules(l, s, "stage_out", &s->stage_out);
}
