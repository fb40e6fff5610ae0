"""What an installer's initrd fetches and pivots into, in miniature: systemd, udev and a shell out
of the testbed, in each layout that Kickline patches. Made once and kept below build/stage2."""
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import lab

# With what they depend on, but for LEFT_OUT, which only their maintainer scripts need.
PACKAGES = "systemd systemd-sysv udev bash coreutils mount util-linux grep base-passwd".split()
LEFT_OUT = "adduser debconf debconf-2.0 dpkg perl-base passwd debianutils libc-bin".split()
NOT_NEEDED = re.compile(r"/usr/share/(?!dbus-1)|/lib/udev/hwdb|/usr/lib/udev/hwdb|/var/|"
                        r".*(/cryptsetup|gconv|getty-generator)")
ETC = "passwd group shadow nsswitch.conf os-release debian_version"
UUID = "0f9d3cf1-7a42-4d0e-8f4b-5b7a4c0e2d11"
LABEL = b"system_u:object_r:etc_t:s0\0"

BUILDSTAMP = """\
[Main]
Product=Debian Miniature
Version=9.4
BugURL=https://example.net/
IsFinal=True
UUID=202611210000.x86_64
[Compose]
Lorax=34.9.26-1
"""


def depends():
    """{package: [package, ...]} of what is installed in the testbed."""
    out = {}
    for block in (lab.TESTBED / "var/lib/dpkg/status").read_text().split("\n\n"):
        name = re.search(r"^Package: (\S+)", block, re.M)
        if name:
            words = re.findall(r"^(?:Pre-)?Depends: (.*)", block, re.M)
            out[name[1]] = [re.split(r"[ :|(]", d.strip())[0] for w in words for d in w.split(",")]
    return out


def packages():
    known, wanted, todo = depends(), set(), list(PACKAGES)
    while todo:
        name = todo.pop()
        if name in known and name not in wanted and name not in LEFT_OUT:
            wanted.add(name)
            todo += known[name]
    return sorted(wanted)


def copy(path, root):
    """Copies a file or link of the testbed; what stands on the way as a link is a link there."""
    source = lab.TESTBED / path.lstrip("/")
    to = root / os.path.realpath(source.parent).removeprefix(str(lab.TESTBED)).lstrip("/")
    to.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        if not (to / source.name).is_symlink():
            os.symlink(os.readlink(source), to / source.name)
    elif source.is_file():
        shutil.copy2(source, to / source.name)


def root(path):
    """A root directory that systemd starts."""
    for link in ("bin", "sbin", "lib", "lib64"):
        (path / "usr" / link).mkdir(parents=True)
        os.symlink(f"usr/{link}", path / link)
    for d in ("dev", "proc", "sys", "run", "tmp", "var", "etc/systemd/system", "root"):
        (path / d).mkdir(parents=True)
    info = lab.TESTBED / "var/lib/dpkg/info"
    for package in packages():
        listed = next((f for f in (info / f"{package}.list", info / f"{package}:amd64.list")
                       if f.exists()), None)
        for name in listed.read_text().splitlines() if listed else ():
            if not NOT_NEEDED.match(name):
                copy(name, path)
    for name in ETC.split():
        copy(f"/etc/{name}", path)
    (path / "etc/motd").write_text("the vendor's message\n")
    # Or systemd would call it a first boot, and ask questions on the console.
    (path / "etc/machine-id").write_text("6b1cde5f2a424f3c9d0a3f0d1c8c7a11\n")
    (path / ".buildstamp").write_text(BUILDSTAMP)
    os.symlink("/lib/systemd/system/multi-user.target", path / "etc/systemd/system/default.target")
    for name in ("etc", "etc/motd"):
        os.setxattr(path / name, "security.selinux", LABEL)


def squashfs(source, out, *options):
    lab.tool(["mksquashfs", source, out, "-noappend", "-no-progress", "-b", "131072", *options])


def live(tree, out):
    """squashfs (xz) with LiveOS/rootfs.img, as lorax makes it."""
    top = tree.parent / "live"
    (top / "LiveOS").mkdir(parents=True)
    lab.tool(["mke2fs", "-q", "-t", "ext4", "-L", "Anaconda", "-m", "0", "-b", "4096", "-U", UUID,
              "-E", f"hash_seed={UUID}", "-d", tree, top / "LiveOS/rootfs.img", "160M"])
    squashfs(top, out, "-comp", "xz")


def flat(tree, out):
    squashfs(tree, out, "-comp", "zstd", "-Xcompression-level", "6")


def erofs(tree, out):
    lab.tool(["mkfs.erofs", "-zlz4", "-T", "1600000000", "-U", UUID, out, tree])


LAYOUTS = {"live": live, "flat": flat, "erofs": erofs}


def image(layout):
    """The image in this layout; makes all of them when there is none of these inputs yet."""
    key = hashlib.sha256((lab.TESTBED / ".testbed").read_bytes() + Path(__file__).read_bytes())
    where = lab.BUILD / "stage2"
    where.mkdir(parents=True, exist_ok=True)
    name = f"-{key.hexdigest()[:16]}.img"
    with open(where / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (where / f"{layout}{name}").exists():
            for old in where.glob("*.img"):
                old.unlink()
            make_all(where, name)
    return where / f"{layout}{name}"


def make_all(where, name):
    scratch = where / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    root(scratch / "root")
    for layout, make in LAYOUTS.items():
        make(scratch / "root", scratch / "new")
        os.replace(scratch / "new", where / f"{layout}{name}")
    shutil.rmtree(scratch)


if __name__ == "__main__":  # stage2.py: makes them; prints where they are and how large
    for one in LAYOUTS:
        subprocess.run(["ls", "-l", image(one)], check=True)
