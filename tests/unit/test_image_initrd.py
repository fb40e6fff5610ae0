"""Initrds against the tools that make and unpack them: cpio, every packer, dracut's lsinitrd."""

import hashlib
import json
import os
import random
import stat
import subprocess
import zlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KICKLINE = ROOT / os.environ.get("CHECK", "build/check") / "kickline"
TESTBED = Path(os.environ.get("TESTBED", ROOT / "build/testbed"))

PACKERS = {
    "none": (["cat"], ["cat"]),
    "gzip": (["gzip", "-9n"], ["gzip", "-dc"]),
    "xz": (["xz", "--check=crc32"], ["xz", "-dc"]),
    "xz-bcj": (["xz", "--check=crc32", "--x86", "--lzma2=dict=1MiB"], ["xz", "-dc"]),
    "xz-unchecked": (["xz", "--check=none"], ["xz", "-dc"]),
    "lzma": (["lzma"], ["lzma", "-dc"]),
    "zstd": (["zstd", "-q"], ["zstd", "-dcq"]),
    "zstd-19": (["zstd", "-q19"], ["zstd", "-dcq"]),
    "lz4": (["lz4", "-lq"], ["lz4", "-dcq"]),
    "bzip2": (["bzip2"], ["bzip2", "-dc"]),
    "lzo": (["lzop"], ["lzop", "-dc"]),
}


def pipe(command, data, **kwargs):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True, **kwargs).stdout


def kickline(*args, ok=True):
    r = subprocess.run([KICKLINE, "image", *map(str, args)], capture_output=True)
    if ok:
        assert r.returncode == 0, r.stderr.decode()
    return r


def inspect(image):
    return json.loads(kickline("inspect", "--no-cache", "--list", "--json", image).stdout)


def archive(root, *, kind="newc", seed=1):
    """All of `root` as cpio writes it, in an order that no filesystem gives, parents first."""
    names = sorted(str(p.relative_to(root)) for p in root.rglob("*"))
    random.Random(seed).shuffle(names)
    names.sort(key=lambda n: n.count("/"))
    return pipe(["cpio", "--quiet", "-o", "-H", kind], "\n".join([".", *names]).encode(), cwd=root)


def unpack(data, to):
    to.mkdir(exist_ok=True)
    pipe(["cpio", "--quiet", "-idmu", "--no-absolute-filenames"], data, cwd=to)


def tree(root):
    """What cpio made, in the words of `inspect --json`."""
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symbolic link",
             stat.S_IFCHR: "character device", stat.S_IFBLK: "block device", stat.S_IFIFO: "FIFO"}
    found = {}
    for p in sorted(root.rglob("*")):
        st = p.lstat()
        kind = kinds[stat.S_IFMT(st.st_mode)]
        one = {"type": kind, "uid": st.st_uid, "gid": st.st_gid}
        if kind != "symbolic link":
            one["mode"] = f"{stat.S_IMODE(st.st_mode):04o}"
        if kind == "file":
            one |= {"size": st.st_size, "nlink": st.st_nlink, "mtime": int(st.st_mtime)}
        if kind == "symbolic link":
            one["target"] = os.readlink(p)
        if "device" in kind:
            one["device"] = [os.major(st.st_rdev), os.minor(st.st_rdev)]
        found[str(p.relative_to(root))] = one
    return found


def seen(image):
    """The same of an image."""
    found = {}
    for e in inspect(image)["entries"]:
        keep = ["type", "uid", "gid"]
        keep += {"file": ["mode", "size", "nlink", "mtime"], "symbolic link": ["target"],
                 "character device": ["mode", "device"],
                 "block device": ["mode", "device"]}.get(e["type"], ["mode"])
        found[e["path"]] = {k: e[k] for k in keep}
    return found


def same_bytes(image, root):
    for p in sorted(root.rglob("*")):
        if p.is_file() and not p.is_symlink():
            got = kickline("inspect", "--no-cache", "--cat", p.relative_to(root), image).stdout
            assert hashlib.sha256(got).digest() == hashlib.sha256(p.read_bytes()).digest(), p


