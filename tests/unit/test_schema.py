"""data/kickline.schema.json and the loader speak of one format.

Both accept every good fixture; both refuse every bad one; what only the loader can refuse (who
refers to whom, what two hosts have in common, YAML that is none) stands in bad-semantics/. The
loader is tests/unit/fleet_dump.c. And the order of keys changes nothing, in good or in bad.
"""

import copy
import json
import os
import pathlib
import random
import re
import shutil
import subprocess

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests/fixtures/inventory"
CHECK = ROOT / os.environ.get("CHECK", "build/check")
SCHEMA = json.loads((ROOT / "data/kickline.schema.json").read_text())


class Core(yaml.SafeLoader):
    """YAML 1.2's core schema, which editors and libfyaml read, and not YAML 1.1's, in which a MAC
    address may be a number and `no` is false."""


Core.yaml_implicit_resolvers = {}
for tag, pattern, first in [
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$",
     list("-+.0123456789")),
]:
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), first)


def parse(path):
    return yaml.load(path.read_bytes(), Loader=Core)


def fixtures(kind):
    found = sorted((FIXTURES / kind).glob("*.yaml"))
    assert found
    return found


def name(path):
    return path.stem


def load(*paths):
    """What the loader makes of each file: (loaded?, the rest)."""
    run = subprocess.run(
        [CHECK / "tests/unit/fleet-dump", *paths], capture_output=True, text=True, check=True
    )
    assert run.stderr == ""
    answers = []
    for path, text in zip(paths, run.stdout.split("\f")):
        first, rest = text.split("\n", 1)
        assert first in (f"{path} loaded", f"{path} refused")
        answers.append((first.endswith(" loaded"), rest))
    assert len(answers) == len(paths)
    return answers


def errors(document):
    return [e.message for e in jsonschema.Draft7Validator(SCHEMA).iter_errors(document)]


def test_schema_is_one():
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", fixtures("good"), ids=name)
def test_good_is_accepted_by_both(path):
    assert errors(parse(path)) == []
    assert load(path)[0][0]


@pytest.mark.parametrize("path", fixtures("bad"), ids=name)
def test_bad_is_refused_by_both(path):
    assert errors(parse(path))
    assert not load(path)[0][0]


@pytest.mark.parametrize("path", fixtures("bad-semantics"), ids=name)
def test_what_only_the_loader_sees(path):
    try:
        document = parse(path)
    except (yaml.YAMLError, UnicodeDecodeError):
        document = None
    assert errors(document) == []
    assert not load(path)[0][0]


def test_the_manual_tells_the_truth(tmp_path):
    """Every inventory in kickline.yaml(5) is accepted, and every key that there is, is in it."""
    manual = (ROOT / "docs/man/kickline.yaml.5.scd").read_text()
    blocks = re.findall(r"^```\n(.*?)^```$", manual, re.M | re.S)
    assert len(blocks) == 2
    for block in blocks:
        path = tmp_path / "k.yaml"
        path.write_text(block)
        assert errors(parse(path)) == []
        assert load(path)[0][0]
    keys = set(SCHEMA["properties"]) | set(SCHEMA["properties"]["server"]["properties"])
    for word in ("profile", "host", "link-keys"):
        keys |= set(definition(word))
    for kind in ("vlan", "bridge"):
        keys |= set(definition("link-keys")[kind]["properties"])
    missing = {key for key in keys if f"*{key}*" not in manual}
    assert missing == set()


def test_every_code_has_a_fixture():
    """A diagnostic that no fixture shows is one that nobody has seen."""
    sources = "".join(p.read_text() for p in (ROOT / "src/fleet").glob("*.c") if p.name != "plan.c")
    code = r'"([a-z0-9]+(?:-[a-z0-9]+)+)"'
    codes = set(re.findall(r"KL_SAY\(\s*[\w>-]+,\s*" + code, sources))
    codes |= set(re.findall(r"(?:KL_ERROR|KL_WARNING|:\s*KL_WARNING),\s*" + code, sources))
    codes |= set(re.findall(r"refuse\(\s*r,\s*" + code, sources))
    for either in re.findall(r"\? " + code + r"\s*: " + code, sources):
        codes |= set(either)
    assert len(codes) > 50
    expected = set()
    for path in FIXTURES.glob("*/*.yaml"):
        expected |= set(re.findall(rb"# expect: ([a-z0-9-]+)", path.read_bytes()))
    # test_fleet.c, missing_file
    assert codes - {e.decode() for e in expected} == {"file-missing"}


def definition(word):
    return SCHEMA["definitions"][word]["properties"]


