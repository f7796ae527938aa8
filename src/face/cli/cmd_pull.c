/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/interrupt.h"
#include "face/cli/local_store.h"
#include "face/cli/pull_view.h"
#include "face/cli/remote_image.h"
#include "face/cli/text.h"
#include "node/image/image.h"
#include "node/registry/pull.h"

#include <string.h>
#include <unistd.h>

struct pull_values {
	const char *platform, *data;
	bool all_tags, quiet;
};
static const struct option_spec pull_options[] = {
    {"platform", 0, OPTION_TEXT, offsetof(struct pull_values, platform), "OS/ARCH",
     "of several images under one name, the one for this platform"},
    {"all-tags", 'a', OPTION_FLAG, offsetof(struct pull_values, all_tags), NULL, "all tags of the repository"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct pull_values, quiet), NULL, "print the name only, no progress"},
    {"data", 0, OPTION_TEXT, offsetof(struct pull_values, data), "DIR",
     "directory of berth's state (environment: BERTH_DATA; default: the running berth's)"},
    {NULL},
};

static int pull_one(struct image_store *s, const char *image, const struct pull_values *v, struct err *err)
{
	cleanup_with(registry_pulled_free) struct registry_pulled p = {.info = NULL};
	struct pull_view view;
	const struct registry_pull_options o = {.platform = v->platform, .progress = pull_view_event, .ctx = &view};
	int r;

	pull_view_init(&view, STDERR_FILENO, v->quiet);
	r = registry_pull(s, image, &o, &p, err);
	pull_view_end(&view);
	if (r < 0)
		return r;
	if (!v->quiet) {
		text_line(stdout, "Digest: %s", p.digest);
		text_line(stdout,
			  p.fresh ? "Status: Downloaded newer image for %s" : "Status: Image is up to date for %s",
			  p.name);
	}
	text_line(stdout, "%s", p.name);
	return CLI_OK;
}

struct pulling {
	struct image_store *s;
	const struct pull_values *v;
	char *const *images;
};

static int pull(void *ctx, struct err *err)
{
	const struct pulling *w = ctx;
	char **names cleanup_with(mem_strv_freep) = NULL;
	int r = 0;

	if (w->v->all_tags)
		r = registry_all_tags(w->images[0], &names, err);
	else
		names = mem_strv_dup(w->images);
	for (char **n = names; r == 0 && n && *n; n++)
		r = pull_one(w->s, *n, w->v, err);
	return r;
}

/* A node does it, with its own settings and logins. */
static int pull_at_node(struct cli *cli, const struct pull_values *v, char *const *images, struct err *err)
{
	int r = 0;

	if (v->all_tags || v->platform)
		return err_set(err, EINVAL, "--all-tags and --platform are not for another node (--node %s)",
			       client_node(cli));
	for (; r == 0 && *images; images++) {
		struct buf target buf_cleanup = BUF_INIT;

		buf_adds(&target, "/v1/images/pull");
		client_query(&target, "name", *images);
		r = client_call(cli, "POST", buf_str(&target), NULL, NULL, err);
		if (r == 0)
			text_line(stdout, "%s", *images);
	}
	return r;
}

/* The daemon does it, with our logins. */
static int pull_remote(struct cli *cli, const struct pull_values *v, char *const *images, struct err *err)
{
	int r = 0;

	for (; r == 0 && *images; images++) {
		const struct remote_image what = {
		    .image = *images, .platform = v->platform, .all = v->all_tags, .quiet = v->quiet};

		r = remote_image_pull(cli, &what, err);
		if (r == 0 && v->quiet)
			text_line(stdout, "%s", *images);
	}
	return r;
}

static int pull_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	struct pulling w = {.v = values, .images = operands};
	int r;

	if (w.v->all_tags && strpbrk(operands[0], "@"))
		return err_set(err, EINVAL, "--all-tags wants a repository, not \"%s\"", operands[0]);
	if (client_node(cli) && !w.v->data)
		return pull_at_node(cli, w.v, operands, err);
	if (!w.v->data && client_is_remote(cli))
		return pull_remote(cli, w.v, operands, err);
	r = local_store_open(cli, w.v->data, &w.s, err);
	if (r == 0)
		r = interrupt_run_on(w.s, pull, &w, "pulls the image", err);
	image_store_close(w.s);
	return interrupt_status(r, err);
}

const struct cli_command command_pull = {
    .name = "pull",
    .usage = "NAME[:TAG|@DIGEST]...",
    .summary = "Fetch images from a registry",
    .detail =
	"A name without a host is one of docker.io. With a digest the digest decides, whatever the tag says. Layers "
	"that are\n"
	"here are not fetched again. No berth needs to run. docs/REGISTRIES.md tells of mirrors, certificates and "
	"proxies.",
    .examples = "  berth pull busybox\n  berth pull lab.example:5000/team/app:1.2\n"
		"  berth pull --platform linux/arm64 alpine@sha256:...",
    .options = pull_options,
    .values_size = sizeof(struct pull_values),
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_IMAGE,
    .run = pull_run,
};
