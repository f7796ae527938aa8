/* SPDX-License-Identifier: Apache-2.0 */
#include "config_test.h"

#include "base/core/err.h"
#include "node/oci/mount_option.h"

#include <linux/mount.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#define MOUNT(more) CONFIG(",'mounts':[{'destination':'/d'," more "}]")
#define BIND(options) MOUNT("'source':'/s','options':['bind'" options "]")
#define MAPS "[{'containerID':0,'hostID':9,'size':1}]"

/* What one option does to a bind mount; all else stays as it is. */
static const struct row {
	const char *name;
	uint64_t set, clr, rec_set, rec_clr;
	unsigned long propagation;
	bool propagation_recursive, recursive;
} rows[] = {
    {"async"},
    {"atime", .clr = MOUNT_ATTR__ATIME},
    {"bind"},
    {"defaults"},
    {"dev", .clr = MOUNT_ATTR_NODEV},
    {"diratime", .clr = MOUNT_ATTR_NODIRATIME},
    {"dirsync"},
    {"exec", .clr = MOUNT_ATTR_NOEXEC},
    {"iversion"},
    {"lazytime"},
    {"loud"},
    {"mand"},
    {"noatime", .set = MOUNT_ATTR_NOATIME, .clr = MOUNT_ATTR__ATIME},
    {"nodev", .set = MOUNT_ATTR_NODEV},
    {"nodiratime", .set = MOUNT_ATTR_NODIRATIME},
    {"noexec", .set = MOUNT_ATTR_NOEXEC},
    {"noiversion"},
    {"nolazytime"},
    {"nomand"},
    {"norelatime", .clr = MOUNT_ATTR__ATIME},
    {"nostrictatime", .clr = MOUNT_ATTR__ATIME},
    {"nosuid", .set = MOUNT_ATTR_NOSUID},
    {"nosymfollow", .set = MOUNT_ATTR_NOSYMFOLLOW},
    {"private", .propagation = MS_PRIVATE},
    {"ratime", .rec_clr = MOUNT_ATTR__ATIME},
    {"rbind", .recursive = true},
    {"rdev", .rec_clr = MOUNT_ATTR_NODEV},
    {"rdiratime", .rec_clr = MOUNT_ATTR_NODIRATIME},
    {"relatime", .clr = MOUNT_ATTR__ATIME},
    {"rexec", .rec_clr = MOUNT_ATTR_NOEXEC},
    {"rnoatime", .rec_set = MOUNT_ATTR_NOATIME, .rec_clr = MOUNT_ATTR__ATIME},
    {"rnodev", .rec_set = MOUNT_ATTR_NODEV},
    {"rnodiratime", .rec_set = MOUNT_ATTR_NODIRATIME},
    {"rnoexec", .rec_set = MOUNT_ATTR_NOEXEC},
    {"rnorelatime", .rec_clr = MOUNT_ATTR__ATIME},
    {"rnostrictatime", .rec_clr = MOUNT_ATTR__ATIME},
    {"rnosuid", .rec_set = MOUNT_ATTR_NOSUID},
    {"rnosymfollow", .rec_set = MOUNT_ATTR_NOSYMFOLLOW},
    {"ro", .set = MOUNT_ATTR_RDONLY},
    {"rprivate", .propagation = MS_PRIVATE, .propagation_recursive = true},
    {"rrelatime", .rec_clr = MOUNT_ATTR__ATIME},
    {"rro", .rec_set = MOUNT_ATTR_RDONLY},
    {"rrw", .rec_clr = MOUNT_ATTR_RDONLY},
    {"rshared", .propagation = MS_SHARED, .propagation_recursive = true},
    {"rslave", .propagation = MS_SLAVE, .propagation_recursive = true},
    {"rstrictatime", .rec_set = MOUNT_ATTR_STRICTATIME, .rec_clr = MOUNT_ATTR__ATIME},
    {"rsuid", .rec_clr = MOUNT_ATTR_NOSUID},
    {"rsymfollow", .rec_clr = MOUNT_ATTR_NOSYMFOLLOW},
    {"runbindable", .propagation = MS_UNBINDABLE, .propagation_recursive = true},
    {"rw", .clr = MOUNT_ATTR_RDONLY},
    {"shared", .propagation = MS_SHARED},
    {"silent"},
    {"slave", .propagation = MS_SLAVE},
    {"strictatime", .set = MOUNT_ATTR_STRICTATIME, .clr = MOUNT_ATTR__ATIME},
    {"suid", .clr = MOUNT_ATTR_NOSUID},
    {"symfollow", .clr = MOUNT_ATTR_NOSYMFOLLOW},
    {"sync"},
    {"unbindable", .propagation = MS_UNBINDABLE},
};
#define N_ROWS (sizeof rows / sizeof *rows)

