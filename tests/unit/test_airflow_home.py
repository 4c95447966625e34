"""Airflow's configuration of this checkout: whose accounts there are, and that their passwords are nobody else's."""

from __future__ import annotations

import json
from pathlib import Path

from integrity.settings import Settings
from orchestration.airflow_home import airflow_environment, password


def users(settings: Settings, *accounts: str) -> str:
    environment = airflow_environment(
        settings, metadata_url="postgresql://a", warehouse_url="postgresql://w", port=1, accounts=accounts
    )
    return environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"]


def test_whoever_may_be_asked_has_an_account_that_administers_nothing(tmp_path: Path) -> None:
    settings = Settings.from_environment({"INTEGRITY_HOME": str(tmp_path)})
    assert users(settings) == "integrity:admin"
    assert users(settings, "a@x.org", "b@x.org") == "integrity:admin,a@x.org:user,b@x.org:user"


def test_a_password_is_made_once_for_each_account_and_read_by_this_user_only(tmp_path: Path) -> None:
    settings = Settings.from_environment({"INTEGRITY_HOME": str(tmp_path)})
    first, other = password(settings), password(settings, "a@x.org")
    assert first != other
    assert (password(settings), password(settings, "a@x.org")) == (first, other)
    path = tmp_path / "airflow" / "passwords.json"
    assert json.loads(path.read_text(encoding="utf-8")) == {"integrity": first, "a@x.org": other}
    assert path.stat().st_mode & 0o077 == 0
