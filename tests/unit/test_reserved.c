/* What is read of the reservations of DHCP servers: which scope wins, what is not known, where
 * each fact was said. */
#include "reserved_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

struct sample {
    const char *shows, *text;
    const char *want; /* as reserved_text() has it */
    size_t notes;
};

/* Files that others may name, by path. */
struct other {
    const char *path, *text;
};
static const struct other others[] = {
    {"hosts.conf", "host inc { hardware ethernet 52:54:00:00:00:09; fixed-address 192.0.2.9; }\n"
                   "include \"hosts.conf\";\n"},
    {"global.json", "\"option-data\": [ { \"name\": \"routers\", \"data\": \"192.0.2.1\" } ]"},
    {"nets.json", "{ \"subnet\": \"192.0.2.0/24\", \"reservations\": [\n { \"hw-address\":\n"
                  " \"52:54:00:00:00:01\", \"ip-address\": \"192.0.2.7\" } ] }, { }"},
    {"dnsmasq.more", "conf-file=dnsmasq.more\ndhcp-option=3,192.0.2.1"},
    {"dnsmasq.hosts", "# hosts\n52:54:00:00:00:01,192.0.2.7,a"},
    {"dnsmasq.opts", "tag:known,26,9000"},
    {NULL, NULL},
};

static bool find(void *arg, const char *path, const char *from, const char **file,
    const char **text, size_t *len)
{
    (void)arg, (void)from;
    for (const struct other *o = others; o->path; o++)
        if (strcmp(o->path, path) == 0) {
            *file = o->path;
            *text = o->text;
            *len = strlen(o->text);
            return true;
        }
    return false;
}

static const struct kl_finder finder = {find, NULL};

static void check_samples(reserved_reader *read, const struct sample *s)
{
    for (; s->shows; s++) {
        struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
        struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
        struct kl_buf b KL_BUF_SCOPE = {0};
        struct kl_reserved_list l = read(a, s->text, strlen(s->text), "x.conf", &finder, d);
        for (size_t k = 0; k < l.n; k++)
            reserved_text(&b, &l.list[k]);
        if (strcmp(kl_buf_text(&b), s->want) != 0 || kl_diags_count(d, KL_NOTE) != s->notes) {
            kl_diags_print(d, stderr, false, 0);
            fail_msg("%s:\n%sinstead of\n%s", s->shows, kl_buf_text(&b), s->want);
        }
    }
}

/* --- dhcpd -------------------------------------------------------------------------------------*/

#define NET "subnet 192.0.2.0 netmask 255.255.255.0 { option routers 192.0.2.1; }\n"
#define MAC1 "hardware ethernet 52:54:00:00:00:01;"
#define IS_MAC1 "mac=52:54:00:00:00:01"

