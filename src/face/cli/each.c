/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/each.h"

#include "base/core/err.h"
#include "face/cli/client.h"
#include "face/cli/command.h"
#include "face/cli/text.h"

int each_of(struct cli *cli, char **ids, const void *values,
	    int (*act)(struct cli *cli, const char *id, const void *values, struct err *err))
{
	int status = CLI_OK;

	for (char **id = ids; *id; id++) {
		struct err err = ERR_INIT;

		if (act(cli, *id, values, &err) < 0) {
			text_error("%s", err.text);
			status = CLI_FAILED;
		} else {
			text_line(stdout, "%s", *id);
		}
	}
	return status;
}

int each_json(struct cli *cli, char **names, const void *values, each_get_fn *get)
{
	yyjson_mut_doc *all json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *list = yyjson_mut_arr(all);
	yyjson_doc *out json_doc_cleanup = NULL;
	int status = CLI_OK;

	yyjson_mut_doc_set_root(all, list);
	for (; *names; names++) {
		yyjson_doc *doc json_doc_cleanup = NULL;
		struct err err = ERR_INIT;

		if (get(cli, *names, values, &doc, &err) == 0 && doc) {
			yyjson_mut_arr_append(list, yyjson_val_mut_copy(all, yyjson_doc_get_root(doc)));
		} else {
			text_error("%s", err.text);
			status = CLI_FAILED;
		}
	}
	out = yyjson_mut_doc_imut_copy(all, NULL);
	client_print_json(out);
	return status;
}
