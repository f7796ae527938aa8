/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/things.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/command.h"
#include "face/cli/each.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/text.h"

const struct option_spec things_list_options[] = {
    {"quiet", 'q', OPTION_FLAG, offsetof(struct things_list, quiet), NULL, "print names only"},
    {"json", 0, OPTION_FLAG, offsetof(struct things_list, json), NULL, "print JSON"},
    {NULL},
};

int things_ls(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct things *things = cli->command->about;
	const struct things_list *v = values;
	yyjson_doc *doc json_doc_cleanup = NULL;
	struct table *t cleanup_with(table_freep) = table_new(things->columns);
	yyjson_val *o;
	size_t i, n;
	int r = client_call(cli, "GET", things->path, NULL, &doc, err);

	(void)operands;
	if (r < 0 || v->json)
		return r < 0 ? r : client_print_json(doc);
	yyjson_arr_foreach (yyjson_doc_get_root(doc), i, n, o) {
		if (v->quiet)
			text_line(stdout, "%s", show_str(o, things->name ? things->name : "name", ""));
		else
			things->row(t, o);
	}
	if (!v->quiet)
		table_print(t);
	return CLI_OK;
}

int things_call(struct cli *cli, const struct things *things, const char *method, const char *name, const char *tail,
		const char *body, yyjson_doc **ret_doc, struct err *err)
{
	mem_cleanup char *base = mem_printf("%s/", things->path), *own = NULL, *target = NULL;

	if (things->named) {
		int r = things->named(name, &own, err);

		if (r < 0)
			return r;
	}
	target = client_target(base, own ? own : name, tail);
	return client_call(cli, method, target, body, ret_doc, err);
}

static int get_one(struct cli *cli, const char *name, const void *things, yyjson_doc **ret, struct err *err)
{
	return things_call(cli, things, "GET", name, "", NULL, ret, err);
}

int things_inspect(struct cli *cli, void *values, char **operands, struct err *err)
{
	(void)values;
	(void)err;
	return each_json(cli, operands, cli->command->about, get_one);
}

static int wish_one(struct cli *cli, const char *name, const void *values, struct err *err)
{
	const struct things_wish *w = cli->command->about;
	const struct things_force *f = w->forcible ? values : NULL;
	mem_cleanup char *body = w->body ? w->body(values) : NULL;
	mem_cleanup char *tail = mem_printf("%s%s", w->tail ? w->tail : "", f && f->force ? "?force=1" : "");

	return things_call(cli, w->things, w->method, name, tail, body, NULL, err);
}

int things_each(struct cli *cli, void *values, char **operands, struct err *err)
{
	(void)err;
	return each_of(cli, operands, values, wish_one);
}
