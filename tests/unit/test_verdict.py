"""The demo's verdict can fail: any stage that says something else, or nothing, makes it exit 1."""
import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest

LAB = Path(__file__).resolve().parents[1] / "lab"
sys.path.insert(0, str(LAB))
import agree  # noqa: E402
import demo  # noqa: E402

ROUTER = "fe80::5054:ff:fe00:1"
ADDRESS, PORTS = "2001:db8:11::31:0", ["enp0s3", "enp0s4"]
DNS, HOST = ["2001:db8:20::53"], "newbox.example.net"
AGREEING = {
    "described": {"address": ADDRESS, "gateway": agree.LEARNT, "DNS": DNS, "bond ports": PORTS,
                  "mode": "balance-alb", "hostname": HOST},
    "router": ROUTER,
    "firmware": {"address": ADDRESS, "gateway": ROUTER, "bond ports": ["enp0s3"], "seconds": 9.5},
    "loader": {"address": ADDRESS, "gateway": ROUTER, "DNS": DNS, "bond ports": ["enp0s3"],
               "hostname": "", "seconds": 25.0},
    "initrd": {"address": ADDRESS, "gateway": ROUTER, "learnt": True, "DNS": DNS,
               "bond ports": PORTS, "mode": "balance-alb", "hostname": HOST, "seconds": 20.1},
    "kickstart": {"address": ADDRESS, "gateway": agree.LEARNT, "DNS": DNS, "bond ports": PORTS,
                  "mode": "balance-alb", "hostname": HOST, "seconds": 0.3},
}


def judge(tmp_path, evidence):
    """What `demo --evidence` makes of it."""
    path = tmp_path / "evidence.json"
    path.write_text(json.dumps(evidence))
    return subprocess.run([LAB / "demo", "--evidence", path], text=True, capture_output=True)


def test_agreement_is_exit_0(tmp_path):
    p = judge(tmp_path, AGREEING)
    assert p.returncode == 0, p.stdout + p.stderr
    assert "All stages agree" in p.stdout
    rows = [[c.strip() for c in line.strip("│").split("│")] for line in p.stdout.splitlines()
            if line.startswith("│")]
    assert rows[0] == ["", *agree.STAGES]
    assert [r[0] for r in rows[1:]] == [*agree.FACTS, "time"]
    assert rows[1] == ["address", ADDRESS, ADDRESS, ADDRESS, ADDRESS]
    assert rows[5] == ["mode", "–", "–", "balance-alb", "balance-alb"]
    assert rows[7] == ["time", "9.5 s", "25.0 s", "20.1 s", "0.3 s"]


SAID = [(s, f) for s in agree.STAGES for f in agree.FACTS if AGREEING[s].get(f)]


@pytest.mark.parametrize("stage,fact", SAID)
def test_another_value_is_exit_1(tmp_path, stage, fact):
    evidence = copy.deepcopy(AGREEING)
    was = evidence[stage][fact]
    evidence[stage][fact] = ["eth9"] if isinstance(was, list) else "2001:db8:bad::1"
    p = judge(tmp_path, evidence)
    assert p.returncode == 1
    assert f"disagreement: {fact}: {stage} says" in p.stdout


@pytest.mark.parametrize("stage,fact", SAID)
def test_silence_is_exit_1(tmp_path, stage, fact):
    evidence = copy.deepcopy(AGREEING)
    del evidence[stage][fact]
    p = judge(tmp_path, evidence)
    assert p.returncode == 1
    assert f"disagreement: {fact}: {stage} did not say it" in p.stdout


@pytest.mark.parametrize("change", [
    lambda e: e["initrd"].update(learnt=False),            # a static route to the same router
    lambda e: e["kickstart"].update(gateway=ROUTER),       # it names what is to be learnt
    lambda e: e["initrd"].update({"bond ports": PORTS[:1]}),  # a bond of one
    lambda e: e["loader"].update(hostname="other"),        # it need not know, but then rightly
    lambda e: e.pop("firmware"),
    lambda e: e.pop("described"),
    lambda e: e.pop("router"),
])
def test_subtler_faults_are_exit_1(tmp_path, change):
    evidence = copy.deepcopy(AGREEING)
    change(evidence)
    assert judge(tmp_path, evidence).returncode == 1


def test_an_explicit_gateway_is_its_own_measure():
    evidence = copy.deepcopy(AGREEING)
    for stage in ("described", *agree.STAGES):
        evidence[stage]["gateway"] = "2001:db8:11::1"
    evidence["initrd"]["learnt"] = False
    assert agree.disagreements(evidence) == []
    evidence["loader"]["gateway"] = ROUTER
    assert len(agree.disagreements(evidence)) == 1


def test_what_is_no_evidence_is_exit_2(tmp_path):
    p = subprocess.run([LAB / "demo", "--evidence", tmp_path / "nothing"], capture_output=True,
                       text=True)
    assert p.returncode == 2
    assert p.stderr.startswith("demo: ")


def test_kickstart_is_read_outside_sections():
    said = demo.say_kickstart(
        "lang en_GB\nnetwork --device=bond0 --bondslaves=a,b --bondopts=mode=802.3ad,miimon=100 "
        "--noipv4 --ipv6=2001:db8::5/64 --ipv6gateway=fe80::1 --nameserver=2001:db8::53 "
        "--activate\nnetwork --hostname=h.example\n%post\nnetwork --hostname=wrong\n%end\n")
    assert said == {"address": "2001:db8::5", "gateway": "fe80::1", "DNS": ["2001:db8::53"],
                    "bond ports": ["a", "b"], "mode": "802.3ad", "hostname": "h.example"}
