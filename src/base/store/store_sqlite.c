/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/sqlite_db.h"
#include "base/store/store_write.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The loop queues writes; the commit thread takes all that are queued as one group, commits it and hands it back; the loop calls the done
 * functions. The thread is woken when a turn of the loop ends, so that what comes together is one group: a sync costs more than a turn. The writing connection belongs to the thread, the reading one to the loop; they meet only in the file. */

#define STACK_SIZE (256u << 10)

/* A page of a long read: rows are copied out and the statement ends before anybody sees them. */
#define PAGE_ROWS 256
#define PAGE_BYTES (256u << 10)

struct group {
	struct group *next;
	struct store_write *first;
	struct err err;
};

struct store_sqlite {
	struct store base;
	char *path;
	int lock_fd;
	struct sqlite_db writer, reader;
	struct loop_post *post;
	struct loop_timer *turn; /* at its end the thread is woken */
	pthread_t thread;
	bool running;
	size_t queued;		   /* bytes that wait or are being written */
	struct store_list refused; /* they wait for a turn of the loop to be told */
	_Atomic uint64_t last_seq;
	pthread_mutex_t lock; /* of everything below */
	pthread_cond_t wake;
	struct store_list queue;
	struct group *done, **done_end;
	bool stop;
};

static struct store_sqlite *sqlite_of(const struct store *s)
{
	return (struct store_sqlite *)s;
}

/* Writing, in the commit thread */

static void bind_text(sqlite3_stmt *stmt, int i, const char *text, size_t n)
{
	sqlite3_bind_text64(stmt, i, text, n, SQLITE_STATIC, SQLITE_UTF8);
}

static int write_event(struct sqlite_db *d, const struct store_event *e, struct err *err)
{
	sqlite3_stmt *stmt = sqlite_db_stmt(d, SQLITE_STMT_EVENT, err);

	if (!stmt)
		return -err->code;
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)e->seq);
	sqlite3_bind_int64(stmt, 2, e->time_ms);
	bind_text(stmt, 3, e->kind, strlen(e->kind));
	bind_text(stmt, 4, e->data, e->len);
	return sqlite_db_run(d, stmt, err);
}

static int write_doc(struct sqlite_db *d, const struct store_doc *doc, struct err *err)
{
	sqlite3_stmt *stmt = sqlite_db_stmt(d, doc->value ? SQLITE_STMT_DOC_SET : SQLITE_STMT_DOC_DELETE, err);

	if (!stmt)
		return -err->code;
	bind_text(stmt, 1, doc->key, strlen(doc->key));
	if (doc->value)
		bind_text(stmt, 2, doc->value, doc->len);
	return sqlite_db_run(d, stmt, err);
}

/* One key, or all keys from "prefix/" up to "prefix0": '0' is the character after '/'. */
static int drop_docs(struct sqlite_db *d, const char *key, struct err *err)
{
	size_t n = strlen(key);
	mem_cleanup char *end = mem_strdup(key);
	struct store_doc one = {.key = key};
	sqlite3_stmt *stmt;

	if (n == 0 || key[n - 1] != '/')
		return write_doc(d, &one, err);
	end[n - 1] = '0';
	stmt = sqlite_db_stmt(d, SQLITE_STMT_DOC_DROP, err);
	if (!stmt)
		return -err->code;
	bind_text(stmt, 1, key, n);
	bind_text(stmt, 2, end, n);
	return sqlite_db_run(d, stmt, err);
}

static int write_snapshot(struct sqlite_db *d, const struct store_write *w, uint64_t last, struct err *err)
{
	uint64_t bound = last > w->keep ? last - w->keep : 0;
	sqlite3_stmt *stmt = sqlite_db_stmt(d, SQLITE_STMT_SNAPSHOT, err);
	int r;

	if (!stmt)
		return -err->code;
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)w->event.seq);
	bind_text(stmt, 2, w->event.data, w->event.len);
	r = sqlite_db_run(d, stmt, err);
	stmt = r < 0 ? NULL : sqlite_db_stmt(d, SQLITE_STMT_PRUNE, err);
	if (!stmt)
		return -err->code;
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)(bound < w->event.seq ? bound : w->event.seq));
	return sqlite_db_run(d, stmt, err);
}

