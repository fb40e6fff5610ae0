"""`kickline check` on configurations as people write them.

tests/fixtures/check/CODE/shows*/ must be found out with CODE; tests/fixtures/check/CODE/silent*/, a
near miss, must yield neither CODE nor anything else graver than a note. A file `args` holds command
line arguments, one a line; with --cmdline in it the directory itself is not given.
tests/fixtures/check-field/NAME/ are the field reports, and tests/fixtures/check-docs/NAME/ what public
documentation describes (its README.md says where): `expected` lists exactly the codes, notes of
reading left out.
"""
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KICKLINE = ROOT / os.environ.get("CHECK", "build/check") / "kickline"
FIXTURES = ROOT / "tests/fixtures/check"
FIELD = ROOT / "tests/fixtures/check-field"
DOCS = ROOT / "tests/fixtures/check-docs"

# Codes that no file of a site can show: what the tool itself cannot read, or was not told.
NO_FIXTURE = {"cannot-read", "cannot-write"}
READING = {"release-inferred", "kickstart-missing", "kind-unknown", "not-understood",
           "include-missing"}


def arguments(directory):
    args = (directory / "args").read_text().splitlines() if (directory / "args").exists() else []
    args = [a.replace("@DIR@", str(directory)) for a in args if a]
    return args + ([] if "--cmdline" in args else [str(directory)])


def check(*args):
    got = subprocess.run([KICKLINE, "check", "--format", "json", *args], capture_output=True,
                         text=True, check=False, env={**os.environ, "ASAN_OPTIONS": "exitcode=99"})
    assert got.returncode in (0, 1), (got.returncode, got.stderr)
    found = json.loads(got.stdout)["findings"]
    grave = any(f["severity"] != "note" for f in found)
    assert got.returncode == (1 if grave else 0)
    return found


def codes():
    got = subprocess.run([KICKLINE, "check", "--codes", "--json"], capture_output=True, text=True,
                         check=True)
    return [line.split("\t")[0] for line in got.stdout.splitlines()]


def directories(kind):
    return sorted(FIXTURES.glob(f"*/{kind}*"))


def name(directory):
    return f"{directory.parent.name}/{directory.name}"


def lines(found):
    return "\n".join(f"{f['severity']}: {f['message']} [{f['code']}]" for f in found)


@pytest.mark.parametrize("directory", directories("shows"), ids=name)
def test_the_fault_is_found(directory):
    found = check(*arguments(directory))
    assert directory.parent.name in {f["code"] for f in found}, lines(found)


@pytest.mark.parametrize("directory", directories("silent"), ids=name)
def test_the_near_miss_is_not_a_fault(directory):
    found = check(*arguments(directory))
    assert directory.parent.name not in {f["code"] for f in found}, lines(found)
    grave = [f for f in found if f["severity"] != "note"]
    assert not grave, lines(grave)


@pytest.mark.parametrize("directory", directories("shows"), ids=name)
def test_every_finding_is_explained_and_lies_in_its_file(directory):
    known = set(codes())
    for f in check(*arguments(directory)):
        assert f["code"] in known, f["code"]
        for key in ("at", "also"):
            place = f.get(key)
            if place and place.get("line") and Path(place["file"]).is_file():
                text = Path(place["file"]).read_bytes().split(b"\n")
                assert place["line"] <= len(text)
                assert 1 <= place["col"] <= len(text[place["line"] - 1]) + 1, (f["code"], place)


def quirk_rows():
    """(number, first release with it, first without) of each row of the table."""
    text = (ROOT / "src/check/rules_quirk.c").read_text()
    return re.findall(r"^    \{(\d+), \{(\d+), \d+\}, \{\d+, \d+\}, KL_", text, re.M)


def quirk_fixtures(kind):
    return [(d, re.match(kind + r"-(\d+)", d.name)[1]) for d in
            sorted((FIXTURES / "quirk").glob(kind + "-[0-9]*"))]


@pytest.mark.parametrize("directory,number", quirk_fixtures("shows"), ids=lambda v: str(v)[-12:])
def test_the_quirk_that_is_found_is_the_one_meant(directory, number):
    found = check(*arguments(directory))
    assert any(f["code"] == "quirk" and f["message"].startswith(f"quirk {number}:")
               for f in found), lines(found)


def test_every_row_of_the_quirks_has_both_fixtures():
    rows = [number for number, _ in quirk_rows()]
    assert len(rows) > 20
    for kind in ("shows", "silent"):
        have = [number for _, number in quirk_fixtures(kind)]
        assert sorted(have) == sorted(rows), kind


def test_every_code_has_both_fixtures():
    shown = {d.parent.name for d in directories("shows")}
    silent = {d.parent.name for d in directories("silent")}
    want = set(codes()) - NO_FIXTURE
    assert not want - shown, f"no fixture shows {sorted(want - shown)}"
    assert not want - silent, f"no near miss for {sorted(want - silent)}"
    assert not (shown | silent) - want, f"no such code: {sorted((shown | silent) - want)}"


def test_every_code_in_the_source_is_explained():
    """Those that a reader or a rule gives as a literal, next to its severity."""
    used = set()
    for path in [*(ROOT / "src/check").glob("*.c"), *(ROOT / "src/stage").glob("*.c")]:
        if path.name.endswith(("_read.c", "_parse.c", "dhcpd.c", "dnsmasq.c", "kea.c", "script.c",
                               "menu.c", "_parse_ip.c", "reserve.c", "kickstart_lines.c")) \
                or path.parent.name == "check":
            used |= set(re.findall(r'KL_(?:NOTE|WARNING|ERROR),\s*(?:\w+,\s*)?"([a-z0-9-]+)"',
                                   path.read_text()))
    assert len(used) > 40
    assert not used - set(codes()), f"no row in src/check/codes.c: {sorted(used - set(codes()))}"


@pytest.mark.parametrize("directory", sorted(FIELD.glob("*")), ids=lambda d: d.name)
def test_a_field_report_is_found_out_whole(directory):
    found = check(*arguments(directory))
    got = sorted({f["code"] for f in found} - READING)
    assert got == (directory / "expected").read_text().split(), lines(found)


@pytest.mark.parametrize("directory", sorted(d for d in DOCS.glob("*") if d.is_dir()),
                         ids=lambda d: d.name)
def test_what_documentation_describes_yields_exactly_its_codes(directory):
    found = check(*arguments(directory))
    got = sorted({f["code"] for f in found} - READING)
    assert got == (directory / "expected").read_text().split(), lines(found)


def test_documentation_fixtures_are_all_in_the_table():
    rows = re.findall(r"(?m)^\| `([^`]+)` \|", (DOCS / "README.md").read_text())
    assert rows == sorted(d.name for d in DOCS.glob("*") if d.is_dir())
