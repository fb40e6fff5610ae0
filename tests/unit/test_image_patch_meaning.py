"""What a patch means: random changes to random trees, done by this machine's kernel in a directory
and by a patch in an image of it. Links lead through links, and changes contradict each other."""
import io
import os
import random
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KICKLINE = Path(os.environ.get("BUILD", ROOT / "build")) / "kickline"
NAMES = ["a", "b", "c", "d", "e"]


class Conflict(Exception):
    pass


class TakenBack(Exception):
    """--remove stands behind the archive, and takes a file of it back: unit-patch has cases."""


def put(root, path, kind, data):
    """One change, by the kernel. Links are relative and stay within the root."""
    where = Path(os.path.realpath(root / path.parent))
    if not where.is_relative_to(root):
        raise Conflict
    here = where
    while here != root and not os.path.lexists(here):
        here = here.parent
    if not here.is_dir():
        raise Conflict
    where.mkdir(parents=True, exist_ok=True)
    at = where / path.name
    if kind == "dir":
        if at.is_symlink():
            at = Path(os.path.realpath(at))
            if not at.is_relative_to(root) or at.is_symlink():
                raise Conflict
            try:
                at.mkdir(parents=True, exist_ok=True)
            except OSError as e:
                raise Conflict from e
        elif at.exists() and not at.is_dir():
            raise Conflict
        else:
            at.mkdir(exist_ok=True)
        return at
    if at.is_dir() and not at.is_symlink():
        raise Conflict
    at.unlink(missing_ok=True)
    if kind == "link":
        at.symlink_to(data)
    else:
        at.write_text(data)
        at.chmod(0o600)
    return at


def remove(root, path):
    where = Path(os.path.realpath(root / path.parent))
    at = where / path.name
    if not where.is_relative_to(root) or not os.path.lexists(at) or at == root:
        raise Conflict
    return at


def random_path(rng):
    return Path(*rng.choices(NAMES, k=rng.choice([1, 1, 2, 2, 3])))


def random_change(rng, path):
    kind = rng.choice(["dir", "file", "file", "link"])
    data = f"{rng.randrange(4)}"
    if kind == "link":
        up = "../" * (len(path.parts) - 1) if rng.random() < 0.8 else ""
        data = up + str(random_path(rng))
    return path, kind, data


def listing(root):
    out = {}
    for top, dirs, files in os.walk(root):
        for name in dirs + files:
            p = Path(top) / name
            st = p.lstat()
            what = (os.readlink(p) if p.is_symlink() else
                    p.read_text() if p.is_file() else "")
            out[str(p.relative_to(root))] = (stat.S_IFMT(st.st_mode), what,
                                             0 if p.is_symlink() else stat.S_IMODE(st.st_mode))
    return out


def make_tree(rng, root):
    root.mkdir()
    for _ in range(rng.randint(3, 14)):
        try:
            put(root, *random_change(rng, random_path(rng)))
        except (Conflict, OSError):
            pass  # a loop, a file on the way


def expect(root, removals, changes):
    """The tree afterwards; Conflict where a patch says so."""
    gone = [remove(root, p) for p in removals]
    for at in gone:
        if at.is_symlink() or at.is_file():
            at.unlink()
        elif at.exists():
            shutil.rmtree(at)
    done = []
    for c in changes:
        try:
            done.append((c, put(root, *c)))
        except OSError as e:
            raise Conflict from e
    if any(at in gone for (_, kind, _), at in done if kind != "dir"):
        raise TakenBack
    for (path, kind, _), at in done:
        now = (Path(os.path.realpath(root / path)) if kind == "dir" else
               Path(os.path.realpath(root / path.parent)) / path.name)
        if now != at:
            raise Conflict


def pack(file, changes):
    with tarfile.open(file, "w") as t:
        for path, kind, data in changes:
            m = tarfile.TarInfo(str(path))
            m.type = {"dir": tarfile.DIRTYPE, "file": tarfile.REGTYPE,
                      "link": tarfile.SYMTYPE}[kind]
            m.mode = 0o755 if kind == "dir" else 0o600
            if kind == "link":
                m.linkname = data
            content = data.encode() if kind == "file" else b""
            m.size = len(content)
            t.addfile(m, io.BytesIO(content))


@pytest.mark.parametrize("seed", range(2))
def test_as_the_kernel_does(tmp_path, seed):
    rng = random.Random(seed)
    changed = refused = 0
    for i in range(30):
        work = tmp_path / str(i)
        work.mkdir()
        tree, image, tar = work / "tree", work / "image", work / "p.tar"
        make_tree(rng, tree)
        subprocess.run(["mksquashfs", tree, image, "-noappend", "-quiet", "-no-progress",
                        "-no-xattrs", "-all-root", "-mkfs-time", "0"],
                       check=True, stdout=subprocess.DEVNULL)
        there = sorted(listing(tree))
        removals = [Path(p) for p in rng.sample(there, min(len(there), rng.choice([0, 0, 1, 2])))]
        changes = [random_change(rng, random_path(rng)) for _ in range(rng.randint(1, 6))]
        pack(tar, changes)
        args = [a for r in removals for a in ("--remove", r)]
        p = subprocess.run([KICKLINE, "image", "patch", image, *args, tar, "-o", work / "out"],
                           capture_output=True, text=True)
        try:
            expect(tree, removals, changes)
        except TakenBack:
            continue
        except Conflict:
            assert p.returncode in (1, 2), (removals, changes, there, p.stdout)
            assert not (work / "out").exists()
            refused += 1
            continue
        assert p.returncode == 0, (removals, changes, there, p.stderr)
        subprocess.run(["unsquashfs", "-quiet", "-no-progress", "-d", work / "got", work / "out"],
                       check=True, stdout=subprocess.DEVNULL)
        assert listing(work / "got") == listing(tree), (removals, changes, there)
        changed += 1
    assert changed > 2 and refused > 2
