/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/erofs_file.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/image/erofs_format.h"

#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <sys/sysmacros.h>

#define NODES_PIECE (1u << 20)
/* What a file has beyond whole blocks stands behind its node when it is no more than this: nodes with more would lie too far apart. */
#define TAIL_MAX 2048u
#define XATTRS_MAX (EROFS_BLOCK * 16)
#define COPY_BYTES (128u << 10)

static uint64_t up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

static int write_at(struct erofs_file *f, const void *data, size_t n, uint64_t at, struct err *err)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = pwrite(f->fd, p, n, (off_t)at);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return err_sys(err, w < 0 ? errno : EIO, "write the EROFS file");
		p += w;
		at += (uint64_t)w;
		n -= (size_t)w;
	}
	return 0;
}

void erofs_file_begin(struct erofs_file *f, int fd)
{
	*f = (struct erofs_file){.fd = fd,
				 .node_at = EROFS_SUPER_AT + sizeof(struct erofs_super),
				 .node_end = NODES_PIECE,
				 .end = NODES_PIECE};
}

/* ---- extended attributes ---- */

/* erofs_fs.h: EROFS_XATTR_INDEX_* */
static const struct {
	const char *prefix;
	uint8_t index;
} prefixes[] = {
    {"user.", 1}, {"system.posix_acl_access", 2}, {"system.posix_acl_default", 3}, {"trusted.", 4}, {"security.", 6}};

int erofs_xattrs_add(struct erofs_xattrs *x, const char *name, const void *value, size_t n, struct err *err)
{
	const char zeros[4] = "";
	struct erofs_xattr head;

	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		size_t n_prefix = strlen(prefixes[i].prefix), n_name;

		if (strncmp(name, prefixes[i].prefix, n_prefix) != 0)
			continue;
		n_name = strlen(name + n_prefix);
		if (n_name > UINT8_MAX || n > UINT16_MAX || x->data.len + n > XATTRS_MAX)
			return err_set(err, E2BIG, "the extended attribute \"%.100s\" is too large for EROFS", name);
		head = (struct erofs_xattr){(uint8_t)n_name, prefixes[i].index, htole16((uint16_t)n)};
		(void)buf_add(&x->data, &head, sizeof head);
		(void)buf_add(&x->data, name + n_prefix, n_name);
		(void)buf_add(&x->data, value, n);
		(void)buf_add(&x->data, zeros, (size_t)(up(x->data.len, 4) - x->data.len));
		return 1;
	}
	return 0;
}

void erofs_xattrs_free(struct erofs_xattrs *x)
{
	buf_free(&x->data);
}

static uint32_t xattrs_size(const struct erofs_xattrs *x)
{
	return x && x->data.len ? EROFS_XATTR_HEAD + (uint32_t)x->data.len : 0;
}

/* ---- places ---- */

static int grow(struct erofs_file *f, uint64_t bytes, uint64_t *ret_at, struct err *err)
{
	uint64_t at = f->end;

	if (bytes > ((uint64_t)EROFS_BLOCKS_MAX << EROFS_BLOCK_BITS) - at)
		return err_set(err, EFBIG, "the image is larger than the 16 TiB that an EROFS file can have");
	f->end += up(bytes, EROFS_BLOCK);
	*ret_at = at;
	return 0;
}

/* What stands behind a node must be in the same block as the node's last byte before it (the kernel maps one block for it), and a node is
 * read at once when it does not cross two. */
static uint64_t next_place(uint64_t at, uint64_t n_node, uint32_t n_tail)
{
	at = up(at, EROFS_NODE_UNIT);
	if (n_tail == 0)
		n_node = sizeof(struct erofs_inode);
	return at / EROFS_BLOCK == (at + n_node + n_tail - 1) / EROFS_BLOCK ? at : up(at, EROFS_BLOCK);
}