static void check_row(const struct row *row, const struct rt_fs *fs)
{
	if (fs->attr_set != row->set || fs->attr_clr != row->clr || fs->rec_set != row->rec_set ||
	    fs->rec_clr != row->rec_clr || fs->propagation != row->propagation ||
	    fs->propagation_recursive != row->propagation_recursive || fs->recursive != row->recursive)
		fail_msg("%s: %llx %llx %llx %llx %lx %d %d", row->name, (unsigned long long)fs->attr_set,
			 (unsigned long long)fs->attr_clr, (unsigned long long)fs->rec_set,
			 (unsigned long long)fs->rec_clr, fs->propagation, fs->propagation_recursive, fs->recursive);
	assert_int_equal(fs->type, RT_FS_BIND);
	assert_int_equal(fs->source_fd, -1);
	assert_null(fs->options);
	assert_false(fs->copy_up || fs->idmap_container);
}

static void test_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		config_cleanup struct oci_config *c = NULL;
		char text[256];

		(void)snprintf(text, sizeof text, BIND(",'%s'"), rows[i].name);
		c = config_test_ok(oci_config_parse, text);
		check_row(&rows[i], &c->box.mounts[0]);
	}
}

/* Every name that is printed by `features` is in a test; the list is sorted. */
static void test_names(void **state)
{
	static const char *const elsewhere[] = {"idmap", "ridmap", "tmpcopyup"};
	size_t n = 0;

	(void)state;
	for (size_t i = 0; mount_option_name(i); i++) {
		const char *name = mount_option_name(i);
		bool tested = false;

		assert_true(i == 0 || strcmp(mount_option_name(i - 1), name) < 0);
		for (size_t k = 0; k < N_ROWS; k++)
			tested |= !strcmp(rows[k].name, name);
		for (size_t k = 0; k < sizeof elsewhere / sizeof *elsewhere; k++)
			tested |= !strcmp(elsewhere[k], name);
		if (!tested)
			fail_msg("%s", name);
		n++;
	}
	assert_int_equal(n, N_ROWS + sizeof elsewhere / sizeof *elsewhere);
}