static int run(struct sqlite_db *d, enum sqlite_stmt which, struct err *err)
{
	sqlite3_stmt *stmt = sqlite_db_stmt(d, which, err);

	return stmt ? sqlite_db_run(d, stmt, err) : -err->code;
}

static int write_one(struct sqlite_db *d, const struct store_write *w, uint64_t *last, struct err *err)
{
	int r;

	if (w->code)
		return 0;
	if (w->is_drop)
		return drop_docs(d, w->docs[0].key, err);
	if (w->is_snapshot)
		return write_snapshot(d, w, *last, err);
	if (!w->is_docs)
		*last = w->event.seq;
	r = w->is_docs ? 0 : write_event(d, &w->event, err);
	for (size_t i = 0; i < w->n_docs && r == 0; i++)
		r = write_doc(d, &w->docs[i], err);
	return r;
}

/* A transaction that failed may be open still or have been rolled back by SQLite itself; the next one must find none. */
static void roll_back(struct sqlite_db *d)
{
	struct err ignored = ERR_INIT;

	if (!sqlite3_get_autocommit(d->db))
		(void)run(d, SQLITE_STMT_ROLLBACK, &ignored);
}

/* All or nothing. The numbers are given here, so a failed group leaves no gap. */
static void commit_group(struct store_sqlite *s, struct group *g)
{
	uint64_t last = atomic_load(&s->last_seq);
	uint64_t newest = store_writes_number(g->first, last + 1);
	struct sqlite_db *d = &s->writer;
	int r = run(d, SQLITE_STMT_BEGIN, &g->err);

	for (struct store_write *w = g->first; w && r == 0; w = w->next)
		r = write_one(d, w, &last, &g->err);
	if (r == 0)
		r = run(d, SQLITE_STMT_COMMIT, &g->err);
	if (r < 0)
		roll_back(d);
	else
		atomic_store(&s->last_seq, newest);
}

static struct group *next_group(struct store_sqlite *s)
{
	struct group *g = NULL;

	pthread_mutex_lock(&s->lock);
	while (!s->queue.first && !s->stop)
		pthread_cond_wait(&s->wake, &s->lock);
	if (s->queue.first) {
		g = mem_new(struct group);
		g->first = store_list_take(&s->queue);
	}
	pthread_mutex_unlock(&s->lock);
	return g;
}

static void *commit_thread(void *ctx)
{
	struct store_sqlite *s = ctx;
	struct group *g;

	while ((g = next_group(s))) {
		commit_group(s, g);
		pthread_mutex_lock(&s->lock);
		*s->done_end = g;
		s->done_end = &g->next;
		pthread_mutex_unlock(&s->lock);
		loop_post_send(s->post);
	}
	return NULL;
}

/* On the loop */

static struct group *take_done(struct store_sqlite *s)
{
	struct group *first;

	pthread_mutex_lock(&s->lock);
	first = s->done;
	s->done = NULL;
	s->done_end = &s->done;
	pthread_mutex_unlock(&s->lock);
	return first;
}

static void tell_done(void *ctx)
{
	struct store_sqlite *s = ctx;

	for (struct group *g = take_done(s), *next; g; g = next) {
		next = g->next;
		for (struct store_write *w = g->first; w; w = w->next)
			s->queued -= store_write_size(w);
		store_writes_end(g->first, g->err.code ? &g->err : NULL);
		free(g);
	}
}

static void sqlite_write(struct store *base, struct store_write *w)
{
	struct store_sqlite *s = sqlite_of(base);
	size_t size = store_write_size(w);
	bool first;

	if (!w->is_drop && !w->is_snapshot && s->queued > 0 && s->queued + size > STORE_QUEUE_MAX) {
		store_list_add(&s->refused, w);
		loop_timer_arm(s->turn, 0);
		return;
	}
	s->queued += size;
	pthread_mutex_lock(&s->lock);
	first = !s->queue.first;
	store_list_add(&s->queue, w);
	pthread_mutex_unlock(&s->lock);
	if (first)
		loop_timer_arm(s->turn, 0);
}

