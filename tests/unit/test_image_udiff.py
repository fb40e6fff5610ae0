"""Unified diffs are applied as patch(1) applies them when it may not fuzz: random texts and edits,
diffs by diff(1) and git(1), moved places, texts without a last newline, CR LF."""
import os
import random
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DUMP = Path(os.environ.get("CHECK", ROOT / "build/check")) / "tests/unit/patch-dump"


def ours(tmp, old, diff, path="etc/f"):
    (tmp / "old").write_bytes(old)
    (tmp / "d.diff").write_bytes(diff)
    p = subprocess.run([DUMP, "--udiff", path, tmp / "old", tmp / "d.diff"], capture_output=True)
    assert p.returncode in (0, 1), p.stderr
    assert p.returncode or not p.stderr.count(b": error:")
    return (p.stdout if p.returncode == 0 else None), p.stderr.decode()


def theirs(tmp, old, diff):
    (tmp / "theirs").write_bytes(old)
    p = subprocess.run(["patch", "--fuzz=0", "-N", "-s", "--no-backup-if-mismatch", "-r", "-",
                        tmp / "theirs"], input=diff, capture_output=True)
    # One that becomes empty may be removed.
    new = (tmp / "theirs").read_bytes() if (tmp / "theirs").exists() else b""
    return new if p.returncode == 0 else None


def diff_of(tmp, old, new, *options):
    (tmp / "a").write_bytes(old)
    (tmp / "b").write_bytes(new)
    p = subprocess.run(["diff", "-a", *(options or ["-u"]), "--label", "f", "--label", "f",
                        tmp / "a", tmp / "b"], capture_output=True)
    assert p.returncode in (0, 1)
    return p.stdout


def text(rng, lines, words, crlf=False, cut=False):
    end = b"\r\n" if crlf else b"\n"
    out = b"".join(b"%d" % rng.randrange(words) + end for _ in range(lines))
    return out[:-len(end)] if cut and out else out


def edited(rng, old, words, most=4):
    lines = old.splitlines(keepends=True)
    for _ in range(rng.randint(1, most)):
        at = rng.randint(0, len(lines))
        lines[at:at + rng.choice([0, 0, 1, 2, 5])] = [
            b"%d\n" % rng.randrange(words) for _ in range(rng.choice([0, 1, 1, 3]))]
    out = b"".join(lines)
    return out[:-1] if out and rng.random() < 0.2 else out


@pytest.mark.parametrize("seed", range(3))
def test_as_patch_does(tmp_path, seed):
    rng = random.Random(seed)
    fitted = refused = moved = 0
    for _ in range(50):
        words = rng.choice([2, 4, 30, 10000])
        old = text(rng, rng.choice([0, 1, 3, 10, 40]), words, cut=rng.random() < 0.2)
        new = edited(rng, old, words)
        diff = diff_of(tmp_path, old, new, rng.choice(["-u", "-u", "-U0", "-U1", "-U5"]))
        if not diff:
            continue
        got, err = ours(tmp_path, old, diff)
        assert got == new, err
        # And where the text is not the one that the diff was made of.
        other = edited(rng, old, words, 2)
        got, err = ours(tmp_path, other, diff)
        want = theirs(tmp_path, other, diff)
        if got is None and "its place is not there" in err:
            continue  # patch(1) puts at the end what is to stand behind it
        assert got == want, (other, diff, err)
        fitted += want is not None
        refused += want is None
        moved += "further" in err
    assert fitted > 5 and refused > 5 and moved > 1


def test_crlf(tmp_path):
    old, new = b"one\r\ntwo\r\nthree\r\n", b"one\r\n2\r\nthree\r\n"
    diff = diff_of(tmp_path, old, new)
    assert ours(tmp_path, old, diff)[0] == new == theirs(tmp_path, old, diff)
    # A diff of a text with plain ends, of which a mail or a checkout made CR LF.
    old, new = old.replace(b"\r", b""), new.replace(b"\r", b"")
    diff = diff_of(tmp_path, old, new).replace(b"\n", b"\r\n")
    assert ours(tmp_path, old, diff)[0] == new == theirs(tmp_path, old, diff)


def test_applied_already(tmp_path):
    old, new = b"a\nb\nc\n", b"a\nB\nc\n"
    diff = diff_of(tmp_path, old, new)
    assert "applied already" in ours(tmp_path, new, diff)[1]
    diff = b"--- /dev/null\n+++ b/etc/f\n@@ -0,0 +1,2 @@\n+x\n+y\n"
    assert ours(tmp_path, b"", diff)[0] == b"x\ny\n"
    assert "applied already" in ours(tmp_path, b"x\ny\n", diff)[1]
    assert "which is there" in ours(tmp_path, b"x\n", diff)[1]


def git(repo, *args):
    env = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(repo), "GIT_AUTHOR_NAME": "a",
           "GIT_AUTHOR_EMAIL": "a@a", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@a"}
    return subprocess.run(["git", *args], cwd=repo, env=env, check=True, capture_output=True).stdout


@pytest.fixture
def repo(tmp_path):
    r = tmp_path / "repo"
    (r / "etc").mkdir(parents=True)
    git(r, "init", "-q")
    (r / "etc/f").write_text("".join(f"{i}\n" for i in range(20)))
    (r / "etc/g").write_text("".join(f"{i} g\n" for i in range(20)))
    (r / "größe").write_text("1\n")
    git(r, "add", ".")
    git(r, "commit", "-qm", "one")
    return r


