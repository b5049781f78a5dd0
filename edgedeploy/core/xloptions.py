"""Every option of an `xl` domain configuration, by what becomes of it when edgedeploy starts the guest.

Names: xl.cfg(5) and the texts in /usr/lib/xen-4.17/bin/xl (Debian 4.17.7), which knows some that the manual does not
(p9, vif2, blkdev_start, …); and of Xen 4.18 to 4.21: virtio, sve, arm_sci, llc_colors, nr_spis, trap_unmapped_accesses,
bootloader_restrict.
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


TAKEN = _names("name memory vcpus vif extra cmdline root gic_version")
"""Go into the guest's domain."""

REPLACED = _names("kernel ramdisk uuid type builder on_poweroff on_reboot on_watchdog on_crash on_soft_reset")
"""edgedeploy has its own answer."""

PASSTHROUGH = _names("device_tree dtdev irqs ioports iomem pci usbdev usbctrl rdm gfx_passthru passthrough")
"""Hand hardware of the board to the guest."""

DEVICES = {
    "disk": "a disk",
    "vtpm": "a TPM",
    "p9": "a 9pfs share",
    "pvcalls": "PV calls",
    "vfb": "a screen",
    "vkb": "a keyboard",
    "vdispl": "a display",
    "vsnd": "a sound card",
    "channel": "a channel",
    "vif2": "a netchannel2 network card",
    "virtio": "virtio devices",
    "tee": "a trusted execution environment",
    "arm_sci": "the board's SCMI firmware",
    "acpi": "ACPI tables",
    "sve": "vector registers (SVE)",
    "driver_domain": "the right to drive other guests' devices",
    "bootloader": "a boot loader",
    "bootloader_args": "a boot loader",
}
"""Things a guest was built to find, and that a release cannot carry: it would not run without them."""

SKIPPED = _names(
    """maxmem maxvcpus cpus cpus_soft pool cpu_weight cap period budget extratime latency slice vnuma vuart seclabel
    init_seclabel max_grant_frames max_maptrack_frames max_event_channels max_grant_version nomigrate vpmu
    vmtrace_buf_kb llc_colors nr_spis trap_unmapped_accesses"""
)
"""Limits and preferences: the guest starts without them, only not quite as it was meant."""

HARMLESS = _names(
    """acpi_firmware acpi_laptop_slate acpi_s3 acpi_s4 altp2m altp2mhvm apic assisted_xapic bios bios_path_override
    blkdev_start boot bootloader_restrict cpuid device_model device_model_args device_model_args_hvm
    device_model_args_pv device_model_override device_model_stubdomain_override device_model_stubdomain_seclabel
    device_model_user device_model_version display dm_restrict e820_host firmware firmware_override hap hdtype hpet
    keymap localtime mca_caps mmio_hole ms_vm_genid
    msr_relaxed nestedhvm nographic nx oos opengl pae pci_msitranslate pci_permissive pci_power_mgmt pci_seize pvh
    pvshim pvshim_cmdline pvshim_extra pvshim_path rdm_mem_boundary rtc_timeoffset sdl serial shadow_memory
    smbios_firmware soundhw spice spice_clipboard_sharing spice_image_compression spice_streaming_video spiceagent_mouse
    spicedisable_ticketing spicehost spicepasswd spiceport spicetls_port spiceusbredirection spicevdagent stdvga
    stubdomain_cmdline stubdomain_kernel stubdomain_memory stubdomain_ramdisk system_firmware timer_mode tsc_mode usb
    usbdevice usbversion vendor_device vga videoram viridian vkb_device vnc vncdisplay vnclisten vncpasswd vncunused
    vncviewer vpt_align xauthority xen_platform_pci xend_suspend_evtchn_compat"""
)
"""Mean nothing to an ARM guest: x86, fully virtualised guests' devices, or details of an option above."""

KNOWN = TAKEN | REPLACED | PASSTHROUGH | frozenset(DEVICES) | SKIPPED | HARMLESS
