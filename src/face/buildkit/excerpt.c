/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/excerpt.h"

#include "base/core/buf.h"
#include "base/core/mem.h"
#include "base/wire/protobuf.h"
#include "node/registry/base64.h"

#include <stdbool.h>
#include <string.h>

#define TYPE "github.com/moby/buildkit/errdefs.Source+json"

struct excerpt {
	char *file, *data; /* data: the text in base64, as it goes on */
	uint64_t line, end;
};

static void take_text(struct buf *b, const char *text, size_t n, unsigned first, unsigned last)
{
	const bool all = n <= EXCERPT_BYTES;
	unsigned line = 1;

	for (size_t i = 0; i < n; i++) {
		if (all || text[i] == '\n' || (line + EXCERPT_NEAR >= first && line <= last + EXCERPT_NEAR))
			buf_addc(b, text[i]);
		line += text[i] == '\n';
	}
}

void excerpt_tell(yyjson_mut_doc *answer, const char *file, const char *text, size_t n, unsigned line, unsigned end)
{
	buf_cleanup struct buf kept = BUF_LIMIT(EXCERPT_BYTES);
	mem_cleanup char *data = NULL;
	yyjson_mut_val *details;

	take_text(&kept, text, n, line, end);
	if (kept.full || line == 0)
		return;
	data = base64_text(buf_str(&kept), kept.len);
	details = yyjson_mut_obj_add_obj(answer, yyjson_mut_doc_get_root(answer), "details");
	yyjson_mut_obj_add_strcpy(answer, details, "file", file);
	yyjson_mut_obj_add_strcpy(answer, details, "data", data);
	yyjson_mut_obj_add_uint(answer, details, "line", line);
	yyjson_mut_obj_add_uint(answer, details, "end", end > line ? end : line);
}

struct excerpt *excerpt_new(yyjson_val *details)
{
	const char *file = yyjson_get_str(yyjson_obj_get(details, "file"));
	const char *data = yyjson_get_str(yyjson_obj_get(details, "data"));
	struct excerpt *e;

	if (!file || !data)
		return NULL;
	e = mem_new(struct excerpt);
	*e = (struct excerpt){.file = mem_strdup(file),
			      .data = mem_strdup(data),
			      .line = yyjson_get_uint(yyjson_obj_get(details, "line")),
			      .end = yyjson_get_uint(yyjson_obj_get(details, "end"))};
	return e;
}

struct excerpt *excerpt_free(struct excerpt *e)
{
	if (!e)
		return NULL;
	free(e->file);
	free(e->data);
	free(e);
	return NULL;
}

/* {"info": {"filename": F, "data": BASE64}, "ranges": [{"start": {"line": N}, "end": {"line": N}}]} */
static char *source_of(const struct excerpt *e)
{
	buf_cleanup struct buf b = BUF_INIT;

	buf_adds(&b, "{\"info\":{\"filename\":");
	json_quote(&b, e->file, strlen(e->file));
	buf_printf(&b, ",\"data\":\"%s\"},\"ranges\":[{\"start\":{\"line\":%llu},\"end\":{\"line\":%llu}}]}", e->data,
		   (unsigned long long)e->line, (unsigned long long)e->end);
	return buf_take(&b);
}

char *excerpt_status(const struct excerpt *e, int status, const char *text)
{
	buf_cleanup struct buf b = BUF_INIT, any = BUF_INIT;
	mem_cleanup char *source = e ? source_of(e) : NULL;

	if (!source)
		return NULL;
	pb_text(&any, 1, TYPE);
	pb_bytes(&any, 2, source, strlen(source));
	pb_uint(&b, 1, (uint64_t)status);
	pb_text(&b, 2, text);
	pb_message(&b, 3, &any);
	return base64_text(buf_str(&b), b.len);
}
