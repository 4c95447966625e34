"""The register's tables. Readers use the views in ``register`` (submissions, findings, issues, releases, audit)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA = "register"


class Base(DeclarativeBase):
    metadata = MetaData(
        schema=SCHEMA,
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        },
    )
    type_annotation_map = {  # noqa: RUF012
        str: Text,
        date: Date,
        datetime: DateTime(timezone=True),
        int: BigInteger,
        bool: Boolean,
        dict[str, Any]: JSONB,
        list[str]: ARRAY(Text),
        list[int]: ARRAY(Integer),
    }


def _id() -> Mapped[int]:
    return mapped_column(BigInteger, Identity(always=True), primary_key=True)


class Submission(Base):
    """One received file that could be identified; never changed."""

    __tablename__ = "submission"
    __table_args__ = (
        UniqueConstraint("dependency", "supplier", "period", "sha256"),
        UniqueConstraint("dependency", "supplier", "period", "revision"),
    )

    id: Mapped[int] = _id()
    dependency: Mapped[str]
    supplier: Mapped[str]
    period: Mapped[date]
    revision: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(index=True)
    file_name: Mapped[str]
    size_bytes: Mapped[int]
    received_at: Mapped[datetime]


class Unidentified(Base):
    """A received file whose supplier or period cannot be told; it is archived and somebody must look."""

    __tablename__ = "unidentified"
    __table_args__ = (UniqueConstraint("dependency", "supplier", "sha256"),)

    id: Mapped[int] = _id()
    dependency: Mapped[str]
    supplier: Mapped[str]
    sha256: Mapped[str]
    file_name: Mapped[str]
    size_bytes: Mapped[int]
    reason: Mapped[str]
    received_at: Mapped[datetime]


class Pulled(Base):
    """A version of a file that was fetched from a source; kept so that it is not fetched again, and cleared there once.

    Only an economy: the same bytes fetched again would be acknowledged as a duplicate.
    """

    __tablename__ = "pulled"
    __table_args__ = (UniqueConstraint("dependency", "supplier", "source", "remote_name", "version"),)

    id: Mapped[int] = _id()
    dependency: Mapped[str]
    supplier: Mapped[str]
    source: Mapped[str] = mapped_column(comment="Kind, host and place; no credentials")
    remote_name: Mapped[str]
    version: Mapped[str] = mapped_column(comment="ETag, or time of change and size")
    sha256: Mapped[str]
    size_bytes: Mapped[int]
    pulled_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None] = mapped_column(comment="When it was archived or deleted at the source")


class Delivered(Base):
    """A file of a supplier's feedback as it lies at the place that the supplier shares with us."""

    __tablename__ = "delivered"
    __table_args__ = (UniqueConstraint("dependency", "supplier", "place", "name"),)

    id: Mapped[int] = _id()
    dependency: Mapped[str]
    supplier: Mapped[str]
    place: Mapped[str] = mapped_column(comment="Kind, connection and place; no credentials")
    name: Mapped[str]
    sha256: Mapped[str]
    delivered_at: Mapped[datetime]


class Landing(Base):
    """One writing of a submission's rows under one state of the rules; the rows carry its id and never change."""

    __tablename__ = "landing"
    __table_args__ = (UniqueConstraint("submission_id", "fingerprint"),)

    id: Mapped[int] = _id()
    submission_id: Mapped[int] = mapped_column(ForeignKey("register.submission.id"))
    fingerprint: Mapped[str]
    accepted: Mapped[int]
    quarantined: Mapped[int]
    landed_at: Mapped[datetime]


class LandingAttempt(Base):
    """A large landing whose rows are being written; gone once it is registered, or what a killed one left is swept."""

    __tablename__ = "landing_attempt"

    id: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, autoincrement=False, comment="What register.landing will have"
    )
    dependency: Mapped[str]
    submission_id: Mapped[int] = mapped_column(ForeignKey("register.submission.id"))
    started_at: Mapped[datetime]
    abandoned: Mapped[bool] = mapped_column(comment="Being swept; can not be registered any more")