static void on_turn(void *ctx)
{
	struct store_sqlite *s = ctx;
	struct err err = ERR_INIT;

	pthread_mutex_lock(&s->lock);
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	if (!s->refused.first)
		return;
	err_set(&err, EAGAIN, "the disk of %s is too slow: %u MiB wait to be written already", s->path,
		STORE_QUEUE_MAX >> 20);
	store_writes_end(store_list_take(&s->refused), &err);
}

static void stop_thread(struct store_sqlite *s)
{
	if (!s->running)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	s->running = false;
}

static void sqlite_close(struct store *base)
{
	struct store_sqlite *s = sqlite_of(base);
	struct err err = ERR_INIT;

	stop_thread(s);
	tell_done(s);
	/* What a callback of the last group still wants to write comes too late. */
	err_set(&err, ESHUTDOWN, "the store is closing");
	while (s->queue.first || s->refused.first) {
		store_writes_end(store_list_take(&s->refused), &err);
		store_writes_end(store_list_take(&s->queue), &err);
	}
	sqlite_db_close(&s->reader);
	sqlite_db_close(&s->writer);
	loop_post_free(s->post);
	loop_timer_free(s->turn);
	fd_closep(&s->lock_fd);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->wake);
	free(s->path);
	free(s);
}

/* Reading, on the loop */

struct row {
	struct store_event event;
	size_t kind, data; /* offsets in the text: it moves while it grows */
};

struct page {
	struct row rows[PAGE_ROWS];
	size_t n;
	struct buf text;
};

static size_t copy_column(struct buf *text, sqlite3_stmt *stmt, int column, size_t *ret_len)
{
	const char *value = (const char *)sqlite3_column_text(stmt, column);
	size_t n = (size_t)sqlite3_column_bytes(stmt, column), at = text->len;

	buf_add(text, value, n);
	buf_addc(text, '\0');
	if (ret_len)
		*ret_len = n;
	return at;
}

/* Columns: of events seq, time, kind, data; of docs key, value. Returns 1 when there may be more rows. */
static int read_page(struct sqlite_db *d, sqlite3_stmt *stmt, bool events, struct page *p, struct err *err)
{
	int r = 1;

	p->n = 0;
	buf_clear(&p->text);
	while (p->n < PAGE_ROWS && p->text.len < PAGE_BYTES && (r = sqlite_db_row(d, stmt, err)) == 1) {
		struct row *row = &p->rows[p->n++];

		*row = (struct row){.event = {.seq = events ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0}};
		row->event.time_ms = events ? sqlite3_column_int64(stmt, 1) : 0;
		row->kind = copy_column(&p->text, stmt, events ? 2 : 0, NULL);
		row->data = copy_column(&p->text, stmt, events ? 3 : 1, &row->event.len);
	}
	sqlite3_reset(stmt);
	if (p->text.full)
		return err_set(err, E2BIG, "a record in %s is too large", d->path);
	for (size_t i = 0; i < p->n; i++) {
		p->rows[i].event.kind = p->text.data + p->rows[i].kind;
		p->rows[i].event.data = p->text.data + p->rows[i].data;
	}
	return r;
}

static struct page *page_new(void)
{
	struct page *p = mem_new(struct page);

	p->text.limit = 2u << 30;
	return p;
}

static void page_freep(struct page **p)
{
	buf_free(&(*p)->text);
	free(*p);
}

