"""A sender's claims and results in the database, one transaction each."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlmodel import Session

from core import db, settings
from core.clock import utc_now
from core.domain import retries
from core.domain import senders as senders_of
from core.domain.caps import next_midnight
from core.domain.channel import Outcome, Refused, Unknown
from core.domain.failures import UNSENDABLE
from core.domain.lifecycles import OUR_ERRORS
from core.domain.turns import Turns
from core.models import ChannelName
from core.models.dialect import alone, among_others
from core.settings import Settings
from core.usecases import caps, failover, recording, sending
from core.usecases.recording import Result
from core.usecases.sending import Claimed, Claims, Run

log = structlog.get_logger()

_NO_CAP = 1_000_000
_CLAIMS = "claims"
# Somebody else's claim takes milliseconds. Of one that is stuck we can't know whom it is for: nothing is claimed, and
# the drain tries again.
_PATIENCE_S = 2.0


class Ledger:
    """What a drain claims and records of its sender.

    Two claims at once don't see each other, so that somebody could get more than the caps allow. Those of one and the
    same blast can't be for the same person: they go on beside each other. Whatever may be waits for all of them, and
    lets none begin.
    """

    def __init__(self, sender: str) -> None:
        self._sender = sender
        self._turns = Turns[UUID]()
        self._is_crowded = True
        # What ran when this process last claimed alone. A run that was over by then won't come back: as long as there
        # is no other, nobody is left who claims of one that we don't see.
        self._seen: list[Run] = []
        self._provider = senders_of.provider_of(sender)
        self._is_probing = self._was_failing = False

    def claim(self, limit: int) -> Claims:
        """Claim what is urgent first, then a fair share of every running blast; what one leaves, others take.

        Raises:
            OperationalError: others' claims don't end; nothing was claimed.
        """
        claims = None if self._is_crowded else self._claim_beside(limit)
        return self._claim_alone(limit) if claims is None else claims

    def _claim_beside(self, limit: int) -> Claims | None:
        """Claim of the one blast that runs; returns None where others may claim for the same people."""
        with db.transaction() as session:
            among_others(session, _CLAIMS, patience_s=_PATIENCE_S)
            claims, now, runs = Claims(), utc_now(), sending.running(session)
            if len(runs) > 1 or runs != self._seen or sending.has_urgent(session, self._sender, now=now):
                return None
            self._take(claims, session, runs, limit, has_urgent=False, now=now)
        return claims

    def _claim_alone(self, limit: int) -> Claims:
        with db.transaction() as session:
            alone(session, _CLAIMS, patience_s=_PATIENCE_S)
            claims, now, runs = Claims(), utc_now(), sending.running(session)
            has_urgent = sending.has_urgent(session, self._sender, now=now)
            self._seen, self._is_crowded = runs, len(runs) > 1 or has_urgent
            self._take(claims, session, runs, limit, has_urgent=has_urgent, now=now)
        return claims

    def _take(
        self, claims: Claims, session: Session, runs: Sequence[Run], limit: int, *, has_urgent: bool, now: datetime
    ) -> None:
        config = settings.current()
        limit = self._may_try(session, config, limit, now)
        allowed = self._allowance(session, config, now)
        if has_urgent:
            self._add(claims, session, None, limit, now)
        lanes = self._turns.order([run.blast_id for run in runs])
        while lanes:
            left = min(limit, allowed) - len(claims)
            if left <= 0:
                break
            share = self._turns.share(lanes, left)
            taken = self._add(claims, session, lanes[0], share, now)
            segments = [claim.segments for claim in taken]
            self._turns.took(lanes.pop(0), segments, is_dry=taken.looked_at < share)
        self._spend(session, config, len(claims), now)
        if self._is_probing and claims:
            failover.trying(session, self._provider, now=now)

    def _add(self, claims: Claims, session: Session, lane: UUID | None, limit: int, now: datetime) -> Claims:
        config = settings.current()
        within = config.not_again_within(ChannelName.SMS)
        taken = sending.claim(
            session,
            lane,
            sender=self._sender,
            limit=limit,
            hourly_cap=config.max_per_recipient_per_hour,
            now=now,
            heard_since=now - within if within else None,
        )
        claims += taken
        claims.looked_at += taken.looked_at
        return taken

    def _may_try(self, session: Session, config: Settings, limit: int, now: datetime) -> int:
        """Return how many of `limit` may be tried: few while the provider fails and another one can take over."""
        if not config.standby:
            return limit
        most = failover.may_try(session, self._provider, now=now)
        self._is_probing = most is not None
        return limit if most is None else min(limit, most)

    def _allowance(self, session: Session, config: Settings, now: datetime) -> int:
        """Return how many texts may leave today; when none, its blasts wait for tomorrow, and their cards say so."""
        if not config.daily_cap:
            return _NO_CAP
        resets_at = next_midnight(config.daily_cap_zone, now)
        left = caps.allowance(session, self._sender, cap=config.daily_cap, resets_at=resets_at)
        if not left and (held := caps.hold_some(session, self._sender, until=resets_at)):
            log.warning("sender.day_is_over", held=held, resets_at=resets_at.isoformat())
        return left

    def _spend(self, session: Session, config: Settings, count: int, at: datetime) -> None:
        if config.daily_cap and count:
            caps.spend(session, self._sender, count=count, resets_at=next_midnight(config.daily_cap_zone, at))

    def release(self, claims: Sequence[Claimed]) -> None:
        """Give back what was not sent, to the day on which it was claimed."""
        with db.transaction() as session:
            returned = sending.release(session, claims)
            for at, count in Counter(returned).items():
                self._spend(session, settings.current(), -count, at)
        for claim in claims:
            if claim.blast_id is not None:
                self._turns.gave_back(claim.blast_id, claim.segments)

    def record(self, results: Sequence[Result]) -> None:
        """Write what the provider answered."""
        with db.transaction() as session:
            config = settings.current()
            recording.record(
                session, results, max_attempts=config.max_attempts, retry_after=config.retry_after, now=utc_now()
            )
            self._note_health(session, results)

    def take_sid(self, result: Result) -> None:
        """Take the provider's id of an accepted message from another row that holds it by mistake."""
        with db.transaction() as session:
            taken = recording.take_sid(session, result, now=utc_now())
        log.warning("sid.taken", delivery_id=result.claim.id, rows=taken)

    def _note_health(self, session: Session, results: Sequence[Result]) -> None:
        """Note failures, and the first success after them; that all is well needs no writing down."""
        outcomes = [result.outcome for result in results if not _is_ours(result.outcome)]
        # One that refuses a message for good is well.
        failed = [
            each
            for each in outcomes
            if isinstance(each, Unknown) or (isinstance(each, Refused) and retries.is_transient(each))
        ]
        if not failed and not (outcomes and (self._was_failing or self._is_probing)):
            return
        is_down = failover.note(
            session,
            self._provider,
            failed=len(failed),
            succeeded=len(outcomes) - len(failed),
            reason=_reason(failed[-1]) if failed else "",
            now=utc_now(),
        )
        if is_down:
            log.warning("provider.down", provider=self._provider)
        self._was_failing = bool(failed)


def _is_ours(outcome: Outcome) -> bool:
    """Tell whether what came of a message says nothing of the provider: it never got there, or we looked away."""
    if isinstance(outcome, Refused):
        return outcome.code == UNSENDABLE
    return isinstance(outcome, Unknown) and outcome.reason in OUR_ERRORS


def _reason(failed: Refused | Unknown) -> str:
    return failed.message if isinstance(failed, Refused) else failed.reason
