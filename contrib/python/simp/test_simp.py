"""The client against real daemons: SIMP_SIMPD says where simpd is, if it is not in PATH, and SIMP_NETWORK the first three
numbers of the addresses that are used. Each test has folders of its own, and waits for events and never for time.

SIMP_FRAMES names a file that all frames are appended to which come and go between the client and real daemons: `>` or `<`,
and the frame.
"""

import asyncio
import fcntl
import functools
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import unittest
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import cbor2

import simp

SIMPD = os.environ.get("SIMP_SIMPD") or shutil.which("simpd") or "simpd"
NETWORK = os.environ.get("SIMP_NETWORK", "127.70.255")
CLIENT = str(Path(simp.__file__).parent)
FRAMES = os.environ.get("SIMP_FRAMES")
DEADLINE = 25


def address(host: int) -> str:
    return f"{NETWORK}.{host}"


class Daemon:
    """A simpd that runs."""

    def __init__(self, host: int, *options: str) -> None:
        self._command = [SIMPD, address(host), *options]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self._process.stdout is not None and self._process.stderr is not None
        ready = self._process.stdout.readline()
        if not ready.startswith("simpd: ready on "):
            raise AssertionError(f"simpd did not get ready: {self._process.stderr.read()}")

    def tell(self, what: signal.Signals) -> None:
        self._process.send_signal(what)

    def end(self, by: signal.Signals = signal.SIGKILL) -> None:
        self._process.send_signal(by)
        self._process.communicate(timeout=DEADLINE)

    async def restart(self) -> None:
        """Kills it and starts it again, while all else goes on."""
        await asyncio.to_thread(self.end)
        await asyncio.to_thread(self.start)