static uint32_t tail_of(const struct stat *st, uint64_t size, uint32_t n_node)
{
	uint32_t tail = (uint32_t)(size % EROFS_BLOCK);
	bool fits = n_node + tail <= EROFS_BLOCK;

	if (S_ISREG(st->st_mode))
		fits = fits && tail <= TAIL_MAX;
	return fits ? tail : 0;
}

int erofs_file_place(struct erofs_file *f, const struct erofs_xattrs *xattrs, const struct stat *st, uint64_t size,
		     struct erofs_node *ret, struct err *err)
{
	uint32_t n_node = (uint32_t)sizeof(struct erofs_inode) + xattrs_size(xattrs);
	uint32_t tail = tail_of(st, size, n_node);
	uint64_t at = next_place(f->node_at, n_node, tail);

	if (f->n_nodes >= UINT32_MAX)
		return err_set(err, E2BIG, "the image has more files than an EROFS file can have");
	if (at + n_node + tail > f->node_end) {
		uint64_t piece = up(n_node + tail, NODES_PIECE);
		int r = grow(f, piece, &at, err);

		if (r < 0)
			return r;
		f->node_end = at + piece;
	}
	f->node_at = at + n_node + tail;
	*ret = (struct erofs_node){
	    .id = at / EROFS_NODE_UNIT, .number = (uint32_t)++f->n_nodes, .n_tail = tail, .xattrs = xattrs};
	return 0;
}

/* ---- nodes ---- */

/* linux/kdev_t.h, new_encode_dev() */
static uint32_t device_of(dev_t d)
{
	return (minor(d) & 0xffu) | major(d) << 8 | (minor(d) & ~0xffu) << 12;
}

/* A node without attributes and content. */
static int put_inode(struct erofs_file *f, const struct erofs_node *n, const struct stat *st, uint64_t size,
		     uint64_t block, struct err *err)
{
	uint32_t n_xattrs = xattrs_size(n->xattrs);
	struct erofs_inode i = {
	    .format = htole16(n->n_tail ? EROFS_FORMAT_INLINE : EROFS_FORMAT_PLAIN),
	    .xattr_units = htole16((uint16_t)(n_xattrs ? 1 + (n_xattrs - EROFS_XATTR_HEAD) / 4 : 0)),
	    .mode = htole16((uint16_t)st->st_mode),
	    .size = htole64(size),
	    .number = htole32(n->number),
	    .uid = htole32(st->st_uid),
	    .gid = htole32(st->st_gid),
	    .mtime_s = (int64_t)htole64((uint64_t)st->st_mtim.tv_sec),
	    .mtime_ns = htole32((uint32_t)st->st_mtim.tv_nsec),
	    .n_links = htole32((uint32_t)st->st_nlink),
	};

	i.u.block = htole32(S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode) ? device_of(st->st_rdev) : (uint32_t)block);
	return write_at(f, &i, sizeof i, n->id * EROFS_NODE_UNIT, err);
}

static int put_xattrs(struct erofs_file *f, const struct erofs_node *n, struct err *err)
{
	const unsigned char head[EROFS_XATTR_HEAD] = {0};
	uint64_t at = n->id * EROFS_NODE_UNIT + sizeof(struct erofs_inode);
	int r;

	if (!xattrs_size(n->xattrs))
		return 0;
	r = write_at(f, head, sizeof head, at, err);
	return r < 0 ? r : write_at(f, n->xattrs->data.data, n->xattrs->data.len, at + sizeof head, err);
}

/* The node, its attributes, and a place for those blocks of the content that do not stand behind it. */
static int put_head(struct erofs_file *f, const struct erofs_node *n, const struct stat *st, uint64_t size,
		    uint64_t *ret_at, struct err *err)
{
	uint64_t at = 0;
	int r = size > n->n_tail ? grow(f, size - n->n_tail, &at, err) : 0;

	if (r == 0)
		r = put_inode(f, n, st, size, at >> EROFS_BLOCK_BITS, err);
	if (r == 0)
		r = put_xattrs(f, n, err);
	*ret_at = at;
	return r;
}

