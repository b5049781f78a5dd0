#!/bin/sh -ex
sed -e "s,@NAME@,$1,g; s,@KERNEL@,$2/$1.xen,g; s,@DISK@,$2/$1.cpio,g" xl.conf.in > "$2/xl.conf"