static void test_sequences(void **state)
{
	static const struct {
		const char *options;
		uint64_t set, clr;
		unsigned long propagation;
	} cases[] = {
	    {",'ro','rw'", 0, MOUNT_ATTR_RDONLY, 0},
	    {",'rw','ro'", MOUNT_ATTR_RDONLY, 0, 0},
	    {",'ro,nosuid','suid'", MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, 0},
	    {",'noatime','nostrictatime'", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, 0},
	    {",'noatime','strictatime'", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME, 0},
	    {",'noatime','atime'", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME, 0},
	    {",'noatime','norelatime'", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME, 0},
	    {",'shared','rslave'", 0, 0, MS_SLAVE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		config_cleanup struct oci_config *c = NULL;
		char text[256];

		(void)snprintf(text, sizeof text, BIND("%s"), cases[i].options);
		c = config_test_ok(oci_config_parse, text);
		assert_int_equal(c->box.mounts[0].attr_set, cases[i].set);
		assert_int_equal(c->box.mounts[0].attr_clr, cases[i].clr);
		assert_int_equal(c->box.mounts[0].propagation, cases[i].propagation);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *json;
		int code;
		const char *error;
	} cases[] = {
	    {CONFIG(",'mounts':{}"), EINVAL, "mounts: a list is needed"},
	    {CONFIG(",'mounts':[{}]"), EINVAL, "mounts[0].destination: is missing"},
	    {CONFIG(",'mounts':[{'destination':''}]"), EINVAL, "mounts[0].destination: is empty"},
	    {MOUNT("'source':'x'"), EINVAL, "mounts[0]: a type is needed"},
	    {MOUNT("'options':['rbind']"), EINVAL, "mounts[0]: a bind mount needs a source"},
	    {MOUNT("'type':'tmpfs','options':'ro'"), EINVAL, "mounts[0].options: a list is needed"},
	    {MOUNT("'type':'tmpfs','options':['ro','remount']"), ENOTSUP,
	     "mounts[0].options[1]: this runtime has no mount option \"remount\""},
	    {BIND(",'copy-symlink'"), ENOTSUP, "\"copy-symlink\""},
	    {BIND(",'src-nofollow'"), ENOTSUP, "\"src-nofollow\""},
	    {BIND(",'dest-nofollow'"), ENOTSUP, "\"dest-nofollow\""},
	    {BIND(",'rsync'"), ENOTSUP, "\"rsync\""},
	    {BIND(",'rasync'"), ENOTSUP, "\"rasync\""},
	    {BIND(",'rdirsync'"), ENOTSUP, "\"rdirsync\""},
	    {BIND(",'rmand'"), ENOTSUP, "\"rmand\""},
	    {BIND(",'rnomand'"), ENOTSUP, "\"rnomand\""},
	    {BIND(",'size=1k'"), EINVAL, "option \"size=1k\" is for a new file system"},
	    {BIND(",'tmpcopyup','nonsense'"), EINVAL, "option \"nonsense\" is for a new file system"},
	    {BIND(",'tmpcopyup'"), EINVAL, "tmpcopyup is for a tmpfs"},
	    {MOUNT("'type':'proc','options':['tmpcopyup']"), EINVAL, "mounts[0]: tmpcopyup is for a tmpfs"},
	    {MOUNT("'type':'tmpfs','options':['']"), EINVAL, "options[0]: \"\" is not a mount option"},
	    {MOUNT("'type':'tmpfs','options':['=x']"), EINVAL, "\"=x\" is not a mount option"},
	    {MOUNT("'type':'tmpfs','options':['a,,b']"), EINVAL, "\"\" is not a mount option"},
	    {MOUNT("'type':'tmpfs','options':['idmap']"), EINVAL, "ids can be mapped for a bind mount only"},
	    {BIND(",'idmap'"), EINVAL, "mounts[0]: option idmap needs uidMappings and gidMappings, or a user"},
	    {BIND(",'ridmap'"), EINVAL, "option idmap needs"},
	    {MOUNT("'source':'/s','options':['bind'],'uidMappings':" MAPS), EINVAL, "are needed together"},
	    {MOUNT("'source':'/s','options':['bind'],'gidMappings':" MAPS), EINVAL, "are needed together"},
	    {MOUNT("'type':'tmpfs','uidMappings':" MAPS ",'gidMappings':" MAPS), EINVAL, "for a bind mount only"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		config_test_refused(oci_config_parse, cases[i].json, cases[i].code, cases[i].error);
}

static void test_idmap(void **state)
{
	config_cleanup struct oci_config *c = config_test_ok(
	    oci_config_parse,
	    CONFIG(",'mounts':[{'destination':'/a','source':'a','options':['bind','idmap']},"
		   "{'destination':'/b','source':'b','options':['rbind','ridmap']},"
		   "{'destination':'/c','source':'c','type':'bind','options':['ridmap'],'uidMappings':" MAPS
		   ",'gidMappings':" MAPS "},"
		   "{'destination':'/d','source':'d','options':['bind'],'uidMappings':" MAPS ",'gidMappings':" MAPS
		   "}],"
		   "'linux':{'namespaces':[{'type':'user'}],'uidMappings':" MAPS ",'gidMappings':" MAPS "}"));
	const struct rt_fs *m = c->box.mounts;

	(void)state;
	assert_int_equal(c->box.n_mounts, 4);
	assert_true(m[0].idmap_container && !m[0].idmap_recursive && !m[0].recursive);
	assert_true(m[1].idmap_container && m[1].idmap_recursive && m[1].recursive);
	assert_true(!m[2].idmap_container && m[2].idmap_recursive && m[2].n_uid_maps == 1 && m[2].n_gid_maps == 1);
	assert_int_equal(m[2].type, RT_FS_BIND);
	assert_int_equal(m[2].gid_maps[0].outside, 9);
	assert_true(!m[3].idmap_container && !m[3].idmap_recursive && m[3].n_uid_maps == 1);
}

static void check_options(const struct rt_fs_option *o, const char *want)
{
	char text[256] = "";

	for (; o && o->key; o++) {
		size_t n = strlen(text);

		(void)snprintf(text + n, sizeof text - n, "%s%s%s|", o->key, o->value ? ":" : "",
			       o->value ? o->value : "");
	}
	assert_string_equal(text, want);
}

/* What goes on to a new file system, and in which form. */
static void test_new(void **state)
{
	static const struct {
		const char *members;
		enum rt_fs_type type;
		uint64_t set;
		bool copy_up;
		const char *options;
	} cases[] = {
	    {"'type':'tmpfs'", RT_FS_NEW, 0, false, ""},
	    {"'type':'tmpfs','options':['size=65536k','mode=1777','nodev','tmpcopyup','noswap']", RT_FS_NEW,
	     MOUNT_ATTR_NODEV, true, "size:65536k|mode:1777|noswap|"},
	    {"'type':'tmpfs','options':['ro']", RT_FS_NEW, MOUNT_ATTR_RDONLY, false, ""},
	    {"'type':'ext4','options':['ro','sync','lazytime','iversion','data=']", RT_FS_NEW, MOUNT_ATTR_RDONLY, false,
	     "sync|lazytime|data:|ro|"},
	    {"'type':'tmpfs','options':['size=1k,mode=7','a=b=c']", RT_FS_NEW, 0, false, "size:1k|mode:7|a:b=c|"},
	    {"'type':'tmpfs','options':['context=\\\"u:o:x:s0:c1,c2\\\"','nosuid']", RT_FS_NEW, MOUNT_ATTR_NOSUID,
	     false, "context:u:o:x:s0:c1,c2|"},
	    {"'type':'overlay','options':['lowerdir=/a\\\\,b:/c','upperdir=/u']", RT_FS_NEW, 0, false,
	     "lowerdir:/a\\,b:/c|upperdir:/u|"},
	    {"'type':'cgroup','options':['ro','relatime']", RT_FS_CGROUP, MOUNT_ATTR_RDONLY, false, ""},
	    {"'type':'cgroup2','options':['nsdelegate']", RT_FS_CGROUP, 0, false, "nsdelegate|"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		config_cleanup struct oci_config *c = NULL;
		const struct rt_fs *fs;
		char text[512];

		(void)snprintf(text, sizeof text, MOUNT("%s"), cases[i].members);
		c = config_test_ok(oci_config_parse, text);
		fs = &c->box.mounts[0];
		assert_int_equal(fs->type, cases[i].type);
		assert_int_equal(fs->attr_set, cases[i].set);
		assert_int_equal(fs->copy_up, cases[i].copy_up);
		check_options(fs->options, cases[i].options);
	}
}

/* Podman and docker write such lists: one that says rbind is one, wherever it stands. */
static void test_rbind(void **state)
{
	static const char *const lists[] = {"'rbind','rprivate','rw','bind'", "'bind','rbind'", "'rw','rbind'"};

	(void)state;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		config_cleanup struct oci_config *c = NULL;
		char text[256];

		(void)snprintf(text, sizeof text, MOUNT("'source':'/s','options':[%s]"), lists[i]);
		c = config_test_ok(oci_config_parse, text);
		assert_int_equal(c->box.mounts[0].type, RT_FS_BIND);
		assert_true(c->box.mounts[0].recursive);
	}
}

static void test_paths(void **state)
{
	config_cleanup struct oci_config *c = config_test_ok(
	    oci_config_parse, CONFIG(",'mounts':[{'destination':'a/b','source':'.','type':'none','options':['rbind']},"
				     "{'destination':'/p','type':'proc','source':''}]"));

	(void)state;
	assert_string_equal(c->box.mounts[0].target, "/a/b");
	assert_string_equal(c->box.mounts[0].source, ".");
	assert_string_equal(c->box.mounts[1].target, "/p");
	assert_string_equal(c->box.mounts[1].fs_type, "proc");
	assert_null(c->box.mounts[1].source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each),    cmocka_unit_test(test_names), cmocka_unit_test(test_sequences),
	    cmocka_unit_test(test_refused), cmocka_unit_test(test_idmap), cmocka_unit_test(test_new),
	    cmocka_unit_test(test_paths),   cmocka_unit_test(test_rbind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
