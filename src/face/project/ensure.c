/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/ensure.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/show.h"
#include "face/project/project.h"
#include "face/project/spec.h"
#include "face/project/view.h"

#include <string.h>

static void copy(yyjson_mut_doc *d, yyjson_mut_val *to, const char *name, yyjson_val *from, const char *key)
{
	yyjson_val *v = yyjson_obj_get(from, key);

	if (v && !yyjson_is_null(v))
		yyjson_mut_obj_add_val(d, to, name, yyjson_val_mut_copy(d, v));
}

static void labels(const struct project *p, yyjson_mut_doc *d, yyjson_mut_val *o, yyjson_val *from, const char *kind,
		   const char *key)
{
	yyjson_mut_val *to;
	yyjson_val *own = yyjson_obj_get(from, "labels");

	to = yyjson_is_obj(own) ? yyjson_val_mut_copy(d, own) : yyjson_mut_obj(d);
	yyjson_mut_obj_add_val(d, o, "Labels", to);
	yyjson_mut_obj_add_str(d, to, PROJECT_LABEL "project", p->name);
	yyjson_mut_obj_add_str(d, to, kind, key);
	yyjson_mut_obj_add_str(d, to, PROJECT_LABEL "version", BERTH_VERSION);
}

static void ipam(yyjson_mut_doc *d, yyjson_mut_val *o, yyjson_val *from)
{
	static const char *const keys[][2] = {{"subnet", "Subnet"},
					      {"gateway", "Gateway"},
					      {"ip_range", "IPRange"},
					      {"aux_addresses", "AuxiliaryAddresses"}};
	yyjson_val *v;
	yyjson_mut_val *to, *list;
	size_t i, n;

	if (yyjson_obj_size(from) == 0)
		return;
	to = yyjson_mut_obj_add_obj(d, o, "IPAM");
	copy(d, to, "Driver", from, "driver");
	list = yyjson_mut_obj_add_arr(d, to, "Config");
	yyjson_arr_foreach (yyjson_obj_get(from, "config"), i, n, v) {
		yyjson_mut_val *one = yyjson_mut_arr_add_obj(d, list);

		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
			copy(d, one, keys[k][1], v, keys[k][0]);
	}
}

static char *network_body(const struct project *p, yyjson_val *from, const char *name, const char *key)
{
	static const char *const keys[][2] = {{"driver", "Driver"},	     {"driver_opts", "Options"},
					      {"internal", "Internal"},	     {"attachable", "Attachable"},
					      {"enable_ipv4", "EnableIPv4"}, {"enable_ipv6", "EnableIPv6"}};
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d);

	yyjson_mut_doc_set_root(d, o);
	yyjson_mut_obj_add_str(d, o, "Name", name);
	yyjson_mut_obj_add_bool(d, o, "CheckDuplicate", true);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		copy(d, o, keys[i][1], from, keys[i][0]);
	ipam(d, o, yyjson_obj_get(from, "ipam"));
	labels(p, d, o, from, PROJECT_LABEL "network", key);
	return json_text(d, false, NULL);
}

static char *volume_body(const struct project *p, yyjson_val *from, const char *name, const char *key)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d);

	yyjson_mut_doc_set_root(d, o);
	yyjson_mut_obj_add_str(d, o, "Name", name);
	copy(d, o, "Driver", from, "driver");
	copy(d, o, "DriverOpts", from, "driver_opts");
	labels(p, d, o, from, PROJECT_LABEL "volume", key);
	return json_text(d, false, NULL);
}

/* Networks and volumes differ in little. */
struct kind {
	const char *section, *title, *one, *label;
	char *(*body)(const struct project *p, yyjson_val *from, const char *name, const char *key);
};
static const struct kind networks = {"networks", "Network", "/networks", PROJECT_LABEL "network", network_body};
static const struct kind volumes = {"volumes", "Volume", "/volumes", PROJECT_LABEL "volume", volume_body};

static int ensure_one(struct project *p, const struct kind *k, const char *key, yyjson_val *v, struct err *err)
{
	const char *name = show_str(v, "name", key);
	mem_cleanup char *folder = mem_printf("%s/", k->one), *target = client_target(folder, name, "");
	mem_cleanup char *create = mem_printf("%s/create", k->one), *subject = mem_printf("%s %s", k->title, name);
	mem_cleanup char *body = NULL, *text = NULL;
	yyjson_doc *doc json_doc_cleanup = NULL;
	struct err own = ERR_INIT;
	int r = client_call(p->cli, "GET", target, NULL, &doc, &own);
	const char *owner;

	if (r == 0) {
		owner = show_str(yyjson_obj_get(yyjson_doc_get_root(doc), "Labels"), PROJECT_LABEL "project", "");
		if (yyjson_is_true(yyjson_obj_get(v, "external")) || !strcmp(owner, p->name))
			return 0;
		text =
		    mem_printf("%s exists but was not made for the project %s; say external: true to use it as it is",
			       subject, p->name);
		view_warn(p->view, text);
		return 0;
	}
	if (own.code != ENOENT) {
		if (err)
			*err = own;
		return r;
	}
	if (yyjson_is_true(yyjson_obj_get(v, "external")))
		return err_set(err, ENOENT, "%s is declared as external, but could not be found", subject);
	body = k->body(p, v, name, key);
	view_line(p->view, subject, "Creating", VIEW_BUSY);
	r = client_call(p->cli, "POST", create, body, NULL, err);
	/* Another command of the project may have been quicker. */
	if (r == -EBUSY && client_call(p->cli, "GET", target, NULL, NULL, NULL) == 0) {
		err_clear(err);
		r = 0;
	}
	view_line(p->view, subject, r < 0 ? "Error" : "Created", r < 0 ? VIEW_FAILED : VIEW_DONE);
	return r < 0 ? err_wrap(err, "%s", subject) : 0;
}

static int ensure_all(struct project *p, const struct kind *k, struct err *err)
{
	yyjson_val *key, *val;
	size_t i, n;

	yyjson_obj_foreach (yyjson_obj_get(yyjson_doc_get_root(p->doc), k->section), i, n, key, val) {
		int r = ensure_one(p, k, yyjson_get_str(key), val, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int ensure_networks(struct project *p, struct err *err)
{
	return ensure_all(p, &networks, err);
}

int ensure_volumes(struct project *p, struct err *err)
{
	return ensure_all(p, &volumes, err);
}