static int sqlite_read(struct store *base, uint64_t from, size_t limit, store_event_fn fn, void *ctx, struct err *err)
{
	struct sqlite_db *d = &sqlite_of(base)->reader;
	struct page *p cleanup_with(page_freep) = page_new();
	struct err own = ERR_INIT;
	int more = 1, r = 0;

	err = err ? err : &own;
	while (more == 1 && limit > 0 && from <= INT64_MAX) {
		sqlite3_stmt *stmt = sqlite_db_stmt(d, SQLITE_STMT_READ, err);

		if (!stmt)
			return -err->code;
		sqlite3_bind_int64(stmt, 1, (sqlite3_int64)from);
		sqlite3_bind_int64(stmt, 2, limit < PAGE_ROWS ? (sqlite3_int64)limit : PAGE_ROWS);
		more = read_page(d, stmt, true, p, err);
		if (more < 0)
			return more;
		for (size_t i = 0; i < p->n && r == 0; i++)
			r = fn(ctx, &p->rows[i].event);
		if (r != 0 || p->n == 0)
			break;
		limit -= p->n;
		from = p->rows[p->n - 1].event.seq + 1;
	}
	return r;
}

static int sqlite_scan(struct store *base, const char *prefix, store_doc_fn fn, void *ctx, struct err *err)
{
	struct sqlite_db *d = &sqlite_of(base)->reader;
	struct page *p cleanup_with(page_freep) = page_new();
	struct buf from buf_cleanup = BUF_INIT;
	struct err own = ERR_INIT;
	int more = 1, r = 0;

	err = err ? err : &own;
	buf_adds(&from, prefix);
	while (more == 1 && r == 0) {
		sqlite3_stmt *stmt = sqlite_db_stmt(d, SQLITE_STMT_SCAN, err);

		if (!stmt)
			return -err->code;
		bind_text(stmt, 1, buf_str(&from), from.len);
		sqlite3_bind_int64(stmt, 2, PAGE_ROWS);
		more = read_page(d, stmt, false, p, err);
		for (size_t i = 0; more >= 0 && i < p->n && r == 0; i++) {
			const struct store_event *e = &p->rows[i].event;

			if (strncmp(e->kind, prefix, strlen(prefix)) != 0)
				return 0;
			r = fn(ctx, e->kind, e->data, e->len);
		}
		/* No key lies between a key and the same key followed by \001. Keys are text without control bytes. */
		buf_clear(&from);
		buf_printf(&from, "%s\001", p->n ? p->rows[p->n - 1].event.kind : "");
	}
	return more < 0 ? more : r;
}

static int sqlite_get(struct store *base, const char *key, char **ret, size_t *ret_len, struct err *err)
{
	struct sqlite_db *d = &sqlite_of(base)->reader;
	struct err own = ERR_INIT;
	sqlite3_stmt *stmt;
	int r;

	err = err ? err : &own;
	stmt = sqlite_db_stmt(d, SQLITE_STMT_GET, err);
	if (!stmt)
		return -err->code;
	bind_text(stmt, 1, key, strlen(key));
	r = sqlite_db_row(d, stmt, err);
	if (r == 0)
		r = err_set(err, ENOENT, "the store has no document \"%s\"", key);
	if (r == 1) {
		const char *value = (const char *)sqlite3_column_text(stmt, 0);
		size_t n = (size_t)sqlite3_column_bytes(stmt, 0);

		*ret = mem_strndup(value ? value : "", n);
		if (ret_len)
			*ret_len = n;
	}
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return r < 0 ? r : 0;
}

static int sqlite_snapshot_get(struct store *base, uint64_t *ret_seq, char **ret, size_t *ret_len, struct err *err)
{
	struct sqlite_db *d = &sqlite_of(base)->reader;
	struct err own = ERR_INIT;
	sqlite3_stmt *stmt;
	int r;

	err = err ? err : &own;
	stmt = sqlite_db_stmt(d, SQLITE_STMT_SNAPSHOT_GET, err);
	if (!stmt)
		return -err->code;
	r = sqlite_db_row(d, stmt, err);
	if (r == 0)
		r = err_set(err, ENOENT, "the store has no snapshot yet");
	if (r == 1) {
		const char *value = (const char *)sqlite3_column_text(stmt, 1);
		size_t n = (size_t)sqlite3_column_bytes(stmt, 1);

		*ret_seq = (uint64_t)sqlite3_column_int64(stmt, 0);
		*ret = mem_strndup(value ? value : "", n);
		if (ret_len)
			*ret_len = n;
	}
	sqlite3_reset(stmt);
	return r < 0 ? r : 0;
}

