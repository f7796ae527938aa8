/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/filesync.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/go_mode.h"
#include "base/core/mem.h"
#include "base/wire/protobuf.h"
#include "face/buildkit/ask.h"
#include "face/buildkit/kept.h"
#include "node/image/tar_write.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#define DIFF_COPY "/moby.filesync.v1.FileSync/DiffCopy"
#define LINKS_MAX 16
/* Asked for before it is needed, so that the client is never idle between small files. */
#define AHEAD_FILES 128
#define AHEAD_BYTES (4u << 20)
#define SMALL (1u << 20) /* is kept whole before its header is written */
/* Patterns that are more stay here: what they leave out comes, and is ignored then. */
#define PATTERNS_MAX 1000
#define PATTERN_BYTES_MAX (32u << 10)
#define BATCH (256u << 10)

enum packet_type { PACKET_STAT, PACKET_REQ, PACKET_DATA, PACKET_FIN, PACKET_ERR };

struct packet {
	enum packet_type type;
	bool has_stat;
	const char *stat, *data;
	size_t n_stat, n_data;
	uint64_t id;
};

struct entry {
	char *path, *link;
	uint64_t size;
	int64_t mtime_ns;
	uint32_t major, minor;
	mode_t mode;
	bool asked, whole, same; /* same: it is there from an earlier time */
	struct buf data;
};

struct walk {
	struct ask_stream stream;
	const char *dir;
	struct entry *entries;
	size_t n, cap, names;
	size_t next; /* the first that may still be asked for */
	size_t n_ahead;
	uint64_t ahead, bytes;
	struct entry *direct; /* whose content goes right into the tar */
	uint64_t direct_left;
	struct buf out;
	int file;
};

/* ---- packets ---- */

static int bad(const struct walk *w, const char *what, struct err *err)
{
	return err_set(err, EPROTO, "the client's directory %s: %s", w->dir, what);
}

static int read_packet(const struct walk *w, struct packet *ret, struct err *err)
{
	const char *at = buf_str(&w->stream.message), *end = at + w->stream.message.len;
	struct pb_field f;
	int r;

	*ret = (struct packet){.type = PACKET_STAT};
	while ((r = pb_next(&at, end, &f)) > 0) {
		if (f.field == 1 && !f.text)
			ret->type = f.number <= PACKET_ERR ? (enum packet_type)f.number : PACKET_ERR;
		else if (f.field == 2 && f.text) {
			ret->has_stat = true;
			ret->stat = f.text;
			ret->n_stat = f.n;
		} else if (f.field == 3 && !f.text)
			ret->id = f.number;
		else if (f.field == 4 && f.text) {
			ret->data = f.text;
			ret->n_data = f.n;
		}
	}
	if (r < 0)
		return bad(w, "a packet that is none", err);
	if (ret->type == PACKET_ERR)
		return err_set(err, EREMOTEIO, "the client's directory %s: %.*s", w->dir,
			       (int)(ret->n_data < 500 ? ret->n_data : 500), ret->data ? ret->data : "");
	return 0;
}

static int next_packet(struct walk *w, struct packet *ret, struct err *err)
{
	int r = ask_next(&w->stream, err);

	if (r == 0)
		return bad(w, "it ended before all had come", err);
	return r < 0 ? r : read_packet(w, ret, err);
}

static int send_packet(struct walk *w, enum packet_type type, size_t id, struct err *err)
{
	buf_cleanup struct buf b = BUF_INIT;

	pb_uint(&b, 1, type);
	pb_uint(&b, 3, id);
	return ask_send(&w->stream, buf_str(&b), b.len, err);
}

/* ---- entries ---- */

