"""Lists held against the month before, and against each other: payments that two of them name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from integrity.pipeline.ingesting import ingest
from integrity.pipeline.office import Office

TRUSTS = "trust_spend"
APRIL, MAY = date(2020, 4, 1), date(2020, 5, 1)
Payment = tuple[int, str, str]
"""Number, day and amount of a payment to one made-up payee."""


def whittington(*payments: Payment) -> bytes:
    rows = [f"{day},Drugs,Pharmacy,Example Supplies Ltd,{number},{amount}" for number, day, amount in payments]
    return "\r\n".join(["Date,Expense Type,Expense Area,Supplier,Transaction Number,Amount", *rows, ""]).encode()


def croydon(*payments: Payment) -> bytes:
    rows = [
        f"Example Supplies Ltd,Facilities,{day},Pharmacy,Drugs,{number},{amount}" for number, day, amount in payments
    ]
    header = "Supplier,Department family,Date,Expense area,Expense type,Transaction Number,Amount"
    return "\r\n".join([header, *rows, ""]).encode()


@pytest.fixture
def judged(house: Any) -> Callable[..., dict[str, tuple[str, int]]]:
    """What the relations say of a month once these lists have come for it, by rule: verdict and failed rows."""

    def judge(period: date, **lists: bytes) -> dict[str, tuple[str, int]]:
        for supplier, content in lists.items():
            house.send(TRUSTS, content, name=f"{supplier} {period}.csv", supplier=supplier)
        ingest(Office.open(TRUSTS, house.settings), period, house.channels)
        return dict(house.relations(TRUSTS, period))

    return judge


FIRST, SECOND = (1, "03/04/2020", "30000.00"), (2, "30/04/2020", "41000.00")
OF_MAY = [(3, "04/05/2020", "26000.00"), (4, "05/05/2020", "30000.00"), (5, "06/05/2020", "27000.00")]
"""So many that a list with one of April is still the list of May."""


def test_a_payment_in_two_months_is_told_in_the_later_one(house: Any, judged: Any) -> None:
    before = judged(APRIL, WHIT=whittington(FIRST, SECOND))
    assert before["payment_listed_once"] == ("trust_spend has no release in the period before", 0)
    assert judged(MAY, WHIT=whittington(*OF_MAY))["payment_listed_once"] == ("PASS", 0)
    assert judged(MAY, WHIT=whittington(*OF_MAY, SECOND))["payment_listed_once"] == ("WARN", 1)
    assert "payment_listed_once" in {issue["rule"] for issue in house.open_issues()}


def test_the_later_month_is_judged_again_when_the_earlier_one_comes(judged: Any, house: Any) -> None:
    judged(MAY, WHIT=whittington(*OF_MAY, SECOND))
    judged(APRIL, WHIT=whittington(FIRST, SECOND))
    (row,) = house.query(
        "SELECT verdict, failed FROM register.findings WHERE rule = 'payment_listed_once' AND period = %s", MAY
    )
    assert (row["verdict"], row["failed"]) == ("WARN", 1)


def test_a_payment_in_the_lists_of_two_trusts_is_told_of_both(judged: Any) -> None:
    apart = judged(APRIL, WHIT=whittington(FIRST), CROY=croydon(SECOND))
    assert apart["payment_of_one_trust"] == ("PASS", 0)
    assert judged(APRIL, CROY=croydon(FIRST, SECOND))["payment_of_one_trust"] == ("WARN", 2)
