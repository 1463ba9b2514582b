"""A client of simpd: asyncio, over the control API that simp-control(7) describes.

    async with simp.Client() as client:
        await client.connect("127.0.0.2")
        await client.send("hello", to="127.0.0.2")
        async for message in client.listen("mail"):
            print(message.peer, message.text)

Everything that is asked waits for its outcome, and raises a `SimpError` if that is not a good one. A simpd that is stopped
or killed meanwhile is waited for, and nothing is lost or sent twice. Texts of peers are exact: they can hold anything.
"""

import asyncio
import fcntl
import functools
import ipaddress
import logging
import os
import pwd
import re
import secrets
import socket
import stat
import struct
import threading
import types
import typing
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeVar

import cbor2

VERSION = 4
"""The version of the control API. The daemon must have the same."""

FRAME_MAX = 1 << 20
"""Most bytes of one item, either way."""

PORT = 7777

_ANSWER_WITHIN = 30.0
"""Seconds for an answer. The daemon answers at once, unless it is stopped or waits for its disk."""

_BACK_WITHIN = 60.0
"""Seconds that a simpd which went away is waited for if there is no time limit."""

_FIRST_PAUSE, _LAST_PAUSE = 0.05, 1.0

_AT_ONCE = 64
"""Connections of one client that wait, and those that ask, at the same time. The daemon takes 1024 in all."""

_EARLY_MAX = 10_000
"""Outcomes that are kept for messages whose ids have not come yet. There are few: an id comes at once."""

_GRACE = 2.0
"""Seconds beyond a time limit in which an outcome may still come, or a mark may be told."""

_log = logging.getLogger("simp")
_T = TypeVar("_T")


# What goes wrong


class SimpError(Exception):
    """It did not work; the line says why. Each other kind of failure is a class below."""

    kind: ClassVar[str] = "failed"
    exit_status: ClassVar[int] = 1
    """What simpctl would end with."""

    def __init__(self, line: str, *, message: int | None = None, reason: str | None = None) -> None:
        super().__init__(line)
        self.line = line
        """As it came. It can hold text of a peer; `str()` has that escaped."""
        self.message = message
        """The message of ours that it is about."""
        self.reason = reason
        """Why that was not delivered, or why the chat did not open, in the words of simp-control(7)."""
        self.takes: Takes | None = None
        """Which texts the peer takes, if it does not take this one."""

    def __str__(self) -> str:
        return shown(self.line)


class UsageError(SimpError):
    """It makes no sense as it is, such as a text that the peer does not take. Nothing was sent."""

    kind, exit_status = "usage", 2


class NoDaemonError(SimpError):
    """There is no simpd to talk to, or it does not answer."""

    kind, exit_status = "no_daemon", 3


class LostError(NoDaemonError):
    """The simpd that we talked to went away, and did not come back in time."""


class DeclinedError(SimpError):
    """The peer declined."""

    kind, exit_status = "declined", 4


class BusyError(SimpError):
    """The peer is in another chat."""

    kind, exit_status = "busy", 5


class NoAnswerError(SimpError):
    """Nothing came of it within the time limit. Of a message: simpd goes on trying."""

    kind, exit_status = "no_answer", 6


class NoSuchError(SimpError):
    """There is no such chat, request, message, consumer or peer, or several match."""

    kind, exit_status = "no_such", 7


class UndeliveredError(SimpError):
    """The message was not delivered, and is not sent again by itself: `message` and `reason` say which and why."""

    kind, exit_status = "undelivered", 8


class OtherKeyError(SimpError):
    """Whoever is there has another key than the peer had."""

    kind, exit_status = "other_key", 9


class OtherLogError(SimpError):
    """Simpd came back with another log: ids that were read before mean nothing in it."""


_ERRORS: dict[str, type[SimpError]] = {
    error.kind: error
    for error in (SimpError, UsageError, NoDaemonError, DeclinedError, BusyError, NoAnswerError, NoSuchError)
}


def shown(text: str) -> str:
    """A text of a peer in a form that a terminal may get: what cannot be seen is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


# What the daemon says


@dataclass(frozen=True, kw_only=True)
class Epoch:
    id: int
    after: int


@dataclass(frozen=True, kw_only=True)
class Hello:
    version: int
    minor: int = 0
    program: str
    """The release of the daemon."""
    address: str
    user: str
    log: str | None = None
    epochs: list[Epoch] = field(default_factory=list)
    key: str | None = None
    features: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Peer:
    user: str
    """What it calls itself; empty if it has not said."""
    address: str
    """With its port."""

    def __str__(self) -> str:
        return shown(f"{self.user}@{self.address}" if self.user else self.address)


@dataclass(frozen=True, kw_only=True)
class Takes:
    """Which texts a peer takes: of so many bytes at most, and whether only ASCII."""

    bytes: int
    ascii: bool


@dataclass(frozen=True, kw_only=True)
class Secure:
    key: str
    known: bool


@dataclass(frozen=True, kw_only=True)
class Chat:
    chat: int
    peer: Peer
    state: str
    queued: int
    since_ms: int
    note: str | None = None
    ends_ms: int | None = None
    secure: Secure | None = None


@dataclass(frozen=True, kw_only=True)
class OutboxMessage:
    message: int
    peer: Peer
    text: str
    at_ms: int
    tries: int
    host: str | None = None
    """The host that it is for, with its port."""
    expires_ms: int | None = None
    reason: str | None = None
    next_ms: int | None = None


@dataclass(frozen=True, kw_only=True)
class Consumer:
    name: str
    seen: int


@dataclass(frozen=True, kw_only=True)
class Status:
    version: str
    pid: int
    address: str
    user: str
    accept: str
    uptime_ms: int
    chats: int
    max_chats: int
    requests: int
    clients: int
    outbox: int
    first_id: int
    last_id: int
    log_bytes: int
    counters: dict[str, Any]
    notes: list[dict[str, Any]]
    key: str | None = None
    log: str | None = None
    trouble: str | None = None
    plain: str | None = None
    not_leaving: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A message of ours."""

    message: int
    """Its id."""
    chat: int
    """0 if it is in the outbox."""
    outcome: Literal["queued", "delivered", "unconfirmed"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """An entry of the log. Each kind has a class below."""

    id: int
    at_ms: int
    chat: int
    peer: Peer
    secure: Secure | None = None
    answers: int | None = None
    """Of a message: that of ours which it answers, if its sender says so. Only in a secure chat."""
    _mark: "_Mark | None" = field(default=None, repr=False, compare=False)

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.at_ms / 1000, timezone.utc)

    async def done(self) -> None:
        """Moves the mark of its consumer to it at once: neither it nor what came before it comes again."""
        if self._mark is None:
            raise UsageError("only what a consumer listens to can be done")
        await self._mark.tell(self.id)


@dataclass(frozen=True, kw_only=True)
class Request(Event):
    """The peer invites us."""


@dataclass(frozen=True, kw_only=True)
class Inviting(Event):
    """We invited the peer."""


