#!/bin/sh
# unpack.sh ROOT < list of .deb files: the packages' files, none of their scripts. Runs under fakeroot.
set -eu
umask 022
root=$1
# merged /usr first, so that a package that still ships /bin/x lands in /usr/bin/x
mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib"
for name in bin sbin lib; do ln -s "usr/$name" "$root/$name"; done
# relative, so that nothing unpacked "into /run" can leave the tree
mkdir -p "$root/run/lock" "$root/var"
ln -s ../run "$root/var/run"
ln -s ../run/lock "$root/var/lock"
while read -r deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -p -C "$root" --keep-directory-symlink --numeric-owner \
        --exclude './usr/share/man/*' --exclude './usr/share/doc/*' --exclude './usr/share/info/*' \
        --exclude './usr/share/locale/*' --exclude './usr/share/lintian/*' --exclude './usr/share/bug/*' \
        --exclude './usr/lib/*/gconv/*' --exclude './usr/share/pixmaps/*' --exclude './lib/systemd/system/*'
    echo "$deb"
done
