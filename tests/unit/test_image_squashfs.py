"""Squashfs images of every codec: our tree is what the kernel's mount shows, and what
squashfs-tools-ng lists; a patched LiveOS/rootfs.img is what the kernel mounts and e2fsck finds
clean, and all that was not changed is there byte for byte."""

import hashlib
import os
import random
import re
import stat
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/check"
TIME = 1_600_000_000
KINDS = {"file": stat.S_IFREG, "dir": stat.S_IFDIR, "link": stat.S_IFLNK, "char": stat.S_IFCHR,
         "block": stat.S_IFBLK, "fifo": stat.S_IFIFO, "socket": stat.S_IFSOCK}
KERNEL_MAY_LACK = ("lzo", "lz4")

# A kernel mounts no blocks of 4096 bytes packed by xz with options: their dictionary is declared
# smaller than that of the metadata. Each codec, each block size, each kind of fragments and of
# metadata at least once.
MATRIX = [
    ("gzip", "4096", ["-always-use-fragments"]),
    ("gzip", "128K", ["-noI", "-noX", "-noId"]),
    ("xz", "128K", []),
    ("xz", "1M", ["-no-fragments"]),
    ("xz", "8192", ["-Xbcj", "x86", "-no-exports"]),
    ("xz", "128K", ["-Xbcj", "x86", "-Xdict-size", "50%"]),
    ("lzo", "128K", ["-no-sparse"]),
    ("lz4", "4096", ["-Xhc", "-no-duplicates"]),
    ("lz4", "1M", []),
    ("zstd", "128K", ["-noD", "-noF"]),
    ("zstd", "1M", ["-always-use-fragments"]),
]


def run(*command, **kwargs):
    done = subprocess.run([str(c) for c in command], capture_output=True, check=False, **kwargs)
    assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-4000:])
    return done.stdout


def noise(n, seed):
    return random.Random(seed).randbytes(n)


def mksquashfs(tree, image, codec, size, *options):
    run("mksquashfs", tree, image, "-noappend", "-quiet", "-no-progress", "-comp", codec, "-b",
        size, *options)
    return image


@contextmanager
def mounted(image, at, *options):
    at.mkdir(exist_ok=True)
    run("mount", "-o", ",".join(["ro", "loop", *options]), image, at)
    try:
        yield at
    finally:
        run("umount", at)


