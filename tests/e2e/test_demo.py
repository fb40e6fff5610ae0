"""`make demo` itself, and that it would notice."""
import json
import subprocess

import lab as labs

DEMO = labs.TOP / "tests/lab/demo"


def test_demo(tmp_path):
    p = subprocess.run([DEMO], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       stdin=subprocess.DEVNULL, timeout=400)
    assert p.returncode == 0, p.stdout
    assert "All stages agree" in p.stdout
    assert "\033" not in p.stdout, "plain where there is no terminal"

    # The machine's own evidence, with one word changed, is no agreement.
    evidence = json.loads((labs.BUILD / "lab/demo/evidence.json").read_text())
    assert evidence["initrd"]["mode"] == "balance-alb"
    evidence["initrd"]["mode"] = "active-backup"
    changed = tmp_path / "evidence.json"
    changed.write_text(json.dumps(evidence))
    p = subprocess.run([DEMO, "--evidence", changed], text=True, stdout=subprocess.PIPE)
    assert p.returncode == 1
    assert "disagreement: mode: initrd says active-backup" in p.stdout
