"""What people are told when something they asked for isn't done.

Rejected             the sentence is shown to whoever asked; nothing was changed
├── Invalid          what was typed can't be taken; names the field when it came from a form
├── NotAllowed       this person may not do this
├── NotFound         there is no such blast, audience, contact, …
├── Stale            what they saw has changed since
└── IllegalMove      the thing isn't in a state in which this can be done
Misconfigured        the process can't start: a setting is missing or unsafe
"""


class Rejected(Exception):
    """A request that is refused with a sentence for the person who made it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Invalid(Rejected):
    """What was typed can't be taken; `field` is the input's block_id when it came from a form."""

    def __init__(self, sentence: str, *, field: str | None = None) -> None:
        super().__init__(sentence)
        self.field = field


class NotAllowed(Rejected):
    """This person may not do this; `holder` is the Slack user's id of who has it instead, if somebody has."""

    def __init__(self, sentence: str, *, holder: str | None = None) -> None:
        super().__init__(sentence)
        self.holder = holder


class NotFound(Rejected):
    """There is no such thing."""


class Stale(Rejected):
    """What they saw has changed since."""


class IllegalMove(Rejected):
    """The thing isn't in a state in which this can be done."""


class Misconfigured(Exception):
    """A setting is missing or unsafe; the message names it and says what to do."""
