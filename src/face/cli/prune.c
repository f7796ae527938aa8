/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/prune.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "face/cli/client.h"
#include "face/cli/command.h"
#include "face/cli/filters.h"
#include "face/cli/show.h"
#include "face/cli/term.h"
#include "face/cli/text.h"

#include <string.h>
#include <unistd.h>

const struct option_spec prune_options[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct prune_choice, force), NULL, "do not ask"},
    {"filter", 0, OPTION_LIST, offsetof(struct prune_choice, filters), "NAME=VALUE",
     "only those that fit: label=, label!=, until="},
    {NULL},
};

const struct prune_kind prune_containers = {CLIENT_DOCKER "/containers/prune", "ContainersDeleted", NULL, "containers"};
const struct prune_kind prune_volumes = {CLIENT_DOCKER "/volumes/prune", "VolumesDeleted", NULL, "volumes"};
const struct prune_kind prune_networks = {CLIENT_DOCKER "/networks/prune", "NetworksDeleted", NULL, "networks"};
const struct prune_kind prune_images = {CLIENT_DOCKER "/images/prune", "ImagesDeleted", "Deleted", "images"};

int prune_ask(const struct prune_choice *v, const char *what, struct err *err)
{
	char answer[16] = "";

	if (v->force)
		return 0;
	if (!term_is(STDIN_FILENO))
		return err_set(err, EINVAL, "this removes %s; say --force where nobody can be asked", what);
	fprintf(stderr, "This removes %s. Go on? [y/N] ", what);
	(void)fflush(stderr);
	if (fgets(answer, sizeof answer, stdin) && (*answer == 'y' || *answer == 'Y'))
		return 0;
	return err_set(err, ECANCELED, "nothing was removed");
}

static void print_removed(const struct prune_kind *kind, yyjson_val *reply)
{
	yyjson_val *list = yyjson_obj_get(reply, kind->list), *v;
	size_t i, n;

	yyjson_arr_foreach (list, i, n, v) {
		const char *name = kind->of_entry ? show_str(v, kind->of_entry, NULL) : yyjson_get_str(v);

		if (name)
			text_line(stdout, "%s", name);
	}
}

int prune_add(struct cli *cli, const struct prune_kind *kind, const struct prune_choice *v, uint64_t *total,
	      struct err *err)
{
	struct buf target buf_cleanup = BUF_INIT;
	yyjson_doc *doc json_doc_cleanup = NULL;
	int r;

	buf_adds(&target, kind->path);
	r = filters_query(&target, v->filters, err);
	if (r == 0)
		r = client_call(cli, "POST", buf_str(&target), NULL, &doc, err);
	if (r < 0)
		return r;
	print_removed(kind, yyjson_doc_get_root(doc));
	*total += (uint64_t)show_int(yyjson_doc_get_root(doc), "SpaceReclaimed", 0);
	return 0;
}

int prune_call(struct cli *cli, const struct prune_kind *kind, const struct prune_choice *v, struct err *err)
{
	char size[TEXT_MAX];
	uint64_t total = 0;
	int r = prune_add(cli, kind, v, &total, err);

	if (r == 0 && kind != &prune_networks)
		text_line(stderr, "%s: %s came free", kind->title, text_size(size, total));
	return r;
}
