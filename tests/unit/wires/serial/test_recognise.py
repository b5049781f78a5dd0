"""Where the line is, told from transcripts. Time is the test's own: no second is really waited.

What getty, login and bash write here was read from Debian 12's own programs on a tty; Xen's, U-Boot's and the kernel's lines
are theirs.
"""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgedeploy.wires.serial import text
from edgedeploy.wires.serial.recognise import ASK, Recogniser, Send, Sight, Wait, Where, before_noise
from tests.fuzz.target import timed
from tests.needs import examples

CTRL_A = b"\x01\x01\x01"
GETTY = b"\r\r\nDebian GNU/Linux 12 cubie hvc0\r\n\r\ncubie login: "
BASH = b"\r\n\x1b[?2004l\r\x1b[?2004hroot@cubie:~# "
TO_XEN = b"(XEN) *** Serial input to Xen (type 'CTRL-a' three times to switch input)\r\n"
TO_DOM0 = b"(XEN) *** Serial input to DOM0 (type 'CTRL-a' three times to switch input)\r\n"
UBOOT = b"\r\nU-Boot 2023.01+dfsg-2 (Nov 23 2023) Allwinner Technology\r\n\r\nDRAM:  1 GiB\r\nNet:   eth0: ethernet@1c50000\r\n"
KERNEL = b"[    0.000000] Booting Linux on physical CPU 0x0\r\r\n[    0.000000] Linux version 6.1.0-26-armmp-lpae\r\r\n"


class Line:
    """A console: what comes at which second by itself, and what it answers to what it is sent."""

    def __init__(self, comes=(), answer=lambda data: b"", delay=0.05):
        self.due = [(at, data) for at, data in comes]
        self.answer, self.delay = answer, delay
        self.sent = []
        self.now = 0.0

    def look(self, limit=200.0, **options):
        recogniser = Recogniser(0.0, **options)
        steps = 0
        while self.now < limit:
            steps += 1
            assert steps < 20_000, "it does not wait, it spins"
            did = recogniser.step(self.now)
            if isinstance(did, Sight):
                return did
            if isinstance(did, Send):
                self.sent.append((round(self.now, 2), did.data))
                self.due.append((self.now + self.delay, self.answer(did.data)))
                self.now += 0.001
                continue
            assert isinstance(did, Wait)
            assert did.until > self.now, "a wait that is over"
            self.due.sort(key=lambda item: item[0])
            if self.due and self.due[0][0] <= did.until:
                at, data = self.due.pop(0)
                self.now = max(self.now, at)
                recogniser.feed(data, self.now)
            else:
                self.now = did.until
        raise AssertionError(f"no answer within {limit} s: {self.sent}")

    @property
    def typed(self):
        return b"".join(data for _, data in self.sent)


def echoing(reply):
    return lambda data: reply if b"\r" in data else b""


@pytest.mark.parametrize(
    ("reply", "where", "root"),
    [
        (GETTY, Where.LOGIN, False),
        (b"\r\r\ncubie login: ", Where.LOGIN, False),
        (b"\r\nPassword: ", Where.PASSWORD, False),
        (b"\r\n[sudo] password for ana: ", Where.PASSWORD, False),
        (b"\r\nPress Enter for maintenance\r\n(or press Control-D to continue): ", Where.MAINTENANCE, False),
        (BASH, Where.SHELL, True),
        (b"\r\n\x1b]0;ana@cubie: ~\x07\x1b[01;32mana@cubie\x1b[00m:\x1b[01;34m~\x1b[00m$ ", Where.SHELL, False),
        (b"\r\n/ # ", Where.SHELL, True),
        (b"\r\n(initramfs) ", Where.SHELL, True),
        (b"\x1b[1m\x1b[7m%\x1b[27m\x1b[1m\x1b[0m       \r \r\rcubie% ", Where.SHELL, False),
        (b"\r\n=> ", Where.UBOOT, False),
        (b"\r\nsunxi# ", Where.UBOOT, False),
        (b"\r\n(END)", Where.PROGRAM, False),
        (b"\r\nContinue? [y/N] ", Where.PROGRAM, False),
        (b"\r\nLast login: ", Where.PROGRAM, False),
        (b"\r\n 50% ", Where.PROGRAM, False),
        (b"\r\n", Where.SILENCE, False),
        (b"", Where.SILENCE, False),
    ],
)
def test_what_answers_a_question(reply, where, root):
    line = Line(answer=echoing(reply))
    sight = line.look()
    assert (sight.where, sight.root) == (where, root)
    assert line.sent[0] == (1.3, ASK)
    assert line.now < 10
    assert b"\x01" not in line.typed or not reply, "three Ctrl-A are for a line that does not even echo"


