"""The command line as a person and a program use it: help, man pages, exit codes, JSON, tables."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECK = ROOT / "build/check"
KICKLINE = CHECK / "kickline"

BOND = """
        bond0:
          bond: {ports: [enp3s0, enp7s0], mode: balance-alb, miimon: 100}
"""
NETWORKS = {
    "bond-ra": BOND + """
          addresses: ["2001:db8:11::31:0/64"]
          gateway6: ra
""",
    "bond-gateway": BOND + """
          addresses: ["2001:db8:11::31:0/64"]
          gateway6: "2001:db8:11::1"
""",
    "vlan-over-bond": BOND + """
        bond0.100:
          vlan: {id: 100, parent: bond0}
          addresses: ["2001:db8:11::31:0/64"]
          gateway6: "2001:db8:11::1"
""",
    "ipv4": """
        enp3s0: {addresses: ["192.0.2.31/24"], gateway4: "192.0.2.1"}
""",
    "dual": """
        enp3s0:
          addresses: ["192.0.2.31/24", "2001:db8:11::31:0/64"]
          gateway4: "192.0.2.1"
          gateway6: "2001:db8:11::1"
          install: ipv6
""",
    "dhcp4": """
        enp3s0: {dhcp4: true}
""",
    "slaac": """
        enp3s0: {slaac: true}
""",
    "bridge": """
        br0:
          bridge: {ports: [enp3s0], stp: false}
          addresses: ["192.0.2.31/24"]
          gateway4: "192.0.2.1"
""",
}
RELEASES = ["centos-7.0", "ol-7.2", "centos-7.9", "rhel-8.2", "rhel-8.3", "rhel-8.10", "rocky-9.4",
            "almalinux-10.0", "fedora-42"]

# NetworkManager 1.26's generator turns IPv6 off beside a static address unless it is manual
# (docs/boot-stages.md, section 1.1).
INEXPRESSIBLE = {("bond-ra", "rhel-8.3"): "say the gateway's address, or install 8.4 or later"}


def run(*args, cwd=None):
    return subprocess.run([str(KICKLINE), *map(str, args)], capture_output=True, text=True, cwd=cwd,
                          timeout=60)


def inventory(tmp_path, network, release):
    nics = '{enp3s0: "52:54:00:12:34:56", enp7s0: "52:54:00:12:34:57"}'
    text = f"""\
server:
  address: ["2001:db8:20::20", "192.0.2.20"]
