"""Patched initrds boot: what Debian's kernel unpacks from them is what was meant, and what
`kickline image inspect` says of them beforehand.

The guest's first program (tests/lab/tree_init.c) reports its whole tree: paths, kinds, modes,
owners, times, content. One guest holds many rules: an image may be patched images, one after the
other, as boot loaders put them. The images that break a rule are made by hand, and show what the
kernel makes of that: these are the facts that `kickline image patch` rests on
(docs/image-patching.md, 2).
"""
import io
import json
import subprocess
import tarfile
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import guest
import initrd
import lab as labs
from newc import Entry, archive, directory, file, hard_links, padded, symlink

KICKLINE = labs.BUILD / "check/kickline"
CHAR, FIFO = 0o020000, 0o010000
TIME = 1_600_000_000

PACKERS = {
    "gzip": ["gzip", "-n"],
    "bzip2": ["bzip2"],
    "lzma": ["xz", "--format=lzma"],
    "xz": ["xz", "--check=crc32"],
    "xz-crc64": ["xz", "--check=crc64"],
    "xz-none": ["xz", "--check=none"],
    "lzo": ["lzop"],
    "lz4": ["lz4", "-l", "-c"],
    "zstd": ["zstd", "-q", "-c"],
    "raw": ["cat"],
}


def packed(how, data):
    return subprocess.run(PACKERS[how], input=data, stdout=subprocess.PIPE, check=True).stdout


def first_program():
    """tests/lab/tree_init.c, built."""
    source = labs.TOP / "tests/lab/tree_init.c"
    out = labs.BUILD / "lab-tree-init"
    if not out.exists() or out.stat().st_mtime < source.stat().st_mtime:
        new = out.with_suffix(".new")
        labs.tool(["gcc", "-std=gnu17", "-O2", "-static", "-s", "-o", new, source])
        new.rename(out)
    return out.read_bytes()


def beginning():
    """What each image begins with: the first program, and what the kernel itself has made."""
    return [directory("dev"), Entry("dev/console", CHAR, 0o600, device=(5, 1)),
            directory("root", 0o700), file("init", first_program(), 0o755)]


# --- what there is ------------------------------------------------------------------------------


def of_guest(text):
    """{path: {...}} of the guest's report."""
    out = {}
    for line in text.splitlines():
        path, kind, mode, uid, gid, links, size, mtime, device, last = line.split("\t")
        node = {"kind": kind, "mode": int(mode, 8), "uid": int(uid), "gid": int(gid)}
        if kind == "file":
            node |= {"size": int(size), "crc": last, "links": int(links), "mtime": int(mtime)}
        elif kind == "symlink":
            node |= {"target": last}
            del node["mode"]
        elif kind in ("char", "block"):
            node |= {"device": device}
        out[path] = node
    return out


def crc(data):
    return f"{zlib.crc32(data.encode() if isinstance(data, str) else data):08x}"


class Seen:
    """A guest's tree, with what tests ask of it."""

    def __init__(self, path, tree, console):
        self.path, self.tree, self.console = path, tree, console

    def has(self, path, data=None, **fields):
        node = self.tree.get(path)
        assert node, f"{path} is not there"
        if data is not None:
            assert node["kind"] == "file", (path, node)
            fields |= {"crc": crc(data), "size": len(data)}
        assert {k: node.get(k) for k in fields} == fields, path

    def has_not(self, path):
        assert path not in self.tree, (path, self.tree[path])


def boot(name, image):
    """Boots the bytes of an initrd."""
    with labs.Lab(f"image-{name}") as l:
        path = l.dir / "initrd.img"
        path.write_bytes(image)
        vm = guest.Guest(l, "vm", [], initrd.kernel()[0], path,
                         "console=ttyS0 panic=-1 rdinit=/init", memory=512)
        report = vm.report(120)
        return Seen(path, of_guest(report["tree"]), vm.console.read_text(errors="replace"))


# --- what inspect says --------------------------------------------------------------------------

WORD = {"symbolic link": "symlink", "character device": "char", "block device": "block",
        "FIFO": "fifo"}