static uint64_t sqlite_last_seq(const struct store *base)
{
	return atomic_load(&sqlite_of(base)->last_seq);
}

/* The thread gives numbers only when something was appended, which comes later. */
static void sqlite_begin_at(struct store *base, uint64_t seq)
{
	atomic_store(&sqlite_of(base)->last_seq, seq);
}

/* Opening */

/* A record lock belongs to the process and dies with it, whatever children inherited; nothing else ever opens this file. */
static int take_lock(struct store_sqlite *s, const char *dir_path, struct err *err)
{
	mem_cleanup char *path = mem_printf("%s/berth.db.lock", dir_path);
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock_fd < 0)
		return err_sys(err, errno, "open \"%s\"", path);
	if (fcntl(s->lock_fd, F_SETLK, &l) == 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return err_sys(err, errno, "lock \"%s\"", path);
	if (fcntl(s->lock_fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK)
		return err_set(err, EBUSY, "the data in \"%s\" is in use by process %d", dir_path, (int)l.l_pid);
	return err_set(err, EBUSY, "the data in \"%s\" is in use by another process", dir_path);
}

static int read_last(struct store_sqlite *s, struct err *err)
{
	sqlite3_stmt *stmt = sqlite_db_stmt(&s->reader, SQLITE_STMT_LAST, err);
	int r = stmt ? sqlite_db_row(&s->reader, stmt, err) : -err->code;

	if (r < 0)
		return r;
	atomic_store(&s->last_seq, (uint64_t)sqlite3_column_int64(stmt, 0));
	sqlite3_reset(stmt);
	return 0;
}

/* All reads see one moment. */
static int begin_reading(struct sqlite_db *d, struct err *err)
{
	int r = sqlite_db_check(d, err);

	return r < 0 ? r : run(d, SQLITE_STMT_BEGIN_READ, err);
}

static int start_thread(struct store_sqlite *s, struct err *err)
{
	size_t stack = STACK_SIZE > PTHREAD_STACK_MIN ? STACK_SIZE : (size_t)PTHREAD_STACK_MIN;
	pthread_attr_t attr;
	sigset_t all, old;
	int r;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, stack);
	/* Signals are the loop's. */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&s->thread, &attr, commit_thread, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	s->running = r == 0;
	return r ? err_sys(err, r, "start the commit thread") : 0;
}

int store_sqlite_open(const struct store_where *w, struct store **ret, struct err *err)
{
	static const struct store_ops ops = {
	    .close = sqlite_close,
	    .write = sqlite_write,
	    .read = sqlite_read,
	    .last_seq = sqlite_last_seq,
	    .get = sqlite_get,
	    .scan = sqlite_scan,
	    .snapshot_get = sqlite_snapshot_get,
	    .begin_at = sqlite_begin_at,
	};
	struct store_sqlite *s = mem_new(struct store_sqlite);
	struct err own = ERR_INIT;
	int r;

	err = err ? err : &own;
	s->base.ops = &ops;
	s->lock_fd = -1;
	s->done_end = &s->done;
	s->path = mem_printf("%s/berth.db", w->dir_path);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	r = w->reads ? 0 : take_lock(s, w->dir_path, err);
	if (r == 0 && !w->reads)
		r = sqlite_db_open(&s->writer, s->path, true, err);
	if (r == 0)
		r = sqlite_db_open(&s->reader, s->path, false, err);
	if (r == 0 && w->reads)
		r = begin_reading(&s->reader, err);
	if (r == 0)
		r = read_last(s, err);
	if (r == 0)
		r = loop_post_new(w->loop, tell_done, s, &s->post, err);
	if (r == 0)
		s->turn = loop_timer_new(w->loop, on_turn, s);
	if (r == 0 && !w->reads)
		r = start_thread(s, err);
	if (r < 0) {
		sqlite_close(&s->base);
		return r;
	}
	*ret = &s->base;
	return 0;
}