@dataclass(frozen=True, kw_only=True)
class Opened(Event):
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Closed(Event):
    reason: str
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class Message(Event):
    """A message of the peer."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Queued(Event):
    """A message of ours, or a file if it has a size. Its id is that of this event."""

    text: str
    again: int | None = None
    size: int | None = None


@dataclass(frozen=True, kw_only=True)
class Delivered(Event):
    message: int


@dataclass(frozen=True, kw_only=True)
class Unconfirmed(Event):
    message: int


@dataclass(frozen=True, kw_only=True)
class Undelivered(Event):
    message: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class PeerError(Event):
    """The peer reports an error."""

    text: str


@dataclass(frozen=True, kw_only=True)
class File(Event):
    """The peer offers a file."""

    name: str
    size: int


@dataclass(frozen=True, kw_only=True)
class FileSaved(Event):
    message: int
    path: str
    size: int


@dataclass(frozen=True, kw_only=True)
class FileFailed(Event):
    message: int
    why: str


_EVENTS: dict[str, type[Event]] = {
    "request": Request,
    "inviting": Inviting,
    "opened": Opened,
    "closed": Closed,
    "message": Message,
    "queued": Queued,
    "delivered": Delivered,
    "undelivered": Undelivered,
    "error": PeerError,
    "unconfirmed": Unconfirmed,
    "file": File,
    "file_saved": FileSaved,
    "file_failed": FileFailed,
}
_OF_FILES = {"file", "file_saved", "file_failed"}
_OUTCOMES = ["delivered", "unconfirmed", "undelivered"]


_DETAILS = ("other key",)
"""Reasons that are said beside one that older clients know."""


def _nonsense() -> SimpError:
    return NoDaemonError("not a simpd (its answer makes no sense)")


@functools.cache
def _entries(kind: type) -> tuple[list[tuple[str, Any]], set[str]]:
    hints = typing.get_type_hints(kind)
    ours = [known for known in fields(kind) if not known.name.startswith("_")]
    needed = {known.name for known in ours if known.default is MISSING and known.default_factory is MISSING}
    return [(known.name, hints[known.name]) for known in ours], needed


def _read(kind: Any, item: Any) -> Any:
    """The item as this type. Entries that the type does not have are left out: a newer daemon may say more."""
    if is_dataclass(kind) and isinstance(kind, type) and isinstance(item, dict):
        if item.get("detail") in _DETAILS:
            item = {**item, "reason": item["detail"]}
        known, needed = _entries(kind)
        if needed <= item.keys():
            return kind(**{name: _read(hint, item[name]) for name, hint in known if name in item})
    elif typing.get_origin(kind) in (types.UnionType, typing.Union):
        return None if item is None else _read(typing.get_args(kind)[0], item)
    elif typing.get_origin(kind) is list and isinstance(item, list):
        return [_read(typing.get_args(kind)[0], one) for one in item]
    elif typing.get_origin(kind) is dict and isinstance(item, dict):
        return item
    elif kind in (int, str, bool) and type(item) is kind:
        return item
    raise _nonsense()


def _read_event(item: Any, mark: "_Mark | None" = None) -> Event | None:
    """None if it is of a kind that is newer than this."""
    what = item.get("what") if isinstance(item, dict) else None
    name, entries = next(iter(what.items()), (None, None)) if isinstance(what, dict) else (what, {})
    if not isinstance(name, str) or not isinstance(entries, dict):
        raise _nonsense()
    kind = _EVENTS.get(name)
    if kind is None:
        return None
    event: Event = _read(kind, {**entries, **item})
    object.__setattr__(event, "_mark", mark)
    return event


# Where the daemon is


@dataclass(frozen=True)
class _Place:
    """The control socket of a simpd."""

    path: Path
    name: str
    """What to call it: its address, or the path if that was given."""
    is_named: bool = False
    """Whoever names it by its path may mean that of another user."""

    @property
    def _start(self) -> str:
        at = _address(self.path.stem) if self.path.suffix == ".sock" else None
        return f"simpctl start {_daemon_name(at) if at else 'ADDR'}"

    def lost(self) -> LostError:
        return LostError(f"simpd on {self.name} went away (start it with: {self._start})")

    def absent(self) -> NoDaemonError:
        return NoDaemonError(f"{self.path}: simpd is not running (start it with: {self._start})")

    @asynccontextmanager
    async def within(self, time: float) -> AsyncIterator[None]:
        """What the daemon does at once, unless it is stopped."""
        try:
            async with asyncio.timeout(time):
                yield
        except TimeoutError:
            why = "does not answer (is it stopped, or does its disk hang?)"
            raise NoDaemonError(f"simpd on {self.name} {why}") from None

    async def dial(self) -> "_Link":
        """Connects, if folder, socket and process all belong to us or to root; or to one user who is meant. OSError if nobody
        is there."""
        # Not what is behind a link: somebody else may have put the link there.
        folder, there = self.path.parent.lstat(), self.path.lstat()
        meant = {0, os.geteuid()}
        if self.is_named and (os.geteuid() == 0 or _is_shared(folder, there)):
            meant.add(there.st_uid)

        def check(owner: int) -> None:
            if owner not in meant:
                why = f"belongs to {_user(owner)}, so nothing was sent there"
                raise NoDaemonError(f"{self.path}: {why} (set XDG_RUNTIME_DIR to a folder of yours)")

        check(folder.st_uid)
        check(there.st_uid)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            async with self.within(_ANSWER_WITHIN):
                while True:
                    try:
                        connection.connect(str(self.path))
                        break
                    except BlockingIOError:
                        # More are waiting there than it has room for. Nothing says when there is.
                        await asyncio.sleep(_FIRST_PAUSE)
            # The kernel's word: it holds whatever has become of the path since then.
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            check(struct.unpack("3i", credentials)[1])
            return _Link(self, *await asyncio.open_unix_connection(sock=connection))
        except BaseException:
            connection.close()
            raise


def _is_shared(folder: os.stat_result, there: os.stat_result) -> bool:
    """Whether their owner has given both to a group that we are in, and to nobody else: then nobody but the owner can have
    put the socket there."""
    is_closed = folder.st_mode & 0o027 == 0 and there.st_mode & 0o007 == 0 and folder.st_uid == there.st_uid
    return is_closed and there.st_gid == folder.st_gid and there.st_gid in (os.getegid(), *os.getgroups())


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


_Address = tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int | None]


def _address(text: str) -> _Address | None:
    """`ADDR`, `ADDR:PORT`, `[ADDR]:PORT`; None if it is none of them."""
    parts = re.fullmatch(r"\[(.*)\](?::([0-9]+))?", text) or re.fullmatch(r"([^:]*):([0-9]+)", text)
    host, port = parts.groups() if parts else (text, None)
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return None
    if port is not None and int(port) > 65535:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip, port if port is None else int(port)


def _daemon_name(address: _Address) -> str:
    """What a daemon there is called in paths. An interface is called by its name."""
    ip, port = address
    host, scope = str(ip), getattr(ip, "scope_id", None)
    if scope is not None and scope.isdecimal():
        try:
            host = f"{host.partition('%')[0]}%{socket.if_indextoname(int(scope))}"
        except OSError:
            pass
    if port in (None, PORT):
        return host
    return f"[{host}]:{port}" if ip.version == 6 else f"{host}:{port}"


def _owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None


def _is_writable(folder: Path) -> bool:
    there = next((above for above in (folder, *folder.parents) if above.exists()), folder)
    owner = _owner(there)
    return owner == os.geteuid() or (owner == 0 and os.access(there, os.W_OK | os.X_OK))


def _has_ours(folder: Path) -> bool:
    owner = _owner(folder / "simp")
    if owner is not None and _owner(folder) == 0 != os.geteuid():
        return owner == os.geteuid()
    return _is_writable(folder)


def _own(variable: str, is_ours: Callable[[Path], bool]) -> Path | None:
    """The folder that a variable names. One that names another user's counts as not set: see simpctl(1)."""
    folder = Path(os.environ.get(variable, ""))
    return folder if folder.is_absolute() and is_ours(folder) else None


