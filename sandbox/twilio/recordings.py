"""What members say on the telephone: kept here until it is deleted, and handed out to whoever has the credentials."""

import io
import math
import secrets
import struct
import wave
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache

KIND = "audio/x-wav"
LONGEST_S = 120
_KEPT = 50
_RATE = 8000  # as Twilio records telephones: 8 kHz, 16 bits, one channel
_SYLLABLES = (220, 277, 247, 330)  # hertz, a quarter of a second each


@dataclass(frozen=True, slots=True)
class Recording:
    """One message."""

    call_sid: str
    seconds: int


class Recordings:
    """The messages that were left last, by sid."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Recording] = OrderedDict()

    def keep(self, call_sid: str, seconds: int) -> str:
        """Keep a message of so many seconds; return its sid."""
        sid = f"RE{secrets.token_hex(16)}"
        self._kept[sid] = Recording(call_sid, seconds)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return sid

    def find(self, sid: str) -> Recording | None:
        """Return a message, unless it is unknown or deleted."""
        return self._kept.get(sid)

    def delete(self, sid: str) -> bool:
        """Delete a message; return whether there was one."""
        return self._kept.pop(sid, None) is not None


@lru_cache(maxsize=8)
def sound(seconds: int) -> bytes:
    """Return a sound of so many seconds, as a WAV file: something that hums and pauses like a voice."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(_second() * seconds)
    return made.getvalue()


@lru_cache(maxsize=1)
def _second() -> bytes:
    quarter = _RATE // len(_SYLLABLES)
    samples = (
        int(7000 * math.sin(math.pi * at / quarter) * math.sin(2 * math.pi * hertz * at / _RATE))
        for hertz in _SYLLABLES
        for at in range(quarter)
    )
    return struct.pack(f"<{quarter * len(_SYLLABLES)}h", *samples)
