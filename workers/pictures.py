"""The pictures that members send, in their threads."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from core.channels import media
from core.domain.events import FileErased, PictureReceived
from core.slack.gateway import Gateway
from core.slack.views import attached
from workers import sharing
from workers.sharing import Kind

PICTURES = Kind(
    word="picture",
    event=PictureReceived,
    is_it=attached.is_picture,
    fetch=media.fetch,
    stem=lambda number: f"picture-{number}",
    unseen=attached.unseen,
)

TELLERS: Mapping[str, Callable[[Gateway, Mapping[str, Any]], None]] = MappingProxyType(
    {PictureReceived.name: partial(sharing.share, PICTURES), FileErased.name: sharing.erase}
)
