/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/join.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/link/cert.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

int join_node_ok(const char *name, struct err *err)
{
	size_t n = strlen(name);

	if (n == 0 || n >= CERT_NAME_MAX || !isalnum((unsigned char)name[0]) ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != n)
		return err_set(err, EINVAL,
			       "\"%.80s\" is no name for a node: 1 to %d letters, digits, dots, dashes and underscores "
			       "are needed, a letter or digit first (--node-name)",
			       name, CERT_NAME_MAX - 1);
	return 0;
}

static void add(struct buf *out, const char *key, const char *text)
{
	buf_printf(out, "%s\"%s\":", out->len > 5 ? "," : "", key);
	json_quote(out, text, strlen(text));
}

static void begin(struct buf *out)
{
	buf_add(out, "\0\0\0\0{", 5);
}

static void end(struct buf *out)
{
	size_t n;

	buf_addc(out, '}');
	n = out->len - 4;
	for (int i = 0; i < 4; i++)
		out->data[i] = (char)(unsigned char)(n >> (24 - 8 * i));
}

void join_encode(const struct join_request *j, struct buf *out)
{
	begin(out);
	add(out, "token", j->token);
	add(out, "node", j->node);
	add(out, "request", j->request);
	end(out);
}

int join_decode(const char *text, size_t n, struct join_request *ret, yyjson_doc **ret_doc, struct err *err)
{
	yyjson_doc *doc = json_parse(text, n, JOIN_MAX, "the wish to join", err);
	yyjson_val *o = yyjson_doc_get_root(doc);
	struct join_request j;
	int r;

	if (!doc)
		return -err->code;
	r = yyjson_is_obj(o) ? json_get_str(o, "token", &j.token, err) : err_set(err, EINVAL, "an object is needed");
	if (r == 0)
		r = json_get_str(o, "node", &j.node, err);
	if (r == 0)
		r = json_get_str(o, "request", &j.request, err);
	if (r == 0)
		r = join_node_ok(j.node, err);
	if (r < 0) {
		yyjson_doc_free(doc);
		return r;
	}
	*ret = j;
	*ret_doc = doc;
	return 0;
}

void join_encode_answer(const char *cert, const struct err *error, struct buf *out)
{
	begin(out);
	if (error)
		add(out, "error", error->text);
	else
		add(out, "cert", cert);
	end(out);
}

int join_decode_answer(const char *text, size_t n, char **ret_cert, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(text, n, JOIN_MAX, "the server's answer", err);
	yyjson_val *o = yyjson_doc_get_root(doc);
	const char *cert = NULL, *error = NULL;
	int r;

	if (!doc)
		return -err->code;
	r = yyjson_is_obj(o) ? json_opt_str(o, "error", &error, err) : err_set(err, EINVAL, "an object is needed");
	if (r == 0 && error)
		return err_set(err, EPERM, "the server says: %s", error);
	if (r == 0)
		r = json_get_str(o, "cert", &cert, err);
	if (r == 0)
		*ret_cert = mem_strdup(cert);
	return r;
}

int join_length(const struct buf *in, size_t *ret, struct err *err)
{
	const unsigned char *b = (const unsigned char *)buf_str(in);
	uint32_t n;

	*ret = 0;
	if (in->len < 4)
		return 0;
	n = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	if (n > JOIN_MAX)
		return err_set(err, E2BIG, "more than %u bytes", JOIN_MAX);
	*ret = (size_t)n + 4;
	return 0;
}