static const struct sample dhcpd[] = {
    {"nothing at all", "", "", 0},
    {"the subnet that holds the address, wherever the host stands",
        "host a { " MAC1 " fixed-address 192.0.2.7; }\n" NET,
        "a " IS_MAC1 " ip4=192.0.2.7/24 router=192.0.2.1\n", 0},
    {"what encloses the host wins over the subnet",
        "group { option routers 192.0.2.2; host a { " MAC1 " fixed-address 192.0.2.7; } }\n" NET,
        "a " IS_MAC1 " ip4=192.0.2.7/24 router=192.0.2.2\n", 0},
    {"... but not what encloses the subnet too",
        "option routers 192.0.2.9; host a { " MAC1 " fixed-address 192.0.2.7; }\n" NET,
        "a " IS_MAC1 " ip4=192.0.2.7/24 router=192.0.2.1\n", 0},
    {"a host in a subnet that does not hold its address has both, its own place first",
        NET "subnet 198.51.100.0 netmask 255.255.255.0 { option routers 198.51.100.1;\n"
            "option interface-mtu 9000; host a { " MAC1 " fixed-address 192.0.2.7; } }",
        "a " IS_MAC1 " ip4=192.0.2.7/24 router=198.51.100.1 mtu=9000\n", 0},
    {"no subnet: the prefix is not known, and options of the top may be hidden",
        "option routers 203.0.113.1; option domain-name-servers 203.0.113.53;\n"
        "host a { " MAC1 " fixed-address 203.0.113.7; }\n" NET,
        "a " IS_MAC1 " ip4=203.0.113.7/32 dns=203.0.113.53\n", 0},
    {"a class may say otherwise",
        "filename \"all\"; class \"pxe\" { filename \"class\"; }\n"
        "host a { " MAC1 " fixed-address 192.0.2.7; }\n"
        "host b { " MAC1 " fixed-address 192.0.2.8; filename \"own\"; }\n" NET,
        "a " IS_MAC1 " ip4=192.0.2.7/24 router=192.0.2.1\n"
        "b " IS_MAC1 " ip4=192.0.2.8/24 router=192.0.2.1 boot=own\n",
        0},
    {"what is set below a condition is not known, and hides what is outside",
        "filename \"all\"; next-server 192.0.2.3;\n"
        "subnet 192.0.2.0 netmask 255.255.255.0 {\n"
        "  if option arch = 00:07 { filename \"efi\"; } elsif exists agent.circuit-id { }\n"
        "  else { if true { filename \"bios\"; } }\n"
        "  option routers 192.0.2.1; }\n"
        "host a { " MAC1 " fixed-address 192.0.2.7; }\n",
        "a " IS_MAC1 " ip4=192.0.2.7/24 router=192.0.2.1 next=192.0.2.3\n", 0},
    {"a host's own condition is noted",
        "host a { " MAC1 " if option arch = 00:07 { filename \"efi\"; } }", "a " IS_MAC1 "\n", 1},
    {"names, several addresses and expressions are not known",
        "host a { " MAC1 " fixed-address a.example.net; }\n"
        "host b { " MAC1 " fixed-address 192.0.2.7, 198.51.100.7; }\n"
        "host c { " MAC1 " option host-name = concat(\"a\", \"b\"); next-server tftp; }\n",
        "a " IS_MAC1 "\nb " IS_MAC1 "\nc " IS_MAC1 "\n", 4},
    {"host names: the option, else the declaration's where that is wanted",
        "use-host-decl-names on;\n"
        "host a.example.net { " MAC1 " }\n"
        "host b { " MAC1 " option host-name \"other\"; }\n"
        "group { use-host-decl-names false; host \"c\" { " MAC1 " } }\n",
        "a.example.net " IS_MAC1 " hostname=a.example.net\n"
        "b " IS_MAC1 " hostname=other\n"
        "c " IS_MAC1 "\n",
        0},
    {"refused: then nothing else counts",
        "host a { " MAC1 " fixed-address 192.0.2.7; deny booting; }\n"
        "group { ignore booting; host b { " MAC1 " } host c { allow booting; } host d { } }\n",
        "a " IS_MAC1 " refused\nb " IS_MAC1 " refused\nc\nd refused\n", 0},
    {"comments, strings and braces do not confuse it",
        "# host no { }\n"
        "option x code 200 = { integer 8, text }; option y \"} host no { \\\"\";\n"
        "zone example.net. { primary 192.0.2.1; key \"k}\"; }\n"
        "on commit { execute(\"/bin/x\", \"host no {\"); }\n"
        "failover peer \"f\" { primary; split 128; };\n"
        "lease 192.0.2.1 { hardware ethernet 00:00:00:00:00:00; }\n"
        "HOST a{HARDWARE ETHERNET 52:54:0:0:0:1;Option Host-Name \"x\\x41\\102\\\\\";}# }",
        "a " IS_MAC1 " hostname=xAB\\\n", 0},
    {"client identifiers: bytes and texts",
        "host a { option dhcp-client-identifier 1:aa:b; }\n"
        "host b { option dhcp-client-identifier \"AB\"; }\n"
        "host c { host-identifier option agent.circuit-id \"eth0\"; }\n"
        "host d { hardware token-ring 00:01; }\n",
        "a client=01:aa:0b\nb client=41:42\nc\nd\n", 2},
    {"the mask that is sent counts",
        "subnet 192.0.2.0 netmask 255.255.255.0 { option subnet-mask 255.255.255.192; }\n"
        "host a { fixed-address 192.0.2.7; }",
        "a ip4=192.0.2.7/26\n", 0},
    {"IPv6: no options of IPv4, and the prefix of the subnet",
        "option host-name \"x\"; option domain-name-servers 192.0.2.53; filename \"y\";\n"
        "subnet6 2001:db8::/48 { option dhcp6.bootfile-url \"tftp://[2001:db8::1]/x\"; }\n"
        "host a { host-identifier option dhcp6.client-id 00:04:aa;\n"
        "  fixed-address6 2001:db8::7; option dhcp6.name-servers 2001:db8::53; }",
        "a client=00:04:aa ip6=2001:db8::7/48 dns=2001:db8::53 boot=tftp://[2001:db8::1]/x\n", 0},
    {"files that it names, but not within themselves",
        "subnet 192.0.2.0 netmask 255.255.255.0 { include \"hosts.conf\"; option routers\n"
        "192.0.2.1; } include \"gone.conf\";",
        "inc mac=52:54:00:00:00:09 ip4=192.0.2.9/24 router=192.0.2.1\n", 2},
    {"texts that end early", "group { host a { " MAC1 " filename \"x", "a " IS_MAC1 " boot=x\n", 0},
    {NULL, NULL, NULL, 0},
};

