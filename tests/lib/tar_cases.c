/* SPDX-License-Identifier: Apache-2.0
 *
 * The named archives. Hostile ones try to put a file called berth-escape outside; /tmp and the directories above are where it would
 * appear.
 */
#include "lib/tar_make.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GIB (1ull << 30)

static void make_plain(struct tar_make *t)
{
	tar_make_dir(t, "./");
	tar_make_dir(t, "./bin/");
	tar_make_head(t, &(struct tar_header){.name = "./bin/sh", .mode = 04755, .size = 5, .uid = 0, .gid = 7});
	tar_make_body(t, "hello", 5);
	tar_make_head(t, &(struct tar_header){.name = "./closed/", .type = '5', .mode = 0555, .mtime = 1500000000});
	tar_make_head(t, &(struct tar_header){.name = "./closed/file", .size = 3, .uid = 1000, .gid = 1000});
	tar_make_body(t, "abc", 3);
	tar_make_link(t, '2', "./bin/ash", "sh");
	tar_make_link(t, '1', "./bin/hard", "./bin/sh");
	tar_make_head(t, &(struct tar_header){.name = "./fifo", .type = '6', .mode = 0600});
	tar_make_file(t, "./new\nline", "x");
	tar_make_end(t);
}

static void make_plain_gzip(struct tar_make *t)
{
	make_plain(t);
	tar_make_gzip(t);
}

static void make_plain_zstd(struct tar_make *t)
{
	make_plain(t);
	tar_make_zstd(t);
}

/* Two members, as `cat a.gz b.gz` or a parallel gzip makes them */
static void make_gzip_members(struct tar_make *t)
{
	struct tar_make all = {.data = NULL}, rest = {.data = NULL};

	make_plain(&all);
	tar_make_bytes(t, all.data, 700);
	tar_make_gzip(t);
	tar_make_bytes(&rest, all.data + 700, all.len - 700);
	tar_make_gzip(&rest);
	tar_make_bytes(t, rest.data, rest.len);
	tar_make_bytes(t, NULL, 512);
	tar_make_free(&all);
	tar_make_free(&rest);
}

static void make_names_long(struct tar_make *t)
{
	char name[900], part[201] = {0};
	char *end = name;

	memset(part, 'n', 200);
	for (int i = 0; i < 4; i++) {
		memcpy(end, part, 200);
		end[200] = '/';
		end += 201;
	}
	end[-1] = '\0';
	tar_make_long(t, 'L', name, strlen(name));
	tar_make_file(t, "short", "gnu");
	tar_make_pax(t, "path", "pax/e\xcc\x81/\xff", 9);
	tar_make_file(t, "short", "pax");
	tar_make_end(t);
}

