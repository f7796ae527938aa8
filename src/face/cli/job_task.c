/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/job_task.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/cli/client.h"
#include "face/cli/units.h"

#include <inttypes.h>
#include <string.h>

int job_task_post(struct cli *cli, const char *name, const char *tail, struct err *err)
{
	mem_cleanup char *job = mem_strdup(name), *target = NULL;
	char *task = strchr(job, '/'), *index = NULL;
	struct buf body buf_cleanup = BUF_INIT;
	uint64_t n = 0;

	if (task) {
		*task++ = '\0';
		index = strchr(task, '/');
	}
	if (index)
		*index++ = '\0';
	if (!task || !*task || (index && (units_count(index, &n, err) < 0 || n > INT32_MAX)))
		return err_set(err, EINVAL, "\"%s\": a task is JOB/TASK, one of its copies JOB/TASK/INDEX", name);
	buf_adds(&body, "{\"task\":");
	json_quote(&body, task, strlen(task));
	if (index)
		buf_printf(&body, ",\"index\":%" PRIu64, n);
	buf_addc(&body, '}');
	target = client_target("/v1/jobs/", job, tail);
	return client_call(cli, "POST", target, buf_str(&body), NULL, err);
}
