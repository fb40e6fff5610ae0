"""The GRUB configurations of tests/golden/ are what GRUB's own parser takes."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTBED = os.environ.get("TESTBED", ROOT / "build/testbed")
CONFIGS = sorted((ROOT / "tests/golden/loader").glob("*.grub"))


def script_check(text):
    return subprocess.run(["chroot", TESTBED, "/usr/bin/grub-script-check"], input=text,
                          capture_output=True, check=False)


def test_there_are_configurations():
    assert len(CONFIGS) >= 3


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.name)
def test_grub_parses_it(path):
    got = script_check(path.read_bytes())
    assert got.returncode == 0, got.stderr


def test_the_checker_would_notice():
    broken = CONFIGS[0].read_bytes().replace(b"fi\n", b"\n", 1)
    assert script_check(broken).returncode != 0