static int read_stat(struct walk *w, const struct packet *p, struct entry *e, struct err *err)
{
	const char *at = p->stat, *end = at + p->n_stat;
	struct pb_field f;
	uint32_t go = 0;
	int r;

	w->bytes += p->n_stat;

	while ((r = pb_next(&at, end, &f)) > 0) {
		char **text = f.field == 1 ? &e->path : f.field == 7 ? &e->link : NULL;

		if (f.text && text && !memchr(f.text, '\0', f.n)) {
			free(*text);
			*text = mem_strndup(f.text, f.n);
			w->names += f.n;
		} else if (!f.text) {
			go = f.field == 2 ? (uint32_t)f.number : go;
			e->size = f.field == 5 ? f.number : e->size;
			e->mtime_ns = f.field == 6 ? (int64_t)f.number : e->mtime_ns;
			e->major = f.field == 8 ? (uint32_t)f.number : e->major;
			e->minor = f.field == 9 ? (uint32_t)f.number : e->minor;
		}
	}
	if (r < 0 || !e->path || !*e->path || !go_mode_read(go, &e->mode) || e->size > INT64_MAX)
		return bad(w, "an entry without a name, or of no known type", err);
	return 0;
}

static bool has_content(const struct entry *e)
{
	return S_ISREG(e->mode) && !(e->link && *e->link) && e->size > 0;
}

static int read_entries(struct walk *w, struct err *err)
{
	for (;;) {
		struct packet p;
		int r = next_packet(w, &p, err);

		if (r < 0)
			return r;
		if (p.type != PACKET_STAT)
			return bad(w, "a packet out of turn", err);
		if (!p.has_stat)
			return 0;
		if (w->n >= FILESYNC_ENTRIES || w->names > FILESYNC_NAMES)
			return err_set(err, E2BIG, "the client's directory %s has more than %u entries", w->dir,
				       FILESYNC_ENTRIES);
		mem_grow(&w->entries, &w->cap, w->n);
		w->entries[w->n] = (struct entry){.path = NULL, .data = BUF_LIMIT(SMALL)};
		r = read_stat(w, &p, &w->entries[w->n++], err);
		if (r < 0)
			return r;
	}
}

static int walk_open(struct walk *w, int ask, const char *dir, const struct ask_field *fields, struct err *err)
{
	int r;

	w->dir = dir;
	r = ask_open(ask, DIFF_COPY, fields, &w->stream, err);
	return r < 0 ? r : read_entries(w, err);
}

static void walk_close(struct walk *w)
{
	for (size_t i = 0; i < w->n; i++) {
		free(w->entries[i].path);
		free(w->entries[i].link);
		buf_free(&w->entries[i].data);
	}
	free(w->entries);
	buf_free(&w->out);
	ask_close(&w->stream);
}

static int walk_end(struct walk *w, struct err *err)
{
	struct packet p = {.type = PACKET_STAT};
	int r = send_packet(w, PACKET_FIN, 0, err);

	while (r == 0 && p.type != PACKET_FIN)
		r = next_packet(w, &p, err);
	if (r < 0)
		return r;
	ask_shut(&w->stream);
	return 0;
}

/* ---- contents ---- */

static int flush(struct walk *w, size_t above, struct err *err)
{
	int r;

	if (w->out.len <= above)
		return 0;
	r = fd_write_all(w->file, w->out.data, w->out.len);
	buf_clear(&w->out);
	return r < 0 ? err_sys(err, -r, "write the client's directory %s to a temporary file", w->dir) : 0;
}

static int ask_for(struct walk *w, struct entry *e, struct err *err)
{
	int r = send_packet(w, PACKET_REQ, (size_t)(e - w->entries), err);

	e->asked = true;
	w->n_ahead++;
	w->ahead += e->size;
	return r;
}

/* Large files are asked for when it is their turn, small ones before. */
static int ask_ahead(struct walk *w, struct err *err)
{
	int r = 0;

	for (; r == 0 && w->next < w->n && w->n_ahead < AHEAD_FILES && w->ahead < AHEAD_BYTES; w->next++) {
		struct entry *e = &w->entries[w->next];

		if (has_content(e) && !e->asked && !e->same && e->size < SMALL)
			r = ask_for(w, e, err);
	}
	return r;
}

static int take_data(struct walk *w, const struct packet *p, struct err *err)
{
	struct entry *e = p->id < w->n ? &w->entries[p->id] : NULL;

	if (p->type != PACKET_DATA || !e || !e->asked || e->whole)
		return bad(w, "content that nobody asked for", err);
	if (p->n_data == 0) {
		e->whole = true;
		w->n_ahead--;
		w->ahead -= e->size;
		return 0;
	}
	w->bytes += p->n_data;
	if (e != w->direct)
		return buf_add(&e->data, p->data, p->n_data) < 0
			   ? err_set(err, EAGAIN, "\"%s\" grew while the client sent it", e->path)
			   : 0;
	if (p->n_data > w->direct_left)
		return err_set(err, EAGAIN, "\"%s\" grew while the client sent it", e->path);
	w->direct_left -= p->n_data;
	buf_add(&w->out, p->data, p->n_data);
	return flush(w, BATCH, err);
}

