"""Flat squashfs images, patched: squashfs-tools, squashfs-tools-ng and the kernel read them, every
entry that the patch does not name is as it was, and old data stays where it is."""

import errno
import hashlib
import io
import os
import random
import stat
import struct
import subprocess
import tarfile
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATCH = ROOT / "build/check/tests/unit/squashfs-patch"
TIME = 1_600_000_000
LABEL = b"system_u:object_r:etc_t:s0\0"
LONG = "n" * 255

# By block size, so that each codec is tried with its options, too.
CODECS = {
    "gzip": {"128K": ["-Xcompression-level", "1", "-Xwindow-size", "10"]},
    "xz": {"128K": ["-Xdict-size", "50%"]},
    "xz-bcj": {s: ["-Xbcj", "x86"] for s in ("16K", "128K", "1M")},
    "lzo": {"1M": ["-Xalgorithm", "lzo1x_1"]},
    "lz4": {"4096": ["-Xhc"]},
    "zstd": {"128K": ["-Xcompression-level", "5"]},
}
SHAPES = cycle(
    [
        [],
        ["-no-fragments", "-no-exports"],
        ["-no-xattrs"],
        ["-noI"],
        ["-noX", "-no-exports"],
        ["-noD", "-noF"],
        ["-always-use-fragments"],
        ["-no-duplicates", "-noId"],
        ["-no-sparse", "-no-fragments", "-no-xattrs"],
        ["-noI", "-noD", "-noF", "-noX"],
        ["-exports", "-nopad"],
    ]
)
MATRIX = [
    pytest.param(codec, size, shape, id="_".join([codec, size, *shape]).replace("_-", "-"))
    for codec in CODECS
    # In blocks of 4 KiB, mksquashfs 4.5.1's own images with BCJ are refused by the kernel: their
    # metadata has a dictionary of 8 KiB, their options say 4.
    for size, shape in zip(["16K" if codec == "xz-bcj" else "4096", "128K", "1M"], SHAPES)
]


def run(*command, **kwargs):
    done = subprocess.run([str(c) for c in command], capture_output=True, check=False, **kwargs)
    assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-4000:])
    return done.stdout


def patch(image, out, *changes):
    """The pieces that the patched image is made of."""
    lines = run(PATCH, image, out, *changes).decode().splitlines()
    return [tuple(int(w) if w.isdigit() else w for w in line.split()) for line in lines]


def refused(image, out, *changes):
    done = subprocess.run(
        [str(c) for c in (PATCH, image, out, *changes)], capture_output=True, check=False
    )
    assert done.returncode == 1, done
    return done.stderr.decode()


def noise(n, seed=0):
    return random.Random(seed).randbytes(n)


