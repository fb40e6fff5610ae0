"""EROFS images that Debian's mkfs.erofs cannot write: LZMA, DEFLATE and zstd, two algorithms in one
file, small blocks, long prefixes of attributes' names. (linux/fs/erofs/erofs_fs.h says the format;
the tests believe an image only after the kernel has read it.)"""
import ctypes
import stat
import struct
import zlib

PLAIN, HEAD1, BODY, HEAD2 = range(4)
LZ4, LZMA, DEFLATE, ZSTD = range(4)
CFGS = {LZ4: struct.pack("<HHH10x", 14, 65535, 16), LZMA: struct.pack("<HIH8x", 14, 1 << 20, 0),
        DEFLATE: struct.pack("<HB5x", 6, 15), ZSTD: struct.pack("<HBB4x", 6, 0, 10)}
TIME = 1_600_000_000


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc


# --- packing: each takes up to all of `data` into at most `room` bytes, and says how much ---------


class LzmaStream(ctypes.Structure):
    _fields_ = [("next_in", ctypes.c_char_p), ("avail_in", ctypes.c_size_t),
                ("total_in", ctypes.c_uint64), ("next_out", ctypes.c_void_p),
                ("avail_out", ctypes.c_size_t), ("total_out", ctypes.c_uint64),
                ("rest", ctypes.c_uint64 * 16)]


def microlzma(data, room):
    lib = ctypes.CDLL("liblzma.so.5")
    options = ctypes.create_string_buffer(512)
    lib.lzma_lzma_preset(options, 6)
    struct.pack_into("<I", options, 0, 1 << 20)  # the dictionary that CFGS gives
    stream, out = LzmaStream(), ctypes.create_string_buffer(room)
    assert lib.lzma_microlzma_encoder(ctypes.byref(stream), options) == 0
    stream.next_in, stream.avail_in = data, len(data)
    stream.next_out, stream.avail_out = ctypes.addressof(out), room
    assert lib.lzma_code(ctypes.byref(stream), 3) == 1
    used, n = stream.total_in, stream.total_out
    lib.lzma_end(ctypes.byref(stream))
    return out.raw[:n], used


def whole(pack):
    """The most that packs into `room`, found by trying."""
    def fitting(data, room):
        low, high = 0, len(data)
        while low < high:
            middle = (low + high + 1) // 2
            if len(pack(data[:middle])) <= room:
                low = middle
            else:
                high = middle - 1
        return pack(data[:low]), low
    return fitting


@whole
def deflate(data):
    z = zlib.compressobj(9, zlib.DEFLATED, -15)
    return z.compress(data) + z.flush()


@whole
def zstd(data):
    lib = ctypes.CDLL("libzstd.so.1")
    lib.ZSTD_compress.restype = ctypes.c_size_t
    out = ctypes.create_string_buffer(len(data) + 1000)
    n = lib.ZSTD_compress(out, ctypes.c_size_t(len(out)), data, ctypes.c_size_t(len(data)), 9)
    return out.raw[:n]


