/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/trust.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/store.h"
#include "cluster/link/authority.h"
#include "cluster/server/event.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define CERT_KEY "authority/ca.crt"
#define KEY_KEY "authority/ca.key"
#define SECRET_MIN 16
#define SECRET_MAX 1000

struct texts {
	char *ca, *key; /* key: as it lies in the store */
};

static void forget(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

/* ---- the secret ---- */

static int read_secret(const char *path, char **ret, struct err *err)
{
	fd_cleanup int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	size_t n;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "--authority-secret: open \"%s\"", path);
	if (st.st_mode & 077)
		return err_set(err, EPERM, "--authority-secret: \"%s\" is readable by others: chmod 600 it", path);
	r = fd_read_all(fd, SECRET_MAX, ret, &n);
	if (r < 0)
		return err_sys(err, -r, "--authority-secret: read \"%s\"", path);
	(*ret)[strcspn(*ret, "\r\n")] = '\0';
	if (strlen(*ret) >= SECRET_MIN)
		return 0;
	return err_set(
	    err, EINVAL,
	    "--authority-secret: the first line of \"%s\" has less than %d characters (openssl rand -base64 32 "
	    "makes a good one)",
	    path, SECRET_MIN);
}

int trust_secret_check(const char *file, struct err *err)
{
	char *secret = NULL;
	int r = read_secret(file, &secret, err);

	forget(secret);
	return r;
}

/* ---- the store ---- */

/* Outlives the wait when that is given up. */
struct keeping {
	struct loop *loop;
	bool done, given_up;
	struct err err;
};

static void on_kept(void *ctx, uint64_t seq, const struct err *error)
{
	struct keeping *k = ctx;

	(void)seq;
	if (k->given_up) {
		free(k);
		return;
	}
	k->done = true;
	if (error)
		k->err = *error;
	loop_stop(k->loop);
}

/* Both texts in one event, and waits until they are durable. */
static int keep(struct store *store, struct loop *l, const struct texts *t, struct err *err)
{
	struct store_event e = {.time_ms = clock_wall_ms(), .kind = EVENT_AUTHORITY, .data = "{}", .len = 2};
	const struct store_doc docs[] = {{.key = CERT_KEY, .value = t->ca, .len = strlen(t->ca)},
					 {.key = KEY_KEY, .value = t->key, .len = strlen(t->key)}};
	struct keeping *k = mem_new(struct keeping);
	int r;

	k->loop = l;
	store_append(store, &e, docs, 2, on_kept, k);
	(void)loop_run(l, NULL);
	if (!k->done) {
		k->given_up = true;
		return err_set(err, ECANCELED, "stopped while the cluster's authority was written down");
	}
	r = -k->err.code;
	if (r < 0 && err)
		*err = k->err;
	free(k);
	return r;
}

static int take_stored(struct store *store, struct texts *t, struct err *err)
{
	int r = store_get(store, CERT_KEY, &t->ca, NULL, err);

	return r < 0 ? r : store_get(store, KEY_KEY, &t->key, NULL, err);
}

/* ---- opening ---- */

/* The files of an earlier version, or a new authority; its key is in the clear. */
static int take_other(const char *folder, struct texts *t, struct err *err)
{
	int r = authority_read_files(folder, &t->ca, &t->key, err);

	if (r != -ENOENT)
		return r;
	err_clear(err);
	return authority_new(&t->ca, &t->key, err);
}

/* Puts a key that is in the clear under the secret, and keeps that. */
static int seal(struct store *store, struct loop *l, struct texts *t, const char *secret, struct err *err)
{
	char *clear = t->key;
	int r = secret ? cert_key_seal(clear, secret, &t->key, err) : 0;

	if (r == 0)
		r = keep(store, l, t, err);
	if (t->key != clear)
		forget(clear);
	return r;
}

static int open_key(const struct texts *t, const char *secret, char **ret, struct err *err)
{
	int r = 0;

	if (!cert_key_is_sealed(t->key))
		*ret = mem_strdup(t->key);
	else if (!secret)
		r = err_set(err, EACCES, "its key is encrypted: --authority-secret FILE is needed");
	else
		r = cert_key_unseal(t->key, secret, ret, err);
	return r < 0 && secret ? err_wrap(err, "--authority-secret") : r;
}

static int find(struct store *store, struct loop *l, const struct trust_options *o, const char *secret, struct texts *t,
		struct err *err)
{
	int r = take_stored(store, t, err);
	bool stored = r == 0;

	if (r == -ENOENT) {
		err_clear(err);
		r = take_other(o->folder, t, err);
	}
	if (r == 0 && (!stored || (secret && !cert_key_is_sealed(t->key))))
		r = seal(store, l, t, secret, err);
	/* One place: a second copy of the key would only be another one to lose. */
	if (r == 0)
		authority_remove_files(o->folder);
	return r;
}

int trust_open(struct store *store, struct loop *l, const struct trust_options *o, struct authority *ret,
	       struct err *err)
{
	struct texts t = {.ca = NULL};
	char *secret = NULL, *key = NULL;
	int r = o->secret_file ? read_secret(o->secret_file, &secret, err) : 0;

	if (r == 0)
		r = find(store, l, o, secret, &t, err);
	if (r == 0)
		r = open_key(&t, secret, &key, err);
	if (r == 0) {
		*ret = (struct authority){.ca = t.ca, .ca_key = key};
		t.ca = NULL;
		r = authority_complete(ret, err);
	}
	free(t.ca);
	forget(t.key);
	forget(secret);
	return r < 0 ? err_wrap(err, "the cluster's authority") : 0;
}
