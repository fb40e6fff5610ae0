"""`kickline check --fix` on the fixtures of `kickline check`: where every finding graver than a note
has a certain mend, the mended files check clean, and not a byte of them differs but those that an
edit names. The patch of --dry-run comes to the same, and by itself writes nothing."""
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KICKLINE = ROOT / os.environ.get("CHECK", "build/check") / "kickline"
FIXTURES = ROOT / "tests/fixtures/check"


def arguments(directory):
    """Those of the file `args`, and the directory, as seen from inside it; None for a bare line,
    which is no file."""
    path = directory / "args"
    args = path.read_text().splitlines() if path.exists() else []
    if "--cmdline" in args:
        return None
    return [a.replace("@DIR@", ".") for a in args if a] + ["."]


def check(directory, *options):
    got = subprocess.run([KICKLINE, "check", *options, *arguments(directory)], cwd=directory,
                         capture_output=True, check=False,
                         env={**os.environ, "ASAN_OPTIONS": "exitcode=99"})
    assert got.returncode in (0, 1), (got.returncode, got.stderr.decode())
    return got.stdout


def findings(directory):
    found = json.loads(check(directory, "--format", "json"))["findings"]
    return [f for f in found if f["severity"] != "note"]


def mendable():
    for directory in sorted(FIXTURES.glob("*/shows*")):
        if arguments(directory) is not None:
            found = findings(directory)
            if found and all(f.get("edits") for f in found):
                yield directory


CASES = list(mendable()) if KICKLINE.exists() else []


def name(directory):
    return f"{directory.parent.name}/{directory.name}"


def tree(directory):
    return {str(p.relative_to(directory)): p.read_bytes()
            for p in sorted(directory.rglob("*")) if p.is_file()}


def edited(files, edits):
    """What the files become, edit by edit from behind; the same edit of two findings is one."""
    by_file = {}
    for e in edits:
        by_file.setdefault(os.path.normpath(e["file"]), []).append(e)
    after = dict(files)
    for file, list_ in by_file.items():
        lines = files[file].split(b"\n")
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line) + 1)
        unique = {(starts[e["line"] - 1] + e["col"] - 1, e["width"], e["text"]) for e in list_}
        text = files[file]
        for at, width, new in sorted(unique, reverse=True):
            text = text[:at] + new.encode() + text[at + width:]
        after[file] = text
    return after


def test_there_are_fixtures_with_mends():
    assert CASES, "no fixture is mended whole"


@pytest.mark.parametrize("directory", CASES, ids=name)
def test_mended_files_check_clean_and_keep_the_rest(directory, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(directory, copy)
    before, edits = tree(copy), [e for f in findings(copy) for e in f["edits"]]
    check(copy, "--fix")
    assert tree(copy) == edited(before, edits)
    assert findings(copy) == []


@pytest.mark.parametrize("directory", CASES, ids=name)
def test_the_patch_comes_to_the_same(directory, tmp_path):
    mended, patched = tmp_path / "mended", tmp_path / "patched"
    for copy in (mended, patched):
        shutil.copytree(directory, copy)
    patch = check(patched, "--fix", "--dry-run")
    assert tree(patched) == tree(directory), "--dry-run wrote"
    check(mended, "--fix")
    subprocess.run(["patch", "-p1", "-s"], cwd=patched, input=patch, check=True)
    assert tree(patched) == tree(mended)


def run(*args):
    return subprocess.run([KICKLINE, "check", *args], capture_output=True, text=True, check=False,
                          env={**os.environ, "ASAN_OPTIONS": "exitcode=99"})


WRONG = "ip=dhcp bond=bond0:enp3s0,enp7s0:mode=mode=6,miimon=100 inst.ks=http://192.0.2.1/ks"


def test_a_mend_of_a_bare_line_is_not_made_and_that_is_said():
    got = run("--fix", "--cmdline", WRONG)
    assert "mend: write mode=6" in got.stdout
    assert "can be mended with --fix" not in got.stdout
    assert got.returncode == 1, got.stderr
    assert "0 findings mended in 0 files" in got.stderr
    assert "a --cmdline is no file; change it yourself" in got.stderr


def test_other_formats_from_the_command_line(tmp_path):
    (tmp_path / "default").write_text(f"label a\n  kernel vmlinuz\n  append initrd=i.img {WRONG}\n")
    got = run("--format", "sarif", str(tmp_path))
    assert got.returncode == 1
    document = json.loads(got.stdout)
    assert document["version"] == "2.1.0"
    results = document["runs"][0]["results"]
    assert "value-repeated" in {r["ruleId"] for r in results}
    got = run("--format", "github", str(tmp_path))
    assert got.returncode == 1
    assert any(line.startswith("::warning file=") and "line=3" in line
               for line in got.stdout.splitlines()), got.stdout
