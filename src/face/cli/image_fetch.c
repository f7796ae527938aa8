/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/image_fetch.h"

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

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int image_fetch_parse(const char *text, enum image_fetch *ret, struct err *err)
{
	static const char *const names[] = {
	    [IMAGE_FETCH_MISSING] = "missing", [IMAGE_FETCH_ALWAYS] = "always", [IMAGE_FETCH_NEVER] = "never"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!strcmp(text ? text : "missing", names[i])) {
			*ret = (enum image_fetch)i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "--pull: \"%s\" is none of missing, always, never", text);
}

int image_fetch_is_here(struct cli *cli, const char *image, struct err *err)
{
	mem_cleanup char *target = client_target("/v1/images/", image, "");
	yyjson_doc *doc json_doc_cleanup = NULL;
	struct http_client *c = NULL;
	int r = client_http(cli, &c, err);

	/* Without a socket it is -ENOENT, too, and says nothing about the image. */
	if (r < 0)
		return r;
	r = client_call(cli, "GET", target, NULL, &doc, err);
	if (r != -ENOENT)
		return r < 0 ? r : 1;
	err_clear(err);
	return 0;
}

struct fetch {
	struct cli *cli;
	const char *image;
	bool quiet;
};

/* Who may not open the store, or asks another node, has the daemon do it, with the daemon's logins. */
static int ask_for_it(const struct fetch *f, struct err *err)
{
	struct buf target buf_cleanup = BUF_INIT;

	if (!f->quiet)
		text_line(stderr, "berth pulls %s", f->image);
	buf_adds(&target, "/v1/images/pull");
	client_query(&target, "name", f->image);
	return client_call(f->cli, "POST", buf_str(&target), NULL, NULL, err);
}

/* Opening the store may put the process into a user namespace, where the command itself must not go. */
static int fetch(void *ctx, struct err *err)
{
	cleanup_with(registry_pulled_free) struct registry_pulled pulled = {.info = NULL};
	const struct fetch *f = ctx;
	struct pull_view view;
	const struct registry_pull_options o = {.progress = pull_view_event, .ctx = &view};
	struct image_store *s = NULL;
	int r;

	if (client_is_remote(f->cli))
		return remote_image_pull(f->cli, &(struct remote_image){.image = f->image, .quiet = f->quiet}, err);
	r = client_node(f->cli) ? -EPERM : local_store_open(f->cli, NULL, &s, err);

	if (r == -EACCES || r == -EPERM) {
		err_clear(err);
		return ask_for_it(f, err);
	}
	if (r < 0)
		return r;
	pull_view_init(&view, STDERR_FILENO, f->quiet);
	r = registry_pull(s, f->image, &o, &pulled, err);
	pull_view_end(&view);
	image_store_close(s);
	return r;
}

int image_fetch(struct cli *cli, const char *image, bool quiet, struct err *err)
{
	struct fetch f = {.cli = cli, .image = image, .quiet = quiet};

	return interrupt_run(fetch, &f, "pulls the image", err);
}
