/* SPDX-License-Identifier: Apache-2.0
 *
 * One input buffer, one output buffer, and one unpacker chosen by the first bytes. Each unpacker turns some input into some output and
 * says whether it stands at a place where the data may end.
 */
#include "node/image/tar_stream.h"

#include "base/core/mem.h"
#include "node/image/guard.h"
#include "node/image/gunzip.h"
#include "node/image/unpacker.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_getFrameHeader(); we link the library itself */
#include <zstd.h>
#include <zstd_errors.h>

#define IN_SIZE (64u << 10)
#define OUT_SIZE (128u << 10)
#define HEAD_SIZE 8u
#define WINDOW_FREE_LOG 21   /* 2 MiB: what zstd asks for up to its level 5 */
#define WINDOW_SHARED_LOG 23 /* 8 MiB: up to its level 19 */

struct packing {
	const char *name;
	/* Fills s->out; the number of bytes made, 0 = more input is needed, or a negative errno with s->err set. */
	ssize_t (*unpack)(struct tar_stream *s);
};

struct tar_stream {
	int fd;
	const struct packing *packing;
	unsigned char *in, *out;
	size_t in_pos, in_len;
	unsigned char head[HEAD_SIZE];
	size_t head_len;
	bool in_ended, ended;
	bool between; /* the compressed data may end here */
	struct gunzip *gunzip;
	struct unpacker *unpacker;
	ZSTD_DStream *zstd;
	unsigned char frame[ZSTD_FRAMEHEADERSIZE_MAX]; /* what was taken of a frame's header */
	size_t frame_len;
	bool locked;
	struct tar_stream_limits limits;
	uint64_t n_in, n_out, allowed; /* allowed: n_out may not pass it; UINT64_MAX = no matter */
	const char *allowed_what;
	struct sha256 sha, packed;
	char digest[SHA256_HEX_MAX]; /* by tar_stream_digest() */
	struct err err;
};

static bool is_plain(const struct tar_stream *s);

/* A plain archive has one digest. */
static void hash_packed(struct tar_stream *s)
{
	if (s->limits.packed && !is_plain(s))
		sha256_add(&s->packed, s->in, s->in_len);
}

/* Input when there is none left; 0 or a negative errno. */
static int refill(struct tar_stream *s)
{
	ssize_t n;

	if (s->in_pos < s->in_len || s->in_ended)
		return 0;
	do {
		n = read(s->fd, s->in, IN_SIZE);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(&s->err, errno, "read the archive");
	s->in_ended = n == 0;
	s->in_pos = 0;
	s->in_len = (size_t)n;
	s->n_in += (uint64_t)n;
	hash_packed(s);
	return 0;
}

static ssize_t plain_unpack(struct tar_stream *s)
{
	size_t n = s->in_len - s->in_pos;

	memcpy(s->out, s->in + s->in_pos, n);
	s->in_pos = s->in_len;
	return (ssize_t)n;
}

static bool all_zero(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i])
			return false;
	}
	return true;
}

/* After a member: another one follows, or zeros (a tape's padding, which gzip itself passes over), or nothing. */
static int gzip_next_member(struct tar_stream *s)
{
	const unsigned char *p = s->in + s->in_pos;
	size_t n = s->in_len - s->in_pos;

	if (all_zero(p, n)) {
		s->in_pos = s->in_len;
		return 0;
	}
	if (*p != 0x1f)
		return err_set(&s->err, EBADMSG, "there are other bytes after the end of the gzip data");
	s->between = false;
	return gunzip_next(s->gunzip, &s->err);
}

static ssize_t gzip_unpack(struct tar_stream *s)
{
	size_t used = 0;
	ssize_t n;

	if (s->between && gzip_next_member(s) < 0)
		return -s->err.code;
	if (s->between)
		return 0;
	n = gunzip_run(s->gunzip, s->in + s->in_pos, s->in_len - s->in_pos, &used, s->out, OUT_SIZE, &s->between,
		       &s->err);
	s->in_pos += n < 0 ? 0 : used;
	return n;
}

/* ---- zstd ---- */

static int windows_fd = -1;

void tar_stream_share_windows(int fd)
{
	windows_fd = fd;
}

/* A process may have a lock or none; another process' end ends its own. A failure costs memory only. */
static void lock_windows(struct tar_stream *s, short type)
{
	struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

	if (windows_fd < 0 || (type == F_UNLCK && !s->locked))
		return;
	(void)fcntl(windows_fd, F_SETLK, &lock);
	lock.l_type = type;
	while (type != F_UNLCK && fcntl(windows_fd, F_SETLKW, &lock) < 0 && errno == EINTR)
		;
	s->locked = type != F_UNLCK;
}

