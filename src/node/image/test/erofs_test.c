/* SPDX-License-Identifier: Apache-2.0
 *
 * The file is read back here by a small reader of its own, written from the format's description; tests/e2e lets the kernel read it.
 */
#include "node/image/erofs.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/erofs_format.h"

#include <endian.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cmocka.h>

static char top_name[64];
static int top = -1, layers[3] = {-1, -1, -1}; /* topmost first */
static const unsigned char uuid[16] = "0123456789abcdef";

static int set_up(void **state)
{
	(void)state;
	snprintf(top_name, sizeof top_name, "/tmp/berth-erofs-XXXXXX");
	assert_non_null(mkdtemp(top_name));
	top = open(top_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 3; i++) {
		char name[8];

		snprintf(name, sizeof name, "%d", i);
		layers[i] = fs_mkdirs_in(top, name, 0755, FS_NO_SYMLINKS, NULL);
		assert_true(layers[i] >= 0);
	}
	return 0;
}

static int tear_down(void **state)
{
	fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	for (int i = 0; i < 3; i++)
		fd_closep(&layers[i]);
	fd_closep(&top);
	assert_int_equal(fs_remove_tree(tmp, top_name + 5, NULL), 0);
	return 0;
}

/* ---- layers ---- */

static void put_bytes(int layer, const char *name, const void *data, size_t n)
{
	fd_cleanup int fd = openat(layers[layer], name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, data, n), 0);
}

static void put(int layer, const char *name, const char *text)
{
	put_bytes(layer, name, text, strlen(text));
}

static void dir(int layer, const char *name)
{
	assert_int_equal(mkdirat(layers[layer], name, 0755), 0);
}

static void gone(int layer, const char *name)
{
	assert_int_equal(mknodat(layers[layer], name, S_IFCHR, 0), 0);
}

static void mark(int layer, const char *name, const char *key, const char *value)
{
	fd_cleanup int fd = openat(layers[layer], name, O_RDONLY | O_CLOEXEC);

	assert_int_equal(fsetxattr(fd, key, value, strlen(value), 0), 0);
}

/* ---- a reader ---- */

struct image {
	unsigned char *data;
	size_t n;
};

static void image_unmap(struct image *i)
{
	if (i->data)
		munmap(i->data, i->n);
}

static int write_file(size_t n)
{
	int fd = memfd_create("erofs", MFD_CLOEXEC);
	struct err err = ERR_INIT;
	uint64_t nodes;

	if (image_erofs_write(layers, n, fd, uuid, &nodes, &err) < 0)
		fail_msg("%s", err.text);
	return fd;
}

static struct image make_image(size_t n)
{
	fd_cleanup int fd = write_file(n);
	struct image i = {.n = (size_t)lseek(fd, 0, SEEK_END)};

	i.data = mmap(NULL, i.n, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(i.data, MAP_FAILED);
	assert_int_equal(i.n % EROFS_BLOCK, 0);
	return i;
}

static struct erofs_super super_of(const struct image *i)
{
	struct erofs_super s;

	memcpy(&s, i->data + EROFS_SUPER_AT, sizeof s);
	return s;
}

static struct erofs_inode inode_at(const struct image *i, uint64_t id)
{
	struct erofs_inode node;

