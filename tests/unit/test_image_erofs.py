"""EROFS: what Kickline reads of an image is what the kernel's mount of it shows, for everything
that mkfs.erofs writes and for what only newer ones do (written here, and believed only when the
kernel reads it); a patched image differs by the patch and by nothing else."""
import contextlib
import hashlib
import io
import os
import pathlib
import random
import shutil
import stat
import struct
import subprocess
import tarfile

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
            "zeros": bytes(100_000), "words": b"".join(b"%d " % n for n in range(20_000)),
            "x" * 255: b"a long name", "- before": b"a dot"}


MADE = {
    "lzma": {"algorithms": [erofs_image.LZMA]},
    "lzma-64k": {"algorithms": [erofs_image.LZMA], "blocks": 16},
    "deflate": {"algorithms": [erofs_image.DEFLATE]},
    "deflate-64k": {"algorithms": [erofs_image.DEFLATE], "blocks": 16},
    "zstd": {"algorithms": [erofs_image.ZSTD]},
    "zstd-64k": {"algorithms": [erofs_image.ZSTD], "blocks": 16},
    "two": {"algorithms": [erofs_image.LZ4, erofs_image.ZSTD], "blocks": 4},
    "lz4-part": {"algorithms": [erofs_image.LZ4], "blocks": 16,
                 "partial": {"part": ("words", 9999)}},
    "lzma-part": {"algorithms": [erofs_image.LZMA], "blocks": 256,
                  "partial": {"part": ("words", 20_001)}},
    "deflate-part": {"algorithms": [erofs_image.DEFLATE], "partial": {"part": ("words", 5000)}},
    "zstd-part": {"algorithms": [erofs_image.ZSTD], "partial": {"part": ("words", 5000)}},
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


# --- patched -------------------------------------------------------------------------------------

KIND, MODE, UID, GID, MTIME, SIZE, NLINK, DEVICE, INODE, TARGET, XATTRS, SUM = range(12)


def patch(image, out, *changes, ok=True):
    out.unlink(missing_ok=True)
    run = subprocess.run([KICKLINE, "image", "patch", "-o", out, image, *changes],
                         capture_output=True, text=True, timeout=120)
    assert "Sanitizer" not in run.stderr, run.stderr
    assert (run.returncode == 0) == ok, run.stdout + run.stderr
    assert out.exists() == ok
    return run


def apart(tree):
    """The rows without inode numbers, and which paths are one file."""
    links = {}
    for path, row in tree.items():
        links.setdefault(row[INODE], []).append(path)
    rows = {path: [c for n, c in enumerate(row) if n != INODE] for path, row in tree.items()}
    return rows, sorted(paths for paths in links.values() if len(paths) > 1)


def sha(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def change(tmp_path_factory):
    """Files that are put, and a tar that gives what no directory can."""
    top = tmp_path_factory.mktemp("change")
    (top / "small").write_bytes(b"s" * 57)
    (top / "large").write_bytes(text("large", 100_000))
    (top / "none").write_bytes(b"")
    with tarfile.open(top / "more.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        def add(name, data=b"", **fields):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), 1_234_567_890
            for key, value in fields.items():
                setattr(member, key, value)
            tar.addfile(member, io.BytesIO(data))
        add("srv/owned", b"owned", uid=80_000, gid=70_000, mode=0o6711,
            pax_headers={"SCHILY.xattr.user.long": "v" * 5000,
                         "SCHILY.xattr.security.selinux": "l"})
        add("srv/device", type=tarfile.CHRTYPE, devmajor=259, devminor=70_001, mode=0o600)
        add("srv/fifo", type=tarfile.FIFOTYPE, mode=0o640)
        add("srv/far", type=tarfile.SYMTYPE, linkname="f/" * 2000)
    return top


def changes_of(change):
    return ["--add", f"{change}/small:etc/motd", "--add", f"{change}/large:usr/bin/tool",
            "--add", f"{change}/small:usr/share/long",
            "--add", f"{change}/small:many/entry-17a:0755",
            "--remove", "many/entry-7", "--add", f"{change}/none:brand/new/dir/none",
            "--add", f"{change}/large:usr/lib/block", "--link", "/nowhere:bin",
            "--link", "../x:etc/link", "--add", f"{change}/small:! first", f"{change}/more.tar"]


def expected(before):
    rows, links = apart(before)
    links = [paths for paths in links if "etc/motd" not in paths]
    small, large, given = b"s" * 57, text("large", 100_000), "1234567890"
    time = rows["-"][MTIME]

    def label(up):
        return next((x for x in rows[up][-2].split(",") if x.startswith(LABEL)), "-")

    def replaced(path, data):
        rows[path][SIZE], rows[path][-1], rows[path][MTIME] = str(len(data)), sha(data), time
        rows[path][NLINK] = "1"

    def new(path, up, kind, mode, size="0", nlink="1", target="-", data=None):
        rows[path] = [kind, mode, rows[up][UID], rows[up][GID], time, size, nlink, "-", target,
                      label(up), "-" if data is None else sha(data)]

    replaced("etc/motd", small)
    rows["etc/motd.hard"][NLINK] = "1"
    replaced("usr/bin/tool", large)
    replaced("usr/share/long", small)
    replaced("usr/lib/block", large)
    rows["bin"][TARGET - 1], rows["bin"][SIZE], rows["bin"][MTIME] = "/nowhere", "8", time
    del rows["many/entry-7"]
    new("many/entry-17a", "many", "file", "0755", "57", data=small)
    new("!\\x20first", "-", "file", "0644", "57", data=small)
    new("etc/link", "etc", "link", "0777", "4", target="../x")
    new("brand", "-", "dir", "0755", nlink="3")
    new("brand/new", "brand", "dir", "0755", nlink="3")
    new("brand/new/dir", "brand/new", "dir", "0755", nlink="2")
    new("brand/new/dir/none", "brand/new/dir", "file", "0644", data=b"")
    new("srv", "-", "dir", "0755", nlink="2")
    rows["-"][NLINK] = str(int(rows["-"][NLINK]) + 2)
    rows["srv/owned"] = ["file", "6711", "80000", "70000", given, "5", "1", "-", "-",
                         "security.selinux=l,user.long=" + "v" * 5000, sha(b"owned")]
    for name, kind, mode, size, device, target in [
            ("device", "char", "0600", "0", "259:70001", "-"),
            ("fifo", "fifo", "0640", "0", "-", "-"),
            ("far", "link", "0777", "4000", "-", "f/" * 2000)]:
        rows["srv/" + name] = [kind, mode, "0", "0", given, size, "1", device, target, "-", "-"]
    return rows, links


PATCHED = ["plain", "lz4hc", "legacy", "everything", "all-fragments", "chunks", "compact",
           "extended", "noinline", "no-sum", "shared"]


@pytest.mark.parametrize("name", PATCHED)
def test_shows_the_change_and_nothing_else(name, source, change, tmp_path):
    image = mkfs(tmp_path / "x.img", source, *MKFS[name])
    out, again = tmp_path / "y", tmp_path / "z"
    rows, links = expected(kernel_tree(image, tmp_path))
    patch(image, out, *changes_of(change))
    assert apart(same(out, tmp_path)) == (rows, links)
    fsck(out)
    patch(image, again, *changes_of(change))
    assert again.read_bytes() == out.read_bytes()

    # What is there is not put again; what was put goes, and its directories' counts with it.
    changes = changes_of(change)
    gone = changes.index("--remove")
    patch(out, again, *changes[:gone], *changes[gone + 2:])
    assert again.read_bytes() == out.read_bytes()
    patch(out, again, "--remove", "brand", "--remove", "srv", "--remove", "many",
          "--add", f"{change}/small:many/entry-1")
    tree, _ = apart(same(again, tmp_path))
    kept = {p: r for p, r in rows.items() if p.split("/")[0] not in ("brand", "srv", "many")}
    kept["-"][NLINK] = str(int(kept["-"][NLINK]) - 2)
    assert {p: r for p, r in tree.items() if p.split("/")[0] != "many"} == kept
    assert [p for p in tree if p.startswith("many")] == ["many", "many/entry-1"]
    fsck(again)


@pytest.mark.parametrize("name", ["512", "1k-lz4", "512-deflate", "lzma-64k", "zstd", "two",
                                  "prefixes"])
def test_patches_what_newer_ones_write(name, change, tmp_path):
    image, out = made(name, tmp_path), tmp_path / "y"
    rows, links = apart(kernel_tree(image, tmp_path))
    patch(image, out, "--add", f"{change}/small:short", "--add", f"{change}/large:a/b/c",
          "--add", f"{change}/large:odd", "--remove", "long", f"{change}/more.tar")
    tree, _ = apart(same(out, tmp_path))
    del rows["long"]
    for path, data in [("short", b"s" * 57), ("odd", text("large", 100_000))]:
        rows[path][SIZE], rows[path][-1] = str(len(data)), sha(data)
    rows["-"][NLINK] = str(int(rows["-"][NLINK]) + 2)
    assert {p: r for p, r in tree.items() if p.split("/")[0] not in ("a", "srv")} == rows
    assert tree["a/b/c"][-1] == sha(text("large", 100_000)) and tree["a"][NLINK] == "3"
    assert "user.long=" + "v" * 5000 in tree["srv/owned"][-2]


def test_a_small_change_is_few_bytes(change, tmp_path):
    top = tmp_path / "top"
    for n in range(8):
        (top / f"d{n}").mkdir(parents=True)
        (top / f"d{n}/blob").write_bytes(random.Random(n).randbytes(1_000_000))
    (top / "etc").mkdir()
    (top / "etc/motd").write_bytes(b"old")
    image, out = mkfs(tmp_path / "x.img", top, "-zlz4hc"), tmp_path / "y"
    patch(image, out, "--add", f"{change}/small:etc/motd")
    old, new = image.read_bytes(), out.read_bytes()
    assert len(old) > 8_000_000 and len(new) - len(old) == 4096
    changed = [n for n in range(4096 * 8) if old[n] != new[n]]
    assert old[4096 * 8:] == new[4096 * 8:len(old)]
    (inodes,), (blocks,) = struct.unpack_from("<Q", new, 1040), struct.unpack_from("<I", new, 1060)
    assert blocks * 4096 == len(new) and inodes == struct.unpack_from("<Q", old, 1040)[0]
    assert len(changed) < 20  # an entry's nid, the superblock's blocks and checksum
    with mounted(out, tmp_path) as at:
        assert (at / "etc/motd").read_bytes() == b"s" * 57
    assert dump(out).stdout.count("\t1000000\t") == 8


def test_a_large_directory(change, tmp_path):
    top = tmp_path / "top"
    (top / "many").mkdir(parents=True)
    for n in range(2000):
        (top / f"many/entry-{n}").touch()
    image, out = mkfs(tmp_path / "x.img", top), tmp_path / "y"
    tree = tmp_path / "tree/many"
    tree.mkdir(parents=True)
    for n in range(700, 4000, 3):
        (tree / f"entry-{n}").write_bytes(b"%d" % n)
    before = kernel_tree(image, tmp_path)
    patch(image, out, tree.parent, "--remove", "many/entry-0", "--remove", "many/entry-1999")
    after = same(out, tmp_path)
    names = {f"many/entry-{n}" for n in (*range(1, 1999), *range(700, 4000, 3))}
    assert set(after) - {"-", "many"} == names - {"many/entry-1999"}
    for name in after:
        new = name != "-" and name != "many" and (tree.parent / name).exists()
        assert after[name][-1] == (sha(name.split("-")[1].encode()) if new else before[name][-1])
    fsck(out)


# --- refused -------------------------------------------------------------------------------------

def resum(image):
    struct.pack_into("<I", image, 1028, 0)
    struct.pack_into("<I", image, 1028, erofs_image.crc32c(image[1024:4096]))
    return image


@pytest.mark.parametrize("bit", [0x80, 0x100, 0x200, 1 << 31])
def test_names_the_alternative_for_newer_images(bit, source, change, tmp_path):
    image = bytearray(mkfs(tmp_path / "x.img", source).read_bytes())
    struct.pack_into("<I", image, 1024 + 80, struct.unpack_from("<I", image, 1024 + 80)[0] | bit)
    (tmp_path / "x.img").write_bytes(resum(image))
    run = patch(tmp_path / "x.img", tmp_path / "y", "--add", f"{change}/small:etc/motd", ok=False)
    assert f"0x{bit:x}" in run.stderr and "byte 1104" in run.stderr
    assert "kickline image overlay" in " ".join(run.stderr.split())


def test_refuses_more_devices(source, tmp_path):
    image = mkfs(tmp_path / "x.img", source, "--chunksize=4096", f"--blobdev={tmp_path / 'blob'}")
    run = dump(image, check=False)
    assert run.returncode == 1 and "device" in run.stderr


def test_reports_damage_with_its_place(source, tmp_path):
    image = bytearray(mkfs(tmp_path / "x.img", source).read_bytes())
    path = tmp_path / "damaged"
    image[1024 + 20] ^= 1
    path.write_bytes(image)
    run = dump(path, check=False)
    assert run.returncode == 1 and "checksum" in run.stderr and "byte 1028" in run.stderr
    image[1024 + 20] ^= 1
    path.write_bytes(image[:len(image) // 2])
    run = dump(path, check=False)
    assert run.returncode == 1 and f"byte {len(image) // 2}" in run.stderr
    assert "image-truncated" in run.stderr


@pytest.mark.parametrize("seed", range(4))
def test_survives_damage(seed, source, tmp_path):
    """Bits turned over in the superblock, inodes, entries and indexes; the sum is made right."""
    rng = random.Random(seed)
    options = ["everything", "legacy", "chunk-indexes", "shared"][seed]
    whole = mkfs(tmp_path / "x.img", source, *MKFS[options]).read_bytes()
    path, told = tmp_path / "damaged", 0
    for _ in range(12):
        image = bytearray(whole)
        for _ in range(rng.choice([1, 3, 30])):
            at = rng.choice([rng.randrange(1032, 1152), rng.randrange(1152, 40_000)])
            image[at] ^= 1 << rng.randrange(8)
        path.write_bytes(resum(image))
        run = dump(path, check=False)
        assert run.returncode == 0 or "error:" in run.stderr
        told += run.returncode
    assert told