/* The least log whose window holds n bytes. */
static int log_of(uint64_t n)
{
	int log = 10; /* the least there is */

	while (log < 31 && (1ull << log) < n)
		log++;
	return log;
}

static int set_window(struct tar_stream *s, int log)
{
	size_t r = ZSTD_DCtx_reset(s->zstd, ZSTD_reset_session_only);

	if (!ZSTD_isError(r))
		r = ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, log);
	return ZSTD_isError(r) ? err_set(&s->err, ENOMEM, "there is not enough memory to read zstd") : 0;
}

/* The frame that begins needs a larger window than is open; its header, of which s->frame is the first part, is all there. */
static int widen(struct tar_stream *s)
{
	unsigned char header[2 * ZSTD_FRAMEHEADERSIZE_MAX];
	size_t rest = s->in_len - s->in_pos, n = s->frame_len;
	ZSTD_frameHeader f = {.windowSize = 0};
	ZSTD_inBuffer again = {.src = s->frame, .size = s->frame_len};
	ZSTD_outBuffer none = {.dst = s->out, .size = 0};
	int log;

	rest = rest < ZSTD_FRAMEHEADERSIZE_MAX ? rest : ZSTD_FRAMEHEADERSIZE_MAX;
	memcpy(header, s->frame, n);
	memcpy(header + n, s->in + s->in_pos, rest);
	if (ZSTD_getFrameHeader(&f, header, n + rest) != 0 || f.windowSize > 1ull << log_of(s->limits.window))
		return err_set(&s->err, EFBIG, "the zstd data needs a window of more than the limit of %llu MiB",
			       (unsigned long long)s->limits.window >> 20);
	log = log_of(f.windowSize);
	lock_windows(s, log > WINDOW_SHARED_LOG ? F_WRLCK : F_RDLCK);
	if (set_window(s, log) < 0)
		return -s->err.code;
	if (s->frame_len > 0 && ZSTD_isError(ZSTD_decompressStream(s->zstd, &none, &again)))
		return err_set(&s->err, EBADMSG, "the zstd data cannot be read again");
	return 0;
}

/* Keeps what was taken of a header that is not whole yet. */
static void note_header(struct tar_stream *s, size_t used)
{
	if (s->between)
		s->frame_len = 0;
	else if (s->frame_len + used <= sizeof s->frame)
		memcpy(s->frame + s->frame_len, s->in + s->in_pos, used);
	s->frame_len = s->between ? 0 : s->frame_len + used <= sizeof s->frame ? s->frame_len + used : sizeof s->frame;
}

static ssize_t zstd_unpack(struct tar_stream *s)
{
	ZSTD_inBuffer in = {.src = s->in, .size = s->in_len, .pos = s->in_pos};
	ZSTD_outBuffer out = {.dst = s->out, .size = OUT_SIZE};
	size_t r = ZSTD_decompressStream(s->zstd, &out, &in);

	if (ZSTD_isError(r) && ZSTD_getErrorCode(r) == ZSTD_error_frameParameter_windowTooLarge) {
		if (widen(s) < 0)
			return -s->err.code;
		in.pos = s->in_pos;
		out.pos = 0;
		r = ZSTD_decompressStream(s->zstd, &out, &in);
	}
	if (ZSTD_isError(r))
		return err_set(&s->err, EBADMSG, "the zstd data cannot be read: %s", ZSTD_getErrorName(r));
	s->between = r == 0;
	note_header(s, in.pos - s->in_pos);
	s->in_pos = in.pos;
	return (ssize_t)out.pos;
}

/* After a stream of bzip2 or xz: another one, or zeros (padding), or nothing. */
static int loaded_next(struct tar_stream *s)
{
	const unsigned char *p = s->in + s->in_pos;
	size_t n = s->in_len - s->in_pos;

	if (all_zero(p, n)) {
		s->in_pos = s->in_len;
		return 0;
	}
	if (*p != s->head[0])
		return err_set(&s->err, EBADMSG, "there are other bytes after the end of the %s data",
			       s->packing->name);
	s->between = false;
	return unpacker_next(s->unpacker, &s->err);
}

static ssize_t loaded_unpack(struct tar_stream *s)
{
	size_t used = 0;
	ssize_t n;

	if (s->between && loaded_next(s) < 0)
		return -s->err.code;
	if (s->between)
		return 0;
	n = unpacker_run(s->unpacker, s->in + s->in_pos, s->in_len - s->in_pos, &used, s->out, OUT_SIZE, &s->between,
			 &s->err);
	s->in_pos += n < 0 ? 0 : used;
	return n;
}

