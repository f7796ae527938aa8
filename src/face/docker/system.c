/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

static const char *architecture(const struct utsname *u)
{
	if (!strcmp(u->machine, "x86_64"))
		return "amd64";
	return strcmp(u->machine, "aarch64") ? u->machine : "arm64";
}

static void version_headers(struct http_req *r)
{
	http_reply_header(r, "Api-Version", DOCKER_API_TEXT);
	http_reply_header(r, "Builder-Version", "1");
	http_reply_header(r, "Docker-Experimental", "false");
	http_reply_header(r, "OSType", "linux");
	http_reply_header(r, "Swarm", "inactive");
	http_reply_header(r, "Server", "berth/" BERTH_VERSION " (linux)");
	http_reply_header(r, "Cache-Control", "no-cache, no-store, must-revalidate");
}

void docker_ping(const struct docker_call *c)
{
	version_headers(c->r);
	http_reply(c->r, 200, "text/plain; charset=utf-8", "OK", 2);
}

/* berth has none, and needs none. */
void docker_plugins(const struct docker_call *c)
{
	http_reply_json(c->r, 200, "[]");
}

/* Objects that berth does not show by this API yet. */
void docker_not_here(const struct docker_call *c)
{
	struct err err = ERR_INIT;

	err_set(&err, ENOENT, "No such object: %.300s", c->arg);
	http_reply_err(c->r, &err);
}

void docker_version(const struct docker_call *c)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d), *part, *details;
	struct utsname u;

	uname(&u);
	yyjson_mut_doc_set_root(d, root);
	part = yyjson_mut_obj_add_obj(d, root, "Platform");
	yyjson_mut_obj_add_str(d, part, "Name", "berth");
	part = yyjson_mut_arr_add_obj(d, yyjson_mut_obj_add_arr(d, root, "Components"));
	yyjson_mut_obj_add_str(d, part, "Name", "Engine");
	yyjson_mut_obj_add_str(d, part, "Version", BERTH_VERSION);
	details = yyjson_mut_obj_add_obj(d, part, "Details");
	yyjson_mut_obj_add_str(d, details, "ApiVersion", DOCKER_API_TEXT);
	yyjson_mut_obj_add_str(d, details, "MinAPIVersion", DOCKER_API_MIN_TEXT);
	yyjson_mut_obj_add_str(d, details, "Os", "linux");
	yyjson_mut_obj_add_strcpy(d, details, "Arch", architecture(&u));
	yyjson_mut_obj_add_strcpy(d, details, "KernelVersion", u.release);
	yyjson_mut_obj_add_str(d, root, "Version", BERTH_VERSION);
	yyjson_mut_obj_add_str(d, root, "ApiVersion", DOCKER_API_TEXT);
	yyjson_mut_obj_add_str(d, root, "MinAPIVersion", DOCKER_API_MIN_TEXT);
	yyjson_mut_obj_add_str(d, root, "GitCommit", "");
	yyjson_mut_obj_add_str(d, root, "GoVersion", "");
	yyjson_mut_obj_add_str(d, root, "Os", "linux");
	yyjson_mut_obj_add_strcpy(d, root, "Arch", architecture(&u));
	yyjson_mut_obj_add_strcpy(d, root, "KernelVersion", u.release);
	yyjson_mut_obj_add_bool(d, root, "Experimental", false);
	docker_reply(c->r, 200, d);
}