static int put_tail(struct erofs_file *f, const struct erofs_node *n, const void *tail, struct err *err)
{
	uint64_t at = n->id * EROFS_NODE_UNIT + sizeof(struct erofs_inode) + xattrs_size(n->xattrs);

	return n->n_tail ? write_at(f, tail, n->n_tail, at, err) : 0;
}

int erofs_file_put(struct erofs_file *f, const struct erofs_node *n, const struct stat *st, const void *content,
		   uint64_t size, struct err *err)
{
	size_t blocks = (size_t)(size - n->n_tail);
	uint64_t at;
	int r = put_head(f, n, st, size, &at, err);

	if (r == 0 && blocks > 0)
		r = write_at(f, content, blocks, at, err);
	return r < 0 || !n->n_tail ? r : put_tail(f, n, (const char *)content + blocks, err);
}

int erofs_file_links(struct erofs_file *f, uint64_t id, uint32_t n_links, struct err *err)
{
	uint32_t n = htole32(n_links);

	return write_at(f, &n, sizeof n, id * EROFS_NODE_UNIT + offsetof(struct erofs_inode, n_links), err);
}

/* ---- contents of files ---- */

static int shorter(struct err *err)
{
	return err_set(err, EBUSY, "a file of the image became shorter while it was read");
}

/* By the kernel where it can: no memory of ours, and on some file systems no copy at all. 0 = done, 1 = it cannot. */
static int copy_inside(struct erofs_file *f, int from, off_t at, off_t end, uint64_t to, struct err *err)
{
	off_t out = (off_t)to;

	while (at < end) {
		ssize_t n = copy_file_range(from, &at, f->fd, &out, (size_t)(end - at), 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EFBIG))
			return err_sys(err, errno, "write the EROFS file");
		if (n < 0)
			return 1;
		if (n == 0)
			return shorter(err);
	}
	return 0;
}

static int copy_through(struct erofs_file *f, int from, off_t at, off_t end, uint64_t to, struct err *err)
{
	mem_cleanup char *data = mem_zalloc(1, COPY_BYTES);

	while (at < end) {
		size_t want = end - at < (off_t)COPY_BYTES ? (size_t)(end - at) : COPY_BYTES;
		ssize_t n = pread(from, data, want, at);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? err_sys(err, errno, "read a file of the image") : shorter(err);
		r = write_at(f, data, (size_t)n, to, err);
		if (r < 0)
			return r;
		at += n;
		to += (uint64_t)n;
	}
	return 0;
}

/* Bytes [0, end) of the file to `to`, but for its holes. */
static int copy_data(struct erofs_file *f, int from, off_t end, uint64_t to, struct err *err)
{
	for (off_t at = 0; at < end;) {
		off_t data = lseek(from, at, SEEK_DATA), hole;
		int r;

		if (data < 0 && errno == ENXIO)
			return 0;
		if (data < 0)
			data = at;
		if (data >= end)
			return 0;
		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0 || hole > end)
			hole = end;
		r = copy_inside(f, from, data, hole, to + (uint64_t)data, err);
		if (r > 0)
			r = copy_through(f, from, data, hole, to + (uint64_t)data, err);
		if (r < 0)
			return r;
		at = hole;
	}
	return 0;
}

int erofs_file_put_from(struct erofs_file *f, const struct erofs_node *n, const struct stat *st, int from,
			struct err *err)
{
	uint64_t size = (uint64_t)st->st_size, at;
	char tail[EROFS_BLOCK];
	ssize_t got = n->n_tail ? pread(from, tail, n->n_tail, (off_t)(size - n->n_tail)) : 0;
	int r;

	if (got != (ssize_t)n->n_tail)
		return got < 0 ? err_sys(err, errno, "read a file of the image") : shorter(err);
	r = put_head(f, n, st, size, &at, err);
	if (r == 0)
		r = copy_data(f, from, (off_t)(size - n->n_tail), at, err);
	return r < 0 ? r : put_tail(f, n, tail, err);
}

/* ---- directories ---- */

