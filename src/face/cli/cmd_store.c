/* SPDX-License-Identifier: Apache-2.0
 *
 * backup, restore, store copy: the state of a cluster, with no server in between. What opens a store comes in as a hook of main.c.
 */
#include "face/cli/command.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/text.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct place_values {
	const char *data, *store;
};
static const struct option_spec place_options[] = {
    {"data", 0, OPTION_TEXT, offsetof(struct place_values, data), "DIR",
     "the server's directory (default " CLIENT_SYSTEM_DATA ")"},
    {"store", 0, OPTION_TEXT, offsetof(struct place_values, store), "ADDRESS",
     "the server's --store, when its state is in an etcd"},
    {NULL},
};

/* An address as it is, a directory as an absolute path. */
static int place(const char *text, char **ret, struct err *err)
{
	char here[PATH_MAX];

	if (*text == '\0')
		return err_set(err, EINVAL, "an empty path");
	if (*text != '/' && !strstr(text, "://") && !getcwd(here, sizeof here))
		return err_sys(err, errno, "find the current directory for \"%s\"", text);
	*ret = *text == '/' || strstr(text, "://") ? mem_strdup(text) : mem_printf("%s/%s", here, text);
	return 0;
}

static int place_of(const struct place_values *v, char **ret, struct err *err)
{
	if (v->data && v->store)
		return err_set(err, EINVAL, "--data or --store: the state is in one of them");
	if (!v->data && !v->store)
		return client_data(ret, "the state is", err);
	return place(v->store ? v->store : v->data, ret, err);
}

static int run(struct cli *cli, struct cli_store_job *job, const char *said, struct err *err)
{
	int r = cli->hooks && cli->hooks->store ? cli->hooks->store(job, err)
						: err_set(err, ENOSYS, "this program has no store");

	if (r < 0)
		return r;
	text_line(stdout, "%s %s: %" PRIu64 " document%s, %" PRIu64 " event%s, %" PRIu64 " snapshot%s", said, job->to,
		  job->docs, job->docs == 1 ? "" : "s", job->events, job->events == 1 ? "" : "s", job->snapshots,
		  job->snapshots == 1 ? "" : "s");
	return CLI_OK;
}

static int backup_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	mem_cleanup char *from = NULL, *file = NULL;
	struct cli_store_job job = {.what = CLI_STORE_BACKUP};
	int r = place_of(values, &from, err);

	if (r == 0)
		r = place(operands[0], &file, err);
	job.from = from;
	job.to = file;
	return r < 0 ? r : run(cli, &job, "backed up to", err);
}

static int restore_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	mem_cleanup char *to = NULL, *file = NULL;
	struct cli_store_job job = {.what = CLI_STORE_RESTORE};
	int r = place_of(values, &to, err);

	if (r == 0)
		r = place(operands[0], &file, err);
	job.from = file;
	job.to = to;
	return r < 0 ? r : run(cli, &job, "restored into", err);
}

static int copy_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	mem_cleanup char *from = NULL, *to = NULL;
	struct cli_store_job job = {.what = CLI_STORE_COPY};
	int r = place(operands[0], &from, err);

	(void)values;
	if (r == 0)
		r = place(operands[1], &to, err);
	job.from = from;
	job.to = to;
	return r < 0 ? r : run(cli, &job, "copied into", err);
}

const struct cli_command command_backup = {
    .name = "backup",
    .usage = "FILE",
    .summary = "Write the state of the cluster to a file",
    .detail =
	"The state as it is at this moment; a server may go on meanwhile. The file has everything that makes the\n"
	"cluster: jobs, members, tokens and the authority with its key. Keep it as you keep a key. A file that is\n"
	"there already is left alone. Containers, images and data spaces are not in it: they are the nodes'.",
    .examples =
	"  berth backup /backup/berth-monday\n  berth backup --store etcd://e1:2379,e2:2379/berth /backup/berth-monday",
    .options = place_options,
    .values_size = sizeof(struct place_values),
    .least = 1,
    .most = 1,
    .operand = OPERAND_FILE,
    .run = backup_run,
};

const struct cli_command command_restore = {
    .name = "restore",
    .usage = "FILE",
    .summary = "Make the state of a cluster from a backup",
    .detail =
	"Into a directory or an etcd that has no state, with no server on it. The file is compared with its sum\n"
	"first. What was submitted after the backup is unknown to the cluster then, and what runs of it is ended.",
    .examples = "  berth restore --data /var/lib/berth /backup/berth-monday",
    .options = place_options,
    .values_size = sizeof(struct place_values),
    .least = 1,
    .most = 1,
    .operand = OPERAND_FILE,
    .run = restore_run,
};

const struct cli_command command_store_copy = {
    .name = "store copy",
    .group = "store",
    .usage = "FROM TO",
    .summary = "Copy the state of the cluster into another store",
    .detail =
	"Each is a server's directory or the address of an etcd: so a cluster moves from one server to several, and\n"
	"back. No server may run on either; TO must have no state; FROM stays as it is. Start the server on TO\n"
	"afterwards, and never again one on FROM.",
    .examples = "  berth store copy /var/lib/berth etcd://e1:2379,e2:2379,e3:2379/berth",
    .least = 2,
    .most = 2,
    .operand = OPERAND_FILE,
    .run = copy_run,
};
