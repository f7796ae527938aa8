/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/command.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/image_door.h"
#include "face/cli/local_store.h"
#include "face/cli/pull_view.h"
#include "face/cli/remote_image.h"
#include "face/cli/text.h"
#include "node/image/image.h"
#include "node/registry/name.h"
#include "node/registry/push.h"

#include <string.h>
#include <unistd.h>

struct push_values {
	const char *compression, *data;
	uint64_t level;
	bool all_tags, quiet;
};
static const struct option_spec push_options[] = {
    {"all-tags", 'a', OPTION_FLAG, offsetof(struct push_values, all_tags), NULL,
     "all tags that the repository has here"},
    {"compression", 0, OPTION_TEXT, offsetof(struct push_values, compression), "HOW",
     "pack all layers anew: gzip, zstd or none (default: as they are)"},
    {"compression-level", 0, OPTION_COUNT, offsetof(struct push_values, level), "N", "gzip 1 to 9, zstd 1 to 19"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct push_values, quiet), NULL, "print the name only, no progress"},
    {"data", 0, OPTION_TEXT, offsetof(struct push_values, data), "DIR",
     "directory of berth's state (environment: BERTH_DATA; default: the running berth's)"},
    {NULL},
};

static int push_one(struct image_store *s, const char *image, const struct push_values *v,
		    const struct registry_push_options *options, struct err *err)
{
	cleanup_with(registry_pushed_free) struct registry_pushed p = {.changed = false};
	cleanup_with(name_free) struct name name = NAME_INIT;
	struct registry_push_options o = *options;
	struct pull_view view;
	int r = name_parse(image, &name, err);

	if (r < 0)
		return r;
	if (!v->quiet)
		text_line(stdout, "The push refers to repository [%s/%s]", name.host, name.repo);
	(void)fflush(stdout);
	pull_view_init(&view, STDERR_FILENO, v->quiet);
	o.ctx = &view;
	r = registry_push(s, image, &o, &p, err);
	pull_view_end(&view);
	if (r < 0)
		return r;
	if (v->quiet) {
		text_line(stdout, "%s/%s:%s", name.host, name.repo, name.tag);
		return CLI_OK;
	}
	if (p.changed)
		text_line(stdout, "Layers were packed anew: the image has another digest now, here too.");
	text_line(stdout, "%s: digest: %s size: %zu", name.tag, p.digest, p.size);
	return CLI_OK;
}

/* The names of a repository that the store has. */
static int local_tags(struct image_store *s, const char *repository, char ***ret, struct err *err)
{
	cleanup_with(name_free) struct name name = NAME_INIT;
	struct image_info **all;
	size_t n;
	int r = name_parse(repository, &name, err);

	if (r < 0)
		return r;
	n = strlen(name.local);
	all = image_list(s);
	for (struct image_info **i = all; i && *i; i++) {
		if (strncmp((*i)->name, name.local, n) == 0 && (*i)->name[n] == ':' && !strchr((*i)->name + n + 1, '/'))
			mem_strv_add(ret, (*i)->name);
		image_info_free(*i);
	}
	free(all);
	if (!*ret)
		return err_set(err, ENOENT,
			       "no tag of %s is here; give an image that name with: berth tag IMAGE %s:TAG", name.local,
			       name.local);
	return 0;
}

/* The daemon sends what it has, with our logins. */
static int push_remote(struct cli *cli, const struct push_values *v, char *const *names, struct err *err)
{
	int r = 0;

	if (v->compression)
		return err_set(err, EINVAL, "--compression: the daemon pushes, and its API has nothing for that");
	for (; r == 0 && *names; names++) {
		const struct remote_image what = {.image = *names, .all = v->all_tags, .quiet = v->quiet};

		r = remote_image_push(cli, &what, err);
		if (r == 0 && v->quiet)
			text_line(stdout, "%s", *names);
	}
	return r;
}

static int push_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct push_values *v = values;
	struct registry_push_options o = {
	    .progress = pull_view_event, .repack = v->compression != NULL, .level = (int)v->level};
	char **names cleanup_with(mem_strv_freep) = NULL;
	struct image_store *s = NULL;
	int r = v->compression ? compress_kind_parse(v->compression, &o.kind, err) : 0;

	if (r == 0 && (v->level > 19 || (v->level && !v->compression)))
		r = err_set(err, EINVAL, "--compression-level is a number from 1 to 19 and needs --compression");
	if (r == 0 && !v->data && client_is_remote(cli))
		return push_remote(cli, v, operands, err);
	if (r == 0)
		r = local_store_open(cli, v->data, &s, err);
	if (r == 0 && v->all_tags)
		r = local_tags(s, operands[0], &names, err);
	else
		names = mem_strv_dup(operands);
	for (char **n = names; r == 0 && n && *n; n++)
		r = push_one(s, *n, v, &o, err);
	if (r == -ENOENT && image_door_is_elsewhere(cli, v->data))
		(void)err_wrap(err, "push sends what is in this machine's own store (take it from a node: berth save "
				    "NAME | berth load; or docker push, which sends it from there)");
	image_store_close(s);
	return r;
}

const struct cli_command command_push = {
    .name = "push",
    .usage = "NAME[:TAG]...",
    .summary = "Send images to a registry",
    .detail =
	"The name says where to. What the registry has is not sent; a layer goes as it was packed when that can "
	"be made or fetched\n"
	"again, else it is packed anew, and the image has another digest then. docs/REGISTRIES.md tells the rules.",
    .examples = "  berth push lab.example:5000/team/app:1.2\n  berth push --all-tags lab.example:5000/team/app\n"
		"  berth push --compression zstd lab.example:5000/team/app",
    .options = push_options,
    .values_size = sizeof(struct push_values),
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_IMAGE,
    .run = push_run,
};