static void dhcpd_samples(void **state)
{
    (void)state;
    check_samples(kl_dhcpd_parse, dhcpd);
}

/* --- kea ---------------------------------------------------------------------------------------*/

#define K4(top, subnet, host)                                                                      \
    "{ \"Dhcp4\": { " top " \"subnet4\": [ { \"subnet\": \"192.0.2.0/24\", " subnet                \
    "\"reservations\": [ { " host " \"hw-address\": \"52:54:00:00:00:01\" } ] } ] } }"
#define IP4 "\"ip-address\": \"192.0.2.7\", "
#define OPTION(name, data)                                                                         \
    "\"option-data\": [ { \"name\": \"" name "\", \"data\": \"" data "\" } ], "

static const struct sample kea[] = {
    {"nothing at all", "", "", 0},
    {"not what was asked for", "{ \"Control-agent\": { } }", "", 0},
    {"an address in its subnet", K4("", "", IP4), "- " IS_MAC1 " ip4=192.0.2.7/24\n", 0},
    {"the subnet wins over the top",
        K4(OPTION("routers", "192.0.2.9"), OPTION("routers", "192.0.2.1"), IP4),
        "- " IS_MAC1 " ip4=192.0.2.7/24 router=192.0.2.1\n", 0},
    {"the reservation wins over the subnet",
        K4("", OPTION("routers", "192.0.2.1"), OPTION("routers", "192.0.2.2")),
        "- " IS_MAC1 " router=192.0.2.2\n", 0},
    {"a pool that holds the address wins over the subnet",
        K4("",
            OPTION("routers", "192.0.2.1") "\"pools\": [ { \"pool\": \"192.0.2.0/28\", " OPTION(
                "routers", "192.0.2.3") " } ],",
            IP4),
        "- " IS_MAC1 " ip4=192.0.2.7/24 router=192.0.2.3\n", 0},
    {"... and one that does not says nothing",
        K4("",
            OPTION("routers",
                "192.0.2.1") "\"pools\": [ { \"pool\": \"192.0.2.8-192.0.2.9\", " OPTION("routers",
                "192.0.2.3") " } ],",
            IP4),
        "- " IS_MAC1 " ip4=192.0.2.7/24 router=192.0.2.1\n", 0},
    {"a class may set an option of the top, but not one of the subnet",
        K4("\"client-classes\": [ { \"option-data\": [ { \"code\": 3, \"data\": \"192.0.2.8\" }, "
           "{ \"code\": 26, \"data\": \"1400\" } ] } ], " OPTION("interface-mtu", "1500"),
            OPTION("routers", "192.0.2.1"), ""),
        "- " IS_MAC1 " router=192.0.2.1\n", 0},
    {"a class may set a field of the subnet, but not one of the reservation",
        K4("\"client-classes\": [ { \"boot-file-name\": \"c\", \"next-server\": \"192.0.2.8\" } ],",
            "\"boot-file-name\": \"s\", \"next-server\": \"192.0.2.9\", ",
            "\"boot-file-name\": \"own\", "),
        "- " IS_MAC1 " boot=own\n", 0},
    {"other spaces, bytes, and what is never sent",
        K4("", "",
            "\"option-data\": [ { \"code\": 3, \"space\": \"v\", \"data\": \"192.0.2.1\" }, "
            "{ \"code\": 26, \"csv-format\": false, \"data\": \"05dc\" }, "
            "{ \"code\": 6, \"never-send\": true, \"data\": \"192.0.2.53\" } ], "),
        "- " IS_MAC1 "\n", 0},
    {"names are sent with the suffix, once",
        K4("\"ddns-qualifying-suffix\": \"example.net\",", "", "\"hostname\": \"a\",") " ",
        "a " IS_MAC1 " hostname=a.example.net\n", 0},
    {"... once",
        K4("\"ddns-qualifying-suffix\": \"example.net.\",", "", "\"hostname\": \"a.example.net\","),
        "a.example.net " IS_MAC1 " hostname=a.example.net\n", 0},
    {"... and as they are when it is empty",
        K4("\"ddns-qualifying-suffix\": \"example.net.\",", "\"ddns-qualifying-suffix\": \"\",",
            "\"hostname\": \"a\","),
        "a " IS_MAC1 " hostname=a\n", 0},
    {"... and win over the option", K4("", "", OPTION("host-name", "b") "\"hostname\": \"a\","),
        "a " IS_MAC1 " hostname=a\n", 0},
    {"reservations of the top do not count by default",
        "{ \"Dhcp4\": { \"reservations\": [ { \"hw-address\": \"52:54:00:00:00:01\" } ] } }", "",
        1},
    {"... and of the subnet not where that is turned off",
        K4("\"reservations-in-subnet\": false,", "", ""), "", 1},
    {"... as older versions say it", K4("\"reservation-mode\": \"disabled\",", "", ""), "", 1},
    {"a subnet may turn it on again",
        K4("\"reservations-in-subnet\": false,", "\"reservations-in-subnet\": true, ", IP4),
        "- " IS_MAC1 " ip4=192.0.2.7/24\n", 0},
    {"a machine of no subnet: what subnets say is not known",
        "{ \"Dhcp4\": { \"reservations-global\": true, \"next-server\": \"192.0.2.9\", " OPTION(
            "routers",
            "192.0.2.1") "\"subnet4\": [ { \"subnet\": \"192.0.2.0/24\", " OPTION("routers",
            "192.0.2.2") "} ], \"reservations\": [ { \"hw-address\": \"52-54-00-00-00-01\" } ] } }",
        "- " IS_MAC1 " next=192.0.2.9\n", 0},
    {"identifiers of all kinds",
        "{ \"Dhcp4\": { \"reservations-global\": true, \"reservations\": [ "
        "{ \"client-id\": \"'AB'\" }, { \"duid\": \"000102\" }, { \"flex-id\": \"00\" }, "
        "{ \"hw-address\": \"00:11\" } ] } }",
        "- client=41:42\n- client=00:01:02\n-\n-\n", 2},
    {"IPv6: no options of IPv4; several addresses are not known",
        "{ \"Dhcp6\": { \"subnet6\": [ { \"subnet\": \"2001:db8::/56\", " OPTION("dns-servers",
            "2001:db8::53") "\"reservations\": [ { \"duid\": \"00:04:aa\", \"hostname\": \"a\", "
                            "\"ip-addresses\": [ \"2001:db8::7\" ] }, { \"duid\": \"00:04:ab\", "
                            "\"ip-addresses\": [ \"2001:db8::8\", \"2001:db8::9\" ] } ] } ] } }",
        "a client=00:04:aa ip6=2001:db8::7/56 dns=2001:db8::53\n- client=00:04:ab "
        "dns=2001:db8::53\n",
        1},
    {"comments, escapes, commas too many",
        "# { \n{ // [\n \"Dhcp4\": /* } \n */ { \"subnet4\": [ { \"subnet\": \"192.0.2.0\\/24\", "
        "\"reservations\": [ { \"hw-address\": \"52:54:00:00:00:01\", \"hostname\": "
        "\"\\u0061#//b\", }, ], }, ], }, }",
        "a#//b " IS_MAC1 " hostname=a#//b\n", 0},
    {"files that it names, anywhere",
        "{ \"Dhcp4\": { <?include \"global.json\"?>, \"subnet4\": [ <?include \"nets.json\"?>,\n"
        "<?include \"gone.json\"?> ] } }",
        "- " IS_MAC1 " ip4=192.0.2.7/24 router=192.0.2.1\n", 1},
    {"texts that end early, and what is no JSON",
        "{ \"Dhcp4\": : { \"subnet4\": [ } { \"subnet\": \"192.0.2.0/24\", \"reservations\": [ {"
        "\"hw-address\": \"52:54:00:00:00:01\", \"hostname\": \"a",
        "", 1},
    {NULL, NULL, NULL, 0},
};

