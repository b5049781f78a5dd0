#!/bin/sh
# seal.sh ROOT IMAGE MEGABYTES < lines of "UID:GID MODE PATH": owners and modes, then the filesystem.
# Runs under fakeroot, where everything is root's until told otherwise.
set -eu
umask 022
root=$1 image=$2 megabytes=$3
while read -r owner mode path; do
    if [ -e "$root$path" ]; then
        chown -h "$owner" "$root$path"
        chmod "$mode" "$root$path"
    fi
done
rm -f "$image"
truncate -s "${megabytes}M" "$image"
mke2fs -q -F -t ext4 -O '^metadata_csum,^64bit,^metadata_csum_seed,^orphan_file' -m 0 -L board \
    -E lazy_itable_init=1,lazy_journal_init=1 -d "$root" "$image"