/* GNU's old sparse map: 3 bytes at 1 MiB of a file of 2 MiB */
static void make_sparse(struct tar_make *t)
{
	unsigned char *b;
	unsigned sum = 0;

	tar_make_head(t, &(struct tar_header){.name = "sparse", .type = 'S', .size = 3});
	b = t->data + t->len - 512;
	memcpy(b + 257, "ustar  ", 8);
	memcpy(b + 386,
	       "00004000000\0"
	       "00000000003\0",
	       24);
	memcpy(b + 483, "00010000000\0", 12);
	memset(b + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += b[i];
	for (int i = 5; i >= 0; i--, sum >>= 3)
		b[148 + i] = (unsigned char)('0' + (sum & 7));
	b[154] = '\0';
	tar_make_body(t, "end", 3);
	tar_make_end(t);
}

static void make_absolute(struct tar_make *t)
{
	tar_make_dir(t, "/tmp/");
	tar_make_file(t, "/tmp/berth-escape", "x");
	tar_make_file(t, "//tmp//.//berth-escape-2", "x");
	tar_make_end(t);
}

static void make_symlink_clamped(struct tar_make *t)
{
	tar_make_dir(t, "tmp/");
	tar_make_link(t, '2', "a", "/tmp");
	tar_make_file(t, "a/berth-escape", "x");
	tar_make_link(t, '2', "b", "../../../../../../tmp");
	tar_make_file(t, "b/berth-escape-2", "x");
	tar_make_link(t, '2', "c", "/proc/self/cwd");
	tar_make_end(t);
}

static void make_symlink_out(struct tar_make *t)
{
	tar_make_link(t, '2', "a", "/tmp");
	tar_make_file(t, "a/berth-escape", "x");
	tar_make_end(t);
}

static void make_symlink_proc(struct tar_make *t)
{
	tar_make_link(t, '2', "a", "/proc/self/root/tmp");
	tar_make_file(t, "a/berth-escape", "x");
	tar_make_end(t);
}

/* Metadata of a link's target must not change: the entry takes the link's place. */
static void make_symlink_replaced(struct tar_make *t)
{
	tar_make_link(t, '2', "a", "/tmp");
	tar_make_head(t, &(struct tar_header){.name = "a/", .type = '5', .mode = 0700, .uid = 12345});
	tar_make_link(t, '2', "b", "/etc/hostname");
	tar_make_head(t, &(struct tar_header){.name = "b", .mode = 0600, .uid = 12345, .size = 1});
	tar_make_body(t, "x", 1);
	tar_make_end(t);
}

static void make_symlink_loop(struct tar_make *t)
{
	tar_make_link(t, '2', "a", "b");
	tar_make_link(t, '2', "b", "a");
	tar_make_file(t, "a/berth-escape", "x");
	tar_make_end(t);
}

/* A second name of a link that leads out, then a file of that name: it must be made, not written through. */
static void make_hardlink_symlink(struct tar_make *t)
{
	tar_make_link(t, '2', "a", "/tmp/berth-escape");
	tar_make_link(t, '1', "b", "a");
	tar_make_file(t, "b", "x");
	tar_make_link(t, '1', "a", "/a");
	tar_make_end(t);
}

static void make_hardlink_out(struct tar_make *t)
{
	tar_make_link(t, '1', "a", "/etc/hostname");
	tar_make_end(t);
}

static void make_hardlink_dotdot(struct tar_make *t)
{
	tar_make_link(t, '1', "a", "../../../../../../etc/hostname");
	tar_make_end(t);
}

static void make_hardlink_dir(struct tar_make *t)
{
	tar_make_dir(t, "d");
	tar_make_link(t, '1', "a", "d");
	tar_make_end(t);
}

static void make_dotdot(struct tar_make *t)
{
	tar_make_file(t, "../berth-escape", "x");
	tar_make_end(t);
}

static void make_dotdot_inside(struct tar_make *t)
{
	tar_make_file(t, "a/b/../../../../berth-escape", "x");
	tar_make_end(t);
}

static void make_dotdot_pax(struct tar_make *t)
{
	tar_make_pax(t, "path", "a/../../../berth-escape", 23);
	tar_make_file(t, "harmless", "x");
	tar_make_end(t);
}

static void make_dotdot_gnu(struct tar_make *t)
{
	tar_make_long(t, 'L', "../../berth-escape", 18);
	tar_make_file(t, "harmless", "x");
	tar_make_end(t);
}

static void make_nul_pax(struct tar_make *t)
{
	tar_make_pax(t, "path", "a\0/../../berth-escape", 21);
	tar_make_file(t, "harmless", "x");
	tar_make_end(t);
}

static void make_name(struct tar_make *t, size_t n, size_t every)
{
	char *name = malloc(n + 1);

	if (!name)
		abort();
	memset(name, 'a', n);
	for (size_t i = every - 1; every > 0 && i < n; i += every)
		name[i] = '/';
	name[n] = '\0';
	tar_make_long(t, 'L', name, n);
	tar_make_file(t, "short", "x");
	tar_make_end(t);
	free(name);
}

static void make_name_8192(struct tar_make *t)
{
	make_name(t, 8192, 100);
}

static void make_name_part(struct tar_make *t)
{
	make_name(t, 300, 400);
}

static void make_name_deep(struct tar_make *t)
{
	make_name(t, 4001, 2);
}

static void make_special(struct tar_make *t)
{
	tar_make_dir(t, "dev/");
	tar_make_head(t, &(struct tar_header){.name = "dev/null", .type = '3', .mode = 0666, .major = 1, .minor = 3});
	tar_make_head(t, &(struct tar_header){.name = "dev/sda", .type = '4', .mode = 0660, .major = 8});
	tar_make_end(t);
}

static void make_xattrs(struct tar_make *t)
{
	static const char *const keys[] = {
	    "SCHILY.xattr.user.berth",
	    "SCHILY.xattr.user.overlay.opaque",
	    "SCHILY.xattr.trusted.overlay.redirect",
	    "SCHILY.xattr.security.selinux",
	    "SCHILY.xattr.security.ima",
	    "SCHILY.xattr.system.posix_acl_access",
	};
	struct tar_make records = {.data = NULL};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct tar_make one = {.data = NULL};

		tar_make_pax(&one, keys[i], "y", 1);
		tar_make_bytes(&records, one.data + 512, strlen((char *)one.data + 512));
		tar_make_free(&one);
	}
	tar_make_head(t, &(struct tar_header){.name = "PaxHeaders/x", .type = 'x', .size = records.len});
	tar_make_body(t, records.data, records.len);
	tar_make_file(t, "file", "x");
	tar_make_end(t);
	tar_make_free(&records);
}

