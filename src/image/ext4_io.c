/* libext2fs's I/O on blocks of ours. It opens a channel by a name alone: ours is the cow's address
 * in print, which needs no table of open ones. Every fault was reported by the cow, and is EIO to
 * libext2fs. There are no statistics, so that it does not count what it wrote into the superblock
 * (e2fsprogs 1.47.0, lib/ext2fs/closefs.c). */
#include "image/ext4_own.h"

#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <stdio.h>
#include <string.h>

const char *kl_ext4_io_name(struct kl_cow *cow, char out[static KL_EXT4_IO_NAME])
{
    snprintf(out, KL_EXT4_IO_NAME, "%p", (void *)cow);
    return out;
}

static errcode_t open_channel(const char *name, int flags, io_channel *out)
{
    (void)flags;
    void *cow;
    io_channel c;
    if (sscanf(name, "%p", &cow) != 1)
        return EINVAL;
    errcode_t err = ext2fs_get_memzero(sizeof *c, &c);
    if (!err)
        err = ext2fs_get_memzero(strlen(name) + 1, &c->name);
    if (err)
        return err;
    memcpy(c->name, name, strlen(name));
    c->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    c->manager = &kl_ext4_io;
    c->block_size = 1024;
    c->refcount = 1;
    c->private_data = cow;
    *out = c;
    return 0;
}

static errcode_t close_channel(io_channel c)
{
    if (--c->refcount > 0)
        return 0;
    ext2fs_free_mem(&c->name);
    ext2fs_free_mem(&c);
    return 0;
}

static errcode_t set_block_size(io_channel c, int size)
{
    c->block_size = size;
    return 0;
}

/* A negative count is one of bytes. */
static size_t bytes_of(io_channel c, int count)
{
    return count < 0 ? (size_t) - (int64_t)count : (size_t)count * (size_t)c->block_size;
}

static uint64_t byte_at(io_channel c, unsigned long long block)
{
    unsigned size = (unsigned)c->block_size;
    return block > UINT64_MAX / size ? UINT64_MAX : block * size;
}

static errcode_t read_blocks64(io_channel c, unsigned long long block, int count, void *to)
{
    return kl_cow_read(c->private_data, byte_at(c, block), to, bytes_of(c, count)) ? 0 : EIO;
}

static errcode_t write_blocks64(io_channel c, unsigned long long block, int count, const void *from)
{
    return kl_cow_write(c->private_data, byte_at(c, block), from, bytes_of(c, count)) ? 0 : EIO;
}

static errcode_t read_blocks(io_channel c, unsigned long block, int count, void *to)
{
    return read_blocks64(c, block, count, to);
}

static errcode_t write_blocks(io_channel c, unsigned long block, int count, const void *from)
{
    return write_blocks64(c, block, count, from);
}

static errcode_t write_bytes(io_channel c, unsigned long at, int n, const void *from)
{
    return n >= 0 && kl_cow_write(c->private_data, at, from, (size_t)n) ? 0 : EIO;
}

static errcode_t flush(io_channel c)
{
    (void)c;
    return 0;
}

struct struct_io_manager kl_ext4_io = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "kickline",
    .open = open_channel,
    .close = close_channel,
    .set_blksize = set_block_size,
    .read_blk = read_blocks,
    .write_blk = write_blocks,
    .flush = flush,
    .write_byte = write_bytes,
    .read_blk64 = read_blocks64,
    .write_blk64 = write_blocks64,
};
