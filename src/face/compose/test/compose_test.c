/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs the cases of test/cases/NAME.cases, each as a test of its own. A case is
 *
 *	=== what it is about
 *	YAML text
 *	--- with               (options, one a line; may be left out)
 *	param parts=3          (param, profile, env, input, output, project;
 *	                        file NAME TEXT, bigfile NAME BYTES and directory NAME make one)
 *	--- errors             (or: warnings, json; may be left out)
 *	3:5: services.a: text
 *
 * Lines of errors and warnings are messages without "FILE:" and "error: ", or "FILE: error: " when they have no
 * place; there must be no others of that kind, a line that starts with "..." must only be a part of one. Without `---
 * errors` there must be none, without `--- warnings` they are not looked at. Lines of json are "PATH VALUE": a place
 * in the job (services.0.count) and its JSON text, or - for a place that must not be there. DIR in YAML, options and
 * expectations is the directory of the case; \x00 in YAML is that byte.
 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/compose/compose.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

enum section { YAML, WITH, ERRORS, WARNINGS, JSON, SECTIONS };
static const char *const section_names[] = {"yaml", "with", "errors", "warnings", "json"};

struct one_case {
	char *name;
	char *text[SECTIONS]; /* NULL = section not there */
};

struct run {
	char directory[64];
	struct compose_options options;
	struct compose_messages messages;
	char *json;
	struct err err;
	int result;
	char *input, *output;
};

static struct one_case *cases;
static size_t n_cases, cap_cases;

/* ---- reading ---- */

static void add_line(char **text, const char *line, size_t n)
{
	char *longer = mem_printf("%s%.*s\n", *text ? *text : "", (int)n, line);

	free(*text);
	*text = longer;
}

static enum section section_of(const char *line, size_t n)
{
	for (int i = 1; i < SECTIONS; i++)
		if (strlen(section_names[i]) == n - 4 && strncmp(line + 4, section_names[i], n - 4) == 0)
			return (enum section)i;
	fail_msg("unknown section %.*s", (int)n, line);
	return YAML;
}

