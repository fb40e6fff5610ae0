/* The first and only process of a guest: asks the bonding driver about each line of /list (MODE
 * OPTION VALUE) with a bond made for it, and prints the line with the error that it got (0: none),
 * or -1 where this kernel does not know the option. Then it powers the guest off. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -1 : errno;
    int e = write(fd, text, strlen(text)) < 0 ? errno : 0;
    close(fd);
    return e;
}

static int load(const char *path, const char *arguments)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return (int)syscall(SYS_finit_module, fd, arguments, 0);
}

static int set(const char *option, const char *value)
{
    char path[128];
    snprintf(path, sizeof path, "/sys/class/net/b/bonding/%s", option);
    return put(path, value);
}

/* Delays are refused without a monitor, whatever their value. */
static int needs_miimon(const char *option)
{
    return strstr(option, "delay") != NULL;
}

static int ask(const char *mode, const char *option, const char *value)
{
    char text[64];
    put("/sys/class/net/bonding_masters", "+b");
    int e = set("mode", mode);
    if (!e && needs_miimon(option))
        e = set("miimon", "100");
    if (e)
        return 1000 + e;
    /* In sysfs a target is added. */
    snprintf(text, sizeof text, "%s%s", strcmp(option, "arp_ip_target") == 0 ? "+" : "", value);
    e = set(option, text);
    put("/sys/class/net/bonding_masters", "-b");
    return e;
}

int main(void)
{
    char mode[32], option[32], value[32];
    mkdir("/sys", 0755);
    mkdir("/proc", 0755);
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    mount("proc", "/proc", "proc", 0, NULL);
    put("/proc/sys/kernel/printk", "1"); /* the driver's own comments would mix with ours */
    int e = load("/tls.ko", "") + load("/bonding.ko", "max_bonds=0");
    printf("@modules %d\n", e);
    FILE *list = fopen("/list", "r");
    while (list && fscanf(list, "%31s %31s %31s", mode, option, value) == 3)
        printf("@ %s %s %s %d\n", mode, option, value, ask(mode, option, value));
    puts("@end");
    fflush(stdout);
    reboot(RB_POWER_OFF);
    return 0;
}