def text(n):
    return (b"".join(b"line %d of a text\n" % i for i in range(n // 16 + 1)))[:n]


def make_tree(top):
    def file(path, content, mode=0o644):
        at = top / path
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(content)
        at.chmod(mode)
        return at

    file("etc/motd", b"hello\n")
    file("etc/exact-block", text(128 << 10))
    file("etc/passwd", text(3000))
    file("usr/bin/bash", noise(150_000) + text(90_000), 0o755)
    os.link(top / "usr/bin/bash", top / "usr/bin/sh")
    os.link(top / "usr/bin/bash", top / "usr/bin/rbash")
    file("usr/bin/copy-of-bash", noise(150_000) + text(90_000), 0o4755)  # shares its blocks
    file("usr/lib/data", text(400_000))
    file("var/empty-file", b"")
    (top / "var/empty").mkdir()
    with open(top / "var/sparse", "wb") as f:
        f.write(b"begin")
        f.truncate(700_000)
    for i in range(1100):
        file(f"var/many/an-entry-with-a-name-of-some-length-{i:04}", b"%d" % i)
    for i in range(9):
        file(f"var/deep/{'d/' * i}file", noise(5000, i))
    os.symlink("motd", top / "etc/issue")
    os.symlink("../usr/lib", top / "var/lib")
    os.mknod(top / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    os.mknod(top / "disk", 0o660 | stat.S_IFBLK, os.makedev(259, 70000))
    os.mkfifo(top / "pipe")
    for path in ("etc", "etc/motd", "etc/issue", "null"):
        os.setxattr(top / path, "security.selinux", LABEL, follow_symlinks=False)
    os.setxattr(top / "usr/bin/bash", "user.big", text(3000))
    os.setxattr(top / "usr/lib/data", "user.big", text(3000))  # stored once, out of line
    os.setxattr(top / "usr/lib/data", "trusted.more", b"x" * 200)
    os.chown(top / "usr/lib/data", 1000, 2000)
    times = random.Random(1)
    for at in sorted(top.rglob("*"), reverse=True):
        os.utime(at, (TIME, times.randrange(TIME)), follow_symlinks=False)
    os.utime(top, (TIME, TIME))


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    top = tmp_path_factory.mktemp("squashfs") / "tree"
    top.mkdir()
    make_tree(top)
    return top


def build(tree, image, *options):
    run("mksquashfs", tree, image, "-noappend", "-quiet", "-no-progress", "-mkfs-time", TIME, *options)
    return image


def build_one_of_matrix(tree, image, codec, size, shape):
    name = codec.removesuffix("-bcj")
    return build(tree, image, "-comp", name, "-b", size, *CODECS[codec].get(size, []), *shape)


# --- what is in a tree --------------------------------------------------------------------------


def xattrs_of(at):
    try:
        names = os.listxattr(at, follow_symlinks=False)
        return {n: os.getxattr(at, n, follow_symlinks=False) for n in names}
    except OSError as e:
        assert e.errno == errno.ENOTSUP  # an image without any
        return {}


def describe(at, st):
    kind = stat.S_IFMT(st.st_mode)
    entry = {
        "mode": st.st_mode,
        "uid": st.st_uid,
        "gid": st.st_gid,
        "mtime": int(st.st_mtime),
        "nlink": st.st_nlink,
        "xattrs": xattrs_of(at),
    }
    if kind == stat.S_IFREG:
        entry["content"] = hashlib.sha256(at.read_bytes()).hexdigest()
        entry["size"] = st.st_size
    if kind == stat.S_IFLNK:
        entry["target"] = os.readlink(at)
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        entry["device"] = st.st_rdev
    return entry


def snapshot(top):
    """Every entry by its path, and which of them are the same file."""
    entries, inodes = {}, {}
    for at in [top, *top.rglob("*")]:
        st = at.lstat()
        path = str(at.relative_to(top))
        entries[path] = describe(at, st)
        if not stat.S_ISDIR(st.st_mode):
            inodes.setdefault(st.st_ino, set()).add(path)
    return entries, sorted(sorted(s) for s in inodes.values() if len(s) > 1)


@contextmanager
def mounted(image, tmp_path):
    at = tmp_path / "mounted"
    at.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-o", "ro,loop", "-t", "squashfs", image, at], capture_output=True, check=False
    )
    try:
        # Kernels lack a codec now and then, and a loop device drops part of a sector.
        odd = squashfs_super(image)["codec"] in (3, 5) or image.stat().st_size % 4096
        assert odd or done.returncode == 0, done.stderr
        yield at if done.returncode == 0 else None
    finally:
        if done.returncode == 0:
            run("umount", at)


def kernel_snapshot(image, tmp_path):
    with mounted(image, tmp_path) as at:
        for top, _, _ in os.walk(at) if at else ():
            for entry in os.scandir(top):  # what the listing says, and what the inode
                assert entry.inode() == entry.stat(follow_symlinks=False).st_ino
        return snapshot(at) if at else None


def extracted(image, tmp_path, name):
    at = tmp_path / name
    run("unsquashfs", "-quiet", "-no-progress", "-dest", at, image)
    found = snapshot(at)
    run("rm", "-r", at)
    return found


def tar_snapshot(image):
    """What squashfs-tools-ng reads."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(run("sqfs2tar", image))) as tar:
        for m in tar:
            content = tar.extractfile(m).read() if m.isreg() or m.islnk() else m.linkname
            found[m.name.rstrip("/")] = (m.mode, m.uid, m.gid, m.mtime, m.size if m.isreg() else 0,
                                         content if not m.isdir() else None)
    return found


def squashfs_super(image):
    names = ("inodes time block fragments codec log flags ids major minor root used id_table "
             "xattr_table inode_table directory_table fragment_table export_table").split()
    with open(image, "rb") as f:
        return dict(zip(names, struct.unpack("<IIIIHHHHHHQQQQQQQQ", f.read(96)[4:]), strict=True))


# --- the matrix ---------------------------------------------------------------------------------


def changes(tmp_path):
    """A patch, and what it makes of a tree."""
    files = {
        "new": b"patched\n",
        "big": noise(300_000, 5) + bytes(2_100_000) + text(200_000),
        "zero-tail": text(1 << 20) + bytes(70_000),
        "zeros": bytes(100),
        "script": b"#!/bin/sh\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    sh = [
        ("-f", "etc/motd", tmp_path / "new"),
        ("-f", "opt/new/dirs/big", tmp_path / "big"),
        ("-f", "opt/new/zero-tail", tmp_path / "zero-tail"),
        ("-f", "opt/zeros", tmp_path / "zeros"),
        ("-f", "usr/bin/sh", tmp_path / "script", "-m", "0755"),
        ("-f", "etc/labelled", tmp_path / "new"),
        ("-f", "var/lib/through-a-link", tmp_path / "new", "-t", "123456"),
        ("-f", f"var/many/{LONG}", tmp_path / "new", "-o", "70001:70002"),
        ("-f", "var/many/aaa", tmp_path / "new", "-x", "user.a", "1", "-x", "user.b", "22"),
        ("-f", "var/many/bbb", tmp_path / "new", "-x", "user.a", "1", "-x", "user.b", "22"),
        ("-r", "var/deep"),
        ("-r", "etc/passwd"),
        ("-r", "pipe"),
        ("-l", "etc/exact-block", "../usr/lib/data"),
        ("-c", "dev/zero", "1:5", "-m", "0666"),
        ("-p", "dev/fifo"),
        ("-d", "srv", "-m", "0700"),
    ]
    return [word for change in sh for word in change], files


def expected(before, files, with_label):
    """`before` with the changes; what is not set here is as it was."""
    entries, links = before
    entries = {
        p: dict(e) for p, e in entries.items()
        if p not in ("etc/passwd", "pipe") and p != "var/deep" and not p.startswith("var/deep/")
    }
    label = {"security.selinux": LABEL} if with_label else {}

    def put(path, kind, mode, **more):
        entries[path] = {"mode": kind | mode, "uid": 0, "gid": 0, "mtime": TIME, "nlink": 1,
                         "xattrs": {}} | more

    def content(name):
        return {"content": hashlib.sha256(files[name]).hexdigest(), "size": len(files[name])}

    reg = stat.S_IFREG
    put("etc/motd", reg, 0o644, xattrs=label, **content("new"))
    put("etc/labelled", reg, 0o644, xattrs=label, **content("new"))
    put("opt/new/dirs/big", reg, 0o644, **content("big"))
    put("opt/new/zero-tail", reg, 0o644, **content("zero-tail"))
    put("opt/zeros", reg, 0o644, **content("zeros"))
    put("usr/lib/through-a-link", reg, 0o644, **content("new"), mtime=123456)
    sh = entries["usr/bin/sh"]
    put("usr/bin/sh", reg, 0o755, xattrs=sh["xattrs"], **content("script"))
    # What its directory has, plain ownership but for what is given.
    put(f"var/many/{LONG}", reg, 0o644, **content("new"), uid=70001, gid=70002)
    two = {"user.a": b"1", "user.b": b"22"}
    put("var/many/aaa", reg, 0o644, xattrs=two, **content("new"))
    put("var/many/bbb", reg, 0o644, xattrs=two, **content("new"))
    put("etc/exact-block", stat.S_IFLNK, 0o777, target="../usr/lib/data", xattrs=label)
    put("dev/zero", stat.S_IFCHR, 0o666, device=os.makedev(1, 5))
    put("dev/fifo", stat.S_IFIFO, 0o644)
    for path, nlink in {"srv": 2, "opt": 3, "opt/new": 3, "opt/new/dirs": 2, "dev": 2}.items():
        put(path, stat.S_IFDIR, 0o700 if path == "srv" else 0o755, nlink=nlink)
    entries["."]["nlink"] += 3
    entries["var"]["nlink"] -= 1
    for path in ("usr/bin/bash", "usr/bin/rbash"):
        entries[path]["nlink"] -= 1
    return entries, [["usr/bin/bash", "usr/bin/rbash"]]


def without_dir_links(found):
    """Directories on disk count links as their filesystem likes."""
    entries, links = found
    for e in entries.values():
        if stat.S_ISDIR(e["mode"]):
            e.pop("nlink")
    return entries, links


def read_by_others(image, codec, tmp_path):
    listing = run("unsquashfs", "-lls", image).splitlines()
    if codec != "lzo":  # which libsquashfs does not know
        run("rdsquashfs", "-d", image)
        return len(listing), tar_snapshot(image)
    return len(listing), None


def check_ours(image):
    said = run(PATCH, image, "--check").decode()
    assert f"exports {int(squashfs_super(image)['export_table'] != 2**64 - 1)}" in said


def same_old_data(base, out, pieces):
    """The old data is one range of the old image, at its old place."""
    start, end = 96, squashfs_super(base)["inode_table"]
    assert pieces[0] == ("new", 96)
    assert pieces[1] == ("image", start, end - start)
    a, b = base.read_bytes(), out.read_bytes()
    assert a[start:end] == b[start:end]
    assert len(b) % 4096 == 0 and squashfs_super(out)["used"] <= len(b)


@pytest.mark.parametrize(("codec", "size", "shape"), MATRIX)
def test_a_patched_image_is_what_the_patch_says(tree, tmp_path, codec, size, shape):
    base = build_one_of_matrix(tree, tmp_path / "base", codec, size, shape)
    out, again = tmp_path / "out", tmp_path / "again"
    words, files = changes(tmp_path)
    labels = "-no-xattrs" not in shape
    pieces = patch(base, out, *words)
    same_old_data(base, out, pieces)
    patch(base, again, *words)
    assert out.read_bytes() == again.read_bytes()
    check_ours(out)

    before = kernel_snapshot(base, tmp_path) or extracted(base, tmp_path, "x")
    wanted = expected(before, files, labels)
    assert kernel_snapshot(out, tmp_path) in (wanted, None)
    assert without_dir_links(extracted(out, tmp_path, "x")) == without_dir_links(wanted)
    n, tar = read_by_others(out, codec, tmp_path)
    assert n >= len(wanted[0])
    if tar:
        assert set(tar) == set(wanted[0]) - {"."}
        assert tar["opt/new/dirs/big"][-1] == files["big"]
    super_before, super_after = squashfs_super(base), squashfs_super(out)
    for same in ("time", "block", "codec", "log", "major", "minor", "fragments"):
        assert super_before[same] == super_after[same]
    assert (super_before["export_table"] == 2**64 - 1) == (super_after["export_table"] == 2**64 - 1)


@pytest.mark.parametrize(("codec", "size", "shape"), MATRIX[::4])
def test_metadata_written_anew_says_the_same(tree, tmp_path, codec, size, shape):
    base = build_one_of_matrix(tree, tmp_path / "base", codec, size, shape)
    pieces = patch(base, tmp_path / "out", "--rewrite")
    same_old_data(base, tmp_path / "out", pieces)
    check_ours(tmp_path / "out")
    assert kernel_snapshot(base, tmp_path) == kernel_snapshot(tmp_path / "out", tmp_path)
    assert extracted(base, tmp_path, "x") == extracted(tmp_path / "out", tmp_path, "x")


# --- more of it ---------------------------------------------------------------------------------


def test_a_patched_image_is_patched(tree, tmp_path):
    base = build(tree, tmp_path / "base", "-comp", "zstd")
    words, _ = changes(tmp_path)
    patch(base, tmp_path / "one", *words)
    (tmp_path / "second").write_bytes(text(50_000))
    pieces = patch(tmp_path / "one", tmp_path / "two", "-r", "opt", "-f", "srv/second",
                   tmp_path / "second", "-x", "user.z", "9", "-r", "dev/zero", "-l", "etc/motd", "x")
    same_old_data(tmp_path / "one", tmp_path / "two", pieces)
    check_ours(tmp_path / "two")
    one = kernel_snapshot(tmp_path / "one", tmp_path)[0]
    two = kernel_snapshot(tmp_path / "two", tmp_path)[0]
    gone = {p for p in one if p == "dev/zero" or p == "opt" or p.startswith("opt/")}
    assert set(two) == set(one) - gone | {"srv/second"}
    assert two["srv/second"]["content"] == hashlib.sha256(text(50_000)).hexdigest()
    assert two["srv/second"]["xattrs"] == {"user.z": b"9"}
    assert two["etc/motd"]["target"] == "x"
    touched = {".", "etc/motd", "srv/second"}
    assert {p: e for p, e in two.items() if p not in touched} == {
        p: e for p, e in one.items() if p not in gone | touched
    }
    # The steps done at once, and what they come to, differ in nothing that can be seen.
    assert kernel_snapshot(base, tmp_path)[0]["usr/lib/data"] == two["usr/lib/data"]


def test_a_patch_that_changes_nothing_gives_the_image_itself(tree, tmp_path):
    base = build(tree, tmp_path / "base", "-comp", "gzip")
    assert patch(base, tmp_path / "out") == [("image", 0, base.stat().st_size)]
    same = patch(base, tmp_path / "out", "-f", "etc/motd", tree / "etc/motd", "-l", "etc/issue", "motd")
    assert same == [("image", 0, base.stat().st_size)]


def test_tables_of_more_than_one_block(tmp_path):
    """Owners, sets of attributes, fragments and exports in so many blocks that the lists of them
    matter; a listing of more than 64 KiB."""
    top = tmp_path / "tree"
    top.mkdir()
    for i in range(3000):
        at = top / f"{'long-name-' * 4}{i:04}"
        at.write_bytes(noise(3000, i) if i < 700 else b"")
        os.chown(at, 10_000 + i, 20_000 + i)
        if i < 1500:
            os.setxattr(at, "user.number", b"%d" % i)
        os.utime(at, (TIME, TIME + i))
    (tmp_path / "new").write_bytes(b"new")
    base = build(top, tmp_path / "base", "-comp", "gzip", "-b", "4096")
    assert squashfs_super(base)["fragments"] > 512 and squashfs_super(base)["ids"] > 2048
    words = []
    for i in range(600):
        words += ["-f", f"more/{i}", tmp_path / "new", "-x", "user.other", f"{i}", "-o", f"{i}:7"]
    # One that replaces an entry and keeps its set.
    words += ["-f", f"{'long-name-' * 4}0003", tmp_path / "new"]
    patch(base, tmp_path / "out", *words)
    check_ours(tmp_path / "out")
    before, after = (kernel_snapshot(tmp_path / n, tmp_path)[0] for n in ("base", "out"))
    replaced = f"{'long-name-' * 4}0003"
    for path, entry in before.items():
        if path not in (".", replaced):
            assert after[path] == entry
    assert after[replaced]["xattrs"] == {"user.number": b"3"}
    for i in range(600):
        assert after[f"more/{i}"]["xattrs"] == {"user.other": b"%d" % i}
        assert (after[f"more/{i}"]["uid"], after[f"more/{i}"]["gid"]) == (i, 7)
    assert without_dir_links(extracted(tmp_path / "out", tmp_path, "x"))[0]["more/5"]["uid"] == 5
    # Each name is found by itself, too, which goes through the directory's index.
    with mounted(tmp_path / "out", tmp_path) as at:
        for path in after:
            os.stat(at / path, follow_symlinks=False)


def test_an_image_of_squashfs_tools_ng(tree, tmp_path):
    base = tmp_path / "base"
    tar = run("tar", "--sort=name", "-C", tree, "-c", ".")
    run("tar2sqfs", "-q", "-c", "xz", base, input=tar)
    (tmp_path / "new").write_bytes(b"new")
    patch(base, tmp_path / "out", "-f", "etc/motd", tmp_path / "new", "-f", "x/y", tmp_path / "new")
    check_ours(tmp_path / "out")
    before, after = (kernel_snapshot(tmp_path / n, tmp_path)[0] for n in ("base", "out"))
    assert set(after) == set(before) | {"x", "x/y"}
    touched = {".", "x", "x/y", "etc/motd"}
    assert {p: e for p, e in before.items() if p not in touched} == {
        p: e for p, e in after.items() if p not in touched
    }
    run("rdsquashfs", "-d", tmp_path / "out")


def test_an_attribute_that_squashfs_cannot_say_is_refused(tree, tmp_path):
    base = build(tree, tmp_path / "base", "-comp", "lz4")
    (tmp_path / "new").write_bytes(b"new")
    said = refused(base, tmp_path / "out", "-f", "a", tmp_path / "new", "-x", "system.odd", "1")
    assert "[image-cannot]" in said and "system.odd" in said
    assert not (tmp_path / "out").exists()


def test_data_behind_the_metadata_is_refused(tmp_path):
    """It would be left out: such an image is of no writer that is known."""
    top = tmp_path / "tree"
    top.mkdir()
    (top / "file").write_bytes(noise(4096))
    (tmp_path / "new").write_bytes(b"new")
    base = build(top, tmp_path / "base", "-comp", "gzip", "-noI", "-b", "4096", "-no-fragments")
    raw = bytearray(base.read_bytes())
    table = squashfs_super(base)["inode_table"]
    at = raw.index(struct.pack("<III", 96, 0xFFFFFFFF, 0), table)  # where its blocks begin
    raw[at : at + 4] = struct.pack("<I", table - 10)
    base.write_bytes(raw)
    said = refused(base, tmp_path / "out", "-f", "a", tmp_path / "new")
    assert "[image-unsupported]" in said and "mksquashfs" in said