enum { PLAIN, GZIP, ZSTD, BZIP2, XZ };
static const struct packing packings[] = {
    [PLAIN] = {"", plain_unpack},	[GZIP] = {"gzip", gzip_unpack}, [ZSTD] = {"zstd", zstd_unpack},
    [BZIP2] = {"bzip2", loaded_unpack}, [XZ] = {"xz", loaded_unpack},
};

static bool is_plain(const struct tar_stream *s)
{
	return s->packing == &packings[PLAIN];
}

/* A bzip2 stream begins with a block, or with its end when it is empty. */
static bool is_bzip2(const unsigned char *h, size_t n)
{
	return n >= 8 && !memcmp(h, "BZh", 3) && h[3] >= '1' && h[3] <= '9' &&
	       (!memcmp(h + 4, "\x31\x41\x59\x26", 4) || !memcmp(h + 4, "\x17\x72\x45\x38", 4));
}

static const struct packing *recognise(const unsigned char *h, size_t n)
{
	if (n >= 3 && h[0] == 0x1f && h[1] == 0x8b && h[2] == 8)
		return &packings[GZIP];
	if (n >= 4 && !memcmp(h, "\x28\xb5\x2f\xfd", 4))
		return &packings[ZSTD];
	/* RFC 8878, section 3.1.2: a skippable frame may come first */
	if (n >= 4 && (h[0] & 0xf0) == 0x50 && !memcmp(h + 1, "\x2a\x4d\x18", 3))
		return &packings[ZSTD];
	if (is_bzip2(h, n))
		return &packings[BZIP2];
	if (n >= 6 && !memcmp(h, "\xfd\x37\x7a\x58\x5a", 6))
		return &packings[XZ];
	return &packings[PLAIN];
}

bool tar_stream_is_packed(const void *head, size_t n)
{
	return recognise(head, n) != &packings[PLAIN];
}

static int start_zstd(struct tar_stream *s, struct err *err)
{
	int log = log_of(s->limits.window);

	s->zstd = ZSTD_createDStream();
	if (!s->zstd || set_window(s, log < WINDOW_FREE_LOG ? log : WINDOW_FREE_LOG) < 0)
		return err_set(err, ENOMEM, "there is not enough memory to read zstd");
	return 0;
}

static int start_unpacker(struct tar_stream *s, struct err *err)
{
	s->packing = recognise(s->head, s->head_len);
	hash_packed(s); /* what read_head() read */
	s->between = s->packing == &packings[PLAIN];
	if (s->packing == &packings[GZIP])
		return gunzip_new(GUNZIP_BEST, &s->gunzip, err);
	if (s->packing == &packings[ZSTD])
		return start_zstd(s, err);
	if (s->packing == &packings[BZIP2])
		return unpacker_new(UNPACKER_BZIP2, &s->unpacker, err);
	if (s->packing == &packings[XZ])
		return unpacker_new(UNPACKER_XZ, &s->unpacker, err);
	return 0;
}

/* The first bytes may come one by one (a pipe); they are kept in s->in for the unpacker. */
static int read_head(struct tar_stream *s, struct err *err)
{
	while (s->in_len < HEAD_SIZE && !s->in_ended) {
		ssize_t n = read(s->fd, s->in + s->in_len, IN_SIZE - s->in_len);

		if (n < 0 && errno != EINTR)
			return err_sys(err, errno, "read the archive");
		if (n < 0)
			continue;
		s->in_ended = n == 0;
		s->in_len += (size_t)n;
	}
	s->n_in = s->in_len;
	if (s->in_len == 0)
		return err_set(err, ENODATA, "the archive is empty");
	s->head_len = s->in_len < HEAD_SIZE ? s->in_len : HEAD_SIZE;
	memcpy(s->head, s->in, s->head_len);
	return 0;
}

int tar_stream_open(int fd, const struct tar_stream_limits *limits, struct tar_stream **ret, struct err *err)
{
	cleanup_with(tar_stream_freep) struct tar_stream *s = mem_new(struct tar_stream);
	int r;

	s->fd = fd;
	s->limits = *limits;
	if (!s->limits.window)
		s->limits.window = TAR_STREAM_WINDOW;
	s->allowed = UINT64_MAX;
	s->in = mem_zalloc(1, IN_SIZE);
	s->out = mem_zalloc(1, OUT_SIZE);
	sha256_init(&s->sha);
	sha256_init(&s->packed);
	r = read_head(s, err);
	if (r == 0)
		r = start_unpacker(s, err);
	if (r == 0)
		*ret = mem_take(s);
	return r;
}

