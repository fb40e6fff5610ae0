"""EROFS: what Kickline reads of an image is what the kernel's mount of it shows, for everything
that mkfs.erofs writes and for what only newer ones do (written here, and believed only when the
kernel reads it); a patched image differs by the patch and by nothing else."""
import contextlib
import hashlib
import os
import pathlib
import random
import shutil
import stat
import struct
import subprocess

import pytest

import erofs_image

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECK = ROOT / "build/check"
DUMP = CHECK / "tests/unit/image-dump"
KICKLINE = CHECK / "kickline"
LABEL = "security.selinux"

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("mkfs.erofs"), reason="needs root and erofs-utils")


# --- what is compared --------------------------------------------------------------------------

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "link", stat.S_IFCHR: "char",
         stat.S_IFBLK: "block", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket"}


def word(raw):
    """As image-dump writes it."""
    out = "".join("\\x%02x" % c if c <= 0x20 or c >= 0x7f or c in b"\\,=" else chr(c) for c in raw)
    return out or "-"


@contextlib.contextmanager
def mounted(image, tmp):
    at = tmp / "mnt"
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "erofs", "-o", "ro,loop", image, at], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True)


def seen(path, inodes):
    st = os.lstat(path)
    kind = KINDS[stat.S_IFMT(st.st_mode)]
    device = "-"
    if kind in ("char", "block"):
        device = f"{os.major(st.st_rdev)}:{os.minor(st.st_rdev)}"
    names = sorted(os.listxattr(path, follow_symlinks=False))
    xattrs = ",".join(
        f"{word(n.encode())}={word(os.getxattr(path, n, follow_symlinks=False))}" for n in names)
    return [kind, "%04o" % stat.S_IMODE(st.st_mode), str(st.st_uid), str(st.st_gid),
            str(int(st.st_mtime)), "0" if kind == "dir" else str(st.st_size), str(st.st_nlink),
            device, str(inodes.setdefault(st.st_ino, len(inodes))),
            word(os.readlink(path).encode()) if kind == "link" else "-", xattrs or "-",
            hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest() if kind == "file" else "-"]


def kernel_tree(image, tmp):
    """{path: what stat(2) and read(2) say}; inodes numbered in the order of the paths."""
    tree, inodes = {}, {}
    with mounted(image, tmp) as at:
        paths = [at]
        for top, dirs, files in os.walk(at):
            paths += [pathlib.Path(top) / n for n in dirs + files]
        for path in sorted(paths, key=lambda p: bytes(p)[len(bytes(at)):]):
            tree[word(bytes(path.relative_to(at))) if path != at else "-"] = seen(path, inodes)
    return tree


def dump(image, check=True):
    run = subprocess.run([DUMP, image], capture_output=True, text=True, timeout=120)
    assert "Sanitizer" not in run.stderr and run.returncode in (0, 1), run.stderr
    assert not check or run.returncode == 0, run.stderr
    return run


def our_tree(image):
    tree, inodes = {}, {}
    rows = [line.split("\t") for line in dump(image).stdout.splitlines()]
    for row in sorted(rows, key=lambda r: b"" if r[0] == "-" else unword(r[0])):
        row[9] = str(inodes.setdefault(row[9], len(inodes)))
        tree[row[0]] = row[1:]
    return tree


def unword(text):
    return text.encode().decode("unicode_escape").encode("latin-1")


def same(image, tmp):
    ours, kernels = our_tree(image), kernel_tree(image, tmp)
    assert ours == kernels
    return ours


