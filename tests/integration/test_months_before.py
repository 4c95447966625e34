"""A trust's list held against its lists of the three months before: each rule once silent, once red."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

import pytest
from integrity.inventory.dependency import Neighbour
from integrity.pipeline.ingesting import ingest
from integrity.pipeline.office import Office
from pydantic import ValidationError

TRUSTS, SUPPLIER = "trust_spend", "WHIT"
MARCH, APRIL, MAY = date(2020, 3, 1), date(2020, 4, 1), date(2020, 5, 1)


class Payment(NamedTuple):
    amount: str
    payee: str = "Example Supplies Ltd"
    kind: str = "Drugs"
    area: str = "Pharmacy"


Judge = Callable[..., dict[str, tuple[str, int]]]


def listed(month: date, payments: list[Payment]) -> bytes:
    rows = [
        f"{day:02d}/{month:%m/%Y},{one.kind},{one.area},{one.payee},{month.month}{day:02d},{one.amount}"
        for day, one in enumerate(payments, 1)
    ]
    return "\r\n".join(["Date,Expense Type,Expense Area,Supplier,Transaction Number,Amount", *rows, ""]).encode()


@pytest.fixture
def judged(house: Any) -> Judge:
    """What the relations say of a month once Whittington's list has come for it: verdict and failed rows by rule."""

    def judge(period: date, *payments: Payment) -> dict[str, tuple[str, int]]:
        house.send(TRUSTS, listed(period, list(payments)), name=f"{period}.csv", supplier=SUPPLIER)
        ingest(Office.open(TRUSTS, house.settings), period, house.channels)
        return dict(house.relations(TRUSTS, period))

    return judge


USUAL = [Payment("30000.17"), Payment("41000.25"), Payment("28000.31", "Sample Builders Plc", "Works", "Estates")]
CREDIT = Payment("-30000.17")


@pytest.mark.parametrize(
    ("rule", "before", "sound", "wrong"),
    [
        pytest.param(
            "terms_in_their_column",
            USUAL,
            [Payment("27000.11", kind="Linen", area="Laundry")],
            [Payment("27000.11", kind="Pharmacy", area="Estates")],
            id="a kind of expense where the area stands",
        ),
        pytest.param(
            "filled_as_before",
            USUAL,
            [Payment("27000.11")],
            [Payment("27000.11", kind="")],
            id="a column that is blank",
        ),
        pytest.param("credits_as_before", USUAL, USUAL, [*USUAL, CREDIT], id="the first credit in months"),
        pytest.param(
            "credits_explained",
            [*USUAL, CREDIT],
            [Payment("31000.99", "Specimen Pharma Ltd"), Payment("-31000.99", "Specimen Pharma Ltd")],
            [Payment("31000.99", "Specimen Pharma Ltd"), Payment("-32000.99", "Specimen Pharma Ltd")],
            id="a credit that takes nothing back",
        ),
        pytest.param(
            "point_where_usual",
            USUAL,
            [Payment("300001.75")],
            [Payment("300001.70")],
            id="ten times what is usual, and no pence where there were",
        ),
        pytest.param(
            "first_payment_usual",
            USUAL,
            [Payment("40000.13", "Specimen Pharma Ltd")],
            [Payment("990000.13", "Specimen Pharma Ltd")],
            id="a new payee gets more than anybody",
        ),
    ],
)
def test_a_list_is_held_against_those_before(
    judged: Judge, rule: str, before: list[Payment], sound: list[Payment], wrong: list[Payment]
) -> None:
    assert judged(APRIL, *before)[rule][1] == 0
    assert judged(MAY, *sound)[rule][1] == 0
    assert judged(MAY, *wrong)[rule][0] == "WARN"


def test_a_credit_to_a_payee_who_had_one_as_large_is_explained(judged: Judge) -> None:
    judged(APRIL, *USUAL, CREDIT)
    assert judged(MAY, Payment("-52000.40"))["credits_explained"] == ("PASS", 0)
    assert judged(MAY, Payment("-92000.40"))["credits_explained"] == ("WARN", 1)


def test_small_credits_need_no_payment(judged: Judge) -> None:
    judged(APRIL, *USUAL, CREDIT)
    assert judged(MAY, Payment("-24999.99", "Specimen Pharma Ltd"))["credits_explained"][1] == 0


def test_what_came_two_months_before_is_enough(judged: Judge) -> None:
    judged(MARCH, *USUAL)
    assert judged(MAY, CREDIT)["credits_as_before"] == ("WARN", 1)


def test_the_first_list_of_all_is_not_judged(judged: Judge) -> None:
    found = judged(APRIL, *USUAL, Payment("-41000.25"))
    assert found["credits_as_before"] == ("no row carries what it would be held against", 0)
    assert found["first_payment_usual"] == ("no row carries what it would be held against", 0)
    assert found["credits_explained"] == ("PASS", 0)


def test_what_is_required_may_not_be_lacking() -> None:
    with pytest.raises(ValidationError, match="may not be lacking"):
        Neighbour(dependency=TRUSTS, periods_before=1, required=True, may_lack=True)
