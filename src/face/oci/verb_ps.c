/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/oci/verb.h"
#include "node/oci/process.h"
#include "node/runtime/spawn.h"

#include <string.h>

#define PS_OUTPUT_MAX (8u << 20)

struct values {
	const char *format;
};

static const struct values defaults = {.format = "table"};

static const struct option_spec options[] = {
    {"format", 'f', OPTION_TEXT, offsetof(struct values, format), "FORMAT", "table (default) or json"},
    {NULL},
};

static int print_json(const pid_t *pids, size_t n, struct err *err)
{
	buf_cleanup struct buf text = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		buf_printf(&text, "%s%d", i ? "," : "[", (int)pids[i]);
	buf_adds(&text, n ? "]\n" : "[]\n");
	return oci_print(buf_str(&text), err);
}

/* The word of a line at a position; -1 when it is no number. */
static long number_at(const char *line, size_t position)
{
	char *end;
	long value;

	for (size_t i = 0; i < position; i++) {
		line += strspn(line, " \t");
		line += strcspn(line, " \t\n");
	}
	value = strtol(line, &end, 10);
	return end == line ? -1 : value;
}

static int find_column(const char *title, size_t *ret)
{
	for (size_t i = 0; *title && *title != '\n'; i++) {
		size_t n;

		title += strspn(title, " \t");
		n = strcspn(title, " \t\n");
		if (n == 3 && strncmp(title, "PID", 3) == 0) {
			*ret = i;
			return 0;
		}
		title += n;
	}
	return -ENOENT;
}

static bool is_among(const pid_t *pids, size_t n, long pid)
{
	for (size_t i = 0; i < n; i++) {
		if (pids[i] == pid)
			return true;
	}
	return false;
}

static int filter(const char *output, const pid_t *pids, size_t n, struct err *err)
{
	buf_cleanup struct buf text = BUF_INIT;
	bool title = true;
	size_t column;

	if (find_column(output, &column) < 0)
		return err_set(err, EINVAL, "the output of ps has no column PID");
	for (const char *line = output, *end; *line; line = end) {
		end = strchrnul(line, '\n');
		end += *end == '\n';
		if (title || is_among(pids, n, number_at(line, column)))
			buf_add(&text, line, (size_t)(end - line));
		title = false;
	}
	return oci_print(buf_str(&text), err);
}

/* The program of the host, from its own folders: nothing of a container decides which one it is. */
static int run_ps(char *const *words, struct buf *out, struct err *err)
{
	static const char *const paths[] = {"/usr/bin/ps", "/bin/ps"};
	static const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
	char **args = NULL;
	int r = -ENOENT;

	mem_strv_add(&args, "ps");
	for (; *words; words++)
		mem_strv_add(&args, *words);
	if (!args[1])
		mem_strv_add(&args, "-ef");
	for (size_t i = 0; i < sizeof paths / sizeof *paths && r == -ENOENT; i++) {
		const struct spawn s = {
		    .path = paths[i], .args = args, .env = (char *const *)env, .timeout_ms = -1, .out = out};

		r = spawn_run(&s, err);
	}
	mem_strv_free(args);
	return r > 0 ? err_set(err, EINVAL, "ps failed with status %d: %s", r, buf_str(out)) : r;
}

static int run(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	const struct values *v = values;
	buf_cleanup struct buf out = BUF_LIMIT(PS_OUTPUT_MAX);
	bool json = strcmp(v->format, "json") == 0;
	mem_cleanup pid_t *pids = NULL;
	size_t n = 0;
	int r;

	if (!json && strcmp(v->format, "table") != 0)
		return err_set(err, EINVAL, "invalid format option: \"%s\"", v->format);
	r = oci_pids(rt, operands[0], &pids, &n, err);
	if (r < 0 || json)
		return r < 0 ? r : print_json(pids, n, err);
	r = run_ps(operands + 1, &out, err);
	return r < 0 ? r : filter(buf_str(&out), pids, n, err);
}

const struct oci_verb verb_ps = {.name = "ps",
				 .usage = "[OPTIONS] ID [PS-OPTIONS]",
				 .summary = "show the processes of a container",
				 .options = options,
				 .values_size = sizeof(struct values),
				 .defaults = &defaults,
				 .least = 1,
				 .most = SIZE_MAX,
				 .stop = true,
				 .run = run};
