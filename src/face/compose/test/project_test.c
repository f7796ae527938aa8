/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs the cases of test/projects/NAME.cases, each as a test of its own, in a new directory DIR that is the current
 * one. A case is
 *
 *	=== what it is about
 *	--- compose.yaml       (a file with this name, folders are made; as many as needed)
 *	text
 *	--- with               (options, one a line; may be left out)
 *	file a.yaml            (cd, file, env_file, profile, service, env, project, directory; flags: only, all, contents,
 *	                        no_interpolate, no_normalize, no_paths, no_consistency, no_env_files)
 *	--- messages           (all of them, errors and warnings; none when the section is missing)
 *	compose.yaml:3:5: error: services.a: text
 *	--- json               (the whole project; the order of keys does not matter)
 *	{"name": ...}
 *	--- hash               (services and their hashes)
 *	web c2e403...
 *
 * What has a json section is written as YAML, too, and that is loaded again: it must mean the same project.
 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/compose/compose_project.h"
#include "face/compose/yaml_text.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SECTIONS_MAX 12

struct section {
	char *name, *text;
};

struct one_case {
	char *name;
	struct section sections[SECTIONS_MAX];
	size_t n;
};

struct run {
	char directory[64];
	struct compose_project_options options;
	struct compose_messages messages;
	struct compose_project project;
	struct err err;
	char *own_project, *own_directory;
	int result;
};

static struct one_case *cases;
static size_t n_cases, cap_cases;

/* ---- reading ---- */

static void add_line(char **text, const char *line, size_t n)
{
	char *longer = mem_printf("%s%.*s\n", *text, (int)n, line);

	free(*text);
	*text = longer;
}

static void read_line(const char *line, size_t n, const char *file)
{
	struct one_case *c;

	if (n > 4 && strncmp(line, "=== ", 4) == 0) {
		mem_grow(&cases, &cap_cases, n_cases);
		cases[n_cases++].name = mem_printf("%s: %.*s", file, (int)n - 4, line + 4);
		return;
	}
	c = &cases[n_cases - 1];
	if (n > 4 && strncmp(line, "--- ", 4) == 0) {
		assert_true(c->n < SECTIONS_MAX);
		c->sections[c->n++] = (struct section){mem_strndup(line + 4, n - 4), mem_strdup("")};
	} else if (c->n) {
		add_line(&c->sections[c->n - 1].text, line, n);
	}
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_cases(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return dot && strcmp(dot, ".cases") == 0;
}

static void read_all(void)
{
	struct dirent **list;
	int n = scandir(PROJECTS, &list, is_cases, by_name);

	for (int i = 0; i < n; i++) {
		mem_cleanup char *path = mem_printf("%s/%s", PROJECTS, list[i]->d_name), *text = NULL;
		struct err err = ERR_INIT;
		size_t len, length;

		if (fs_read(AT_FDCWD, path, 1 << 20, &text, &len, &err) < 0)
			abort();
		for (const char *p = text; *p; p += length + (p[length] == '\n')) {
			length = strcspn(p, "\n");
			read_line(p, length, list[i]->d_name);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static const char *section(const struct one_case *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->sections[i].name, name) == 0)
			return c->sections[i].text;
	return NULL;
}

/* ---- running ---- */

static char *replaced(const char *text, const char *from, const char *to)
{
	struct buf b = BUF_INIT;

	for (const char *p = text; *p;) {
		if (strncmp(p, from, strlen(from)) == 0) {
			buf_adds(&b, to);
			p += strlen(from);
		} else {
			buf_addc(&b, *p++);
		}
	}
	return b.data ? buf_take(&b) : mem_strdup("");
}

static void write_file(const char *name, const char *text)
{
	mem_cleanup char *path = mem_strdup(name);
	FILE *f;

	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0755);
		*slash = '/';
	}
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void write_files(const struct one_case *c, const char *directory)
{
	static const char *const others[] = {"with", "messages", "json", "hash"};

	for (size_t i = 0; i < c->n; i++) {
		mem_cleanup char *text = replaced(c->sections[i].text, "DIR", directory);
		bool other = false;

		for (size_t k = 0; k < sizeof others / sizeof *others; k++)
			other |= strcmp(c->sections[i].name, others[k]) == 0;
		if (!other)
			write_file(c->sections[i].name, text);
	}
}

static bool take_flag(struct compose_project_options *o, const char *name)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {{"only", &o->only_services},
		     {"all", &o->all_resources},
		     {"contents", &o->contents},
		     {"no_interpolate", &o->no_interpolate},
		     {"no_normalize", &o->no_normalize},
		     {"no_paths", &o->no_paths},
		     {"no_consistency", &o->no_consistency},
		     {"no_env_files", &o->no_env_files}};

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (strcmp(name, flags[i].name) == 0)
			return *flags[i].flag = true;
	return false;
}

