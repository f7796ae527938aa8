/* SPDX-License-Identifier: Apache-2.0 */
#include "base/store/store_write.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/store/etcd_url.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

typedef int (*open_fn)(const struct store_where *w, struct store **ret, struct err *err);

static int find_kind(const char *kind, open_fn *ret, struct err *err)
{
	static const struct {
		const char *kind;
		open_fn open;
	} table[] = {{"sqlite", store_sqlite_open}, {"memory", store_mem_open}};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (strcmp(table[i].kind, kind) == 0) {
			*ret = table[i].open;
			return 0;
		}
	}
	return err_set(err, EINVAL, "there is no store of the kind \"%s\" (sqlite, etcd://HOST:PORT)", kind);
}

static int open_at(const struct store_where *w, struct store **ret, struct err *err)
{
	open_fn open = store_etcd_open;
	int r = etcd_url_is(w->kind) ? 0 : find_kind(w->kind, &open, err);

	return r < 0 ? r : open(w, ret, err);
}

static int files_readable(const struct etcd_url *u, struct err *err)
{
	const char *const files[] = {u->ca, u->cert, u->key, u->password_file};

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		if (files[i] && access(files[i], R_OK) < 0)
			return err_sys(err, errno, "the address of etcd: read \"%s\"", files[i]);
	}
	return 0;
}

int store_kind_check(const char *kind, struct err *err)
{
	struct etcd_url u = {.prefix = NULL};
	open_fn open;
	int r;

	if (!etcd_url_is(kind))
		return find_kind(kind, &open, err);
	r = etcd_url_parse(kind, &u, err);
	if (r == 0)
		r = files_readable(&u, err);
	etcd_url_free(&u);
	return r;
}

int store_open(const char *kind, const char *dir_path, struct loop *loop, struct store **ret, struct err *err)
{
	return store_open_shared(kind, dir_path, loop, NULL, ret, err);
}

int store_open_shared(const char *kind, const char *dir_path, struct loop *loop, const struct store_hooks *hooks,
		      struct store **ret, struct err *err)
{
	struct store_where w = {.kind = kind, .dir_path = dir_path, .loop = loop, .hooks = hooks};

	return open_at(&w, ret, err);
}

int store_open_read(const char *kind, const char *dir_path, struct loop *loop, struct store **ret, struct err *err)
{
	struct store_where w = {.kind = kind, .dir_path = dir_path, .loop = loop, .reads = true};

	return open_at(&w, ret, err);
}

void store_begin_at(struct store *s, uint64_t seq)
{
	s->ops->begin_at(s, seq);
}

struct store *store_close(struct store *s)
{
	if (s)
		s->ops->close(s);
	return NULL;
}

/* Copies n bytes and a NUL to *at and moves it on. */
static char *put(char **at, const void *data, size_t n)
{
	char *place = *at;

	if (n)
		memcpy(place, data, n);
	place[n] = '\0';
	*at += n + 1;
	return place;
}

static struct store_write *write_new(const struct store_event *e, const struct store_doc *docs, size_t n_docs)
{
	size_t kind_len = e->kind ? strlen(e->kind) : 0;
	size_t size = sizeof(struct store_write) + n_docs * sizeof *docs + kind_len + e->len + 2;
	struct store_write *w;
	char *at;

	for (size_t i = 0; i < n_docs; i++)
		size += strlen(docs[i].key) + docs[i].len + 2;
	w = mem_zalloc(1, size);
	w->docs = (struct store_doc *)(w + 1);
	w->n_docs = n_docs;
	at = (char *)(w->docs + n_docs);
	w->event = *e;
	w->event.kind = put(&at, e->kind, kind_len);
	w->event.data = put(&at, e->data, e->len);
	for (size_t i = 0; i < n_docs; i++) {
		w->docs[i].key = put(&at, docs[i].key, strlen(docs[i].key));
		w->docs[i].len = docs[i].len;
		if (docs[i].value)
			w->docs[i].value = put(&at, docs[i].value, docs[i].len);
	}
	return w;
}

