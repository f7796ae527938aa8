/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/mount_option.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/oci/pool.h"
#include "node/oci/reader.h"

#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>

enum kind {
	SET, /* an attribute of the mount */
	CLEAR,
	ATIME,	   /* one value of the field for access times */
	NOT_ATIME, /* back from that value to the kernel's default */
	PROPAGATION,
	SUPER,	 /* of the file system, but by a name that all have: a bind mount has no say in it */
	NOTHING, /* what the kernel does anyway, or what has no effect any more */
	BIND,
	IDMAP,
	COPY_UP,
	REFUSED
};

struct row {
	const char *name;
	enum kind kind;
	bool recursive;
	uint64_t flag;
};

/* Sorted: the table is searched by halves. */
static const struct row rows[] = {
    {"async", SUPER},
    {"atime", NOT_ATIME, false, MOUNT_ATTR_NOATIME},
    {"bind", BIND},
    {"copy-symlink", REFUSED},
    {"defaults", NOTHING},
    {"dest-nofollow", REFUSED},
    {"dev", CLEAR, false, MOUNT_ATTR_NODEV},
    {"diratime", CLEAR, false, MOUNT_ATTR_NODIRATIME},
    {"dirsync", SUPER},
    {"exec", CLEAR, false, MOUNT_ATTR_NOEXEC},
    {"idmap", IDMAP},
    {"iversion", NOTHING}, /* i_version counts since Linux 6.1 when somebody asks for it */
    {"lazytime", SUPER},
    {"loud", NOTHING},
    {"mand", SUPER},
    {"noatime", ATIME, false, MOUNT_ATTR_NOATIME},
    {"nodev", SET, false, MOUNT_ATTR_NODEV},
    {"nodiratime", SET, false, MOUNT_ATTR_NODIRATIME},
    {"noexec", SET, false, MOUNT_ATTR_NOEXEC},
    {"noiversion", NOTHING},
    {"nolazytime", SUPER},
    {"nomand", SUPER},
    {"norelatime", NOT_ATIME, false, MOUNT_ATTR_RELATIME},
    {"nostrictatime", NOT_ATIME, false, MOUNT_ATTR_STRICTATIME},
    {"nosuid", SET, false, MOUNT_ATTR_NOSUID},
    {"nosymfollow", SET, false, MOUNT_ATTR_NOSYMFOLLOW},
    {"private", PROPAGATION, false, MS_PRIVATE},
    {"rasync", REFUSED},
    {"ratime", NOT_ATIME, true, MOUNT_ATTR_NOATIME},
    {"rbind", BIND, true},
    {"rdev", CLEAR, true, MOUNT_ATTR_NODEV},
    {"rdiratime", CLEAR, true, MOUNT_ATTR_NODIRATIME},
    {"rdirsync", REFUSED},
    {"relatime", ATIME, false, MOUNT_ATTR_RELATIME},
    {"remount", REFUSED},
    {"rexec", CLEAR, true, MOUNT_ATTR_NOEXEC},
    {"ridmap", IDMAP, true},
    {"rmand", REFUSED},
    {"rnoatime", ATIME, true, MOUNT_ATTR_NOATIME},
    {"rnodev", SET, true, MOUNT_ATTR_NODEV},
    {"rnodiratime", SET, true, MOUNT_ATTR_NODIRATIME},
    {"rnoexec", SET, true, MOUNT_ATTR_NOEXEC},
    {"rnomand", REFUSED},
    {"rnorelatime", NOT_ATIME, true, MOUNT_ATTR_RELATIME},
    {"rnostrictatime", NOT_ATIME, true, MOUNT_ATTR_STRICTATIME},
    {"rnosuid", SET, true, MOUNT_ATTR_NOSUID},
    {"rnosymfollow", SET, true, MOUNT_ATTR_NOSYMFOLLOW},
    {"ro", SET, false, MOUNT_ATTR_RDONLY},
    {"rprivate", PROPAGATION, true, MS_PRIVATE},
    {"rrelatime", ATIME, true, MOUNT_ATTR_RELATIME},
    {"rro", SET, true, MOUNT_ATTR_RDONLY},
    {"rrw", CLEAR, true, MOUNT_ATTR_RDONLY},
    {"rshared", PROPAGATION, true, MS_SHARED},
    {"rslave", PROPAGATION, true, MS_SLAVE},
    {"rstrictatime", ATIME, true, MOUNT_ATTR_STRICTATIME},
    {"rsuid", CLEAR, true, MOUNT_ATTR_NOSUID},
    {"rsymfollow", CLEAR, true, MOUNT_ATTR_NOSYMFOLLOW},
    {"rsync", REFUSED},
    {"runbindable", PROPAGATION, true, MS_UNBINDABLE},
    {"rw", CLEAR, false, MOUNT_ATTR_RDONLY},
    {"shared", PROPAGATION, false, MS_SHARED},
    {"silent", NOTHING},
    {"slave", PROPAGATION, false, MS_SLAVE},
    {"src-nofollow", REFUSED},
    {"strictatime", ATIME, false, MOUNT_ATTR_STRICTATIME},
    {"suid", CLEAR, false, MOUNT_ATTR_NOSUID},
    {"symfollow", CLEAR, false, MOUNT_ATTR_NOSYMFOLLOW},
    {"sync", SUPER},
    {"tmpcopyup", COPY_UP},
    {"unbindable", PROPAGATION, false, MS_UNBINDABLE},
};
#define N_ROWS (sizeof rows / sizeof *rows)