static int wait_for(struct walk *w, const struct entry *e, struct err *err)
{
	int r = 0;

	while (r == 0 && !e->whole) {
		struct packet p;

		r = next_packet(w, &p, err);
		if (r == 0)
			r = take_data(w, &p, err);
	}
	return r;
}

/* ---- the tar ---- */

static int add_header(struct walk *w, const struct entry *e, uint64_t size, struct err *err)
{
	const bool link = e->link && *e->link;
	const struct tar_entry t = {.name = e->path,
				    .target = link ? e->link : NULL,
				    .mode = e->mode,
				    .hard_link = link && S_ISREG(e->mode),
				    .size = size,
				    .mtime_s = e->mtime_ns / 1000000000,
				    .major = e->major,
				    .minor = e->minor};

	return tar_write_header(&w->out, &t, err);
}

static int add_large(struct walk *w, struct entry *e, struct err *err)
{
	int r = add_header(w, e, e->size, err);

	w->direct = e;
	w->direct_left = e->size;
	if (r == 0)
		r = ask_for(w, e, err);
	if (r == 0)
		r = wait_for(w, e, err);
	w->direct = NULL;
	if (r == 0 && w->direct_left > 0)
		return err_set(err, EAGAIN, "\"%s\" shrank while the client sent it", e->path);
	if (r == 0)
		buf_add(&w->out, tar_zeros, tar_padding(e->size));
	return r;
}

static int add_small(struct walk *w, struct entry *e, struct err *err)
{
	int r = e->asked ? 0 : ask_for(w, e, err);

	if (r == 0)
		r = wait_for(w, e, err);
	if (r == 0)
		r = add_header(w, e, e->data.len, err);
	if (r < 0)
		return r;
	buf_add(&w->out, buf_str(&e->data), e->data.len);
	buf_add(&w->out, tar_zeros, tar_padding(e->data.len));
	buf_free(&e->data);
	return 0;
}

static int add_entry(struct walk *w, struct entry *e, struct err *err)
{
	int r = ask_ahead(w, err);

	if (r < 0 || e->same || S_ISSOCK(e->mode))
		return r;
	if (!has_content(e))
		r = add_header(w, e, 0, err);
	else
		r = e->size < SMALL ? add_small(w, e, err) : add_large(w, e, err);
	return r < 0 ? r : flush(w, BATCH, err);
}

/* An archive without an entry would look like nothing. */
static int add_all(struct walk *w, struct err *err)
{
	static char root[] = ".";
	const struct entry top = {.path = root, .mode = S_IFDIR | 0755};
	int r = add_header(w, &top, 0, err);

	for (size_t i = 0; r == 0 && i < w->n; i++)
		r = add_entry(w, &w->entries[i], err);
	buf_add(&w->out, tar_zeros, sizeof tar_zeros);
	if (r == 0)
		r = flush(w, 0, err);
	return r < 0 ? r : walk_end(w, err);
}

/* ---- calls ---- */

static bool is_ascii(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			return false;
	}
	return true;
}

static bool fits(char *const *patterns)
{
	size_t n = 0, bytes = 0;

	for (; patterns && patterns[n]; n++) {
		bytes += strlen(patterns[n]);
		if (!is_ascii(patterns[n]))
			return false;
	}
	return n <= PATTERNS_MAX && bytes <= PATTERN_BYTES_MAX;
}

static size_t add_fields(struct ask_field *fields, size_t n, const char *name, char *const *values)
{
	for (; values && *values; values++)
		fields[n++] = (struct ask_field){name, *values};
	return n;
}

static int compare(struct walk *w, struct kept *k, struct err *err)
{
	for (size_t i = 0; i < w->n; i++) {
		struct entry *e = &w->entries[i];
		const struct kept_entry one = {.path = e->path,
					       .link = e->link,
					       .size = e->size,
					       .mtime_ns = e->mtime_ns,
					       .major = e->major,
					       .minor = e->minor,
					       .mode = e->mode};

		e->same = kept_entry(k, &one);
	}
	return kept_clear(k, err);
}