hosts:
  newbox.example.net:
    release: {release}
    kernel: http://192.0.2.20/vmlinuz
    initrd: http://192.0.2.20/initrd.img
    nics: {nics}
    network:{network}"""
    path = tmp_path / "kickline.yaml"
    path.write_text(text)
    return path


def commands():
    text = run("--help").stdout
    return re.findall(r"^  ([a-z]+(?: [a-z]+)?) +[A-Z\[]", text, re.M)


def test_version():
    p = run("--version")
    assert re.fullmatch(r"kickline \d+\.\d+\.\d+\n", p.stdout)
    assert p.returncode == 0


def test_every_command_has_help_and_a_man_page():
    names = commands()
    assert {"render", "show", "serve", "arm", "disarm", "image patch"} <= set(names)
    for name in names:
        p = run(*name.split(), "--help")
        assert p.returncode == 0, name
        assert p.stdout.startswith(f"usage: kickline {name} "), name
        for option in ("--file", "--json", "--help"):
            assert option in p.stdout, f"{name} --help does not say {option}"
        page = CHECK / f"docs/man/kickline-{name.split()[0]}.1"
        assert page.is_file(), f"no man page for {name}"
        text = page.read_text().replace("\\-", "-").replace("\\fR", "")
        for option in re.findall(r"--[a-z0-9-]+", p.stdout):
            spelt = "-f" if option == "--file" else option  # the pages refer to kickline(1)
            assert spelt in text, f"{page.name} does not say {option}"
    assert (CHECK / "docs/man/kickline.1").is_file()
    assert (CHECK / "docs/man/kickline.yaml.5").is_file()


@pytest.mark.parametrize("args, says", [
    ([], "usage: kickline COMMAND"),
    (["rendr"], "did you mean 'render'?"),
    (["render"], "usage: kickline render"),
    (["image"], "kickline image inspect"),
    (["image", "pach"], "did you mean 'patch'?"),
    (["image", "patch"], "which image?"),
    (["image", "patch", "x"], "there are no changes"),
    (["image", "patch", "x", "y"], "says where it goes"),
    (["image", "patch", "x", "y", "-o", "z", "--in-place"], "says where it goes"),
    (["image", "patch", "x", "--diff", "y"], "--edit"),
    (["image", "overlay", "y"], "-o FILE"),
    (["image", "diff", "x"], "two images"),
    (["image", "inspect", "/nonexistent/initrd.img"], "No such file"),
    (["render", "-o", "x"], "no option '-o'"),
    (["render", "--jsn", "x"], "did you mean '--json'?"),
    (["render", "-f"], "needs a value"),
    (["render", "-f", "/nonexistent/kickline.yaml", "x"], "/nonexistent/kickline.yaml"),
    (["show", "--colour", "blue", "x"], "auto, always or never"),
])
def test_bad_usage_is_exit_2_and_says_how_to_mend(args, says):
    p = run(*args)
    assert p.returncode == 2
    assert says in p.stderr
    assert p.stdout == ""


def test_without_an_inventory_it_says_where_one_is_looked_for(tmp_path):
    p = run("show", "x", cwd=tmp_path)
    assert p.returncode == 2
    assert "./kickline.yaml" in p.stderr and "-f FILE" in p.stderr


def test_a_misspelt_host_or_part(tmp_path):
    path = inventory(tmp_path, NETWORKS["bond-ra"], "rhel-9.4")
    p = run("show", "-f", path, "newbx.example.net")
    assert p.returncode == 2 and "did you mean 'newbox.example.net'?" in p.stderr
    p = run("render", "-f", path, "newbox.example.net", "cmdlin")
    assert p.returncode == 2 and "did you mean 'cmdline'?" in p.stderr


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_every_stage_reads_back_as_the_inventory(tmp_path, network, release):
    path = inventory(tmp_path, NETWORKS[network], release)
    p = run("show", "-f", path, "--json", "newbox.example.net")
    said = json.loads(p.stdout)
    if (network, release) in INEXPRESSIBLE:
        assert p.returncode == 1
        assert INEXPRESSIBLE[network, release] in p.stderr
        assert "10 |         bond0:" in p.stderr  # the very line of the inventory
        return
    assert said["differences"] == []
    assert p.returncode == 0, p.stderr
    for stage in ("inventory", "initrd", "installer", "system"):
        assert said["stages"][stage] is not None, stage
    # Not a comparison of nothing with nothing.
    links = said["stages"]["initrd"]["links"]
    assert any("addresses6" in l or "addresses4" in l or l.get("ipv4") == "dhcp" or
               l.get("ipv6") == "auto" for l in links.values())


def test_what_a_release_cannot_express_is_a_finding_that_says_what_to_change(tmp_path):
    two_bonds = NETWORKS["bond-ra"].replace("[enp3s0, enp7s0]", "[enp3s0]") + """
        bond1:
          bond: {ports: [enp7s0], mode: active-backup, miimon: 100}
        br0:
          bridge: {ports: [bond1]}
          addresses: ["192.0.2.31/24", "192.0.2.32/24"]
          install: true