static void make_whiteout(struct tar_make *t)
{
	tar_make_file(t, "etc/.wh.passwd", "");
	tar_make_end(t);
}

static void make_opaque(struct tar_make *t)
{
	tar_make_file(t, ".wh..wh..opq", "");
	tar_make_end(t);
}

static void make_docker_save(struct tar_make *t)
{
	tar_make_dir(t, "blobs/");
	tar_make_file(t, "manifest.json", "[]");
	tar_make_end(t);
}

static void make_oci_layout(struct tar_make *t)
{
	tar_make_dir(t, "blobs/");
	tar_make_file(t, "./oci-layout", "{}");
	tar_make_end(t);
}

static void make_cut_file(struct tar_make *t)
{
	tar_make_dir(t, "bin/");
	tar_make_head(t, &(struct tar_header){.name = "bin/sh", .size = 100000});
	tar_make_bytes(t, NULL, 5000);
}

static void make_cut_header(struct tar_make *t)
{
	tar_make_dir(t, "bin/");
	tar_make_bytes(t, "bin/sh", 6);
}

static void make_cut_between(struct tar_make *t)
{
	tar_make_dir(t, "bin/");
	tar_make_file(t, "bin/sh", "x");
}

static void make_cut_gzip(struct tar_make *t)
{
	tar_make_dir(t, "bin/");
	tar_make_head(t, &(struct tar_header){.name = "bin/sh", .size = 400000});
	for (unsigned i = 0; i < 100000; i++)
		tar_make_bytes(t, &(unsigned){i * 1103515245u}, sizeof(unsigned));
	tar_make_gzip(t);
	t->len /= 2;
}

static void make_cut_zstd(struct tar_make *t)
{
	make_plain(t);
	tar_make_zstd(t);
	t->len -= 3;
}

static void make_gzip_damaged(struct tar_make *t)
{
	make_plain(t);
	tar_make_gzip(t);
	t->data[t->len - 6] ^= 0x55; /* its checksum */
}

static void make_gzip_garbage(struct tar_make *t)
{
	make_plain(t);
	tar_make_gzip(t);
	tar_make_bytes(t, "garbage", 7);
}

static void make_gzip_twice(struct tar_make *t)
{
	make_plain(t);
	tar_make_gzip(t);
	tar_make_gzip(t);
}

static void make_header_damaged(struct tar_make *t)
{
	tar_make_dir(t, "bin/");
	tar_make_file(t, "bin/sh", "x");
	t->data[512 + 3] ^= 1;
	tar_make_end(t);
}

static void make_not_tar(struct tar_make *t)
{
	for (int i = 0; i < 200; i++)
		tar_make_bytes(t, "This is a letter, not an archive. ", 34);
}

static void make_xz(struct tar_make *t)
{
	tar_make_bytes(t,
		       "\xfd"
		       "7zXZ\0\0\4",
		       8);
	tar_make_bytes(t, NULL, 2000);
}

static void make_empty(struct tar_make *t)
{
	(void)t;
}

static void make_zeros(struct tar_make *t)
{
	tar_make_bytes(t, NULL, 10240);
}

static void make_owner_huge(struct tar_make *t)
{
	tar_make_head(t, &(struct tar_header){.name = "a", .uid = 1ull << 40});
	tar_make_end(t);
}

static void make_size_huge(struct tar_make *t)
{
	tar_make_head(t, &(struct tar_header){.name = "a", .size = 1ull << 62});
	tar_make_end(t);
}

static void make_sparse_8eib(struct tar_make *t)
{
	tar_make_head(t, &(struct tar_header){.name = "PaxHeaders/x", .type = 'x', .size = 22 + 22 + 26 + 43});
	tar_make_body(t,
		      "22 GNU.sparse.major=1\n"
		      "22 GNU.sparse.minor=0\n"
		      "26 GNU.sparse.name=sparse\n"
		      "43 GNU.sparse.realsize=9223372036854775807\n",
		      22 + 22 + 26 + 43);
	tar_make_head(t, &(struct tar_header){.name = "GNUSparseFile.0/sparse", .size = 512});
	tar_make_body(t, "1\n9223372036854775807\n0\n", 24);
	tar_make_end(t);
}

