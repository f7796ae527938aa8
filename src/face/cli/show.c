/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/show.h"

#include "base/core/buf.h"
#include "face/cli/command.h"

#include <inttypes.h>
#include <string.h>

const char *show_str(yyjson_val *obj, const char *key, const char *otherwise)
{
	const char *s = yyjson_get_str(yyjson_obj_get(obj, key));

	return s ? s : otherwise;
}

int64_t show_int(yyjson_val *obj, const char *key, int64_t otherwise)
{
	yyjson_val *v = yyjson_obj_get(obj, key);

	return yyjson_is_int(v) ? yyjson_get_sint(v) : otherwise;
}

bool show_bool(yyjson_val *obj, const char *key)
{
	return yyjson_get_bool(yyjson_obj_get(obj, key));
}

void show_words(struct buf *out, yyjson_val *list)
{
	yyjson_val *word;
	size_t i, n;

	if (yyjson_is_str(list))
		buf_adds(out, yyjson_get_str(list));
	yyjson_arr_foreach (list, i, n, word) {
		const char *s = yyjson_get_str(word);

		if (!s)
			continue;
		buf_printf(out, !*s || strpbrk(s, " \t\n'\"") ? "%s\"%s\"" : "%s%s", i ? " " : "", s);
	}
}

void show_counts(struct buf *out, yyjson_val *counts)
{
	static const char *const order[] = {"finished", "running", "starting", "pending", "waiting",
					    "delayed",	"paused",  "in_error", "faulty",  "failed",
					    "skipped",	"aborted", "canceled"};
	const char *gap = "";

	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
		int64_t n = show_int(counts, order[i], 0);

		if (n <= 0)
			continue;
		buf_printf(out, "%s%" PRId64 " %s", gap, n, order[i]);
		gap = ", ";
	}
}

bool show_job_ended(const char *state)
{
	return strcmp(state, "finished") == 0 || strcmp(state, "failed") == 0 || strcmp(state, "canceled") == 0;
}

int show_job_status(yyjson_val *job)
{
	int64_t code = show_int(job, "exit_code", 0);

	if (code > 0 && code < 256)
		return (int)code;
	return strcmp(show_str(job, "state", ""), "finished") == 0 ? CLI_OK : CLI_FAILED;
}