static void kea_samples(void **state)
{
    (void)state;
    check_samples(kl_kea_parse, kea);
}

/* --- dnsmasq -----------------------------------------------------------------------------------*/

#define RANGE "dhcp-range=192.0.2.100,192.0.2.120,255.255.255.0,12h\n"
#define HOST "dhcp-host=52:54:00:00:00:01,192.0.2.7"
#define IS_HOST IS_MAC1 " ip4=192.0.2.7/24"

static const struct sample dnsmasq[] = {
    {"nothing at all", "\n# dhcp-host=52:54:00:00:00:01\n  \n", "", 0},
    {"an address in a range's network", RANGE HOST "\n", "- " IS_HOST "\n", 0},
    {"a range without a mask: the prefix is the interface's",
        "dhcp-range=192.0.2.100,192.0.2.120\n" HOST, "- " IS_MAC1 " ip4=192.0.2.7/32\n", 0},
    {"the parts in any order, with lease times and blanks",
        RANGE "dhcp-host = 45m , a.example.net , 192.0.2.7 , 52:54:00:00:00:01\n"
              "--dhcp-host=52:54:00:00:00:02,infinite\ndhcp-host=52:54:00:00:00:03,3600,b # c\n",
        "a.example.net " IS_HOST " hostname=a\n- mac=52:54:00:00:00:02\n"
        "b mac=52:54:00:00:00:03 hostname=b\n",
        0},
    {"several MACs: one for each",
        "dhcp-host=52:54:00:00:00:01,06-aa:bb:cc:dd:ee:ff,1-52:54:00:00:00:02,id:01:aa,192.0.2.7,a",
        "a " IS_MAC1 " client=01:aa ip4=192.0.2.7/32 hostname=a\n"
        "a mac=52:54:00:00:00:02 client=01:aa ip4=192.0.2.7/32 hostname=a\n",
        1},
    {"client identifiers, and names alone",
        "dhcp-host=id:00:01:ab,192.0.2.7\ndhcp-host=id:AB,192.0.2.8\ndhcp-host=lap,192.0.2.9\n"
        "dhcp-host=id:*,52:54:00:00:00:01",
        "- client=00:01:ab ip4=192.0.2.7/32\n- client=41:42 ip4=192.0.2.8/32\n"
        "lap ip4=192.0.2.9/32 hostname=lap\n- " IS_MAC1 "\n",
        0},
    {"wildcards are not one machine", "dhcp-host=52:54:00:*:*:*,ignore", "- refused\n", 1},
    {"refused: by itself, by its tag, but not as a known one",
        "dhcp-ignore=tag:!known\ndhcp-ignore=tag:bad\ndhcp-host=52:54:00:00:00:01,ignore\n"
        "dhcp-host=52:54:00:00:00:01,set:bad,192.0.2.7\n" HOST,
        "- " IS_MAC1 " refused\n- " IS_MAC1 " refused\n- " IS_MAC1 " ip4=192.0.2.7/32\n", 0},
    {"options by number and by name; the last counts",
        RANGE
        "dhcp-option=3,192.0.2.1\ndhcp-option=option:router,192.0.2.2,192.0.2.3\n"
        "dhcp-option=option:dns-server, 192.0.2.53 ,198.51.100.53\ndhcp-option-force=26,9000\n"
        "dhcp-option=vendor:PXEClient,6,192.0.2.9\ndhcp-option=121,192.0.2.0/24,192.0.2.8\n" HOST,
        "- " IS_HOST " router=192.0.2.2 dns=192.0.2.53,198.51.100.53 mtu=9000\n", 0},
    {"own addresses are not known, none is none",
        RANGE "dhcp-option=3\ndhcp-option=6,0.0.0.0\n" HOST, "- " IS_HOST "\n", 0},
    {"own tags win over the range's, those over none",
        "dhcp-range=set:net,192.0.2.100,static,255.255.255.0\n"
        "dhcp-option=tag:own,3,192.0.2.1\ndhcp-option=tag:net,3,192.0.2.2\n"
        "dhcp-option=3,192.0.2.3\ndhcp-option=tag:net,26,9000\ndhcp-option=26,1400\n"
        "dhcp-option=tag:other,tag:own,6,192.0.2.54\ndhcp-option=6,192.0.2.53\n"
        "dhcp-host=52:54:00:00:00:02,set:other\n" HOST ",set:own\n",
        "- mac=52:54:00:00:00:02 router=192.0.2.2 dns=192.0.2.53 mtu=9000\n"
        "- " IS_HOST " router=192.0.2.1 dns=192.0.2.53 mtu=9000\n",
        0},
    {"a machine that may be in either range",
        "dhcp-range=set:n1,192.0.2.9,static,255.255.255.0\ndhcp-option=tag:n1,3,192.0.2.1\n"
        "dhcp-range=set:n2,198.51.100.9,static,255.255.255.0\ndhcp-option=3,192.0.2.2\n"
        "dhcp-option=26,1400\ndhcp-host=52:54:00:00:00:01,a\n" HOST,
        "a " IS_MAC1 " hostname=a mtu=1400\n- " IS_HOST " router=192.0.2.1 mtu=1400\n", 0},
    {"tags of the packet may hide a value",
        RANGE "dhcp-match=set:efi,option:client-arch,7\ndhcp-boot=tag:efi,efi\n"
              "dhcp-boot=tag:!efi,bios\ndhcp-option=tag:eth0,3,192.0.2.1\ndhcp-option=3,192.0.2.2\n"
              "dhcp-option=tag:own,6,192.0.2.53\ndhcp-option=tag:!efi,26,1400\n" HOST ",set:own",
        "- " IS_HOST " dns=192.0.2.53\n", 0},
    {"boot files: with a server and without, and where a menu chooses",
        RANGE "dhcp-boot=pxelinux.0,boot,192.0.2.9\ndhcp-boot=tag:own,own.0\n" HOST "\n" HOST
              ",set:own\n",
        "- " IS_HOST " boot=pxelinux.0 next=192.0.2.9\n- " IS_HOST " boot=own.0\n", 0},
    {"... and where a menu chooses", RANGE "dhcp-boot=pxelinux.0\npxe-service=x86PC,\"a\",b\n" HOST,
        "- " IS_HOST "\n", 0},
    {"quotes hide commas and comments", RANGE "dhcp-boot=\"a, #\\\"b\"\n" HOST,
        "- " IS_HOST " boot=a, #\"b\n", 0},
    {"IPv6: its options, the prefix of the range, both families in one",
        RANGE "dhcp-range=2001:db8::1000,2001:db8::1fff,slaac,56,1h\n"
              "dhcp-option=option6:dns-server,[2001:db8::53]\ndhcp-option=6,192.0.2.53\n"
              "dhcp-option=option6:59,tftp://[2001:db8::1]/x\n"
              "dhcp-host=52:54:00:00:00:01,[2001:db8::7],a\n" HOST ",[2001:db8::8]\n",
        "a " IS_MAC1 " ip6=2001:db8::7/56 dns=2001:db8::53 boot=tftp://[2001:db8::1]/x\n"
        "- " IS_HOST
        " ip6=2001:db8::8/56 dns=192.0.2.53,2001:db8::53 boot=tftp://[2001:db8::1]/x\n",
        0},
    {"IPv6: the part of the host, ranges of addresses, several",
        "dhcp-range=::1000,constructor:eth0,ra-only\ndhcp-host=52:54:00:00:00:01,[::7]\n"
        "dhcp-host=52:54:00:00:00:01,[2001:db8::/64]\n"
        "dhcp-host=52:54:00:00:00:01,[2001:db8::1],[2001:db8::2]",
        "- " IS_MAC1 "\n- " IS_MAC1 "\n- " IS_MAC1 "\n", 3},
    {"a condition on the host", HOST ",tag:efi", "- " IS_MAC1 "\n", 1},
    {"files that it names, each read as what it is",
        RANGE "conf-file=dnsmasq.more\ndhcp-hostsfile=dnsmasq.hosts\ndhcp-optsfile=dnsmasq.opts\n"
              "conf-dir=/etc/dnsmasq.d/,*.conf",
        "a " IS_HOST " hostname=a router=192.0.2.1 mtu=9000\n", 2},
    {NULL, NULL, NULL, 0},
};