static void read_cases(const char *text, const char *file)
{
	enum section section = YAML;

	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n");

		if (strncmp(p, "=== ", 4) == 0) {
			mem_grow(&cases, &cap_cases, n_cases);
			cases[n_cases++].name = mem_printf("%s: %.*s", file, (int)n - 4, p + 4);
			section = YAML;
		} else if (strncmp(p, "--- ", 4) == 0 && n_cases) {
			section = section_of(p, n);
			if (!cases[n_cases - 1].text[section])
				cases[n_cases - 1].text[section] = mem_strdup("");
		} else if (n_cases) {
			add_line(&cases[n_cases - 1].text[section], p, n);
		}
		p += n + (p[n] == '\n');
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
	int n = scandir(CASES, &list, is_cases, by_name);

	for (int i = 0; i < n; i++) {
		mem_cleanup char *path = mem_printf("%s/%s", CASES, list[i]->d_name), *text = NULL;
		struct err err = ERR_INIT;
		size_t len;

		if (fs_read(AT_FDCWD, path, 1 << 20, &text, &len, &err) == 0)
			read_cases(text, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

/* ---- running ---- */

/* DIR becomes the directory of the run; \x00 a NUL. */
static char *expand(const char *text, const char *directory, size_t *ret_len)
{
	struct buf b = BUF_INIT;

	for (const char *p = text; *p; p++) {
		if (strncmp(p, "DIR", 3) == 0) {
			buf_adds(&b, directory);
			p += 2;
		} else if (strncmp(p, "\\x00", 4) == 0) {
			buf_addc(&b, '\0');
			p += 3;
		} else {
			buf_addc(&b, *p);
		}
	}
	buf_addc(&b, '\0');
	*ret_len = b.len - 1;
	return buf_take(&b);
}

static void write_file(const struct run *r, char *name)
{
	char *content = strchr(name, ' ');
	mem_cleanup char *path = NULL;
	FILE *f;

	if (content)
		*content++ = '\0';
	path = mem_printf("%s/%s", r->directory, name);
	f = fopen(path, "we");
	assert_non_null(f);
	/* | stands for the end of a line */
	for (const char *p = content ? content : ""; *p; p++)
		putc(*p == '|' ? '\n' : *p, f);
	assert_int_equal(fclose(f), 0);
}

static void write_big_file(const struct run *r, char *name)
{
	char *size = strchr(name, ' ');
	mem_cleanup char *path = NULL;
	FILE *f;

	assert_non_null(size);
	*size++ = '\0';
	path = mem_printf("%s/%s", r->directory, name);
	f = fopen(path, "we");
	assert_non_null(f);
	for (unsigned long n = strtoul(size, NULL, 10); n; n--)
		putc('x', f);
	assert_int_equal(fclose(f), 0);
}

static void make_directory(const struct run *r, const char *name)
{
	mem_cleanup char *path = mem_printf("%s/%s", r->directory, name);

	assert_int_equal(mkdir(path, 0755), 0);
}

static void take_option(struct run *r, char *line)
{
	char *value = strchr(line, ' ');

	assert_non_null(value);
	*value++ = '\0';
	if (strcmp(line, "param") == 0)
		mem_strv_add(&r->options.params, value);
	else if (strcmp(line, "profile") == 0)
		mem_strv_add(&r->options.profiles, value);
	else if (strcmp(line, "env") == 0)
		mem_strv_add(&r->options.env, value);
	else if (strcmp(line, "input") == 0)
		r->options.input = r->input = mem_strdup(value);
	else if (strcmp(line, "output") == 0)
		r->options.output = r->output = mem_strdup(value);
	else if (strcmp(line, "project") == 0)
		r->options.project = "given";
	else if (strcmp(line, "file") == 0)
		write_file(r, value);
	else if (strcmp(line, "bigfile") == 0)
		write_big_file(r, value);
	else if (strcmp(line, "directory") == 0)
		make_directory(r, value);
	else
		fail_msg("unknown option %s", line);
}

static void take_options(struct run *r, const char *text)
{
	size_t len;
	mem_cleanup char *all = expand(text ? text : "", r->directory, &len);
	char *save = NULL;

	for (char *line = strtok_r(all, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		take_option(r, line);
}

static void load(struct run *r, const struct one_case *c)
{
	mem_cleanup char *file = NULL, *yaml = NULL;
	size_t len, json_len;

	memcpy(r->directory, "/tmp/berth-compose-XXXXXX", 26);
	assert_non_null(mkdtemp(r->directory));
	take_options(r, c->text[WITH]);
	file = mem_printf("%s/f", r->directory);
	r->options.file = file;
	yaml = expand(c->text[YAML] ? c->text[YAML] : "", r->directory, &len);
	r->result = compose_parse(&r->options, yaml, len, &r->json, &json_len, &r->messages, &r->err);
}

/* By name in its directory: fs_remove_tree() takes no path. */
static void remove_directory(const char *directory)
{
	fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = ERR_INIT;

	if (fs_remove_tree(tmp, directory + strlen("/tmp/"), &err) < 0)
		fail_msg("%s", err.text);
}

static void finish(struct run *r)
{
	remove_directory(r->directory);
	mem_strv_free(r->options.params);
	mem_strv_free(r->options.profiles);
	mem_strv_free(r->options.env);
	free(r->input);
	free(r->output);
	free(r->json);
	compose_messages_free(&r->messages);
}

/* ---- comparing ---- */

/* The message without what is the same for all: "FILE:" and the level. */
static char *bare(const struct run *r, const struct compose_message *m)
{
	const char *level = m->level == COMPOSE_ERROR ? "error: " : "warning: ";
	const char *text = m->text + strlen(r->directory) + 3, *at = strstr(text, level);

	return mem_printf("%.*s%s", m->line ? (int)(at - text) : 0, text, at + strlen(level));
}

static bool matches(const char *text, const char *wanted)
{
	if (strncmp(wanted, "...", 3) == 0)
		return strstr(text, wanted + 3) != NULL;
	return strcmp(text, wanted) == 0;
}

static bool is_wanted(const char *wanted, const char *text)
{
	for (const char *p = wanted; *p;) {
		size_t n = strcspn(p, "\n");
		mem_cleanup char *line = mem_strndup(p, n);

		if (*line && matches(text, line))
			return true;
		p += n + 1;
	}
	return false;
}

static bool is_found(const struct run *r, enum compose_level level, const char *wanted)
{
	for (size_t i = 0; i < r->messages.n; i++) {
		mem_cleanup char *text = bare(r, &r->messages.items[i]);

		if (r->messages.items[i].level == level && matches(text, wanted))
			return true;
	}
	return false;
}

static int compare_messages(const struct run *r, enum compose_level level, const char *section)
{
	size_t len;
	mem_cleanup char *wanted = expand(section ? section : "", r->directory, &len), *lines = mem_strdup(wanted);
	char *save = NULL;
	int wrong = 0;

	for (size_t i = 0; i < r->messages.n; i++) {
		mem_cleanup char *text = bare(r, &r->messages.items[i]);

		if (r->messages.items[i].level == level && !is_wanted(wanted, text)) {
			print_error("  not expected: %s\n", text);
			wrong++;
		}
	}
	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!is_found(r, level, line)) {
			print_error("  missing: %s\n", line);
			wrong++;
		}
	}
	return wrong;
}

/* A key may hold dots (where), so the rest of the path is tried as one key first. */
static yyjson_val *value_at(yyjson_val *v, const char *path)
{
	size_t n = strcspn(path, ".");
	mem_cleanup char *part = mem_strndup(path, n);
	yyjson_val *whole = yyjson_obj_get(v, path);

	if (whole)
		return whole;
	v = yyjson_is_arr(v) ? yyjson_arr_get(v, strtoul(part, NULL, 10)) : yyjson_obj_get(v, part);
	return path[n] && v ? value_at(v, path + n + 1) : v;
}

static int compare_value(yyjson_val *root, char *line)
{
	char *wanted = strchr(line, ' ');
	mem_cleanup char *text = NULL;
	yyjson_val *v;

	assert_non_null(wanted);
	*wanted++ = '\0';
	v = value_at(root, line);
	text = v ? yyjson_val_write(v, 0, NULL) : mem_strdup("-");
	if (strcmp(text, wanted) == 0)
		return 0;
	print_error("  %s is %s, not %s\n", line, text, wanted);
	return 1;
}

static int compare_json(const struct run *r, const char *section)
{
	struct err err = ERR_INIT;
	size_t len;
	mem_cleanup char *lines = expand(section ? section : "", r->directory, &len);
	json_doc_cleanup yyjson_doc *doc = r->json ? json_parse(r->json, strlen(r->json), 16 << 20, "job", &err) : NULL;
	char *save = NULL;
	int wrong = 0;

	if (section && !doc) {
		print_error("  no job\n");
		return 1;
	}
	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		wrong += compare_value(yyjson_doc_get_root(doc), line);
	return wrong;
}

static void run_case(void **state)
{
	const struct one_case *c = *state;
	struct run r = {.messages = COMPOSE_MESSAGES_INIT};
	int wrong;

	load(&r, c);
	wrong = compare_messages(&r, COMPOSE_ERROR, c->text[ERRORS]);
	if (c->text[WARNINGS])
		wrong += compare_messages(&r, COMPOSE_WARNING, c->text[WARNINGS]);
	wrong += compare_json(&r, c->text[JSON]);
	if ((r.result < 0) != (r.messages.n_errors > 0) || (r.result < 0 && !r.err.text[0])) {
		print_error("  result %d with %zu errors\n", r.result, r.messages.n_errors);
		wrong++;
	}
	finish(&r);
	assert_int_equal(wrong, 0);
}

/* ---- what needs more than a text ---- */

static int load_path(const char *path, struct compose_messages *m, struct err *err)
{
	struct compose_options o = {.file = path};
	mem_cleanup char *json = NULL;
	size_t len;

	return compose_load(&o, &json, &len, m, err);
}

static void test_files(void **state)
{
	char directory[] = "/tmp/berth-compose-XXXXXX";
	compose_messages_cleanup struct compose_messages m = COMPOSE_MESSAGES_INIT;
	struct run r = {.messages = COMPOSE_MESSAGES_INIT};
	struct err err = ERR_INIT;
	mem_cleanup char *good = NULL, *big = NULL;

	(void)state;
	assert_non_null(mkdtemp(directory));
	memcpy(r.directory, directory, sizeof directory);
	write_file(&r, (char[]){"good services: {a: {image: i}}"});
	write_big_file(&r, (char[]){"big 10000000"});
	good = mem_printf("%s/good", directory);
	big = mem_printf("%s/big", directory);
	assert_int_equal(load_path(good, &m, &err), 0);
	assert_int_equal(load_path(big, &m, &err), -E2BIG);
	assert_non_null(strstr(err.text, "larger than 4 MiB"));
	assert_int_equal(load_path("/nonexistent/x", &m, &err), -ENOENT);
	assert_int_equal(load_path(directory, &m, &err), -EINVAL);
	assert_int_equal(m.n, 0);
	remove_directory(directory);
}

static void test_error_limit(void **state)
{
	compose_messages_cleanup struct compose_messages m = COMPOSE_MESSAGES_INIT;
	struct compose_options o = {.file = "/nonexistent/f"};
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	char *json = NULL;
	size_t len;

	(void)state;
	buf_adds(&b, "services: {a: {image: i");
	for (int i = 0; i < 500; i++)
		buf_printf(&b, ", k%d: x", i);
	buf_adds(&b, "}}");
	assert_int_equal(compose_parse(&o, b.data, b.len, &json, &len, &m, &err), -EINVAL);
	assert_null(json);
	assert_int_equal(m.n, COMPOSE_ERRORS_MAX);
	assert_int_equal(m.n_errors, 500);
	assert_string_equal(err.text, m.items[0].text);
	buf_free(&b);
}

/* Many copies of a large secret: each service has its own, so the job as a whole is what grows. */
static void test_job_limit(void **state)
{
	compose_messages_cleanup struct compose_messages m = COMPOSE_MESSAGES_INIT;
	struct compose_options o = {.file = "/nonexistent/f"};
	struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	char *json = NULL;
	size_t len;

	(void)state;
	buf_adds(&b, "configs: {c: {content: \"");
	for (int i = 0; i < 1000000; i++)
		buf_addc(&b, 'x');
	buf_adds(&b, "\"}}\nservices:\n");
	for (int i = 0; i < 20; i++)
		buf_printf(&b, "  s%d: {image: i, configs: [c]}\n", i);
	assert_int_equal(compose_parse(&o, b.data, b.len, &json, &len, &m, &err), -EINVAL);
	assert_non_null(strstr(err.text, "too large together"));
	buf_free(&b);
}

int main(int argc, char **argv)
{
	struct CMUnitTest *tests;
	int result;

	read_all();
	tests = mem_new_n(struct CMUnitTest, n_cases + 3);
	for (size_t i = 0; i < n_cases; i++)
		tests[i] =
		    (struct CMUnitTest){.name = cases[i].name, .test_func = run_case, .initial_state = &cases[i]};
	tests[n_cases] = (struct CMUnitTest)cmocka_unit_test(test_files);
	tests[n_cases + 1] = (struct CMUnitTest)cmocka_unit_test(test_error_limit);
	tests[n_cases + 2] = (struct CMUnitTest)cmocka_unit_test(test_job_limit);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	result = n_cases < 150 ? 1 : _cmocka_run_group_tests("compose", tests, n_cases + 3, NULL, NULL);
	if (n_cases < 150)
		fprintf(stderr, "only %zu cases in %s\n", n_cases, CASES);
	for (size_t i = 0; i < n_cases; i++) {
		free(cases[i].name);
		for (int k = 0; k < SECTIONS; k++)
			free(cases[i].text[k]);
	}
	free(cases);
	free(tests);
	return result;
}
