"""Rules of the trusts' lists of payments: one file a trust and month (or quarter), one row a line of a payment.

Source: lists published by each trust under the Open Government Licence v3.0, as collected by Rahal and Mohan (2024),
repository crahal/NHSSpend. The rules are as strict as the real lists allow; docs/trust_spend.md says what they found.
"""

from pathlib import Path

import pandera.polars as pa
import polars as pl
from integrity.gates.rules import rule, submission_rule
from pandera.api.polars.types import PolarsData

from .spelling import slips

THRESHOLD_POUNDS = 25_000
"""Payments from here on must be published, HM Treasury says; a payment's lines may each be smaller."""

UNUSUAL_POUNDS = 50_000_000
"""A line above this is rare enough to be looked at: the largest regular ones are payroll taxes, below five million."""

LEAST_ROWS = 20
"""A list of fewer payments may be anything; shares of it are not looked at. Real lists have 24 and more."""

MOST_CREDITS, MOST_ROUND, MOST_REPEATED, MOST_BLANK = 0.3, 0.5, 0.25, 0.2
"""Shares that no real list of 2019 and 2020 reaches: the highest are 17, 27, 22 and 1 per cent."""

MOST_SHARED = 0.15
"""Share of the rows whose amount, no round one, another payee has as well: no real list has more than nine per cent."""

OFTEN = 2
"""Rows in which a term stands that is known to be spelt right: a slip of the pen is not made twice."""

NO_ENTRY = {"missing_codes": {"0": "no entry in the ledger", "#N/A": "a spreadsheet found none"}}
"""What stands for an expense's kind or area that is not known."""

_ENTITIES = pl.read_csv(Path(__file__).parent / "reference" / "entities.csv", infer_schema=False)
_TRUST_OF = dict(zip(_ENTITIES["entity"].str.to_lowercase(), _ENTITIES["supplier"], strict=True))
_TEXTS = ["department", "entity", "expense_type", "expense_area", "payee", "description"]


def _trust() -> pl.Expr:
    """Code of the trust that the entity names; null where it is none that is known."""
    return pl.col("entity").str.to_lowercase().replace_strict(_TRUST_OF, default=None, return_dtype=pl.String)


def _months_from_period() -> pl.Expr:
    """How many months after the reporting month the row is dated; negative before it."""
    date, period = pl.col("date").dt, pl.col("_period").dt
    return (date.year() - period.year()) * 12 + (date.month().cast(pl.Int32) - period.month().cast(pl.Int32))


def _share(part: pl.Expr, most: float) -> list[pl.Expr]:
    """Whether a share of the rows is within its limit, and the share; not said of a short list."""
    share = part.fill_null(value=False).mean()
    return [pl.when(pl.len() >= LEAST_ROWS).then(share <= most).alias("holds"), share.alias("share")]