class ProfileRow(Base):
    """What a landing's accepted rows look like, in figures that tell no cell."""

    __tablename__ = "profile"

    landing_id: Mapped[int] = mapped_column(ForeignKey("register.landing.id"), primary_key=True, autoincrement=False)
    hashing: Mapped[str] = mapped_column(comment="Those of another one are made anew")
    digest: Mapped[str] = mapped_column(comment="Hash of the profile")
    profile: Mapped[dict[str, Any]] = mapped_column(comment="Figures that tell no cell")
    profiled_at: Mapped[datetime]


class HashingKey(Base):
    """The secret under which profiles' values are hashed. In a schema of its own, which no reader is let into."""

    __tablename__ = "hashing_key"
    __table_args__ = (CheckConstraint("id = 1", name="hashing_key_id_check"), {"schema": "secret"})

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    key: Mapped[bytes]


class Judgement(Base):
    """The latest answer of one gate on a submission (structure) or a period (the other gates)."""

    __tablename__ = "judgement"
    __table_args__ = (
        Index("judgement_subject_key", "dependency", "period", "gate", text("coalesce(submission_id, 0)"), unique=True),
    )

    id: Mapped[int] = _id()
    dependency: Mapped[str]
    period: Mapped[date]
    gate: Mapped[str]
    submission_id: Mapped[int | None] = mapped_column(ForeignKey("register.submission.id"))
    landing_id: Mapped[int | None] = mapped_column(ForeignKey("register.landing.id"))
    verdict: Mapped[str]
    rows: Mapped[int | None]
    accepted: Mapped[int | None]
    quarantined: Mapped[int | None]
    units: Mapped[list[str] | None]
    shape: Mapped[dict[str, Any] | None] = mapped_column(comment="What the file looks like; no text of the supplier's")
    blanks: Mapped[dict[str, Any] | None] = mapped_column(comment="Blank cells by column, of all rows read")
    subject: Mapped[str] = mapped_column(comment="Hash of what was judged: rules, rows, neighbours")
    run: Mapped[str]
    judged_at: Mapped[datetime]


class FindingRow(Base):
    """One rule's outcome within a judgement; passed rules too, so that it is on record that they were asked."""

    __tablename__ = "finding"

    id: Mapped[int] = _id()
    judgement_id: Mapped[int] = mapped_column(ForeignKey("register.judgement.id", ondelete="CASCADE"), index=True)
    rule: Mapped[str]
    kind: Mapped[str]
    dimension: Mapped[str]
    limitations: Mapped[list[str]]
    severity: Mapped[str]
    supplier: Mapped[str | None]
    column: Mapped[str | None]
    verdict: Mapped[str]
    evaluated: Mapped[int]
    failed: Mapped[int]
    rows: Mapped[list[int]]
    message: Mapped[str]
    mend: Mapped[str]
    not_judged: Mapped[str]
    weight: Mapped[float | None] = mapped_column(comment="Part of the whole that failed, by its usual weight")


class Release(Base):
    """The decision that a submission's rows are the published ones for its supplier and period."""

    __tablename__ = "release"
    __table_args__ = (
        Index(
            "release_current_key",
            "dependency",
            "supplier",
            "period",
            unique=True,
            postgresql_where=text("superseded_at IS NULL"),
        ),
        Index("release_landing_idx", "landing_id"),
    )

    id: Mapped[int] = _id()
    dependency: Mapped[str]
    supplier: Mapped[str]
    period: Mapped[date]
    submission_id: Mapped[int] = mapped_column(ForeignKey("register.submission.id"))
    landing_id: Mapped[int] = mapped_column(ForeignKey("register.landing.id"))
    verdict: Mapped[str]
    rows: Mapped[int]
    quarantined: Mapped[int]
    run: Mapped[str]
    released_at: Mapped[datetime]
    superseded_at: Mapped[datetime | None]
    waivers: Mapped[list[str]] = mapped_column(
        server_default="{}", comment="References of the waivers without which it would have been blocked"
    )
    units_expected: Mapped[int | None] = mapped_column(
        comment="Reporting units of the period; null where no list says which"
    )
    units_missing: Mapped[int | None] = mapped_column(comment="Of these, those that no submission names")
    weight_missing: Mapped[float | None] = mapped_column(comment="The same as a part of the whole, by usual weight")
    blanks: Mapped[dict[str, Any] | None] = mapped_column(
        comment="Blank cells by column, of all rows read; null where it was not counted"
    )


