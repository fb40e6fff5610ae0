"""`kickline image patch` is killed, and disks are full: what was there is whole, and nothing is left
that could be taken for a result."""
import os
import random
import resource
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
KICKLINE = Path(os.environ.get("BUILD", TOP / "build")).resolve() / "check/kickline"
SIZE = 48 << 20  # long enough to write for a kill to come in between


def initrd(top):
    names = subprocess.run(["find", "."], cwd=top, stdout=subprocess.PIPE, check=True).stdout
    return subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=top, input=names,
                          stdout=subprocess.PIPE, check=True).stdout


def squashfs(top):
    out = top.parent / "made.sq"
    subprocess.run(["mksquashfs", top, out, "-noappend", "-no-progress", "-noD", "-noF"],
                   stdout=subprocess.DEVNULL, check=True)
    return out.read_bytes()


@pytest.fixture(scope="session", params=[initrd, squashfs], ids=lambda f: f.__name__)
def image(request, tmp_path_factory):
    """The bytes of an image that is large, and unpacked quickly."""
    top = tmp_path_factory.mktemp("image") / "top"
    (top / "etc").mkdir(parents=True)
    (top / "proc").mkdir()
    (top / "etc/motd").write_text("old\n")
    (top / "large").write_bytes(random.Random(1).randbytes(SIZE))
    return request.param(top)


@pytest.fixture
def site(tmp_path, image):
    """A directory with `image` and, apart from it, the changes."""
    (tmp_path / "changes/etc").mkdir(parents=True)
    (tmp_path / "changes/etc/motd").write_text("new\n")
    (tmp_path / "here").mkdir()
    (tmp_path / "here/image").write_bytes(image)
    return tmp_path


def patch(site, *to, image="here/image"):
    return [KICKLINE, "image", "patch", "--no-cache", site / image, site / "changes", *to]


def run(argv, **kw):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kw)


def result(site):
    """What the patch makes, and how long it takes."""
    start = time.monotonic()
    done = run(patch(site, "-o", site / "whole"))
    took = time.monotonic() - start
    assert done.returncode == 0, done.stdout
    whole = (site / "whole").read_bytes()
    assert whole != (site / "here/image").read_bytes()
    return whole, took


def visible(where):
    """The names that a person or a boot loader sees."""
    return {name for name in os.listdir(where) if not name.startswith(".")}


@pytest.mark.parametrize("way", ["new", "over", "in-place"])
def test_a_kill_leaves_all_or_nothing(site, image, way):
    whole, took = result(site)
    here, old = site / "here", b"what was there before"
    out = here / ("image" if way == "in-place" else "out")
    to = ["--in-place"] if way == "in-place" else ["-o", out]
    dice = random.Random(way)
    killed = finished = 0
    for n in range(10):
        if way == "over":
            out.write_bytes(old)
        before = out.read_bytes() if out.exists() else None
        p = subprocess.Popen(patch(site, *to), stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(0, 1.2 * took))
        p.kill()
        p.wait()
        killed += p.returncode == -signal.SIGKILL
        after = out.read_bytes() if out.exists() else None
        assert after in (before, whole), (n, len(after or b""))
        finished += after == whole
        if way != "in-place":
            assert (here / "image").read_bytes() == image
            out.unlink(missing_ok=True)
        else:
            out.write_bytes(image)
        assert visible(here) == {"image"}
    assert killed >= 3, f"{killed} kills met it at work"


@contextmanager
def small_disk(where, size):
    where.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", where], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", where], check=True)


@pytest.mark.parametrize("there", [None, "what was there before"])
def test_a_full_disk_leaves_what_was_there(site, there):
    if os.geteuid() != 0:
        pytest.skip("mounts a disk")
    with small_disk(site / "small", SIZE // 2):
        out = site / "small/out"
        if there:
            out.write_text(there)
        done = run(patch(site, "-o", out))
        assert done.returncode == 2
        assert "No space left on device" in done.stdout and str(out) in done.stdout
        assert os.listdir(site / "small") == (["out"] if there else [])
        assert not there or out.read_text() == there
        free = os.statvfs(site / "small")
        assert free.f_bavail * free.f_bsize > SIZE // 2 - (1 << 20), "the room is given back"


def test_a_full_disk_and_in_place(site, image):
    if os.geteuid() != 0:
        pytest.skip("mounts a disk")
    with small_disk(site / "small", len(image) * 3 // 2):
        (site / "small/image").write_bytes(image)
        done = run(patch(site, "--in-place", image="small/image"))
        assert done.returncode == 2 and "No space left" in done.stdout
        assert os.listdir(site / "small") == ["image"]
        assert (site / "small/image").read_bytes() == image


def test_a_limit_on_files_leaves_nothing(site, image):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE // 2, SIZE // 2))
    done = run(patch(site, "-o", site / "here/out"), preexec_fn=limit)
    assert done.returncode != 0
    assert os.listdir(site / "here") == ["image"]
    assert (site / "here/image").read_bytes() == image


@pytest.mark.parametrize("to,why", [
    ("none/out", "No such file or directory"), ("here", "Is a directory"),
    ("here/image/out", "Not a directory")])
def test_what_cannot_be_written_is_said(site, image, to, why):
    done = run(patch(site, "-o", site / to))
    assert done.returncode == 2
    assert why in done.stdout and str(site / to) in done.stdout
    assert os.listdir(site / "here") == ["image"]
    assert (site / "here/image").read_bytes() == image


def test_an_image_that_is_no_image_gives_no_file(site):
    data = (site / "here/image").read_bytes()
    (site / "here/image").write_bytes(data[:4000])
    done = run(patch(site, "-o", site / "here/out"))
    assert done.returncode == 2 and "byte" in done.stdout
    assert os.listdir(site / "here") == ["image"]