void store_append(struct store *s, const struct store_event *e, const struct store_doc *docs, size_t n_docs,
		  store_done_fn done, void *ctx)
{
	struct store_write *w = write_new(e, docs, n_docs);

	w->event.seq = 0;
	w->done = done;
	w->ctx = ctx;
	s->ops->write(s, w);
}

void store_snapshot(struct store *s, uint64_t seq, const char *data, size_t len, size_t keep, store_done_fn done,
		    void *ctx)
{
	struct store_event e = {.seq = seq, .data = data, .len = len};
	struct store_write *w = write_new(&e, NULL, 0);

	w->is_snapshot = true;
	w->keep = keep;
	w->done = done;
	w->ctx = ctx;
	s->ops->write(s, w);
}

void store_put(struct store *s, const struct store_doc *docs, size_t n, store_done_fn done, void *ctx)
{
	struct store_event none = {.seq = 0};
	struct store_write *w = write_new(&none, docs, n);

	w->is_docs = true;
	w->done = done;
	w->ctx = ctx;
	s->ops->write(s, w);
}

void store_remove(struct store *s, const char *key_or_prefix)
{
	struct store_event none = {.seq = 0};
	struct store_doc doc = {.key = key_or_prefix};
	struct store_write *w = write_new(&none, &doc, 1);

	w->is_drop = true;
	s->ops->write(s, w);
}

int store_read(struct store *s, uint64_t from_seq, size_t limit, store_event_fn fn, void *ctx, struct err *err)
{
	return s->ops->read(s, from_seq, limit ? limit : SIZE_MAX, fn, ctx, err);
}

uint64_t store_last_seq(const struct store *s)
{
	return s->ops->last_seq(s);
}

int store_get(struct store *s, const char *key, char **ret, size_t *ret_len, struct err *err)
{
	return s->ops->get(s, key, ret, ret_len, err);
}

int store_scan(struct store *s, const char *prefix, store_doc_fn fn, void *ctx, struct err *err)
{
	return s->ops->scan(s, prefix, fn, ctx, err);
}

int store_snapshot_get(struct store *s, uint64_t *ret_seq, char **ret, size_t *ret_len, struct err *err)
{
	return s->ops->snapshot_get(s, ret_seq, ret, ret_len, err);
}

size_t store_write_size(const struct store_write *w)
{
	size_t n = sizeof *w + (w->is_snapshot ? 0 : w->event.len);

	for (size_t i = 0; i < w->n_docs; i++)
		n += w->docs[i].len;
	return n;
}

void store_list_add(struct store_list *l, struct store_write *w)
{
	w->next = NULL;
	*(l->first ? l->end : &l->first) = w;
	l->end = &w->next;
}

struct store_write *store_list_take(struct store_list *l)
{
	struct store_write *first = l->first;

	*l = (struct store_list){.first = NULL};
	return first;
}

void store_writes_end(struct store_write *first, const struct err *error)
{
	for (struct store_write *w = first, *next; w; w = next) {
		struct err own = ERR_INIT;

		next = w->next;
		if (!error && w->code)
			err_set(&own, w->code,
				w->code == E2BIG ? "an event is too large for the store"
						 : "a snapshot of events that are not stored yet");
		if (w->done)
			w->done(w->ctx, error ? 0 : w->event.seq, error ? error : own.code ? &own : NULL);
		free(w);
	}
}

uint64_t store_writes_number(struct store_write *first, uint64_t next)
{
	for (struct store_write *w = first; w; w = w->next) {
		w->code = 0;
		if (w->is_drop || w->is_docs)
			continue;
		if (!w->is_snapshot)
			w->event.seq = next++;
		else if (w->event.seq >= next)
			w->code = EINVAL;
	}
	return next - 1;
}