static void dnsmasq_samples(void **state)
{
    (void)state;
    check_samples(kl_dnsmasq_parse, dnsmasq);
}

/* --- places ------------------------------------------------------------------------------------*/

/* What the text has at the place where a field was said. */
static void assert_said(
    struct kl_diags *d, const struct kl_reserved *r, const char *field, const char *want)
{
    for (size_t k = 0; k < r->nsaid; k++) {
        if (strcmp(r->said[k].field, field) != 0)
            continue;
        const struct kl_place *at = &r->said[k].at;
        const char *text = kl_diags_text(d, at->file, NULL);
        assert_non_null(text);
        for (unsigned line = 1; line < at->line; line++)
            text = strchr(text, '\n') + 1;
        assert_int_equal(at->width, strlen(want));
        assert_memory_equal(text + at->col - 1, want, at->width);
        return;
    }
    fail_msg("nothing says where '%s' was said", field);
}

static void assert_places(
    reserved_reader *read, const char *text, const char *const (*want)[2], size_t n)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_reserved_list l = read(a, text, strlen(text), "x.conf", &finder, d);
    assert_int_equal(l.n, 1);
    for (size_t k = 0; k < n; k++)
        assert_said(d, &l.list[0], want[k][0], want[k][1]);
    assert_int_equal(l.list[0].nsaid, n);
}
#define PLACES(read, text, want) assert_places(read, text, want, sizeof(want) / sizeof *(want))

