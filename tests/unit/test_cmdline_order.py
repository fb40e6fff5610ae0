"""The order in which an inventory says things never shows on a kernel command line."""
from oracle import hosts

HOSTS = hosts.many(7, ["rhel-7.9", "rhel-8.2", "rhel-9.4"], 12)


def backwards(value, key=None):
    """The same description: keys and ports in the other order, what has an order kept."""
    if isinstance(value, dict):
        return {k: backwards(v, k) for k, v in reversed(value.items())}
    return value[::-1] if key == "ports" else value


def test_order_does_not_matter():
    there = hosts.render_all(HOSTS)
    back = hosts.render_all({n: (backwards(text), top) for n, (text, top) in HOSTS.items()})
    assert there == back
    assert len(set(there.values())) > 30


def test_the_order_of_name_servers_does():
    text, top = next(v for v in HOSTS.values() if len(v[0].get("dns", [])) > 1)
    other = {**text, "dns": text["dns"][::-1]}
    assert hosts.render_all({"h": (text, top)}) != hosts.render_all({"h": (other, top)})