def test_a_prompt_that_comes_by_itself_needs_no_question():
    line = Line([(0.4, GETTY)])
    assert line.look().where is Where.LOGIN
    assert line.sent == []
    assert line.now < 1


def test_half_a_prompt_is_not_one():
    line = Line([(0.1, b"\r\ncubie# "), (0.25, b"is not what it ends with\r\nana@cubie$ ")])
    line.answer = echoing(b"\r\nana@cubie$ ")
    sight = line.look()
    assert (sight.where, sight.root, sight.last[0]) == (Where.SHELL, False, "cubie# is not what it ends with")
    assert line.sent == [(0.55, ASK)], "half a line may be typed at a prompt that was there before"


@pytest.mark.parametrize("noise", [b"(XEN) d1v0 vGICD: unhandled word\r\n", b"[  412.004711] eth0: Link is Up\r\r\n",
                                   b"[  412.004711][  T9] xenbr0: port 2\r\r\n", b"(d1) Hello from a guest\r\n"])  # fmt: skip
def test_log_lines_inside_and_after_a_prompt(noise):
    for cut in range(len(b"\r\r\ncubie login: ") + 1):
        whole = b"\r\r\ncubie login: "
        line = Line(answer=echoing(whole[:cut] + noise + whole[cut:] + noise))
        assert line.look().where is Where.LOGIN, cut


def test_log_lines_that_never_stop():
    comes = [(i / 5, b"(XEN) d1v0 something\r\n") for i in range(500)]
    line = Line(comes, answer=echoing(BASH))
    assert line.look().where is Where.SHELL
    assert line.now < 12


def test_nothing_is_typed_while_u_boot_counts():
    count = [(2.0 + i, b"\x08\x08\x08 %d " % (9 - i)) for i in range(10)]
    comes = [
        (0.9, UBOOT + b"Hit any key to stop autoboot: 10 "),
        *count,
        (12.5, b"\r\nLoading: " + b"#" * 40),
        (14.0, b" # "),
        (40.0, b"\r\nStarting kernel ...\r\n\r\n"),
        (41.0, KERNEL),
        (49.0, GETTY),
    ]
    line = Line(comes)
    assert line.look().where is Where.LOGIN
    assert line.sent == []


def test_nothing_is_typed_when_only_the_ticks_of_a_countdown_are_heard():
    line = Line([(0.9, b"\x08\x08\x08 4 "), (1.9, b"\x08\x08\x08 3 "), (2.9, b"\x08\x08\x08 2 "), (5.0, UBOOT)])
    assert line.look(boot_wait=8).where is Where.UBOOT
    assert line.sent == []
    assert line.now <= 8


@given(
    st.floats(0.01, 1.25),
    st.lists(st.sampled_from([UBOOT, b"\x08\x08\x08 1 ", b"Hit any key to stop autoboot:  3 ", b"####", b"=", b"> \xff"]), max_size=8),
)
@settings(max_examples=examples(150), deadline=None)
def test_whatever_u_boot_says_next_nothing_is_typed(at, rest):
    comes = [(at, UBOOT), *((at + 0.5 * (i + 1), data) for i, data in enumerate(rest))]
    line = Line(comes)
    assert line.look(boot_wait=20).where is Where.UBOOT
    assert line.sent == []


def test_u_boots_prompt_after_somebody_stopped_it():
    line = Line([(0.5, UBOOT + b"Hit any key to stop autoboot:  0 \r\n=> ")])
    assert line.look().where is Where.UBOOT
    assert line.now < 2
    assert line.sent == []


def test_a_kernel_that_boots_is_waited_for_and_a_quiet_one_is_asked_late():
    line = Line([(0.5, KERNEL), (3.0, b"[  OK  ] Started ssh.service\r\n")], answer=echoing(b"\r\r\ncubie login: "))
    assert line.look().where is Where.LOGIN
    assert line.sent[0][0] >= 13.0