/* A record that says it is longer than it is: what the entry really is called nobody knows. */
static void make_pax_damaged(struct tar_make *t)
{
	tar_make_head(t, &(struct tar_header){.name = "PaxHeaders/x", .type = 'x', .size = 12});
	tar_make_body(t, "99 path=abc\n", 12);
	tar_make_file(t, "a", "x");
	tar_make_end(t);
}

static void make_pax_1gib(struct tar_make *t)
{
	tar_make_head(t, &(struct tar_header){.name = "PaxHeaders/x", .type = 'x', .size = GIB});
	tar_make_bytes(t, "1073741824 path=", 16);
	for (int i = 0; i < 1024; i++)
		tar_make_bytes(t, NULL, 8192);
}

/* Special headers of 1 MiB each, one after another, before one entry */
static void make_pax_many(struct tar_make *t)
{
	static char value[1000000];

	memset(value, 'v', sizeof value);
	for (int i = 0; i < 30; i++)
		tar_make_pax(t, "SCHILY.xattr.user.big", value, sizeof value);
	tar_make_file(t, "a", "x");
	tar_make_end(t);
	tar_make_gzip(t);
}

static void make_gzip_bomb(struct tar_make *t)
{
	struct tar_make all = {.data = NULL};

	tar_make_head(&all, &(struct tar_header){.name = "zeros", .size = GIB / 2});
	tar_make_bytes(&all, NULL, GIB / 2);
	tar_make_end(&all);
	tar_make_gzip(&all);
	*t = all;
}

static void make_zstd_bomb(struct tar_make *t)
{
	make_gzip_bomb(t);
	tar_make_free(t);
	tar_make_head(t, &(struct tar_header){.name = "zeros", .size = GIB / 2});
	tar_make_bytes(t, NULL, GIB / 2);
	tar_make_end(t);
	tar_make_zstd(t);
}

/* RFC 8878, section 3.1.1.1.2: a window of 2 GiB (exponent 21) before a raw block */
static void make_zstd_window(struct tar_make *t)
{
	tar_make_bytes(t, "\x28\xb5\x2f\xfd\x00\xa8", 6);
	tar_make_bytes(t, "\x01\x10\x00", 3);
	tar_make_bytes(t, NULL, 512);
}

static void make_dir_replaced(struct tar_make *t)
{
	tar_make_file(t, "a/b", "x");
	tar_make_file(t, "a", "x");
	tar_make_end(t);
}

static void make_top_file(struct tar_make *t)
{
	tar_make_link(t, '2', "./", "/tmp");
	tar_make_end(t);
}

/* The directory that is open as the last parent gives way under its own name. */
static void make_alias(struct tar_make *t)
{
	tar_make_link(t, '2', "l", ".");
	tar_make_dir(t, "l/l/");
	tar_make_file(t, "l/x", "x");
	tar_make_end(t);
}

