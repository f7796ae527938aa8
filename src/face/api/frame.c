/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"
#include "base/wire/http_server.h"
#include "base/wire/json.h"
#include "face/api/api_private.h"

#include <string.h>

int frame_send(struct http_req *r, int type, const void *data, size_t n)
{
	unsigned char head[8] = {
	    (unsigned char)type, 0, 0, 0, (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
	    (unsigned char)n};
	int full = http_reply_data(r, head, sizeof head);

	return n ? http_reply_data(r, data, n) : full;
}

int frame_note(struct http_req *r, const char *json)
{
	return frame_send(r, FRAME_NOTE, json, strlen(json));
}

int frame_text(struct http_req *r, const char *key, const char *text)
{
	buf_cleanup struct buf json = BUF_INIT;

	buf_printf(&json, "{\"%s\":", key);
	json_quote(&json, text, strlen(text));
	buf_addc(&json, '}');
	return frame_note(r, buf_str(&json));
}
