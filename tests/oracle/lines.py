"""Kernel command lines by dice: made of pieces, as Kickline writes them, and got wrong."""
import random
import re

from oracle import hosts

LINKS = ["eno1", "eno2", "bond0", "vlan5", "br0"]
ADDRESSES = ["192.0.2.9", "[2001:db8::9]", "[2001:db8::9/48]", "[2001:db8::9]/48", "2001:db8::9",
             "10.1.2.3/16", "", "host"]
GATEWAYS = ["", "", "192.0.2.1", "[fe80::1]", "fe80::1", "gw"]
MASKS = ["", "24", "255.255.252.0", "64", "120", "200", "255.0.255.0"]
METHODS = ["none", "off", "dhcp", "on", "any", "dhcp6", "auto6", "auto", "dhcp,dhcp6", "either6",
           "none,auto6", "", "static"]
TAILS = ["", "", ":1400", "::02:00:00:00:00:07", ":1400:02:00:00:00:00:07", ":192.0.2.53",
         ":[2001:db8::53]:192.0.2.54", ":9000:"]
OPTIONS = ["mode=802.3ad,miimon=100", "mode=4", "mode=mode=6,miimon=100", "miimon=100,mode=1",
           "mode=1;miimon=100", "mode=balance-alb", "mode=9,miimon=50", "mode=1,foo=bar", "",
           "mode=active-backup,primary=eno1,miimon=100", "mode=1,miimon=100,updelay=200"]
ROUTES = ["10.0.0.0/8:192.0.2.7", "10.0.0.0/8:192.0.2.7:@", "[2001:db8:f::/48]:[fe80::7]:@",
          "[2001:db8:f::]/48:[fe80::7]:@", "10.0.0.0/8::@"]
VLANS = ["vlan=vlan5:eno1", "vlan=vlan5:bond0", "vlan=vlan005:eno1", "vlan=storage5:eno1",
         "vlan=eno1.7:eno1", "vlan=bond0.0100:bond0"]
HOSTS = ["", "h1", "h1.example.net", "h_1", "-h"]


def piece(r):
    kind = r.randrange(14)
    link = r.choice(LINKS)
    if kind < 3:
        return f"ip={link}:{r.choice(METHODS)}{r.choice(TAILS)}"
    if kind < 7:
        return (f"ip={r.choice(ADDRESSES)}::{r.choice(GATEWAYS)}:{r.choice(MASKS)}:"
                f"{r.choice(HOSTS)}:{link}:{r.choice(METHODS)}{r.choice(TAILS)}")
    if kind == 7:
        return "ip=" + r.choice(METHODS)
    if kind == 8:
        return f"nameserver={r.choice(['192.0.2.53', '2001:db8::53', '[2001:db8::54]', 'x'])}"
    if kind == 9:
        return "rd.route=" + r.choice(ROUTES).replace("@", link)
    if kind == 10:
        return r.choice(VLANS)
    if kind == 11:
        return "bond=bond0:" + r.choice(["eno1,eno2", "eno2,eno1", "eno1"]) + r.choice(
            [":" + o + r.choice(["", "", ":9000"]) for o in OPTIONS] + [""])
    if kind == 12:
        return "bridge=br0:" + r.choice(["eno1", "bond0", "eno1,eno2"])
    return r.choice(["bootdev=" + link, "rd.neednet=1", "rd.bootif=0", "quiet",
                     "BOOTIF=01-52-54-00-00-00-09", "ifname=eno1:52:54:00:00:00:09",
                     "ip=52-54-00-00-00-09:dhcp", "vlan", "bond", "bridge",
                     "ip=192.0.2.9 netmask=255.255.255.0 gateway=192.0.2.1 hostname=h2"])


def of_pieces(r):
    return " ".join(piece(r) for _ in range(r.randrange(1, 6)))


def rendered(seed, releases, count):
    """What Kickline itself writes for hosts by dice, without what is not about the network."""
    lines = hosts.render_all(hosts.many(seed, releases, count))
    return [" ".join(w for w in line.split() if not w.startswith("inst."))
            for line in lines.values()]


# --- as people get them wrong ---------------------------------------------------------------------

MARKS = ":,;=[]./-_"
NUMBERS = ["0", "1", "00", "32", "33", "64", "129", "255", "256", "4094", "4095", "4096", "65535",
           "65536", "99999999999999999999", "-1", "1e3", "0x10", "007"]
WORDS = ["none", "dhcp", "auto6", "static", "Dhcp", "DHCP", "auto", "dhcp4", "no", "yes", "off",
         "slaac", "ra", "both", "dhcp6", "ibft", "link6", "single-dhcp"]