def make_root(root):
    r = random.Random(7)
    for d in ["etc/conf.d", "usr/lib/dracut/hooks", "usr/bin", "dev", "empty"]:
        (root / d).mkdir(parents=True)
    (root / "usr/bin/odd").write_bytes(r.randbytes(3))
    (root / "usr/bin/big").write_bytes(r.randbytes(70_000) + bytes(300_000) + r.randbytes(70_001))
    (root / "etc/none").write_bytes(b"")
    for i in range(20):
        (root / f"etc/conf.d/{i:02}-{'x' * i}").write_bytes(r.randbytes(i * 13))
    (root / "etc/name with\tblanks and \u00fc").write_text("x")
    os.link(root / "usr/bin/odd", root / "usr/bin/also")
    os.link(root / "usr/bin/odd", root / "etc/odd")
    (root / "lib").symlink_to("usr/lib")
    (root / "etc/absolute").symlink_to("/usr/bin/odd")
    os.mknod(root / "dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    os.mknod(root / "dev/loop0", 0o660 | stat.S_IFBLK, os.makedev(7, 0))
    os.mkfifo(root / "dev/pipe")
    (root / "usr/bin/odd").chmod(0o4755)
    os.chown(root / "etc/none", 1000, 1001)
    os.utime(root / "etc/none", (1_500_000_000, 1_500_000_000))
    return root


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A root, its archive, and what cpio makes of that."""
    work = tmp_path_factory.mktemp("base")
    data = archive(make_root(work / "root"))
    unpack(data, work / "out")
    return data, work / "out"


@pytest.mark.parametrize("packer", PACKERS)
def test_packed_by_its_tool(packer, base, tmp_path):
    data, out = base
    image = tmp_path / "initrd.img"
    image.write_bytes(pipe(PACKERS[packer][0], data))
    got = inspect(image)
    members = pipe(["cpio", "--quiet", "-t"], data).splitlines()
    [segment] = got["segments"]
    assert segment["codec"] == packer.split("-")[0]
    assert segment["entries"] == len(members)
    trailing = 0 if packer != "none" else len(data) - len(data.rstrip(b"\0")) - 4
    assert segment["end"] >= image.stat().st_size - max(trailing, 0)
    assert seen(image) == tree(out)
    big = kickline("inspect", "--no-cache", "--cat", "usr/bin/big", image).stdout
    assert big == (out / "usr/bin/big").read_bytes()


def test_lz4_of_several_chunks(tmp_path):
    """lz4 -l makes chunks of 8 MiB, and so does what is appended."""
    root, image, patched = tmp_path / "root", tmp_path / "initrd.img", tmp_path / "patched.img"
    root.mkdir()
    r = random.Random(3)
    (root / "big").write_bytes(r.randbytes(5_000) + bytes(17_000_000) + r.randbytes(5_003))
    (tmp_path / "more").write_bytes((root / "big").read_bytes()[:9_000_001])
    image.write_bytes(pipe(PACKERS["lz4"][0], archive(root)))
    assert kickline("inspect", "--no-cache", "--cat", "big", image).stdout == (
        root / "big").read_bytes()
    kickline("patch", "--no-cache", image, "--add", f"{tmp_path / 'more'}:more", "-o", patched)
    assert kickline("inspect", "--no-cache", "--cat", "more", patched).stdout == (
        tmp_path / "more").read_bytes()
    [data] = segments_of(patched)
    for part in [data[:17_000_000 + 11_000], data[17_000_000 + 11_000:]]:
        assert b"070701" in part
    assert pipe(["lz4", "-dcq"], patched.read_bytes()) == data


def test_every_file_is_read(base, tmp_path):
    data, out = base
    image = tmp_path / "initrd.img"
    image.write_bytes(pipe(PACKERS["zstd"][0], data))
    same_bytes(image, out)


def test_checksummed_archive(base, tmp_path):
    _, out = base
    image = tmp_path / "initrd.img"
    image.write_bytes(archive(out, kind="crc"))
    assert seen(image) == tree(out)
    data = bytearray(image.read_bytes())
    data[data.rindex((out / "usr/bin/odd").read_bytes())] ^= 1
    image.write_bytes(data)
    r = kickline("inspect", "--no-cache", image, ok=False)
    assert r.returncode and b"checksum" in r.stderr and b"at byte" in r.stderr


def archives(data):
    """LZ4 segments that follow each other are one, with several archives; cpio reads the first."""
    while data:
        end = data.index(b"TRAILER!!!\0") + 11
        yield data[:end] + bytes(-end % 4)
        data = data[end:].lstrip(b"\0")


def later_root(root):
    """What lies over make_root(): in ways in which cpio and the kernel agree."""
    for d in ["etc/conf.d", "usr/bin", "new/dir"]:
        (root / d).mkdir(parents=True)
    (root / "etc/none").write_text("some")
    (root / "etc/conf.d/05-xxxxx").write_text("later")
    (root / "etc/absolute").write_text("no link any more")
    (root / "new/dir/file").write_text("new")
    (root / "usr/bin/link").symlink_to("odd")
    (root / "empty").write_text("a directory was here")
    return root


def segments_of(image):
    """The archives of an image, unpacked by their tools."""
    data = image.read_bytes()
    for s in inspect(image)["segments"]:
        assert "refused" not in s, s
        codec = next(c for c in PACKERS if c.split("-")[0] == s["codec"])
        yield pipe(PACKERS[codec][1], data[s["start"]:s["end"]])


@pytest.mark.parametrize("first,second", zip(PACKERS, ["none", "gzip"] * len(PACKERS)))
def test_segments_are_merged_as_cpio_unpacks_them(first, second, base, tmp_path):
    data, _ = base
    more = archive(later_root(tmp_path / "more"))
    image = tmp_path / "initrd.img"
    one = pipe(PACKERS[first][0], data)
    image.write_bytes(one + bytes(-len(one) % 4 + 4) + pipe(PACKERS[second][0], more))
    for d in data, more:
        unpack(d, tmp_path / "out")
    assert [len(pipe(["cpio", "--quiet", "-t"], d).splitlines()) for d in segments_of(image)] == [
        s["entries"] for s in inspect(image)["segments"]]
    assert seen(image) == tree(tmp_path / "out")


@pytest.mark.parametrize("packer", PACKERS)
def test_a_patched_image_unpacks_with_cpio(packer, base, tmp_path):
    data, _ = base
    image, patched, twice = (tmp_path / n for n in ["initrd.img", "patched.img", "twice.img"])
    image.write_bytes(pipe(PACKERS[packer][0], data))
    patch = tmp_path / "patch"
    (patch / "lib/dracut/hooks/cmdline").mkdir(parents=True)
    (patch / "lib/dracut/hooks/cmdline/01-ours.sh").write_text("echo ours\n")
    (patch / "etc").mkdir()
    (patch / "etc/none").write_text("some")
    (patch / "etc/odd").write_text("one name of three\n")
    kickline("patch", "--no-cache", image, patch, "--link", "/dev/null:etc/masked", "-o", patched)
    whole = patched.read_bytes()
    assert whole.startswith(image.read_bytes())
    kickline("patch", "--no-cache", image, patch, "--link", "/dev/null:etc/masked", "-o", twice)
    assert twice.read_bytes() == whole  # same input, same bytes
    (patch / "etc/none").write_text("another")
    kickline("patch", "--no-cache", patched, patch, "-o", twice)
    assert twice.read_bytes().startswith(whole)
    out = tmp_path / "out"
    for segment in segments_of(twice):
        for one in archives(segment):
            unpack(one, out)
    assert (out / "etc/odd").read_text() == "one name of three\n"
    assert (out / "usr/bin/odd").stat().st_nlink == 2
    assert (out / "usr/lib/dracut/hooks/cmdline/01-ours.sh").read_text() == "echo ours\n"
    assert (out / "etc/none").read_text() == "another"
    assert (out / "etc/none").stat().st_uid == 1000
    assert os.readlink(out / "etc/masked") == "/dev/null"
    assert os.readlink(out / "lib") == "usr/lib"
    assert seen(twice) == tree(out)


def test_raw_segments_of_a_patch_begin_at_a_multiple_of_four(base, tmp_path):
    data, _ = base
    image, patched = tmp_path / "initrd.img", tmp_path / "patched.img"
    packed = pipe(PACKERS["gzip"][0], data)
    (tmp_path / "x").write_text("x")
    for n in range(4):
        image.write_bytes(packed + bytes(-len(packed) % 4 + n))
        kickline("patch", "--no-cache", image, "--add", f"{tmp_path / 'x'}:x", "-o", patched)
        last = inspect(patched)["segments"][-1]
        assert last["start"] % 4 == 0 and last["codec"] == "none" and last["entries"] == 1
        assert patched.read_bytes()[last["start"]:].startswith(b"070701")


def test_an_overlay_beside_the_image_is_the_patched_image(base, tmp_path):
    data, _ = base
    image, over, both = (tmp_path / n for n in ["initrd.img", "over.img", "both.img"])
    packed = pipe(PACKERS["xz"][0], data)
    image.write_bytes(packed)
    (tmp_path / "x").write_text("x")
    kickline("overlay", "--for", image, "--add", f"{tmp_path / 'x'}:lib/x", "-o", over)
    both.write_bytes(packed + bytes(-len(packed) % 4) + over.read_bytes())
    kickline("patch", "--no-cache", image, "--add", f"{tmp_path / 'x'}:lib/x", "-o", tmp_path / "p")
    assert seen(both) == seen(tmp_path / "p")
    assert "usr/lib/x" in seen(both)


def test_lsinitrd_lists_the_same(base, tmp_path):
    lsinitrd = TESTBED / "usr/bin/lsinitrd"
    if not lsinitrd.exists():
        pytest.skip("no lsinitrd: run `make testbed`")
    data, _ = base
    early = tmp_path / "early"
    (early / "kernel/x86/microcode").mkdir(parents=True)
    (early / "kernel/x86/microcode/GenuineIntel.bin").write_text("microcode")
    (early / "early_cpio").write_text("1\n")
    first = archive(early)
    image, patched = tmp_path / "initrd.img", tmp_path / "patched.img"
    image.write_bytes(first + pipe(PACKERS["gzip"][0], data))
    (tmp_path / "x").write_text("x")
    kickline("patch", "--no-cache", image, "--add", f"{tmp_path / 'x'}:x", "-o", patched)
    for img in image, patched:
        env = {**os.environ, "dracutbasedir": str(TESTBED / "usr/lib/dracut"), "LC_ALL": "C"}
        text = subprocess.run(["bash", lsinitrd, img], env=env, capture_output=True).stdout.decode()
        assert "Early CPIO image" in text
        listed = [line.split(None, 8)[-1] for line in text.splitlines()
                  if line[:1] in "-dlcbp" and len(line.split()) >= 9]
        got = inspect(img)["segments"]
        assert got[0]["early"] and not got[1]["early"]
        # what is appended it does not see
        assert len(listed) == got[0]["entries"] + got[1]["entries"]


@pytest.mark.parametrize("packer", [p for p in PACKERS if p != "none"])
def test_what_is_cut_short_is_refused(packer, base, tmp_path):
    data, _ = base
    packed = pipe(PACKERS[packer][0], data)
    image, out = tmp_path / "initrd.img", tmp_path / "out.img"
    (tmp_path / "x").write_text("x")
    for n in [len(packed) - 1, len(packed) - 5, len(packed) * 2 // 3, 70, 12]:
        image.write_bytes(packed[:n])
        r = kickline("patch", "--no-cache", image, "--add", f"{tmp_path / 'x'}:x", "-o", out,
                     ok=False)
        assert r.returncode and b"error" in r.stderr and not out.exists()


def test_a_bomb_is_refused_early(tmp_path):
    """Bytes that unpack to a thousand times as many: long before eight gibibytes."""
    fields = [1, 0o100644, 0, 0, 1, 0, 1 << 30, 0, 0, 0, 0, len("zeros") + 1, 0]
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = packer.compress(b"070701" + b"".join(b"%08X" % v for v in fields) + b"zeros\0")
    packed += b"".join(packer.compress(bytes(1 << 20)) for _ in range(260)) + packer.flush()
    image = tmp_path / "initrd.img"
    image.write_bytes(packed)
    r = kickline("inspect", "--no-cache", image, ok=False)
    assert r.returncode == 2 and b"times its size" in r.stderr and b"image-too-large" in r.stderr
