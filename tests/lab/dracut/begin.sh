#!/bin/sh
# The initrd's own programs run from here on.
kickline-report stamp initrd
