/* Every code that a finding may carry. */
#include "check/check.h"

#include "base/text.h"

#define BETWEEN "between stages"
#define WITHIN "within one"
#define REASONING "by reasoning"
#define READING "reading"

const struct kl_code kl_codes[] = {
    {"activation-missing", BETWEEN,
        "a network command is needed in the installer, and is not activated",
        "Only the first network command of a kickstart is brought up in the installer by "
        "itself; later ones need --activate. Without it the link exists on the installed "
        "system only."},
    {"address-differs", BETWEEN, "two stages give one link different addresses",
        "The machine changes its address during the install, or comes up with another "
        "than the one that it was installed with. Write the same address in both."},
    {"bond-missing", BETWEEN, "one stage bonds the NICs, another uses them one by one",
        "The stage without the bond uses a single NIC, or tries them in turn; a switch "
        "that expects LACP may not forward to it at all. Write bond= on the kernel line "
        "and --bondslaves in the kickstart."},
    {"bond-mode-differs", BETWEEN, "two stages make one bond with different modes",
        "The switch is set up for one of them. mode=6 and mode=balance-alb are the same."},
    {"bond-options-differ", BETWEEN, "two stages give one bond different options",
        "Options such as miimon, lacp_rate or arp_ip_target decide when a port is used; "
        "write the same in both."},
    {"bond-ports-differ", BETWEEN, "two stages make one bond of different NICs",
        "The bond has a different MAC address or fewer ports in one of them."},
    {"device-differs", BETWEEN, "two stages name the NIC differently",
        "A name that exists in one stage only is a NIC that is waited for in the other. "
        "net.ifnames=0 and biosdevname=0 decide which names the kernel gives."},
    {"dns-differs", BETWEEN, "two stages use different name servers",
        "Names that resolve in one stage may not in the next."},
    {"gateway-differs", BETWEEN, "two stages use different gateways",
        "What is reached in one stage may be unreachable in the next."},
    {"hostname-differs", BETWEEN, "two stages name the machine differently",
        "The name that was given last remains on the installed system."},
    {"mtu-differs", BETWEEN, "two stages set different MTUs",
        "Large packets are lost where the MTU is larger than what the switch carries."},
    {"prefix-differs", BETWEEN, "two stages give one address different prefix lengths",
        "With a wrong length neighbours are looked for behind the gateway, or the gateway"
        " among neighbours."},
    {"system-differs", BETWEEN, "the installed files do not say what the kickstart says",
        "After the reboot the machine has the network of the files."},
    {"vlan-missing", BETWEEN, "one stage uses a VLAN, another does not",
        "Frames without the tag arrive in another network, or nowhere."},
    {"vlan-name-differs", BETWEEN, "two stages name one VLAN differently",
        "The installer takes the two for different devices, and configures a second one."},
    {"address-invalid", WITHIN, "not an address, netmask or prefix length",
        "The stage ignores the setting or stops."},
    {"bond-mode-unspecified", WITHIN, "bond options without mode=",
        "The bond is made with balance-rr, which needs a static aggregate on the switch."},
    {"bootif-fights-bond", WITHIN, "BOOTIF= names a NIC that is a port of a bond",
        "The loader adds BOOTIF=, and the initrd brings that NIC up on its own by DHCP, "
        "beside or instead of the bond. Add rd.bootif=0, or leave IPAPPEND 2 out."},
    {"command-deprecated", WITHIN, "a command that the installer will not know for long",
        "It works in this release."},
    {"command-removed", WITHIN, "a command that this release no longer has",
        "The installer stops at it."},
    {"command-too-new", WITHIN, "a command that this release does not have yet",
        "The installer stops at it."},
    {"default-installs", WITHIN, "the entry that starts by itself installs the machine",
        "A machine whose firmware tries the network first is installed again at every boot. Make "
        "the local disk the default, or take the file away once the machine is installed."},
    {"device-missing", WITHIN, "a network command that names no device",
        "The first takes the interface that ksdevice= names, or the first one with a carrier; what "
        "a later one takes is not defined. Write --device=."},
    {"duplicate-ip", WITHIN, "more than one ip= for one interface",
        "Legacy dracut stops the boot; NetworkManager joins them, not always as meant."},
    {"field-misplaced", WITHIN, "a value stands in the wrong field",
        "Fields of ip= are parted by colons and known by their number: "
        "ip=ADDRESS:PEER:GATEWAY:NETMASK:HOSTNAME:INTERFACE:METHOD."},
    {"first-line-only", WITHIN, "only the first network command reaches the initrd",
        "Without ip= on the kernel line the initrd translates the first network command "
        "of the kickstart, and no other."},
    {"gateway-missing", WITHIN, "a static IPv6 address, and no default route",
        "From EL8 on --ipv6=ADDRESS means that address and nothing that routers advertise. Add "
        "--ipv6gateway=."},
    {"ifcfg-unread", WITHIN, "an ifcfg file that nothing reads in this release",
        "EL10 has no reader of ifcfg files, EL9 no network service beside NetworkManager. Write a "
        "keyfile."},
    {"initrd-missing", WITHIN, "a kernel of the installer is started without an initrd",
        "The options of the installer are read in its initrd; without one the kernel stops."},
    {"kickstart-value", WITHIN, "a network command has a value that does not fit",
        "The installer ignores the value or stops. The message says what is expected."},
    {"label-missing", WITHIN, "the default names no label",
        "PXELINUX takes a name that is no LABEL for the name of a kernel, and loads that file."},
    {"line-too-long", WITHIN, "the kernel does not take the whole line",
        "An x86 kernel takes 2047 bytes, with what the loader adds; the rest is cut without a "
        "word."},
    {"literal-unbracketed", WITHIN, "an IPv6 address needs brackets here",
        "Where colons part fields, or a port may follow, an IPv6 address stands in "
        "brackets."},
    {"network-twice", WITHIN, "two network commands describe one device",
        "Which of the two counts differs by release. Leave one."},
    {"noipv4-ignored", WITHIN, "--noipv4 leaves DHCP on in this release",
        "EL7.0 to 7.2 write BOOTPROTO=dhcp all the same. Set BOOTPROTO=none in %post."},
    {"method-unknown", WITHIN, "a word that is almost a method of ip=",
        "The initrd stops at it, or takes its default. A static address has the method none."},
    {"option-deprecated", WITHIN, "an option that will not be read for long",
        "It works in this release."},
    {"option-ignored", WITHIN, "an option that nobody reads", "It does nothing in this release."},
    {"option-needs-prefix", WITHIN, "an option of the installer without inst.",
        "EL9 and later, and Fedora 34 and later, read options of the installer only with "
        "inst. before them."},
    {"option-removed", WITHIN, "an option that this release no longer has",
        "It is ignored, or the installer stops at it."},
    {"option-too-new", WITHIN, "an option that this release does not have yet",
        "It is ignored, or the installer stops at it."},
    {"option-unknown", WITHIN, "an option that nobody knows",
        "It is ignored. Often a letter is wrong."},
    {"ports-missing", WITHIN, "bond= names no ports",
        "The initrd then takes eth0 and eth1 (dracut) or eth0 (NetworkManager), whether they "
        "exist or not."},
    {"ports-without-master", WITHIN, "a port's file that does not name its bond, or not for all",
        "initscripts wants MASTER= and SLAVE=yes, NetworkManager MASTER= alone."},
    {"quirk", WITHIN, "a fault of the release that this configuration meets",
        "The number is that of docs/boot-stages.md, which says more, and where it was mended."},
    {"reservation-ignored", WITHIN, "a reservation that the DHCP server does not look at",
        "Kea looks at the reservations outside subnets only where reservations-global is true, and "
        "not at those of a subnet where reservations-in-subnet is false. The machine is then "
        "served "
        "as any unknown one. Turn the parameter on, or move the reservation."},
    {"section-unended", WITHIN, "a section of the kickstart has no %end",
        "Since EL6 every section must end with a line %end; the installer stops where it is "
        "missing."},
    {"separator-wrong", WITHIN, "fields or values are parted by the wrong character",
        "The whole is taken for one value, which nobody understands."},
    {"slash-doubled", WITHIN, "the path of a URL has two slashes in a row",
        "Servers and caches may take it for another path."},
    {"static-without-ip", WITHIN, "--bootproto=static without --ip",
        "Where only IPv6 is meant, write --noipv4 instead: NetworkManager of EL7 refuses a profile "
        "whose IPv4 is static and has no address."},
    {"translation-broken", WITHIN,
        "what the initrd makes of the network command is not what it says",
        "The initrd turns the first network command into dracut arguments, and loses or "
        "bends parts of it. Give the whole network on the kernel line."},
    {"two-profiles", WITHIN, "two profiles for one interface that both start at boot",
        "Which of them wins is not certain. Delete one, or give one a higher priority."},
    {"value-repeated", WITHIN, "a value has its name in it once more",
        "mode=mode=6 is not mode 6."},
    {"gateway-off-link", REASONING, "the gateway is not on the network of its link",
        "The default route cannot be set, or is reached in ways that differ by component."},
    {"no-address", REASONING, "a device is needed, and nothing configures it",
        "This stage has no network on it."},
    {"slow-path", REASONING, "interfaces are tried in turn before the right one",
        "Each costs the time-out of DHCP or of the carrier."},
    {"unreachable-dns", REASONING, "a name server cannot be reached",
        "Names do not resolve in this stage."},
    {"unreachable-url", REASONING, "a URL cannot be reached from the network of its stage",
        "The stage stops when it wants to fetch it."},
    {"cannot-read", READING, "a file or directory cannot be read",
        "Nothing in it was checked. Look at its name, who may read it, and its size."},
    {"cannot-write", READING, "a file could not be mended",
        "--fix writes a file whole or not at all: not when it changed since it was read, is no "
        "regular file, may not be written, or its owner and mode could not be kept."},
    {"include-loop", READING, "files include each other, or too many",
        "A loader that includes a file which is being read already never comes to an end."},
    {"include-missing", READING, "a file that is included is not at hand",
        "What it holds is not checked. --map URL=PATH says where it is."},
    {"kickstart-missing", READING, "the kickstart is not at hand",
        "Only the kernel line is checked. --map URL=PATH says where it is; or give its "
        "directory as well."},
    {"kind-unknown", READING, "a file that is nothing of a boot", "It is left alone."},
    {"not-understood", READING, "a part of a text is kept, but not understood",
        "Its own reader may understand it; nothing was concluded from it."},
    {"release-inferred", READING, "nobody said which release is installed",
        "Findings that depend on the release rest on a guess. --release says it for "
        "certain, and so does the .treeinfo of the tree."},
    {"text-unended", READING, "a help text has no end",
        "TEXT HELP lasts until ENDTEXT: the labels below it are lost to the loader."},
    {"bond-mode", WITHIN, "a bond's mode is none",
        "The initrd drops it, and the bond is balance-rr, which few switches are set up for."},
    {"bond-option", WITHIN, "a bond's option is none, or not for this mode or release",
        "The bond is made without it. The message says what is expected."},
    {"bootif", WITHIN, "BOOTIF= brings up one more NIC",
        "The NIC that the firmware booted from is brought up by DHCP, although no ip= is for it. "
        "Add rd.bootif=0, or leave IPAPPEND 2 out."},
    {"gateway", WITHIN, "a gateway is no address",
        "It is ignored, and the stage has no route to other networks."},
    {"ifname", WITHIN, "ifname= names no NIC", "Write ifname=NAME:aa:bb:cc:dd:ee:ff."},
    {"method", WITHIN, "ip= has a method that this initrd does not know",
        "It is taken for another one. Write none, dhcp, dhcp6 or auto6."},
    {"mtu", WITHIN, "an MTU is no number", "It is ignored."},
    {"nameserver", WITHIN, "a name server is no address",
        "Write one nameserver= for each; brackets only where the release takes them."},
    {"netmask", WITHIN, "a netmask is none",
        "A length is guessed instead, or the address is left out."},
    {"one-only", WITHIN, "this release reads only one of these",
        "dracut of EL7.0 to 7.2 reads the last bond=, bridge= and vlan= alone."},
    {"profile-lost", WITHIN, "NetworkManager drops a whole profile",
        "nm-initrd-generator writes no profile that is not valid: one whose ip= ends in a name "
        "server of a family that is off (write nameserver= instead), or a bond whose options do "
        "not go together."},
    {"route", WITHIN, "rd.route= is no route",
        "It is ignored. Write rd.route=NET/LENGTH:GATEWAY:INTERFACE, IPv6 in brackets."},
    {"skipped", WITHIN, "a part of ip= is skipped",
        "Legacy dracut runs DHCPv6 only where DHCPv4 failed, and sets an address only where the "
        "method is none."},
    {"stops", WITHIN, "legacy dracut stops the boot here",
        "Its shell code calls die(): the machine waits in an emergency shell."},
    {"vlan", WITHIN, "vlan= lacks a name or a parent", "Write vlan=NAME:PARENT."},
    {"vlan-name", WITHIN, "a VLAN's name says no id",
        "The initrd takes the id from the name, which is vlanID or PARENT.ID."},
    {NULL, NULL, NULL, NULL},
};

const struct kl_code *kl_code(const char *code)
{
    for (const struct kl_code *c = kl_codes; c->code; c++)
        if (kl_streq(c->code, code))
            return c;
    return NULL;
}
