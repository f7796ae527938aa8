/* SPDX-License-Identifier: Apache-2.0 */
#include "base/store/backup.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "base/wire/json.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (64u << 10)

/* ---- writing ---- */

struct writer {
	int fd;
	const char *path;
	struct buf out;
	struct sha256 sum;
	uint64_t n;
	struct store_counts counts;
	struct err *err;
};

static int flush(struct writer *w)
{
	int r = w->out.full ? -E2BIG : fd_write_all(w->fd, buf_str(&w->out), w->out.len);

	if (r < 0)
		return err_sys(w->err, -r, "write \"%s\"", w->path);
	sha256_add(&w->sum, buf_str(&w->out), w->out.len);
	buf_free(&w->out);
	return 0;
}

static void add_event(struct buf *out, const struct store_event *e)
{
	buf_printf(out, "[\"event\",%" PRIu64 ",%" PRId64 ",", e->seq, e->time_ms);
	json_quote(out, e->kind, strlen(e->kind));
	buf_addc(out, ',');
	json_quote(out, e->data, e->len);
}

static int add(void *ctx, const struct store_record *r)
{
	struct writer *w = ctx;

	switch (r->type) {
	case STORE_RECORD_BEGIN:
		buf_printf(&w->out, "[\"begin\",%" PRIu64, r->event.seq);
		break;
	case STORE_RECORD_DOC:
		buf_adds(&w->out, "[\"doc\",");
		json_quote(&w->out, r->doc.key, strlen(r->doc.key));
		buf_addc(&w->out, ',');
		json_quote(&w->out, r->doc.value, r->doc.len);
		break;
	case STORE_RECORD_EVENT:
		add_event(&w->out, &r->event);
		break;
	case STORE_RECORD_SNAPSHOT:
		buf_printf(&w->out, "[\"snapshot\",%" PRIu64 ",", r->event.seq);
		json_quote(&w->out, r->event.data, r->event.len);
		break;
	}
	buf_adds(&w->out, "]\n");
	w->n++;
	store_count(&w->counts, r);
	return w->out.len >= PIECE ? flush(w) : 0;
}

static int write_all(struct writer *w, struct store *from)
{
	char sum[SHA256_HEX_MAX];
	int r;

	sha256_init(&w->sum);
	buf_printf(&w->out,
		   "{\"berth_backup\":%d,\"format\":%d,\"made_by\":\"berth " BERTH_VERSION "\",\"time_ms\":%" PRId64
		   "}\n",
		   BACKUP_FORMAT, STORE_FORMAT, clock_wall_ms());
	r = store_records(from, add, w, w->err);
	if (r == 0)
		r = flush(w);
	if (r < 0)
		return r;
	sha256_hex(&w->sum, sum);
	buf_printf(&w->out, "{\"records\":%" PRIu64 ",\"sha256\":\"%s\"}\n", w->n, sum);
	r = flush(w);
	return r == 0 && fsync(w->fd) < 0 ? err_sys(w->err, errno, "write \"%s\"", w->path) : r;
}

int backup_write(struct store *from, const char *path, struct store_counts *ret, struct err *err)
{
	fd_cleanup int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct writer w = {.fd = fd, .path = path, .out = {.limit = 2 * (size_t)BACKUP_LINE_MAX}, .err = err};
	int r;

	if (fd < 0)
		return errno == EEXIST ? err_set(err, EEXIST, "\"%s\" is there already, and is left as it is", path)
				       : err_sys(err, errno, "make \"%s\"", path);
	r = write_all(&w, from);
	buf_free(&w.out);
	if (r < 0)
		unlink(path);
	else
		*ret = w.counts;
	return r;
}

/* ---- one line ---- */

static const char *text_at(yyjson_val *a, size_t i, size_t *ret_len)
{
	yyjson_val *v = yyjson_arr_get(a, i);

	if (ret_len)
		*ret_len = yyjson_get_len(v);
	return yyjson_get_str(v);
}

/* What C strings cannot hold no store has written. */
static bool is_text(const char *text, size_t n)
{
	return text && !memchr(text, '\0', n);
}

static bool take_doc(yyjson_val *a, struct store_record *r)
{
	size_t n;

	r->doc.key = text_at(a, 1, &n);
	r->doc.value = text_at(a, 2, &r->doc.len);
	return yyjson_arr_size(a) == 3 && n > 0 && is_text(r->doc.key, n) && is_text(r->doc.value, r->doc.len) &&
	       strcmp(r->doc.key, STORE_UNFINISHED) != 0;
}

static bool take_event(yyjson_val *a, struct store_record *r)
{
	yyjson_val *time = yyjson_arr_get(a, 2);
	size_t n;

	r->event.time_ms = yyjson_is_int(time) ? yyjson_get_sint(time) : 0;
	r->event.kind = text_at(a, 3, &n);
	r->event.data = text_at(a, 4, &r->event.len);
	return yyjson_arr_size(a) == 5 && yyjson_is_int(time) && is_text(r->event.kind, n) &&
	       is_text(r->event.data, r->event.len) && r->event.seq > 0;
}

static bool take_begin(yyjson_val *a, struct store_record *r)
{
	(void)r;
	return yyjson_arr_size(a) == 2;
}

static bool take_snapshot(yyjson_val *a, struct store_record *r)
{
	r->event.data = text_at(a, 2, &r->event.len);
	return yyjson_arr_size(a) == 3 && is_text(r->event.data, r->event.len);
}

static const struct {
	const char *word;
	bool numbered;
	bool (*take)(yyjson_val *a, struct store_record *r);
} shapes[] = {
    [STORE_RECORD_BEGIN] = {"begin", true, take_begin},
    [STORE_RECORD_DOC] = {"doc", false, take_doc},
    [STORE_RECORD_EVENT] = {"event", true, take_event},
    [STORE_RECORD_SNAPSHOT] = {"snapshot", true, take_snapshot},
};