def fsck(image):
    run = subprocess.run(["fsck.erofs", "--extract", image], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


# --- images ------------------------------------------------------------------------------------

def text(seed, size):
    """What packs about as well as programs do, and never alike."""
    rng = random.Random(seed)
    words = [rng.randbytes(rng.randrange(2, 12)) for _ in range(300)]
    out = bytearray()
    while len(out) < size:
        out += rng.choice(words)
        if rng.random() < 0.02:
            out += rng.randbytes(rng.randrange(200))
    return bytes(out[:size])


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    top = tmp_path_factory.mktemp("source")
    for name, size in [("etc/motd", 57), ("usr/bin/tool", 300_001), ("usr/lib/block", 4096),
                       ("usr/lib/blocks", 8192), ("usr/lib/odd", 4097), ("empty", 0),
                       ("usr/share/long", 1_500_000)]:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text(name, size))
    (top / "usr/lib/random").write_bytes(random.Random(1).randbytes(70_000))
    (top / "usr/lib/zeros").write_bytes(bytes(200_000))
    shutil.copy(top / "usr/share/long", top / "usr/share/twin")
    with open(top / "usr/share/twin", "ab") as f:
        f.write(b"and more")
    with open(top / "usr/lib/holes", "wb") as f:
        f.write(b"begin")
        f.seek(300_000)
        f.write(b"end")
    many = top / "many"
    many.mkdir()
    for i in range(300):
        (many / f"entry-{i}").write_bytes(b"%d\n" % i)
    os.link(top / "etc/motd", top / "etc/motd.hard")
    os.symlink("usr/bin", top / "bin")
    os.symlink("/" + "long/" * 700, top / "far")
    os.mkfifo(top / "fifo")
    os.mknod(top / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    os.mknod(top / "disk", 0o660 | stat.S_IFBLK, os.makedev(259, 70000))
    os.chown(top / "usr/bin/tool", 70000, 12)
    os.chmod(top / "usr/bin/tool", 0o4755)
    (top / "- before dot").write_bytes(b"x")
    (top / "h\u00e4 = ,\\").write_bytes(b"y")
    for i, path in enumerate(sorted(top.rglob("*"))):
        if path.is_symlink():
            continue
        os.setxattr(path, LABEL, b"system_u:object_r:etc_t:s0\0" if i % 3 else
                    b"system_u:object_r:x%d_t:s0\0" % i)
        if i % 100 == 0 and (path.is_file() or path.is_dir()):
            os.setxattr(path, "user.note", b"%d" % i * 40)
            os.setxattr(path, "trusted.overlay.opaque", b"y")
    os.setxattr(top / "usr/bin/tool", "security.capability",
                bytes.fromhex("0100000200200000000000000000000000000000"))
    for name in ("access", "default"):
        os.setxattr(top / "usr/share", f"system.posix_acl_{name}", struct.pack(
            "<I" + "HHI" * 5, 2, 1, 7, 2**32 - 1, 2, 7, 1234, 4, 5, 2**32 - 1, 16, 7, 2**32 - 1,
            32, 5, 2**32 - 1))
    return top


MKFS = {
    "plain": [],
    "lz4": ["-zlz4"],
    "lz4hc": ["-zlz4hc,12"],
    "lz4hc-64k": ["-zlz4hc", "-C65536"],
    "lz4-1m": ["-zlz4", "-C1048576"],
    "legacy": ["-zlz4", "-Elegacy-compress"],
    "legacy-64k": ["-zlz4hc", "-C65536", "-Elegacy-compress"],
    "ztailpacking": ["-zlz4hc", "-Eztailpacking"],
    "ztailpacking-legacy": ["-zlz4hc", "-Eztailpacking,legacy-compress", "-C16384"],
    "fragments": ["-zlz4hc", "-C32768", "-Efragments"],
    "all-fragments": ["-zlz4hc", "-Eall-fragments"],
    "dedupe": ["-zlz4hc", "-C65536", "-Ededupe"],
    "everything": ["-zlz4hc", "-C65536", "-Eztailpacking,dedupe,fragments"],
    "chunks": ["--chunksize=4096"],
    "chunks-64k": ["--chunksize=65536"],
    "chunk-indexes": ["--chunksize=8192", "-Eforce-chunk-indexes"],
    "compact": ["-Eforce-inode-compact", "--all-root", "-T1500000000", "--ignore-mtime"],
    "extended": ["-Eforce-inode-extended", "-zlz4"],
    "noinline": ["-Enoinline_data"],
    "shared": ["-x0"],
    "no-sum": ["-Enosbcrc", "-zlz4"],
    "short-extents": ["-zlz4hc", "-C65536", "--max-extent-bytes=20000"],
}


def mkfs(path, source, *options):
    run = subprocess.run(
        ["mkfs.erofs", "-T1600000000", "-U6d1c7a5e-0000-4000-8000-000000000001", *options, path,
         source], capture_output=True, text=True)
    if run.returncode and "invalid" in run.stderr + run.stdout:
        pytest.skip(run.stderr.splitlines()[0])
    assert run.returncode == 0, run.stderr + run.stdout
    return path


@pytest.mark.parametrize("options", MKFS.values(), ids=MKFS)
def test_reads_what_the_kernel_reads(options, source, tmp_path):
    same(mkfs(tmp_path / "x.img", source, *options), tmp_path)


# --- images that only newer mkfs.erofs write -----------------------------------------------------

def files():
    return {"long": text("made", 400_000), "short": b"short", "empty": b"",
            "odd": text("odd", 70_001), "random": random.Random(2).randbytes(30_000),
            "zeros": bytes(100_000), "x" * 255: b"a long name", "- before": b"a dot"}


MADE = {
    "lzma": {"algorithms": [erofs_image.LZMA]},
    "lzma-64k": {"algorithms": [erofs_image.LZMA], "blocks": 16},
    "deflate": {"algorithms": [erofs_image.DEFLATE]},
    "deflate-64k": {"algorithms": [erofs_image.DEFLATE], "blocks": 16},
    "zstd": {"algorithms": [erofs_image.ZSTD]},
    "zstd-64k": {"algorithms": [erofs_image.ZSTD], "blocks": 16},
    "two": {"algorithms": [erofs_image.LZ4, erofs_image.ZSTD], "blocks": 4},
    "512": {"block": 512},
    "1k-lz4": {"block": 1024, "algorithms": [erofs_image.LZ4], "blocks": 4},
    "512-deflate": {"block": 512, "algorithms": [erofs_image.DEFLATE], "blocks": 4},
    "prefixes": {"prefixes": [(6, b"kickline."), (4, b"overlay."), (1, b"")],
                 "xattrs": {"short": [(0x80, b"one", b"1"), (0x81, b"metacopy", b""),
                                      (0x82, b"user", b"2" * 300), (6, b"selinux", b"a:b:c:d")],
                            None: [(0x80, b"root", b"3")]}},
}


def made(name, tmp):
    path = tmp / "made.img"
    path.write_bytes(erofs_image.Image(files(), **MADE[name]).bytes)
    return path


@pytest.mark.parametrize("name", MADE)
def test_reads_what_newer_ones_write(name, tmp_path):
    tree = same(made(name, tmp_path), tmp_path)
    for path, content in files().items():
        assert tree[word(path.encode())][-1] == hashlib.sha256(content).hexdigest()
    if name == "prefixes":
        assert "security.kickline.one=1" in tree["short"][-2]