/* The entries from `first` on that fit into one block; *ret_bytes: what they take. */
static size_t fit(const struct erofs_name *names, size_t n, size_t first, size_t *ret_bytes)
{
	size_t i = first, bytes = 0;

	for (; i < n; i++) {
		size_t more = sizeof(struct erofs_entry) + strlen(names[i].name);

		if (bytes + more > EROFS_BLOCK)
			break;
		bytes += more;
	}
	*ret_bytes = bytes;
	return i - first;
}

uint64_t erofs_dir_size(const struct erofs_name *names, size_t n)
{
	uint64_t blocks = 0;
	size_t bytes = 0;

	for (size_t i = 0; i < n; blocks++)
		i += fit(names, n, i, &bytes);
	return blocks ? (blocks - 1) * EROFS_BLOCK + bytes : 0;
}

/* linux/fs_types.h, FT_* */
static uint8_t type_of(mode_t mode)
{
	static const uint8_t types[16] = {
	    [S_IFREG >> 12] = 1, [S_IFDIR >> 12] = 2,  [S_IFCHR >> 12] = 3, [S_IFBLK >> 12] = 4,
	    [S_IFIFO >> 12] = 5, [S_IFSOCK >> 12] = 6, [S_IFLNK >> 12] = 7,
	};

	return types[(mode & S_IFMT) >> 12];
}

static void fill_block(unsigned char *block, const struct erofs_name *names, size_t n)
{
	size_t name_at = n * sizeof(struct erofs_entry);

	for (size_t i = 0; i < n; i++) {
		struct erofs_entry e = {.node = htole64(names[i].id),
					.name_at = htole16((uint16_t)name_at),
					.type = type_of(names[i].mode)};
		size_t len = strlen(names[i].name);

		memcpy(block + i * sizeof e, &e, sizeof e);
		memcpy(block + name_at, names[i].name, len);
		name_at += len;
	}
}

unsigned char *erofs_dir_bytes(const struct erofs_name *names, size_t n, uint64_t size)
{
	unsigned char *bytes = mem_zalloc(1, (size_t)size + 1);
	size_t at = 0, used;

	for (size_t i = 0; i < n; at += EROFS_BLOCK) {
		size_t here = fit(names, n, i, &used);

		fill_block(bytes + at, names + i, here);
		i += here;
	}
	return bytes;
}

/* ---- the end ---- */

/* CRC-32C (Castagnoli), bit by bit: it is for three kilobytes. */
static uint32_t crc32c(uint32_t crc, const unsigned char *p, size_t n)
{
	while (n-- > 0) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return crc;
}

int erofs_file_end(struct erofs_file *f, uint64_t root, const unsigned char uuid[static 16], struct err *err)
{
	unsigned char block[EROFS_BLOCK - EROFS_SUPER_AT] = {0};
	struct erofs_super s = {
	    .magic = htole32(EROFS_MAGIC),
	    .compat = htole32(EROFS_COMPAT_CHECKSUM | EROFS_COMPAT_MTIME),
	    .block_bits = EROFS_BLOCK_BITS,
	    .root = htole16((uint16_t)root),
	    .n_nodes = htole64(f->n_nodes),
	    .n_blocks = htole32((uint32_t)(f->end >> EROFS_BLOCK_BITS)),
	};

	if (root > EROFS_ROOT_NODE_MAX)
		return err_set(err, E2BIG, "the root of the image does not fit to the beginning of the EROFS file");
	if (ftruncate(f->fd, (off_t)f->end) < 0)
		return err_sys(err, errno, "set the size of the EROFS file");
	/* The sum is that of the first block from the super block on, nodes among it, with 0 in its own place. */
	if (pread(f->fd, block, sizeof block, EROFS_SUPER_AT) != (ssize_t)sizeof block)
		return err_sys(err, errno, "read the EROFS file");
	memcpy(s.uuid, uuid, sizeof s.uuid);
	memcpy(block, &s, sizeof s);
	s.checksum = htole32(crc32c(~0u, block, sizeof block));
	return write_at(f, &s, sizeof s, EROFS_SUPER_AT, err);
}