@whole
def lz4(data):
    lib = ctypes.CDLL("liblz4.so.1")
    out = ctypes.create_string_buffer(len(data) + len(data) // 200 + 100)
    n = lib.LZ4_compress_default(data, out, len(data), len(out))
    return out.raw[:n]


PACK = {LZ4: lz4, LZMA: microlzma, DEFLATE: deflate, ZSTD: zstd}


# --- the image -----------------------------------------------------------------------------------


class Image:
    """Files {name: bytes} in one directory. Metadata begins with block 4096 / block size or 1; data
    follows it, so the inodes are made twice: once to know how long they are."""

    def __init__(self, files, block=4096, algorithms=(), blocks=1, xattrs=None, prefixes=(),
                 partial=None):
        self.block, self.bits = block, block.bit_length() - 1
        self.files, self.algorithms, self.blocks = files, algorithms, blocks
        self.xattrs, self.prefixes = xattrs or {}, prefixes
        self.meta = max(1, 4096 // block)
        self.packed = {n: self.pack(d) if algorithms and d else None for n, d in files.items()}
        # As dedupe does it: {name: (another before it, bytes)}, the beginning of its first extent.
        self.partial = partial or {}
        for name, (of, size) in self.partial.items():
            _, kind, packed = self.packed[of][0]
            ends = [x[0] for x in self.packed[of][1:]] + [len(files[of])]
            assert kind != PLAIN and size <= ends[0]
            self.files = {**self.files, name: files[of][:size]}
            self.packed[name] = [(0, kind | 1 << 15, packed)]
        self.data_at = 0
        size = len(self.metadata()[0])
        self.data_at = self.meta + -(-size // block)
        meta, root, data = self.metadata()
        body = meta.ljust(-(-size // block) * block, b"\0") + data
        self.bytes = self.head(root, self.meta + len(body) // block) + body

    def pack(self, data):
        """[(where in the file, type, packed blocks)]: at most one head in a cluster."""
        out, at, turn = [], 0, 0
        while at < len(data):
            last = out[-1][0] >> self.bits if out else -1
            assert at >> self.bits > last
            which = turn % len(self.algorithms)
            turn += 1
            algorithm = self.algorithms[which]
            packed, n = PACK[algorithm](data[at:at + 60 * self.block], self.blocks * self.block)
            # A head in each cluster at most: what packs badly is stored to the cluster's end. So is
            # what begins like padding: a stored block of DEFLATE.
            short = at + n < len(data) and (at + n) >> self.bits <= (at >> self.bits) + 1
            if short or packed[0] == 0:
                n = min(self.block - at % self.block, len(data) - at)
                out.append((at, PLAIN, data[at:at + n].ljust(self.block, b"\0")))
            else:
                size = -(-len(packed) // self.block) * self.block
                out.append((at, HEAD2 if which else HEAD1, packed.rjust(size, b"\0")))
            at += n
        return out

    def indexes(self, extents, size, at):
        heads = {x[0] >> self.bits: x for x in extents}
        count = -(-size // self.block)
        order, out = sorted(heads), b""
        for n in range(count):
            if n in heads:
                where, kind, packed = heads[n]
                out += struct.pack("<HHI", kind, where % self.block, at)
                at += len(packed) // self.block
                head = n
                continue
            after = min([h for h in order if h > n], default=count)
            back = n - head
            if back == 1 and self.blocks > 1 and heads[head][1] != PLAIN:
                back = 1 << 11 | len(heads[head][2]) // self.block
            out += struct.pack("<HHHH", BODY, 0, back, after - n)
        return out

    def inode(self, layout, mode, size, u, name, nlink=1):
        xattrs = self.xattr_area(name)
        words = (len(xattrs) - 12) // 4 + 1 if xattrs else 0
        return struct.pack("<HHHHQIIIIQII16x", 1 | layout << 1, words, mode, 0, size, u, 1, 0, 0,
                           TIME, 0, nlink) + xattrs

    def xattr_area(self, name):
        out = b""
        for index, rest, value in self.xattrs.get(name, ()):
            entry = struct.pack("<BBH", len(rest), index, len(value)) + rest + value
            out += entry.ljust(-(-len(entry) // 4) * 4, b"\0")
        return out and bytes(12) + out

    def compressed(self, name, data, at):
        extents = self.packed[name]
        inode = self.inode(1, stat.S_IFREG | 0o644, len(data),
                           sum(len(x[2]) for x in extents) // self.block, name)
        inode = inode.ljust(-(-len(inode) // 8) * 8, b"\0")
        advise = 6 if self.blocks > 1 else 0
        kinds = list(self.algorithms) + [self.algorithms[0]]
        header = struct.pack("<IHBB", 0, advise, kinds[0] | kinds[1] << 4, 0)
        return inode + header + bytes(8) + self.indexes(extents, len(data), at)

    def metadata(self):
        meta, data, nids, begins = bytearray(64), bytearray(), {}, {}
        for name, content in self.files.items():
            at = begins[name] = self.data_at + len(data) // self.block
            if name in self.partial:
                at = begins[self.partial[name][0]]
            nids[name] = len(meta) // 32
            if self.packed[name]:
                meta += self.compressed(name, content, at)
                if name not in self.partial:
                    data += b"".join(x[2] for x in self.packed[name])
            else:
                meta += self.inode(0, stat.S_IFREG | 0o644, len(content), at, name)
                data += content.ljust(-(-len(content) // self.block) * self.block, b"\0")
            meta += bytes(-len(meta) % 32)
        root = len(meta) // 32
        entries = self.directory(nids, root)
        meta += self.inode(0, stat.S_IFDIR | 0o755, len(entries),
                           self.data_at + len(data) // self.block, None, 2)
        data += entries.ljust(-(-len(entries) // self.block) * self.block, b"\0")
        self.prefix_at = self.meta * self.block + len(meta)
        for index, rest in self.prefixes:
            meta += struct.pack("<HB", 1 + len(rest), index) + rest
            meta += bytes(-len(meta) % 4)
        return meta, root, data

    def directory(self, nids, root):
        names = sorted([(b".", root, 2), (b"..", root, 2)] +
                       [(n.encode(), nid, 1) for n, nid in nids.items()])
        out = b""
        while names:
            used = n = 0
            while n < len(names) and used + 12 + len(names[n][0]) <= self.block:
                used += 12 + len(names[n][0])
                n += 1
            at, entries = 12 * n, b""
            for name, nid, kind in names[:n]:
                entries += struct.pack("<QHBB", nid, at, kind, 0)
                at += len(name)
            entries += b"".join(x[0] for x in names[:n])
            names = names[n:]
            out += entries.ljust(self.block, b"\0") if names else entries
        return out

    def head(self, root, blocks):
        used = sorted(set(self.algorithms))
        features = (0x3 if used else 0) | (0x8 if len(used) > 1 else 0)
        features |= (0x40 if self.prefixes else 0) | (0x20 if self.partial else 0)
        sb = struct.pack("<IIIBBHQQIIII16s16sIHHHBBIQ24x", 0xe0f5e1e2, 0, 3, self.bits, 0, root,
                         len(self.files) + 1, TIME, 0, blocks, self.meta, 0, b"kickline".ljust(16),
                         b"made here", features, sum(1 << a for a in used), 0, 0, 0,
                         len(self.prefixes), self.prefix_at // 4, 0)
        assert len(sb) == 128, len(sb)
        out = bytearray(1024) + sb + b"".join(CFGS[a] for a in used)
        out = out.ljust(self.meta * self.block, b"\0")
        end = self.block if self.block > 1024 else 1024 + self.block
        struct.pack_into("<I", out, 1028, crc32c(out[1024:end]))
        return out
