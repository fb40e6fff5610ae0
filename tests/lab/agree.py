"""The demo's verdict: what each stage of one boot said about the machine's network, side by side.

Evidence is a JSON object: "described" (the host in kickline.yaml), and for each stage the facts
that the machine had there, and "seconds", the time that the stage took. Lists where there may be
several values.
"""
STAGES = ("firmware", "loader", "initrd", "kickstart")
FACTS = ("address", "gateway", "DNS", "bond ports", "mode", "hostname")
# What a stage must know. It may say more, and then that must agree too; but silence about one of
# these is a disagreement.
MUST = {
    "firmware": ("address", "gateway", "bond ports"),
    "loader": ("address", "gateway", "DNS", "bond ports"),
    "initrd": FACTS,
    "kickstart": FACTS,
}
LEARNT = "by RA"  # a gateway that the stage says is learnt from router advertisements


def same(fact, described, said, stage):
    """Does a stage's value agree with the described one?"""
    if fact == "bond ports" and stage in ("firmware", "loader"):
        # Before there is a bond, a stage uses one of its ports.
        return len(said) > 0 and set(said) <= set(described)
    return said == described


def disagreements(evidence):
    """All of them, as sentences."""
    out = []
    described = evidence.get("described", {})
    for fact in FACTS:
        if not described.get(fact):
            out.append(f"{fact}: the host's description does not say it")
    for stage in STAGES:
        said = evidence.get(stage, {})
        for fact in FACTS:
            if not said.get(fact):
                if fact in MUST[stage]:
                    out.append(f"{fact}: {stage} did not say it")
            elif fact != "gateway" and not same(fact, described.get(fact), said[fact], stage):
                out.append(f"{fact}: {stage} says {text(said[fact])}, "
                           f"described is {text(described.get(fact))}")
    return out + gateways(evidence)


def gateways(evidence):
    """A described gateway is an address or LEARNT. If LEARNT, the kickstart must name none, the
    initrd must have learnt it, and all that have an address must have the router's."""
    out = []
    described = evidence.get("described", {}).get("gateway")
    if not described:
        return out
    router = evidence.get("router") if described == LEARNT else described
    for stage in STAGES:
        said = evidence.get(stage, {}).get("gateway")
        wanted = LEARNT if stage == "kickstart" and described == LEARNT else router
        if said and said != wanted:
            out.append(f"gateway: {stage} says {text(said)}, it should be {text(wanted)}")
    initrd = evidence.get("initrd", {})
    if described == LEARNT and initrd.get("gateway") and initrd.get("learnt") is not True:
        out.append("gateway: initrd has it, but not from a router advertisement")
    return out


def text(value):
    if not value:
        return "–"
    return ", ".join(value) if isinstance(value, list) else str(value)


def seconds(value):
    return "–" if value is None else f"{value:.1f} s"


def table(evidence, colour=False):
    """The table, a row for each fact and one for the time, a column for each stage."""
    rows = [["", *STAGES]]
    for fact in FACTS:
        rows.append([fact, *[text(evidence.get(s, {}).get(fact)) for s in STAGES]])
    rows.append(["time", *[seconds(evidence.get(s, {}).get("seconds")) for s in STAGES]])
    widths = [max(len(r[c]) for r in rows) for c in range(len(rows[0]))]
    bad = {tuple(d.split(":", 1)) for d in disagreements(evidence)}

    def cell(row, column):
        padded = rows[row][column].ljust(widths[column])
        if not colour:
            return padded
        if row == 0 or column == 0:
            return f"\033[1m{padded}\033[0m"
        wrong = any(fact == rows[row][0] and f" {STAGES[column - 1]} " in said
                    for fact, said in bad)
        return f"\033[31m{padded}\033[0m" if wrong else padded

    def rule(left, middle, right):
        return left + middle.join("─" * (w + 2) for w in widths) + right
    lines = [rule("┌", "┬", "┐")]
    for n in range(len(rows)):
        lines.append("│ " + " │ ".join(cell(n, c) for c in range(len(widths))) + " │")
        if n in (0, len(FACTS)):
            lines.append(rule("├", "┼", "┤"))
    lines.append(rule("└", "┴", "┘"))
    return "\n".join(lines)
