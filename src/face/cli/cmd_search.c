/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/cli/client.h"
#include "face/cli/table.h"
#include "face/cli/text.h"
#include "node/registry/name.h"
#include "node/registry/search.h"

#include <inttypes.h>
#include <string.h>

struct search_values {
	uint64_t limit;
	bool json;
};
static const struct option_spec search_options[] = {
    {"limit", 0, OPTION_COUNT, offsetof(struct search_values, limit), "N", "at most N results (default 25)"},
    {"json", 0, OPTION_FLAG, offsetof(struct search_values, json), NULL, "print JSON"},
    {NULL},
};
static const struct search_values search_defaults = {.limit = 25};

static const struct table_column columns[] = {{.title = "NAME", .least = 20},
					      {.title = "DESCRIPTION OR TAGS", .least = 20},
					      {.title = "STARS", .right = true},
					      {.title = "OFFICIAL"},
					      {.title = NULL}};

/* "lab.example:5000/word" or "word" */
static int split(const char *text, char **ret_registry, const char **ret_word, struct err *err)
{
	size_t first = strcspn(text, "/");
	mem_cleanup char *host = NULL;

	*ret_word = text;
	if (text[first] &&
	    (memchr(text, '.', first) || memchr(text, ':', first) || strncmp(text, "localhost/", 10) == 0)) {
		host = mem_strndup(text, first);
		*ret_word = text + first + 1;
	}
	return name_host(host ? host : "", ret_registry, err);
}

static int print_json(const struct registry_found *f, size_t n)
{
	yyjson_mut_doc *doc json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *list = yyjson_mut_arr(doc);
	mem_cleanup char *text = NULL;

	yyjson_mut_doc_set_root(doc, list);
	for (size_t i = 0; i < n; i++) {
		yyjson_mut_val *one = yyjson_mut_arr_add_obj(doc, list);

		yyjson_mut_obj_add_strcpy(doc, one, "name", f[i].name);
		if (f[i].description)
			yyjson_mut_obj_add_strcpy(doc, one, "description", f[i].description);
		if (f[i].stars >= 0) {
			yyjson_mut_obj_add_int(doc, one, "stars", f[i].stars);
			yyjson_mut_obj_add_bool(doc, one, "official", f[i].official);
		}
		json_add_strv(doc, one, "tags", f[i].tags);
	}
	text = json_text(doc, false, NULL);
	puts(text);
	return CLI_OK;
}

static char *tags_text(char *const *tags)
{
	struct buf out = BUF_LIMIT(4096);

	for (char *const *t = tags; t && *t; t++)
		buf_printf(&out, "%s%s", t == tags ? "" : " ", *t);
	return out.data ? buf_take(&out) : mem_strdup("");
}

static void print_table(const struct registry_found *f, size_t n)
{
	struct table *t cleanup_with(table_freep) = table_new(columns);

	for (size_t i = 0; i < n; i++) {
		mem_cleanup char *tags = tags_text(f[i].tags);

		table_cell(t, f[i].name);
		table_cell(t, f[i].tags ? tags : f[i].description);
		if (f[i].stars >= 0)
			table_cellf(t, "%" PRId64, f[i].stars);
		else
			table_cell(t, "");
		table_cell(t, f[i].official ? "yes" : "");
	}
	table_print(t);
}

static int search_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct search_values *v = values;
	struct registry_found *found = NULL;
	mem_cleanup char *registry = NULL;
	const char *word = "";
	size_t n = 0;
	int r = split(operands[0], &registry, &word, err);

	(void)cli;
	if (r == 0 && (v->limit < 1 || v->limit > REGISTRY_FOUND_MAX))
		r = err_set(err, EINVAL, "--limit is a number from 1 to %u", REGISTRY_FOUND_MAX);
	if (r == 0)
		r = registry_search(registry, word, (size_t)v->limit, &found, &n, err);
	if (r < 0)
		return r;
	r = CLI_OK;
	if (v->json)
		r = print_json(found, n);
	else
		print_table(found, n);
	registry_found_free(found, n);
	return r;
}

const struct cli_command command_search = {
    .name = "search",
    .usage = "[REGISTRY/]WORD",
    .summary = "Search a registry for images",
    .detail = "Without REGISTRY: docker.io. With REGISTRY/ alone all of its images are listed. A registry that has no "
	      "search of its\n"
	      "own is asked for its catalog.",
    .examples = "  berth search busybox\n  berth search lab.example:5000/team\n  berth search lab.example:5000/ --json",
    .options = search_options,
    .values_size = sizeof(struct search_values),
    .defaults = &search_defaults,
    .least = 1,
    .most = 1,
    .run = search_run,
};
