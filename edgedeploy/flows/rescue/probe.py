"""The questions: one POSIX script that prints `key value` records, small because every byte of it is typed.

It only reads. What may hang on a sick board (xl without xenstored, sshd, the agent) has a time limit; whatever tool is
missing leaves its records out. Sources: /sys/class/net (Documentation/ABI/testing/sysfs-class-net), /proc/net/tcp
(state 0A is LISTEN, include/net/tcp_states.h), arping -D (RFC 5227; exit status 1: somebody answered).
"""

from __future__ import annotations

SECONDS = 100.0
"""what it may take: the sum of its limits, on a board as slow as an emulated one"""

# near=no: ask no neighbour whether it has the board's addresses, which takes two seconds each
SCRIPT = r"""PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
k(){ echo "$@";}
g(){ cat $1 2>/dev/null;}
s(){ sed "s/^/$1 /";}
k uid $(id -u)
k host $(hostname)
k machine $(g /etc/machine-id)
k init $(g /proc/1/comm)
k compatible $(g /proc/device-tree/compatible|tr "\0" " ")
k python $(python3 -V 2>&1)
for t in ip ifup dhclient udhcpc dhcpcd networkctl nmcli busybox systemctl sshd avahi-daemon cron crond xl python3;do
command -v $t >/dev/null&&k tool $t;done
busybox --list 2>/dev/null|grep -x -e udhcpc -e arping|s bb
k procs $(cat /proc/[0-9]*/comm 2>/dev/null|grep -x \
-e sshd -e avahi-daemon -e cron -e crond -e dbus-daemon -e NetworkManager -e systemd-network \
-e xenstored -e oxenstored|sort -u)
k iface $(sed -n "s/^ *iface *\([^ ]*\) inet .*/\1/p" /etc/network/interfaces /etc/network/interfaces.d/* 2>/dev/null)
k gw $(sed -n "s/^ *gateway[ =] *//Ip" /etc/network/interfaces /etc/network/interfaces.d/* \
/etc/systemd/network/*.network /etc/board/network 2>/dev/null)
for d in /sys/class/net/*;do m=-;b=-;[ -e $d/master ]&&m=$(basename $(readlink $d/master))
[ -d $d/bridge ]&&b=bridge;k link ${d##*/} $(g $d/type) $(g $d/flags) $(g $d/carrier||k -) $m $b $(g $d/address);done
ip -o addr 2>/dev/null|s addr
ip route 2>/dev/null|s route
set -- $(ip route show default 2>/dev/null)
[ "$2" = via ]&&{ ping -c1 -W2 $3 >/dev/null 2>&1;k ping $3 $?;}
ip neigh 2>/dev/null|s neigh
A="busybox arping";case $(arping -V 2>&1) in *iputils*)A=arping;;esac
[ "$near" ]||ip -4 -o addr show scope global 2>/dev/null|while read a i b c d;do
o=$(timeout 9 $A -D -c2 -w3 -I $i ${c%/*} 2>&1);k dup $? $i ${c%/*} $(k "$o"|sed -n "s/.*\[\(.*\)\].*/\1/p"|sed q);done
k listen $(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null|while read a l r c d;do [ $c = 0A ]&&k ${l##*:};done|sort -u)
k sshport $(sed -n "s/^ *Port *//p" /etc/ssh/sshd_config /etc/ssh/sshd_config.d/* 2>/dev/null)
k hostkeys $(ls /etc/ssh/ssh_host_*_key 2>/dev/null|wc -l)
k hostkey $(g /etc/ssh/ssh_host_ed25519_key.pub)
timeout 9 $(command -v sshd) -t 2>&1|sed 3q|s sshbad
sed -n "s/.* \([^ ]* edgedeploy:\)/pushkey \1/p" /root/.ssh/authorized_keys 2>/dev/null
df -Pk / /var /tmp 2>/dev/null|s df
df -Pi / /var /tmp 2>/dev/null|s inodes
sed -n "s,^[^ ]* / ,root ,p" /proc/mounts
sed -n "s/^\(id\|name\|profile\) = /toml \1 /p" /etc/edgedeploy/agent.toml 2>/dev/null
P=/usr/local/bin/edgedeploy-agent;[ -e $P ]&&k agent $(timeout 60 $P --version 2>&1|tail -n1)
k apps $(ls /var/lib/edgedeploy/apps 2>/dev/null)
k hypervisor $(g /sys/hypervisor/type)
x=$(timeout 12 xl info 2>&1&&timeout 12 xl list 2>&1);r=$?;k xl $r
k "$x"|sed -n "s/^\([^ ]*\)  *\([0-9][0-9]*\) .* \([-rbpscd]\{6\}\) .*/dom \2 \3 \1/p"
k "$x"|grep -i -e ^free_memory -e ^total_memory -e ^xen_version -e error|s xlinfo
[ $r = 0 ]&&timeout 5 xenstore-ls -f /local/domain/0/backend/vif 2>/dev/null|sed -n "s,.*vif/\([0-9]*\)/.*/mac = ,vifmac \1 ,p"
dmesg -l err,crit,alert,emerg 2>/dev/null|tail -n4|s kernel
dmesg 2>/dev/null|grep -e "-fs error" -e "I/O error" -e "BTRFS error" -e "filesystem read-only"|tail -n1|s fsbad
dmesg 2>/dev/null|grep "own address as source"|tail -n1|s ownmac
k up $(g /proc/uptime)
k now $(date +%s)
k end
"""

STATUS = "PATH=$PATH:/usr/sbin:/sbin;timeout 90 /usr/local/bin/edgedeploy-agent status"
"""what the agent says of its apps: asked for on its own, because it costs a slow board seconds"""
STATUS_SECONDS = 100.0
