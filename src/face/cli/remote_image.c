/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/remote_image.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "face/cli/lines.h"
#include "face/cli/registry_header.h"
#include "face/cli/show.h"
#include "face/cli/text.h"

#include <stdio.h>
#include <string.h>

struct hearing {
	bool quiet;
	struct err failed;
};

/* {"status", "id"} or {"error"}; of a bar of progress each line but the last would be too much. */
static int on_line(void *ctx, const char *line, size_t n, struct err *err)
{
	struct hearing *h = ctx;
	yyjson_doc *doc json_doc_cleanup = json_parse(line, n, LINES_MAX, "what the daemon tells of the image", err);
	yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL;
	const char *status = show_str(root, "status", ""), *id = show_str(root, "id", "");

	if (!doc)
		return -EPROTO;
	if (*show_str(root, "error", ""))
		err_set(&h->failed, EIO, "%s", show_str(root, "error", ""));
	else if (*status && !h->quiet && yyjson_obj_size(yyjson_obj_get(root, "progressDetail")) == 0)
		text_line(stderr, "%s%s%s", id, *id ? ": " : "", status);
	return 0;
}

static int hear(struct http_client *c, struct hearing *h, struct err *err)
{
	cleanup_with(lines_free) struct lines lines = LINES_INIT;
	char piece[16384];
	ssize_t n = 0;
	int r = 0;

	while (r == 0 && (n = http_client_read(c, piece, sizeof piece, -1, err)) > 0)
		r = lines_feed(&lines, piece, (size_t)n, on_line, h, err);
	if (r < 0 || n < 0)
		return r < 0 ? r : (int)n;
	if (h->failed.code && err)
		*err = h->failed;
	return h->failed.code ? -h->failed.code : 0;
}

static int ask(struct cli *cli, const struct remote_image *what, const char *target, struct err *err)
{
	struct hearing h = {.quiet = what->quiet, .failed = ERR_INIT};
	mem_cleanup char *login = NULL;
	struct http_client *c = NULL;
	int r = registry_header_one(what->image, &login, err);

	if (r == 0)
		r = client_http(cli, &c, err);
	if (r < 0)
		return r;
	http_client_headers(c, login);
	r = client_begin(c, "POST", target, NULL, err);
	http_client_headers(c, NULL);
	return r < 0 ? r : hear(c, &h, err);
}

/* Where ":TAG" begins, or NULL. */
static const char *tag_of(const char *image)
{
	const char *slash = strrchr(image, '/');

	return strchr(image, '@') ? NULL : strchr(slash ? slash : image, ':');
}

int remote_image_pull(struct cli *cli, const struct remote_image *what, struct err *err)
{
	struct buf target buf_cleanup = BUF_INIT;

	buf_adds(&target, CLIENT_DOCKER "/images/create");
	client_query(&target, "fromImage", what->image);
	if (!what->all && !tag_of(what->image) && !strchr(what->image, '@'))
		client_query(&target, "tag", "latest");
	if (what->platform)
		client_query(&target, "platform", what->platform);
	return ask(cli, what, buf_str(&target), err);
}

int remote_image_push(struct cli *cli, const struct remote_image *what, struct err *err)
{
	const char *tag = tag_of(what->image);
	mem_cleanup char *repository =
	    mem_strndup(what->image, tag ? (size_t)(tag - what->image) : strlen(what->image));
	mem_cleanup char *path = client_target(CLIENT_DOCKER "/images/", repository, "/push");
	struct buf target buf_cleanup = BUF_INIT;

	buf_adds(&target, path);
	if (tag || !what->all)
		client_query(&target, "tag", tag ? tag + 1 : "latest");
	return ask(cli, what, buf_str(&target), err);
}