static int add_rest(struct walk *w, int kept, struct err *err)
{
	struct kept *k = NULL;
	int r = kept >= 0 ? kept_open(kept, &k, err) : 0;

	if (r == 0 && k)
		r = compare(w, k, err);
	if (r == 0)
		r = add_all(w, err);
	kept_close(k, r == 0);
	return r;
}

int filesync_tree(int ask, const char *dir, char *const *patterns, char *const *paths, int kept, int file,
		  uint64_t *ret_bytes, struct err *err)
{
	cleanup_with(walk_close) struct walk w = {.stream = ASK_STREAM_NULL, .file = file};
	mem_cleanup struct ask_field *fields =
	    mem_new_n(struct ask_field, mem_strv_len(patterns) + mem_strv_len(paths) + 2);
	size_t n = 1;
	int r;

	fields[0] = (struct ask_field){"dir-name", dir};
	n = add_fields(fields, n, "exclude-patterns", fits(patterns) ? patterns : NULL);
	(void)add_fields(fields, n, "followpaths", fits(paths) ? paths : NULL);
	r = walk_open(&w, ask, dir, fields, err);
	if (r == 0)
		r = add_rest(&w, kept, err);
	*ret_bytes = w.bytes;
	return r;
}

static struct entry *find(struct walk *w, const char *path)
{
	for (size_t i = 0; i < w->n; i++) {
		if (!strcmp(w->entries[i].path, path))
			return &w->entries[i];
	}
	return NULL;
}

/* "a/./b/../c" and "/a/c" are "a/c"; nothing leads above the top. */
static char *clean(const char *base, const char *path)
{
	mem_cleanup char *whole = *path == '/' ? mem_strdup(path) : mem_printf("%s/%s", base, path);
	char *out = mem_zalloc(1, strlen(whole) + 2), *at = whole, *part;
	size_t n = 0;

	while ((part = strsep(&at, "/"))) {
		if (!*part || !strcmp(part, "."))
			continue;
		if (!strcmp(part, "..")) {
			while (n > 0 && out[n - 1] != '/')
				n--;
			n -= n > 0;
		} else {
			if (n > 0)
				out[n++] = '/';
			memcpy(out + n, part, strlen(part));
			n += strlen(part);
		}
		out[n] = '\0';
	}
	return out;
}

static struct entry *follow(struct walk *w, const char *path)
{
	mem_cleanup char *name = clean("", path);

	for (int i = 0; i < LINKS_MAX; i++) {
		struct entry *e = find(w, name);
		mem_cleanup char *base = NULL;
		char *slash;

		if (!e || S_ISREG(e->mode))
			return e;
		if (!S_ISLNK(e->mode) || !e->link)
			return NULL;
		base = mem_strdup(name);
		slash = strrchr(base, '/');
		*(slash ? slash : base) = '\0';
		free(name);
		name = clean(base, e->link);
	}
	return NULL;
}

int filesync_file(int ask, const char *dir, const char *path, size_t limit, char **ret, size_t *ret_n, struct err *err)
{
	const struct ask_field fields[] = {{"dir-name", dir}, {"followpaths", path}, {NULL, NULL}};
	cleanup_with(walk_close) struct walk w = {.stream = ASK_STREAM_NULL, .file = -1};
	struct entry *e;
	int r = is_ascii(path) ? 0 : err_set(err, EINVAL, "the name \"%s\" is not ASCII", path);

	if (r == 0)
		r = walk_open(&w, ask, dir, fields, err);
	if (r < 0)
		return r;
	e = follow(&w, path);
	if (!e)
		return -ENOENT;
	if (e->size > limit)
		return err_set(err, E2BIG, "%s is larger than the limit of %zu bytes", path, limit);
	e->data.limit = limit;
	if (has_content(e)) {
		r = ask_for(&w, e, err);
		if (r == 0)
			r = wait_for(&w, e, err);
	}
	if (r == 0)
		r = walk_end(&w, err);
	*ret_n = e->data.len;
	*ret = r == 0 ? buf_take(&e->data) : NULL;
	return r;
}
