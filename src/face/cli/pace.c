/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/pace.h"

#include "base/wire/json.h"
#include "face/cli/lines.h"
#include "face/cli/show.h"

#include <string.h>

#define LEAST_MS 100
#define SHARE 10 /* of the time at the most */
#define SILENCE_MS 30000

void pace_begin(struct pace *p)
{
	p->dirty = true;
}

void pace_event(struct pace *p, const char *line, size_t len)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(line, len, LINES_MAX, "an event", NULL);
	const char *kind = show_str(yyjson_doc_get_root(doc), "kind", "");
	bool exited = !strcmp(kind, "exited");

	p->dirty = true;
	p->ends += exited;
	if (!strcmp(kind, "job_ended") || (exited && p->ends >= p->left))
		p->next_ms = 0;
}

void pace_read(struct pace *p, int64_t now_ms, int64_t took_ms, int64_t left)
{
	int64_t pause = took_ms * SHARE > LEAST_MS ? took_ms * SHARE : LEAST_MS;

	*p = (struct pace){.next_ms = now_ms + pause, .left = left};
}

int64_t pace_wait(const struct pace *p, int64_t now_ms)
{
	if (!p->dirty)
		return SILENCE_MS;
	return p->next_ms > now_ms ? p->next_ms - now_ms : 0;
}

void pace_silence(struct pace *p)
{
	p->dirty = true;
}