def marks_of(word):
    return [k for k, c in enumerate(word) if c in MARKS]


def change_mark(r, word):
    places = marks_of(word)
    if not places:
        return word
    k = r.choice(places)
    how = r.randrange(4)
    if how == 0:
        return word[:k] + word[k + 1:]
    if how == 1:
        return word[:k] + word[k] + word[k:]
    if how == 2 and k + 1 < len(word):
        return word[:k] + word[k + 1] + word[k] + word[k + 2:]
    return word[:k] + r.choice(MARKS) + word[k + 1:]


def change_fields(r, word):
    key, equals, value = word.partition("=")
    parting = r.choice(":::,")
    fields = re.split(":(?![^[]*\\])", value) if parting == ":" else value.split(",")
    k, other = r.randrange(len(fields)), r.randrange(len(fields))
    how = r.randrange(5)
    if how == 0:
        del fields[k]
    elif how == 1:
        fields.insert(k, fields[k])
    elif how == 2:
        fields[k], fields[other] = fields[other], fields[k]
    elif how == 3:
        fields[k] = ""
    else:
        fields.insert(k, "")
    return key + equals + parting.join(fields)


def change_method(r, word):
    found = list(re.finditer(r"\b(none|off|dhcp6?|auto6?|on|any|either6)\b", word))
    if not found:
        return word
    m = r.choice(found)
    new = m[0]
    how = r.randrange(5)
    if how == 0:
        new = new.upper()
    elif how == 1:
        new = new.capitalize()
    elif how == 2:
        k = r.randrange(len(new))
        new = new[:k] + new[k + 1:]
    elif how == 3:
        new = r.choice(WORDS)
    else:
        new = new + r.choice([",", ","]) + r.choice(WORDS)
    return word[:m.start()] + new + word[m.end():]


def change_number(r, word):
    found = list(re.finditer(r"\d+", word))
    if not found:
        return word
    m = r.choice(found)
    new = r.choice(NUMBERS) if r.randrange(2) else str(int(m[0]) + r.choice([-1, 1, 100]))
    return word[:m.start()] + new + word[m.end():]


def change_whole(r, word):
    key, equals, value = word.partition("=")
    how = r.randrange(10)
    if how == 0:
        return word.replace("[", "").replace("]", "")
    if how == 1:
        return key + equals
    if how == 2:
        return key
    if how == 3:
        k = r.randrange(len(word) + 1)
        return word[:k] + " " + word[k:]
    if how == 4:
        return r.choice([f'{key}="{value}"', f'"{word}"', f"{key}='{value}'", f"'{word}'"])
    if how == 5:
        return word.replace("mode=", "mode=mode=")
    if how == 6:
        return word.replace(",miimon", r.choice([";miimon", ":miimon", " miimon", ",,miimon"]))
    if how == 7:
        k = r.randrange(len(word) + 1)
        return word[:k] + r.choice("xX1.:e") * r.choice([20, 64, 300]) + word[k:]
    if how == 8:
        return r.choice([key.upper(), key.rstrip("="), "inst." + key, key + "s"]) + equals + value
    return word.replace("/", r.choice(["", ":", "//", "/255.255.255.0/"]))


def mutate(r, line):
    words = line.split()
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        k = r.randrange(len(words))
        how = r.randrange(12)
        if how < 3:
            words[k] = change_mark(r, words[k])
        elif how < 5:
            words[k] = change_fields(r, words[k])
        elif how < 6:
            words[k] = change_method(r, words[k])
        elif how < 7:
            words[k] = change_number(r, words[k])
        elif how < 8:
            words[k] = change_whole(r, words[k])
        elif how == 8:
            other = r.randrange(len(words))
            words[k], words[other] = words[other], words[k]
        elif how == 9:
            words.insert(r.randrange(len(words) + 1), change_number(r, words[k]))
        elif how == 10:
            words.insert(r.randrange(len(words) + 1), change_fields(r, words[k]))
        elif len(words) > 1:
            del words[k]
        words = " ".join(words).split() or ["quiet"]
    return " ".join(words)


def mixture(seed, good, count):
    """`count` lines: of pieces, as they are and mutated; and of `good` ones, mutated."""
    r = random.Random(seed)
    out = []
    for _ in range(count):
        line = r.choice(good) if good and r.randrange(2) else of_pieces(r)
        out.append(mutate(r, line) if line in good or r.randrange(3) else line)
    return out