static void dhcpd_places(void **state)
{
    static const char *const want[][2] = {
        {"mac", "52:54:00:00:00:01"},
        {"ip4", "192.0.2.7"},
        {"hostname", "\"a\""},
        {"router", "192.0.2.1, 192.0.2.2"},
        {"dns", "192.0.2.53"},
        {"mtu", "9000"},
        {"next-server", "192.0.2.3"},
        {"bootfile", "\"x\""},
    };
    (void)state;
    PLACES(kl_dhcpd_parse,
        "option domain-name-servers 192.0.2.53;\n"
        "subnet 192.0.2.0 netmask 255.255.255.0 {\n"
        "  option routers 192.0.2.1, 192.0.2.2; }\n"
        "host a { " MAC1
        "\n\tfixed-address 192.0.2.7;\n filename \"x\"; option interface-mtu 9000;\n"
        " next-server 192.0.2.3; option host-name \"a\"; }",
        want);
}

static void kea_places(void **state)
{
    static const char *const want[][2] = {
        {"mac", "52:54:00:00:00:01"},
        {"ip4", "192.0.2.7"},
        {"router", "192.0.2.1"},
    };
    (void)state;
    PLACES(kl_kea_parse,
        "{ \"Dhcp4\": { <?include \"global.json\"?>, \"subnet4\": [ <?include \"nets.json\"?> ] } "
        "}",
        want);
}

