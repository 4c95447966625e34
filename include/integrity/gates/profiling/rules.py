"""The rules of the profiling gate, which every dependency has whose class calls for profiling."""

from __future__ import annotations

from integrity.findings import Rule


def _rule(name: str, kind: str, dimension: str, limitations: tuple[str, ...], message: str, mend: str) -> Rule:
    return Rule(
        name=name,
        kind=kind,
        dimension=dimension,
        limitations=limitations,
        severity="warn",
        message=message,
        mend=mend,
    )


VOLUME_USUAL = _rule(
    "volume_usual",
    "completeness",
    "completeness",
    ("3.1",),
    "The number of rows is not what earlier submissions lead one to expect.",
    "Check that the export is whole and holds no row twice; confirm the number if it is right.",
)
NULLS_USUAL = _rule(
    "nulls_usual",
    "completeness",
    "completeness",
    ("4.1", "4.2"),
    "More cells of a column are blank than in earlier submissions.",
    "Fill in what is missing; confirm it if there is nothing to report.",
)
NOUGHTS_USUAL = _rule(
    "noughts_usual",
    "completeness",
    "accuracy",
    ("4.1",),
    "More cells of a column are nought than in earlier submissions; missing figures may have been written as 0.",
    "Leave blank what is not known; confirm the noughts if they were counted.",
)
SIGNS_USUAL = _rule(
    "signs_usual",
    "domain_range",
    "accuracy",
    ("5.1", "9.8"),
    "A column holds other shares of negative numbers than in earlier submissions; its sign may have been turned.",
    "Check the sign of these figures; confirm them if they are right.",
)
CATEGORIES_NEW = _rule(
    "categories_new",
    "domain_range",
    "validity",
    ("5.1", "9.5", "9.12"),
    "A column with few values holds some that no earlier submission had.",
    "Correct mistyped codes; announce new ones.",
)
CATEGORIES_VANISHED = _rule(
    "categories_vanished",
    "completeness",
    "completeness",
    ("1.3", "1.6", "9.12"),
    "A value that every earlier submission had does not occur any more.",
    "Add the rows that are missing; announce a code that is no longer used.",
)
SCALE_KEPT = _rule(
    "scale_kept",
    "domain_range",
    "accuracy",
    ("5.1", "5.6", "9.8"),
    "A column's figures are many times larger or smaller than in earlier submissions.",
    "Look for a lost decimal sign or another unit; confirm the figures if they are right.",
)
LEVEL_USUAL = _rule(
    "level_usual",
    "domain_range",
    "accuracy",
    ("5.4", "5.5", "5.6", "9.12", "9.13"),
    "A column's figures have moved further than in earlier submissions.",
    "Check how the figures were made; confirm them, with the reason, if they are right.",
)
NOT_COPIED = _rule(
    "not_copied",
    "duplicate",
    "timeliness",
    ("1.4", "9.6"),
    "The file repeats what was submitted for an earlier period.",
    "Send the figures of this period.",
)
COLUMN_RENEWED = _rule(
    "column_renewed",
    "duplicate",
    "timeliness",
    ("8.1", "9.6"),
    "A column holds just what it held in the submission before, which it never did until now.",
    "Bring the column up to date; confirm it if nothing has changed.",
)
DIGITS_USUAL = _rule(
    "digits_usual",
    "field_structure",
    "accuracy",
    ("5.4", "9.3"),
    "More figures of a column are round than in earlier submissions; they may be estimates.",
    "Send the exact figures; say so if they are estimates.",
)
PEERS_ALIKE = _rule(
    "peers_alike",
    "business",
    "consistency",
    ("5.7", "5.10"),
    "The supplier's figures have moved in another way than those of the others.",
    "Check whether all is reported, in the same way as before; confirm it if it is.",
)

PROFILING_RULES = (
    VOLUME_USUAL,
    NULLS_USUAL,
    NOUGHTS_USUAL,
    SIGNS_USUAL,
    CATEGORIES_NEW,
    CATEGORIES_VANISHED,
    SCALE_KEPT,
    LEVEL_USUAL,
    NOT_COPIED,
    COLUMN_RENEWED,
    DIGITS_USUAL,
    PEERS_ALIKE,
)
