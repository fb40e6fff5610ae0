#include "image/image.h"

const char *const kl_layout_name[] = {
    "initrd", "squashfs", "squashfs > ext4", "erofs", "erofs > ext4", "ext4"};
