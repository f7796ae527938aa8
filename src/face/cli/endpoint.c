/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/endpoint.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/cli/docker_context.h"
#include "node/registry/docker_config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADERS_MAX 64
#define HEADERS_BYTES (16u << 10)
#define TOKEN_MAX 4096

void endpoint_free(struct endpoint *e)
{
	free(e->address);
	free(e->name);
	free(e->ca);
	free(e->cert);
	free(e->key);
	free(e->headers);
	free(e->context);
	*e = (struct endpoint)ENDPOINT_NULL;
}

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* ---- TLS ---- */

static char *file_in(const char *folder, const char *name)
{
	char *path = mem_printf("%s/%s", folder, name);

	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* As docker's client: the files of DOCKER_CERT_PATH. Those of ours that are not there are not shown. */
static int tls_of_environment(struct endpoint *e, struct err *err)
{
	mem_cleanup char *folder = mem_strdup(variable("DOCKER_CERT_PATH"));
	int r = 0;

	if (!variable("DOCKER_TLS_VERIFY") && !variable("DOCKER_TLS"))
		return 0;
	if (!folder)
		r = docker_config_folder(&folder, err);
	if (r < 0)
		return r;
	e->dial.tls = true;
	e->dial.unverified = !variable("DOCKER_TLS_VERIFY");
	e->ca = mem_printf("%s/ca.pem", folder);
	e->cert = file_in(folder, "cert.pem");
	e->key = file_in(folder, "key.pem");
	return 0;
}

/* ---- headers ---- */

static bool is_header(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	}
	return true;
}

static bool is_loopback(const struct http_dial *d)
{
	char host[HTTP_DIAL_HOST_MAX];
	unsigned port;

	return http_dial_parse(d, host, &port, NULL) == 0 &&
	       (!strcmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "::1"));
}

static int add_token(const struct http_dial *d, struct buf *out, struct err *err)
{
	const char *path = variable("BERTH_TOKEN_FILE");
	mem_cleanup char *text = NULL;
	size_t n = 0;
	int r;

	if (!path)
		return 0;
	if (!d->tls && !is_loopback(d))
		return err_set(err, EINVAL,
			       "BERTH_TOKEN_FILE: a token is not sent to %s without TLS; set DOCKER_TLS_VERIFY=1",
			       d->address);
	r = fs_read(AT_FDCWD, path, TOKEN_MAX, &text, &n, err);
	if (r < 0)
		return err_wrap(err, "BERTH_TOKEN_FILE");
	text[strcspn(text, "\r\n")] = '\0';
	if (!*text || !is_header(text))
		return err_set(err, EINVAL, "BERTH_TOKEN_FILE: \"%s\" holds no token", path);
	buf_printf(out, "Authorization: Bearer %s\r\n", text);
	return 0;
}

static int add_header(struct buf *out, const char *name, const char *value, struct err *err)
{
	if (!*name || strpbrk(name, " :\t") || !is_header(name) || !is_header(value))
		return err_set(err, EINVAL, "docker's config.json: HttpHeaders: \"%.100s\" is no header", name);
	buf_printf(out, "%s: %s\r\n", name, value);
	return 0;
}

static int add_configured(struct buf *out, struct err *err)
{
	mem_cleanup char *text = NULL;
	yyjson_doc *doc json_doc_cleanup = NULL;
	yyjson_val *key, *val;
	size_t i, n = 0, count;
	int r = docker_config_text(&text, &n, err);

	if (r == -ENOENT) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	doc = json_parse(text, n, n + 1, "docker's config.json", err);
	if (!doc)
		return -EINVAL;
	yyjson_obj_foreach (yyjson_obj_get(yyjson_doc_get_root(doc), "HttpHeaders"), i, count, key, val) {
		if (r == 0 && i < HEADERS_MAX && yyjson_is_str(val))
			r = add_header(out, yyjson_get_str(key), yyjson_get_str(val), err);
	}
	return r;
}

static int headers(struct endpoint *e, struct err *err)
{
	struct buf out buf_cleanup = BUF_LIMIT(HEADERS_BYTES);
	int r = add_token(&e->dial, &out, err);

	if (r == 0 && out.len == 0)
		r = add_configured(&out, err);
	if (r == 0 && out.full)
		r = err_set(err, E2BIG, "docker's config.json: HttpHeaders: more than %u bytes", HEADERS_BYTES);
	if (r == 0 && out.len > 0)
		e->headers = buf_take(&out);
	return r;
}

/* ---- who says it ---- */

static int of_context(struct endpoint *e, const char *name, struct err *err)
{
	cleanup_with(docker_context_free) struct docker_context c = DOCKER_CONTEXT_NULL;
	int r = docker_context_read(name, &c, err);

	if (r < 0)
		return r;
	e->context = mem_strdup(name);
	e->name = mem_printf("%s (context \"%s\")", c.host, name);
	e->address = mem_take(c.host);
	e->dial.tls = c.unverified || c.ca || c.cert;
	e->dial.unverified = c.unverified;
	e->ca = mem_take(c.ca);
	e->cert = mem_take(c.cert);
	e->key = mem_take(c.key);
	return 0;
}

/* Not asked for by an option: what the environment and docker's own settings say. */
static int of_settings(struct endpoint *e, bool contexts, const char *usual, struct err *err)
{
	static const char *const names[] = {"BERTH_SOCKET", "DOCKER_HOST"};
	mem_cleanup char *current = NULL;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *said = variable(names[i]);

		if (said) {
			e->address = mem_strdup(said);
			e->name = i > 0 ? mem_printf("%s (DOCKER_HOST)", said) : NULL;
			return tls_of_environment(e, err);
		}
	}
	/* A config.json of docker's that is damaged keeps nobody from his own daemon. */
	if (contexts)
		(void)docker_context_current(&current, NULL);
	if (current)
		return of_context(e, current, err);
	e->address = mem_strdup(usual);
	return 0;
}

int endpoint_find(const char *said, const char *context, const char *usual, struct endpoint *ret, struct err *err)
{
	cleanup_with(endpoint_free) struct endpoint e = ENDPOINT_NULL;
	int r;

	if (said && context)
		return err_set(err, EINVAL, "--socket (-H) and --context both say where the daemon is: give one");
	if (context && strcmp(context, DOCKER_CONTEXT_DEFAULT) != 0) {
		r = of_context(&e, context, err);
	} else if (said) {
		e.address = mem_strdup(said);
		r = tls_of_environment(&e, err);
	} else {
		r = of_settings(&e, !context, usual, err);
	}
	e.dial.address = e.address;
	if (r == 0 && http_dial_is_tcp(&e.dial))
		r = headers(&e, err);
	if (r < 0)
		return r;
	e.dial.name = e.name;
	e.dial.ca = e.ca;
	e.dial.cert = e.cert;
	e.dial.key = e.key;
	e.dial.headers = e.headers;
	*ret = e;
	e = (struct endpoint)ENDPOINT_NULL;
	return 0;
}