class Issue(Base):
    """A problem that somebody owns, keyed by dependency, rule and supplier ('' where it is the period's)."""

    __tablename__ = "issue"
    __table_args__ = (
        Index(
            "issue_open_key",
            "dependency",
            "rule",
            "supplier",
            unique=True,
            postgresql_where=text("status <> 'closed'"),
        ),
        Index("issue_place_idx", "place", "due_on", "id"),
    )

    id: Mapped[int] = _id()
    dependency: Mapped[str]
    rule: Mapped[str]
    supplier: Mapped[str]
    dimension: Mapped[str]
    impact: Mapped[str]
    status: Mapped[str]
    owner: Mapped[str]
    description: Mapped[str]
    raised_on: Mapped[datetime]
    raised_by: Mapped[str]
    due_on: Mapped[date]
    root_cause: Mapped[str | None]
    resolution: Mapped[str | None]
    closed_on: Mapped[datetime | None]
    escalated: Mapped[int] = mapped_column(
        SmallInteger, server_default="0", default=0, comment="Steps taken since its answer is overdue"
    )
    explained_by: Mapped[int | None] = mapped_column(
        ForeignKey("register.issue.id"),
        index=True,
        comment="The issue that this one comes of, as far as the gates can tell",
    )
    place: Mapped[int] = mapped_column(
        SmallInteger,
        Computed(
            "CASE status WHEN 'closed' THEN 20 WHEN 'resolved' THEN 10 ELSE 0 END"
            " + CASE WHEN explained_by IS NULL THEN 0 ELSE 5 END"
            " + CASE impact WHEN 'high' THEN 0 WHEN 'medium' THEN 1 ELSE 2 END",
            persisted=True,
        ),
        comment="In a list that begins with the worst: what is closed last, what comes of another after its cause",
    )
    merged_into: Mapped[int | None] = mapped_column(
        ForeignKey("register.issue.id"), comment="The issue that this one is part of from now on"
    )

    @property
    def reference(self) -> str:
        """The number that people quote."""
        return f"IG-{self.id:05d}"


class Occurrence(Base):
    """One period that shows an issue's problem; open until the period is cured."""

    __tablename__ = "occurrence"
    __table_args__ = (UniqueConstraint("issue_id", "period"),)

    id: Mapped[int] = _id()
    issue_id: Mapped[int] = mapped_column(ForeignKey("register.issue.id"))
    period: Mapped[date | None]
    verdict: Mapped[str]
    evaluated: Mapped[int]
    failed: Mapped[int]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class Conversation(Base):
    """What one reader sees in one place: a first message and what follows upon it, of one issue or of several."""

    __tablename__ = "conversation"

    id: Mapped[int] = _id()
    route: Mapped[str] = mapped_column(comment="How and where to, such as slack:#channel or email:address")
    thread: Mapped[str | None] = mapped_column(comment="Id of its first message, where the place gives one")


class ToldIn(Base):
    """In which conversation an issue is told of on a route."""

    __tablename__ = "told_in"

    issue_id: Mapped[int] = mapped_column(ForeignKey("register.issue.id"), primary_key=True, autoincrement=False)
    route: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("register.conversation.id"), index=True)


