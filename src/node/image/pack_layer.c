/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/pack.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/layer.h"
#include "node/image/tar_record.h"
#include "node/image/store.h"

#include <fcntl.h>
#include <stdio.h>

static int pack_and_record(int tmp, const struct pack_options *o, struct image_unpacked *ret, struct err *err)
{
	cleanup_with(tar_record_freep) struct tar_record *rec = NULL;
	fd_cleanup int fs = fs_open_in(tmp, "fs", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	struct packed_tree packed;
	struct sink_fd digest;
	struct sink to;
	bool ok;
	int r;

	if (fs < 0)
		return fs;
	sink_fd_init(&digest, -1, "the layer");
	to = sink_to_fd(&digest);
	r = tar_record_new(tmp, &rec, err);
	if (r == 0)
		r = pack_tree(fs, o, rec, &to, &packed, err);
	if (r == 0)
		r = tar_record_end(rec, &ok, err);
	if (r == 0 && syncfs(tmp) < 0)
		r = err_sys(err, errno, "write the layer to the disk");
	if (r < 0)
		return r;
	*ret = (struct image_unpacked){.tar_size = packed.size,
				       .n_files = packed.n_files,
				       .n_special_skipped = packed.n_sockets_left_out,
				       .n_xattrs_dropped = packed.n_xattrs_dropped};
	sha256_hex(&digest.sha, ret->diff_id);
	return 0;
}

int image_layer_from_dir(struct image_store *s, struct image_lease *lease, const char *tmp_name,
			 const struct pack_options *o, struct image_unpacked *ret, struct err *err)
{
	fd_cleanup int tmp = fs_open_in(s->tmp, tmp_name, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	struct image_unpacked u;
	int r;

	if (tmp < 0)
		return tmp;
	r = pack_and_record(tmp, o, &u, err);
	if (r == 0)
		r = image_lease_layer(lease, u.diff_id, err);
	if (r >= 0)
		r = image_layer_place(s, lease, tmp_name, &u, NULL, err);
	if (r == 0)
		*ret = u;
	return r;
}
