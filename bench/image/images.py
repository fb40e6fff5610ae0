"""The images that bench/image/run measures with, made once and kept below build/bench/image.

Their content is the testbed's: programs, libraries, kernel modules, as an installer's. There is not
enough of it for 1.7 GiB, so files come again with a line of their own in front, which makes each
of them another file to squashfs.
"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/lab"))
import lab as labs  # noqa: E402

WHERE = labs.BUILD / "bench/image"
CONTENT = 1700 << 20  # bytes of files in the ext4
UUID = "6b1cde5f-2a42-4f3c-9d0a-3f0d1c8c7a11"


def tool(*argv, **kw):
    subprocess.run([str(a) for a in argv], check=True, stdout=subprocess.DEVNULL, **kw)


def files(top):
    """All regular files below, in one order."""
    for d, dirs, names in os.walk(top):
        dirs.sort()
        for name in sorted(names):
            f = Path(d) / name
            if f.is_file() and not f.is_symlink():
                yield f


def copies(root, most, skip=()):
    """Copies the testbed into `root`, as often as it takes to `most` bytes."""
    done, number = 0, 0
    shutil.copytree(labs.TESTBED / "etc", root / "etc", symlinks=True)
    (root / "etc/motd").write_text("the old message\n")
    while done < most:
        for f in files(labs.TESTBED / "usr"):
            inside = f.relative_to(labs.TESTBED / "usr")
            if inside.parts[0] in skip:
                continue
            to = root / (f"copy{number}" if number else "usr") / inside
            to.parent.mkdir(parents=True, exist_ok=True)
            mark = f"copy {number}\n".encode() if number else b""
            to.write_bytes(mark + f.read_bytes())
            to.chmod(f.stat().st_mode & 0o7777)
            done += f.stat().st_size
            if done >= most:
                return
        number += 1


def stage2(processors):
    """squashfs (xz, 128 KiB) with LiveOS/rootfs.img: an ext4 of 2 GiB, made as lorax makes it."""
    out = WHERE / "squashfs.img"
    if out.exists():
        return out
    print("making a 2 GiB root in squashfs (once; about five minutes with two processors) ...",
          flush=True)
    tree, live, new = WHERE / "root", WHERE / "live", WHERE / "squashfs.new"
    for d in (tree, live):
        shutil.rmtree(d, ignore_errors=True)
    new.unlink(missing_ok=True)
    (live / "LiveOS").mkdir(parents=True)
    copies(tree, CONTENT)
    tool("mke2fs", "-q", "-t", "ext4", "-L", "Anaconda", "-m", "0", "-b", "4096", "-U", UUID,
         "-E", f"hash_seed={UUID}", "-d", tree, live / "LiveOS/rootfs.img", "2G")
    shutil.rmtree(tree)
    limit = ("-processors", str(processors)) if processors else ()
    tool("mksquashfs", live, new, "-comp", "xz", "-b", "131072", "-noappend", "-no-progress",
         *limit)
    shutil.rmtree(live)
    new.rename(out)
    return out


def initrd(most, packer, *argv):
    """One packed archive, as an installer's is."""
    out = WHERE / f"initrd-{packer}.img"
    if out.exists():
        return out
    print(f"making an initrd with {packer} (once) ...", flush=True)
    tree, new = WHERE / "initrd", WHERE / "initrd.new"
    shutil.rmtree(tree, ignore_errors=True)
    copies(tree, most, skip=("share", "include", "src"))
    names = "\n".join(sorted(str(p.relative_to(tree)) for p in tree.rglob("*"))) + "\n"
    with open(new, "wb") as to:
        cpio = subprocess.Popen(["cpio", "-o", "-H", "newc", "--quiet", "--reproducible"], cwd=tree,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        pack = subprocess.Popen([packer, *argv], stdin=cpio.stdout, stdout=to)
        cpio.stdout.close()
        cpio.stdin.write(names.encode())
        cpio.stdin.close()
        if cpio.wait() or pack.wait():
            raise labs.LabError(f"no initrd: cpio or {packer} failed")
    shutil.rmtree(tree)
    new.rename(out)
    return out


def all_of_them(processors=None):
    WHERE.mkdir(parents=True, exist_ok=True)
    return (stage2(processors),
            initrd(320 << 20, "xz", "-3", "--check=crc32"),  # about 60 MB, as is the next one
            initrd(184 << 20, "gzip", "-6"))


if __name__ == "__main__":  # makes them and no more: images.py [PROCESSORS]
    for made in all_of_them(int(sys.argv[1]) if len(sys.argv) > 1 else None):
        print(f"{made}: {made.stat().st_size / 1e6:.0f} MB")