static void dnsmasq_places(void **state)
{
    static const char *const want[][2] = {
        {"mac", "52:54:00:00:00:01"},
        {"ip4", "192.0.2.7"},
        {"hostname", "a.example.net"},
        {"router", "192.0.2.1, 192.0.2.2"},
        {"mtu", "9000"},
        {"next-server", "192.0.2.9"},
        {"bootfile", "x"},
    };
    (void)state;
    PLACES(kl_dnsmasq_parse,
        "dhcp-boot= \"x\" ,, 192.0.2.9\n\n dhcp-option = 3, 192.0.2.1, 192.0.2.2 # c\n"
        "dhcp-option=\"26\",9000\ndhcp-host=\"52:54:00:00:00:01\", 192.0.2.7 ,a.example.net,1h",
        want);
}

/* --- hostile sizes -----------------------------------------------------------------------------*/

static size_t read_repeated(reserved_reader *read, const char *head, const char *piece, size_t n)
{
    struct kl_arena *a KL_ARENA_SCOPE = kl_arena_new();
    struct kl_diags *d KL_DIAGS_SCOPE = kl_diags_new();
    struct kl_buf b KL_BUF_SCOPE = {0};
    kl_buf_add(&b, head);
    for (size_t k = 0; k < n; k++)
        kl_buf_add(&b, piece);
    return read(a, kl_buf_text(&b), b.len, "x.conf", &finder, d).n;
}

