"""Which cable is taken, and what is said when none can be."""

import pytest

from edgedeploy.core import errors
from edgedeploy.wires.serial import ports
from edgedeploy.wires.serial.ports import Port, choose

CP210X = Port("/dev/ttyUSB0", "/dev/serial/by-id/usb-Silicon_Labs_CP2102-if00-port0", 0x10C4, 0xEA60, "CP2102")
FTDI = Port("/dev/ttyUSB1", "/dev/serial/by-id/usb-FTDI_FT232R_A50285BI-if00-port0", 0x0403, 0x6001, "FT232R")
MODEM = Port("/dev/ttyACM0", "", 0x12D1, 0x1506, "HUAWEI \x1b[2Jmobile")
OWN = Port("/dev/ttyS0", "", None, None, "n/a")


def test_the_only_usual_adapter_is_taken_and_nothing_else_is():
    choice = choose([MODEM, OWN, CP210X])
    assert choice.port is CP210X
    assert choice.why == "the only adapter here (CP210x)"


@pytest.mark.parametrize("ids", [(0x0403, 0x6015), (0x1A86, 0x7523), (0x067B, 0x2303), (0x0525, 0xA4A7)])
def test_the_usual_adapters(ids):
    assert choose([Port("/dev/x", "", *ids)]).port.device == "/dev/x"


def test_a_vendor_of_adapters_that_makes_other_things_too():
    with pytest.raises(errors.Unreachable):
        choose([Port("/dev/ttyACM1", "", 0x2E8A, 0x0005, "Pico")])


@pytest.mark.parametrize("name", ["/dev/ttyUSB1", "ttyUSB1", FTDI.stable, FTDI.stable.rsplit("/", 1)[-1]])
def test_a_named_or_pinned_port_wins(name):
    assert choose([CP210X, FTDI], named=name).port is FTDI
    assert choose([CP210X, FTDI], pinned=name).port is FTDI
    assert choose([CP210X, FTDI], named=name, pinned=CP210X.pin).port is FTDI


def test_the_computers_own_port_is_taken_when_it_is_named_even_where_nobody_lists_it():
    assert choose([OWN, CP210X], named="/dev/ttyS0").port is OWN
    assert choose([], named="/dev/ttyS1").port == Port("/dev/ttyS1")


def test_another_cable_than_the_boards_usual_one_is_said():
    choice = choose([FTDI], pinned=CP210X.pin)
    assert choice.port is FTDI
    assert "usual one is not plugged in" in choice.why


def test_two_cables_need_a_person():
    with pytest.raises(errors.UsageFault, match="2 serial cables here") as caught:
        choose([CP210X, FTDI, OWN], pinned="gone")
    assert caught.value.exit_code == 2
    assert caught.value.details == (CP210X.line, FTDI.line)
    assert caught.value.hint == f"name it: --port {CP210X.stable}"


def test_no_cable_lists_what_is_there_harmlessly():
    with pytest.raises(errors.Unreachable, match="no USB-serial cable") as caught:
        choose([OWN, MODEM])
    assert caught.value.exit_code == 11
    assert caught.value.details == (
        "/dev/ttyS0: this computer's own",
        "/dev/ttyACM0: HUAWEI \\x1b[2Jmobile",
    )
    with pytest.raises(errors.Unreachable, match="no USB-serial cable"):
        choose([])


def test_the_pin_is_the_stable_name_where_there_is_one():
    assert (CP210X.pin, OWN.pin) == (CP210X.stable, "/dev/ttyS0")


def test_the_edge_joins_pyserials_list_with_udevs_links(tmp_path, monkeypatch):
    from serial.tools import list_ports, list_ports_common

    device = tmp_path / "ttyUSB0"
    device.touch()
    (tmp_path / "by-id").mkdir()
    link = tmp_path / "by-id" / "usb-1a86_USB_Serial-if00-port0"
    link.symlink_to("../ttyUSB0")
    info = list_ports_common.ListPortInfo(str(device))
    info.vid, info.pid, info.product = 0x1A86, 0x7523, "USB Serial"
    own = list_ports_common.ListPortInfo(str(tmp_path / "ttyS0"))
    monkeypatch.setattr(list_ports, "comports", lambda: [info, own])
    monkeypatch.setattr(ports, "BY_ID", tmp_path / "by-id")
    first, second = ports.here()
    assert (first.device, first.adapter) == (str(tmp_path / "ttyS0"), "")
    assert second == Port(str(device), str(link), 0x1A86, 0x7523, "USB Serial")
    monkeypatch.setattr(ports, "BY_ID", tmp_path / "none")
    assert ports.here()[1].stable == ""


def test_the_real_list_of_this_machine_can_be_made():
    assert all(port.device and port.line for port in ports.here())


def test_a_port_that_a_board_was_reached_over_counts_wherever_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(ports, "_listed", lambda: [CP210X])
    there, gone = tmp_path / "cable", tmp_path / "gone"
    there.touch()
    found = ports.here([str(there), str(gone), "", CP210X.stable])
    assert found == [CP210X, Port(str(there), remembered=True)]
    assert choose(found, pinned=str(there)).port.device == str(there)
    assert choose(found).port is CP210X, "unasked only what is surely a cable"
