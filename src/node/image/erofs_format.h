/* SPDX-License-Identifier: Apache-2.0
 *
 * erofs_format: the parts of the EROFS on-disk format (Linux, fs/erofs/erofs_fs.h, docs.kernel.org/filesystems/erofs.html) that an uncompressed file
 * system has. Numbers are little-endian. Linux 5.4 and later read it.
 */
#pragma once

#include <stdint.h>

#define EROFS_BLOCK 4096u
#define EROFS_BLOCK_BITS 12
#define EROFS_SUPER_AT 1024u
#define EROFS_MAGIC 0xe0f5e1e2u
#define EROFS_COMPAT_CHECKSUM 1u
#define EROFS_COMPAT_MTIME 2u
#define EROFS_NODE_UNIT 32u	   /* a node is named by its offset in the file, in these */
#define EROFS_ROOT_NODE_MAX 65535u /* the super block has 16 bits for the root's */
#define EROFS_BLOCKS_MAX UINT32_MAX

struct erofs_super {
	uint32_t magic, checksum, compat;
	uint8_t block_bits, slots;
	uint16_t root;
	uint64_t n_nodes, time_s;
	uint32_t time_ns, n_blocks, meta_block, xattr_block;
	uint8_t uuid[16], volume[16];
	uint32_t incompat;
	uint16_t algorithms, devices, device_slot;
	uint8_t dir_block_bits, n_prefixes;
	uint32_t prefixes;
	uint64_t packed_node;
	uint8_t reserved[24];
};
_Static_assert(sizeof(struct erofs_super) == 128, "the super block of EROFS has 128 bytes");

/* Bits of format: 0 = this, the long form; from 1 on how the content lies. */
#define EROFS_FORMAT_PLAIN (1u | 0u << 1)  /* whole blocks from u.block on */
#define EROFS_FORMAT_INLINE (1u | 2u << 1) /* the same, but what does not fill a block stands behind the node */
struct erofs_inode {
	uint16_t format, xattr_units, mode, reserved_1;
	uint64_t size;
	union {
		uint32_t block, device;
	} u;
	uint32_t number, uid, gid;
	int64_t mtime_s;
	uint32_t mtime_ns, n_links;
	uint8_t reserved_2[16];
};
_Static_assert(sizeof(struct erofs_inode) == 64, "an extended inode of EROFS has 64 bytes");

/* Extended attributes stand behind the inode: 12 bytes, then each of them, padded to 4. xattr_units = 1 + their size / 4, or 0. */
#define EROFS_XATTR_HEAD 12u
struct erofs_xattr {
	uint8_t n_name, prefix;
	uint16_t n_value;
};
_Static_assert(sizeof(struct erofs_xattr) == 4, "an extended attribute of EROFS has a head of 4 bytes");

/* A block of a directory: these in the order of their names' bytes, and then the names. */
struct __attribute__((packed)) erofs_entry {
	uint64_t node;
	uint16_t name_at;
	uint8_t type, reserved;
};
_Static_assert(sizeof(struct erofs_entry) == 12, "an entry of a directory of EROFS has 12 bytes");
