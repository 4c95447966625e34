"""Settings, from the environment; nothing here touches the disk or the network."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from integrity.errors import Misconfigured

MEMBER_ID = r"[UW][A-Z0-9]{2,}"
"""How Slack writes who somebody is."""

PROJECT_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where things are.

    Attributes:
        home: State of this checkout: databases, archive, inbox, logs (``INTEGRITY_HOME``).
        database_url: The warehouse (``INTEGRITY_DATABASE_URL``); None means the embedded server under ``home``.
        dependencies: One folder per key data dependency (``INTEGRITY_DEPENDENCIES``).
        inbox: Laid out ``<dependency>/<supplier>/<file>`` (``INTEGRITY_INBOX``).
        outbox: Feedback to suppliers, laid out like the inbox (``INTEGRITY_OUTBOX``).
        audit_heads_file: What is published of the audit trail (``INTEGRITY_AUDIT_HEADS``); under ``home`` if None.
        archive: Files exactly as received, under their hash (``INTEGRITY_ARCHIVE_URL``).
        sponsor: Who is accountable for integrity in the whole entity, as ``Name <address>`` (``INTEGRITY_SPONSOR``);
            with the owner, they waive failures of the most important data.
        sponsor_slack: Their member id in Slack (``INTEGRITY_SPONSOR_SLACK``).
        policy: What each importance class calls for.
        tries_alerts: Whether ``watch`` sends a trial to every place where news goes, once a day
            (``INTEGRITY_ALERTS_CANARY``).
        dbt_project: The dbt project that judges relations and builds marts.
    """

    home: Path
    database_url: str | None
    dependencies: Path
    inbox: Path
    outbox: Path
    archive: Path
    sponsor: str | None = None
    sponsor_slack: str | None = None
    policy: Path = PROJECT_ROOT / "include" / "policy.yml"
    dbt_project: Path = PROJECT_ROOT / "dbt_project"
    audit_heads_file: Path | None = None
    tries_alerts: bool = False

    @property
    def audit_heads(self) -> Path:
        return self.audit_heads_file or self.home / "audit_heads.log"

    @property
    def dbt_cache(self) -> Path:
        """Where dbt's parsed project is kept between runs, a file for each dependency."""
        return self.home / "dbt"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings; a relative path is taken from the project's root, so every process agrees.

        Raises:
            Misconfigured: A setting cannot be used; the text names it and the mend.
        """
        env = os.environ if environment is None else environment

        def path(name: str, default: Path) -> Path:
            given = env.get(name, "").strip()
            return (PROJECT_ROOT / Path(given).expanduser()).resolve() if given else default

        home = path("INTEGRITY_HOME", PROJECT_ROOT / ".integrity")
        return cls(
            home=home,
            database_url=_checked_database_url(env.get("INTEGRITY_DATABASE_URL", "").strip()),
            dependencies=path("INTEGRITY_DEPENDENCIES", PROJECT_ROOT / "include" / "dependencies"),
            inbox=path("INTEGRITY_INBOX", home / "inbox"),
            outbox=path("INTEGRITY_OUTBOX", home / "outbox"),
            archive=_archive_folder(env.get("INTEGRITY_ARCHIVE_URL", "").strip(), home / "archive"),
            sponsor=env.get("INTEGRITY_SPONSOR", "").strip() or None,
            sponsor_slack=_member_id("INTEGRITY_SPONSOR_SLACK", env),
            tries_alerts=_switched("INTEGRITY_ALERTS_CANARY", env),
            audit_heads_file=path("INTEGRITY_AUDIT_HEADS", home / "audit_heads.log"),
        )


def _member_id(name: str, env: Mapping[str, str]) -> str | None:
    given = env.get(name, "").strip()
    if given and not re.fullmatch(MEMBER_ID, given):
        raise Misconfigured(f"{name} is '{given}'. Write the member id that Slack shows in a person's profile: U….")
    return given or None


def _switched(name: str, env: Mapping[str, str]) -> bool:
    given = env.get(name, "").strip().lower()
    if given not in ("", "yes", "no"):
        raise Misconfigured(f"{name} is '{given}'. Write yes or no.")
    return given == "yes"


def _checked_database_url(url: str) -> str | None:
    if not url:
        return None
    scheme = urlsplit(url).scheme.split("+")[0]
    if scheme not in {"postgresql", "postgres"}:
        raise Misconfigured(
            f"INTEGRITY_DATABASE_URL begins with '{scheme}:': the warehouse is a PostgreSQL 14 or later. "
            "Write it as postgresql://user:password@host:5432/database."
        )
    return "postgresql:" + url.split(":", 1)[1]


def _archive_folder(url: str, default: Path) -> Path:
    if not url:
        return default
    parts = urlsplit(url)
    if parts.scheme not in {"", "file"}:
        raise Misconfigured(
            f"INTEGRITY_ARCHIVE_URL begins with '{parts.scheme}:': this version archives to folders only. "
            "Give a path or a file:// URL."
        )
    return (PROJECT_ROOT / Path(parts.path if parts.scheme else url).expanduser()).resolve()
