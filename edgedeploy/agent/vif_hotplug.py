"""The hotplug script that Xen calls for a guest's network card: a standby's comes into the private bridge.

Named by `script=` in the configurations that the agent writes, so that a configuration is final from the start: a guest
that reboots by itself long after its trial comes back on its real bridge. While the mark of `network.Bridges` stands the
script writes the private bridge's name where the board's own script reads it; then it is that script and nothing more.
The board's own is vif.default.script of xl.conf(5) (vifscript before Xen 4.2), or Xen's own for that kind of bridge: Open vSwitch
has a socket for each of its. vif-bridge, whose bash starts forty processes, knows the kernel's alone
(tools/hotplug/Linux/vif-bridge; XENBUS_PATH is backend/vif/DOMID/NUMBER, /local/domain/DOMID/vm is /vm/UUID).
"""

from __future__ import annotations

TEXT = rb"""#!/bin/sh
# Written by `edgedeploy enrol`. A release on trial comes into a bridge of its own, any other guest where it belongs.
domid=${XENBUS_PATH#*/vif/}
domid=${domid%%/*}
vm=$(xenstore-read "/local/domain/$domid/vm" 2>/dev/null)
mark=/run/edgedeploy/standby/${vm#/vm/}
if [ "$1" != offline ] && [ -n "$vm" ] && [ -s "$mark" ]; then
  xenstore-write "$XENBUS_PATH/bridge" "$(cat "$mark")"
fi
here=${0%/*}
b='[[:blank:]]*'
own=$(sed -n "s/^${b}vif\(\.default\.\)\{0,1\}script${b}=${b}[\"']\([^\"']*\)[\"'].*/\2/p" "$here/../xl.conf" 2>/dev/null)
if [ -z "$own" ] && [ -d /run/openvswitch ] && [ -e "/run/openvswitch/$(xenstore-read "$XENBUS_PATH/bridge").mgmt" ]; then
  own=vif-openvswitch
fi
case $own in */vif-edgedeploy|vif-edgedeploy) own= ;; /*) ;; ?*) own=$here/$own ;; esac
[ -x "$own" ] || own=$here/vif-bridge
exec "$own" "$@"
"""
