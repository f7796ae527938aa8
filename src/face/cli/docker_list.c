/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/docker_list.h"

#include "base/core/buf.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/cli/client.h"
#include "face/cli/command.h"
#include "face/cli/filters.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/text.h"

const struct option_spec docker_list_options[] = {
    {"quiet", 'q', OPTION_FLAG, offsetof(struct docker_list_choice, quiet), NULL, "print names or ids only"},
    {"json", 0, OPTION_FLAG, offsetof(struct docker_list_choice, json), NULL, "print JSON"},
    FILTERS_OPTION(struct docker_list_choice),
    {NULL},
};

int docker_list_run(struct cli *cli, const struct docker_list *l, const struct docker_list_choice *choice,
		    struct err *err)
{
	struct buf target buf_cleanup = BUF_INIT;
	yyjson_doc *doc json_doc_cleanup = NULL;
	struct table *t cleanup_with(table_freep) = table_new(l->columns);
	yyjson_val *list, *thing;
	size_t i, n;
	int r;

	buf_adds(&target, l->path);
	r = filters_query(&target, choice->filters, err);
	if (r == 0)
		r = client_call(cli, "GET", buf_str(&target), NULL, &doc, err);
	if (r < 0 || choice->json)
		return r < 0 ? r : client_print_json(doc);
	list = yyjson_doc_get_root(doc);
	if (l->member)
		list = yyjson_obj_get(list, l->member);
	yyjson_arr_foreach (list, i, n, thing) {
		if (choice->quiet)
			text_line(stdout, "%s", show_str(thing, l->name, ""));
		else
			l->row(t, thing);
	}
	if (!choice->quiet)
		table_print(t);
	return CLI_OK;
}
