"""The hotplug script that Xen calls for a guest's network card: a standby's comes into the private bridge.

Named by `script=` in the configurations that the agent writes, so that a configuration is final from the start: a guest
that reboots by itself long after its trial comes back on its real bridge. While the mark of `network.Bridges` stands the
script writes the private bridge's name where vif-bridge reads it; else it is vif-bridge and nothing more
(tools/hotplug/Linux/vif-bridge; XENBUS_PATH is backend/vif/DOMID/NUMBER, /local/domain/DOMID/vm is /vm/UUID).
"""

from __future__ import annotations

TEXT = b"""\
#!/bin/sh
# Written by `edgedeploy enrol`. A release on trial comes into a bridge of its own, any other guest where it belongs.
domid=${XENBUS_PATH#*/vif/}
domid=${domid%%/*}
vm=$(xenstore-read "/local/domain/$domid/vm" 2>/dev/null)
mark=/run/edgedeploy/standby/${vm#/vm/}
if [ "$1" != offline ] && [ -n "$vm" ] && [ -s "$mark" ]; then
  xenstore-write "$XENBUS_PATH/bridge" "$(cat "$mark")"
fi
exec "${0%/*}/vif-bridge" "$@"
"""