def _sockets() -> Path:
    uid = os.geteuid()
    runtime = _own("XDG_RUNTIME_DIR", _has_ours)
    if runtime is None and uid == 0:
        return Path("/run/simp")
    if runtime is None and not Path(f"/run/user/{uid}").is_dir():
        return Path(f"/tmp/simp-{uid}")
    return (runtime or Path(f"/run/user/{uid}")) / "simp"


def _locks() -> Iterator[tuple[str, Path]]:
    """The daemons that were ever started, by their names, each with its socket: also those of other environments."""
    state = _own("XDG_STATE_HOME", _has_ours)
    if state is None:
        home = _own("HOME", _is_writable) or Path(pwd.getpwuid(os.geteuid()).pw_dir)
        state = home / ".local/state"
    for lock in sorted((state / "simp").glob("*/lock")):
        try:
            # Anything but a file could keep us waiting.
            with open(os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                about = os.fstat(file.fileno())
                line = file.readline(4096) if stat.S_ISREG(about.st_mode) and about.st_uid == os.geteuid() else b""
        except OSError:
            continue
        path = Path(os.fsdecode(line.rstrip(b"\n")))
        if path.is_absolute():
            yield lock.parent.name, path


async def _find(named: str | None) -> "_Link":
    """The daemon of this name, address or path, or the only one that runs."""
    if named is not None and "/" in named:
        return await _dial([_Place(Path(named), named, is_named=True)])
    if named is not None:
        address = _address(named)
        if address is None:
            raise UsageError(f"'{named}': neither the address of a simpd nor the path of its socket")
        name = _daemon_name(address)
        elsewhere = [_Place(path, name) for known, path in _locks() if known == name]
        return await _dial([_Place(_sockets() / f"{name}.sock", name), *elsewhere])
    places = [_Place(path, path.stem) for path in sorted(_sockets().glob("*.sock"))]
    known = {place.path.resolve() for place in places}
    places += [_Place(path, name) for name, path in _locks() if path.resolve() not in known]
    running: list[_Link] = []
    refused: SimpError = NoDaemonError("simpd is not running (start it with: simpctl start)")
    for place in places:
        try:
            running.append(await place.dial())
        except (FileNotFoundError, ConnectionRefusedError):
            pass
        except (OSError, SimpError) as error:
            refused = _refused(place, error)
    if len(running) == 1:
        return running[0]
    for link in running:
        link.close()
    if running:
        names = ", ".join(link.place.name for link in running)
        raise NoDaemonError(f"several simpd are running: {names} (choose one by its address)")
    raise refused


async def _dial(places: list[_Place]) -> "_Link":
    """The first of these that is there."""
    refused: SimpError | None = None
    for place in places:
        try:
            return await place.dial()
        except (OSError, SimpError) as error:
            refused = refused or _refused(place, error)
    assert refused is not None, "there is a place"
    raise refused


def _refused(place: _Place, error: OSError | SimpError) -> SimpError:
    if isinstance(error, SimpError):
        return error
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
        return place.absent()
    if isinstance(error, PermissionError):
        return NoDaemonError(f"{place.path}: permission denied (only its user and root may use it)")
    return NoDaemonError(f"{place.path}: {error.strerror or error}")


# How to talk to it


def _pack(item: Any) -> bytes:
    body = cbor2.dumps(item)
    if len(body) > FRAME_MAX:
        raise UsageError(f"a request has at most {FRAME_MAX} bytes, this one {len(body)}")
    return struct.pack(">I", len(body)) + body


def _unpack(body: bytes) -> Any:
    try:
        return cbor2.loads(body)
    except (cbor2.CBORError, ValueError, RecursionError):
        raise _nonsense() from None


class _Link:
    """A connection: frames either way."""

    def __init__(self, place: _Place, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.place = place
        self._reader, self._writer = reader, writer
        self._buffer = bytearray()

    @property
    def is_at_end(self) -> bool:
        return self._reader.at_eof() or self._writer.is_closing()

    def put(self, request: Any) -> None:
        self._writer.write(_pack(request))

    async def write(self, request: Any) -> None:
        self.put(request)
        try:
            await self._writer.drain()
        except ConnectionError:
            # A daemon that hangs up may have said why; reading brings it.
            pass

    async def read(self) -> Any:
        """The next item. Whoever stops waiting for it leaves it whole for the next who does."""
        while True:
            if len(self._buffer) >= 4:
                [length] = struct.unpack_from(">I", self._buffer)
                if length > FRAME_MAX:
                    raise _nonsense()
                if len(self._buffer) >= 4 + length:
                    body = bytes(self._buffer[4 : 4 + length])
                    del self._buffer[: 4 + length]
                    return _unpack(body)
            try:
                more = await self._reader.read(1 << 16)
            except ConnectionError:
                more = b""
            if not more:
                raise self.place.lost()
            self._buffer += more

    def close(self) -> None:
        self._writer.close()


def _failure(item: Any) -> SimpError:
    match item:
        case {"kind": str(kind), "line": str(line)}:
            error = _ERRORS.get(kind, SimpError)(line)
            error.takes = _read(Takes | None, item.get("takes"))
            return error
    raise _nonsense()


class _Known:
    """The log that all ids are of which a session was told, and the newest of its entries that it knows."""

    def __init__(self) -> None:
        self._log: str | None = None
        self._epochs: list[Epoch] = []
        self._newest, self._epoch = 0, None

    _epoch: int | None

    def _spans(self) -> Iterator[tuple[int, float]]:
        ends = [epoch.after for epoch in self._epochs[1:]] + [float("inf")]
        return zip((epoch.id for epoch in self._epochs), ends)

    def note(self, id: int) -> None:
        if id > self._newest:
            self._newest = id
            self._epoch = next((epoch for epoch, until in self._spans() if id <= until), None)

    def greet(self, hello: Hello) -> bool:
        """Whether the entries that we know are in the log of this daemon."""
        is_other = self._log is not None and hello.log is not None and hello.log != self._log
        self._log, self._epochs = hello.log or self._log, hello.epochs
        if self._newest == 0:
            return True
        if is_other or self._epoch is None or not self._epochs:
            return not is_other
        return any(epoch == self._epoch and self._newest <= until for epoch, until in self._spans())


_Came = tuple[Literal["event", "reply", "failure", "again", "late"], Any]


class _Session:
    """Asks a simpd one thing after another, and goes on if it comes back. It follows the log at most at one place."""

    def __init__(self, place: _Place, link: _Link | None = None) -> None:
        self.place, self._link = place, link
        self._is_closed = False
        self.hello = Hello(version=VERSION, program="", address="", user="")
        self.mark: _Mark | None = None
        self._known = _Known()
        self._from: Any = None
        self._filter: Mapping[str, Any] = {}
        self._at: int | None = None
        self._events: deque[Event] = deque()
        self.newest = 0
        """The newest entry that it knows of."""

    def close(self) -> None:
        if self._link is not None and not self._is_closed:
            # What is written leaves before the end, and nobody waits for the answer.
            if self.mark is not None and (seen := self.mark.request(is_last=True)):
                self._link.put(seen)
            self._link.close()
        self._is_closed = True

    @property
    def is_lost(self) -> bool:
        """Whether simpd is not there."""
        return self._link is None or self._link.is_at_end

    def know(self, id: int) -> None:
        """A log without this entry is another one. What comes on this connection counts by itself."""
        if id:
            self._note(id)

    def is_usable(self) -> bool:
        """Whether something else can be asked on it; it is closed if not. What nobody waited for is dropped."""
        self._events.clear()
        if self._is_closed or self.is_lost:
            self.close()
            return False
        return True

    @property
    def is_new(self) -> bool:
        return self._link is None

    @property
    def _here(self) -> _Link:
        if self._link is None or self._is_closed:
            raise self.place.lost()
        return self._link

    @classmethod
    async def begin(cls, link: _Link) -> Self:
        """Says hello on a new connection."""
        session = cls(link.place, link)
        try:
            await session._greet()
        except BaseException:
            session.close()
            raise
        return session

    async def _greet(self) -> None:
        hello: Hello = _read(Hello, _part("hello", await self.ask({"hello": {"version": VERSION}})))
        if hello.version != VERSION:
            what = f"simpd {hello.program} speaks version {hello.version} of the control API, this client {VERSION}"
            raise NoDaemonError(f"{what} (install both from the same release)")
        self.hello = hello
        if not self._known.greet(hello):
            self._forget()

    def _forget(self) -> typing.NoReturn:
        self._known, self._from, self._at, self.newest = _Known(), None, None, 0
        self._events.clear()
        raise OtherLogError(f"simpd on {self.place.name} has a different log than before")

    def _note(self, id: int) -> None:
        self.newest = max(self.newest, id)
        self._known.note(id)

    def _sort(self, answer: Any) -> _Came:
        if not isinstance(answer, dict):
            raise _nonsense()
        event, reply = answer.get("event"), answer.get("reply")
        if isinstance(event, dict) and isinstance(event.get("id"), int):
            self._at = event["id"]
            self._note(event["id"])
            return "event", _read_event(event, self.mark)
        if isinstance(reply, (dict, str)):
            for part in reply.values() if isinstance(reply, dict) else ():
                for name in ("after", "message"):
                    if isinstance(part, dict) and isinstance(part.get(name), int):
                        self._note(part[name])
            return "reply", reply
        return "failure", _failure(answer.get("failure"))

    async def write(self, request: Any) -> None:
        await self._here.write(request)

    async def ask(self, request: Any) -> Any:
        """The reply to a request. LostError if the connection breaks before it comes."""
        await self.write(request)
        async with self.place.within(_ANSWER_WITHIN):
            while True:
                match self._sort(await self._here.read()):
                    case "event", Event() as event:
                        # Followed before, and not to be lost because something else is asked.
                        self._events.append(event)
                    case "reply", reply:
                        return reply
                    case "failure", refusal:
                        raise refusal

    async def follow(self, place: Any, filter: Mapping[str, Any]) -> None:
        """Follows the log from there on, and nothing else any more."""
        self._from, self._filter, self._at = place, filter, None
        self._events.clear()
        await self._follow()

    async def _follow(self) -> None:
        place, at = self._from, self._at
        if at is not None:
            name = place.get("consumer") if isinstance(place, dict) else None
            place = {"after": at} if name is None else {"resume": {"consumer": name, "after": at}}
        kept = len(self._events)
        reply = await self.ask({"follow": {"from": place, "filter": self._filter}})
        # What came before this answer was followed before.
        while len(self._events) > kept:
            self._events.pop()
        after = _part("following", reply).get("after")
        if not isinstance(after, int):
            raise _nonsense()
        # An older copy of the log ends before what was read.
        if at is not None and after < at:
            self._forget()
        self._at = after

    async def reconnect(self, deadline: float | None) -> None:
        """Waits for a simpd that went away, and goes on following."""
        clock = asyncio.get_running_loop().time
        until = clock() + _BACK_WITHIN if deadline is None else deadline
        pause = _FIRST_PAUSE
        while not self._is_closed:
            if self._link is not None:
                self._link.close()
            try:
                async with asyncio.timeout_at(max(until, clock() + _FIRST_PAUSE)):
                    self._link = await self.place.dial()
                    await self._greet()
                    if self._from is not None:
                        await self._follow()
                return
            except (FileNotFoundError, ConnectionRefusedError, TimeoutError, LostError):
                pass
            except OSError as error:
                raise _refused(self.place, error) from None
            if clock() >= until:
                break
            await asyncio.sleep(min(pause, max(until - clock(), 0)))
            # A restart takes milliseconds; what takes longer is not to be asked all the time.
            pause = min(2 * pause, _LAST_PAUSE)
        raise self.place.lost()

    async def insist(self, ask: Callable[[bool], Awaitable[_T]], deadline: float | None) -> _T:
        """Asks, and asks again as often as simpd goes away before it has answered. `ask` learns whether it is again."""
        again = False
        while True:
            try:
                return await ask(again)
            except LostError:
                await self.reconnect(deadline)
            again = True

    async def next(self, deadline: float | None) -> _Came:
        """What comes next; `late` once the deadline has passed, and `again` after simpd was away."""
        if self._events:
            return "event", self._events.popleft()
        try:
            async with asyncio.timeout_at(deadline):
                return self._sort(await self._here.read())
        except TimeoutError:
            return "late", None
        except LostError:
            await self.reconnect(deadline)
            return "again", None

    async def event(self, deadline: float | None) -> Event | None:
        """The next event; None once the deadline has passed."""
        while True:
            match await self.next(deadline):
                case "event", Event() as event:
                    return event
                case "late", _:
                    return None
                case "failure", refusal:
                    raise refusal

    async def next_of_consumer(self, deadline: float | None) -> Event | None:
        """The same for a consumer, whose mark is told meanwhile."""
        assert self.mark is not None, "it has one"
        while True:
            if seen := self.mark.request():
                await self.write(seen)
            match await self.next(deadline):
                case "event", Event() as event:
                    return event
                case "late", _:
                    return None
                case "again", _:
                    self.mark.lost()
                case "failure", refusal:
                    self.mark.answered(refusal)
                case "reply", _:
                    self.mark.answered(None)


def _part(name: str, reply: Any) -> Any:
    """What this reply says."""
    if isinstance(reply, dict) and isinstance(reply.get(name), dict):
        return reply[name]
    raise _nonsense()


class _Mark:
    """Up to where a consumer has done its work, and what the daemon knows of that. Without a consumer it goes nowhere."""

    def __init__(self, client: "Client", consumer: str | None) -> None:
        self._client, self._consumer = client, consumer
        self._done = self._told = self._asked = 0
        self._is_under_way = False
        self.is_void = False
        """Its ids are of a log that is not there any more."""

    def _seen(self, id: int) -> dict[str, Any]:
        return {"seen": {"consumer": self._consumer, "id": id}}

    async def tell(self, id: int) -> None:
        if self._consumer is None:
            raise UsageError("only what a consumer listens to can be done")
        if id > self._told and not self.is_void:
            await self._client.request(self._seen(id))
            self._done, self._told, self._asked = max(self._done, id), max(self._told, id), max(self._asked, id)

    def move(self, id: int) -> None:
        if self._consumer is not None:
            self._done = max(self._done, id)

    def request(self, *, is_last: bool = False) -> dict[str, Any] | None:
        """What to tell the daemon next. One request at a time: the marks of a burst are one."""
        if self.is_void or self._done <= self._asked or (self._is_under_way and not is_last):
            return None
        self._asked, self._is_under_way = self._done, True
        return self._seen(self._asked)

    def answered(self, refusal: SimpError | None) -> None:
        if refusal is not None and refusal.kind != "failed":
            raise refusal
        # If the disk is full it does no harm: the next mark is past this one.
        self._is_under_way = False
        if refusal is None:
            self._told = max(self._told, self._asked)

    def lost(self) -> None:
        """What was not answered is told again."""
        self._is_under_way, self._asked = False, self._told

    async def settle(self) -> None:
        """Waits until the daemon knows all of it, if it is there."""
        if self._done > self._told:
            await self._client.request(self._seen(self._done), timeout=_GRACE)
            self._told = self._asked = self._done


class _Outcomes:
    """What becomes of our messages, followed once for all who wait for that."""

    def __init__(self) -> None:
        self._session: _Session | None = None
        self._task: asyncio.Task[None] | None = None
        self._begins = asyncio.Lock()
        self._awaited: dict[int, asyncio.Future[Event]] = {}
        self._sending = 0
        # Outcomes of messages whose ids may not have come yet.
        self._early: dict[int, Event] = {}
        self._end: SimpError = SimpError("it has not begun")

    @property
    def newest(self) -> int:
        """The newest entry that it knows of."""
        return self._session.newest if self._session is not None else 0

    @asynccontextmanager
    async def watch(self, place: _Place, deadline: float | None) -> AsyncIterator[None]:
        """What is sent meanwhile can be awaited."""
        async with self._begins:
            if self._task is None or self._task.done():
                session = _Session(place)
                try:
                    await session.reconnect(deadline)
                    await session.insist(lambda _: session.follow("end", {"kinds": _OUTCOMES}), deadline)
                except BaseException:
                    session.close()
                    raise
                self._session, self._task = session, asyncio.create_task(self._run(session))
        self._sending += 1
        try:
            yield
        finally:
            self._sending -= 1
            if self._sending == 0:
                self._early.clear()

    async def _run(self, session: _Session) -> None:
        self._end = session.place.lost()
        try:
            while True:
                match await session.event(None):
                    case Delivered() | Unconfirmed() | Undelivered() as event:
                        self._take(event)
        except SimpError as error:
            self._end = error
        finally:
            session.close()
            for awaited in list(self._awaited.values()):
                self._fail(awaited)

    def _take(self, event: Delivered | Unconfirmed | Undelivered) -> None:
        awaited = self._awaited.get(event.message)
        if awaited is not None:
            if not awaited.done():
                awaited.set_result(event)
        elif self._sending:
            self._early[event.message] = event
            if len(self._early) > _EARLY_MAX:
                del self._early[next(iter(self._early))]

    def _fail(self, awaited: asyncio.Future[Event]) -> None:
        if not awaited.done():
            awaited.set_exception(type(self._end)(self._end.line))

    def awaits(self, message: int) -> asyncio.Future[Event]:
        """What will have become of this message, that was sent while it was watched."""
        awaited: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        if (early := self._early.pop(message, None)) is not None:
            awaited.set_result(early)
        elif self._task is None or self._task.done():
            self._fail(awaited)
        else:
            self._awaited[message] = awaited
            awaited.add_done_callback(lambda _: self._awaited.pop(message, None))
        return awaited

    async def of(self, awaited: asyncio.Future[Event], deadline: float | None) -> Event | None:
        """None once the deadline has passed."""
        try:
            async with asyncio.timeout_at(deadline):
                # It may be asked for again, with another deadline.
                return await asyncio.shield(awaited)
        except TimeoutError:
            if self._session is not None and self._session.is_lost:
                raise self._session.place.lost() from None
            return None

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()


class Client:
    """A simpd: the one with this address, or the socket at this path; if it is None the one that $SIMP_DAEMON names, and
    without that the only one that runs. `async with` connects."""

    def __init__(self, daemon: str | os.PathLike[str] | None = None) -> None:
        self._named = os.fspath(daemon) if daemon is not None else os.environ.get("SIMP_DAEMON") or None
        self._place: _Place | None = None
        self._idle: list[_Session] = []
        self._busy: set[_Session] = set()
        self._waiting = asyncio.Semaphore(_AT_ONCE)
        # What is answered at once does not queue up with what waits for a peer.
        self._asking = asyncio.Semaphore(_AT_ONCE)
        self._outcomes = _Outcomes()
        self.hello = Hello(version=VERSION, program="", address="", user="")
        """Who the daemon is, as it said on the newest connection."""

    async def __aenter__(self) -> Self:
        session = await _Session.begin(await _find(self._named))
        self._place, self.hello = session.place, session.hello
        self._idle.append(session)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._outcomes.close()
        for session in [*self._idle, *self._busy]:
            session.close()
        self._idle.clear()
        self._place = None

    @property
    def features(self) -> frozenset[str]:
        """What the daemon can do beyond what every daemon of this version can; see simp-control(7)."""
        return frozenset(self.hello.features)

    @property
    def _here(self) -> _Place:
        if self._place is None:
            raise UsageError("not connected (use it in: async with simp.Client() as client)")
        return self._place

    @asynccontextmanager
    async def _session(self, deadline: float | None) -> AsyncIterator[_Session]:
        """A connection for one thing that waits."""
        place = self._here
        self._idle = [idle for idle in self._idle if idle.is_usable()]
        session = self._idle.pop() if self._idle else _Session(place)
        self._busy.add(session)
        try:
            if session.is_new:
                await session.reconnect(deadline)
            self.hello = session.hello
            yield session
        except BaseException:
            # There may be an answer to come that nobody waits for.
            session.close()
            raise
        finally:
            self._busy.discard(session)
        if self._place is not None:
            self._idle.append(session)

    async def request(self, request: str | Mapping[str, Any], *, timeout: float | None = None) -> Any:
        """Asks anything that simp-control(7) has, such as `"status"` or `{"outbox": {"after": 7}}`, and gives the
        reply as it is there: `{"status": {...}}`, or `"done"`.

        If simpd goes away meanwhile it is asked again. What would be done twice then, `send`, `send_file`, `resend`
        and `stop`, fails with LostError instead; see `send`. The next request may go over another connection, so that
        `follow` and `hold_log` make no sense here; see `events`.
        """
        deadline = _deadline(timeout)
        async with self._asking, self._session(deadline) as session:
            [name] = [request] if isinstance(request, str) else request.keys()
            if name in ("send", "send_file", "resend", "stop"):
                return await session.ask(request)
            return await session.insist(lambda _: session.ask(request), deadline)

    async def _list(self, kind: type[_T], name: str, field: str, after: Callable[[_T], Any]) -> list[_T]:
        """A list that comes in pieces."""
        all: list[_T] = []
        while True:
            asked = {"after": after(all[-1])} if all else {}
            reply = _part(name, await self.request({name: asked}))
            all += _read(list[kind], reply.get(field))  # type: ignore[valid-type]
            if not reply.get("more"):
                return all

    # Chats

    async def connect(self, address: str, *, timeout: float | None = None, secure: bool | None = None) -> Chat:
        """Invites the peer at this address, or host, and waits until the chat is open.

        The invitation lasts for `timeout` seconds, or as simpd.toml(5) says. `secure`: a secure chat or none, or a
        plain one; whichever it can be if it is None.
        """
        deadline = None if timeout is None else _now() + timeout + _GRACE
        asked: dict[str, Any] = {} if timeout is None else {"timeout_ms": max(round(timeout * 1000), 1)}
        if secure is not None:
            asked["secure"] = secure
        async with self._waiting, self._session(deadline) as session:
            if _address(address) is None:
                found = await _hosts(address, session.hello.address)
                if not found:
                    raise NoSuchError(f"{address}: unknown host")
                address = found[0]
            return await self._opened(session, {"connect": {"address": address, **asked}}, deadline)

    async def accept(self, who: str | None = None, *, timeout: float | None = None) -> Chat:
        """Accepts a request, which need not be named if it is the only one, and waits until the chat is open."""
        deadline = _deadline(timeout)
        async with self._waiting, self._session(deadline) as session:
            return await self._opened(session, {"accept": _who(who)}, deadline)

    async def _opened(self, session: _Session, request: Any, deadline: float | None) -> Chat:
        async def ask(again: bool) -> Any:
            try:
                return await _ask_named(session, request)
            except NoSuchError:
                # It may have been done before simpd went away, and then there is no request any more.
                who = request["accept"].get("who") if again and "accept" in request else None
                chats = [chat for chat in await self.chats() if chat.state in ("accepting", "open")] if again else []
                chats = [chat for chat in chats if who is None or await _means(who, chat.peer)]
                if len(chats) != 1:
                    raise
                return {"chat": {"chat": chats[0], "after": chats[0].chat}}

        begun = _part("chat", await session.insist(ask, deadline))
        chat: Chat = begun["chat"] if isinstance(begun["chat"], Chat) else _read(Chat, begun["chat"])
        if chat.state == "open":
            return chat
        await session.insist(lambda _: session.follow(*_of_chat(chat, begun["after"], "opened", "closed")), deadline)
        while True:
            match await session.event(deadline):
                case Opened() as event:
                    return replace(chat, peer=event.peer, state="open", note=event.note, secure=event.secure)
                case Closed() as event:
                    raise _not_opened(event)
                case None:
                    raise NoAnswerError(f"{chat.peer.address}: no answer")

    async def decline(self, who: str | None = None) -> None:
        """Declines a request."""
        await self._closed({"decline": _who(who)}, None)

    async def quit(self, who: str | None = None, *, now: bool = False, timeout: float | None = None) -> None:
        """Ends a chat, or takes an invitation back, and waits until it is over. What is queued is delivered first,
        unless `now`."""
        await self._closed({"quit": {**_who(who), "now": now}}, timeout)

    async def _closed(self, request: Any, timeout: float | None) -> None:
        deadline = _deadline(timeout)

        async def ask(again: bool) -> Any:
            try:
                return await _ask_named(session, request)
            except NoSuchError:
                if not again:
                    raise
                # It was done before simpd went away.
                return None

        async with self._waiting, self._session(deadline) as session:
            reply = await session.insist(ask, deadline)
            if reply is None:
                return
            begun = _part("chat", reply)
            chat: Chat = _read(Chat, begun["chat"])
            await session.insist(lambda _: session.follow(*_of_chat(chat, begun["after"], "closed")), deadline)
            if await session.event(deadline) is None:
                raise NoAnswerError(f"{chat.peer.address} has not confirmed the end yet (simpd keeps trying)")

    async def chats(self) -> list[Chat]:
        """All chats, requests and invitations, in the order in which they began."""
        return await self._list(Chat, "chats", "chats", lambda chat: chat.chat)

    # Messages

    async def send(
        self,
        text: str,
        to: str | None = None,
        *,
        queue: bool = False,
        expire: float | None = None,
        once: str | None = None,
        wait: bool = True,
        timeout: float | None = None,
        or_cancel: bool = False,
        answers: Message | None = None,
    ) -> Sent:
        """Sends a text to a user, an address or a host, or in the only chat, and waits until the peer has it.

        With `queue` it need not be there: the outbox keeps the message, for `expire` seconds or for ever, and unless there
        is a `timeout` nobody waits for it here. Without `wait` nobody does either way.

        If simpd is stopped or killed meanwhile, the message is sent once. With a name in `once` it is sent once also if the
        program is: the same text to the same peer under the same name is the same message, whatever became of it.

        With `answers` it goes to the sender of that message, in its chat, as the answer to it.

        UndeliveredError says that the peer has not acknowledged it; NoAnswerError, that it has not within `timeout`
        seconds, and `message` in it which one that is. With `or_cancel` it is taken back then: UndeliveredError with the
        reason `cancelled`, or NoAnswerError if it has left and may have arrived.
        """
        deadline = _deadline(timeout)
        waits = wait and (not queue or timeout is not None)
        asked: dict[str, Any] = {**_who(to), "text": text, "queue": queue}
        if expire is not None:
            asked["expire_ms"] = round(expire * 1000)
        if once is not None:
            asked["once"] = once
        if answers is not None:
            if to is not None or queue:
                raise UsageError("an answer goes to whoever has asked: leave to and queue out")
            asked |= {"who": answers.peer.address, "chat": answers.chat, "answers": answers.id}
        if or_cancel and (timeout is None or not waits):
            raise UsageError("or_cancel needs a timeout, and somebody who waits")
        for feature, needed in (("once", once is not None), ("take_back", or_cancel), ("answers", answers is not None)):
            if needed and feature not in self.features:
                raise NoDaemonError(f"this simpd does not have the feature {feature} (install a newer one)")
        if not waits:
            async with self._asking, self._session(deadline) as session:
                return await _queue(session, asked, deadline)
        async with self._outcomes.watch(self._here, deadline):
            async with self._asking, self._session(deadline) as session:
                session.know(self._outcomes.newest)
                sent = await _queue(session, asked, deadline)
            awaited = self._outcomes.awaits(sent.message)
        try:
            # One of before has its outcome already, and no other will come.
            state = await self._state(sent.message) if once is not None else "waiting"
            if state == "waiting":
                return await self._outcome(sent, awaited, deadline, or_cancel)
        finally:
            awaited.cancel()
        if state == "delivered":
            return replace(sent, outcome="delivered")
        if state == "unconfirmed":
            return replace(sent, outcome="unconfirmed")
        undelivered: _Reason = _read(_Reason, _part("undelivered", state))
        raise _undelivered(sent.message, undelivered.reason)

    async def _state(self, message: int) -> Any:
        """What has become of a message, as simp-control(7) says it."""
        [state] = _part("states", await self.request({"states": {"messages": [message]}}))["states"]
        return state

    async def _outcome(
        self, sent: Sent, awaited: asyncio.Future[Event], deadline: float | None, or_cancel: bool
    ) -> Sent:
        """Waits for what becomes of a message."""
        id = sent.message
        try:
            event = await self._outcomes.of(awaited, deadline)
            if event is None and or_cancel:
                event = await self._take_back(id, awaited)
        except (LostError, OtherLogError) as error:
            # It must not be taken for unsent, and sent again.
            raise type(error)(f"message {id} is queued, but {error.line}", message=id) from None
        match event:
            case Undelivered(reason=reason):
                raise _undelivered(id, reason)
            case None:
                raise NoAnswerError(f"message {id} is not acknowledged yet (simpd keeps trying)", message=id)
            case _:
                return replace(sent, outcome="delivered" if isinstance(event, Delivered) else "unconfirmed")

    async def _take_back(self, message: int, awaited: asyncio.Future[Event]) -> Event | None:
        """The outcome of a message that is taken back, or that comes just before."""
        until = _now() + _GRACE
        try:
            await self.request({"cancel": {"message": message}}, timeout=_GRACE)
        except SimpError as refused:
            if refused.kind != "failed":
                raise
            is_waiting = await self._state(message) == "waiting"
            if is_waiting and (await self.status()).trouble is not None:
                raise
            if is_waiting:
                line = f"message {message} has left, and may have arrived (simpd keeps trying)"
                raise NoAnswerError(line, message=message) from None
        return await self._outcomes.of(awaited, until)

    async def ask(self, text: str, to: str | None = None, *, timeout: float = 30) -> Message:
        """Sends a text in an open chat, and waits for the next message of that chat after its delivery: the answer. Those
        who ask in the same chat take turns, also with `simpctl ask`.

        UndeliveredError if the peer has not acknowledged it, NoAnswerError if nothing comes within `timeout` seconds.
        """
        deadline = _now() + timeout
        async with self._waiting, self._session(deadline) as session:
            chats = [chat for chat in await self.chats() if chat.state in ("accepting", "open")]
            meant = [chat for chat in chats if to is None or await _means(to, chat.peer)]
            # If it is not clear which is meant, simpd says so.
            chat = meant[0] if len(meant) == 1 else None
            of = {} if chat is None else {"chat": chat.chat}
            asked = _who(to) if chat is None else {"who": chat.peer.address, **of}
            filter = {"kinds": [*_OUTCOMES, "message", "closed"], **of}
            async with _turn(session.hello.address, of.get("chat"), deadline):
                await session.insist(lambda _: session.follow("end", filter), deadline)
                sent = await _queue(session, {**asked, "text": text}, deadline)
                return await _answer(session, sent, deadline)

    async def outbox(self) -> list[OutboxMessage]:
        """The messages in the outbox, oldest first."""
        return await self._list(OutboxMessage, "outbox", "messages", lambda kept: kept.message)

    async def cancel(self, message: int) -> None:
        """Takes a message out of the outbox."""
        await self.request({"cancel": {"message": message}})

    # The log

    async def listen(
        self, consumer: str = "default", *, who: str | None = None, new: bool = False, timeout: float | None = None
    ) -> AsyncGenerator[Message, None]:
        """The messages that this consumer has not seen, from `who` alone if that is given: those that are in the log,
        and then each one as it comes.

        The consumer is kept by simpd, by its name. Its mark moves past a message once the next one is asked for, so
        after the work for it is done, or by `await message.done()`, which a loop needs before it is left. Whoever is
        killed in between gets that message again: each message comes at least once.

        A consumer that is new begins with the oldest message in the log, or with `new` now. It ends after `timeout`
        seconds, and only then.
        """
        async with aclosing(self.events(consumer, kinds=["message"], who=who, new=new, timeout=timeout)) as events:
            async for event in events:
                assert isinstance(event, Message), "nothing else passes"
                yield event

    async def events(
        self,
        consumer: str | None = None,
        *,
        after: int | None = None,
        kinds: Iterable[str] | None = None,
        chat: int | None = None,
        who: str | None = None,
        new: bool = False,
        timeout: float | None = None,
    ) -> AsyncGenerator[Event, None]:
        """The same for all kinds of events, or those that are named. Without a consumer: after this id, or from now on;
        then OtherLogError ends it if simpd comes back with another log."""
        filter = self._filter(kinds=kinds, chat=chat, who=who)
        place: Any = {"consumer": consumer} if consumer is not None else "end" if after is None else {"after": after}
        deadline = _deadline(timeout)
        if new and consumer is not None:
            await self._begin_now(consumer)
        async with self._session(deadline) as session:
            session.mark = _Mark(self, consumer)
            await session.insist(lambda _: session.follow(place, filter), deadline)
            while True:
                try:
                    came = await session.next_of_consumer(deadline)
                except OtherLogError as error:
                    if consumer is None:
                        raise
                    _log.warning("%s: going on with what consumer %s has not seen of it", error, consumer)
                    session.mark.is_void = True
                    session.mark = _Mark(self, consumer)
                    await session.insist(lambda _: session.follow(place, filter), deadline)
                    continue
                if came is None:
                    break
                yield came
                session.mark.move(came.id)
            await session.mark.settle()
            # Of a mark there may be an answer to come.
            session.close()

    async def _begin_now(self, consumer: str) -> None:
        if all(known.name != consumer for known in await self.consumers()):
            await self.request({"seen": {"consumer": consumer, "id": (await self.status()).last_id}})

    async def history(
        self,
        limit: int | None = None,
        *,
        kinds: Iterable[str] | None = None,
        chat: int | None = None,
        who: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        text: str | None = None,
    ) -> list[Event]:
        """The newest events that match, at most `limit` of them, newest first."""
        filter = self._filter(kinds=kinds, chat=chat, who=who, since_ms=since, until_ms=until, text=text)
        found: list[Event] = []
        asked: dict[str, Any] = {"filter": filter}
        while limit is None or len(found) < limit:
            asked["limit"] = 1000 if limit is None else min(limit - len(found), 1000)
            reply = _part("history", await self.request({"history": asked}))
            found += [event for event in map(_read_event, reply["events"]) if event is not None]
            if reply.get("older") is None:
                break
            asked["before"] = reply["older"]
        return found

    def _filter(self, *, kinds: Iterable[str] | None, **entries: Any) -> dict[str, Any]:
        filter: dict[str, Any] = {name: _in_ms(value) for name, value in entries.items() if value is not None}
        # Without their names, those of files do not pass.
        known = [kind for kind in _EVENTS if kind not in _OF_FILES or "files" in self.features]
        filter["kinds"] = known if kinds is None else list(kinds)
        return filter

    async def consumers(self) -> list[Consumer]:
        """The consumers and their marks, by name."""
        reply: list[Consumer] = _read(list[Consumer], _part("consumers", await self.request("consumers"))["consumers"])
        return reply

    async def forget(self, consumer: str) -> None:
        """Removes a consumer."""
        await self.request({"forget": {"consumer": consumer}})

    async def status(self) -> Status:
        """How the daemon is."""
        status: Status = _read(Status, _part("status", await self.request("status")))
        return status


def _now() -> float:
    return asyncio.get_running_loop().time()


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else _now() + timeout


def _in_ms(value: Any) -> Any:
    return round(value.timestamp() * 1000) if isinstance(value, datetime) else value


def _who(who: str | None) -> dict[str, Any]:
    return {} if who is None else {"who": who}


def _of_chat(chat: Chat, after: int, *kinds: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"after": after}, {"kinds": list(kinds), "chat": chat.chat}


def _is(who: str, peer: Peer) -> bool:
    """Whether a name or an address means this peer. What reads as an address is one, whatever name a peer has chosen."""
    user, at, address = who.rpartition("@")
    meant = _address(who) or (_address(address) if at else None)
    if meant is None:
        return who == peer.user != ""
    there = _address(peer.address)
    is_there = there is not None and there[0] == meant[0] and meant[1] in (None, there[1])
    return is_there and (_address(who) is not None or user == peer.user)


async def _means(who: str, peer: Peer) -> bool:
    """The same, also by the name of a host."""
    return _is(who, peer) or any(_is(address, peer) for address in await _hosts(who, peer.address) or [])


async def _hosts(named: str, ours: str) -> list[str] | None:
    """The addresses of what may be a host's name, with its port if it has one; first those that a daemon at our address
    can send to. None if nobody can say that now."""
    host, colon, port = named.partition(":")
    # Anything else is no host, and some numbers would be read as addresses in forms that nobody expects.
    if not re.fullmatch(r"[\w.-]+", host) or re.fullmatch(r"(.*\.)?(0x\w*|[0-9]*)\.?", host):
        return []
    if colon and not (port.isdecimal() and 0 < int(port) < 65536):
        return []
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError as error:
        return None if error.errno in (socket.EAI_AGAIN, socket.EAI_FAIL) else []
    family = socket.AF_INET6 if ours.startswith("[") else socket.AF_INET
    ips = [at[0] for kind, *_, at in sorted(found, key=lambda each: each[0] != family)]
    return [f"[{ip}]:{port}" if colon and ":" in ip else f"{ip}{colon}{port}" for ip in dict.fromkeys(map(str, ips))]


def _with_port(address: str) -> str:
    ip, port = _address(address) or (address, None)
    return f"[{ip}]:{port or PORT}" if ":" in str(ip) else f"{ip}:{port or PORT}"


async def _ask_named(session: _Session, request: dict[str, dict[str, Any]]) -> Any:
    """Asks with the name of a peer as it was given. If nobody is called so, but a host is, asks with its addresses."""
    [(name, entries)] = request.items()
    try:
        return await session.ask(request)
    except NoSuchError:
        who = entries.get("who")
        found = await _hosts(who, session.hello.address) if who is not None and _address(who) is None else []
        if found != [] and entries.get("queue") and "hosts" in session.hello.features:
            # It is looked up again for each attempt to reach it. Until it is found, the message waits.
            return await session.ask({name: {**entries, "who": _with_port(found[0]) if found else None, "host": who}})
        for address in found or []:
            try:
                return await session.ask({name: {**entries, "who": address}})
            except NoSuchError:
                pass
        raise


async def _queue(session: _Session, asked: dict[str, Any], deadline: float | None) -> Sent:
    """Has the daemon take a message, once, however often it goes away meanwhile."""
    known = session.newest
    asked = {**asked, "token": secrets.randbits(64)}

    async def ask(again: bool) -> Any:
        return await _ask_named(session, {"send": {**asked, "again_after": known} if again else asked})

    try:
        queued = _part("queued", await session.insist(ask, deadline))
    except LostError as error:
        # Nobody asks again any more, and whether it was taken stays open.
        raise LostError(f"{error.line}; the message may or may not be queued") from None
    return Sent(message=queued["message"], chat=queued["chat"], outcome="queued")


@dataclass(frozen=True, kw_only=True)
class _Reason:
    reason: str


def _undelivered(message: int, reason: str) -> UndeliveredError:
    return UndeliveredError(f"not delivered: {reason}", message=message, reason=reason)


async def _answer(session: _Session, sent: Sent, deadline: float | None) -> Message:
    """Waits for the next message of the chat after the delivery of ours."""
    id, is_delivered = sent.message, False
    # If only the acknowledgement was lost, the answer came before it: nobody can know until nothing else comes.
    early: Message | None = None
    late = "no answer within the time limit"
    while True:
        event = await session.event(deadline)
        match event:
            case Delivered(message=sent.message):
                is_delivered = True
            case Unconfirmed(message=sent.message) if early is None:
                is_delivered = True
            case Undelivered(message=sent.message, reason=reason):
                raise _undelivered(id, reason)
            case Message(chat=sent.chat, answers=sent.message):
                return event
            case Message(answers=int()):
                # It comes too late for somebody else.
                pass
            case Message(chat=sent.chat) if is_delivered and event.id > id:
                return event
            case Message(chat=sent.chat) if event.id > id:
                early = early or event
            case Closed(chat=sent.chat, peer=peer, reason=reason) if is_delivered and early is None:
                line = f"no answer: the chat with {peer} is over ({reason})"
                raise NoAnswerError(line, message=id, reason=reason)
            case Closed(chat=sent.chat) | Unconfirmed(message=sent.message) | None if early is not None:
                return early
            case None if is_delivered:
                raise NoAnswerError(late, message=id)
            case None:
                raise NoAnswerError(f"{late}: message {id} is not acknowledged yet (simpd keeps trying)", message=id)


@asynccontextmanager
async def _turn(address: str, chat: int | None, deadline: float | None) -> AsyncIterator[None]:
    """Those of our user who ask in a chat of the daemon at this address take turns, as with `simpctl ask`: the kernel keeps a
    lock of one byte for each chat, or of all of them if it is not clear which is meant."""
    path = _sockets() / f"{address}.asks"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    lock = struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, chat or 0, 0 if chat is None else 1, 0)
    try:
        try:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, lock)
        except BlockingIOError:
            try:
                async with asyncio.timeout_at(deadline):
                    await _locked(file, lock)
            except TimeoutError:
                why = "nothing was asked, for others who ask came first"
                raise NoAnswerError(f"no answer within the time limit: {why}") from None
        yield
    finally:
        os.close(file)