static void deep_and_long_texts(void **state)
{
    (void)state;
    assert_int_equal(read_repeated(kl_dhcpd_parse, "", "group {", 200000), 0);
    assert_int_equal(read_repeated(kl_dhcpd_parse, "", "if x {", 200000), 0);
    assert_int_equal(read_repeated(kl_dhcpd_parse, "", "a ", 200000), 0);
    assert_int_equal(read_repeated(kl_dhcpd_parse, NET, "host a{}", 50000), 50000);
    assert_int_equal(read_repeated(kl_kea_parse, "", "{\"a\":", 200000), 0);
    assert_int_equal(read_repeated(kl_kea_parse, "", "[", 200000), 0);
    assert_int_equal(read_repeated(kl_dnsmasq_parse, "dhcp-host=", "a,", 200000), 1);
    assert_int_equal(
        read_repeated(kl_dnsmasq_parse, "", "dhcp-host=set:a\ndhcp-option=tag:a,3\n", 20000),
        20000);
    assert_int_equal(
        read_repeated(kl_kea_parse,
            "{\"Dhcp4\":{\"reservations-global\":true,\"subnet4\":[{}],\"reservations\":[", "{},",
            50000),
        50000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dhcpd_samples),
        cmocka_unit_test(dhcpd_places),
        cmocka_unit_test(dnsmasq_samples),
        cmocka_unit_test(dnsmasq_places),
        cmocka_unit_test(kea_samples),
        cmocka_unit_test(kea_places),
        cmocka_unit_test(deep_and_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