static void take_option(struct run *r, char *line)
{
	struct compose_project_options *o = &r->options;
	const struct {
		const char *name;
		char ***list;
	} lists[] = {{"file", &o->files},
		     {"env_file", &o->env_files},
		     {"profile", &o->profiles},
		     {"service", &o->services},
		     {"env", &o->env}};
	char *value = strchr(line, ' ');

	if (take_flag(o, line))
		return;
	assert_non_null(value);
	*value++ = '\0';
	if (strcmp(line, "cd") == 0) {
		assert_int_equal(chdir(value), 0);
		return;
	}
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		if (strcmp(line, lists[i].name) == 0) {
			mem_strv_add(lists[i].list, value);
			return;
		}
	}
	if (strcmp(line, "project") == 0)
		o->project = r->own_project = mem_strdup(value);
	else if (strcmp(line, "directory") == 0)
		o->directory = r->own_directory = mem_strdup(value);
	else
		fail_msg("unknown option %s", line);
}

static void take_options(struct run *r, const char *text)
{
	mem_cleanup char *all = replaced(text ? text : "", "DIR", r->directory);
	char *save = NULL;

	for (char *line = strtok_r(all, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		take_option(r, line);
}

static void finish(struct run *r)
{
	fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char **const lists[] = {r->options.files, r->options.env_files, r->options.profiles, r->options.services,
				r->options.env};
	struct err err = ERR_INIT;

	if (chdir("/") < 0 || fs_remove_tree(tmp, r->directory + strlen("/tmp/"), &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		mem_strv_free(lists[i]);
	free(r->own_project);
	free(r->own_directory);
	compose_project_free(&r->project);
	compose_messages_free(&r->messages);
}

/* ---- comparing ---- */

static int compare_messages(const struct run *r, const char *wanted)
{
	struct buf b = BUF_INIT;
	mem_cleanup char *got = NULL;
	int wrong;

	for (size_t i = 0; i < r->messages.n; i++)
		buf_printf(&b, "%s\n", r->messages.items[i].text);
	if (r->result < 0 && !r->messages.n_errors)
		buf_printf(&b, "%s\n", r->err.text);
	got = replaced(buf_str(&b), r->directory, "DIR");
	buf_free(&b);
	wrong = strcmp(got, wanted ? wanted : "") != 0;
	if (wrong)
		fprintf(stderr, "  messages:\n%s", got);
	return wrong;
}

static int compare_json(const struct run *r, const char *wanted)
{
	mem_cleanup char *text = replaced(wanted, "DIR", r->directory), *pretty = NULL;
	json_doc_cleanup yyjson_doc *want = yyjson_read(text, strlen(text), 0);
	json_doc_cleanup yyjson_doc *got = yyjson_read(r->project.json, r->project.len, 0);

	if (want && yyjson_equals(yyjson_doc_get_root(want), yyjson_doc_get_root(got)))
		return 0;
	pretty = yyjson_write(got, YYJSON_WRITE_PRETTY_TWO_SPACES, NULL);
	fprintf(stderr, "  json%s:\n%s\n", want ? "" : " (the expected one is broken)", pretty ? pretty : "none");
	return 1;
}

/* What berth prints as YAML is the same project again. */
static int compare_again(const struct run *r)
{
	compose_project_cleanup struct compose_project again = COMPOSE_PROJECT_INIT;
	compose_messages_cleanup struct compose_messages messages = COMPOSE_MESSAGES_INIT;
	json_doc_cleanup yyjson_doc *doc = yyjson_read(r->project.json, r->project.len, 0);
	static char *files[] = {(char *)"again.yaml", NULL};
	struct compose_project_options o = r->options;
	mem_cleanup char *escaped = NULL;
	struct buf yaml = BUF_INIT;
	struct err err = ERR_INIT;
	int r2;

	yaml_text(yyjson_doc_get_root(doc), &yaml);
	escaped = r->options.no_interpolate ? mem_strdup(buf_str(&yaml)) : replaced(buf_str(&yaml), "$", "$$");
	buf_free(&yaml);
	write_file("again.yaml", escaped);
	o.files = files;
	o.no_consistency = true; /* an optional dependency may be inactive */
	r2 = compose_project_load(&o, &again, &messages, &err);
	if (r2 == 0 && strcmp(again.json, r->project.json) == 0)
		return 0;
	fprintf(stderr, "  again: %s\n%s\n%s\n%s\n", err.text, escaped, r->project.json, again.json ? again.json : "");
	return 1;
}

static int compare_hashes(const struct run *r, const char *wanted)
{
	json_doc_cleanup yyjson_doc *doc = yyjson_read(r->project.json, r->project.len, 0);
	char hash[COMPOSE_PROJECT_HASH_MAX];
	yyjson_val *key, *service;
	struct buf b = BUF_INIT;
	size_t i, max;
	int wrong;

	yyjson_obj_foreach (yyjson_obj_get(yyjson_doc_get_root(doc), "services"), i, max, key, service) {
		compose_project_hash(service, hash);
		buf_printf(&b, "%s %s\n", yyjson_get_str(key), hash);
	}
	wrong = strcmp(buf_str(&b), wanted) != 0;
	if (wrong)
		fprintf(stderr, "  hashes:\n%s", buf_str(&b));
	buf_free(&b);
	return wrong;
}

static int compare(const struct run *r, const struct one_case *c)
{
	const char *json = section(c, "json"), *hash = section(c, "hash");
	int wrong = compare_messages(r, section(c, "messages"));

	if ((r->result < 0) != !json) {
		fprintf(stderr, "  result %d\n", r->result);
		return wrong + 1;
	}
	if (json)
		wrong += compare_json(r, json) + compare_again(r);
	return wrong + (hash ? compare_hashes(r, hash) : 0);
}

static void test_case(void **state)
{
	const struct one_case *c = *state;
	struct run r = {.result = 0};
	int wrong;

	memcpy(r.directory, "/tmp/berth-project-XXXXXX", 26);
	assert_non_null(mkdtemp(r.directory));
	assert_int_equal(chdir(r.directory), 0);
	write_files(c, r.directory);
	take_options(&r, section(c, "with"));
	r.result = compose_project_load(&r.options, &r.project, &r.messages, &r.err);
	wrong = compare(&r, c);
	finish(&r);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	struct CMUnitTest *tests;
	int failed;

	read_all();
	tests = mem_new_n(struct CMUnitTest, n_cases + 1);
	for (size_t i = 0; i < n_cases; i++)
		tests[i] =
		    (struct CMUnitTest){.name = cases[i].name, .test_func = test_case, .initial_state = &cases[i]};
	failed = _cmocka_run_group_tests("project", tests, n_cases, NULL, NULL);
	for (size_t i = 0; i < n_cases; i++) {
		for (size_t k = 0; k < cases[i].n; k++) {
			free(cases[i].sections[k].name);
			free(cases[i].sections[k].text);
		}
		free(cases[i].name);
	}
	free(cases);
	free(tests);
	return failed;
}