# --- trees --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    top = tmp_path_factory.mktemp("squashfs") / "tree"
    (top / "d/deep/er").mkdir(parents=True)
    (top / "empty").mkdir()
    (top / "empty-file").write_bytes(b"")
    (top / "small").write_bytes(b"small\n")
    (top / "d/exact").write_bytes(noise(128 << 10, 1))
    big = noise(200_000, 2) + b"text\n" * 60_000 + noise(1_100_000, 3)
    for name in ("big", "d/the-same"):
        (top / name).write_bytes(big)
    for name in ("d/hard", "d/deep/er/hard"):
        os.link(top / "big", top / name)
    with open(top / "sparse", "wb") as f:
        f.seek(3_000_000)
        f.write(b"end")
    with open(top / "holes", "wb") as f:
        f.truncate(2_000_001)
    for i in range(600):
        (top / f"d/deep/file-{i}-of-a-directory-with-an-index").write_bytes(b"%d\n" % i * (i % 9))
    os.symlink("../small", top / "d/link")
    os.symlink("t" * 200 + "/../" + "u" * 100, top / "dangling")
    os.mknod(top / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    os.mknod(top / "disk", 0o660 | stat.S_IFBLK, os.makedev(259, 70000))
    os.mknod(top / "socket", 0o600 | stat.S_IFSOCK)
    os.mkfifo(top / "fifo")
    for name in ("small", "big", "d", "dangling", "null", "fifo"):
        os.setxattr(top / name, "security.selinux", b"system_u:object_r:etc_t:s0\0",
                    follow_symlinks=False)
    os.setxattr(top / "small", "user.one", b"\x00\xff=,\\")
    for name in ("big", "d/exact"):  # stored once, out of line
        os.setxattr(top / name, "user.long", noise(3000, 4))
    os.setxattr(top / "d/deep", "trusted.t", b"")
    os.chown(top / "d/exact", 1000, 70000)
    os.chmod(top / "small", 0o4751)
    os.chmod(top / "empty", 0o1777)
    for i, at in enumerate(sorted(top.rglob("*"), reverse=True)):
        os.utime(at, (TIME, TIME + i), follow_symlinks=False)
    os.utime(top, (TIME, 5))
    return top


def lstat_of(at):
    st = at.lstat()
    kind = stat.S_IFMT(st.st_mode)
    regular = kind == stat.S_IFREG
    return {
        "kind": kind,
        "mode": st.st_mode & 0o7777,
        "owner": (st.st_uid, st.st_gid),
        "mtime": int(st.st_mtime),
        "size": 0 if kind == stat.S_IFDIR else st.st_size,
        "nlink": st.st_nlink,
        "device": st.st_rdev if kind in (stat.S_IFCHR, stat.S_IFBLK) else None,
        "inode": st.st_ino,
        "target": os.fsencode(os.readlink(at)) if kind == stat.S_IFLNK else b"",
        "xattrs": {os.fsencode(n): os.getxattr(at, n, follow_symlinks=False)
                   for n in os.listxattr(at, follow_symlinks=False)},
        "sha256": hashlib.sha256(at.read_bytes()).hexdigest() if regular else "",
    }


def kernel_tree(top):
    return {os.fsencode(at.relative_to(top)) if at != top else b"": lstat_of(at)
            for at in [top, *top.rglob("*")]}


def unquoted(word):
    if word == "-":
        return b""
    return re.sub(rb"\\x(..)", lambda m: bytes([int(m[1], 16)]), word.encode())


def our_tree(image, *more):
    """What image-dump says, in the words above."""
    found = {}
    for line in run(BUILD / "tests/unit/image-dump", image, *more).decode().splitlines():
        (path, kind, mode, uid, gid, mtime, size, nlink, device, inode, target, xattrs,
         sha256) = line.split("\t")
        pairs = [x.split("=") for x in xattrs.split(",")] if xattrs != "-" else []
        found[unquoted(path)] = {
            "kind": KINDS[kind],
            "mode": int(mode, 8),
            "owner": (int(uid), int(gid)),
            "mtime": int(mtime),
            "size": int(size),
            "nlink": int(nlink),
            "device": os.makedev(*map(int, device.split(":"))) if device != "-" else None,
            "inode": int(inode),
            "target": unquoted(target),
            "xattrs": {unquoted(n): unquoted(v) for n, v in pairs},
            "sha256": "" if sha256 == "-" else sha256,
        }
    return found


def links_of(found):
    """Which names are one file; numbers are each reader's own where nothing was mounted."""
    files = {}
    for path, entry in found.items():
        files.setdefault(entry["inode"], []).append(path)
    return sorted(sorted(names) for names in files.values())


def without(found, *words):
    return {p: {k: v for k, v in e.items() if k not in words} for p, e in found.items()}


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for path, entry in theirs.items():
        assert ours[path] == entry, path


@pytest.mark.parametrize(("codec", "size", "options"), MATRIX)
def test_our_tree_is_what_the_kernel_shows(tree, tmp_path, codec, size, options):
    image = mksquashfs(tree, tmp_path / "image", codec, size, *options)
    ours = our_tree(image)
    source = kernel_tree(tree)
    # What was packed; a directory counts links as its filesystem likes.
    assert_same(without(ours, "inode", "nlink"), without(source, "inode", "nlink"))
    assert links_of(ours) == links_of(source)
    try:
        with mounted(image, tmp_path / "mounted") as top:
            theirs = kernel_tree(top)
    except AssertionError:
        if codec not in KERNEL_MAY_LACK:
            raise
        return
    assert_same(ours, theirs)


def rdsquashfs_tree(image):
    """rdsquashfs -d: `dir|file|slink|nod|pipe|sock PATH MODE UID GID [...]`."""
    found = {}
    for line in run("rdsquashfs", "-d", image).decode().splitlines():
        kind, path, mode, uid, gid, *rest = line.split(" ")
        found[path.strip("/").encode()] = (kind, int(mode, 8), (int(uid), int(gid)), rest)
    return found


# libsquashfs has no LZO.
@pytest.mark.parametrize(("codec", "size", "options"), [MATRIX[i] for i in (0, 3, 8, 9)])
def test_our_tree_is_what_squashfs_tools_ng_lists(tree, tmp_path, codec, size, options):
    image = mksquashfs(tree, tmp_path / "image", codec, size, *options)
    theirs = rdsquashfs_tree(image)
    words = {"dir": stat.S_IFDIR, "file": stat.S_IFREG, "slink": stat.S_IFLNK,
             "pipe": stat.S_IFIFO, "sock": stat.S_IFSOCK}
    ours = our_tree(image)
    assert theirs.keys() == ours.keys() - {b""}
    for path, (kind, mode, owner, rest) in theirs.items():
        entry = ours[path]
        assert (mode, owner) == (entry["mode"], entry["owner"]), path
        if kind == "nod":
            letter, *device = rest
            assert entry["kind"] == {"c": stat.S_IFCHR, "b": stat.S_IFBLK}[letter], path
            assert entry["device"] == os.makedev(*map(int, device)), path
        else:
            assert words[kind] == entry["kind"], path
        if kind == "slink":
            assert rest == [entry["target"].decode()], path
        if kind == "file":
            content = run("rdsquashfs", "-c", path.decode(), image) if len(path) < 9 else None
            assert content is None or hashlib.sha256(content).hexdigest() == entry["sha256"], path


# --- LiveOS/rootfs.img --------------------------------------------------------------------------

# With a file that shares the root's blocks, and without.
NESTED = [
    ("xz", "128K", [], False),
    ("xz", "128K", [], True),
    ("xz", "8192", ["-Xbcj", "x86"], False),
    ("gzip", "1M", ["-no-exports"], False),
    ("gzip", "1M", ["-no-exports"], True),
    ("zstd", "128K", ["-always-use-fragments"], True),
    ("zstd", "4096", ["-no-sparse", "-no-fragments"], False),
]


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """An installer's tree around an ext4, with files before and behind it and one that is equal."""
    top = tmp_path_factory.mktemp("live")
    inner, outer = top / "inner", top / "outer"
    (inner / "etc").mkdir(parents=True)
    (inner / "etc/motd").write_text("the old message\n")
    (inner / "etc/keep").write_bytes(noise(700_000, 5))
    (outer / "LiveOS").mkdir(parents=True)
    (outer / "LiveOS/a-first").write_bytes(noise(300_000, 6))
    (outer / "LiveOS/z-last").write_bytes(noise(300_001, 7))
    (outer / "LiveOS/z-zeros").write_bytes(bytes(600_000))
    (outer / "z").write_bytes(b"end\n" * 50_000)
    os.link(outer / "z", outer / "zz")
    os.setxattr(outer / "z", "security.selinux", b"system_u:object_r:etc_t:s0\0")
    run("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-m", "0", "-d", inner,
        outer / "LiveOS/rootfs.img", "12M")
    return outer


def chunks(data, n=512):
    return {data[i:i + n] for i in range(0, len(data) - n + 1, n)}


def data_end(image):
    """Where metadata begin: inode_table in the superblock."""
    return int.from_bytes(image.read_bytes()[64:72], "little")


def seen(image, at):
    """Outer and inner tree as the kernel mounts them; e2fsck looks at the ext4 in the mount."""
    with mounted(image, at / "outer") as outer:
        inner_image = outer / "LiveOS/rootfs.img"
        run("e2fsck", "-fn", inner_image)
        with mounted(inner_image, at / "inner", "noload") as inner:
            return kernel_tree(outer), kernel_tree(inner), inner_image.read_bytes()


@pytest.mark.parametrize(("codec", "size", "options", "twin"), NESTED)
def test_a_spliced_root(live, tmp_path, codec, size, options, twin):
    if twin:
        run("cp", "-a", "--sparse=always", live, tmp_path / "live")
        live = tmp_path / "live"
        run("cp", "-a", live / "LiveOS/rootfs.img", live / "LiveOS/twin.img")
    old = mksquashfs(live, tmp_path / "old", codec, size, *options)
    patch = tmp_path / "patch"
    (patch / "etc").mkdir(parents=True)
    (patch / "etc/motd").write_text("the new message\n" * 9000)
    (patch / "etc/added").write_text("added\n")
    new = tmp_path / "new"
    command = [BUILD / "kickline", "image", "patch", old, patch, "-o", new]
    run(*command, env={**os.environ, "SOURCE_DATE_EPOCH": str(TIME)})

    outer, inner, device = seen(old, tmp_path)
    new_outer, new_inner, new_device = seen(new, tmp_path)
    # Inside: what the patch says, and nothing else.
    assert new_inner[b"etc/motd"]["sha256"] == hashlib.sha256(
        b"the new message\n" * 9000).hexdigest()
    assert new_inner.keys() - inner.keys() == {b"etc/added"}
    changed = {p for p in inner if without(inner, "inode")[p] != without(new_inner, "inode")[p]}
    assert changed <= {b"etc/motd", b"etc"}
    assert len(new_device) == len(device) and new_device != device
    # Outside: all else as it was, and our reader agrees.
    root = b"LiveOS/rootfs.img"
    assert new_outer[root]["sha256"] != outer[root]["sha256"]
    assert_same(without(new_outer, "inode") | {root: 0}, without(outer, "inode") | {root: 0})
    assert links_of(new_outer) == links_of(outer)
    assert_same(our_tree(new), new_outer)
    # The bytes: blocks that were not changed were not packed anew.
    data, end = new.read_bytes(), data_end(old)
    blocks = chunks(old.read_bytes()[96:end])
    kept = sum(block in data for block in blocks)
    assert kept >= len(blocks) * (0.2 if size == "1M" else 0.7)
    if twin:  # which keeps what both had; the root has a run of its own
        assert data[96:end] == old.read_bytes()[96:end]