async def _locked(file: int, lock: bytes) -> None:
    """Waits for the lock. The kernel does that without any time limit, so a thread does it that nobody has to wait for."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    # The same lock: it is that of what is open, and gone with the last descriptor of it.
    again = os.dup(file)

    def wait() -> None:
        try:
            fcntl.fcntl(again, fcntl.F_OFD_SETLKW, lock)
        finally:
            os.close(again)
        with suppress(RuntimeError):
            # Nobody waits any more if the loop is closed.
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=wait, daemon=True).start()
    await done.wait()


_NOT_OPENED: dict[str, tuple[type[SimpError], str]] = {
    "peer declined": (DeclinedError, " declined"),
    "peer busy": (BusyError, " is busy"),
    "no answer": (NoAnswerError, ": no answer"),
    "peer gone": (NoAnswerError, " no longer answers"),
    "nobody there": (SimpError, ": nobody listens there (is simpd running on that host?)"),
    "other key": (OtherKeyError, " has another key than before (list them: simpctl keys)"),
    "withdrawn": (NoSuchError, " has withdrawn its invitation"),
    "we declined": (NoSuchError, ": the request was declined here"),
    "request expired": (NoSuchError, ": the request was not answered in time"),
}


def _not_opened(event: Closed) -> SimpError:
    kind, line = _NOT_OPENED.get(event.reason, (SimpError, f": {event.reason}"))
    said = f": {event.text}" if event.text else ""
    return kind(f"{event.peer.address}{line}{said}", reason=event.reason)
