"""`kickline image` as a person uses it, over every layout: what an image is, what a patch changes
and that all else stays, and that the same input gives the same bytes. Others look at the results:
unsquashfs, debugfs, e2fsck, fsck.erofs, cpio and the kernel's own mounts."""

import contextlib
import gzip
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KICKLINE = ROOT / "build/check/kickline"
LAYOUTS = ["initrd", "squashfs", "squashfs > ext4", "erofs", "ext4"]
TIME = "1700000000"


def sh(*args, **kw):
    return subprocess.run([str(a) for a in args], check=True, capture_output=True, **kw)


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    """Listings of initrds are kept, and not in this machine's own cache."""
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


def run(*args, code=0, **kw):
    p = subprocess.run([str(KICKLINE), "image", *map(str, args)], capture_output=True, text=True,
                       **kw)
    assert p.returncode == code, f"{args}: {p.returncode}\n{p.stdout}{p.stderr}"
    assert "Sanitizer" not in p.stderr
    return p


def make_root(path, extra=()):
    """A small root as an installer has it, usrmerged."""
    for d in ("usr/lib/systemd/system", "usr/bin", "etc", "usr/lib/dracut", "usr/lib64", "var"):
        (path / d).mkdir(parents=True, exist_ok=True)
    for link in ("lib", "bin", "lib64"):
        (path / link).symlink_to(f"usr/{link}")
    (path / "etc/motd").write_text("welcome\nto the\ninstaller\n")
    (path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    os.link(path / "etc/passwd", path / "etc/passwd-")
    (path / "usr/bin/tool").write_bytes(bytes(range(256)) * 800)
    (path / "usr/bin/tool").chmod(0o755)
    for i in range(40):
        (path / f"usr/lib/systemd/system/unit{i}.service").write_text(f"[Unit]\nDescription={i}\n")
    for name, text in extra:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return path


def make_ext4(root, out, size="16M"):
    sh("mke2fs", "-q", "-t", "ext4", "-d", root, "-m", "0", out, size)
    return out


def make_squashfs(root, out, *options):
    sh("mksquashfs", root, out, "-noappend", "-quiet", "-no-progress", "-comp", "xz", *options)
    return out


def make_initrd(root, out):
    names = sh("find", ".", "-mindepth", "1", cwd=root).stdout
    archive = sh("cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0", cwd=root, input=names).stdout
    out.write_bytes(gzip.compress(archive, 6))
    return out


def nested(root, work):
    live = work / "live"
    (live / "LiveOS").mkdir(parents=True)
    make_ext4(root, live / "LiveOS/rootfs.img")
    return live


def make_image(layout, root, work):
    out = work / "image"
    if layout == "initrd":
        return make_initrd(root, out)
    if layout == "squashfs":
        return make_squashfs(root, out)
    if layout == "squashfs > ext4":
        return make_squashfs(nested(root, work), out)
    if layout == "ext4":
        return make_ext4(root, out)
    source = nested(root, work) if layout == "erofs > ext4" else root
    sh("mkfs.erofs", "-zlz4hc", out, source)
    return out


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """One image of each layout, made once."""
    base = tmp_path_factory.mktemp("images")
    root = make_root(base / "root")
    made = {}
    for layout in [*LAYOUTS, "erofs > ext4"]:
        work = base / layout.replace(" > ", "-")
        work.mkdir()
        made[layout] = make_image(layout, root, work)
    return made


@contextlib.contextmanager
def mounted(image, where, *options):
    where.mkdir(exist_ok=True)
    sh("mount", "-o", ",".join(("ro", "loop", *options)), image, where)
    try:
        yield where
    finally:
        sh("umount", where)


@contextlib.contextmanager
def seen_by_others(layout, image, work):
    """The image's tree as somebody else shows it: a directory."""
    with contextlib.ExitStack() as stack:
        if layout == "initrd":
            where = work / "unpacked"
            where.mkdir()
            unpack_initrd(image, where)
            yield where
            return
        where = stack.enter_context(mounted(image, work / "mnt"))
        if layout == "squashfs > ext4":
            inner = where / "LiveOS/rootfs.img"
            assert subprocess.run(["e2fsck", "-fn", inner], capture_output=True).returncode == 0
            where = stack.enter_context(mounted(inner, work / "inner", "noload"))
        yield where


def unpack_initrd(image, where):
    """As the kernel does: one archive over the other. Python reads the gzip part and says where it
    ends, cpio the rest."""
    import zlib
    data = image.read_bytes()
    decoder = zlib.decompressobj(31)
    archives = [decoder.decompress(data)]
    rest = decoder.unused_data.lstrip(b"\0")
    if rest:
        archives.append(rest)
    for archive in archives:
        sh("cpio", "--quiet", "-idu", "--no-absolute-filenames", cwd=where, input=archive)


def tree_of(path):
    """What is in a directory: path -> (kind, mode, owner, content)."""
    found = {}
    for p in sorted(path.rglob("*")):
        name = str(p.relative_to(path))
        if name.startswith("lost+found"):
            continue
        st = p.lstat()
        if p.is_symlink():
            found[name] = ("link", os.readlink(p))
        elif p.is_dir():
            found[name] = ("dir", st.st_mode & 0o7777, st.st_uid, st.st_gid)
        else:
            digest = hashlib.sha256(p.read_bytes()).hexdigest()
            found[name] = ("file", st.st_mode & 0o7777, st.st_uid, st.st_gid, digest)
    return found


def make_changes(path):
    (path / "lib/systemd/system").mkdir(parents=True)
    (path / "lib/systemd/system/new.service").write_text("[Service]\nExecStart=/bin/tool\n")
    (path / "opt/site/deep").mkdir(parents=True)
    (path / "opt/site/deep/file").write_text("deep\n")
    (path / "etc").mkdir()
    (path / "etc/motd").write_text("patched\n")
    (path / "usr/bin").mkdir(parents=True)
    (path / "usr/bin/fix").write_text("#!/bin/sh\n")
    (path / "usr/bin/fix").chmod(0o755)
    return path


ADDED = {"usr/lib/systemd/system/new.service", "opt", "opt/site", "opt/site/deep",
         "opt/site/deep/file", "usr/bin/fix", "etc/link"}


# --- what an image is -----------------------------------------------------------------------------

@pytest.mark.parametrize("layout", [*LAYOUTS, "erofs > ext4"])
def test_the_layout_is_known_by_its_bytes(images, layout):
    out = json.loads(run("inspect", "--json", "--list", images[layout]).stdout)
    assert out["layout"] == layout
    assert out["size"] == images[layout].stat().st_size
    paths = {e["path"]: e for e in out["entries"]}
    assert paths["etc/motd"]["size"] == 25
    assert paths["lib"]["target"] == "usr/lib"
    assert paths["usr/bin/tool"]["mode"] == "0755"


@pytest.mark.parametrize("layout", [*LAYOUTS, "erofs > ext4"])
def test_one_file_is_shown(images, layout):
    assert run("inspect", images[layout], "--cat", "etc/motd").stdout == "welcome\nto the\ninstaller\n"
    p = run("inspect", images[layout], "--cat", "/lib/../../etc/passwd")
    assert p.stdout == "root:x:0:0::/root:/bin/sh\n"
    assert "image-no-path" in run("inspect", images[layout], "--cat", "etc/nothing", code=2).stderr
    line = run("inspect", images[layout], "usr/bin/tool").stdout
    assert line.startswith("-rwxr-xr-x") and line.endswith("usr/bin/tool\n")


BUILDSTAMP = "[Main]\nProduct={}\nVersion={}\nIsFinal=True\nUUID=201511181745.x86_64\n"
STAGES = {
    "centos-7.9 stage2": ("centos-7.9", [
        (".buildstamp", BUILDSTAMP.format("CentOS", "7")),
        ("root/lorax-packages.log", "anaconda-core-21.48.22.159-1.el7.centos.x86_64\n"
         "dracut-033-572.el7.x86_64\n1:NetworkManager-1.18.8-1.el7.x86_64\n"
         "NetworkManager-1.18.8-1.el7.x86_64\nNetworkManager-libnm-1.18.8-1.el7.x86_64\n"
         "kernel-3.10.0-1160.el7.x86_64\n")],
        {"anaconda": "21.48.22.159-1.el7.centos", "dracut": "033-572.el7",
         "NetworkManager": "1.18.8-1.el7", "kernel": "3.10.0-1160.el7"}),
    "ol-7.2 stage2, without a list of packages": ("ol-7.2", [
        (".buildstamp", BUILDSTAMP.format("Oracle Linux Server", "7.2")),
        ("usr/lib64/python2.7/site-packages/pyanaconda/version.py",
         '__version__ = "21.48.22.56-1.0.1.el7"\n')],
        {"anaconda": "21.48.22.56-1.0.1.el7"}),
    "rhel-8.4 initrd": ("rhel-8.4", [
        (".buildstamp", BUILDSTAMP.format("Red Hat Enterprise Linux", "8.4")),
        ("usr/lib/dracut/dracut-049-135.git20210121.el8", ""),
        ("usr/lib/dracut/modules.txt", "base\nifcfg\nnetwork\nnetwork-manager\nurl-lib\n"),
        ("usr/lib64/NetworkManager/1.30.0-7.el8/libnm-device-plugin-team.so", "")],
        {"dracut": "049-135.git20210121.el8", "NetworkManager": "1.30.0-7.el8",
         "network engine": "network-manager"}),
    "centos-7.2 initrd": ("centos-7.2", [
        ("etc/initrd-release", 'NAME=dracut\nVERSION="7 (Core) dracut-033-359.el7"\n'
         'PRETTY_NAME="CentOS Linux 7 (Core) dracut-033-359.el7 (Initramfs)"\nVERSION_ID=033-359\n'),
        ("usr/lib/dracut/dracut-033-359.el7", ""),
        ("usr/lib/dracut/modules.txt", "bash\nnetwork\nifcfg\n")],
        {"dracut": "033-359.el7", "network engine": "network"}),
    "fedora-42 stage2": ("fedora-42", [
        ("etc/os-release", 'NAME="Fedora Linux"\nVERSION_ID=42\n'),
        ("root/lorax-packages.log", "anaconda-core-42.27.12-1.fc42.x86_64\n")],
        {"anaconda": "42.27.12-1.fc42"}),
}


@pytest.mark.parametrize("name", STAGES)
def test_the_release_and_what_runs_in_it(tmp_path, name):
    release, files, found = STAGES[name]
    root = make_root(tmp_path / "root", files)
    make = make_initrd if "initrd" in name else make_squashfs
    image = make(root, tmp_path / "image")
    contents = json.loads(run("inspect", "--json", image).stdout)["contents"]
    assert contents.get("release") == release
    assert {k: v for k, v in contents.items() if k in found} == found
    text = run("inspect", image).stdout
    assert release in text and "from" not in text


def test_what_is_no_image(tmp_path):
    for name, content in (("empty", b""), ("text", b"hello\n" * 100), ("zeros", bytes(70000))):
        (tmp_path / name).write_bytes(content)
        p = run("inspect", tmp_path / name, code=2)
        assert "error:" in p.stderr and p.stdout == "", name
    assert "regular file" in run("inspect", "/dev/null", code=2).stderr
    assert "directory" in run("inspect", tmp_path, code=2).stderr


def test_an_iso_shows_its_checksum(tmp_path):
    root = make_root(tmp_path / "root")
    iso = tmp_path / "boot.iso"
    sh("xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "TEST-DISC", "-o", iso, root)
    out = json.loads(run("inspect", "--json", iso).stdout)
    assert out["volume"] == "TEST-DISC" and "md5" not in out
    sh("implantisomd5", iso)
    assert "good" in run("inspect", "--verify", iso).stdout
    with open(iso, "r+b") as f:
        f.seek(50000)
        f.write(b"changed")
    assert "wrong" in run("inspect", "--verify", iso, code=1).stdout
    assert "it is an ISO" in run("patch", iso, root, "-o", tmp_path / "x", code=2).stderr


# --- what a patch does ----------------------------------------------------------------------------

@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_patch_changes_what_it_says_and_nothing_else(images, tmp_path, layout):
    base, out = images[layout], tmp_path / "patched"
    changes = make_changes(tmp_path / "changes")
    before = base.read_bytes()
    p = run("patch", base, changes, "--link", "motd:etc/link", "-o", out)
    assert "are new" in p.stdout
    assert base.read_bytes() == before
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with seen_by_others(layout, base, tmp_path / "a") as where:
        old = tree_of(where)
    with seen_by_others(layout, out, tmp_path / "b") as where:
        new = tree_of(where)
    assert set(new) - set(old) == ADDED
    assert set(old) - set(new) == set()
    assert {n for n in old if old[n] != new[n]} == {"etc/motd"}
    assert new["etc/motd"][1:4] == old["etc/motd"][1:4]
    assert new["usr/bin/fix"][1:4] == (0o755, 0, 0)
    assert new["opt/site/deep"][1:4] == (0o755, 0, 0)
    assert new["usr/lib/systemd/system/new.service"][1:4] == (0o644, 0, 0)
    assert new["lib"] == ("link", "usr/lib")
    assert new["etc/link"] == ("link", "motd")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_diff_tells_a_patch(images, tmp_path, layout):
    out = tmp_path / "patched"
    run("patch", images[layout], make_changes(tmp_path / "changes"), "-o", out)
    p = run("diff", "--json", images[layout], out, code=1)
    found = json.loads(p.stdout)
    by_kind = {k: {c["path"] for c in found["changes"] if c["change"] == k}
               for k in ("added", "removed", "changed")}
    assert by_kind["added"] == {"opt", "usr/bin/fix", "usr/lib/systemd/system/new.service"}
    assert by_kind["removed"] == set() and by_kind["changed"] == {"etc/motd"}
    assert found["summary"]["added"] == 6
    assert run("diff", out, out).stdout == ""


def test_diff_compares_layouts_with_each_other(images):
    p = run("diff", "--no-times", images["squashfs"], images["erofs"])
    assert "0 changed" in p.stderr


@pytest.mark.parametrize("layout", LAYOUTS)
def test_same_input_same_bytes(images, tmp_path, layout):
    changes = make_changes(tmp_path / "changes")
    again = make_changes(tmp_path / "again")
    for p in [*again.rglob("*")][::-1]:
        os.utime(p, (1, 1), follow_symlinks=False)
    for i, c in enumerate((changes, again)):
        run("patch", images[layout], c, "-o", tmp_path / f"out{i}", "--no-cache")
    assert (tmp_path / "out0").read_bytes() == (tmp_path / "out1").read_bytes()
    run("patch", images[layout], changes, "-o", tmp_path / "out2",
        env={**os.environ, "SOURCE_DATE_EPOCH": TIME})
    assert (tmp_path / "out2").read_bytes() != (tmp_path / "out0").read_bytes()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_patch_that_is_there_already_changes_nothing(images, tmp_path, layout):
    changes, once, twice = make_changes(tmp_path / "c"), tmp_path / "once", tmp_path / "twice"
    run("patch", images[layout], changes, "-o", once)
    p = run("patch", once, changes, "-o", twice)
    assert "already" in p.stdout
    assert once.read_bytes() == twice.read_bytes()
    # ... and one on top of it is like any other.
    (changes / "etc/motd").write_text("again\n")
    run("patch", once, changes, "-o", twice)
    assert run("inspect", twice, "--cat", "etc/motd").stdout == "again\n"
    assert run("inspect", twice, "--cat", "usr/bin/fix").stdout == "#!/bin/sh\n"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_is_edited_with_a_diff(images, tmp_path, layout):
    (tmp_path / "a").write_text("welcome\nto the\ninstaller\n")
    (tmp_path / "b").write_text("welcome\nto our\ninstaller\n")
    diff = subprocess.run(["diff", "-u", tmp_path / "a", tmp_path / "b"], capture_output=True)
    (tmp_path / "motd.diff").write_bytes(diff.stdout)
    out = tmp_path / "out"
    run("patch", images[layout], "--edit", "etc/motd", "--diff", tmp_path / "motd.diff", "-o", out)
    assert run("inspect", out, "--cat", "etc/motd").stdout == "welcome\nto our\ninstaller\n"
    p = run("patch", out, "--edit", "etc/motd", "--diff", tmp_path / "motd.diff", "-o",
            tmp_path / "x", code=2)
    assert "already" in p.stderr and not (tmp_path / "x").exists()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_removal(images, tmp_path, layout):
    out = tmp_path / "out"
    if layout == "initrd":
        p = run("patch", images[layout], "--remove", "etc/motd", "-o", out, code=2)
        assert "image-cannot" in p.stderr and not out.exists()
        return
    run("patch", images[layout], "--remove", "usr/lib/systemd", "--remove", "etc/passwd", "-o", out)
    p = run("diff", "--json", images[layout], out, code=1)
    found = json.loads(p.stdout)
    assert {c["path"] for c in found["changes"] if c["change"] == "removed"} == \
        {"usr/lib/systemd", "etc/passwd"}
    # A hard link's other name keeps the content.
    assert run("inspect", out, "--cat", "etc/passwd-").stdout.startswith("root:")
    (tmp_path / "m").mkdir()
    with seen_by_others(layout, out, tmp_path / "m") as where:
        assert not (where / "usr/lib/systemd").exists()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_hard_link_is_broken_not_written_through(images, tmp_path, layout):
    (tmp_path / "new").write_text("new\n")
    out = tmp_path / "out"
    run("patch", images[layout], "--add", f"{tmp_path}/new:etc/passwd", "-o", out)
    assert run("inspect", out, "--cat", "etc/passwd").stdout == "new\n"
    assert run("inspect", out, "--cat", "etc/passwd-").stdout.startswith("root:")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_secret_stays_one_and_a_program_a_program(tmp_path, layout):
    root = make_root(tmp_path / "root", [("etc/shadow", "old\n"), ("usr/bin/plain", "old\n")])
    (root / "etc/shadow").chmod(0o600)
    (tmp_path / "work").mkdir()
    image = make_image(layout, root, tmp_path / "work")
    changes = tmp_path / "c"
    (changes / "etc").mkdir(parents=True)
    (changes / "usr/bin").mkdir(parents=True)
    for name, mode in (("etc/shadow", 0o644), ("usr/bin/plain", 0o700), ("usr/bin/tool", 0o600),
                       ("usr/bin/new", 0o750), ("etc/new", 0o600)):
        (changes / name).write_text("new\n")
        (changes / name).chmod(mode)
    run("patch", image, changes, "-o", tmp_path / "out")
    out = json.loads(run("inspect", "--json", tmp_path / "out", *(
        "etc/shadow", "usr/bin/plain", "usr/bin/tool", "usr/bin/new", "etc/new")).stdout)
    assert [e["mode"] for e in out["entries"]] == ["0600", "0755", "0755", "0755", "0644"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_cannot_be_said_is_an_error_and_nothing_is_written(images, tmp_path, layout):
    (tmp_path / "f").write_text("f\n")
    out = tmp_path / "out"
    for args, says in (
            (("--add", f"{tmp_path}/f:usr/bin"), "director"),
            (("--add", f"{tmp_path}/f:etc/motd/x"), "not a directory"),
            (("--add", f"{tmp_path}/f:../x"), ".."),
            (("--add", f"{tmp_path}/nothing:x"), "nothing"),
            (("--add", f"{tmp_path}/f:x:9"), "mode"),
            ((tmp_path / "missing",), "missing")):
        p = run("patch", images[layout], *args, "-o", out, code=2)
        assert says in p.stderr, args
        assert not out.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_an_ext4_that_erofs_packed_is_refused_with_what_to_do(images, tmp_path):
    p = run("patch", images["erofs > ext4"], "--link", "a:b", "-o", tmp_path / "x", code=2)
    assert "image overlay" in p.stderr and not (tmp_path / "x").exists()


def test_to_standard_output_and_in_place(images, tmp_path):
    image = tmp_path / "image"
    shutil.copy(images["squashfs"], image)
    image.chmod(0o640)
    p = subprocess.run([KICKLINE, "image", "patch", image, "--link", "motd:etc/l", "-o", "-"],
                       capture_output=True)
    run("patch", image, "--link", "motd:etc/l", "--in-place")
    assert image.read_bytes() == p.stdout
    assert image.stat().st_mode & 0o777 == 0o640
    out = json.loads(run("patch", image, "--link", "motd:etc/l2", "--dry-run", "--json").stdout)
    assert out["changed"] and out["new_bytes"] < 8192
    assert image.read_bytes() == p.stdout


# --- trees and overlays ---------------------------------------------------------------------------

def make_tree(images, path):
    (path / "images/pxeboot").mkdir(parents=True)
    (path / "LiveOS").mkdir()
    (path / "isolinux").mkdir()
    (path / "Packages").mkdir()
    (path / "Packages/a.rpm").write_bytes(b"rpm")
    shutil.copy(images["initrd"], path / "images/pxeboot/initrd.img")
    shutil.copy(images["initrd"], path / "isolinux/initrd.img")
    shutil.copy(images["squashfs > ext4"], path / "LiveOS/squashfs.img")
    sums = {p: hashlib.sha256((path / p).read_bytes()).hexdigest()
            for p in ("images/pxeboot/initrd.img", "LiveOS/squashfs.img")}
    (path / ".treeinfo").write_text(
        "[general]\nfamily = CentOS\nversion = 7\narch = x86_64\n; kept\n\n"
        "[stage2]\nmainimage = LiveOS/squashfs.img\n\n"
        "[images-x86_64]\nkernel = images/pxeboot/vmlinuz\ninitrd = images/pxeboot/initrd.img\n\n"
        "[checksums]\n" + "".join(f"{p} = sha256:{s}\n" for p, s in sums.items()))
    return path


def sums_of(tree):
    lines = (tree / ".treeinfo").read_text().split("[checksums]\n")[1].splitlines()
    return dict(line.split(" = sha256:") for line in lines)


@pytest.mark.parametrize("image", ["stage2", "initrd", "LiveOS/squashfs.img"])
def test_a_tree_beside_the_tree(images, tmp_path, image):
    tree, out = make_tree(images, tmp_path / "tree"), tmp_path / "out"
    before = tree_of(tree)
    p = run("patch", "--tree", tree, image, make_changes(tmp_path / "c"), "-o", out)
    assert tree_of(tree) == before
    after = tree_of(out)
    assert set(after) == set(before)
    path = "images/pxeboot/initrd.img" if image == "initrd" else "LiveOS/squashfs.img"
    assert {n for n in after if after[n] != before[n]} == {".treeinfo", path}
    assert sums_of(out) == {n: hashlib.sha256((out / n).read_bytes()).hexdigest()
                            for n in sums_of(tree)}
    assert (out / ".treeinfo").read_text().startswith("[general]\nfamily = CentOS\n")
    assert (out / "Packages/a.rpm").stat().st_ino == (tree / "Packages/a.rpm").stat().st_ino
    assert ("isolinux" in p.stderr) == (image == "initrd")
    p = run("patch", "--tree", tree, image, tmp_path / "c", "-o", out, code=2)
    assert "exists" in p.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c", "out", "tree"]


def test_a_tree_in_place(images, tmp_path):
    tree = make_tree(images, tmp_path / "tree")
    run("patch", "--tree", tree, "stage2", make_changes(tmp_path / "c"), "--in-place")
    assert sums_of(tree)["LiveOS/squashfs.img"] == \
        hashlib.sha256((tree / "LiveOS/squashfs.img").read_bytes()).hexdigest()
    # Without --tree the old checksum is told about.
    p = run("patch", tree / "LiveOS/squashfs.img", "--link", "a:b", "--in-place")
    assert "--tree" in p.stderr
    p = run("patch", "squashfs.img", "--link", "a:c", "--in-place", cwd=tree / "LiveOS")
    assert f"--tree {tree}" in p.stderr


def test_an_overlay_is_an_archive(images, tmp_path):
    changes = make_changes(tmp_path / "c")
    for name in ("one", "two"):
        run("overlay", changes, "-o", tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    archive = gzip.decompress((tmp_path / "one").read_bytes())
    listed = sh("cpio", "--quiet", "-t", input=archive).stdout.decode().split()
    assert listed == sorted(listed)
    assert {"lib", "lib/systemd", "lib/systemd/system", "lib/systemd/system/new.service"} <= \
        set(listed)
    modes = sh("cpio", "--quiet", "-tv", input=archive).stdout.decode()
    assert "-rwxr-xr-x" in next(x for x in modes.splitlines() if x.endswith(" usr/bin/fix"))
    # It is an image, too, and can be looked into.
    assert run("inspect", tmp_path / "one", "--cat", "etc/motd").stdout == "patched\n"


def test_an_overlay_for_an_initrd_resolves_in_it(images, tmp_path):
    out = tmp_path / "extra.img"
    run("overlay", make_changes(tmp_path / "c"), "--for", images["initrd"], "-o", out)
    both = tmp_path / "both"
    pad = -images["initrd"].stat().st_size % 4
    both.write_bytes(images["initrd"].read_bytes() + bytes(pad) + out.read_bytes())
    patched = tmp_path / "patched"
    run("patch", images["initrd"], tmp_path / "c", "-o", patched)
    assert run("diff", both, patched).stdout == ""
    assert "takes an initrd" in run("overlay", tmp_path / "c", "--for", images["squashfs"], "-o",
                                    out, code=2).stderr
