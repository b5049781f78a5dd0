#!/bin/busybox sh
# What udhcpc calls with a lease in its environment.
B=/bin/busybox
case $1 in
deconfig) $B ifconfig eth0 0.0.0.0 up ;;
bound | renew)
    $B ifconfig eth0 "$ip" netmask "${subnet:-255.255.255.0}" up
    for gateway in $router; do
        $B route add default gw "$gateway"
        break
    done
    echo "$ip" > /tmp/address
    ;;
esac