	assert_true(id * EROFS_NODE_UNIT + sizeof node <= i->n);
	memcpy(&node, i->data + id * EROFS_NODE_UNIT, sizeof node);
	assert_true(node.format == EROFS_FORMAT_PLAIN || node.format == EROFS_FORMAT_INLINE);
	return node;
}

static size_t xattrs_of(const struct erofs_inode *node)
{
	return node->xattr_units ? EROFS_XATTR_HEAD + 4u * (node->xattr_units - 1u) : 0;
}

/* One byte of a node's content. */
static const unsigned char *at(const struct image *i, uint64_t id, const struct erofs_inode *node, uint64_t n)
{
	uint64_t whole = node->size / EROFS_BLOCK * EROFS_BLOCK, where;

	assert_true(n < node->size);
	if (node->format == EROFS_FORMAT_INLINE && n >= whole) {
		where = id * EROFS_NODE_UNIT + sizeof *node + xattrs_of(node) + (n - whole);
		/* What stands behind a node is all in one block. */
		assert_int_equal((where - (n - whole)) / EROFS_BLOCK, (where + node->size - n - 1) / EROFS_BLOCK);
	} else {
		where = (uint64_t)node->u.block * EROFS_BLOCK + n;
	}
	assert_true(where < i->n);
	return i->data + where;
}

static void entry_name(const struct image *i, uint64_t id, const struct erofs_inode *node, uint64_t block, size_t k,
		       char name[static 256], struct erofs_entry *ret)
{
	struct erofs_entry first, next;
	uint64_t end = node->size - block < EROFS_BLOCK ? node->size - block : EROFS_BLOCK;
	size_t n;

	memcpy(&first, at(i, id, node, block), sizeof first);
	memcpy(ret, at(i, id, node, block + k * sizeof *ret), sizeof *ret);
	if ((k + 1) * sizeof next < first.name_at) {
		memcpy(&next, at(i, id, node, block + (k + 1) * sizeof next), sizeof next);
		end = next.name_at;
	}
	/* The last one of a block may have zeros behind it. */
	n = strnlen((const char *)at(i, id, node, block + ret->name_at), (size_t)(end - ret->name_at));
	assert_true(n < 256);
	memcpy(name, at(i, id, node, block + ret->name_at), n);
	name[n] = '\0';
}

/* Every name of a directory, in order; the node of `want`, or 0. */
static uint64_t look(const struct image *i, uint64_t id, const char *want, size_t *ret_n)
{
	struct erofs_inode node = inode_at(i, id);
	char last[256] = "", name[256];
	uint64_t found = 0;

	*ret_n = 0;
	assert_true(S_ISDIR(node.mode));
	for (uint64_t block = 0; block < node.size; block += EROFS_BLOCK) {
		struct erofs_entry e = {.name_at = 0};

		entry_name(i, id, &node, block, 0, name, &e);
		for (size_t k = 0, n = e.name_at / sizeof e; k < n; k++, ++*ret_n) {
			entry_name(i, id, &node, block, k, name, &e);
			assert_true(strcmp(last, name) < 0);
			memcpy(last, name, sizeof last);
			found = strcmp(name, want) == 0 ? e.node : found;
		}
	}
	return found;
}

static uint64_t find(const struct image *i, const char *path)
{
	mem_cleanup char *copy = mem_strdup(path);
	uint64_t id = super_of(i).root;
	char *save = NULL;
	size_t n;

	for (char *part = strtok_r(copy, "/", &save); part && id; part = strtok_r(NULL, "/", &save))
		id = look(i, id, part, &n);
	return id;
}

static void check_text(const struct image *i, const char *path, const char *text)
{
	uint64_t id = find(i, path);
	struct erofs_inode node;

	if (!id)
		fail_msg("%s is not there", path);
	node = inode_at(i, id);
	assert_int_equal(node.size, strlen(text));
	for (size_t n = 0; n < node.size; n++)
		assert_int_equal(*at(i, id, &node, n), text[n]);
}

/* ---- tests ---- */

static void test_layers_are_merged(void **state)
{
	cleanup_with(image_unmap) struct image i = {.data = NULL};

	(void)state;
	dir(2, "both");
	put(2, "both/low", "low");
	put(2, "both/hidden", "x");
	put(2, "both/changed", "old");
	put(2, "whole", "x");
	dir(2, "opaque");
	put(2, "opaque/old", "x");
	dir(2, "file");
	put(2, "file/inner", "x");
	dir(2, "was-gone");
	put(2, "was-gone/old", "x");
	dir(1, "both");
	gone(1, "both/hidden");
	put(1, "both/changed", "new");
	gone(1, "whole");
	dir(1, "opaque");
	mark(1, "opaque", "user.overlay.opaque", "y");
	put(1, "opaque/new", "new");
	put(1, "file", "a file now");
	gone(1, "was-gone");
	dir(0, "was-gone");
	put(0, "was-gone/new", "new");
	i = make_image(3);
	check_text(&i, "both/low", "low");
	check_text(&i, "both/changed", "new");
	check_text(&i, "opaque/new", "new");
	check_text(&i, "file", "a file now");
	check_text(&i, "was-gone/new", "new");
	assert_int_equal(find(&i, "both/hidden"), 0);
	assert_int_equal(find(&i, "whole"), 0);
	assert_int_equal(find(&i, "opaque/old"), 0);
	assert_int_equal(find(&i, "was-gone/old"), 0);
	assert_int_equal(inode_at(&i, find(&i, "opaque")).xattr_units, 0);
	assert_int_equal(find(&i, "both/.."), super_of(&i).root);
	assert_int_equal(find(&i, "both/."), find(&i, "both"));
}

static void test_what_a_file_has(void **state)
{
	const struct timespec times[2] = {{.tv_sec = -5, .tv_nsec = 7}, {.tv_sec = -5, .tv_nsec = 7}};
	cleanup_with(image_unmap) struct image i = {.data = NULL};
	struct erofs_xattr head;
	struct erofs_inode node;
	char text[64];
	uint64_t id;

	(void)state;
	put(0, "f", "x");
	mark(0, "f", "user.b", "two");
	mark(0, "f", "user.a", "one");
	assert_int_equal(fchmodat(layers[0], "f", 04751, 0), 0);
	assert_int_equal(utimensat(layers[0], "f", times, 0), 0);
	assert_int_equal(symlinkat("to/here", layers[0], "l"), 0);
	assert_int_equal(mkfifoat(layers[0], "p", 0600), 0);
	i = make_image(1);
	id = find(&i, "f");
	node = inode_at(&i, id);
	assert_int_equal(node.mode, S_IFREG | 04751);
	assert_int_equal(node.mtime_s, -5);
	assert_int_equal(node.mtime_ns, 7);
	assert_int_equal(node.uid, getuid());
	/* sorted, whatever the file system lists first */
	memcpy(&head, i.data + id * EROFS_NODE_UNIT + sizeof node + EROFS_XATTR_HEAD, sizeof head);
	assert_int_equal(head.prefix, 1);
	memcpy(text, i.data + id * EROFS_NODE_UNIT + sizeof node + EROFS_XATTR_HEAD + sizeof head, 20);
	assert_memory_equal(text, "aone\1\1\3\0btwo", 12);
	check_text(&i, "f", "x");
	check_text(&i, "l", "to/here");
	assert_true(S_ISLNK(inode_at(&i, find(&i, "l")).mode));
	assert_true(S_ISFIFO(inode_at(&i, find(&i, "p")).mode));
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = {0, 1, 2048, 2049, 4095, 4096, 4097, 8192 + 2048, 8192 + 2049, 3000000};
	cleanup_with(image_unmap) struct image i = {.data = NULL};
	mem_cleanup unsigned char *data = mem_zalloc(1, 3000000);
	char name[16];

	(void)state;
	for (size_t n = 0; n < 3000000; n++)
		data[n] = (unsigned char)(n * 7 + n / 4096);
	for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
		snprintf(name, sizeof name, "%zu", sizes[n]);
		put_bytes(0, name, data, sizes[n]);
	}
	i = make_image(1);
	for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
		struct erofs_inode node;
		uint64_t id;

