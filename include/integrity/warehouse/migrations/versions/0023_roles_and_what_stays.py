"""Roles, each with no more than its part of the work; and what was released or found stays as it was.

Roles belong to the whole server, so several warehouses on one server share them; what each may do is granted in each.
"""

from __future__ import annotations

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_ROLES = ("loader", "gate", "reader", "steward", "auditor", "pipeline")
_MEMBERS = (("reader", "steward"), ("loader", "pipeline"), ("gate", "pipeline"))
"""Each role and one that may all that it may."""

_MAKE_ROLES = """
    DO $$
    DECLARE
        statement text;
        refused text := '';
    BEGIN
        FOR statement IN
            SELECT format('CREATE ROLE %I NOLOGIN', name) FROM unnest(ARRAY[{roles}]) name
            WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
            UNION ALL
            SELECT format('GRANT %I TO %I', granted[1], granted[2])
            FROM (VALUES {members}) AS each(granted)
            WHERE NOT EXISTS (
                SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles o ON o.oid = m.member
                WHERE r.rolname = granted[1] AND o.rolname = granted[2]
            )
            ORDER BY 1  -- Roles before what is granted to them.
        LOOP
            BEGIN
                EXECUTE statement;
            EXCEPTION
                -- Another warehouse of this server was migrated in the same moment.
                WHEN duplicate_object OR unique_violation THEN NULL;
                WHEN insufficient_privilege OR undefined_object THEN refused := refused || statement || '; ';
            END;
        END LOOP;
        IF refused <> '' THEN
            RAISE insufficient_privilege USING
                MESSAGE = format('%I may not make the roles that are missing', current_user),
                HINT = 'Have whoever runs the server type: ' || trim(refused);
        END IF;
    END $$"""

_RECEIVED = "register.submission, register.unidentified, register.pulled, register.delivered, register.landing"
_JUDGED = "register.judgement, register.finding, register.profile, register.assessment"
_TOLD = "register.issue, register.occurrence, register.conversation, register.told_in, register.outbox"

_GRANTS = (
    # Takes files in, and lands their rows. What landed cannot be changed by anybody: see the triggers.
    "GRANT USAGE ON SCHEMA register, landing, published TO integrity_loader",
    "GRANT SELECT ON ALL TABLES IN SCHEMA register, landing, published TO integrity_loader",
    f"GRANT INSERT ON {_RECEIVED}, register.landing_attempt, register.audit_event TO integrity_loader",
    "GRANT UPDATE ON register.pulled, register.delivered, register.landing_attempt TO integrity_loader",
    "GRANT DELETE ON register.landing_attempt TO integrity_loader",
    "GRANT INSERT, DELETE ON ALL TABLES IN SCHEMA landing TO integrity_loader",
    # Judges, releases, and keeps the register. A candidate lies in a schema of the run's own.
    "GRANT USAGE ON SCHEMA register, landing, published, secret TO integrity_gate",
    "GRANT SELECT ON ALL TABLES IN SCHEMA register, landing, published TO integrity_gate",
    f"GRANT INSERT ON {_JUDGED}, {_TOLD}, register.release, register.waiver TO integrity_gate",
    "GRANT INSERT ON register.audit_event, register.audit_seal TO integrity_gate",
    "GRANT DELETE ON register.judgement TO integrity_gate",
    "GRANT UPDATE (subject) ON register.judgement TO integrity_gate",
    "GRANT UPDATE (superseded_at) ON register.release TO integrity_gate",
    "GRANT UPDATE (revoked_at, revoked_by, revoked_because) ON register.waiver TO integrity_gate",
    f"GRANT UPDATE ON register.profile, {_TOLD} TO integrity_gate",
    "GRANT SELECT, INSERT ON secret.hashing_key TO integrity_gate",
    "GRANT USAGE, CREATE ON SCHEMA marts TO integrity_gate",
    # Reads what is published, and what the register says of it; no row that was set aside.
    "GRANT USAGE ON SCHEMA register, published, marts TO integrity_reader",
    "GRANT SELECT ON ALL TABLES IN SCHEMA published, marts TO integrity_reader",
    "GRANT SELECT ON register.submissions, register.findings, register.issues, register.releases TO integrity_reader",
    # What the reader may; answers issues, lets pass in writing, and looks at what was set aside.
    "GRANT USAGE ON SCHEMA landing TO integrity_steward",
    "GRANT SELECT ON ALL TABLES IN SCHEMA register, landing TO integrity_steward",
    "GRANT INSERT ON register.audit_event, register.audit_seal, register.waiver, register.outbox TO integrity_steward",
    "GRANT UPDATE ON register.issue, register.occurrence TO integrity_steward",
    "GRANT INSERT ON register.occurrence TO integrity_steward",
    "GRANT UPDATE (subject) ON register.judgement TO integrity_steward",
    "GRANT UPDATE (revoked_at, revoked_by, revoked_because) ON register.waiver TO integrity_steward",
    # Sees all that was decided, and no cell.
    "GRANT USAGE ON SCHEMA register TO integrity_auditor",
    "GRANT SELECT ON ALL TABLES IN SCHEMA register TO integrity_auditor",
)

