"""A room includes only headers of itself and of rooms below it (meson.build lists them)."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def rooms():
    text = (ROOT / "meson.build").read_text()
    listed = re.search(r"^rooms = \[(.*?)\]", text, re.M | re.S)
    assert listed, "meson.build lists no rooms"
    return re.findall(r"'([a-z]+)'", listed.group(1))


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if found:
            yield number, found.group(1)


def violations(root, order):
    """Every include that reaches up, sideways out of src/, or to a file that is not there."""
    bad = []
    for path in sorted((root / "src").rglob("*.[ch]")):
        room = path.relative_to(root / "src").parts[0]
        if room not in order:
            bad.append(f"{path.relative_to(root)}: room '{room}' is not in meson.build's list")
            continue
        for number, name in includes(path):
            where = f"{path.relative_to(root)}:{number}"
            other = name.split("/")[0]
            if "/" not in name or other not in order:
                bad.append(f'{where}: "{name}" does not name a room: write "room/file.h"')
            elif order.index(other) > order.index(room):
                bad.append(f"{where}: room '{room}' includes \"{name}\" of a room above it")
            elif not (root / "src" / name).is_file():
                bad.append(f'{where}: "{name}" is not there')
    return bad


def test_no_room_includes_a_header_of_a_room_above_it():
    assert violations(ROOT, rooms()) == []


def test_every_room_on_disk_is_listed():
    on_disk = {p.name for p in (ROOT / "src").iterdir() if p.is_dir()}
    assert on_disk == set(rooms())


def test_the_check_finds_an_upward_include(tmp_path):
    (tmp_path / "src/base").mkdir(parents=True)
    (tmp_path / "src/net").mkdir()
    (tmp_path / "src/net/intent.h").write_text("")
    (tmp_path / "src/base/bad.c").write_text('#include <stdio.h>\n#include "net/intent.h"\n')
    assert violations(tmp_path, ["base", "net"]) == [
        "src/base/bad.c:2: room 'base' includes \"net/intent.h\" of a room above it"
    ]


def test_the_diagram_in_the_documentation_shows_the_same_rooms():
    text = (ROOT / "docs/architecture.md").read_text()
    shown = re.findall(r"^\s*[│|]\s*(\w+)/", text, re.M)
    assert list(reversed(shown)) == rooms()
