#!/bin/sh -ex
cd "$2"
rm -f "$1.xen" "$1.cpio"
bunzip2 -k "$1.xen.bz2" "$1.cpio.bz2"
xl create xl.conf
