/* SPDX-License-Identifier: Apache-2.0 */
#include "base/store/store_mem.h"

#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/store_write.h"

#include <string.h>

struct mem_doc {
	char *key, *value;
	size_t len;
};

struct store_mem {
	struct store base;
	struct loop_post *post;
	struct store_list queue;
	struct store_event *events; /* own copies of kind and data */
	size_t n_events, cap_events;
	struct mem_doc *docs; /* sorted by key */
	size_t n_docs, cap_docs;
	uint64_t last_seq, snapshot_seq;
	char *snapshot;
	size_t snapshot_len;
	unsigned fail_groups;
	int fail_code;
	bool closing;
};

static struct store_mem *mem_of(const struct store *s)
{
	return (struct store_mem *)s;
}

/* The place of the key, or where it belongs. */
static size_t find_doc(const struct store_mem *m, const char *key, bool *ret_found)
{
	size_t low = 0, high = m->n_docs;

	*ret_found = false;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(m->docs[mid].key, key);

		if (order == 0)
			*ret_found = true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void set_doc(struct store_mem *m, const struct store_doc *d)
{
	bool found;
	size_t i = find_doc(m, d->key, &found);
	size_t after = m->n_docs - i;

	if (found) {
		free(m->docs[i].key);
		free(m->docs[i].value);
		if (!d->value) {
			memmove(m->docs + i, m->docs + i + 1, (after - 1) * sizeof *m->docs);
			m->n_docs--;
			return;
		}
	} else if (!d->value) {
		return;
	} else {
		mem_grow(&m->docs, &m->cap_docs, m->n_docs);
		memmove(m->docs + i + 1, m->docs + i, after * sizeof *m->docs);
		m->n_docs++;
	}
	m->docs[i] = (struct mem_doc){.key = mem_strdup(d->key), .value = mem_strndup(d->value, d->len), .len = d->len};
}

static void add_event(struct store_mem *m, const struct store_event *e)
{
	struct store_event *copy;

	mem_grow(&m->events, &m->cap_events, m->n_events);
	copy = &m->events[m->n_events++];
	*copy = *e;
	copy->kind = mem_strdup(e->kind);
	copy->data = mem_strndup(e->data, e->len);
}

static void free_event(struct store_event *e)
{
	free((char *)e->kind);
	free((char *)e->data);
}

static void drop_events(struct store_mem *m, uint64_t bound)
{
	size_t drop = 0;

	while (drop < m->n_events && m->events[drop].seq <= bound)
		free_event(&m->events[drop++]);
	m->n_events -= drop;
	if (drop)
		memmove(m->events, m->events + drop, m->n_events * sizeof *m->events);
}

static void take_snapshot(struct store_mem *m, const struct store_write *w, uint64_t last)
{
	uint64_t bound = last > w->keep ? last - w->keep : 0;

	free(m->snapshot);
	m->snapshot = mem_strndup(w->event.data, w->event.len);
	m->snapshot_len = w->event.len;
	m->snapshot_seq = w->event.seq;
	drop_events(m, bound < w->event.seq ? bound : w->event.seq);
}

static void drop_docs(struct store_mem *m, const char *key)
{
	size_t n = strlen(key), kept = 0;
	bool prefix = n > 0 && key[n - 1] == '/';

	for (size_t i = 0; i < m->n_docs; i++) {
		if (prefix ? strncmp(m->docs[i].key, key, n) != 0 : strcmp(m->docs[i].key, key) != 0) {
			m->docs[kept++] = m->docs[i];
			continue;
		}
		free(m->docs[i].key);
		free(m->docs[i].value);
	}
	m->n_docs = kept;
}

static void apply(struct store_mem *m, const struct store_write *w)
{
	if (w->code)
		return;
	if (w->is_drop) {
		drop_docs(m, w->docs[0].key);
		return;
	}
	if (w->is_snapshot) {
		take_snapshot(m, w, m->last_seq);
		return;
	}
	if (!w->is_docs) {
		add_event(m, &w->event);
		m->last_seq = w->event.seq;
	}
	for (size_t i = 0; i < w->n_docs; i++)
		set_doc(m, &w->docs[i]);
}

static void commit(void *ctx)
{
	struct store_mem *m = ctx;
	struct store_write *first = store_list_take(&m->queue);
	struct err err = ERR_INIT;

	if (!first)
		return;
	if (m->closing && m->fail_groups == 0 && m->fail_code == ESHUTDOWN) {
		err_set(&err, ESHUTDOWN, "the store is closing");
	} else if (m->fail_groups > 0) {
		m->fail_groups--;
		err_sys(&err, m->fail_code, "write to the store in memory");
	} else {
		store_writes_number(first, m->last_seq + 1);
		for (struct store_write *w = first; w; w = w->next)
			apply(m, w);
	}
	store_writes_end(first, err.code ? &err : NULL);
}

static void mem_write(struct store *s, struct store_write *w)
{
	struct store_mem *m = mem_of(s);

	store_list_add(&m->queue, w);
	loop_post_send(m->post);
}

static void mem_close(struct store *s)
{
	struct store_mem *m = mem_of(s);

	commit(m);
	/* What a callback of the last group still wants to write comes too late. */
	m->closing = true;
	m->fail_groups = 0;
	m->fail_code = ESHUTDOWN;
	while (m->queue.first)
		commit(m);
	loop_post_free(m->post);
	for (size_t i = 0; i < m->n_events; i++)
		free_event(&m->events[i]);
	for (size_t i = 0; i < m->n_docs; i++) {
		free(m->docs[i].key);
		free(m->docs[i].value);
	}
	free(m->events);
	free(m->docs);
	free(m->snapshot);
	free(m);
}

static int mem_read(struct store *s, uint64_t from, size_t limit, store_event_fn fn, void *ctx, struct err *err)
{
	struct store_mem *m = mem_of(s);
	uint64_t first = m->n_events ? m->events[0].seq : 0; /* and then without gaps */
	int r = 0;

	(void)err;
	for (size_t i = from > first ? from - first : 0; i < m->n_events && limit > 0 && r == 0; i++, limit--)
		r = fn(ctx, &m->events[i]);
	return r;
}

static uint64_t mem_last_seq(const struct store *s)
{
	return mem_of(s)->last_seq;
}

static int mem_get(struct store *s, const char *key, char **ret, size_t *ret_len, struct err *err)
{
	struct store_mem *m = mem_of(s);
	bool found;
	size_t i = find_doc(m, key, &found);

	if (!found)
		return err_set(err, ENOENT, "the store has no document \"%s\"", key);
	*ret = mem_strndup(m->docs[i].value, m->docs[i].len);
	if (ret_len)
		*ret_len = m->docs[i].len;
	return 0;
}

static int mem_scan(struct store *s, const char *prefix, store_doc_fn fn, void *ctx, struct err *err)
{
	struct store_mem *m = mem_of(s);
	bool found;
	int r = 0;

	(void)err;
	for (size_t i = find_doc(m, prefix, &found); i < m->n_docs && r == 0; i++) {
		if (strncmp(m->docs[i].key, prefix, strlen(prefix)) != 0)
			break;
		r = fn(ctx, m->docs[i].key, m->docs[i].value, m->docs[i].len);
	}
	return r;
}

static int mem_snapshot_get(struct store *s, uint64_t *ret_seq, char **ret, size_t *ret_len, struct err *err)
{
	struct store_mem *m = mem_of(s);

	if (!m->snapshot)
		return err_set(err, ENOENT, "the store has no snapshot yet");
	*ret_seq = m->snapshot_seq;
	*ret = mem_strndup(m->snapshot, m->snapshot_len);
	if (ret_len)
		*ret_len = m->snapshot_len;
	return 0;
}

static void mem_begin_at(struct store *s, uint64_t seq)
{
	mem_of(s)->last_seq = seq;
}

void store_mem_group(struct store *s, const struct store_write *first)
{
	for (; first; first = first->next)
		apply(mem_of(s), first);
}

void store_mem_event(struct store *s, const struct store_event *e)
{
	add_event(mem_of(s), e);
}

void store_mem_doc(struct store *s, const struct store_doc *d)
{
	set_doc(mem_of(s), d);
}

void store_mem_snapshot(struct store *s, uint64_t seq, const char *data, size_t len)
{
	struct store_mem *m = mem_of(s);

	free(m->snapshot);
	m->snapshot = mem_strndup(data, len);
	m->snapshot_len = len;
	m->snapshot_seq = seq;
}

void store_mem_prune(struct store *s, uint64_t first)
{
	drop_events(mem_of(s), first > 0 ? first - 1 : 0);
}

void store_mem_last(struct store *s, uint64_t seq)
{
	mem_of(s)->last_seq = seq;
}

void store_mem_fail(struct store *s, unsigned groups, int code)
{
	mem_of(s)->fail_groups = groups;
	mem_of(s)->fail_code = code;
}

int store_mem_open(const struct store_where *w, struct store **ret, struct err *err)
{
	static const struct store_ops ops = {
	    .close = mem_close,
	    .write = mem_write,
	    .read = mem_read,
	    .last_seq = mem_last_seq,
	    .get = mem_get,
	    .scan = mem_scan,
	    .snapshot_get = mem_snapshot_get,
	    .begin_at = mem_begin_at,
	};
	struct store_mem *m = mem_new(struct store_mem);
	int r = loop_post_new(w->loop, commit, m, &m->post, err);

	if (r < 0) {
		free(m);
		return r;
	}
	m->base.ops = &ops;
	*ret = &m->base;
	return 0;
}
