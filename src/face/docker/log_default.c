/* SPDX-License-Identifier: Apache-2.0 */
#include "face/docker/log_default.h"

#include "base/core/err.h"
#include "face/docker/create.h"
#include "face/docker/shape.h"

#include <string.h>

#define TEXT_MAX (64u << 10)

/* Whether it is good is what the first container would be told. */
static int check(yyjson_val *wanted, struct err *err)
{
	static const char any[] = "{\"Image\":\"any\",\"Cmd\":[\"any\"]}";
	json_doc_cleanup yyjson_doc *empty = yyjson_read(any, sizeof any - 1, 0);
	json_doc_cleanup yyjson_doc *body = log_default_merge(wanted, yyjson_doc_get_root(empty));
	struct create made = {.doc = NULL};
	int r = create_spec(yyjson_doc_get_root(body), NULL, &made, err);

	create_free(&made);
	return r < 0 ? err_wrap(err, "log-driver, log-opts") : 0;
}

int log_default_read(const char *text, yyjson_doc **ret, struct err *err)
{
	yyjson_doc *doc = json_parse(text, strlen(text), TEXT_MAX, "log-opts", err);
	int r = doc ? check(yyjson_doc_get_root(doc), err) : -EINVAL;

	if (r < 0) {
		yyjson_doc_free(doc);
		return r;
	}
	*ret = doc;
	return 0;
}

static yyjson_mut_val *merged(yyjson_mut_doc *d, yyjson_val *wanted, yyjson_val *own)
{
	yyjson_mut_val *log = yyjson_val_mut_copy(d, wanted), *config = yyjson_mut_obj_get(log, "Config");
	yyjson_val *key, *value;
	size_t i, n;

	if (!config)
		config = yyjson_mut_obj_add_obj(d, log, "Config");
	yyjson_obj_foreach (own, i, n, key, value)
		yyjson_mut_obj_put(config, yyjson_val_mut_copy(d, key), yyjson_val_mut_copy(d, value));
	return log;
}

yyjson_doc *log_default_merge(yyjson_val *wanted, yyjson_val *body)
{
	yyjson_val *inner = yyjson_obj_get(body, "HostConfig");
	yyjson_val *own = yyjson_obj_get(yyjson_is_obj(inner) ? inner : body, "LogConfig");
	const char *type = shape_text(own, "Type");
	json_mut_cleanup yyjson_mut_doc *d = NULL;
	yyjson_mut_val *root, *host;

	if (!wanted || (own && !yyjson_is_obj(own) && !yyjson_is_null(own)) ||
	    (*type && strcmp(type, shape_text(wanted, "Type")) != 0))
		return NULL;
	d = yyjson_mut_doc_new(NULL);
	root = yyjson_val_mut_copy(d, body);
	yyjson_mut_doc_set_root(d, root);
	host = yyjson_mut_obj_get(root, "HostConfig");
	yyjson_mut_obj_put(yyjson_mut_is_obj(host) ? host : root, yyjson_mut_str(d, "LogConfig"),
			   merged(d, wanted, yyjson_obj_get(own, "Config")));
	return yyjson_mut_doc_imut_copy(d, NULL);
}
