/* SPDX-License-Identifier: Apache-2.0
 *
 * config: the project as its files say it. It needs no daemon, and reads the files itself, because it can be asked to
 * leave some steps out.
 */
#include "face/project/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/outfile.h"
#include "face/cli/text.h"
#include "face/compose/compose_project.h"
#include "face/compose/yaml_text.h"
#include "face/project/load.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define OUTPUT_MAX (128u << 20)

struct config_values {
	bool quiet, no_interpolate, no_normalize, no_paths, no_consistency, no_env_files;
	bool services, volumes, networks, models, images, profiles, environment;
	const char *format, *hash, *output;
};
#define V(field) offsetof(struct config_values, field)
static const struct option_spec config_options[] = {
    {"format", 0, OPTION_TEXT, V(format), "yaml|json", "how to print (default: yaml)"},
    {"output", 'o', OPTION_TEXT, V(output), "FILE", "write it to a file"},
    {"quiet", 'q', OPTION_FLAG, V(quiet), NULL, "check only"},
    {"services", 0, OPTION_FLAG, V(services), NULL, "print the names of the services"},
    {"volumes", 0, OPTION_FLAG, V(volumes), NULL, "print the names of the volumes"},
    {"networks", 0, OPTION_FLAG, V(networks), NULL, "print the names of the networks"},
    {"models", 0, OPTION_FLAG, V(models), NULL, "print the names of the models"},
    {"images", 0, OPTION_FLAG, V(images), NULL, "print the images of the services"},
    {"profiles", 0, OPTION_FLAG, V(profiles), NULL, "print every profile that is named"},
    {"environment", 0, OPTION_FLAG, V(environment), NULL, "print the variables that values can hold"},
    {"hash", 0, OPTION_TEXT, V(hash), "SERVICES|*", "print what changes when containers must be made anew"},
    {"no-interpolate", 0, OPTION_FLAG, V(no_interpolate), NULL, "leave variables as they are"},
    {"no-normalize", 0, OPTION_FLAG, V(no_normalize), NULL, "leave out what goes without saying"},
    {"no-path-resolution", 0, OPTION_FLAG, V(no_paths), NULL, "leave relative paths as they are"},
    {"no-consistency", 0, OPTION_FLAG, V(no_consistency), NULL, "do not check what refers to each other"},
    {"no-env-resolution", 0, OPTION_FLAG, V(no_env_files), NULL, "leave env_file as it is"},
    {NULL},
};

/* ---- lists ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_sorted(FILE *to, char *const *v)
{
	size_t n = mem_strv_len(v);
	mem_cleanup char **sorted = mem_new_n(char *, n + 1);

	for (size_t i = 0; i < n; i++)
		sorted[i] = v[i];
	qsort(sorted, n, sizeof *sorted, by_text);
	for (size_t i = 0; i < n; i++)
		text_line(to, "%s", sorted[i]);
}

static void print_keys(FILE *to, yyjson_val *root, const char *section)
{
	yyjson_val *key, *val;
	size_t i, n;

	yyjson_obj_foreach (yyjson_obj_get(root, section), i, n, key, val) {
		text_line(to, "%s", yyjson_get_str(key));
	}
}

/* `*` or names separated by commas */
static bool is_asked(const char *list, const char *name)
{
	size_t n = strlen(name);

	if (!strcmp(list, "*"))
		return true;
	for (; *list; list += strcspn(list, ",") + (list[strcspn(list, ",")] == ','))
		if (strcspn(list, ",") == n && !strncmp(list, name, n))
			return true;
	return false;
}

static int check_asked(const char *list, yyjson_val *services, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(list);
	char *save = NULL;

	if (!strcmp(list, "*"))
		return 0;
	for (char *name = strtok_r(copy, ",", &save); name; name = strtok_r(NULL, ",", &save))
		if (!yyjson_obj_get(services, name))
			return err_set(err, ENOENT, "--hash: there is no service \"%s\"", name);
	return 0;
}

static int print_hashes(FILE *to, yyjson_val *root, const char *asked, struct err *err)
{
	yyjson_val *services = yyjson_obj_get(root, "services"), *key, *val;
	char hash[COMPOSE_PROJECT_HASH_MAX];
	size_t i, n;
	int r = check_asked(asked, services, err);

	if (r < 0)
		return r;
	yyjson_obj_foreach (services, i, n, key, val) {
		if (!is_asked(asked, yyjson_get_str(key)))
			continue;
		compose_project_hash(val, hash);
		text_line(to, "%s %s", yyjson_get_str(key), hash);
	}
	return 0;
}

static void print_images(FILE *to, yyjson_val *root, const char *project)
{
	yyjson_val *key, *val;
	size_t i, n;

	yyjson_obj_foreach (yyjson_obj_get(root, "services"), i, n, key, val) {
		const char *image = yyjson_get_str(yyjson_obj_get(val, "image"));

		if (image)
			text_line(to, "%s", image);
		else
			text_line(to, "%s-%s", project, yyjson_get_str(key));
	}
}

/* ---- the whole project ---- */

/* What JSON has because Compose's has it, and YAML does without: null commands, empty groups. */
static void drop_empty(yyjson_mut_val *obj, const char *const *keys)
{
	for (; *keys; keys++) {
		yyjson_mut_val *v = yyjson_mut_obj_get(obj, *keys);

		if (yyjson_mut_is_null(v) || (yyjson_mut_is_obj(v) && yyjson_mut_obj_size(v) == 0))
			yyjson_mut_obj_remove_key(obj, *keys);
	}
}

