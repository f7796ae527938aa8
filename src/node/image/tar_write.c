/* SPDX-License-Identifier: Apache-2.0
 *
 * Layout of the block: POSIX.1-2017, pax, "ustar Interchange Format".
 */
#include "node/image/tar_write.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[6], version[2],
	    user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct ustar) == TAR_BLOCK, "a block of tar has 512 bytes");

#define OCTAL_7 07777777u	 /* the largest number of an 8-byte field */
#define OCTAL_11 077777777777ull /* of a 12-byte field */

const unsigned char tar_zeros[2 * TAR_BLOCK];

/* n digits and a NUL. */
static void octal(char *field, size_t n, uint64_t value)
{
	field[n] = '\0';
	while (n > 0) {
		field[--n] = (char)('0' + (value & 7));
		value >>= 3;
	}
}

static void checksum(struct ustar *h)
{
	const unsigned char *p = (const unsigned char *)h;
	unsigned sum = 0;

	memset(h->sum, ' ', sizeof h->sum);
	for (size_t i = 0; i < sizeof *h; i++)
		sum += p[i];
	octal(h->sum, 6, sum);
	h->sum[7] = ' ';
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts itself. */
static int pax_record(struct buf *out, const char *key, const void *value, size_t n)
{
	size_t rest = strlen(key) + n + 3, len = rest + 1;
	char digits[24];

	while (len != rest + (size_t)snprintf(digits, sizeof digits, "%zu", len))
		len = rest + strlen(digits);
	buf_printf(out, "%s %s=", digits, key);
	buf_add(out, value, n);
	return buf_addc(out, '\n');
}

static void pax_number(struct buf *out, const char *key, uint64_t value)
{
	char text[24];

	pax_record(out, key, text, (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)value));
}

/* Readers disagree about what "-1.5" means (libarchive takes it for -0.5): times before 1970 are whole seconds. */
static void pax_time(struct buf *out, const struct tar_entry *e)
{
	char text[48];
	int n = snprintf(text, sizeof text, "%lld", (long long)e->mtime_s);

	if (e->mtime_ns > 0 && e->mtime_s >= 0) {
		n += snprintf(text + n, sizeof text - (size_t)n, ".%09ld", e->mtime_ns);
		while (text[n - 1] == '0')
			n--;
	}
	pax_record(out, "mtime", text, (size_t)n);
}

/* The name in name and prefix; false when it does not fit. */
static bool split_name(struct ustar *h, const char *name, size_t n)
{
	size_t cut;

	if (n <= sizeof h->name) {
		memcpy(h->name, name, n);
		return true;
	}
	/* The first slash that leaves no more than 100 bytes, before the last byte */
	for (cut = n - sizeof h->name - 1; cut < n - 1 && name[cut] != '/'; cut++)
		;
	if (cut == 0 || cut >= n - 1 || cut > sizeof h->prefix)
		return false;
	memcpy(h->prefix, name, cut);
	memcpy(h->name, name + cut + 1, n - cut - 1);
	return true;
}

static char type_of(const struct tar_entry *e)
{
	if (e->hard_link)
		return '1';
	switch (e->mode & S_IFMT) {
	case S_IFREG:
		return '0';
	case S_IFLNK:
		return '2';
	case S_IFCHR:
		return '3';
	case S_IFBLK:
		return '4';
	case S_IFDIR:
		return '5';
	case S_IFIFO:
		return '6';
	default:
		return '\0';
	}
}

static void fill_common(struct ustar *h, char type)
{
	memcpy(h->magic, "ustar", sizeof h->magic);
	memcpy(h->version, "00", sizeof h->version);
	octal(h->major, 7, 0);
	octal(h->minor, 7, 0);
	h->type = type;
}

static void fill_numbers(struct ustar *h, struct buf *pax, const struct tar_entry *e)
{
	octal(h->mode, 7, e->mode & 07777);
	octal(h->uid, 7, e->uid <= OCTAL_7 ? e->uid : 0);
	octal(h->gid, 7, e->gid <= OCTAL_7 ? e->gid : 0);
	octal(h->size, 11, e->size <= OCTAL_11 ? e->size : 0);
	octal(h->mtime, 11, e->mtime_s >= 0 && (uint64_t)e->mtime_s <= OCTAL_11 ? (uint64_t)e->mtime_s : 0);
	octal(h->major, 7, e->major);
	octal(h->minor, 7, e->minor);
	if (e->uid > OCTAL_7)
		pax_number(pax, "uid", e->uid);
	if (e->gid > OCTAL_7)
		pax_number(pax, "gid", e->gid);
	if (e->size > OCTAL_11)
		pax_number(pax, "size", e->size);
	if (e->mtime_ns || e->mtime_s < 0 || (uint64_t)e->mtime_s > OCTAL_11)
		pax_time(pax, e);
}

static void fill_names(struct ustar *h, struct buf *pax, const char *name, const char *target)
{
	size_t n = strlen(name), n_target = target ? strlen(target) : 0;

	if (!split_name(h, name, n)) {
		memcpy(h->name, name, sizeof h->name);
		pax_record(pax, "path", name, n);
	}
	memcpy(h->link, target ? target : "", n_target < sizeof h->link ? n_target : sizeof h->link);
	if (n_target > sizeof h->link)
		pax_record(pax, "linkpath", target, n_target);
}

static void fill_xattrs(struct buf *pax, const struct tar_entry *e)
{
	for (size_t i = 0; i < e->n_xattrs; i++) {
		mem_cleanup char *key = mem_printf("SCHILY.xattr.%s", e->xattrs[i].name);

		pax_record(pax, key, e->xattrs[i].value, e->xattrs[i].n);
	}
}

static int add_pax(struct buf *out, const struct buf *pax, const char *name)
{
	const char *slash = strrchr(name, '/');
	struct ustar h = {.name = ""};

	snprintf(h.name, sizeof h.name, "PaxHeaders/%s", slash ? slash + 1 : name);
	fill_common(&h, 'x');
	octal(h.mode, 7, 0644);
	octal(h.uid, 7, 0);
	octal(h.gid, 7, 0);
	octal(h.size, 11, pax->len);
	octal(h.mtime, 11, 0);
	checksum(&h);
	buf_add(out, &h, sizeof h);
	buf_add(out, pax->data, pax->len);
	return buf_add(out, tar_zeros, tar_padding(pax->len));
}

int tar_write_header(struct buf *out, const struct tar_entry *e, struct err *err)
{
	struct buf pax buf_cleanup = BUF_INIT;
	struct ustar h = {.name = ""};
	char type = type_of(e);
	bool dir = type == '5';
	mem_cleanup char *name = mem_printf("%s%s", e->name, dir ? "/" : "");
	int r = 0;

	if (!type)
		return err_set(err, EINVAL, "a tar has no entries of its type");
	fill_common(&h, type);
	fill_names(&h, &pax, name, e->target);
	fill_numbers(&h, &pax, e);
	fill_xattrs(&pax, e);
	checksum(&h);
	if (pax.len > 0)
		r = add_pax(out, &pax, e->name);
	if (r == 0)
		r = buf_add(out, &h, sizeof h);
	return r < 0 || pax.full ? err_set(err, E2BIG, "its extended attributes are too large for a tar header") : 0;
}