		snprintf(name, sizeof name, "%zu", sizes[n]);
		id = find(&i, name);
		node = inode_at(&i, id);
		assert_int_equal(node.size, sizes[n]);
		for (size_t k = 0; k < sizes[n]; k++) {
			if (*at(&i, id, &node, k) != data[k])
				fail_msg("byte %zu of %zu", k, sizes[n]);
		}
	}
}

static void test_holes_stay_holes(void **state)
{
	fd_cleanup int fd = -1, file = openat(layers[0], "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	cleanup_with(image_unmap) struct image i = {.data = NULL};
	struct erofs_inode node;
	struct stat st;

	(void)state;
	assert_int_equal(pwrite(file, "begin", 5, 0), 5);
	assert_int_equal(pwrite(file, "end", 3, 200 << 20), 3);
	fd = write_file(1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_size > 200 << 20);
	assert_true(st.st_blocks * 512 < 4 << 20);
	i = make_image(1);
	node = inode_at(&i, find(&i, "sparse"));
	assert_memory_equal(at(&i, find(&i, "sparse"), &node, 0), "begin", 6);
	assert_memory_equal(at(&i, find(&i, "sparse"), &node, 200 << 20), "end", 3);
}

static void test_links(void **state)
{
	cleanup_with(image_unmap) struct image i = {.data = NULL};

	(void)state;
	put(1, "one", "x");
	dir(1, "d");
	assert_int_equal(linkat(layers[1], "one", layers[1], "d/two", 0), 0);
	assert_int_equal(linkat(layers[1], "one", layers[1], "three", 0), 0);
	gone(0, "three");
	dir(0, "e");
	dir(0, "f");
	i = make_image(2);
	assert_int_equal(find(&i, "one"), find(&i, "d/two"));
	assert_int_equal(inode_at(&i, find(&i, "one")).n_links, 2);
	assert_int_equal(inode_at(&i, find(&i, "d")).n_links, 2);
	assert_int_equal(inode_at(&i, super_of(&i).root).n_links, 2 + 3);
	assert_int_equal(super_of(&i).n_nodes, 1 + 1 + 3);
}

static void test_large_directory(void **state)
{
	cleanup_with(image_unmap) struct image i = {.data = NULL};
	char name[256];
	size_t n = 0;

	(void)state;
	dir(0, "many");
	for (int k = 0; k < 700; k++) {
		snprintf(name, sizeof name, "many/%0*d", 1 + k % 200, k);
		put(0, name, "");
	}
	put(0, "many/-before-the-dot", "");
	i = make_image(1);
	assert_int_equal(look(&i, find(&i, "many"), "", &n), 0);
	assert_int_equal(n, 700 + 1 + 2);
	snprintf(name, sizeof name, "many/%0100d", 699);
	assert_int_not_equal(find(&i, name), 0);
}

static void test_equal_trees_equal_bytes(void **state)
{
	cleanup_with(image_unmap) struct image a = {.data = NULL}, b = {.data = NULL};

	(void)state;
	dir(1, "d");
	put(1, "d/x", "1");
	put(0, "y", "2");
	a = make_image(2);
	b = make_image(2);
	assert_int_equal(a.n, b.n);
	assert_memory_equal(a.data, b.data, a.n);
	assert_memory_equal(super_of(&a).uuid, uuid, 16);
	assert_int_equal(super_of(&a).magic, EROFS_MAGIC);
	assert_int_equal(super_of(&a).n_blocks, a.n / EROFS_BLOCK);
}

static void test_only_ours_is_opened(void **state)
{
	const char *digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
	fd_cleanup int dirs = fs_mkdirs_in(top, "images/erofs", 0755, FS_NO_SYMLINKS, NULL);
	fd_cleanup int file = openat(dirs, digest + 7, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), fd = -1;

	(void)state;
	fd = image_erofs_open(top, digest, NULL);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(file, 0620), 0);
	assert_int_equal(image_erofs_open(top, digest, NULL), -EPERM);
	assert_int_equal(fchmod(file, 0600), 0);
	assert_int_equal(linkat(dirs, digest + 7, dirs, "other", 0), 0);
	assert_int_equal(image_erofs_open(top, digest, NULL), -EPERM);
	assert_int_equal(unlinkat(dirs, digest + 7, 0), 0);
	assert_int_equal(image_erofs_open(top, digest, NULL), -ENOENT);
	assert_int_equal(symlinkat("other", dirs, digest + 7), 0);
	assert_int_equal(image_erofs_open(top, digest, NULL), -ELOOP);
	assert_int_equal(image_erofs_open(top, "sha256:../x", NULL), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(layers_are_merged),
	    TEST(what_a_file_has),
	    TEST(sizes),
	    TEST(holes_stay_holes),
	    TEST(links),
	    TEST(large_directory),
	    TEST(equal_trees_equal_bytes),
	    TEST(only_ours_is_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
