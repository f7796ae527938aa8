/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/order.h"

#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <string.h>

const struct order_file order_files[ORDER_FILES] = {
    {"hostname", "/etc/hostname"},
    {"hosts", "/etc/hosts"},
    {ORDER_RESOLV, "/etc/resolv.conf"},
};

#define ORDER_VERSION 1

char *order_text(const struct order_new *c, size_t *ret_len)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_int(doc, root, "version", ORDER_VERSION);
	yyjson_mut_obj_add_str(doc, root, "id", c->id);
	yyjson_mut_obj_add_str(doc, root, "name", c->name);
	yyjson_mut_obj_add_int(doc, root, "created_ns", c->created_ns);
	yyjson_mut_obj_add_str(doc, root, "hostname", c->hostname);
	if (c->waits)
		yyjson_mut_obj_add_bool(doc, root, "start", false);
	if (c->userns_base)
		yyjson_mut_obj_add_int(doc, root, "userns_base", c->userns_base);
	if (c->fence_term)
		yyjson_mut_obj_add_int(doc, root, "fence_term", c->fence_term);
	yyjson_mut_obj_add_int(doc, root, "stop_signal", c->command->stop_signal);
	if (c->command->working_dir)
		yyjson_mut_obj_add_str(doc, root, "working_dir", c->command->working_dir);
	if (c->command->user && *c->command->user)
		yyjson_mut_obj_add_str(doc, root, "user", c->command->user);
	json_add_strv(doc, root, "layers", c->layers);
	if (c->erofs)
		yyjson_mut_obj_add_str(doc, root, "erofs", c->erofs);
	json_add_strv(doc, root, "argv", c->command->argv);
	json_add_strv(doc, root, "env", c->command->env);
	if (c->hooks)
		yyjson_mut_obj_add_val(doc, root, "hooks", yyjson_val_mut_copy(doc, c->hooks));
	yyjson_mut_obj_add_val(doc, root, "spec", yyjson_val_mut_copy(doc, c->spec));
	return json_text(doc, false, ret_len);
}

static int read_members(yyjson_val *v, struct order *c, struct err *err)
{
	bool begin = true;
	int64_t version;
	int r = json_get_int(v, "version", ORDER_VERSION, ORDER_VERSION, &version, err);

	if (r == 0)
		r = json_get_str(v, "id", &c->id, err);
	if (r == 0)
		r = json_get_str(v, "name", &c->name, err);
	if (r == 0)
		r = json_get_int(v, "created_ns", 0, INT64_MAX, &c->created_ns, err);
	if (r == 0)
		r = json_get_str(v, "hostname", &c->hostname, err);
	if (r == 0)
		r = json_get_int(v, "stop_signal", 1, 64, &c->stop_signal, err);
	if (r == 0)
		r = json_opt_int(v, "userns_base", 0, INT32_MAX, &c->userns_base, err);
	if (r == 0)
		r = json_opt_int(v, "fence_term", 0, INT64_MAX, &c->fence_term, err);
	if (r == 0)
		r = json_opt_str(v, "working_dir", &c->working_dir, err);
	if (r == 0)
		r = json_opt_str(v, "user", &c->user, err);
	if (r == 0)
		r = json_get_strv(v, "layers", &c->layers, err);
	if (r == 0)
		r = json_opt_str(v, "erofs", &c->erofs, err);
	if (r == 0)
		r = json_get_strv(v, "argv", &c->argv, err);
	if (r == 0)
		r = json_get_strv(v, "env", &c->env, err);
	if (r == 0)
		r = json_opt_bool(v, "start", &begin, err);
	c->waits = !begin;
	return r;
}

int order_read(int dir, struct order *ret, struct err *err)
{
	return order_read_file(dir, "config.json", ret, err);
}

int order_read_file(int dir, const char *name, struct order *ret, struct err *err)
{
	mem_cleanup char *text = NULL;
	yyjson_val *root, *spec = NULL;
	size_t n;
	int r;

	*ret = (struct order){.doc = NULL};
	r = fs_read(dir, name, ORDER_MAX, &text, &n, err);
	if (r < 0)
		return r;
	ret->doc = json_parse(text, n, ORDER_MAX, name, err);
	if (!ret->doc)
		return -EINVAL;
	root = yyjson_doc_get_root(ret->doc);
	if (!yyjson_is_obj(root))
		return err_set(err, EINVAL, "%s is not an object", name);
	r = read_members(root, ret, err);
	if (r == 0)
		r = json_get_obj(root, "spec", &spec, err);
	if (r == 0)
		r = spec_parse(spec, &ret->spec, err);
	if (r == 0)
		r = devhook_read(yyjson_obj_get(root, "hooks"), &ret->hooks, err);
	if (r == 0 && !ret->argv[0])
		r = err_set(err, EINVAL, "argv is empty");
	return r < 0 ? err_wrap(err, "%s", name) : 0;
}

void order_free(struct order *c)
{
	spec_free(&c->spec);
	devhook_free(&c->hooks);
	mem_strv_free(c->layers);
	mem_strv_free(c->argv);
	mem_strv_free(c->env);
	yyjson_doc_free(c->doc);
	*c = (struct order){.doc = NULL};
}