class Schema(pa.DataFrameModel):
    """One row: one line of a payment."""

    department: str = pa.Field(nullable=True, description="Department family, usually Department of Health")
    entity: str = pa.Field(nullable=True, description="The paying trust, as it names itself")
    date: pl.Datetime = pa.Field(description="Day of the payment, or of the invoice: see date_basis")
    date_basis: str = pa.Field(
        isin=["payment", "invoice", "accounting"],
        description="What the date is: of the payment; of the invoice; of a payment booked in the stated month",
    )
    expense_type: str = pa.Field(nullable=True, metadata=NO_ENTRY, description="Ledger's name for the kind of expense")
    expense_area: str = pa.Field(
        nullable=True, metadata=NO_ENTRY, description="Ledger's name for the part of the trust that spent it"
    )
    payee: str = pa.Field(description="Supplier: the paid firm, body or person; may be personal data")
    transaction_id: str = pa.Field(
        nullable=True, str_length={"max_value": 80}, description="The trust's number of the payment or invoice"
    )
    payee_reference: str = pa.Field(nullable=True, description="The payee's own number of the invoice")
    vat_registration: str = pa.Field(
        nullable=True, description="The payee's VAT number; a sole trader's is personal data"
    )
    description: str = pa.Field(
        nullable=True, str_length={"max_value": 200}, description="What was bought, in the ledger's words"
    )
    amount: pl.Float64 = pa.Field(metadata={"decimals": 2}, description="Pounds sterling; credits are negative")

    @rule(
        "paid_in_month",
        columns=["date", "date_basis"],
        kind="dependency",
        dimension="consistency",
        limitations=["9.6"],
        severity="warn",
        message="The payment is dated in another month than the list is for.",
        mend="Check the date; move the row to the list of its month, or say in which month it was booked.",
    )
    def paid_in_month(cls, frame: PolarsData) -> pl.LazyFrame:
        paid = pl.when(pl.col("date_basis") == "payment").then(_months_from_period() == 0)
        return frame.lazyframe.select(paid)

    @rule(
        "date_plausible",
        columns=["date"],
        kind="domain_range",
        dimension="accuracy",
        limitations=["5.1", "9.6"],
        severity="warn",
        message="The date lies more than a year before the reporting month, or more than two months after it.",
        mend="Check the year; confirm it if so old an invoice was indeed paid now.",
    )
    def date_plausible(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(_months_from_period().is_between(-12, 2))

    @rule(
        "over_threshold",
        columns=["amount", "transaction_id", "payee"],
        kind="business",
        dimension="validity",
        limitations=["1.4"],
        severity="warn",
        message="The payment's lines come to less than 25,000 pounds in all, so it need not be published.",
        mend="Check the amount and the transaction's number; leave the row out if both are right.",
    )
    def over_threshold(cls, frame: PolarsData) -> pl.LazyFrame:
        paid = pl.col("amount").clip(lower_bound=0).sum().over("payee", "transaction_id")
        return frame.lazyframe.select((pl.col("amount") < 0) | (paid >= THRESHOLD_POUNDS))

    @rule(
        "amount_usual",
        columns=["amount"],
        kind="domain_range",
        dimension="accuracy",
        limitations=["5.1"],
        severity="warn",
        message="The amount is above 50 million pounds, which is rare.",
        mend="Check for a slip of the decimal point; confirm the amount if it is right.",
    )
    def amount_usual(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("amount").abs() <= UNUSUAL_POUNDS)

    @rule(
        "transaction_identified",
        columns=["payee"],
        kind="completeness",
        dimension="completeness",
        limitations=["4.2", "9.7"],
        severity="warn",
        message="The row has no transaction number, so nobody can tell which payment it is.",
        mend="Give the number of the payment or invoice.",
    )
    def transaction_identified(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("transaction_id").is_not_null())

    @rule(
        "payee_named",
        columns=["payee"],
        kind="field_structure",
        dimension="validity",
        limitations=["5.1"],
        severity="warn",
        message="The payee is given as a number instead of a name.",
        mend="Write the payee's name.",
    )
    def payee_named(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("payee").str.contains(r"\p{L}"))

    @rule(
        "row_repeated",
        columns=["payee", "amount"],
        kind="duplicate",
        dimension="accuracy",
        limitations=["1.4"],
        severity="warn",
        message="The same row stands in the list more than once.",
        mend="Say whether these are separate payments; if not, leave only the first.",
    )
    def row_repeated(cls, frame: PolarsData) -> pl.LazyFrame:
        whole_row = pl.struct(pl.exclude("_row", "_period", "_latest"))
        return frame.lazyframe.select(whole_row.is_first_distinct())

    @rule(
        "one_line",
        columns=["payee"],
        kind="field_structure",
        dimension="validity",
        limitations=["5.1", "9.8"],
        severity="warn",
        message="A text runs over two lines, as when a table was copied out of a PDF: its words may be in disorder.",
        mend="Export the list from the ledger instead of the PDF.",
    )
    def one_line(cls, frame: PolarsData) -> pl.LazyFrame:
        broken = pl.any_horizontal([pl.col(column).str.contains("\n").fill_null(value=False) for column in _TEXTS])
        return frame.lazyframe.select(~broken)

    @rule(
        "entity_known",
        columns=["entity"],
        kind="domain_range",
        dimension="consistency",
        limitations=["9.5"],
        severity="warn",
        message="The entity is no known name of a trust.",
        mend="Write the trust's name as in earlier lists, or announce its new name.",
    )
    def entity_known(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(_trust().is_not_null())

    @rule(
        "one_trust",
        columns=["entity"],
        kind="dependency",
        dimension="consistency",
        limitations=["1.4"],
        severity="block",
        message="The list holds payments of another trust than its other rows.",
        mend="Send each trust's payments in a list of its own.",
    )
    def one_trust(cls, frame: PolarsData) -> pl.LazyFrame:
        trust = _trust()
        # The first of equally frequent ones: a verdict must not hang on the order in which a hash table gives them.
        return frame.lazyframe.select(trust == trust.drop_nulls().mode(maintain_order=True).first())

    @rule(
        "department_usual",
        columns=["department"],
        kind="domain_range",
        dimension="consistency",
        limitations=["5.1", "9.5"],
        severity="warn",
        message="The row names another department than nearly all others of the list.",
        mend="Check for a slip of the pen, or of the column; confirm the department if it is right.",
    )
    def department_usual(cls, frame: PolarsData) -> pl.LazyFrame:
        usual = pl.col("department").drop_nulls().mode(maintain_order=True).first()
        is_usual = pl.col("department") == usual
        return frame.lazyframe.select(pl.when(is_usual.mean() >= 0.8).then(is_usual))

    @rule(
        "text_printable",
        columns=["payee"],
        kind="field_structure",
        dimension="validity",
        limitations=["9.2", "9.8"],
        severity="warn",
        message="A text holds control characters, which nobody sees and which part what looks the same.",
        mend="Remove them; they come from copying out of another program.",
    )
    def text_printable(cls, frame: PolarsData) -> pl.LazyFrame:
        texts = [*_TEXTS, "transaction_id", "payee_reference", "vat_registration"]
        odd = [pl.col(text).str.contains(r"[\x00-\x08\x0b-\x1f\x7f]").fill_null(value=False) for text in texts]
        return frame.lazyframe.select(~pl.any_horizontal(odd))

    @rule(
        "spelt_as_others",
        columns=["expense_type"],
        kind="domain_range",
        dimension="validity",
        limitations=["5.1", "9.5"],
        severity="warn",
        message="The department, kind or area of the expense differs in one sign from one that other rows have.",
        mend="Spell it as in the other rows; confirm it if it is another one.",
    )
    def spelt_as_others(cls, frame: PolarsData) -> pl.LazyFrame:
        terms = frame.lazyframe.select("department", "expense_type", "expense_area").collect()
        slipped = [pl.col(column.name).is_in(slips(column, at_least=OFTEN)) for column in terms]
        return frame.lazyframe.select(~pl.any_horizontal(each.fill_null(value=False) for each in slipped))

    @submission_rule(
        "list_of_its_trust",
        columns=["entity"],
        kind="dependency",
        dimension="consistency",
        limitations=["1.4"],
        severity="warn",
        message="The list names another trust than the one that sent it.",
        mend="Find out whose list it is; have each trust send its own.",
    )
    def list_of_its_trust(cls, frame: PolarsData) -> pl.LazyFrame:
        named = _trust().drop_nulls().mode(maintain_order=True).first()
        return frame.lazyframe.select((named == pl.col("_supplier").first()).alias("holds"))

    @submission_rule(
        "credits_few",
        columns=["amount"],
        kind="domain_range",
        dimension="accuracy",
        limitations=["5.4", "9.12"],
        severity="block",
        message="More of the list are credits (negative) than of any real one; its sign may be turned.",
        mend="Export the list with payments as positive amounts and credits as negative ones.",
    )
    def credits_few(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(_share(pl.col("amount") < 0, MOST_CREDITS))

    @submission_rule(
        "amounts_exact",
        columns=["amount"],
        kind="field_structure",
        dimension="accuracy",
        limitations=["5.4", "9.3"],
        severity="warn",
        message="More than half of the amounts are whole hundreds; they may be rounded, or estimates.",
        mend="Send the amounts as they were paid, to the penny.",
    )
    def amounts_exact(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(_share(pl.col("amount") % 100 == 0, MOST_ROUND))

    @submission_rule(
        "amounts_vary",
        columns=["amount"],
        kind="duplicate",
        dimension="accuracy",
        limitations=["5.4", "9.13"],
        severity="warn",
        message="More than a quarter of the rows have the amount of the row above; it may have been copied down.",
        mend="Export the list again; confirm it if these are separate payments of the same amount.",
    )
    def amounts_vary(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(_share(pl.col("amount") == pl.col("amount").shift(1), MOST_REPEATED))

    @submission_rule(
        "amounts_own",
        columns=["amount", "payee"],
        kind="duplicate",
        dimension="accuracy",
        limitations=["5.4", "9.13"],
        severity="warn",
        message="Too many rows have the very amount that another payee has; amounts may have been copied down.",
        mend="Export the list again; confirm it if these are separate payments of the same amount.",
    )
    def amounts_own(cls, frame: PolarsData) -> pl.LazyFrame:
        is_round = (pl.col("amount") % 100 == 0) | (pl.col("amount") < 0)
        return frame.lazyframe.select(_share(~is_round & (pl.col("payee").n_unique().over("amount") > 1), MOST_SHARED))

    @submission_rule(
        "texts_filled",
        columns=["department", "entity", "expense_type", "expense_area"],
        kind="completeness",
        dimension="completeness",
        limitations=["4.1", "4.2"],
        severity="warn",
        message="Department, entity, kind or area of the expense is given in some rows and blank in more than a fifth.",
        mend="Fill it in; a list that does not give it at all need not.",
    )
    def texts_filled(cls, frame: PolarsData) -> pl.LazyFrame:
        blank = [pl.col(text).is_null().mean() for text in ("department", "entity", "expense_type", "expense_area")]
        most = pl.max_horizontal(pl.when(share < 1).then(share).otherwise(0) for share in blank)
        holds = pl.when(pl.len() >= LEAST_ROWS).then(most <= MOST_BLANK)
        return frame.lazyframe.select(holds.alias("holds"), most.alias("share"))