def test_schema_knows_the_bonding_driver():
    """The table of src/net/bond.c, and the schema's words for it."""
    source = (ROOT / "src/net/bond.c").read_text()
    rows = re.findall(r'^    (NUMBER|CHOICE|OTHER)\("(\w+)", (.*)\),$', source, re.M)
    lists = {n: re.findall(r'"([^"]+)"', v) for n, v in re.findall(
        r"const char \*const (\w+)\[\] = \{([^}]*)\}", source)}
    bond = definition("bond")
    assert len(rows) > 30
    assert set(bond) == {"ports", "mode"} | {row[1] for row in rows}
    assert bond["mode"]["enum"][:7] == lists["kl_bond_modes"]
    for kind, option, rest in rows:
        first = [word.strip() for word in rest.split(",")]
        said = bond[option]
        if kind == "CHOICE":
            assert said["enum"][: len(lists[first[0]])] == lists[first[0]]
        elif kind == "NUMBER" and first[1] != "1":
            most = 2**31 - 1 if first[1] == "INT_MAX" else int(first[1])
            number = said["anyOf"][0]
            assert (number["minimum"], number["maximum"]) == (int(first[0]), most)


def test_schema_knows_the_settings():
    source = (ROOT / "src/fleet/settings.c").read_text()
    settings = set(re.findall(r'\[KL_S_\w+\] = "([a-z0-9-]+)"', source))
    assert len(settings) == 15
    assert set(definition("profile")) == settings | {"inherits"}
    settings -= {"patch"}  # a profile's alone
    assert set(definition("settings")) == settings
    assert settings < set(definition("host"))


def test_schema_knows_the_releases(tmp_path):
    known = SCHEMA["definitions"]["setting-release"]["anyOf"][0]["enum"]
    path = tmp_path / "k.yaml"
    profiles = {f"p{i}": {"release": release} for i, release in enumerate(known)}
    path.write_text(json.dumps({"server": {"address": "192.0.2.1"}, "profiles": profiles}))
    assert load(path) == [(True, load(path)[0][1])]
    table = (ROOT / "src/tree/release.c").read_text()
    for distro in ("rhel", "centos", "centos-stream", "ol", "almalinux", "rocky", "fedora"):
        assert f'"{distro}"' in table
        assert any(release.startswith(distro + "-") for release in known)


SCALARS = r"""
"a\tb\u00e9"
'it''s
      folded

      twice'
"x\
      y  z"
|
      block
      text
>-
      folded
      more

      new
plain
      on two lines
"tail\\"
'a''b''c'
'"'
"'"
plain words # and a comment
"two\nlines"
é☃
"""


def test_texts_are_what_pyyaml_reads(tmp_path):
    """Every style of scalar, through the loader's own words for a text where it wants none."""
    scalars = re.split(r"\n(?! |\n)", SCALARS.strip("\n"))
    assert len(scalars) == 13
    path = tmp_path / "k.yaml"
    path.write_text("server: {address: 192.0.2.1}\nprofiles:\n" + "".join(
        f"  p{i}:\n    sshd: {scalar}\n" for i, scalar in enumerate(scalars)))
    ok, said = load(path)[0]
    assert not ok
    got = re.findall(r"expected true or false, but this is '(.*?)'\n(?=diag|$)", said, re.S)
    assert got == [profile["sshd"] for profile in parse(path)["profiles"].values()]


# --- the order of keys ---------------------------------------------------------------------------


def shuffled(rng, value):
    if isinstance(value, dict):
        keys = list(value)
        rng.shuffle(keys)
        return {key: shuffled(rng, value[key]) for key in keys}
    if isinstance(value, list):
        return [shuffled(rng, one) for one in value]
    return value


# Where the fault lies in the text, not in what it says.
TEXTUAL = ("yaml-", "duplicate-key", "include-", "bad-address", "wrong-type-root")


def permutable():
    for kind in ("good", "bad", "bad-semantics"):
        for path in fixtures(kind):
            if not path.name.startswith(TEXTUAL) and "duplicate-host" not in path.name:
                yield path


@pytest.mark.parametrize("path", permutable(), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_the_order_of_keys_changes_nothing(path, tmp_path):
    rng = random.Random(path.name)
    shutil.copytree(FIXTURES, tmp_path / "i")
    document = parse(path)
    first = tmp_path / "i" / path.parent.name / "0.yaml"
    paths = [first]
    first.write_text(json.dumps(document))
    for i in range(1, 6):
        paths.append(first.with_name(f"{i}.yaml"))
        paths[-1].write_text(json.dumps(shuffled(rng, copy.deepcopy(document))))
    answers = load(*paths)

    def sorted_diags(answer):
        lines = answer[1].split("\n")
        # Of two that are equal, one is named first: which, is the order's to say.
        return answer[0], sorted(line for line in lines if line.startswith("diag")), [
            line for line in lines if not line.startswith("diag")]

    for answer in answers[1:]:
        assert sorted_diags(answer) == sorted_diags(answers[0])
