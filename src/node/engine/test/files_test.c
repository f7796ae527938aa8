/* SPDX-License-Identifier: Apache-2.0
 *
 * The pure parts of figures and volumes: texts of the kernel, and options of volumes.
 */
#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/engine/spec.h"
#include "node/engine/stats_parse.h"
#include "node/engine/volume.h"
#include "node/engine/volume_record.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

static void network_figures(void **state)
{
	struct stats s = {.running = true};

	(void)state;
	stats_parse_net("Inter-|   Receive  |  Transmit\n face |bytes packets\n"
			"    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n"
			"  eth0: 100 2 3 4 0 0 0 0 500 6 7 8 0 0 0 0\n"
			"broken: 1 2\n a-name-that-is-too-long: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n",
			&s);
	assert_int_equal(s.n_interfaces, 1);
	assert_string_equal(s.interfaces[0].name, "eth0");
	assert_int_equal(s.interfaces[0].rx_bytes, 100);
	assert_int_equal(s.interfaces[0].rx_dropped, 4);
	assert_int_equal(s.interfaces[0].tx_bytes, 500);
	assert_int_equal(s.interfaces[0].tx_dropped, 8);
	stats_free(&s);
}

static void block_figures(void **state)
{
	struct stats s = {.running = true};

	(void)state;
	stats_parse_blkio("8:0 Read 12\n8:0 Write 34\n8:0 Total 46\nTotal 46\nx\n", STATS_BLOCK_BYTES, &s);
	assert_int_equal(s.n_block, 3);
	assert_string_equal(s.block[1].op, "write");
	assert_int_equal(s.block[1].value, 34);
	stats_free(&s);
	stats_parse_io("259:1 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\nnonsense\n", &s);
	assert_int_equal(s.n_block, 4);
	assert_int_equal(s.block[0].major, 259);
	assert_int_equal(s.block[3].list, STATS_BLOCK_COUNT);
	assert_int_equal(s.block[3].value, 4);
	stats_free(&s);
}

static void other_figures(void **state)
{
	struct stats s = {.running = true};

	(void)state;
	stats_parse_memory("anon 5\ninactive_file 7\nbroken\n", &s);
	assert_int_equal(s.n_memory, 2);
	assert_string_equal(s.memory[1].name, "inactive_file");
	stats_parse_percpu("11 22 33 \n", &s);
	assert_int_equal(s.n_per_cpu, 3);
	assert_int_equal(s.per_cpu_ns[2], 33);
	stats_free(&s);
	assert_int_equal(stats_parse_system("cpu  1 2 3 4 5 6 7 8 9 0\ncpu0 1\n", 100), 28 * 10000000LL);
	assert_int_equal(stats_parse_system("nothing", 100), 0);
}

static void groups_of_a_container(void **state)
{
	static const char text[] =
	    "12:cpu,cpuacct:/berth-abc/in/it\n5:memory:/other\n1:name=systemd:/x/berth-abc\n0::/berth/abc\n";
	mem_cleanup char *v1 = stats_parse_group(text, "cpuacct", "abc"), *v2 = stats_parse_group(text, "", "abc");

	(void)state;
	assert_string_equal(v1, "/berth-abc");
	assert_string_equal(v2, "/berth/abc");
	assert_null(stats_parse_group(text, "memory", "abc"));
	assert_null(stats_parse_group(text, "pids", "abc"));
	assert_null(stats_parse_group("0::/../abc\n", "", "abc"));
}