class OutboxMessage(Base):
    """News that somebody must get; written with what it tells of, delivered afterwards."""

    __tablename__ = "outbox"
    __table_args__ = (Index("outbox_waiting_idx", "id", postgresql_where=text("delivered_at IS NULL")),)

    id: Mapped[int] = _id()
    issue_id: Mapped[int] = mapped_column(ForeignKey("register.issue.id"), index=True)
    route: Mapped[str]
    kind: Mapped[str]
    content: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer, server_default="0", default=0)
    last_error: Mapped[str | None]
    next_try_at: Mapped[datetime | None] = mapped_column(comment="Not before; null: at once")
    told_as: Mapped[int | None] = mapped_column(comment="The first of those that are told in one message")


class AuditEvent(Base):
    """Who did what, when; append-only, as the database itself enforces."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("audit_event_issue_idx", "issue_id", "id", postgresql_where=text("issue_id IS NOT NULL")),
        Index("audit_event_submission_idx", "submission_id", "id", postgresql_where=text("submission_id IS NOT NULL")),
        Index("audit_event_configured_idx", "dependency", "id", postgresql_where=text("event = 'configured'")),
    )

    id: Mapped[int] = _id()
    at: Mapped[datetime]
    actor: Mapped[str]
    event: Mapped[str]
    dependency: Mapped[str]
    period: Mapped[date | None]
    submission_id: Mapped[int | None]
    issue_id: Mapped[int | None]
    details: Mapped[dict[str, Any]]


class AuditSeal(Base):
    """What an event said when it was sealed, and all seals before it, as one hash."""

    __tablename__ = "audit_seal"

    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event_id: Mapped[int] = mapped_column(ForeignKey("register.audit_event.id"), unique=True)
    hash: Mapped[bytes]


class Waiver(Base):
    """A named person's dated, reasoned acceptance that a rule fails; nothing of it changes but its revocation."""

    __tablename__ = "waiver"
    __table_args__ = (Index("waiver_dependency_idx", "dependency", "expires_on"),)

    id: Mapped[int] = _id()
    dependency: Mapped[str]
    issue_id: Mapped[int] = mapped_column(ForeignKey("register.issue.id"))
    rule: Mapped[str]
    supplier: Mapped[str | None] = mapped_column(comment="Null: of every supplier, or of the period as a whole")
    periods_from: Mapped[date]
    periods_until: Mapped[date]
    expires_on: Mapped[date] = mapped_column(comment="The last day on which it lets anything pass")
    reason: Mapped[str]
    waived_by: Mapped[list[str]]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str | None]
    revoked_because: Mapped[str | None]

    @property
    def reference(self) -> str:
        """The number that people quote."""
        return f"WV-{self.id:05d}"


class AssessmentRow(Base):
    """What came of planting errors, once, under one state of the rules; never changed, as the database enforces."""

    __tablename__ = "assessment"
    __table_args__ = (Index("assessment_dependency_idx", "dependency", "id"),)

    id: Mapped[int] = _id()
    dependency: Mapped[str]
    importance: Mapped[str]
    verdict: Mapped[str]
    seed: Mapped[int]
    per: Mapped[int] = mapped_column(Integer, comment="Submissions in which each error was planted")
    fingerprint: Mapped[str] = mapped_column(comment="Hash of all that decides a verdict")
    origin: Mapped[str] = mapped_column(comment="Where the submissions came from")
    planted: Mapped[int] = mapped_column(Integer)
    caught: Mapped[int] = mapped_column(Integer)
    missed: Mapped[int] = mapped_column(Integer, comment="Of the kinds that a gate at work could see")
    controls: Mapped[int] = mapped_column(Integer, comment="Files in which nothing was wrong")
    false_alarms: Mapped[int] = mapped_column(Integer)
    shortfalls: Mapped[list[str]] = mapped_column(comment="Targets missed, in sentences")
    report: Mapped[dict[str, Any]] = mapped_column(
        comment="Counts by dimension, limitation and kind of error; what was missed; no cell's value"
    )
    run: Mapped[str]
    assessed_by: Mapped[str]
    assessed_at: Mapped[datetime]

    @property
    def reference(self) -> str:
        """The number that people quote."""
        return f"AS-{self.id:05d}"