_ON_THIS_DATABASE = """
    DO $$ BEGIN EXECUTE format('{} ON DATABASE %I {}', current_database()); END $$"""
"""The database's name is known only where the statement runs."""
_OF_THE_GATE = "CREATE, TEMPORARY"
"""A run makes its candidate in a schema of its own, and dbt builds a mart by way of a temporary table."""

_LATER = (
    # Dependencies and marts that come later.
    "IN SCHEMA landing GRANT SELECT, INSERT, DELETE ON TABLES TO integrity_loader",
    "IN SCHEMA landing GRANT SELECT ON TABLES TO integrity_gate, integrity_steward",
    "IN SCHEMA published GRANT SELECT ON TABLES TO integrity_loader, integrity_gate, integrity_reader",
    "IN SCHEMA marts GRANT SELECT ON TABLES TO integrity_reader",
)

_GUARDS = (
    """
    CREATE FUNCTION register.refuse_change_but_superseding() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.superseded_at IS NOT NULL OR to_jsonb(NEW) - 'superseded_at' <> to_jsonb(OLD) - 'superseded_at' THEN
            RAISE EXCEPTION 'register.release is a decision of its day: only superseding it is allowed';
        END IF;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER only_superseded BEFORE UPDATE ON register.release "
    "FOR EACH ROW EXECUTE FUNCTION register.refuse_change_but_superseding()",
    "CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON register.release "
    "FOR EACH STATEMENT EXECUTE FUNCTION register.refuse_change()",
    """
    CREATE FUNCTION register.refuse_other_verdict() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF to_jsonb(NEW) - 'subject' <> to_jsonb(OLD) - 'subject' THEN
            RAISE EXCEPTION 'register.judgement is what a gate said: it is judged again, and not changed';
        END IF;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER only_judged_again BEFORE UPDATE ON register.judgement "
    "FOR EACH ROW EXECUTE FUNCTION register.refuse_other_verdict()",
    "CREATE TRIGGER append_only BEFORE TRUNCATE ON register.judgement "
    "FOR EACH STATEMENT EXECUTE FUNCTION register.refuse_change()",
    """
    CREATE FUNCTION register.refuse_loss_of_finding() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        -- With its judgement, which another one replaces, it goes; the audit trail keeps what was said.
        IF EXISTS (SELECT FROM register.judgement WHERE id = OLD.judgement_id) THEN
            RAISE EXCEPTION 'register.finding is what a gate said: it goes with its judgement only';
        END IF;
        RETURN OLD;
    END $$""",
    "CREATE TRIGGER goes_with_its_judgement BEFORE DELETE ON register.finding "
    "FOR EACH ROW EXECUTE FUNCTION register.refuse_loss_of_finding()",
    "CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON register.finding "
    "FOR EACH STATEMENT EXECUTE FUNCTION register.refuse_change()",
)

_TRIGGERS = {
    "release": ("only_superseded", "append_only"),
    "judgement": ("only_judged_again", "append_only"),
    "finding": ("goes_with_its_judgement", "append_only"),
}


def upgrade() -> None:
    roles = ", ".join(f"'integrity_{role}'" for role in _ROLES)
    members = ", ".join(f"(ARRAY['integrity_{granted}', 'integrity_{to}'])" for granted, to in _MEMBERS)
    op.execute(_MAKE_ROLES.format(roles=roles, members=members))
    for grant in _GRANTS:
        op.execute(grant)
    for rule in _LATER:
        op.execute(f"ALTER DEFAULT PRIVILEGES {rule}")
    # Stated, since a database may be closed to all but those who are let in.
    op.execute(_ON_THIS_DATABASE.format("GRANT CONNECT", f"TO {_all_roles()}"))
    op.execute(_ON_THIS_DATABASE.format(f"GRANT {_OF_THE_GATE}", "TO integrity_gate"))
    for guard in _GUARDS:
        op.execute(guard)


def downgrade() -> None:
    for table, triggers in _TRIGGERS.items():
        for trigger in triggers:
            op.execute(f"DROP TRIGGER {trigger} ON register.{table}")
    for function in ("refuse_change_but_superseding", "refuse_other_verdict", "refuse_loss_of_finding"):
        op.execute(f"DROP FUNCTION register.{function}()")
    for rule in _LATER:
        op.execute("ALTER DEFAULT PRIVILEGES " + rule.replace("GRANT", "REVOKE").replace(" TO ", " FROM "))
    # The roles stay: another warehouse of this server may have them.
    roles = _all_roles()
    op.execute(_ON_THIS_DATABASE.format(f"REVOKE CONNECT, {_OF_THE_GATE}", f"FROM {roles}"))
    for schema in ("register", "landing", "published", "marts", "secret"):
        op.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {roles}")
        op.execute(f"REVOKE ALL ON SCHEMA {schema} FROM {roles}")


def _all_roles() -> str:
    return ", ".join(f"integrity_{role}" for role in _ROLES)
