/* SPDX-License-Identifier: Apache-2.0
 *
 * quota set|ls|rm
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/owner.h"
#include "face/cli/client.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/text.h"
#include "face/cli/things.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#define QUOTAS "/v1/quotas"

/* "ann", "1000", "user:ann", "cert:ci", "user:token", "*" or "project:x" as the server has it: users by their numbers. The caller frees. */
static int owner_of(const char *word, char **ret, struct err *err)
{
	const char *name = !strncmp(word, "user:", 5) ? word + 5 : word;
	const struct passwd *pw;

	if (!strncmp(word, "project:", 8)) {
		*ret = mem_strdup(word);
	} else if (!strcmp(name, "*") || (owner_ok(name) && (strcmp(name, "token") != 0 || name != word))) {
		*ret = mem_printf("user:%s", name);
	} else {
		pw = getpwnam(name);
		if (!pw)
			return err_set(
			    err, ENOENT,
			    "there is no user \"%.80s\" on this machine: say the user's number, or project:%.80s", name,
			    name);
		*ret = mem_printf("user:%u", pw->pw_uid);
	}
	return 0;
}

/* ---- quota set ---- */

struct set_values {
	uint64_t caps[5];
};
static const char *const keys[] = {"cpu_milli", "memory", "tasks", "jobs", "gpus"};

#define CAP(k) (offsetof(struct set_values, caps) + (k) * sizeof(uint64_t))

static const struct option_spec set_options[] = {
    {"cpus", 0, OPTION_CPUS, CAP(0), "N", "CPUs in use: slots and reserved CPUs of what runs"},
    {"memory", 0, OPTION_SIZE, CAP(1), "SIZE", "reserved memory of what runs"},
    {"tasks", 0, OPTION_COUNT, CAP(2), "N", "running copies of tasks and services"},
    {"jobs", 0, OPTION_COUNT, CAP(3), "N", "jobs that have not ended; one more is refused"},
    {"gpus", 0, OPTION_COUNT, CAP(4), "N", "units of the counter gpu in use by what runs"},
    {NULL},
};
static const struct set_values set_defaults = {.caps = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};

static int set_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct set_values *v = values;
	buf_cleanup struct buf body = BUF_INIT;
	mem_cleanup char *owner = NULL, *target = NULL;
	int r = owner_of(operands[0], &owner, err);

	if (r < 0)
		return r;
	for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
		if (v->caps[k] != UINT64_MAX)
			buf_printf(&body, "%s\"%s\":%" PRIu64, body.len ? "," : "{", keys[k], v->caps[k]);
	}
	if (!body.len)
		return err_set(err, EINVAL, "say what is limited: --cpus, --memory, --tasks, --jobs, --gpus");
	buf_addc(&body, '}');
	target = client_target(QUOTAS "/", owner, "");
	return client_call(cli, "POST", target, buf_str(&body), NULL, err);
}

const struct cli_command command_quota_set = {
    .name = "quota set",
    .group = "quota",
    .usage = "USER|project:NAME|'*'",
    .summary = "Limit what a user or a project may have at the same time",
    .detail =
	"What is not said stays as it was. '*' is for every user without a quota of their own, each by itself. What "
	"runs\n"
	"already goes on; what is over the quota waits, and berth job tells why. A job is of a project when its file\n"
	"says so (x-berth: project).",
    .examples = "  berth quota set ann --cpus 8 --memory 64g\n  berth quota set project:weather --tasks 100\n"
		"  berth quota set '*' --jobs 50",
    .options = set_options,
    .values_size = sizeof(struct set_values),
    .defaults = &set_defaults,
    .least = 1,
    .most = 1,
    .run = set_run,
};

/* ---- quota ls ---- */

static const struct table_column columns[] = {{.title = "OWNER", .least = 10},
					      {.title = "CPUS", .right = true},
					      {.title = "MEMORY", .right = true},
					      {.title = "TASKS", .right = true},
					      {.title = "JOBS", .right = true},
					      {.title = "GPUS", .right = true},
					      {.title = NULL}};

static void owner_cell(struct table *t, const char *owner)
{
	const char *name = !strncmp(owner, "user:", 5) ? owner + 5 : owner;
	const struct passwd *pw = name != owner && strspn(name, "0123456789") == strlen(name)
				      ? getpwuid((uid_t)strtoul(name, NULL, 10))
				      : NULL;

	table_cell(t, pw ? pw->pw_name : name);
}

static void add_amount(struct buf *b, size_t k, yyjson_val *v)
{
	char text[TEXT_MAX];

	if (yyjson_is_null(v))
		buf_adds(b, "-");
	else if (k == 0)
		buf_printf(b, "%g", (double)yyjson_get_uint(v) / 1000);
	else if (k == 1)
		buf_adds(b, text_size(text, yyjson_get_uint(v)));
	else
		buf_printf(b, "%" PRIu64, yyjson_get_uint(v));
}

/* What is in use of what is allowed. */
static void row(struct table *t, yyjson_val *o)
{
	owner_cell(t, show_str(o, "owner", ""));
	for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
		buf_cleanup struct buf b = BUF_LIMIT(256);

		add_amount(&b, k, yyjson_obj_get(yyjson_obj_get(o, "used"), keys[k]));
		buf_addc(&b, '/');
		add_amount(&b, k, yyjson_obj_get(yyjson_obj_get(o, "caps"), keys[k]));
		table_cell(t, buf_str(&b));
	}
}

static const struct things quotas = {
    .path = QUOTAS, .name = "owner", .columns = columns, .row = row, .named = owner_of};
static const struct things_wish quota_rm = {&quotas, "DELETE", NULL, NULL, false};

const struct cli_command command_quota_ls = {
    .name = "quota ls",
    .group = "quota",
    .usage = "",
    .summary = "List quotas: what is in use, and what is allowed",
    .detail =
	"Users and projects without a quota are there, too, while one of their jobs is remembered. A - is no limit.",
    .examples = "  berth quota ls",
    .options = things_list_options,
    .values_size = sizeof(struct things_list),
    .about = &quotas,
    .run = things_ls,
};

/* ---- quota rm ---- */

const struct cli_command command_quota_rm = {
    .name = "quota rm",
    .group = "quota",
    .usage = "USER|project:NAME|'*'...",
    .summary = "Lift quotas",
    .examples = "  berth quota rm ann project:weather",
    .least = 1,
    .most = CLI_MANY,
    .about = &quota_rm,
    .run = things_each,
};