def test_git_of_many_files(tmp_path, repo):
    old = {n: (repo / n).read_bytes() for n in ("etc/f", "etc/g", "größe")}
    for n, data in old.items():
        (repo / n).write_bytes(data.replace(b"1", b"one"))
    diff = git(repo, "diff")
    for n, data in old.items():
        for path in (n, "/" + n, "usr/" + n):
            got, err = ours(tmp_path, data, diff, path)
            assert got == (repo / n).read_bytes(), err
    assert "none of them" in ours(tmp_path, old["etc/f"], diff, "etc/ff")[1]


def test_git_series(tmp_path, repo):
    old = (repo / "etc/f").read_bytes()
    for i in (3, 5, 3):
        (repo / "etc/f").write_text((repo / "etc/f").read_text().replace(f"{i}\n", f"{i}{i}\n", 1))
        (repo / "etc/g").write_text(f"{i}\n")
        git(repo, "commit", "-qam", f"edit {i}")
    mails = git(repo, "format-patch", "--stdout", "HEAD~3")
    assert ours(tmp_path, old, mails)[0] == (repo / "etc/f").read_bytes()


def test_git_says_more(tmp_path, repo):
    old = (repo / "etc/f").read_bytes()
    (repo / "etc/f").chmod(0o755)
    (repo / "etc/f").write_bytes(old + b"x\n")
    got, err = ours(tmp_path, old, git(repo, "diff"))
    assert got == old + b"x\n" and "the mode stays" in err
    (repo / "etc/f").write_bytes(b"\0\1\2")
    for options in ([], ["--binary"]):
        got, err = ours(tmp_path, old, git(repo, "diff", *options))
        assert got is None and "bytes, not of lines" in err
    git(repo, "checkout", "-q", ".")
    git(repo, "mv", "etc/f", "etc/moved")
    got, err = ours(tmp_path, old, git(repo, "diff", "-M", "HEAD"))
    assert got is None and "renames" in err
    git(repo, "reset", "-q", "--hard")
    git(repo, "rm", "-q", "etc/f")
    got, err = ours(tmp_path, old, git(repo, "diff", "HEAD"))
    assert got is None and "--remove" in err


HEAD = b"--- f\n+++ f\n"


@pytest.mark.parametrize("old, diff, new, words", [
    (b"a\n", HEAD + b"@@ -1 +1 @@\n-a\n+b\n", b"b\n", ""),
    (b"a\n", b"garbage\n\n" + HEAD + b"@@ -1 +1 @@ f(x)\n-a\n+b\n\nmore garbage\n-- \n", b"b\n", ""),
    (b"a\n", b"@@ -1 +1 @@\n-a\n+b\n", b"b\n", ""),
    (b"a\n\nb\n", HEAD + b"@@ -1,3 +1,3 @@\n-a\n+c\n\n b\n", b"c\n\nb\n", ""),
    (b"a\n", HEAD + b"@@ -1 +0,0 @@\n-a\n", b"", ""),
    (b"a", HEAD + b"@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n", b"a\n", ""),
    (b"a\n", HEAD + b"@@ -1 +1 @@\n-a\n+a\n\\ Kein Zeilenumbruch\n", b"a", ""),
    (b"-- x\na\n", HEAD + b"@@ -1,2 +1,2 @@\n--- x\n+++ y\n a\n", b"++ y\na\n", ""),
    (b"a\n", HEAD + b"@@ -1 +1 @@\n-a\n+b", b"b\n", ""),
    (b"a\n", HEAD + b"@@ -1 +1 @@\n-b\n+c\n", None, "line 1 is 'a'"),
    (b"a\n", HEAD + b"@@ -9 +9 @@\n-b\n+c\n", None, "ends after 1 lines"),
    (b"a\n", HEAD + b"@@ -1,2 +1,2 @@\n-a\n+c\n", None, "ends here"),
    (b"a\n", HEAD + b"@@ -1,2 +1,1 @@\n-a\n+c\n+d\n", None, "more lines than"),
    (b"a\n", HEAD + b"@@ -x +1 @@\n-a\n+c\n", None, "line numbers"),
    (b"a\n", HEAD + b"@@ -1,99999999999999999999 +1 @@\n-a\n+c\n", None, "line numbers"),
    (b"a\n", HEAD, None, "nothing follows"),
    (b"a\n", b"", None, "no unified diff"),
    (b"a\n", b"*** f\n--- f\n*** 1 ****\n! a\n--- 1 ----\n! b\n", None, "no unified diff"),
    (b"a\n", b"Binary files f and g differ\n", None, "bytes, not of lines"),
])
def test_cases(tmp_path, old, diff, new, words):
    got, err = ours(tmp_path, old, diff)
    assert got == new, err
    assert words in err


def test_errors_name_the_line(tmp_path):
    err = ours(tmp_path, b"a\nb\nc\n", HEAD + b"@@ -1,3 +1,3 @@\n a\n-x\n+y\n c\n")[1]
    assert "d.diff:5:1: error: hunk 1 does not fit '/etc/f': line 2 is 'b'" in err
