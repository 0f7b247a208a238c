"""Files that people and the bot upload, and their private addresses."""

import mimetypes
from dataclasses import dataclass

from sandbox.slack.wire import Clock, Json, Refused, random_id


@dataclass
class File:
    """One file; `content` is None until its bytes arrived."""

    id: str
    name: str
    title: str
    user_id: str
    created: int
    declared_length: int
    content: bytes | None = None
    channels: tuple[str, ...] = ()

    def as_json(self, origin: str) -> Json:
        """Return the file object that files.info answers with."""
        kind = self.name.rpartition(".")[2].lower() if "." in self.name else "text"
        address = f"{origin}/slack/files/{self.id}/{self.name}"
        return {
            "id": self.id, "created": self.created, "timestamp": self.created, "name": self.name, "title": self.title,
            "mimetype": mimetypes.guess_type(self.name)[0] or "application/octet-stream", "filetype": kind,
            "pretty_type": kind.upper(), "user": self.user_id, "size": len(self.content or b""), "mode": "hosted",
            "is_external": False, "is_public": False, "url_private": address,
            "url_private_download": f"{address}?download=1", "permalink": f"{origin}/slack/permalink/{self.id}",
            "channels": list(self.channels), "groups": [], "ims": [], "file_access": "visible",
        }  # fmt: skip


class Files:
    """All files by id."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[str, File] = {}

    def announce(self, name: str, length: int, *, by: str) -> File:
        """Make room for a file whose bytes come later."""
        file = File(random_id("F"), name, name, by, int(self._clock()), length)
        self._kept[file.id] = file
        return file

    def add(self, name: str, content: bytes, *, by: str) -> File:
        """Keep a whole file."""
        file = self.announce(name, len(content), by=by)
        file.content = content
        return file

    def delete(self, file_id: str) -> None:
        """Take a file away, or refuse with file_not_found."""
        self.get(file_id)
        del self._kept[file_id]

    def get(self, file_id: str) -> File:
        """Return a file, or refuse with file_not_found."""
        if file_id not in self._kept:
            raise Refused("file_not_found")
        return self._kept[file_id]