static void options_of_volumes(void **state)
{
	static const struct {
		const char *list[4];
		int result;
	} cases[] = {
	    {{NULL}, 0},
	    {{"type=tmpfs", "device=tmpfs", "o=size=1m"}, 0},
	    {{"type=none", "device=/srv", "o=bind,ro"}, 0},
	    {{"type=none", "device=srv", "o=bind"}, -EINVAL},
	    {{"type=none", "device=/srv"}, -EINVAL},
	    {{"type=nfs", "device=:/x", "o=addr=192.0.2.1,rw"}, 0},
	    {{"type=nfs", "device=:/x", "o=addr=server"}, -EINVAL},
	    {{"type=nfs"}, -EINVAL},
	    {{"device=/dev/sdz"}, -EINVAL},
	    {{"type=../x", "device=x"}, -EINVAL},
	    {{"size=1"}, -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct volume_options o;
		struct err err = ERR_INIT;

		assert_int_equal(volume_options_parse((char *const *)cases[i].list, &o, &err), cases[i].result);
		assert_int_equal(err.code, -cases[i].result);
	}
}

static void mounts_get_names(void **state)
{
	static const char text[] =
	    "{\"mounts\":[{\"type\":\"volume\",\"target\":\"/a\"},{\"type\":\"volume\",\"source\":\"x\",\"target\":\"/"
	    "b\"},{\"type\":\"bind\",\"source\":\"/c\",\"target\":\"/c\"}]}";
	yyjson_doc *doc = yyjson_read(text, sizeof text - 1, 0), *done = NULL, *again = NULL;
	yyjson_val *list;

	(void)state;
	volume_complete(yyjson_doc_get_root(doc), &done);
	assert_non_null(done);
	list = yyjson_obj_get(yyjson_doc_get_root(done), "mounts");
	assert_int_equal(yyjson_get_len(yyjson_obj_get(yyjson_arr_get(list, 0), "source")), 64);
	assert_true(yyjson_is_true(yyjson_obj_get(yyjson_arr_get(list, 0), "anonymous")));
	assert_string_equal(yyjson_get_str(yyjson_obj_get(yyjson_arr_get(list, 1), "source")), "x");
	assert_null(yyjson_obj_get(yyjson_arr_get(list, 1), "anonymous"));
	volume_complete(yyjson_doc_get_root(done), &again);
	assert_null(again);
	yyjson_doc_free(doc);
	yyjson_doc_free(done);
}

static void names_of_volumes(void **state)
{
	struct spec_mount mounts[] = {{.type = SPEC_VOLUME, .source = "a"},
				      {.type = SPEC_BIND, .source = "/b"},
				      {.type = SPEC_VOLUME, .source = "c", .anonymous = true},
				      {.type = SPEC_VOLUME, .source = "a"}};
	const struct spec s = {.mounts = mounts, .n_mounts = 4};
	char **all = volume_names(&s), **own = volume_own_names(&s);

	(void)state;
	assert_int_equal(mem_strv_len(all), 2);
	assert_int_equal(mem_strv_len(own), 1);
	assert_string_equal(own[0], "c");
	mem_strv_free(all);
	mem_strv_free(own);
}

static void write_in(int dir, const char *name)
{
	assert_int_equal(fs_write_atomic(dir, name, "x", 1, 0644, false, NULL), 0);
}

static bool has(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whoever uses the volume may lock its directory for as long as he likes. */
static void a_volume_is_filled_once(void **state)
{
	char path[] = "/tmp/berth-files-XXXXXX";
	struct volume_mount m = {.name = "v", .target = "/seed", .n_lowers = 1};
	int top, volume, records, image, seed, other;

	(void)state;
	assert_non_null(mkdtemp(path));
	top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	volume = fs_mkdirs_in(top, "volume", 0755, FS_NO_SYMLINKS, NULL);
	records = fs_mkdirs_in(top, "records", 0700, FS_NO_SYMLINKS, NULL);
	image = fs_mkdirs_in(top, "image", 0755, FS_NO_SYMLINKS, NULL);
	seed = fs_mkdirs_in(image, "seed", 0755, FS_NO_SYMLINKS, NULL);
	write_in(seed, "one");
	m.lowers = &image;
	other = openat(top, "volume", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(other, LOCK_EX), 0);
	assert_int_equal(volume_fill(records, &m, volume, NULL), 0);
	assert_true(has(volume, "one"));
	assert_false(has(records, "v.new"));
	write_in(seed, "two");
	assert_int_equal(volume_fill(records, &m, volume, NULL), 0);
	assert_false(has(volume, "two"));
	/* Cut short, it begins again. */
	write_in(records, "v.new");
	write_in(volume, "half");
	assert_int_equal(volume_fill(records, &m, volume, NULL), 0);
	assert_true(has(volume, "one") && has(volume, "two"));
	assert_false(has(volume, "half") || has(records, "v.new"));
	volume_record_remove(records, "v");
	assert_false(has(records, "v.lock"));
	for (size_t i = 0; i < 6; i++)
		close(((const int[]){other, seed, image, records, volume, top})[i]);
	top = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fs_remove_tree(top, path + 5, NULL), 0);
	close(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(network_figures),	  cmocka_unit_test(block_figures),
	    cmocka_unit_test(other_figures),	  cmocka_unit_test(groups_of_a_container),
	    cmocka_unit_test(options_of_volumes), cmocka_unit_test(mounts_get_names),
	    cmocka_unit_test(names_of_volumes),	  cmocka_unit_test(a_volume_is_filled_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
