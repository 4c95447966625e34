"""Profiles of accepted submissions, and of what was released before."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Select, func, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.orm import Session

from integrity.gates.profiling.hashing import Key
from integrity.gates.profiling.measuring import HASHING
from integrity.gates.profiling.profile import Profile
from integrity.warehouse.models import HashingKey, Judgement, ProfileRow, Release

_KEY_BYTES = 32
_UNSEEN = timedelta(minutes=10)
"""A release is stamped before it is committed, and seen by nobody in between."""


def hashing_key(session: Session) -> Key:
    """The secret under which values are hashed: made when it is first asked for, and the same for good."""
    query = select(HashingKey.key)
    found = session.scalar(query)
    if found is None:
        made = insert(HashingKey).values(id=1, key=secrets.token_bytes(_KEY_BYTES))
        session.execute(made.on_conflict_do_nothing())
        found = session.scalars(query).one()
    return Key(found)


def keep_profile(session: Session, landing: int, profile: Profile) -> None:
    """Keep what a landing looks like, in place of what was kept of it before."""
    kept = profile.to_json()
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
    told = {"hashing": profile.hashing, "digest": digest, "profile": kept, "profiled_at": datetime.now(UTC)}
    added = insert(ProfileRow).values(landing_id=landing, **told)
    session.execute(added.on_conflict_do_update(index_elements=["landing_id"], set_=told))


def kept_profiles(session: Session, landings: Iterable[int]) -> dict[int, Profile]:
    """By landing, the profiles that can be compared with one made now; others have to be made anew."""
    query = select(ProfileRow).where(ProfileRow.landing_id.in_(list(landings)), ProfileRow.hashing == HASHING)
    return {row.landing_id: Profile.from_json(row.profile) for row in session.scalars(query)}


def released_before(session: Session, dependency: str, period: date, most: int) -> dict[str, list[tuple[date, int]]]:
    """By supplier, the landings that are released for the last periods before this one, the earliest first.

    Args:
        most: Periods of a supplier.
    """
    query = select(Release.supplier, Release.period, Release.landing_id).where(
        Release.id.in_(_last_releases(dependency, period, most))
    )
    found: dict[str, list[tuple[date, int]]] = {}
    for supplier, day, landing in session.execute(query.order_by(Release.supplier, Release.period)).all():
        found.setdefault(supplier, []).append((day, landing))
    return found


def history_digests(session: Session, dependency: str, period: date, most: int) -> dict[str, str]:
    """By supplier, a hash of what ``released_before`` gives: of the periods, and of what they look like."""
    seen = func.concat(Release.period, " ", ProfileRow.digest)
    query = (
        select(Release.supplier, func.md5(func.string_agg(seen, aggregate_order_by(literal("\n"), Release.period))))
        .outerjoin(ProfileRow, ProfileRow.landing_id == Release.landing_id)
        .where(Release.id.in_(_last_releases(dependency, period, most)))
        .group_by(Release.supplier)
    )
    return {str(supplier): str(digest) for supplier, digest in session.execute(query).all()}


def _last_releases(dependency: str, period: date, most: int) -> Select[tuple[int]]:
    nearness = func.row_number().over(partition_by=Release.supplier, order_by=Release.period.desc())
    ranked = (
        select(Release.id, nearness.label("nearness"))
        .where(Release.dependency == dependency, Release.period < period, Release.superseded_at.is_(None))
        .subquery()
    )
    return select(ranked.c.id).where(ranked.c.nearness <= most)


def judged_before_release(session: Session, dependency: str, period: date, gate: str) -> list[tuple[date, str]]:
    """Later periods, with the subject of a gate's answer, that may not have seen what is released for this one.

    Those are the ones that were judged before its release changed, or so soon after that it need not have been there.
    """
    changed = select(func.max(func.greatest(Release.released_at, Release.superseded_at))).where(
        Release.dependency == dependency, Release.period == period
    )
    query = select(Judgement.period, Judgement.subject).where(
        Judgement.dependency == dependency,
        Judgement.period > period,
        Judgement.gate == gate,
        Judgement.judged_at < changed.scalar_subquery() + _UNSEEN,
    )
    return [(later, subject) for later, subject in session.execute(query.order_by(Judgement.period)).all()]
