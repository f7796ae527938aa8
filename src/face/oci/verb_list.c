/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/oci/columns.h"
#include "face/oci/report.h"
#include "face/oci/verb.h"
#include "node/oci/lifecycle.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct values {
	bool quiet;
	const char *format;
};

static const struct values defaults = {.format = "table"};

static const struct option_spec options[] = {
    {"format", 'f', OPTION_TEXT, offsetof(struct values, format), "FORMAT", "table (default) or json"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct values, quiet), NULL, "names only"},
    {NULL},
};

struct listing {
	const struct oci_runtime *rt;
	bool quiet, json;
	struct columns table;
	struct buf text;
};

static void add_row(struct listing *l, const struct oci_container *c)
{
	const struct oci_state *s = c->state;
	const struct passwd *pw = getpwuid(s->owner);
	mem_cleanup char *pid = mem_printf("%d", c->status == OCI_STOPPED ? 0 : (int)s->pid);
	mem_cleanup char *owner = pw ? mem_strdup(pw->pw_name) : mem_printf("#%u", s->owner);

	columns_add(&l->table,
		    (const char *const[]){s->id, pid, oci_status_names[c->status], s->bundle, s->created, owner});
}

static void add(struct listing *l, const struct oci_container *c)
{
	mem_cleanup char *json = NULL;

	if (l->quiet) {
		buf_printf(&l->text, "%s\n", c->state->id);
	} else if (l->json) {
		json = oci_state_show(c->state, c->status, false);
		buf_printf(&l->text, "%s%s", l->text.len ? "," : "[", json);
	} else {
		add_row(l, c);
	}
}

/* One that cannot be read is told of, and does not hide the others. One that went meanwhile is none. */
static int show(void *ctx, const char *id, struct err *err)
{
	struct oci_container c = OCI_CONTAINER_NONE;
	struct listing *l = ctx;
	struct err why = ERR_INIT;
	int r = oci_open(l->rt, id, false, &c, &why);

	(void)err;
	if (r == 0)
		add(l, &c);
	else if (r != -ENOENT)
		report_warning(why.text);
	oci_close(&c);
	return 0;
}

static int run(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	static const char *const titles[] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};
	const struct values *v = values;
	struct listing l = {.rt = rt, .quiet = v->quiet, .json = strcmp(v->format, "json") == 0};
	int r;

	(void)operands;
	if (!l.json && strcmp(v->format, "table") != 0)
		return err_set(err, EINVAL, "invalid format option: \"%s\"", v->format);
	/* A name that was mistyped must not look like a folder without containers. */
	if (rt->root_given && access(rt->root, F_OK) < 0)
		return err_sys(err, errno, "--root \"%s\"", rt->root);
	columns_start(&l.table, sizeof titles / sizeof *titles, titles);
	r = oci_state_each(rt->root, show, &l, err);
	if (r == 0 && !l.quiet && l.json)
		buf_adds(&l.text, l.text.len ? "]\n" : "null\n");
	else if (r == 0 && !l.quiet)
		columns_print(&l.table, &l.text);
	if (r == 0)
		r = oci_print(buf_str(&l.text), err);
	columns_end(&l.table);
	buf_free(&l.text);
	return r;
}

const struct oci_verb verb_list = {.name = "list",
				   .usage = "[OPTIONS]",
				   .summary = "show all containers of the root",
				   .options = options,
				   .values_size = sizeof(struct values),
				   .defaults = &defaults,
				   .run = run};
