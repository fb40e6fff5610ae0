"""kl_cmdline_parse() against the engines themselves, on lines as people write them: well or badly.

The lines are made by dice: out of pieces that are right, odd and wrong, and out of lines that
Kickline wrote, got wrong (tests/oracle/lines.py). What the parser says that the release would do is
held against NetworkManager 1.42's generator (as rhel-9.2, which has that version) and dracut 059's
parsers (as rhel-8.2, whose grammar is the same for these lines).

Where they differ, the parser is wrong; or a row of tests/oracle/known-differences.tsv tells of it.
ORACLE_LINES=20000 runs more lines, ORACLE_SEED=7 others.
"""
import csv
import os
import re
import subprocess

import pytest

from oracle import differ, hosts, legacy, lines, nm

CHECK = hosts.ROOT / os.environ.get("CHECK", "build/check")
SEED = int(os.environ.get("ORACLE_SEED", "2"))
BATCH = 250
SHOWN = 8

with open(hosts.ROOT / "tests/oracle/known-differences.tsv", encoding="utf-8") as table:
    KNOWN = list(csv.DictReader((row for row in table if not row.startswith("#")),
                                delimiter="\t", quoting=csv.QUOTE_NONE))


def parse_all(release, texts):
    """[({(link, field): value}, [(severity, code)])]"""
    got = subprocess.run([CHECK / "tests/unit/cmdline-facts"],
                         input="".join(f"{release}\t{text}\n" for text in texts),
                         capture_output=True, text=True, check=False)
    assert got.returncode == 0 and not got.stderr, got.stderr
    answers, facts, codes = [], {}, []
    for text in got.stdout.splitlines():
        if text == ".":
            answers.append((facts, codes))
            facts, codes = {}, []
        elif text.startswith("!"):
            codes.append(tuple(text.split("\t")[1:3]))
        else:
            link, field, value = text.split("\t")
            facts[link, field] = value
    assert len(answers) == len(texts)
    return answers


ORACLES = {
    "nm": ("rhel-9.2", nm.understand_all, differ.against_nm, hosts.NM),
    "dracut": ("rhel-8.2", legacy.understand_all, differ.against_dracut, hosts.LEGACY),
}


def compare(oracle, texts):
    """For each line its differences, or None when the oracle cannot tell."""
    release, understand_all, against, _ = ORACLES[oracle]
    return [against(answer, facts, codes) for answer, (facts, codes) in
            zip(understand_all(texts), parse_all(release, texts))]


def row_for(oracle, text, difference):
    return next((row for row in KNOWN if row["oracle"] == oracle and
                 re.fullmatch(row["fact"], difference[1]) and re.search(row["line"], text)), None)


def unknown(oracle, text, differences):
    return [d for d in differences or [] if not row_for(oracle, text, d)]


def shorter(text):
    """The same with a word, or a character, less."""
    words = text.split(" ")
    if len(words) > 1:
        yield from (" ".join(words[:k] + words[k + 1:]) for k in range(len(words)))
    for size in (16, 4, 1):
        for k in range(0, len(text), size):
            yield (text[:k] + text[k + size:]).strip()


def minimised(oracle, text, difference):
    """The shortest line to be had that differs in the same fact."""
    for _ in range(40):
        tries = [t for t in dict.fromkeys(shorter(text)) if t]
        for start in range(0, len(tries), 40):
            some = tries[start:start + 40]
            hits = [t for t, found in zip(some, compare(oracle, some))
                    if any(d[1] == difference[1] for d in unknown(oracle, t, found))]
            if hits:
                text = min(hits, key=len)
                break
        else:
            break
    return text


def told(oracle, wrong):
    """What differs, one line for each fact, the first few as short as they get."""
    kinds = {}
    for text, difference in wrong:
        kind = difference[1], re.sub(r"[0-9a-f:.]{4,}|[a-z0-9]+\d", "", difference[2])
        if len(text) < len(kinds.get(kind, (text + "x",))[0]):
            kinds[kind] = text, difference
    out = [f"{len(wrong)} differences in {sorted({k[0] for k in kinds})}"]
    for text, difference in list(kinds.values())[:SHOWN]:
        short = minimised(oracle, text, difference)
        out.append(f"{short}\n    {unknown(oracle, short, compare(oracle, [short])[0])}\n"
                   f"    of: {text}")
    return "\n".join(out)


@pytest.mark.parametrize("oracle, count", [("nm", 400), ("dracut", 200)])
def test_the_parser_reads_as_the_engine_does(oracle, count):
    count = int(os.environ.get("ORACLE_LINES", count))
    texts = lines.mixture(SEED, lines.rendered(SEED, ORACLES[oracle][3], 2), count)
    wrong, judged = [], 0
    for start in range(0, count, BATCH):
        some = texts[start:start + BATCH]
        for text, found in zip(some, compare(oracle, some)):
            judged += found is not None
            wrong += [(text, d) for d in unknown(oracle, text, found)]
    assert not wrong, told(oracle, wrong)
    assert judged > count / 2


@pytest.mark.parametrize("oracle", list(ORACLES))
def test_every_row_of_the_table_is_alive(oracle):
    rows = [row for row in KNOWN if row["oracle"] == oracle]
    dead = []
    for row, found in zip(rows, compare(oracle, [row["example"] for row in rows])):
        if not any(row_for(oracle, row["example"], d) is row for d in found or []):
            dead.append(f"{row['id']}: {row['example']}: {found}")
    assert not dead, "\n".join(dead)


def test_the_table_can_be_read():
    codes = (hosts.ROOT / "src/check/codes.c").read_text(encoding="utf-8")
    assert len({row["id"] for row in KNOWN}) == len(KNOWN)
    for row in KNOWN:
        assert row["oracle"] in ORACLES and row["why"] and row["line"], row
        assert row["finding"] == "-" or f'"{row["finding"]}"' in codes, row