static bool take_record(yyjson_val *a, struct store_record *r)
{
	const char *word = text_at(a, 0, NULL);
	yyjson_val *seq = yyjson_arr_get(a, 1);

	for (size_t i = 0; word && i < sizeof shapes / sizeof *shapes; i++) {
		if (strcmp(shapes[i].word, word) != 0)
			continue;
		*r = (struct store_record){.type = (enum store_record_type)i};
		if (shapes[i].numbered && (!yyjson_is_uint(seq) || yyjson_get_uint(seq) > INT64_MAX))
			return false;
		r->event.seq = shapes[i].numbered ? yyjson_get_uint(seq) : 0;
		return shapes[i].take(a, r);
	}
	return false;
}

int backup_line(const char *line, size_t n, struct store_record *ret, yyjson_doc **ret_doc, struct err *err)
{
	yyjson_doc *doc = json_parse(line, n, BACKUP_LINE_MAX, "a line of the backup", err);
	yyjson_val *root = yyjson_doc_get_root(doc);
	int r = 1;

	if (!doc)
		return -err->code;
	if (yyjson_is_obj(root))
		r = 0;
	else if (!yyjson_is_arr(root) || !take_record(root, ret))
		r = err_set(err, EBADMSG, "a line of the backup is no record");
	if (r < 0)
		yyjson_doc_free(doc);
	else
		*ret_doc = doc;
	return r;
}

/* ---- reading ---- */

struct reader {
	const char *path;
	FILE *file;
	char *line;
	size_t cap, n;
	struct sha256 sum;
	uint64_t records;
	struct store_counts counts;
	store_record_fn fn;
	void *ctx;
};

static int damaged(const struct reader *rd, const char *what, struct err *err)
{
	return err_set(err, EBADMSG, "the backup \"%s\" is damaged: %s", rd->path, what);
}

/* The next line without its end: 1, or 0 at the end of the file. Its bytes count for the sum when they are added. */
static int next_line(struct reader *rd, struct err *err)
{
	ssize_t n = getline(&rd->line, &rd->cap, rd->file);

	if (n < 0)
		return ferror(rd->file) ? err_sys(err, errno, "read \"%s\"", rd->path) : 0;
	if (n == 0 || rd->line[n - 1] != '\n' || (size_t)n > BACKUP_LINE_MAX)
		return damaged(rd, "it is cut off", err);
	rd->n = (size_t)n - 1;
	return 1;
}

static int check_head(struct reader *rd, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err ignored = ERR_INIT;
	struct store_record none;
	int64_t version = 0, format = 0;
	int r = next_line(rd, err);

	if (r < 0)
		return r;
	if (r == 0 || backup_line(rd->line, rd->n, &none, &doc, &ignored) != 0 ||
	    json_get_int(yyjson_doc_get_root(doc), "berth_backup", 1, INT64_MAX, &version, &ignored) < 0 ||
	    json_get_int(yyjson_doc_get_root(doc), "format", 1, INT64_MAX, &format, &ignored) < 0)
		return err_set(err, EBADMSG, "\"%s\" is no backup of berth", rd->path);
	if (version > BACKUP_FORMAT || format > STORE_FORMAT)
		return err_set(err, EPROTO,
			       "the backup \"%s\" has format %" PRId64 ".%" PRId64 ", this berth (" BERTH_VERSION
			       ") knows formats up to %d.%d: use a newer berth",
			       rd->path, version, format, BACKUP_FORMAT, STORE_FORMAT);
	sha256_add(&rd->sum, rd->line, rd->n + 1);
	return 0;
}

static int check_end(struct reader *rd, yyjson_val *o, struct err *err)
{
	struct err ignored = ERR_INIT;
	char sum[SHA256_HEX_MAX];
	const char *wanted = "";
	int64_t n = 0;

	sha256_hex(&rd->sum, sum);
	if (json_get_int(o, "records", 0, INT64_MAX, &n, &ignored) < 0 ||
	    json_get_str(o, "sha256", &wanted, &ignored) < 0)
		return damaged(rd, "its last line is none", err);
	if ((uint64_t)n != rd->records || strcmp(wanted, sum) != 0)
		return damaged(rd, "its sum is another one", err);
	return getc(rd->file) == EOF ? 0 : damaged(rd, "something follows its end", err);
}

/* 1: there is more. */
static int read_one(struct reader *rd, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct store_record r;
	int x = next_line(rd, err);

	if (x == 0)
		return damaged(rd, "it is cut off", err);
	if (x > 0)
		x = backup_line(rd->line, rd->n, &r, &doc, err);
	if (x < 0)
		return err_wrap(err, "\"%s\"", rd->path);
	if (x == 0)
		return check_end(rd, yyjson_doc_get_root(doc), err);
	sha256_add(&rd->sum, rd->line, rd->n + 1);
	rd->records++;
	store_count(&rd->counts, &r);
	x = rd->fn ? rd->fn(rd->ctx, &r) : 0;
	return x < 0 ? x : 1;
}

int backup_read(const char *path, store_record_fn fn, void *ctx, struct store_counts *ret, struct err *err)
{
	struct reader rd = {.path = path, .file = fopen(path, "re"), .fn = fn, .ctx = ctx};
	int r;

	if (!rd.file)
		return err_sys(err, errno, "open \"%s\"", path);
	sha256_init(&rd.sum);
	r = check_head(&rd, err);
	if (r == 0)
		do
			r = read_one(&rd, err);
		while (r == 1);
	if (r == 0 && ret)
		*ret = rd.counts;
	free(rd.line);
	(void)fclose(rd.file);
	return r;
}
