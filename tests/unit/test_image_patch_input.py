"""What a patch comes in: directories, archives as tar and cpio themselves make them, single files."""
import hashlib
import io
import os
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DUMP = Path(os.environ.get("CHECK", ROOT / "build/check")) / "tests/unit/patch-dump"


def run(*args, ok=True, cwd=None, env=None):
    p = subprocess.run([DUMP, *args], capture_output=True, cwd=cwd, timeout=100,
                       env={**os.environ, **(env or {})})
    assert p.returncode == (0 if ok else 1), p.stderr.decode()
    if not ok:
        assert not p.stdout
        return p.stderr.decode("utf-8", "surrogateescape")
    out = {}
    for line in p.stdout.decode("utf-8", "surrogateescape").splitlines():
        kind, path, mode, owner, mtime, dev, target, size, sha, *xattrs = line.split("\t")
        out[path] = dict(kind=kind, mode=int(mode), owner=owner, mtime=int(mtime), dev=dev,
                         target=target, size=int(size), sha=sha, xattrs=xattrs)
    return out


EXECUTABLE = -2  # tests/unit/patch_dump.c


def sha(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def tree(tmp_path):
    t = tmp_path / "tree"
    (t / "etc/conf.d").mkdir(parents=True)
    (t / "usr/bin").mkdir(parents=True)
    (t / "etc/motd").write_text("hello\n")
    (t / "etc/empty").write_bytes(b"")
    (t / "usr/bin/run").write_text("#!/bin/sh\n")
    (t / "usr/bin/run").chmod(0o711)
    (t / "etc/conf.d/large").write_bytes(os.urandom(200_000))
    (t / "etc/link").symlink_to("../outside")
    (t / "etc/motd").chmod(0o600)
    os.utime(t / "etc/motd", (1234567890, 1234567890))
    return t


def test_directory(tree):
    out = run(str(tree))
    assert list(out) == ["etc", "etc/conf.d", "etc/conf.d/large", "etc/empty", "etc/link",
                         "etc/motd", "usr", "usr/bin", "usr/bin/run"]
    assert {p: o["mode"] for p, o in out.items() if o["kind"] == "file"} == {
        "etc/conf.d/large": -1, "etc/empty": -1, "etc/motd": -1, "usr/bin/run": EXECUTABLE}
    assert all(o["owner"] == "-1:-1" and o["mtime"] == -1 and not o["xattrs"]
               for o in out.values())
    assert all(o["mode"] == -1 for o in out.values() if o["kind"] != "file")
    assert out["etc/link"]["target"] == "../outside"
    for p, o in out.items():
        if o["kind"] == "file":
            assert o["sha"] == sha((tree / p).read_bytes())


def test_a_link_as_the_directory_itself_is_followed(tree):
    tree.with_name("to").symlink_to(tree)
    assert run(str(tree)) == run(str(tree.with_name("to")))


@pytest.mark.parametrize("make, words", [
    (lambda p: os.mkfifo(p), "FIFO"),
    (lambda p: os.mknod(p, stat.S_IFCHR | 0o600, os.makedev(1, 3)), "character device"),
    (lambda p: (p.write_text("x"), p.chmod(0o4755)), "setuid"),
    (lambda p: (p.write_text("x"), p.chmod(0o2755)), "setuid"),
])
def test_what_is_no_file(tree, make, words):
    make(tree / "etc/odd")
    err = run(str(tree), ok=False)
    assert words in err and f"{tree}/etc/odd" in err


def test_too_deep(tmp_path):
    deep = tmp_path / "d"
    for _ in range(130):
        deep = deep / "d"
    deep.mkdir(parents=True)
    assert "directories in each other" in run(str(tmp_path / "d"), ok=False)


def test_many_large_files_need_few_descriptors(tmp_path):
    for i in range(400):
        (tmp_path / f"f{i}").write_bytes(bytes([i % 256]) * 70_000)
    p = subprocess.run(f"ulimit -n 300 && exec {DUMP} {tmp_path}", shell=True, capture_output=True)
    assert p.returncode == 0, p.stderr
    lines = [line.split("\t") for line in p.stdout.decode().splitlines()]
    assert len(lines) == 400
    for line in lines:
        assert line[8] == sha(bytes([int(line[1][1:]) % 256]) * 70_000)


# --- archives ------------------------------------------------------------------------------------

PACK = {"": ["cat"], "gz": ["gzip"], "xz": ["xz"], "zst": ["zstd", "-q"], "bz2": ["bzip2"],
        "lzo": ["lzop"]}


def check_tree(out, tree, name):
    for p in ("etc/motd", "etc/empty", "usr/bin/run", "etc/conf.d/large"):
        st = (tree / p).stat()
        assert out[p]["sha"] == sha((tree / p).read_bytes())
        assert out[p]["mode"] == stat.S_IMODE(st.st_mode)
        assert out[p]["owner"] == "7:8"
        assert out[p]["mtime"] == int(st.st_mtime)
    assert out["etc/link"]["kind"] == "symbolic link"
    assert out["etc/link"]["target"] == "../outside"
    assert out["etc/conf.d"]["mode"] == 0o755
    assert "." not in out and "" not in out


@pytest.mark.parametrize("form, pack", [
    *(("pax", p) for p in PACK), ("gnu", ""), ("ustar", ""), ("v7", "")])
def test_tar(tree, form, pack):
    file = tree.with_name("t.tar")
    tar = subprocess.run(["tar", "-C", tree, f"--format={form}", "--owner=:7", "--group=:8",
                          "-cf", "-", "."], stdout=subprocess.PIPE, check=True).stdout
    file.write_bytes(subprocess.run(PACK[pack], input=tar, stdout=subprocess.PIPE,
                                    check=True).stdout)
    if pack == "lzo":
        # libarchive of Debian has no LZO of its own, and programs are not run.
        assert "neither a tar nor a cpio" in run(str(file), ok=False)
        return
    check_tree(run(str(file)), tree, file.name)


@pytest.mark.parametrize("form", ["newc", "crc", "odc", "bin"])
def test_cpio(tree, form):
    file = tree.with_name("t.cpio")
    with open(file, "wb") as f:
        subprocess.run(f"find . | LC_ALL=C sort | cpio -o -H {form} -R 7:8 --quiet", shell=True,
                       cwd=tree, stdout=f, check=True)
    check_tree(run(str(file)), tree, file.name)


@pytest.mark.parametrize("size", [10, 3_000_000])
@pytest.mark.parametrize("command", [
    "tar -cf - .", "find . | LC_ALL=C sort | cpio -o -H newc --quiet",
    "find . | LC_ALL=C sort | cpio -o -H odc --quiet"])
def test_hard_links_are_copies(tmp_path, command, size):
    (tmp_path / "t").mkdir()
    data = os.urandom(size)
    (tmp_path / "t/a").write_bytes(data)
    for other in "bcd":
        os.link(tmp_path / "t/a", tmp_path / "t" / other)
    (tmp_path / "t/e").write_bytes(b"other")
    with open(tmp_path / "archive", "wb") as f:
        subprocess.run(command, shell=True, cwd=tmp_path / "t", stdout=f, check=True)
    out = run(str(tmp_path / "archive"))
    assert {p: o["sha"] for p, o in out.items()} == {**{p: sha(data) for p in "abcd"},
                                                     "e": sha(b"other")}
    assert all(o["size"] == size for p, o in out.items() if p in "abcd")


def make_tar(path, *members, form=tarfile.PAX_FORMAT):
    with tarfile.open(path, "w", format=form) as t:
        for name, more in members:
            data = more.pop("data", b"")
            m = tarfile.TarInfo(name)
            m.size = len(data)
            m.mtime = 5
            for key, value in more.items():
                setattr(m, key, value)
            t.addfile(m, io.BytesIO(data))
    return str(path)


def test_what_pax_says(tmp_path):
    file = make_tar(tmp_path / "t.tar",
                    ("etc/a", dict(data=b"x", uid=3_000_000_000, pax_headers={
                        "SCHILY.xattr.security.selinux": "system_u:object_r:etc_t:s0\0",
                        "SCHILY.xattr.user.b": "1"})),
                    ("etc/selinux", dict(data=b"x", pax_headers={
                        "RHT.security.selinux": "system_u:object_r:etc_t:s0"})),
                    ("etc/" + "n" * 200, dict(data=b"y")),
                    ("etc/größe", dict(data=b"z")),
                    ("dev/c", dict(type=tarfile.CHRTYPE, devmajor=4, devminor=64, mode=0o620)),
                    ("dev/p", dict(type=tarfile.FIFOTYPE, mode=0o1777)),
                    ("old", dict(data=b"", mtime=-7)))
    for lang in ("C", "C.UTF-8", "POSIX"):
        out = run(file, env={"LC_ALL": lang, "LANG": lang})
        assert out["etc/a"]["xattrs"] == [
            "security.selinux=" + b"system_u:object_r:etc_t:s0\0".hex(), "user.b=31"]
        assert out["etc/a"]["owner"] == "3000000000:0"
        # As tar --selinux of GNU writes it.
        assert out["etc/selinux"]["xattrs"] == [
            "security.selinux=" + b"system_u:object_r:etc_t:s0".hex()]
        assert out["etc/" + "n" * 200]["sha"] == sha(b"y")
        assert out["etc/größe"]["sha"] == sha(b"z")
        assert out["dev/c"]["dev"] == "4:64" and out["dev/c"]["kind"] == "character device"
        assert out["dev/p"]["mode"] == 0o1777 and out["dev/p"]["kind"] == "FIFO"
        assert out["old"]["mtime"] == 0


def test_xattrs_of_gnu_tar(tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t/f").write_text("x")
    os.setxattr(tmp_path / "t/f", "user.mark", b"\0\xff\n=1")
    subprocess.run(["tar", "--xattrs", "--xattrs-include=*", "-C", tmp_path / "t", "-cf",
                    tmp_path / "t.tar", "f"], check=True)
    assert run(str(tmp_path / "t.tar"))["f"]["xattrs"] == ["user.mark=" + b"\0\xff\n=1".hex()]


@pytest.mark.parametrize("name, more, words", [
    ("../x", {}, "goes up with '..'"),
    ("a/../../x", {}, "goes up with '..'"),
    ("/a/../x", {}, "goes up with '..'"),
    ("a" * 256, {}, "more than 255"),
    ("a", dict(type=tarfile.LNKTYPE, linkname="nowhere"), "not before it"),
    ("a", dict(type=tarfile.LNKTYPE, linkname="../a"), "not before it"),
    (".", dict(data=b"x"), "names nothing"),
])
def test_hostile_names(tmp_path, name, more, words):
    file = make_tar(tmp_path / "t.tar", ("good", dict(data=b"x")), (name, dict(more)))
    assert words in run(file, ok=False)


def test_leading_slashes_are_the_images(tmp_path):
    out = run(make_tar(tmp_path / "t.tar", ("//etc/./a", dict(data=b"x"))))
    assert list(out) == ["etc/a"]


def test_sparse(tmp_path):
    (tmp_path / "t").mkdir()
    with open(tmp_path / "t/f", "wb") as f:
        f.seek(3_000_000)
        f.write(b"middle")
        f.truncate(5_000_000)
    whole = (tmp_path / "t/f").read_bytes()
    for form in ("gnu", "pax"):
        subprocess.run(["tar", "-S", f"--format={form}", "-C", tmp_path / "t", "-cf",
                        tmp_path / "t.tar", "f"], check=True)
        assert (tmp_path / "t.tar").stat().st_size < 100_000
        assert run(str(tmp_path / "t.tar"))["f"]["sha"] == sha(whole)


def test_bombs(tmp_path):
    with open(tmp_path / "f", "wb") as f:
        f.truncate(5 << 30)
    subprocess.run(["tar", "-S", "-C", tmp_path, "-cf", tmp_path / "t.tar", "f"], check=True)
    assert "more than 4 GiB" in run(str(tmp_path / "t.tar"), ok=False)


def test_truncated(tree):
    file = tree.with_name("t.tar")
    subprocess.run(["tar", "-C", tree, "-cf", file, "."], check=True)
    data = file.read_bytes()
    at = data.index((tree / "etc/conf.d/large").read_bytes()[:100])
    for packed in (data, subprocess.run(["gzip"], input=data, stdout=subprocess.PIPE).stdout):
        file.write_bytes(packed[:at + 70_000])
        assert "runcated" in run(str(file), ok=False)


@pytest.mark.parametrize("pad", [0, 3, 508, 20_000])
@pytest.mark.parametrize("command", ["tar -b1 -cf - .", "find . | cpio -o -H newc --quiet"])
def test_what_follows_the_end(tree, command, pad):
    file = tree.with_name("a")
    data = subprocess.run(command, shell=True, cwd=tree, check=True, stdout=subprocess.PIPE).stdout
    file.write_bytes(data + bytes(pad))
    run(str(file))
    file.write_bytes(data + bytes(pad) + data)
    err = run(str(file), ok=False)
    assert f"something follows the end of the archive, at byte {len(data) + pad}" in err


@pytest.mark.parametrize("data", [b"", b"hello\n", b"PK\3\4" + bytes(100), b"\x7fELF" + bytes(2000)])
def test_what_is_no_archive(tmp_path, data):
    (tmp_path / "f").write_bytes(data)
    err = run(str(tmp_path / "f"), ok=False)
    assert "neither a tar nor a cpio" in err and "--add" in err


def test_no_such_patch(tree):
    assert f"did you mean '{tree}'?" in run(str(tree)[:-1] + "r", ok=False)
    assert "character device" in run("/dev/null", ok=False)


def test_an_input_that_fails_adds_nothing(tree):
    os.mkfifo(tree / "zzz")
    p = subprocess.run([DUMP, "--link", "a:b", str(tree)], capture_output=True)
    assert p.returncode == 1 and not p.stdout


# --- words ---------------------------------------------------------------------------------------

def test_add(tmp_path):
    (tmp_path / "a:b").write_text("x")
    (tmp_path / "script").write_text("y")
    (tmp_path / "script").chmod(0o700)
    out = run("--add", f"{tmp_path}/a\\:b:/etc//x\\:y", "--add", f"{tmp_path}/script:bin/s",
              "--add", f"{tmp_path}/script:bin/t:4711", "--link", "/usr/x\\:y:/etc/l",
              "--remove", "/etc/old\\:er/")
    assert [(p, o["kind"], o["mode"]) for p, o in out.items()] == [
        ("etc/x:y", "file", -1), ("bin/s", "file", EXECUTABLE), ("bin/t", "file", 0o4711),
        ("etc/l", "symbolic link", -1), ("etc/old:er", "removal", -1)]
    assert out["etc/l"]["target"] == "/usr/x:y"


@pytest.mark.parametrize("args, words", [
    (["--add", "x"], "HOSTPATH:IMAGEPATH"),
    (["--add", ":x"], "HOSTPATH:IMAGEPATH"),
    (["--add", "x:"], "HOSTPATH:IMAGEPATH"),
    (["--add", "{}/f:x:0644:y"], "HOSTPATH:IMAGEPATH"),
    (["--add", "{}/f:x:rw"], "no octal mode"),
    (["--add", "{}/f:x:8"], "no octal mode"),
    (["--add", "{}/f:x:10000"], "no octal mode"),
    (["--add", "{}/f:x:"], "no octal mode"),
    (["--add", "{}/f:../x"], "goes up"),
    (["--add", "{}/f:/"], "names nothing"),
    (["--add", "{}/g:x"], "did you mean"),
    (["--add", "{}:x"], "without --add"),
    (["--add", "/dev/null:x"], "character device"),
    (["--add", "{}/su:x"], "setuid"),
    (["--link", "x"], "TARGET:IMAGEPATH"),
    (["--link", ":x"], "TARGET:IMAGEPATH"),
    (["--link", "x:y:z"], "TARGET:IMAGEPATH"),
    (["--link", "x:.."], "goes up"),
    (["--remove", "a:b"], "\\:"),
    (["--remove", ""], "--remove"),
    (["--remove", "/"], "names nothing"),
])
def test_bad_words(tmp_path, args, words):
    (tmp_path / "f").write_text("x")
    (tmp_path / "su").write_text("x")
    (tmp_path / "su").chmod(0o4755)
    assert words in run(*[a.format(tmp_path) for a in args], ok=False)


# --- written -------------------------------------------------------------------------------------

def test_as_cpio(tree, tmp_path):
    file, to = tmp_path / "out.cpio", tmp_path / "to"
    run(str(tree), "--add", f"{tree}/etc/motd:deep/er/motd:0640", "--cpio", str(file))
    first = file.read_bytes()
    to.mkdir()
    subprocess.run(["cpio", "-im", "--no-absolute-filenames", "--quiet"], cwd=to, check=True,
                   stdin=open(file, "rb"))
    listed = subprocess.run(["cpio", "-t", "--quiet"], stdin=open(file, "rb"), check=True,
                            stdout=subprocess.PIPE, text=True).stdout.split()
    assert listed == ["deep", "deep/er", "deep/er/motd", "etc", "etc/conf.d", "etc/conf.d/large",
                      "etc/empty", "etc/link", "etc/motd", "usr", "usr/bin", "usr/bin/run"]
    assert subprocess.run(["diff", "-r", "--no-dereference", tree / "etc", to / "etc"]).returncode == 0
    assert stat.S_IMODE((to / "deep/er/motd").stat().st_mode) == 0o640
    assert (to / "etc/motd").stat().st_mtime == 1000000000
    os.utime(tree / "usr/bin/run")
    run(str(tree), "--add", f"{tree}/etc/motd:deep/er/motd:0640", "--cpio", str(file))
    assert file.read_bytes() == first
    again = run(str(file))
    assert again["deep/er/motd"]["owner"] == "0:0"