def kickline(*argv, ok=(0,)):
    p = subprocess.run([KICKLINE, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert p.returncode in ok, (argv, p.returncode, p.stdout[-2000:], p.stderr.decode())
    return p


def inspected(path):
    """What `kickline image inspect` says of an image, and its tree in the form of of_guest()."""
    said = json.loads(kickline("image", "inspect", "--list", "--json", "--no-cache", path).stdout)
    tree = {}
    for e in said["entries"]:
        kind = WORD.get(e["type"], e["type"])
        node = {"kind": kind, "mode": int(e["mode"], 8), "uid": e["uid"], "gid": e["gid"]}
        if kind == "file":
            node |= {"size": e["size"], "links": e["nlink"], "mtime": e["mtime"]}
        elif kind == "symlink":
            node |= {"target": e["target"]}
            del node["mode"]
        elif kind in ("char", "block"):
            node |= {"device": "{}:{}".format(*e["device"])}
        if e["path"]:
            tree[e["path"]] = node
    return said, tree


def same_tree(seen, content=True):
    """The guest has what inspect says of its image, path by path, with the content."""
    _, told = inspected(seen.path)
    found = {k: dict(v) for k, v in seen.tree.items()}
    sums = {k: v.pop("crc") for k, v in found.items() if "crc" in v}
    assert sorted(told) == sorted(found)
    assert {k: (v, found[k]) for k, v in told.items() if v != found[k]} == {}
    for path, was in sums.items() if content else ():
        if path != "init":
            got = kickline("image", "inspect", "--cat", path, "--no-cache", seen.path).stdout
            assert crc(got) == was, path


# --- images that break rules --------------------------------------------------------------------


def broken_rules():
    """Two archives, of which the second does what no patch should."""
    one = archive(beginning() + [
        directory("n"), directory("n/usr"), directory("n/usr/lib"),
        file("n/usr/lib/a", "a\n"), symlink("n/lib", "usr/lib"), symlink("n/through", "usr/lib"),
        file("n/kept", "kept\n"), symlink("n/link", "kept"),
        *hard_links(["n/one", "n/two"], "linked\n", 77),
        directory("n/empty"), directory("n/full"), file("n/full/inside", "inside\n"),
        file("n/file", "a file\n", 0o600, uid=3, gid=4), file("n/longer", "much longer than that\n"),
        directory("n/mode", 0o700, uid=5), symlink("n/dangling", "nowhere"),
        file("n/first", "first\n", links=2, inode=500),
    ], trailer=False)
    two = archive([
        file("n/joined", "joined\n", links=2, inode=500),  # no trailer came between
        file("n/one", "rewritten\n"),
        directory("n/lib"),
        file("n/through/b", "b\n"),
        file("n/link", "a file now\n", 0o640),
        file("n/empty", "was a directory\n"),
        file("n/full", "never seen\n"),
        file("n/no/such/file", "never seen\n"),
        symlink("n/file", "kept"),
        file("n/longer", "short\n", 0o604, uid=9, mtime=TIME + 5),
        directory("n/mode", 0o711, gid=6),
        file("n/dangling/file", "never seen\n"),
        file("/n/absolute", "absolute\n"), file("./n/dot", "dot\n"), file("n//double", "double\n"),
        Entry("n/null", CHAR, 0o666, device=(1, 3)), Entry("n/pipe", FIFO, 0o600),
        file("n/again", "first\n"), file("n/again", "second time\n"),
        file("n/nothing", ""),
    ])
    three = archive([file("n/apart", "apart\n", links=2, inode=500)])  # a trailer came between
    return one + two + three


def base(how="gzip"):
    """A small image with a file below b/, packed, behind the beginning."""
    return padded(archive(beginning())) + packed(
        how, archive([directory("b"), file("b/base", "base\n")], first=2000))


PATCH = archive([directory("p"), file("p/patch", "patch\n")], first=3000)
AFTER = archive([directory("q"), file("q/after", "after\n")], first=4000)


def misaligned(off):
    """A raw segment `off` bytes past a multiple of 4."""
    return padded(base()) + bytes(off) + PATCH


def aligned_lz4():
    """An lz4 segment that ends at a multiple of 4, so that it is not alignment that is shown."""
    for n in range(64):
        image = padded(archive(beginning())) + packed("lz4", archive(
            [directory("b"), file("b/base", "base\n"), file("b/filler", bytes(range(n)) * 3)],
            first=2000))
        if len(image) % 4 == 0:
            return image
    raise AssertionError("no length gives a multiple of 4")


def packed_anywhere():
    """Packed segments may start anywhere, and any number of NULs may stand before one."""
    zstd = archive([directory("z"), file("z/zstd", "zstd\n")], first=5000)
    return (padded(base()) + bytes(1001) + packed("xz", PATCH) + packed("zstd", zstd) +
            packed("gzip", AFTER))


# {name: image}: what no patch of ours looks like.
BY_HAND = {
    "broken-rules": broken_rules,
    "misaligned": lambda: misaligned(2),
    "packed-anywhere": packed_anywhere,
    # xz(1)'s own default is no setting that the kernel's decoder has.
    "crc64-appended": lambda: padded(base()) + packed("xz-crc64", PATCH) + packed("gzip", AFTER),
    # lz4 has no end mark: what follows is taken for a length.
    "lz4-then-raw": lambda: aligned_lz4() + PATCH,
}


def image(name):
    """What a test wants to see: the guest that boots this image."""
    return pytest.mark.parametrize("seen", [name], indirect=True)


@pytest.fixture(scope="session")
def boots(request):
    """name -> Future[Seen], of the images that this session's tests want; two boot at a time."""
    wanted = {i.callspec.params["seen"] for i in request.session.items
              if "seen" in getattr(getattr(i, "callspec", None), "params", {})}
    make = BY_HAND | {"patched": patched_bases}
    images = {k: make[k]() for k in sorted(wanted)}
    print(f"accelerator: {guest.accelerator()}")
    with ThreadPoolExecutor(2) as pool:
        yield {k: pool.submit(boot, k, v) for k, v in images.items()}


@pytest.fixture
def seen(boots, request):
    return boots[request.param].result()


# --- patched images -----------------------------------------------------------------------------

BASES = ("gzip", "bzip2", "lzma", "xz", "xz-none", "lzo", "lz4", "zstd", "raw")


def case(how):
    """What a base has below c/HOW/."""
    c = f"c/{how}"
    return archive([
        directory("c"), directory(c), directory(f"{c}/etc"), directory(f"{c}/usr"),
        directory(f"{c}/usr/lib"), symlink(f"{c}/lib", "usr/lib"),
        file(f"{c}/usr/lib/old", "old\n"),
        file(f"{c}/etc/keep", "kept\n", 0o600),
        file(f"{c}/etc/replaced", "the old one, which is longer\n", uid=7, gid=8),
        file(f"{c}/etc/program", "#!/bin/old\n", 0o755, gid=9),
        symlink(f"{c}/etc/link", "keep"),
        *hard_links([f"{c}/etc/one", f"{c}/etc/two"], "linked\n", 77, 0o640),
        directory(f"{c}/etc/owned.d", 0o750, uid=21, gid=22), directory(f"{c}/empty"),
    ], first=2000)


def write(path, text, mode=0o644):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def tar(path, members):
    """members: (name, text, mode, uid, gid)"""
    with tarfile.open(path, "w") as t:
        for name, text, mode, uid, gid in members:
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uid, info.gid = len(text), mode, uid, gid
            info.mtime = TIME + 7
            t.addfile(info, io.BytesIO(text.encode()))


def patch_twice(where, how, image):
    """An image with case(HOW) in it, patched, and what came of that patched again."""
    c = f"c/{how}"
    changes, more = where / "changes", where / "more"
    write(changes / c / "etc/replaced", "new\n")
    write(changes / c / "etc/program", "#!/bin/new\n", 0o755)
    write(changes / c / "etc/link", "a file now\n")
    write(changes / c / "etc/one", "one anew\n")
    write(changes / c / "lib/through", "through a link\n")
    write(changes / c / "new/deep/file", "deep\n")
    write(changes / c / "etc/run", "first\n", 0o755)
    write(changes / c / "etc/owned.d/file", "whose?\n")
    tar(where / "changes.tar", [(f"{c}/etc/owned", "owned\n", 0o604, 12, 34)])
    write(where / "secret", "secret\n")
    write(more / c / "etc/run", "second\n", 0o755)
    write(more / c / "new/deep/file2", "deeper\n")
    (where / "base").write_bytes(image)
    kickline("image", "patch", where / "base", changes, where / "changes.tar",
             "--add", f"{where}/secret:{c}/etc/secret:0600", "--link", f"keep:/{c}/etc/added",
             "-o", where / "once", "--no-cache")
    kickline("image", "patch", where / "once", more, "-o", where / "twice", "--no-cache")
    once, twice = (where / "once").read_bytes(), (where / "twice").read_bytes()
    assert once.startswith(image) and twice.startswith(once), "what was there is not touched"
    return twice


def patched_bases():
    """Patched images one after the other: early microcode with a packed base first, then a base in
    every form that the kernel unpacks. Each holds every rule of a patch."""
    early = archive([directory("kernel"), directory("kernel/x86"),
                     directory("kernel/x86/microcode"),
                     file("kernel/x86/microcode/GenuineIntel.bin", bytes(range(200)))], first=9000)
    first = padded(early, 512) + packed("gzip", archive(beginning()) + case("early"))
    with tempfile.TemporaryDirectory() as top:
        images = []
        for how in ("early", *BASES):
            where = Path(top) / how
            where.mkdir()
            image = first if how == "early" else packed(how, case(how))
            images.append(padded(patch_twice(where, how, image), 512))
        return b"".join(images)


@image("patched")
@pytest.mark.parametrize("how", ("early", *BASES))
def test_a_patch_is_what_was_meant(seen, how):
    """Appended raw at a multiple of 4, after NULs where the decoder needs them: to each base."""
    s, c = seen, f"c/{how}"
    s.has(f"{c}/etc/replaced", "new\n", mode=0o644, uid=7, gid=8)
    s.has(f"{c}/etc/program", "#!/bin/new\n", mode=0o755, uid=0, gid=9)
    s.has(f"{c}/etc/link", "a file now\n", mode=0o644)
    s.has(f"{c}/etc/keep", "kept\n", mode=0o600)
    s.has(f"{c}/etc/one", "one anew\n")
    s.has(f"{c}/etc/two", "linked\n")  # the other name keeps what it had
    s.has(f"{c}/lib", kind="symlink", target="usr/lib")
    s.has(f"{c}/usr/lib/through", "through a link\n", mode=0o644)
    s.has(f"{c}/usr/lib/old", "old\n")
    for made in ("new", "new/deep"):
        s.has(f"{c}/{made}", kind="directory", mode=0o755, uid=0, gid=0)
    s.has(f"{c}/new/deep/file", "deep\n")
    s.has(f"{c}/etc/owned", "owned\n", mode=0o604, uid=12, gid=34, mtime=TIME + 7)
    s.has(f"{c}/etc/owned.d", mode=0o750, uid=21, gid=22)
    s.has(f"{c}/etc/owned.d/file", "whose?\n", uid=21, gid=22)
    s.has(f"{c}/etc/secret", "secret\n", mode=0o600)
    s.has(f"{c}/etc/added", kind="symlink", target="keep")
    s.has(f"{c}/empty", kind="directory")
    # The second patch.
    s.has(f"{c}/etc/run", "second\n", mode=0o755)
    s.has(f"{c}/new/deep/file2", "deeper\n")


@image("patched")
def test_all_that_is_patched_is_unpacked_and_foretold(seen):
    assert "unpacking failed" not in seen.console
    seen.has("kernel/x86/microcode/GenuineIntel.bin", bytes(range(200)))
    same_tree(seen)


# --- broken rules: what the kernel does, and that inspect knows it --------------------------------


@image("broken-rules")
def test_what_the_kernel_makes_of_broken_rules(seen):
    s = seen
    s.has("n/one", "rewritten\n", links=2)
    s.has("n/two", "rewritten\n")  # the other name of the same file
    s.has("n/lib", kind="directory")
    s.has_not("n/lib/a")
    s.has("n/usr/lib/a", "a\n")
    s.has("n/usr/lib/b", "b\n")
    s.has("n/link", "a file now\n", mode=0o640)
    s.has("n/kept", "kept\n")
    s.has("n/empty", "was a directory\n")
    s.has("n/full", kind="directory")
    s.has("n/full/inside", "inside\n")
    s.has_not("n/no")
    s.has("n/file", kind="symlink", target="kept")
    s.has("n/longer", "short\n", mode=0o604, uid=9, gid=0, mtime=TIME + 5)
    s.has("n/mode", mode=0o711, uid=0, gid=6)
    s.has("n/dangling", kind="symlink")
    for name in ("absolute", "dot", "double"):
        s.has(f"n/{name}", name + "\n")
    s.has("n/null", kind="char", device="1:3", mode=0o666)
    s.has("n/pipe", kind="fifo")
    s.has("n/again", "second time\n")
    s.has("n/nothing", "")
    s.has("n/first", "joined\n", links=2)  # a hard link, across archives
    s.has("n/joined", "joined\n", links=2)
    s.has("n/apart", "apart\n", links=1)
    assert "unpacking failed" not in s.console


@image("misaligned")
def test_a_misaligned_patch_is_lost(seen):
    s = seen
    s.has("b/base", "base\n")
    s.has_not("p")
    assert "Initramfs unpacking failed: invalid magic at start of compressed archive" in s.console


@image("packed-anywhere")
def test_packed_archives_stand_anywhere(seen):
    s = seen
    for path in ("b/base", "p/patch", "z/zstd", "q/after"):
        s.has(path, path.split("/")[1] + "\n")
    assert "unpacking failed" not in s.console


@image("crc64-appended")
def test_an_appended_xz_with_crc64_is_lost(seen):
    s = seen
    s.has("b/base", "base\n")
    s.has_not("p")
    s.has_not("q")
    assert "Initramfs unpacking failed" in s.console


@image("lz4-then-raw")
def test_what_follows_lz4_at_once_is_lost(seen):
    s = seen
    s.has("b/base", "base\n")
    s.has_not("p")
    assert "Initramfs unpacking failed" in s.console


@pytest.mark.parametrize("seen", BY_HAND, indirect=True)
def test_inspect_foretells(seen):
    """inspect says what the kernel made of it, and where the kernel stopped."""
    same_tree(seen)
    said, _ = inspected(seen.path)
    stops = [x for x in said["segments"] if x.get("refused")]
    assert bool(stops) == ("unpacking failed" in seen.console), said["segments"]