const struct tar_case tar_cases[] = {
    {"plain", make_plain, 0, "files, directories, links, a FIFO, setuid, modes and times"},
    {"plain-gzip", make_plain_gzip, 0, "the same in gzip"},
    {"plain-zstd", make_plain_zstd, 0, "the same in zstd"},
    {"gzip-members", make_gzip_members, 0, "the same in two gzip members and padding"},
    {"names-long", make_names_long, 0, "GNU and pax long names, names that are not UTF-8 or not composed"},
    {"sparse", make_sparse, 0, "a GNU sparse file"},
    {"absolute", make_absolute, 0, "absolute names are taken as relative to the top"},
    {"symlink-clamped", make_symlink_clamped, 0, "links that lead out lead to the top"},
    {"symlink-replaced", make_symlink_replaced, 0, "an entry replaces a link of its name"},
    {"hardlink-symlink", make_hardlink_symlink, 0, "a hard link to a link is a second name of the link"},
    {"name-deep", make_name_deep, 0, "2001 directories deep"},
    {"special", make_special, 0, "device nodes are passed over"},
    {"xattrs", make_xattrs, 0, "only harmless extended attributes are kept"},
    {"nul-pax", make_nul_pax, 0, "a name ends at its NUL"},
    {"alias", make_alias, 0, "a directory reached by another name"},
    {"symlink-out", make_symlink_out, ENOENT, "\"a/berth-escape\" (entry 2)"},
    {"symlink-proc", make_symlink_proc, ENOENT, "\"a/berth-escape\" (entry 2)"},
    {"symlink-loop", make_symlink_loop, ELOOP, "(entry 3)"},
    {"hardlink-out", make_hardlink_out, ENOENT, "\"a\" (entry 1): the target \"etc/hostname\""},
    {"hardlink-dotdot", make_hardlink_dotdot, EINVAL, "the target of the hard link: the name has \"..\""},
    {"hardlink-dir", make_hardlink_dir, EINVAL, "is a directory"},
    {"dotdot", make_dotdot, EINVAL, "\"../berth-escape\" (entry 1): the name has \"..\" in it"},
    {"dotdot-inside", make_dotdot_inside, EINVAL, "the name has \"..\" in it"},
    {"dotdot-pax", make_dotdot_pax, EINVAL, "the name has \"..\" in it"},
    {"dotdot-gnu", make_dotdot_gnu, EINVAL, "the name has \"..\" in it"},
    {"name-8192", make_name_8192, ENAMETOOLONG, "8192 bytes long; the limit is 4095"},
    {"name-part", make_name_part, ENAMETOOLONG, "300 bytes long; the limit is 255"},
    {"whiteout", make_whiteout, EINVAL, "\"etc/.wh.passwd\" (entry 1): this is a whiteout"},
    {"opaque", make_opaque, EINVAL, "this is a whiteout"},
    {"docker-save", make_docker_save, EINVAL, "takes a root filesystem tar"},
    {"oci-layout", make_oci_layout, EINVAL, "takes a root filesystem tar"},
    {"cut-file", make_cut_file, EINVAL, "the archive ends in the middle of \"bin/sh\" (entry 2)"},
    {"cut-header", make_cut_header, EINVAL, "the archive ends after \"bin/\" (entry 1)"},
    {"cut-between", make_cut_between, EINVAL, "the archive ends after \"bin/sh\" (entry 2) without its end mark"},
    {"cut-gzip", make_cut_gzip, EINVAL, "the archive ends in the middle of \"bin/sh\" (entry 2): the gzip data is cut"},
    {"cut-zstd", make_cut_zstd, EINVAL, "the zstd data is cut short"},
    {"gzip-damaged", make_gzip_damaged, EINVAL, "the gzip data is damaged: incorrect data check"},
    {"gzip-garbage", make_gzip_garbage, EINVAL, "other bytes after the end of the gzip data"},
    {"gzip-twice", make_gzip_twice, EINVAL, "there is no tar archive in it"},
    {"header-damaged", make_header_damaged, EINVAL, "the archive is damaged after \"bin/\" (entry 1)"},
    {"not-tar", make_not_tar, EINVAL, "the file is not a tar archive"},
    {"xz", make_xz, EINVAL, "it is packed with xz; layers of images are packed with gzip or zstd"},
    {"empty", make_empty, EINVAL, "the archive is empty"},
    {"zeros", make_zeros, EINVAL, "the archive has no entries"},
    {"owner-huge", make_owner_huge, EINVAL, "its owner 1099511627776 is not possible"},
    {"size-huge", make_size_huge, EFBIG, "larger than the limit"},
    {"sparse-8eib", make_sparse_8eib, EFBIG, "larger than the limit"},
    {"pax-damaged", make_pax_damaged, EINVAL, "the archive is damaged in its first entry"},
    {"pax-1gib", make_pax_1gib, EINVAL, "in its first entry"},
    {"pax-many", make_pax_many, EFBIG, "the header of an entry is larger than the limit"},
    {"gzip-bomb", make_gzip_bomb, EFBIG, "unpacks to more than 200 times its size"},
    {"zstd-bomb", make_zstd_bomb, EFBIG, "unpacks to more than 200 times its size"},
    {"zstd-window", make_zstd_window, EFBIG, "window of more than the limit"},
    {"dir-replaced", make_dir_replaced, ENOTEMPTY, "\"a\" (entry 2): an earlier entry made a directory"},
    {"top-file", make_top_file, EINVAL, "the top must be a directory"},
};
const size_t tar_cases_n = sizeof tar_cases / sizeof *tar_cases;

const struct tar_case *tar_case_find(const char *name)
{
	for (size_t i = 0; i < tar_cases_n; i++) {
		if (!strcmp(tar_cases[i].name, name))
			return &tar_cases[i];
	}
	return NULL;
}
