"""The meter under the composer's text: what it would cost, what makes it dear, and how it would read."""

import hashlib
import json
from collections.abc import Mapping

from core.domain import message
from core.slack import blocks
from core.slack.blocks import Block
from core.slack.views.card import size_line
from core.usecases.previewing import Preview, Sample

FIX = "blast.fix"
_KINDS = {"first": "First recipient", "dearest": "Most expensive", "oddest": "Most unusual"}
_SHOWN_CULPRITS = 3


def render(body: str, preview: Preview | None, faults: Mapping[str, str]) -> list[Block]:
    """Draw the meter under block_ids of its own contents: it alone is new when the form is drawn again."""
    if preview is None or not body.strip():
        return [blocks.context("Segments, cost and samples appear here as you write.")]
    drawn = [
        blocks.section(_measure(preview)),
        *_culprits(body, preview),
        *([blocks.section(size_line(preview)), blocks.context(_finish(preview))] if preview.segments_total else []),
        *(blocks.context(f":warning: {blocks.escape(sentence)}") for sentence in faults.values()),
        *(block for sample in preview.samples for block in _sample(sample)),
    ]
    digest = hashlib.sha256(json.dumps(drawn).encode()).hexdigest()[:12]
    return [block | {"block_id": f"meter.{place}.{digest}"} for place, block in enumerate(drawn)]


def _measure(preview: Preview) -> str:
    each = blocks.counted(preview.measure.segments, "segment")
    return f"Up to *{each}* a text · {preview.measure.encoding} · the longest has {preview.longest:,} characters"


def _culprits(body: str, preview: Preview) -> list[Block]:
    """Name the characters that double the price, with a button that replaces them."""
    found = message.measure(body).culprits
    if found:
        named = ", ".join(blocks.escape(message.name(culprit)) for culprit in found[:_SHOWN_CULPRITS])
        more = f" and {len(found) - _SHOWN_CULPRITS} more" if len(found) > _SHOWN_CULPRITS else ""
        text = f":bulb: {named}{more}: a text with this holds 70 characters a segment instead of 160."
        is_fixable = message.fix(body) != body
        return [blocks.section(text, accessory=blocks.button("Replace", FIX, "fix") if is_fixable else None)]
    if preview.unusual:
        return [blocks.context(f"{preview.unusual:,} texts cost more because of a character in the recipient's name.")]
    return []


def _finish(preview: Preview) -> str:
    return f"Approved now, its last text would leave about {blocks.moment(preview.finish_at)}."


def _sample(sample: Sample) -> list[Block]:
    alike = f", read by {sample.count:,}" if sample.count > 1 else ""
    size = blocks.counted(sample.segments, "segment")
    return [blocks.context(f"*{_KINDS[sample.kind]}* ({size}{alike}):"), blocks.quote(sample.text)]