class TestCase(unittest.IsolatedAsyncioTestCase):
    """With folders of its own, and a deadline."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="simp-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "run").mkdir()
        names = {"XDG_RUNTIME_DIR": "run", "XDG_STATE_HOME": "state", "XDG_CONFIG_HOME": "config", "HOME": "home"}
        places = {variable: str(self.folder / name) for variable, name in names.items()}
        environment = mock.patch.dict(os.environ, places)
        environment.start()
        self.addCleanup(environment.stop)
        os.environ.pop("SIMP_DAEMON", None)

    def socket(self, host: int) -> Path:
        return self.folder / "run/simp" / f"{address(host)}.sock"

    def _callTestMethod(self, method: Callable[[], Awaitable[None]]) -> None:
        @functools.wraps(method)
        async def within() -> None:
            async with asyncio.timeout(DEADLINE):
                await method()

        super()._callTestMethod(within)  # type: ignore[misc]


def append(direction: bytes, frame: bytes) -> None:
    assert FRAMES is not None
    with open(FRAMES, "ab") as file:
        file.write(direction + frame)


class WithDaemons(TestCase):
    """Alice on address 1, bob on address 2, and what is said to them and by them is kept."""

    def setUp(self) -> None:
        super().setUp()
        if FRAMES:
            pack, unpack = simp._pack, simp._unpack

            def keep_pack(item: Any) -> bytes:
                append(b">", frame := pack(item))
                return frame

            def keep_unpack(body: bytes) -> Any:
                append(b"<", struct.pack(">I", len(body)) + body)
                return unpack(body)

            self.enterContext(mock.patch.object(simp, "_pack", keep_pack))
            self.enterContext(mock.patch.object(simp, "_unpack", keep_unpack))
        self.alice = self.daemon(1, "--user", "alice")
        self.bob = self.daemon(2, "--user", "bob", "--accept", "all")

    def daemon(self, host: int, *options: str) -> Daemon:
        daemon = Daemon(host, *options)
        self.addCleanup(daemon.end)
        return daemon

    async def client(self, host: int) -> simp.Client:
        return await self.enterAsyncContext(simp.Client(address(host)))

    async def both(self) -> tuple[simp.Client, simp.Client]:
        """Clients of alice and bob, who have a chat."""
        alice, bob = await self.client(1), await self.client(2)
        await alice.connect(address(2))
        return alice, bob


async def texts(of: simp.Client, count: int, consumer: str = "mail", **more: Any) -> list[str]:
    """So many messages, which are done then."""
    heard: list[str] = []
    async with aclosing(of.listen(consumer, **more)) as messages:
        async for message in messages:
            heard.append(message.text)
            if len(heard) == count:
                await message.done()
                break
    return heard


class Chats(WithDaemons):
    async def test_what_is_sent_is_delivered_and_heard(self) -> None:
        alice, bob = await self.client(1), await self.client(2)
        chat = await alice.connect(address(2), timeout=20)
        self.assertEqual((chat.state, str(chat.peer)), ("open", f"bob@{address(2)}:7777"))
        self.assertIsNotNone(chat.secure)
        self.assertEqual(await alice.connect(address(2)), chat, "it is there already")
        self.assertEqual((await alice.send("hello")).outcome, "delivered")
        self.assertEqual((await alice.send("Grüße", to="bob")).chat, chat.chat)
        self.assertEqual((await alice.send("third", wait=False)).outcome, "queued")
        self.assertEqual(await texts(bob, 3), ["hello", "Grüße", "third"])
        with self.assertRaises(simp.NoSuchError) as raised:
            await alice.send("hello", to="carol")
        self.assertEqual(raised.exception.exit_status, 7)
        with self.assertRaises(simp.UsageError) as usage:
            await alice.send("with a \0 in it")
        self.assertEqual(str(usage.exception), "a text cannot contain the character U+0000")
        with self.assertRaises(simp.UsageError) as long:
            await alice.send("x" * 1_000_001)
        assert long.exception.takes is not None
        self.assertFalse(long.exception.takes.ascii)
        await alice.quit("bob")
        self.assertEqual(await alice.chats(), [])
        [closed, *_] = await bob.history(1)
        assert isinstance(closed, simp.Closed)
        self.assertEqual(closed.reason, "peer quit")

    async def test_an_answer_is_that_of_its_own_question(self) -> None:
        alice, bob = await self.both()
        asked = [asyncio.create_task(alice.ask("slow", timeout=0.5))]
        async with aclosing(bob.listen("answers")) as messages:
            slow = await anext(messages)
            with self.assertRaises(simp.NoAnswerError):
                await asked[0]
            quick = asyncio.create_task(alice.ask("quick"))
            question = await anext(messages)
            await bob.send("late", answers=slow)
            await bob.send("in time", answers=question)
        answer = await quick
        self.assertEqual((answer.text, answer.answers is not None), ("in time", True))
        with self.assertRaises(simp.UsageError):
            await bob.send("to whom?", to="alice", answers=slow)

    async def test_a_message_with_a_name_is_sent_once(self) -> None:
        alice, bob = await self.both()
        first = await alice.send("backup done", to="bob", once="backup 7")
        self.assertEqual(await alice.send("backup done", to="bob", once="backup 7"), first)
        self.assertEqual(
            await alice.send("backup done", to="bob", once="backup 7", wait=False), replace(first, outcome="queued")
        )
        with self.assertRaises(simp.UsageError):
            await alice.send("backup failed", to="bob", once="backup 7")
        kept = await alice.send("later", to=address(3), queue=True, once="kept")
        await alice.cancel(kept.message)
        with self.assertRaises(simp.UndeliveredError) as undelivered:
            await alice.send("later", to=address(3), queue=True, once="kept", timeout=20)
        self.assertEqual((undelivered.exception.message, undelivered.exception.reason), (kept.message, "cancelled"))
        # All that was sent before is known without another look at it.
        names = [f"line {n}" for n in range(100)]
        for _ in range(2):
            await asyncio.gather(*(alice.send(name, to="bob", once=name) for name in names))
        await alice.send("the end")
        self.assertEqual(sorted(await texts(bob, 102)), sorted(["backup done", *names, "the end"]))

    async def test_many_may_send_at_the_same_time(self) -> None:
        alice, bob = await self.both()
        sent = await asyncio.gather(*(alice.send(f"{n}") for n in range(200)))
        self.assertEqual(len({each.message for each in sent}), 200)
        self.assertEqual(sorted(map(int, await texts(bob, 200))), list(range(200)))

    async def test_a_mark_moves_once_the_next_message_is_asked_for(self) -> None:
        alice, bob = await self.both()
        for text in ("one", "two", "three"):
            await alice.send(text)
        async with aclosing(bob.listen("mail")) as messages:
            async for message in messages:
                if message.text == "two":
                    break
        # A loop that is left was not done with its last message.
        self.assertEqual(await texts(bob, 2), ["two", "three"])
        with suppress(ZeroDivisionError):
            async with aclosing(bob.listen("other")) as messages:
                async for message in messages:
                    1 / 0
        self.assertEqual(await texts(bob, 3, "other"), ["one", "two", "three"])
        self.assertEqual([known.name for known in await bob.consumers()], ["mail", "other"])
        await bob.forget("other")
        self.assertEqual([known.name for known in await bob.consumers()], ["mail"])
        # One that comes to its end is done with all of it.
        self.assertEqual([message.text async for message in bob.listen("third", timeout=0.3)], ["one", "two", "three"])
        await alice.send("four")
        self.assertEqual(await texts(bob, 1, "third"), ["four"])

    async def test_a_consumer_may_begin_now_and_hear_one_peer_alone(self) -> None:
        alice, bob = await self.both()
        await alice.send("old")
        self.assertEqual([message async for message in bob.listen("new", new=True, timeout=0.1)], [])
        await alice.send("new")
        self.assertEqual(await texts(bob, 1, "new", new=True), ["new"])
        self.assertEqual(await texts(bob, 1, "alice", who="alice"), ["old"])
        self.assertEqual([message async for message in bob.listen("carol", who="carol", timeout=0.1)], [])
        with self.assertRaises(simp.UsageError):
            await (await bob.history(1))[0].done()

    async def test_a_question_has_its_answer(self) -> None:
        alice, bob = await self.both()

        async def respond() -> None:
            async for message in bob.listen("responder"):
                await bob.send(message.text.upper(), to=str(message.peer))

        responder = asyncio.create_task(respond())
        words = ("one", "two", "three")
        # Each of those who ask at the same time gets the answer to its own question.
        answers = await asyncio.gather(*(alice.ask(word, to="bob") for word in words))
        self.assertEqual([answer.text for answer in answers], [word.upper() for word in words])
        other = os.open(simp._sockets() / f"{address(1)}:7777.asks", os.O_RDWR)
        self.addCleanup(os.close, other)
        fcntl.fcntl(other, fcntl.F_OFD_SETLK, struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        with self.assertRaises(simp.NoAnswerError) as late:
            await alice.ask("four", timeout=0.2)
        self.assertIn("nothing was asked, for others who ask came first", str(late.exception))
        asked = asyncio.create_task(alice.ask("five"))
        await alice.status()
        fcntl.fcntl(other, fcntl.F_OFD_SETLK, struct.pack("hhqqi0q", fcntl.F_UNLCK, os.SEEK_SET, 0, 0, 0))
        self.assertEqual((await asked).text, "FIVE")
        responder.cancel()
        with suppress(asyncio.CancelledError):
            await responder
        with self.assertRaises(simp.NoAnswerError) as raised:
            await alice.ask("six", timeout=0.3)
        self.assertEqual(raised.exception.exit_status, 6)
        asked = asyncio.create_task(alice.ask("seven"))
        self.assertEqual((await texts(bob, 6))[-2:], ["six", "seven"])
        await bob.quit()
        with self.assertRaises(simp.NoAnswerError) as over:
            await asked
        self.assertEqual(over.exception.reason, "peer quit")

    async def test_what_nobody_takes_is_kept_until_it_is_taken_back(self) -> None:
        alice = await self.client(1)
        queued = await alice.send("later", to=address(3), queue=True, expire=3600)
        self.assertEqual((queued.outcome, queued.chat), ("queued", 0))
        [kept] = await alice.outbox()
        self.assertEqual((kept.message, kept.text), (queued.message, "later"))
        with self.assertRaises(simp.NoAnswerError) as raised:
            await alice.send("too", to=address(3), queue=True, timeout=0.2)
        waiting = asyncio.create_task(alice.send("three", to=address(3), queue=True, timeout=20))
        async with aclosing(alice.events(after=0, kinds=["queued"])) as events:
            while [kept.text for kept in await alice.outbox()] != ["later", "too", "three"]:
                await anext(events)
        outbox = await alice.outbox()
        await alice.cancel(outbox[2].message)
        with self.assertRaises(simp.UndeliveredError) as undelivered:
            await waiting
        self.assertEqual(undelivered.exception.message, outbox[2].message)
        self.assertEqual((undelivered.exception.reason, undelivered.exception.exit_status), ("cancelled", 8))
        self.assertEqual(raised.exception.message, outbox[1].message)

    async def test_what_is_queued_for_a_host_keeps_its_name(self) -> None:
        alice = await self.client(1)
        await alice.send("later", to="localhost:1", queue=True, expire=3600)
        [kept] = await alice.outbox()
        self.assertEqual((kept.host, kept.text), ("localhost:1", "later"))
        loop = asyncio.get_running_loop()
        for why, is_queued in ((socket.EAI_NONAME, False), (socket.EAI_AGAIN, True)):
            with mock.patch.object(loop, "getaddrinfo", side_effect=socket.gaierror(why, "not now")):
                if is_queued:
                    await alice.send("later", to="db1.example", queue=True)
                else:
                    with self.assertRaises(simp.NoSuchError):
                        await alice.send("later", to="db1.example", queue=True)
        self.assertEqual([kept.host for kept in await alice.outbox()], ["localhost:1", "db1.example:7777"])

    async def test_what_has_not_left_at_the_time_limit_is_taken_back(self) -> None:
        alice, _ = await self.both()
        with self.assertRaises(simp.UndeliveredError) as undelivered:
            await alice.send("later", to=address(3), queue=True, timeout=0.1, or_cancel=True)
        self.assertEqual(undelivered.exception.reason, "cancelled")
        self.assertEqual(await alice.outbox(), [])
        self.assertEqual((await alice.send("now", timeout=20, or_cancel=True)).outcome, "delivered")
        self.bob.tell(signal.SIGSTOP)
        with self.assertRaises(simp.NoAnswerError) as left:
            await alice.send("it leaves", timeout=0.2, or_cancel=True)
        message = left.exception.message
        self.assertEqual(str(left.exception), f"message {message} has left, and may have arrived (simpd keeps trying)")
        self.bob.tell(signal.SIGCONT)
        with self.assertRaises(simp.UsageError):
            await alice.send("without a limit", or_cancel=True)

    async def test_an_invitation_that_fails_says_why(self) -> None:
        alice, _ = await self.both()
        self.daemon(3, "--user", "carol")
        with self.assertRaises(simp.NoSuchError) as unknown:
            await alice.connect("no-such-host.invalid")
        self.assertEqual(str(unknown.exception), "no-such-host.invalid: unknown host")
        with self.assertRaises(simp.SimpError):
            await alice.connect(address(3))
        await alice.quit()
        with self.assertRaises(simp.SimpError) as nobody:
            await alice.connect(address(5))
        self.assertEqual((nobody.exception.reason, nobody.exception.exit_status), ("nobody there", 1))
        with self.assertRaises(simp.NoAnswerError):
            await alice.connect(address(3), timeout=0.2)
        async with simp.Client(address(3)) as at_carol:
            invited = asyncio.create_task(alice.connect(address(3)))
            await self.request(at_carol)
            await at_carol.decline("alice")
            with self.assertRaises(simp.DeclinedError) as declined:
                await invited
            self.assertEqual(declined.exception.exit_status, 4)
            invited = asyncio.create_task(alice.connect(address(3)))
            await self.request(at_carol)
            accepted = await at_carol.accept()
            self.assertEqual((accepted.state, (await invited).state), ("open", "open"))
        async with simp.Client(address(2)) as at_bob:
            with self.assertRaises(simp.BusyError) as busy:
                await at_bob.connect(address(3))
            self.assertEqual(busy.exception.exit_status, 5)

    async def request(self, of: simp.Client) -> None:
        async with aclosing(of.events(after=0, kinds=["request", "closed"])) as events:
            async for event in events:
                if isinstance(event, simp.Request) and [chat.state for chat in await of.chats()] == ["invited"]:
                    return

    async def test_the_log_is_read_as_it_is(self) -> None:
        alice, bob = await self.both()
        before = await alice.status()
        for n in range(3):
            await alice.send(f"text {n}")
        kinds = [type(event) for event in reversed(await alice.history())]
        self.assertEqual(kinds[:2], [simp.Inviting, simp.Opened])
        self.assertEqual(kinds[2:4], [simp.Queued, simp.Delivered])
        newest = [event.text for event in await alice.history(2, kinds=["queued"]) if isinstance(event, simp.Queued)]
        self.assertEqual(newest, ["text 2", "text 1"])
        [found] = await bob.history(kinds=["message"], text="TEXT 1", who="alice")
        self.assertEqual(await bob.history(since=found.at, until=found.at), [])
        followed = []
        async for event in alice.events(after=before.last_id, kinds=["queued"], timeout=0.3):
            followed.append(event.id)
        self.assertEqual(len(followed), 3)
        self.assertGreater((await alice.status()).last_id, before.last_id)
        self.assertIn("files", alice.features)


class Kills(WithDaemons):
    async def test_nothing_is_lost_or_sent_twice_whatever_is_killed(self) -> None:
        alice, bob = await self.both()
        heard: list[tuple[int, str]] = []

        async def hear() -> None:
            async with aclosing(bob.listen("mail")) as messages:
                async for message in messages:
                    heard.append((message.id, message.text))
                    if message.text == "last":
                        await message.done()
                        break

        listener = asyncio.create_task(hear())
        for n in range(8):
            killed = [[], [self.alice], [self.bob], [self.alice, self.bob]][n % 4]
            sending = asyncio.create_task(alice.send(f"{n}"))
            await asyncio.gather(*(daemon.restart() for daemon in killed))
            self.assertEqual((await sending).outcome, "delivered")
        await alice.send("last")
        await listener
        # A message may be given to a consumer again, but it is the same one then.
        self.assertEqual([text for _, text in sorted(set(heard))], [*map(str, range(8)), "last"])
        self.assertEqual([message async for message in bob.listen("mail", timeout=0.1)], [])

    async def test_a_program_that_is_killed_and_run_again_sends_once_and_hears_all(self) -> None:
        _, bob = await self.both()
        sender = """
            for n in range(20):
                await client.send(f"{n}", to="bob", once=f"line {n}")
                print(n, flush=True)
                sys.stdin.readline()
        """
        listener = """
            async for message in client.listen("mail"):
                print(message.text, flush=True)
                sys.stdin.readline()
        """
        for lines in (8, 20):
            await self.run_and_kill(1, sender, lines)
        self.assertEqual(len(await bob.history(kinds=["message"])), 20)
        heard = [*await self.run_and_kill(2, listener, 5), *await self.run_and_kill(2, listener, 10)]
        # The one that it was killed at comes again, and some that it had not yet said that it was done with.
        self.assertIn("4", heard[5:])
        async with aclosing(bob.listen("mail")) as messages:
            while heard[-1] != "19":
                heard.append((await anext(messages)).text)
        self.assertEqual(list(dict.fromkeys(heard)), [f"{n}" for n in range(20)])

    async def run_and_kill(self, host: int, body: str, lines: int) -> list[str]:
        """Runs such a program until it has printed so many lines, and kills it at its work for the last. Gives the lines."""
        program = """
            import asyncio, sys, simp

            async def main():
                async with simp.Client(sys.argv[1]) as client:
        """
        program = textwrap.dedent(program) + textwrap.indent(textwrap.dedent(body), 8 * " ") + "asyncio.run(main())"
        python = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", program, address(host)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([CLIENT, *sys.path])},
        )
        assert python.stdin is not None and python.stdout is not None
        said: list[str] = []
        while len(said) < lines:
            said.append((await python.stdout.readline()).decode().strip())
            if len(said) < lines:
                python.stdin.write(b"\n")
        python.kill()
        await python.communicate()
        return said

    async def test_a_daemon_that_does_not_come_back_is_a_failure(self) -> None:
        alice, _ = await self.both()
        self.alice.end()
        self.addCleanup(self.alice.start)
        with self.assertRaises(simp.LostError) as raised:
            await alice.send("hello", timeout=0.2)
        self.assertIn(f"simpd on {address(1)} went away (start it with: simpctl start", str(raised.exception))
        self.assertEqual(raised.exception.exit_status, 3)

    async def test_another_log_is_no_place_to_go_on_in_but_for_a_consumer(self) -> None:
        alice, bob = await self.both()
        await alice.send("old")
        events, messages = alice.events(after=0, kinds=["message", "queued"]), alice.listen("mail")
        self.assertIsInstance(await anext(events), simp.Queued)
        await bob.send("old too")
        stale = await anext(messages)
        # A chat that one side has forgotten takes its time to end.
        await alice.quit()
        self.alice.end(signal.SIGTERM)
        for part in (self.folder / "state/simp" / address(1)).glob("log.db*"):
            part.unlink()
        self.alice.start()
        with self.assertRaises(simp.OtherLogError):
            while True:
                await anext(events)
        with self.assertLogs("simp", "WARNING"):
            following = asyncio.create_task(anext(messages))
            await alice.connect(address(2))
            await bob.send("new")
            self.assertEqual((await following).text, "new")
        await stale.done()
        self.assertEqual(await alice.consumers(), [], "an id of the old log is no mark in the new one")
        await messages.aclose()


class Requests(WithDaemons):
    async def test_every_request_can_be_asked(self) -> None:
        """What is refused is a request all the same: it is read, and answered with a failure that has a kind."""
        alice, bob = await self.both()
        self.daemon(3, "--user", "carol")
        key = bob.hello.key
        filter = {
            "kinds": list(simp._EVENTS),
            "chat": 1,
            "who": "bob",
            "since_ms": 0,
            "until_ms": 1 << 60,
            "text": "hi",
        }
        for request in (
            "status",
            {"connect": {"address": address(2), "timeout_ms": 1000, "secure": True}},
            {"accept": {"who": "carol"}},
            {"decline": {"who": "carol"}},
            {"send": {"who": "bob", "chat": 1, "text": "hi", "queue": False, "token": 7, "again_after": 1}},
            {"send": {"who": address(3), "text": "hi", "queue": True, "expire_ms": 1000, "token": 7}},
            {"send": {"who": "bob", "text": "hi", "once": "greeting"}},
            {"send": {"who": address(3), "host": "carol.example:7777", "text": "hi", "queue": True}},
            {"send_file": {"who": "bob", "path": "/dev/null", "name": "x", "size": 0, "sha256": "0" * 64, "token": 8}},
            {"take_file": {"message": 1, "folder": "/"}},
            {"refuse_file": {"message": 1, "reason": "no"}},
            {"transfers": {"after": 0}},
            {"outbox": {"after": 0}},
            {"states": {"messages": [1, 3]}},
            "hold_log",
            "release_log",
            {"cancel": {"message": 1}},
            {"cancel_all": {"who": "carol", "after": 0}},
            {"resend": {"message": 1, "expire_ms": 1000}},
            {"quit": {"who": "carol", "chat": 1, "now": True}},
            {"chats": {"after": 0}},
            {"history": {"before": 1000, "limit": 10, "filter": filter}},
            {"history": {"limit": 10}},
            {"seen": {"consumer": "mail", "id": 1}},
            "consumers",
            {"forget": {"consumer": "mail"}},
            {"peers": {"after": ""}},
            {"read": {"address": f"{address(2)}:7777", "id": 1}},
            {"forget_peer": "all"},
            {"forget_peer": {"who": "bob"}},
            {"keys": {"after": ""}},
            {"trust_keys": {"keys": [{"who": address(2), "key": key}]}},
            {"forget_key": {"who": address(2)}},
        ):
            with self.subTest(request=request):
                try:
                    await alice.request(request)
                except simp.SimpError as refused:
                    self.assertNotIn("the request cannot be read", refused.line)
        with self.assertRaises(simp.UsageError) as raised:
            await alice.request({"send": {"text": "x" * simp.FRAME_MAX}})
        self.assertIn(f"at most {simp.FRAME_MAX} bytes", str(raised.exception))
        async for event in alice.events(after=0, timeout=0.2):
            self.assertIsInstance(event, simp.Event)
        async with aclosing(bob.events("all")) as events:
            await anext(events)
        await self.bob.restart()
        await bob.status()
        self.assertEqual(await bob.request("stop"), "done")


class Finding(TestCase):
    def start(self, host: int) -> Daemon:
        daemon = Daemon(host)
        self.addCleanup(daemon.end)
        return daemon

    async def found(self, daemon: str | Path | None = None) -> str:
        async with simp.Client(daemon) as client:
            return client.hello.address

    async def refused(self, daemon: str | Path | None = None) -> str:
        with self.assertRaises(simp.SimpError) as raised:
            await self.found(daemon)
        self.assertEqual(raised.exception.exit_status, 3)
        return str(raised.exception)

    async def test_a_daemon_is_found_as_simpctl_finds_it(self) -> None:
        self.assertEqual(await self.refused(), "simpd is not running (start it with: simpctl start)")
        first = f"{address(1)}:7777"
        self.start(1)
        self.assertEqual(await self.found(), first)
        self.start(2)
        line = f"several simpd are running: {address(1)}, {address(2)} (choose one by its address)"
        self.assertEqual(await self.refused(), line)
        for named in (address(1), first, self.socket(1), f"::ffff:{address(1)}"):
            self.assertEqual(await self.found(named), first)
        with mock.patch.dict(os.environ, {"SIMP_DAEMON": address(2)}):
            self.assertEqual(await self.found(), f"{address(2)}:7777")
        missing = self.socket(3)
        line = f"{missing}: simpd is not running (start it with: simpctl start {address(3)})"
        self.assertEqual(await self.refused(address(3)), line)
        with self.assertRaises(simp.UsageError):
            await self.found("no address")
        with mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": str(self.folder / "elsewhere")}):
            self.assertEqual(await self.found(address(1)), first, "its lock says where it is")
        with mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": "relative"}):
            self.assertTrue(simp._sockets().is_absolute(), "a relative folder does not count")

    @unittest.skipUnless(os.geteuid() == 0, "only root can give a folder away")
    async def test_nothing_is_said_in_a_folder_of_somebody_else(self) -> None:
        self.start(1)
        os.chown(self.socket(1).parent, 65534, 65534)
        said: list[Any] = []
        with mock.patch.object(simp, "_pack", said.append):
            line = await self.refused(self.socket(1))
        self.assertIn(f"{self.socket(1)}: belongs to ", line)
        self.assertEqual(said, [])

    @unittest.skipUnless(os.geteuid() == 0, "only root can give a folder away")
    async def test_a_socket_that_another_user_has_given_to_a_group_of_ours_may_be_named(self) -> None:
        self.start(1)
        folder, there = self.socket(1).parent, self.socket(1)
        for path, mode in ((folder, 0o750), (there, 0o660)):
            os.chown(path, 65534, 12345)
            path.chmod(mode)
        ours = mock.patch.multiple(os, geteuid=lambda: 65533, getegid=lambda: 65533, getgroups=lambda: [12345])
        with ours:
            self.assertEqual(await self.found(there), f"{address(1)}:7777")
            with mock.patch.object(os, "getgroups", lambda: [12346]):
                self.assertIn("belongs to ", await self.refused(there))
            for path, open_, closed in ((folder, 0o770, 0o750), (folder, 0o751, 0o750), (there, 0o666, 0o660)):
                path.chmod(open_)
                self.assertIn("belongs to ", await self.refused(there))
                path.chmod(closed)


def frame(item: Any) -> bytes:
    body = cbor2.dumps(item)
    return struct.pack(">I", len(body)) + body


HELLO = {"version": 4, "program": "9", "address": "127.0.0.1:7777", "user": "alice", "new": {"entry": 1}}
PEER = {"user": "bob", "address": "127.0.0.2:7777", "new": 1}


def event(id: int, what: Any) -> Any:
    return {"event": {"id": id, "at_ms": 0, "chat": 1, "peer": PEER, "what": what, "new": [1]}}


def message(id: int, text: str) -> Any:
    return event(id, {"message": {"text": text}})


def following(after: int) -> Any:
    return {"reply": {"following": {"after": after}}}


class Fakes(TestCase):
    """A daemon that says what the test says: each of its connections has answers to the requests on it, and then ends."""

    async def fake(self, *connections: list[Any]) -> Path:
        self.asked: list[list[Any]] = []
        self.ended: asyncio.Queue[list[Any]] = asyncio.Queue()
        left = list(connections)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked: list[Any] = []
            self.asked.append(asked)
            answers = left.pop(0) if left else []
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                for group in answers:
                    [length] = struct.unpack(">I", await reader.readexactly(4))
                    asked.append(cbor2.loads(await reader.readexactly(length)))
                    for answer in group:
                        writer.write(answer if isinstance(answer, bytes) else frame(answer))
                    await writer.drain()
            writer.close()
            self.ended.put_nowait(asked)

        path = self.folder / "x.sock"
        server = await asyncio.start_unix_server(serve, path)
        self.addAsyncCleanup(server.wait_closed)
        self.addCleanup(server.close)
        return path

    async def test_what_is_newer_than_the_client_is_ignored(self) -> None:
        news = [event(4, "newer"), event(5, {"newer": {"text": "x"}}), event(6, {"message": {"text": "hi", "new": 1}})]
        hello = [{"reply": {"hello": {**HELLO, "features": ["new"]}}}]
        path = await self.fake([hello, [{"reply": {"following": {"after": 3, "new": 1}}}, *news]])
        async with simp.Client(path) as client:
            self.assertEqual(client.features, {"new"})
            async with aclosing(client.events(after=3)) as events:
                heard = await anext(events)
        assert isinstance(heard, simp.Message)
        self.assertEqual((heard.id, heard.text), (6, "hi"))

    async def test_what_is_followed_goes_on_after_the_last_event_that_came(self) -> None:
        hello = [{"reply": {"hello": HELLO}}]
        for consumer, first, again in (
            (None, "end", {"after": 7}),
            ("mail", {"consumer": "mail"}, {"resume": {"consumer": "mail", "after": 7}}),
        ):
            # The second goes away before it says anything.
            path = await self.fake(
                [hello, [following(3), message(4, "4"), message(7, "7")]],
                [hello, []],
                [
                    hello,
                    [following(7), message(8, "8")],
                ],
            )
            async with simp.Client(path) as client, aclosing(client.events(consumer)) as events:
                self.assertEqual([(await anext(events)).id for _ in range(3)], [4, 7, 8])
            follows = [each["follow"]["from"] for asked in self.asked for each in asked if "follow" in each]
            self.assertEqual(follows, [first, again, again])
            path.unlink()

    async def test_a_loop_that_is_left_says_what_was_done_in_it(self) -> None:
        path = await self.fake(
            [
                [{"reply": {"hello": HELLO}}],
                [following(3), *(message(id, "") for id in (4, 5, 6))],
                [],
                [],
            ]
        )
        async with simp.Client(path) as client, aclosing(client.listen("mail")) as messages:
            async for heard in messages:
                if heard.id == 6:
                    break
        self.assertEqual((await self.ended.get())[2:], [{"seen": {"consumer": "mail", "id": id}} for id in (4, 5)])

    async def test_a_loop_that_comes_to_its_end_makes_sure_of_its_mark(self) -> None:
        hello = [{"reply": {"hello": HELLO}}]
        path = await self.fake([hello, [following(3), message(4, "")], [], []], [hello, [{"reply": "done"}]])
        async with simp.Client(path) as client:
            self.assertEqual([heard.id async for heard in client.listen("mail", timeout=0.1)], [4])
        self.assertEqual(self.asked[1][1:], [{"seen": {"consumer": "mail", "id": 4}}])

    async def test_a_connection_is_used_for_one_request_after_another(self) -> None:
        path = await self.fake([[{"reply": {"hello": HELLO}}], [{"reply": "done"}], [{"reply": "done"}]])
        async with simp.Client(path) as client:
            for consumer in ("one", "two"):
                await client.forget(consumer)
        self.assertEqual(len(self.asked), 1)

    async def test_what_was_followed_in_another_log_does_not_go_on_in_this_one(self) -> None:
        def hello(log: str, *epochs: tuple[int, int]) -> list[Any]:
            past = {"epochs": [{"id": id, "after": after} for id, after in epochs]} if epochs else {}
            return [{"reply": {"hello": {**HELLO, "log": log, **past}}}]

        before = hello("a", (1, 0), (2, 5))
        for after, is_same in (
            (hello("a", (1, 0), (2, 5), (3, 9)), True),
            # Another one, and copies that went its own way before the last event.
            (hello("b", (1, 0), (2, 5)), False),
            (hello("a", (1, 0), (9, 6)), False),
            (hello("a", (1, 0), (2, 5), (9, 6)), False),
        ):
            path = await self.fake([before, [following(3), message(7, "")]], [after, [following(8), message(9, "")]])
            async with simp.Client(path) as client, aclosing(client.events()) as events:
                await anext(events)
                if is_same:
                    self.assertEqual((await anext(events)).id, 9)
                else:
                    with self.assertRaises(simp.OtherLogError):
                        await anext(events)
            path.unlink()

    async def test_an_answer_whose_question_was_never_acknowledged_counts_at_the_time_limit(self) -> None:
        hello, queued = [{"reply": {"hello": HELLO}}], {"reply": {"queued": {"message": 4, "chat": 1}}}
        other = {"event": {**message(5, "of another chat")["event"], "chat": 2}}
        delivered = event(7, {"delivered": {"message": 4}})
        chat = {"chat": 1, "peer": PEER, "state": "open", "queued": 0, "since_ms": 0}
        early, late = message(6, "early"), message(8, "late")
        for came, answer in (
            ([other, early], "early"),
            ([early, delivered, late], "late"),
            ([delivered, late], "late"),
        ):
            chats = {"reply": {"chats": {"chats": [chat], "more": False}}}
            path = await self.fake([hello, [following(3)], [queued, *came], []], [hello, [chats]])
            async with simp.Client(path) as client:
                self.assertEqual((await client.ask("?", timeout=0.2)).text, answer)
            path.unlink()

    async def test_another_version_is_told(self) -> None:
        path = await self.fake([[{"reply": {"hello": {**HELLO, "version": 5}}}]])
        with self.assertRaises(simp.NoDaemonError) as raised:
            async with simp.Client(path):
                pass
        line = "simpd 9 speaks version 5 of the control API, this client 4 (install both from the same release)"
        self.assertEqual(str(raised.exception), line)

    async def test_what_is_no_simpd_is_told(self) -> None:
        for answer in (
            b"\xff\xff\xff\xff",
            b"\0\0\0\1\xff",
            b"\0\0\0\1\xa0",
            frame({"reply": {"hello": {"version": 4}}}),
        ):
            path = await self.fake([[answer]])
            with self.assertRaises(simp.NoDaemonError) as raised:
                async with simp.Client(path):
                    pass
            self.assertEqual(str(raised.exception), "not a simpd (its answer makes no sense)", answer)
            path.unlink()

    async def test_a_refusal_has_its_kind_and_its_line_is_safe_to_show(self) -> None:
        failure = {"kind": "no_such", "line": "bob\x1b[2J: no such chat", "takes": {"bytes": 7, "ascii": True}}
        newer = {"kind": "newer", "line": "no"}
        hello = [{"reply": {"hello": HELLO}}]
        path = await self.fake([hello, [{"failure": failure}]], [hello, [{"failure": newer}]])
        async with simp.Client(path) as client:
            with self.assertRaises(simp.NoSuchError) as raised:
                await client.request("status")
            self.assertEqual(str(raised.exception), "bob\\x1b[2J: no such chat")
            self.assertEqual(raised.exception.line, failure["line"])
            self.assertEqual(raised.exception.takes, simp.Takes(bytes=7, ascii=True))
            with self.assertRaises(simp.SimpError) as unknown:
                await client.request("status")
            self.assertEqual((type(unknown.exception), unknown.exception.exit_status), (simp.SimpError, 1))

    async def test_a_send_whose_answer_is_lost_is_asked_again_with_its_token(self) -> None:
        hello = [{"reply": {"hello": {**HELLO, "log": "a"}}}]
        queued = [{"reply": {"queued": {"message": 41, "chat": 1}}}]
        # The outcome comes before the answer that says which message it is of.
        follower = [hello, [following(40), event(42, {"delivered": {"message": 41}})], []]
        path = await self.fake([hello, []], follower, [hello, queued])
        async with simp.Client(path) as client:
            sent = await client.send("hi", to="bob")
        self.assertEqual(sent, simp.Sent(message=41, chat=1, outcome="delivered"))
        first, second = (asked[1]["send"] for asked in (self.asked[0], self.asked[2]))
        self.assertIn("token", first)
        self.assertEqual(second, {**first, "again_after": 40})

    async def test_who_waits_for_an_outcome_hears_that_it_will_not_come(self) -> None:
        hello = [{"reply": {"hello": {**HELLO, "log": "a"}}}]
        queued = [{"reply": {"queued": {"message": 41, "chat": 1}}}]
        other = [{"reply": {"hello": {**HELLO, "log": "b"}}}]
        path = await self.fake([hello, queued], [hello, [following(40)]], [other])
        async with simp.Client(path) as client:
            with self.assertRaises(simp.OtherLogError) as raised:
                await client.send("hi", to="bob")
        line = f"message 41 is queued, but simpd on {path} has a different log than before"
        self.assertEqual((str(raised.exception), raised.exception.message), (line, 41))
        path.unlink()
        path = await self.fake([hello, queued], [hello, [following(40)], []])
        async with simp.Client(path) as client:
            sending = asyncio.create_task(client.send("hi", to="bob"))
            await self.ended.get()
        with self.assertRaises(simp.LostError):
            await sending

    async def test_what_cannot_be_asked_twice_is_not(self) -> None:
        hello = [{"reply": {"hello": HELLO}}]
        for request in ({"resend": {"message": 1}}, {"send": {"text": "hi"}}, "stop"):
            path = await self.fake([hello, []], [hello, [{"reply": "done"}]])
            async with simp.Client(path) as client:
                with self.assertRaises(simp.LostError):
                    await client.request(request)
                self.assertEqual(len(self.asked), 1)
            path.unlink()

    async def test_a_daemon_that_says_nothing_is_not_waited_for_for_ever(self) -> None:
        path = self.folder / "x.sock"
        with socket.socket(socket.AF_UNIX) as listener, mock.patch.object(simp, "_ANSWER_WITHIN", 0.1):
            listener.bind(str(path))
            listener.listen(2)
            # The second time there is no room for another one that waits.
            for _ in range(2):
                with self.assertRaises(simp.NoDaemonError) as raised:
                    async with simp.Client(path):
                        pass
                line = f"simpd on {path} does not answer (is it stopped, or does its disk hang?)"
                self.assertEqual(str(raised.exception), line)
                with suppress(BlockingIOError):
                    while True:
                        other = socket.socket(socket.AF_UNIX)
                        self.addCleanup(other.close)
                        other.setblocking(False)
                        other.connect(str(path))


class Kinds(unittest.TestCase):
    def test_a_peer_is_meant_as_simpctl_means_it(self) -> None:
        bob = simp.Peer(user="bob", address="127.0.0.2:7777")
        v6 = simp.Peer(user="", address="[::1]:7777")
        for who, peer, means in (
            ("bob", bob, True),
            ("127.0.0.2", bob, True),
            ("127.0.0.2:7777", bob, True),
            ("bob@127.0.0.2", bob, True),
            ("bob@127.0.0.2:7777", bob, True),
            ("::1", v6, True),
            ("[::1]:7777", v6, True),
            ("", v6, False),
            ("alice", bob, False),
            ("127.0.0.2:7778", bob, False),
            ("eve@127.0.0.2", bob, False),
            ("127.0.0.9", simp.Peer(user="127.0.0.9", address="127.0.0.2:7777"), False),
        ):
            self.assertEqual(simp._is(who, peer), means, who)

    def test_every_kind_of_failure_has_the_exit_status_of_simpctl(self) -> None:
        kinds = "failed usage no_daemon declined busy no_answer no_such undelivered other_key".split()
        errors: list[type[simp.SimpError]] = [
            simp.SimpError,
            simp.UsageError,
            simp.NoDaemonError,
            simp.DeclinedError,
            simp.BusyError,
            simp.NoAnswerError,
            simp.NoSuchError,
            simp.UndeliveredError,
            simp.OtherKeyError,
        ]
        found = [(error.kind, error.exit_status) for error in errors]
        self.assertEqual(found, list(zip(kinds, range(1, 10))))


if __name__ == "__main__":
    unittest.main()
