"""src/net/bond.c beside the driver itself: every mode with every option, and values on both sides
of each limit, are put to the testbed's kernel in a guest. What one takes the other takes."""

import os
import subprocess
from pathlib import Path

import guest
import initrd
import lab as labs

TOP = Path(__file__).resolve().parents[2]
CHECK = TOP / os.environ.get("CHECK", "build/check")

# Linux 6.1 is older than these, or has them by netlink alone (drivers/net/bonding/bond_sysfs.c).
NOT_IN_SYSFS = {"broadcast_neighbor", "coupled_control", "ns_ip6_target"}


def cpio(files):
    """The newc archive of {name: (mode, bytes)}."""
    out = b""
    for number, (name, (mode, data)) in enumerate([*files.items(), ("TRAILER!!!", (0, b""))], 1):
        head = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        out += b"070701" + b"".join(b"%08X" % field for field in head) + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return out


def answers(tmp_path, questions):
    image, version = initrd.kernel()
    modules = labs.TESTBED / "usr/lib/modules" / version / "kernel"
    init = tmp_path / "init"
    source = TOP / "tests/e2e/bonding_driver.c"
    subprocess.run(["cc", "-static", "-O1", "-o", init, source], check=True)
    archive = tmp_path / "initrd"
    archive.write_bytes(cpio({
        "dev": (0o40755, b""),
        "init": (0o100755, init.read_bytes()),
        "tls.ko": (0o100644, (modules / "net/tls/tls.ko").read_bytes()),
        "bonding.ko": (0o100644, (modules / "drivers/net/bonding/bonding.ko").read_bytes()),
        "list": (0o100644, "".join(" ".join(q) + "\n" for q in questions).encode()),
    }))
    console = tmp_path / "console"
    accel = guest.accelerator()
    subprocess.run(
        [*guest.machine(accel), "-m", "512", "-serial", f"file:{console}", "-kernel", image,
         "-initrd", archive, "-append", "console=ttyS0 quiet panic=-1"],
        check=True, timeout=240, stdin=subprocess.DEVNULL)
    said = console.read_text(errors="replace")
    assert "@modules 0" in said, said[-2000:]
    assert "@end" in said, said[-2000:]
    found = {}
    for line in said.splitlines():
        if line.startswith("@ "):
            *question, error = line.split()[1:]
            found[tuple(question)] = int(error)
    return found


def test_the_driver_takes_what_we_take(tmp_path):
    words = subprocess.run([CHECK / "tests/unit/bond-words"], stdout=subprocess.PIPE, text=True,
                           check=True).stdout
    ours = {tuple(line.split()[:3]): line.endswith(" 1") for line in words.splitlines()}
    assert len(ours) > 800
    theirs = answers(tmp_path, list(ours))
    assert set(theirs) == set(ours)
    missing = {option for (_, option, _), error in theirs.items() if error == -1}
    assert missing == NOT_IN_SYSFS
    different = {
        question: (taken, theirs[question]) for question, taken in ours.items()
        if question[1] not in missing and question[1] != "active_slave"
        and taken != (theirs[question] == 0)}
    assert different == {}
    # No port is there to be active; which modes have one is all that can be asked: EACCES or not.
    for question, taken in ours.items():
        if question[1] == "active_slave":
            assert taken == (theirs[question] != 13), question
