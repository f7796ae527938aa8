/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/authority.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/pem.h"

#include <string.h>

/* Whoever could take its key could take the authority's, which lies beside it: a short life would protect nothing. */
#define SERVER_S (10LL * 365 * 24 * 3600)

static int keep(int dir, const char *name, const char *text, struct err *err)
{
	return fs_write_atomic(dir, name, text, strlen(text), 0600, true, err);
}

/* The file, or what `make` gives for it: *ret_made says which. */
static int key_file(int dir, const char *name, char **ret, bool *ret_made, struct err *err)
{
	int r = fs_read(dir, name, PEM_TEXT_MAX, ret, NULL, err);

	*ret_made = r == -ENOENT;
	if (r != -ENOENT)
		return r;
	err_clear(err);
	r = cert_key_new(ret, err);
	return r < 0 ? r : keep(dir, name, *ret, err);
}

static int open_ca(int dir, struct authority *a, struct err *err)
{
	bool made;
	int r = key_file(dir, "ca.key", &a->ca_key, &made, err);

	if (r < 0)
		return r;
	r = made ? -ENOENT : fs_read(dir, "ca.crt", PEM_TEXT_MAX, &a->ca, NULL, err);
	if (r != -ENOENT)
		return r;
	err_clear(err);
	r = cert_authority_new(a->ca_key, &a->ca, err);
	return r < 0 ? r : keep(dir, "ca.crt", a->ca, err);
}

static int open_server(int dir, struct authority *a, struct err *err)
{
	const struct cert_wish w = {.node = "server", .member = "server", .server = true, .seconds = SERVER_S};
	mem_cleanup char *request = NULL;
	bool made;
	int r = key_file(dir, "server.key", &a->key, &made, err);

	if (r == 0)
		r = cert_request_new(a->key, &request, err);
	if (r == 0)
		r = cert_sign(a->ca, a->ca_key, request, &w, &a->cert, err);
	return r < 0 ? r : keep(dir, "server.crt", a->cert, err);
}

int authority_open(const char *path, struct authority *ret, struct err *err)
{
	fd_cleanup int dir = fs_mkdirs(path, 0700, err);
	struct authority a = {.ca = NULL};
	int r = dir < 0 ? dir : open_ca(dir, &a, err);

	if (r == 0)
		r = open_server(dir, &a, err);
	if (r == 0)
		r = cert_fingerprint(a.ca, a.pin, err);
	if (r < 0) {
		authority_free(&a);
		return err_wrap(err, "the cluster's authority in %s", path);
	}
	*ret = a;
	return 0;
}

void authority_free(struct authority *a)
{
	free(a->ca);
	free(a->ca_key);
	free(a->cert);
	free(a->key);
	*a = (struct authority){.ca = NULL};
}

int authority_sign(const struct authority *a, const char *request, const char *node, const char *member,
		   int64_t seconds, char **ret, struct err *err)
{
	const struct cert_wish w = {.node = node, .member = member, .seconds = seconds};

	return cert_sign(a->ca, a->ca_key, request, &w, ret, err);
}