"""
    path = inventory(tmp_path, two_bonds, "ol-7.2")
    p = run("show", "-f", path, "newbox.example.net")
    assert p.returncode == 1
    assert "error:" in p.stderr
    assert "not rendered" in p.stdout
    p = run("render", "-f", path, "newbox.example.net", "cmdline")
    assert p.returncode == 1 and p.stdout == ""


@pytest.mark.parametrize("release", ["centos-7.9", "rhel-8.2", "rhel-8.3", "rhel-9.4"])
def test_an_install_by_one_family_of_two(tmp_path, release):
    path = inventory(tmp_path, NETWORKS["dual"], release)
    table = run("show", "-f", path, "newbox.example.net").stdout
    cells = {fields[0]: fields[-3:] for fields in
             (re.sub("^enp3s0", "", line).split() for line in table.splitlines()) if len(fields) > 3}
    for field in ("ipv4", "addresses4", "gateway4"):
        assert cells[field] == ["·", "✓", "✓"], table
    for field in ("ipv6", "addresses6", "gateway6"):
        assert cells[field] == ["✓", "✓", "✓"], table
    said = json.loads(run("render", "-f", path, "--json", "newbox.example.net").stdout)
    assert "ip=[2001:db8:11::31:0]" in said["cmdline"] and "192.0.2." not in said["cmdline"]
    assert "[2001:db8:20::20]/host/" in said["cmdline"]
    line = next(l for l in said["kickstart"].splitlines() if l.startswith("network "))
    assert "--ip=192.0.2.31" in line and "--ipv6=2001:db8:11::31:0/64" in line

    path = inventory(tmp_path, NETWORKS["dual"].replace("ipv6\n", "ipv4\n"), release)
    line = run("render", "-f", path, "newbox.example.net", "cmdline").stdout
    assert "ip=192.0.2.31:" in line and "2001:db8" not in line
    assert "http://192.0.2.20/host/" in line


@pytest.mark.parametrize("server, family", [("2001:db8:20::20", 6), ("192.0.2.20", 4)])
def test_legacy_dracut_with_two_static_families_says_what_to_add(tmp_path, server, family):
    path = inventory(tmp_path, NETWORKS["dual"].replace("install: ipv6", ""), "centos-7.9")
    path.write_text(path.read_text().replace('["2001:db8:20::20", "192.0.2.20"]', f'"{server}"'))
    p = run("show", "-f", path, "newbox.example.net")
    assert p.returncode == 1
    hint = f"add 'install: ipv{family}' to enp3s0: the initrd then uses IPv{family} alone; " \
        "the installed system has both"
    assert hint in " ".join(p.stderr.split())  # it is broken where the page ends
    path.write_text(path.read_text().replace(
        "          gateway4:", f"          install: ipv{family}\n          gateway4:"))
    assert run("show", "-f", path, "newbox.example.net").returncode == 0


def test_render_without_a_part_prints_all_of_them_and_json_has_a_key_for_each(tmp_path):
    path = inventory(tmp_path, NETWORKS["bond-ra"], "rhel-9.4")
    text = run("render", "-f", path, "newbox.example.net").stdout
    said = json.loads(run("render", "-f", path, "--json", "newbox.example.net").stdout)
    parts = ["cmdline", "ipxe", "grub", "pxelinux", "kickstart", "system"]
    assert [t for t in re.findall(r"^== (\w+) ==$", text, re.M)] == parts
    assert set(said) == {"host", *parts}
    assert said["cmdline"] in said["ipxe"]
    one = run("render", "-f", path, "newbox.example.net", "cmdline").stdout
    assert one == said["cmdline"] + "\n"


def test_a_disarmed_host_boots_its_disk_by_default(tmp_path):
    path = inventory(tmp_path, NETWORKS["bond-ra"], "rhel-9.4")
    armed = run("render", "-f", path, "newbox.example.net", "pxelinux").stdout
    disarmed = run("render", "-f", path, "--disarmed", "newbox.example.net", "pxelinux").stdout
    assert "DEFAULT install" in armed
    assert "DEFAULT localdisk" in disarmed and "DEFAULT install" not in disarmed


def test_colour_is_for_terminals(tmp_path):
    path = inventory(tmp_path, NETWORKS["bond-ra"], "rhel-9.4")
    assert "\033[" not in run("show", "-f", path, "newbox.example.net").stdout
    assert "\033[" in run("show", "-f", path, "--colour", "always", "newbox.example.net").stdout


def test_a_part_is_rendered_without_what_only_others_need(tmp_path):
    path = inventory(tmp_path, NETWORKS["bond-ra"], "rhel-9.4")
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(x for x in lines if "kernel:" not in x and "initrd:" not in x))
    p = run("render", "-f", path, "newbox.example.net", "cmdline")
    assert p.returncode == 0 and p.stderr == "" and p.stdout.startswith("bond=bond0:")
    p = run("render", "-f", path, "newbox.example.net", "ipxe")
    assert p.returncode == 1 and p.stdout == ""
    assert "'kernel:' and 'initrd:'" in p.stderr


def test_pxelinux_has_no_ipv6_and_only_pxelinux_says_so(tmp_path):
    path = inventory(tmp_path, NETWORKS["bond-ra"], "rhel-9.4")
    path.write_text(path.read_text().replace("http://192.0.2.20", '"http://[2001:db8:20::20]')
                    .replace("vmlinuz", 'vmlinuz"').replace("initrd.img", 'initrd.img"'))
    p = run("render", "-f", path, "newbox.example.net", "ipxe")
    assert p.returncode == 0 and p.stderr == ""
    p = run("render", "-f", path, "newbox.example.net", "pxelinux")
    assert p.returncode == 1 and "PXELINUX has no IPv6" in p.stderr and p.stdout == ""