static int compare(const void *name, const void *row)
{
	return strcmp(name, ((const struct row *)row)->name);
}

static const struct row *find(const char *name)
{
	return bsearch(name, rows, N_ROWS, sizeof *rows, compare);
}

const char *mount_option_name(size_t i)
{
	for (size_t row = 0; row < N_ROWS; row++) {
		if (rows[row].kind != REFUSED && i-- == 0)
			return rows[row].name;
	}
	return NULL;
}

bool mount_option_propagation(const char *name, unsigned long *ret_flag, bool *ret_recursive)
{
	const struct row *row = find(name);

	if (!row || row->kind != PROPAGATION)
		return false;
	*ret_flag = (unsigned long)row->flag;
	*ret_recursive = row->recursive;
	return true;
}

/* ---- attributes ---- */

/* The access times are one field of several bits: mount_setattr(2) wants all of them cleared when it sets one value. */
static void set_atime(uint64_t *set, uint64_t *clr, uint64_t value)
{
	*set = (*set & ~(uint64_t)MOUNT_ATTR__ATIME) | value;
	*clr |= MOUNT_ATTR__ATIME;
}

/* "noatime" and then "nostrictatime" stays noatime. */
static void leave_atime(uint64_t *set, uint64_t *clr, uint64_t value)
{
	if (!(*clr & MOUNT_ATTR__ATIME) || (*set & MOUNT_ATTR__ATIME) == value)
		set_atime(set, clr, MOUNT_ATTR_RELATIME);
}

static void add_attr(struct rt_fs *fs, const struct row *row)
{
	uint64_t *set = row->recursive ? &fs->rec_set : &fs->attr_set;
	uint64_t *clr = row->recursive ? &fs->rec_clr : &fs->attr_clr;

	switch (row->kind) {
	case SET:
		*set |= row->flag;
		*clr &= ~row->flag;
		break;
	case CLEAR:
		*set &= ~row->flag;
		*clr |= row->flag;
		break;
	case ATIME:
		set_atime(set, clr, row->flag);
		break;
	default:
		leave_atime(set, clr, row->flag);
		break;
	}
}

/* ---- the file system's own ---- */

static bool labels_files(const char *key)
{
	static const char *const keys[] = {"context", "fscontext", "defcontext", "rootcontext", NULL};

	return reader_index_of(keys, key) >= 0;
}

/* mount(8) takes the quotes that keep a label's commas together; the kernel wants them gone. */
static void unquote(char *value)
{
	size_t n = strlen(value);

	if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
		memmove(value, value + 1, n - 2);
		value[n - 2] = '\0';
	}
}

static int add_foreign(struct reader *rd, struct mount_draft *d, const char *text)
{
	char *key = pool_printf(rd->pool, "%s", text), *value = strchr(key, '=');

	if (!*key || value == key)
		return reader_fail(rd, EINVAL, "\"%.100s\" is not a mount option", text);
	if (value) {
		*value++ = '\0';
		if (labels_files(key))
			unquote(value);
	}
	if (!d->n_foreign++)
		d->foreign = text;
	d->options[d->n_options++] = (struct rt_fs_option){.key = key, .value = value};
	return 0;
}

static int add_known(struct reader *rd, struct mount_draft *d, const struct row *row)
{
	struct rt_fs *fs = d->fs;

	switch (row->kind) {
	case SET:
	case CLEAR:
	case ATIME:
	case NOT_ATIME:
		add_attr(fs, row);
		break;
	case PROPAGATION:
		fs->propagation = (unsigned long)row->flag;
		fs->propagation_recursive = row->recursive;
		break;
	case SUPER:
		d->options[d->n_options++] = (struct rt_fs_option){.key = row->name};
		break;
	case BIND:
		d->bind = true;
		fs->recursive |= row->recursive; /* "rbind" and then "bind" is written by others, and means rbind */
		break;
	case IDMAP:
		d->idmap = true;
		fs->idmap_recursive = row->recursive;
		break;
	case COPY_UP:
		fs->copy_up = true;
		break;
	case NOTHING:
		break;
	case REFUSED:
		return reader_fail(rd, ENOTSUP, "this runtime has no mount option \"%s\"", row->name);
	}
	return 0;
}

static int add_one(struct reader *rd, struct mount_draft *d, const char *text)
{
	const struct row *row = find(text);

	return row ? add_known(rd, d, row) : add_foreign(rd, d, text);
}

/* Length up to the next comma that separates: not one in quotes or behind a backslash. */
static size_t part_length(const char *s)
{
	bool quoted = false;
	size_t n = 0;

	for (; s[n]; n++) {
		if (s[n] == '"')
			quoted = !quoted;
		else if (s[n] == '\\' && s[n + 1])
			n++;
		else if (s[n] == ',' && !quoted)
			break;
	}
	return n;
}

/* "size=1m,mode=700" in one text reaches the kernel as two options with other runtimes, which join all of them with commas. */
int mount_option_add(struct reader *rd, struct mount_draft *d, const char *text)
{
	int r = 0;

	while (r == 0) {
		size_t n = part_length(text);

		r = add_one(rd, d, pool_printf(rd->pool, "%.*s", (int)n, text));
		if (!text[n])
			break;
		text += n + 1;
	}
	return r;
}