static void trim_service(yyjson_mut_val *service)
{
	static const char *const commands[] = {"command", "entrypoint", NULL};
	static const char *const groups[] = {"resources", "placement", NULL}, *const exec[] = {"exec", NULL};
	yyjson_mut_val *watch = yyjson_mut_obj_get(yyjson_mut_obj_get(service, "develop"), "watch"), *one;
	size_t i, n;

	drop_empty(service, commands);
	drop_empty(yyjson_mut_obj_get(service, "deploy"), groups);
	yyjson_mut_arr_foreach (watch, i, n, one) {
		drop_empty(yyjson_mut_obj_get(one, "exec"), commands);
		drop_empty(one, exec);
	}
}

static yyjson_doc *trimmed(yyjson_val *root)
{
	static const char *const ipam[] = {"ipam", NULL};
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *copy = yyjson_val_mut_copy(doc, root), *key, *val;
	size_t i, n;

	yyjson_mut_doc_set_root(doc, copy);
	yyjson_mut_obj_foreach (yyjson_mut_obj_get(copy, "services"), i, n, key, val) {
		trim_service(val);
	}
	yyjson_mut_obj_foreach (yyjson_mut_obj_get(copy, "networks"), i, n, key, val) {
		drop_empty(val, ipam);
	}
	return yyjson_mut_doc_imut_copy(doc, NULL);
}

/* "$" -> "$$": what is printed can be read again. */
static void add_escaped(struct buf *out, const char *text)
{
	for (; *text; text++) {
		buf_addc(out, *text);
		if (*text == '$')
			buf_addc(out, '$');
	}
}

static int whole(const struct config_values *v, yyjson_doc *doc, struct buf *out, struct err *err)
{
	struct buf text buf_cleanup = BUF_LIMIT(OUTPUT_MAX);

	out->limit = OUTPUT_MAX;
	if (v->format && !strcmp(v->format, "json")) {
		mem_cleanup char *json = yyjson_write(doc, YYJSON_WRITE_PRETTY_TWO_SPACES, NULL);

		buf_printf(&text, "%s\n", json ? json : "");
	} else {
		json_doc_cleanup yyjson_doc *lean = trimmed(yyjson_doc_get_root(doc));

		yaml_text(yyjson_doc_get_root(lean), &text);
	}
	if (v->no_interpolate)
		buf_add(out, buf_str(&text), text.len);
	else
		add_escaped(out, buf_str(&text));
	if (text.full || out->full)
		return err_set(err, E2BIG, "the project has more than %u bytes", OUTPUT_MAX);
	return 0;
}

static int write_file(const char *path, const struct buf *text, struct err *err)
{
	struct outfile o cleanup_with(outfile_close) = OUTFILE_NULL;
	int r = outfile_open(path, 0666, &o, err);

	if (r < 0)
		return r;
	r = fd_write_all(o.fd, buf_str(text), text->len);
	return r < 0 ? err_sys(err, -r, "write \"%s\"", path) : outfile_name(&o, err);
}

static int print_whole(const struct config_values *v, yyjson_doc *doc, struct err *err)
{
	struct buf out buf_cleanup = BUF_INIT;
	int r = whole(v, doc, &out, err);

	if (r < 0 || v->quiet)
		return r;
	if (v->output)
		return write_file(v->output, &out, err);
	fwrite(buf_str(&out), 1, out.len, stdout);
	return 0;
}

static int print(const struct config_values *v, const struct compose_project *p, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(p->json, p->len, SIZE_MAX, "the project", err);
	yyjson_val *root = yyjson_doc_get_root(doc);
	const struct {
		bool asked;
		const char *section;
	} sections[] = {
	    {v->services, "services"}, {v->volumes, "volumes"}, {v->networks, "networks"}, {v->models, "models"}};

	if (!doc)
		return -EINVAL;
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		if (sections[i].asked) {
			print_keys(stdout, root, sections[i].section);
			return 0;
		}
	}
	if (v->hash)
		return print_hashes(stdout, root, v->hash, err);
	if (v->profiles)
		print_sorted(stdout, p->profiles);
	else if (v->images)
		print_images(stdout, root, p->name);
	else if (v->environment)
		print_sorted(stdout, p->environment);
	else
		return print_whole(v, doc, err);
	return 0;
}

static int config_run(struct project *p, void *values, char **operands, struct err *err)
{
	compose_messages_cleanup struct compose_messages messages = COMPOSE_MESSAGES_INIT;
	compose_project_cleanup struct compose_project found = COMPOSE_PROJECT_INIT;
	const struct config_values *v = values;
	struct compose_project_options o = load_options(p->globals);
	int r;

	if (v->format && strcmp(v->format, "json") != 0 && strcmp(v->format, "yaml") != 0)
		return err_set(err, EINVAL, "--format: \"%s\" is neither yaml nor json", v->format);
	o.services = operands;
	o.only_services = true;
	o.contents = false;
	o.no_interpolate = v->no_interpolate;
	o.no_normalize = v->no_normalize;
	o.no_paths = v->no_paths;
	o.no_consistency = v->no_consistency;
	o.no_env_files = v->no_env_files || v->no_interpolate;
	r = compose_project_load(&o, &found, &messages, err);
	load_tell(&messages, r, err);
	return r < 0 ? r : print(v, &found, err);
}

#define CONFIG                                                                                                         \
	.usage = "[SERVICE...]", .options = config_options, .values_size = sizeof(struct config_values),               \
	.most = CLI_MANY, .need = PROJECT_NONE, .run = config_run

const struct project_command project_config = {
    .name = "config", .summary = "Check the Compose files and print what they mean", CONFIG};
const struct project_command project_convert = {.name = "convert", .summary = "The same as config", CONFIG};