struct tar_stream *tar_stream_free(struct tar_stream *s)
{
	if (!s)
		return NULL;
	gunzip_free(s->gunzip);
	unpacker_free(s->unpacker);
	ZSTD_freeDStream(s->zstd);
	lock_windows(s, F_UNLCK);
	free(s->in);
	free(s->out);
	free(s);
	return NULL;
}

static int check_limits(struct tar_stream *s)
{
	if (s->n_out > s->limits.bytes)
		return err_set(&s->err, EFBIG, "the archive is larger than the limit of %llu bytes",
			       (unsigned long long)s->limits.bytes);
	if (IMAGE_GUARD(I5) && s->n_out > TAR_STREAM_RATIO_FROM && s->n_out / s->limits.ratio > s->n_in)
		return err_set(&s->err, EFBIG, "the archive unpacks to more than %llu times its size",
			       (unsigned long long)s->limits.ratio);
	if (s->n_out > s->allowed)
		return err_set(&s->err, EFBIG, "%s is larger than the limit", s->allowed_what);
	return 0;
}

/* Output may remain inside an unpacker when the input is used up, so it is asked once more before the input counts as ended. */
static ssize_t unpack_some(struct tar_stream *s)
{
	for (;;) {
		ssize_t n;

		if (refill(s) < 0)
			return -s->err.code;
		if (s->in_ended && s->between)
			return 0;
		n = s->in_ended && s->packing == &packings[PLAIN] ? 0 : s->packing->unpack(s);
		if (n != 0)
			return n;
		if (s->in_ended && !s->between)
			return err_set(&s->err, ENODATA, "the %s data is cut short", s->packing->name);
	}
}

ssize_t tar_stream_next(struct tar_stream *s, const void **ret)
{
	ssize_t n;

	if (s->err.code)
		return -s->err.code;
	if (s->ended)
		return 0;
	n = unpack_some(s);
	if (n <= 0) {
		s->ended = true;
		return n;
	}
	s->n_out += (uint64_t)n;
	if (check_limits(s) < 0)
		return -s->err.code;
	sha256_add(&s->sha, s->out, (size_t)n);
	*ret = s->out;
	return n;
}

const struct err *tar_stream_err(const struct tar_stream *s)
{
	return &s->err;
}

void tar_stream_allow(struct tar_stream *s, uint64_t n, const char *what)
{
	s->allowed = n ? s->n_out + n : UINT64_MAX;
	s->allowed_what = what;
}

bool tar_stream_ended(const struct tar_stream *s)
{
	return s->ended;
}

uint64_t tar_stream_size(const struct tar_stream *s)
{
	return s->n_out;
}

void tar_stream_digest(struct tar_stream *s, char hex[static SHA256_HEX_MAX])
{
	s->ended = true;
	sha256_hex(&s->sha, hex);
	memcpy(s->digest, hex, sizeof s->digest);
}

uint64_t tar_stream_packed(struct tar_stream *s, char hex[static SHA256_HEX_MAX])
{
	*hex = '\0';
	if (s->limits.packed && is_plain(s))
		memcpy(hex, s->digest, sizeof s->digest);
	else if (s->limits.packed)
		sha256_hex(&s->packed, hex);
	return s->n_in;
}

const char *tar_stream_guess(const struct tar_stream *s)
{
	static const struct {
		const char *magic;
		size_t n;
		const char *what;
	} known[] = {
	    {"\xfd"
	     "7zXZ",
	     5, "an xz file"},
	    {"BZh", 3, "a bzip2 file"},
	    {"PK\3\4", 4, "a zip file"},
	    {"\x04\x22\x4d\x18", 4, "an lz4 file"},
	    {"7z\xbc\xaf", 4, "a 7z file"},
	    {"hsqs", 4, "a squashfs image"},
	    {"\x7f"
	     "ELF",
	     4, "a program"},
	    {"\x1f\x8b", 2, "a gzip file inside a compressed file"},
	    {"{", 1, "a JSON file"},
	    {"!<arch>\n", 8, "an ar file (a Debian package?)"},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (s->head_len >= known[i].n && !memcmp(s->head, known[i].magic, known[i].n))
			return known[i].what;
	}
	return NULL;
}

const char *tar_stream_packing(const struct tar_stream *s)
{
	return s->packing->name;
}