def test_a_boot_heard_in_its_middle():
    comes = [(0.2 * i, b"[   %2d.%06d] usb 1-1: new device\r\r\n" % (3 + i // 5, i)) for i in range(1, 40)]
    line = Line(comes, answer=echoing(GETTY))
    assert line.look().where is Where.LOGIN
    assert line.sent[0][0] >= 10.0


def test_a_boot_that_never_ends_is_said_in_time():
    line = Line([(i, b"[    0.000000] Linux version 6.1\r\r\n") for i in range(100)])
    assert line.look(boot_wait=30).where is Where.BOOTING
    assert 30 <= line.now < 31
    assert line.sent == []


class XenLine(Line):
    """Xen owns the UART: three Ctrl-A switch; dom0 answers only when it has the input."""

    def __init__(self, dom0, *, at_xen=True, letter=b"\x01", guests=0, **options):
        super().__init__(answer=self.reply, **options)
        self.dom0, self.letter = dom0, letter
        self.inputs = ["Xen", "DOM0", *(f"DOM{i + 1}" for i in range(guests))]
        self.at = 0 if at_xen else 1
        self.keys = []

    def reply(self, data):
        if data == self.letter * 3:
            self.at = (self.at + 1) % len(self.inputs)
            name = chr(self.letter[0] + 96)
            return f"(XEN) *** Serial input to {self.inputs[self.at]} (type 'CTRL-{name}' three times to switch input)\r\n".encode()
        if self.at == 0:
            self.keys.append(data)
        return self.dom0(data) if self.at == 1 else b""


def test_xen_has_the_input_and_gives_it_back():
    line = XenLine(echoing(GETTY))
    assert line.look().where is Where.LOGIN
    assert line.inputs[line.at] == "DOM0"
    assert line.typed.count(CTRL_A) == 1
    assert set(b"".join(line.keys)) <= set(b"\x15\r\n"), "every other byte is a debug key of Xen's"


def test_xen_says_so_by_itself_with_another_letter():
    line = XenLine(echoing(GETTY), letter=b"\x02", guests=2)
    line.due.append((0.2, TO_XEN.replace(b"CTRL-a", b"CTRL-b")))
    assert line.look().where is Where.LOGIN
    assert line.inputs[line.at] == "DOM0"
    assert line.sent[0][1] == b"\x02\x02\x02"
    assert line.sent[0][0] < 1


def test_a_guest_has_the_input():
    line = XenLine(echoing(GETTY), guests=1)
    line.at = 2
    line.due.append((0.2, b"(XEN) *** Serial input to DOM1 (type 'CTRL-a' three times to switch input)\r\n"))
    assert line.look().where is Where.LOGIN
    assert line.inputs[line.at] == "DOM0"


def test_a_prompt_that_xen_took_the_input_from_is_not_taken_for_one():
    line = XenLine(echoing(BASH))
    line.due.append((0.2, b"\r\nroot@cubie:~# " + TO_XEN))
    sight = line.look()
    assert (sight.where, sight.root, sight.alive) == (Where.SHELL, True, True)
    assert line.sent[0][1] == CTRL_A
    assert line.inputs[line.at] == "DOM0"


def test_a_mute_dom0_ends_with_its_input_where_it_was():
    line = XenLine(lambda data: b"", at_xen=False)
    sight = line.look()
    assert (sight.where, sight.alive) == (Where.SILENCE, True)
    assert line.inputs[line.at] == "DOM0"
    assert line.now < 15


def test_xens_boot_line_is_no_reason_to_switch():
    line = Line([(0.2, b"(XEN) Xen version 4.17.5\r\n" + TO_DOM0), (4.0, GETTY)])
    assert line.look().where is Where.LOGIN
    assert line.sent == []


def test_the_agents_beacon_is_seen_at_once():
    line = Line([(0.5, b"junk\x1e\x82beacon\x1e")])
    assert line.look(beacon=lambda raw: b"\x1e\x82beacon\x1e" in raw).where is Where.AGENT
    assert (line.now, line.sent) == (0.5, [])


def test_a_full_screen_program():
    line = Line([(0.2, b"\x1b[?1049h\x1b[22;0;0t\x1b[1;24r~\r\n~\r\n-- INSERT --")])
    assert line.look().where is Where.PROGRAM
    assert line.sent == []
    line = Line([(0.2, b"\x1b[?1049hvi\x1b[?1049l\r\nroot@cubie:~# ")], answer=echoing(BASH))
    assert line.look().where is Where.SHELL
    line = Line(answer=lambda data: b"\x1b[1;1H\x1b[2Ktop\x1b[5;1Hx\x1b[7;1H# ")
    assert line.look().where is Where.PROGRAM


def test_a_continued_line_is_cancelled_once():
    line = Line(answer=lambda data: b"^C\r\nana@cubie:~$ " if data == b"\x03" else b"\r\n> ")
    assert line.look().where is Where.SHELL
    assert line.typed.count(b"\x03") == 1
    line = Line(answer=lambda data: b"\r\n> ")
    assert line.look().where is Where.PROGRAM
    assert line.typed.count(b"\x03") == 1


def test_the_wrong_rate_is_told_without_typing_when_bytes_come_by_themselves():
    garbage = bytes([0x80, 0xF8, 0x00, 0xE6, 0x9E, 0x18, 0xFE, 0x66, 0xC0, 0x80])
    line = Line([(0.1 * i, garbage) for i in range(1, 49)])
    assert line.look().where is Where.WRONG_BAUD
    assert (line.sent, line.now < 6) == ([], True)
    line = Line([(0.5 + i, garbage[:4]) for i in range(10)])  # a countdown
    assert line.look().where is Where.WRONG_BAUD
    assert line.sent == []


def noise(every, seed=7, until=60.0):
    dice = random.Random(seed)
    return [(every * i, dice.randbytes(60)) for i in range(1, int(until / every))]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    ("reply", "where", "root"), [(GETTY, Where.LOGIN, False), (b"\r\nPassword: ", Where.PASSWORD, False), (BASH, Where.SHELL, True)]
)
def test_a_prompt_is_seen_between_noise(seed, reply, where, root):
    """A loose ground: a person at the console reads the prompt all the same."""
    line = Line(noise(0.3, seed), answer=echoing(reply))
    sight = line.look()
    assert (sight.where, sight.root) == (where, root)
    assert line.sent[0][0] >= 5, "it may have been a boot loader's at another rate"


def test_noise_before_a_prompt_hides_it_no_more_than_noise_behind_it():
    rubbish = b"\xe8UT\x05\x95\x1c\xb29\xf5\xc4"
    for said in (b"root@cubie:~# ", b"edgedeploy# ", b"cubie login: ", b"Password: "):
        assert before_noise(text.plain(b"\r\n" + rubbish + said + rubbish)), said
    assert not before_noise(text.plain(rubbish + b"cubie login: root\r\nLinux cubie 6.1.0 welcomes you\r\n" + rubbish))


def test_steady_rubbish_is_asked_some_times_and_then_it_is_rubbish():
    line = Line(noise(0.3))
    assert line.look().where is Where.WRONG_BAUD
    assert [data for _, data in line.sent] == [ASK, b"\x15\n", ASK]
    assert line.now < 15


def test_rubbish_with_pauses_now_and_then_comes_to_an_end_too():
    line = Line([one for one in noise(0.3) if one[0] % 4 < 2])
    assert line.look().where is Where.WRONG_BAUD
    assert line.now < 20
    assert line.sent == []


def test_the_wrong_rate_is_told_from_a_garbled_answer():
    line = Line(answer=lambda data: b"\x00\xf8\x80\xfe\x1e")
    assert line.look().where is Where.WRONG_BAUD
    assert line.now < 10


def test_a_glitch_at_power_on_is_not_the_wrong_rate():
    line = Line([(0.1, b"\x00\xff\xfe\x00"), (0.3, UBOOT), (3.0, b"\r\nStarting kernel ...\r\n"), (9.0, GETTY)])
    assert line.look().where is Where.LOGIN
    assert line.sent == []


def test_umlauts_are_not_the_wrong_rate():
    assert Line(answer=echoing("\r\nGrüße, schöne ☃ Dose: ana@küche:~$ ".encode())).look().where is Where.SHELL


@given(st.lists(st.tuples(st.floats(0, 30), st.binary(max_size=60)), max_size=12), st.binary(max_size=60))
@settings(max_examples=examples(300), deadline=None)
def test_any_bytes_get_an_answer_in_time_and_only_harmless_keys(comes, answer):
    line = Line(comes, answer=lambda data: answer)
    line.look(limit=70, boot_wait=30)
    assert {data for _, data in line.sent} <= {ASK, b"\x15\n", b"\x03"} | {bytes([i]) * 3 for i in range(1, 27)}


@given(st.binary(max_size=400))
def test_reading_text_never_fails(raw):
    text.own(text.plain(raw))
    assert 0 <= text.garbled(raw) <= len(raw)


@pytest.mark.parametrize("piece", [b"x", b"\r", b"\xff", b"\x1b[0", b"[   1", b"\x08 1", b"Press ", b"# ", b"password for "])
def test_long_lines_cost_no_more_than_their_length(piece):
    @timed
    def looks(raw):
        recogniser = Recogniser(0.0)
        for second in range(20):
            recogniser.feed(raw, float(second))
            recogniser.step(second + 0.5)

    looks((piece * 16384)[:16384])


def test_text_a_person_would_read():
    raw = b"\x1b[?2004l\rone\r\r\ntwo\r\nthr(XEN) noise\r\nee\r\nold\rnew\r\n[    1.5"
    assert text.own(text.plain(raw)) == "one\ntwo\nthree\nnew\n[    1.5"
