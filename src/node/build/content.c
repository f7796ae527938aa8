/* SPDX-License-Identifier: Apache-2.0
 *
 * Every field is written with its length, so that no two trees give the same text.
 */
#include "node/build/content.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/build/digests.h"

#include <stdio.h>
#include <string.h>

struct content {
	struct sha256 sha;
	struct digests *digests;
	bool owners;
};

static void add_field(struct content *c, const char *text)
{
	char length[24];
	int n = snprintf(length, sizeof length, "%zu:", strlen(text));

	sha256_add(&c->sha, length, (size_t)n);
	sha256_add(&c->sha, text, strlen(text));
}

static void add_entry(struct content *c, const struct source_entry *e, const char *what)
{
	char numbers[96];

	snprintf(numbers, sizeof numbers, "%o %u:%u", (unsigned)e->st.st_mode, c->owners ? e->st.st_uid : 0u,
		 c->owners ? e->st.st_gid : 0u);
	add_field(c, e->path);
	add_field(c, numbers);
	add_field(c, what);
}

static int on_enter(void *ctx, const struct source_entry *e, struct err *err)
{
	(void)err;
	add_entry(ctx, e, "");
	return 0;
}

static int on_leave(void *ctx, const struct source_entry *e, struct err *err)
{
	(void)ctx;
	(void)e;
	(void)err;
	return 0;
}

static int add_file(struct content *c, const struct source_entry *e, struct err *err)
{
	char hex[SHA256_HEX_MAX];
	fd_cleanup int fd = -1;
	int r;

	if (digests_find(c->digests, &e->st, hex)) {
		add_entry(c, e, hex);
		return 0;
	}
	fd = source_open(e, err);
	if (fd < 0)
		return fd;
	r = digests_of(c->digests, fd, &e->st, hex, err);
	if (r == 0)
		add_entry(c, e, hex);
	return r;
}

static int on_other(void *ctx, const struct source_entry *e, struct err *err)
{
	mem_cleanup char *link = NULL;

	if (S_ISREG(e->st.st_mode))
		return add_file(ctx, e, err);
	if (S_ISLNK(e->st.st_mode) && source_link(e, &link, err) < 0)
		return err ? -err->code : -EIO;
	add_entry(ctx, e, link ? link : "");
	return 0;
}

int content_digest(const struct source_tree *t, const struct source_list *l, const struct ignore *exclude, bool owners,
		   struct digests *digests, char ret[static SHA256_HEX_MAX], struct err *err)
{
	struct content c = {.digests = digests, .owners = owners};
	const struct source_visitor v = {.ctx = &c, .enter = on_enter, .leave = on_leave, .other = on_other};

	sha256_init(&c.sha);
	for (size_t i = 0; i < l->n; i++) {
		const char *slash = strrchr(l->items[i].named, '/');
		int r;

		/* Where a copy puts it depends on its name; a directory gives what is in it alone. */
		add_field(&c, l->items[i].parent);
		add_field(&c, slash ? slash + 1 : l->items[i].named);
		r = source_walk(t, &l->items[i], exclude, &v, err);
		if (r < 0)
			return r;
	}
	sha256_hex(&c.sha, ret);
	return 0;
}
