/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/authority.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/pem.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Whoever could take its key could take the authority's, which lies beside it: a short life would protect nothing. */
#define SERVER_S (10LL * 365 * 24 * 3600)

static void forget(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

int authority_new(char **ret_ca, char **ret_key, struct err *err)
{
	char *key = NULL;
	int r = cert_key_new(&key, err);

	if (r == 0)
		r = cert_authority_new(key, ret_ca, err);
	if (r < 0)
		forget(&key);
	else
		*ret_key = key;
	return r;
}

static int make_server(struct authority *a, struct err *err)
{
	const struct cert_wish w = {.node = "server", .member = "server", .server = true, .seconds = SERVER_S};
	mem_cleanup char *request = NULL;
	int r = cert_key_new(&a->key, err);

	if (r == 0)
		r = cert_request_new(a->key, &request, err);
	if (r == 0)
		r = cert_sign(a->ca, a->ca_key, request, &w, &a->cert, err);
	return r;
}

int authority_complete(struct authority *a, struct err *err)
{
	int r = make_server(a, err);

	if (r == 0)
		r = cert_fingerprint(a->ca, a->pin, err);
	if (r < 0)
		authority_free(a);
	return r;
}

void authority_free(struct authority *a)
{
	forget(&a->ca);
	forget(&a->ca_key);
	forget(&a->cert);
	forget(&a->key);
	*a = (struct authority){.ca = NULL};
}

static int open_folder(const char *path, struct err *err)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return dir < 0 ? err_sys(err, errno, "open \"%s\"", path) : dir;
}

int authority_read_files(const char *path, char **ret_ca, char **ret_key, struct err *err)
{
	fd_cleanup int dir = open_folder(path, err);
	mem_cleanup char *ca = NULL;
	int r = dir < 0 ? dir : fs_read(dir, "ca.crt", PEM_TEXT_MAX, &ca, NULL, err);

	if (r == 0)
		r = fs_read(dir, "ca.key", PEM_TEXT_MAX, ret_key, NULL, err);
	if (r == 0)
		*ret_ca = mem_take(ca);
	return r;
}

void authority_remove_files(const char *path)
{
	static const char *const names[] = {"ca.key", "ca.crt", "server.key", "server.crt"};
	fd_cleanup int dir = open_folder(path, NULL);

	for (size_t i = 0; dir >= 0 && i < sizeof names / sizeof *names; i++)
		(void)unlinkat(dir, names[i], 0);
}

int authority_sign(const struct authority *a, const char *request, const char *node, const char *member,
		   int64_t seconds, char **ret, struct err *err)
{
	const struct cert_wish w = {.node = node, .member = member, .seconds = seconds};

	return cert_sign(a->ca, a->ca_key, request, &w, ret, err);
}
