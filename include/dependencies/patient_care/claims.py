"""What is claimed for care, and how each claim was settled."""

from functools import reduce
from operator import or_

import pandera.polars as pa
import polars as pl
from integrity.gates.rules import rule
from pandera.api.polars.types import PolarsData

from .common_rules import code_shape, entry_once, insurers_differ, not_after_period, row_once, stop_not_before_start
from .fields import ANY_SHARE, EXACT, ONE_IN_TWENTY, SNOMED, count, identifier, insurer, money, text

CENT = 0.01
"""Synthea rounds each amount by itself, so a balance may be off by a cent."""


class Claims(pa.DataFrameModel):
    """One row: one claim; each encounter has one of its own, and one for each medication prescribed in it."""

    id: str = identifier("The claim's id")
    patientid: str = identifier("The person")
    providerid: str = identifier("Clinician")
    primarypatientinsuranceid: str = insurer("Payer; 0 for none")
    secondarypatientinsuranceid: str = insurer("Second payer; 0 for none")
    departmentid: str = text("Department", 4)
    patientdepartmentid: str = text("The person's department", 4)
    diagnosis1: str = text("SNOMED CT code of the first diagnosis", 18)
    diagnosis2: str = text("SNOMED CT code of the second diagnosis", 18, nullable=True)
    diagnosis3: str = text("SNOMED CT code of the third diagnosis", 18, nullable=True)
    diagnosis4: str = text("SNOMED CT code of the fourth diagnosis", 18, nullable=True)
    diagnosis5: str = text("SNOMED CT code of the fifth diagnosis", 18, nullable=True)
    diagnosis6: str = text("SNOMED CT code of the sixth diagnosis", 18, nullable=True)
    diagnosis7: str = text("SNOMED CT code of the seventh diagnosis", 18, nullable=True)
    diagnosis8: str = text("SNOMED CT code of the eighth diagnosis", 18, nullable=True)
    referringproviderid: str = identifier("Clinician who referred the person", nullable=True)
    appointmentid: str = identifier("Encounter")
    currentillnessdate: pl.Datetime = pa.Field(description="Moment at which the illness began, UTC")
    servicedate: pl.Datetime = pa.Field(description="Moment of the service, UTC")
    supervisingproviderid: str = identifier("Clinician who supervised")
    status1: str = pa.Field(isin=["BILLED", "CLOSED"], description="Where the first payer's bill stands")
    status2: str = pa.Field(
        nullable=True, isin=["BILLED", "CLOSED"], description="Where the second payer's bill stands"
    )
    statusp: str = pa.Field(isin=["BILLED", "CLOSED"], description="Where the person's bill stands")
    outstanding1: pl.Float64 = money("What the first payer owes")
    outstanding2: pl.Float64 = money("What the second payer owes", nullable=True)
    outstandingp: pl.Float64 = money("What the person owes")
    lastbilleddate1: pl.Datetime = pa.Field(description="When the first payer was last billed, UTC")
    lastbilleddate2: pl.Datetime = pa.Field(nullable=True, description="When the second payer was last billed, UTC")
    lastbilleddatep: pl.Datetime = pa.Field(description="When the person was last billed, UTC")
    healthcareclaimtypeid1: str = pa.Field(isin=["1", "2"], description="Professional (1) or institutional (2) claim")
    healthcareclaimtypeid2: str = pa.Field(
        nullable=True,
        isin=["1", "2"],
        metadata={"missing_codes": {"0": "no second claim"}, "thresholds": {"missing_coded": ANY_SHARE}},
        description="The same of the second payer's claim; 0 for none",
    )

    row_once = row_once("id")
    entry_once = entry_once("id")
    not_after_period = not_after_period("servicedate", "lastbilleddate1", "lastbilleddate2", "lastbilleddatep")
    code_shape = code_shape(SNOMED, *(f"diagnosis{n}" for n in range(2, 9)), column="diagnosis1")
    insurers_differ = insurers_differ("primarypatientinsuranceid", "secondarypatientinsuranceid")

    @rule(
        "diagnoses_in_order",
        columns=["diagnosis1"],
        kind="dependency",
        dimension="consistency",
        limitations=["5.1", "6.1"],
        severity="quarantine",
        message="There is a blank between two diagnoses, and charges refer to them by their place.",
        mend="Move the diagnoses up, or fill in the missing one.",
    )
    def diagnoses_in_order(cls, frame: PolarsData) -> pl.LazyFrame:
        filled = [pl.col(f"diagnosis{n}").is_not_null() for n in range(1, 9)]
        return frame.lazyframe.select(~reduce(or_, [~one & two for one, two in zip(filled, filled[1:], strict=False)]))

    @rule(
        "illness_before_service",
        columns=["servicedate", "currentillnessdate"],
        kind="dependency",
        dimension="consistency",
        limitations=["5.1", "6.1"],
        severity="quarantine",
        message="The service was rendered before the illness began.",
        mend="Correct one of the two moments.",
    )
    def illness_before_service(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("currentillnessdate") <= pl.col("servicedate"))

    @rule(
        "billed_after_service",
        columns=["lastbilleddate1", "servicedate", "lastbilleddatep"],
        kind="business",
        dimension="timeliness",
        limitations=["6.1"],
        severity="quarantine",
        message="It was billed before the service was rendered.",
        mend="Correct one of the moments.",
    )
    def billed_after_service(cls, frame: PolarsData) -> pl.LazyFrame:
        billed = pl.min_horizontal("lastbilleddate1", "lastbilleddate2", "lastbilleddatep")
        return frame.lazyframe.select(billed >= pl.col("servicedate"))

    @rule(
        "departments_agree",
        columns=["departmentid", "patientdepartmentid"],
        kind="dependency",
        dimension="consistency",
        limitations=["6.1"],
        severity="quarantine",
        message="The claim's department is not that of the person.",
        mend="Correct one of the two.",
    )
    def departments_agree(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("departmentid") == pl.col("patientdepartmentid"))

    @rule(
        "second_claim_complete",
        columns=["secondarypatientinsuranceid"],
        kind="completeness",
        dimension="completeness",
        limitations=["4.2"],
        severity="quarantine",
        message="A second insurer is named, and the kind, state or moment of its bill is missing.",
        mend="Fill these in, or write 0 for the second insurer.",
    )
    def second_claim_complete(cls, frame: PolarsData) -> pl.LazyFrame:
        needed = pl.col("status2", "outstanding2", "lastbilleddate2", "healthcareclaimtypeid2")
        return frame.lazyframe.select(pl.all_horizontal(needed.is_not_null()))

    @rule(
        "closed_is_settled",
        columns=["status1", "outstanding1", "statusp", "outstandingp"],
        kind="business",
        dimension="consistency",
        limitations=["6.1"],
        severity="quarantine",
        message="The bill is closed and something is still owed.",
        mend="Write what is owed as 0, or leave the bill open (BILLED).",
    )
    def closed_is_settled(cls, frame: PolarsData) -> pl.LazyFrame:
        owed = [
            ((pl.col(f"status{of}") == "CLOSED") & (pl.col(f"outstanding{of}") > 0)).fill_null(value=False)
            for of in ("1", "2", "p")
        ]
        return frame.lazyframe.select(~reduce(or_, owed))


_FILLED = {
    "CHARGE": ("amount", "unitamount", "transfertype"),
    "PAYMENT": ("payments", "method", "outstanding"),
    "TRANSFEROUT": ("transfers", "outstanding"),
    "TRANSFERIN": ("amount", "transfers", "outstanding", "transferoutid", "transfertype"),
    "ADJUSTMENT": ("adjustments",),
}
"""What each type of transaction states; the rest of these columns it leaves blank."""


class ClaimsTransactions(pa.DataFrameModel):
    """One row: one step in the account of a claim: a charge, a payment, or a part passed on to the next who must pay.

    A charge and the steps that follow it, in the order of their numbers, are one line of the claim.
    """

    id: str = identifier("The transaction's id")
    claimid: str = identifier("Claim")
    chargeid: pl.Int64 = count("The transaction's number, in the order in which they were made")
    patientid: str = identifier("The person")
    type: str = pa.Field(isin=[*_FILLED], description="Charge, payment, adjustment, or a part passed out or in")
    amount: pl.Float64 = money("What is charged or passed in", nullable=True)
    method: str = pa.Field(
        nullable=True,
        isin=["CASH", "CHECK", "COPAY", "SYSTEM", "CC", "ECHECK"],
        description="How it was paid: by person in cash, by cheque, card or fixed share; by payer electronically",
    )
    fromdate: pl.Datetime = pa.Field(description="Moment at which the service began, UTC")
    todate: pl.Datetime = pa.Field(
        nullable=True,
        # Synthea writes an end that there is not as moment 0 of its clock.
        metadata={
            "missing_codes": {"1970-01-01T00:00:00Z": "the service has no end of its own"},
            "thresholds": {"missing_coded": ONE_IN_TWENTY},
        },
        description="Moment at which the service ended, UTC",
    )
    placeofservice: str = identifier("Organization")
    procedurecode: str = text("Code of the service: SNOMED CT, RxNorm or CVX", 18)
    modifier1: str = text("Not in use", 20, nullable=True)
    modifier2: str = text("Not in use", 20, nullable=True)
    diagnosisref1: pl.Int64 = pa.Field(ge=1, le=8, description="Place of a diagnosis within the claim")
    diagnosisref2: pl.Int64 = pa.Field(nullable=True, ge=1, le=8, description="Place of a second diagnosis")
    diagnosisref3: pl.Int64 = pa.Field(nullable=True, ge=1, le=8, description="Place of a third diagnosis")
    diagnosisref4: pl.Int64 = pa.Field(nullable=True, ge=1, le=8, description="Place of a fourth diagnosis")
    units: pl.Int64 = count("How often the service was rendered", 1)
    departmentid: str = text("Department", 4)
    notes: str = text("The service in words")
    unitamount: pl.Float64 = money("What one service costs", nullable=True)
    transferoutid: pl.Int64 = pa.Field(nullable=True, ge=0, description="Number of the passing out that is passed in")
    transfertype: str = pa.Field(
        nullable=True, isin=["1", "2", "p"], description="Who is to pay: first payer, second payer, person"
    )
    payments: pl.Float64 = money("What is paid", nullable=True)
    adjustments: pl.Float64 = money("What is adjusted", nullable=True)
    transfers: pl.Float64 = money("What is passed out or in", nullable=True)
    outstanding: pl.Float64 = money("What is left to pay of the line", nullable=True)
    appointmentid: str = identifier("Encounter")
    linenote: str = text("Not in use", nullable=True)
    patientinsuranceid: str = identifier("The person, where insured", nullable=True)
    feescheduleid: str = text("Schedule of fees", 4)
    providerid: str = identifier("Clinician")
    supervisingproviderid: str = identifier("Clinician who supervised")

    row_once = row_once("id")
    entry_once = entry_once("id")
    not_after_period = not_after_period("fromdate", "todate")
    stop_not_before_start = stop_not_before_start("fromdate", "todate")
    code_shape = code_shape(r"^\d{2,18}$", column="procedurecode")

    @rule(
        "charge_once",
        columns=["chargeid", "id"],
        among=["chargeid"],
        kind="uniqueness",
        dimension="accuracy",
        limitations=["1.4", "9.7"],
        severity="quarantine",
        message="Two transactions have the same number, so that nobody can say which one a part was passed on from.",
        mend="Number the transactions without repeating a number.",
    )
    def charge_once(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("id").n_unique().over("chargeid") == 1)

    @rule(
        "amounts_fit_type",
        columns=["type"],
        kind="dependency",
        dimension="completeness",
        limitations=["4.2", "6.1"],
        severity="quarantine",
        message="An amount or method is missing that this type of transaction states, or stands where it states none.",
        mend="Fill in what the type calls for and leave the rest blank; or correct the type.",
    )
    def amounts_fit_type(cls, frame: PolarsData) -> pl.LazyFrame:
        fits = []
        for column in sorted({name for names in _FILLED.values() for name in names}):
            wanted = pl.col("type").is_in([kind for kind, names in _FILLED.items() if column in names])
            fits.append(pl.col(column).is_not_null() == wanted)
        return frame.lazyframe.select(pl.all_horizontal(fits))

    @rule(
        "charge_is_units_by_price",
        columns=["amount", "units", "unitamount"],
        kind="derivation",
        dimension="accuracy",
        limitations=["6.1"],
        severity="quarantine",
        message="The charge is not the number of services times the price of one, to the cent.",
        mend="Correct the charge, the number or the price.",
    )
    def charge_is_units_by_price(cls, frame: PolarsData) -> pl.LazyFrame:
        off = (pl.col("units") * pl.col("unitamount") - pl.col("amount")).abs()
        return frame.lazyframe.select(off < EXACT)

    @rule(
        "transfer_matched",
        columns=["transferoutid", "claimid", "transfers"],
        among=["claimid"],
        kind="dependency",
        dimension="consistency",
        limitations=["5.3", "6.1"],
        severity="quarantine",
        message="What is passed in was not passed out with this number and amount within the claim.",
        mend="Give number and amount of the passing out, or add the row that lacks.",
    )
    def transfer_matched(cls, frame: PolarsData) -> pl.LazyFrame:
        is_out = pl.col("type") == "TRANSFEROUT"
        passed = pl.coalesce("transferoutid", "chargeid")
        out = pl.col("transfers").filter(is_out).first().over("claimid", passed)
        return frame.lazyframe.select(((out - pl.col("transfers")).abs() < EXACT).fill_null(value=False))

    @rule(
        "transfer_is_what_is_left",
        columns=["transfers", "outstanding"],
        kind="derivation",
        dimension="accuracy",
        limitations=["6.1"],
        severity="quarantine",
        message="What is passed on is not what is left to pay, or its amounts differ.",
        mend="Correct the amounts: what is left is passed on as a whole.",
    )
    def transfer_is_what_is_left(cls, frame: PolarsData) -> pl.LazyFrame:
        passed = pl.col("transfers")
        left = (pl.col("outstanding") - passed).abs() < EXACT
        return frame.lazyframe.select(left & ((pl.col("amount") - passed).abs() < EXACT).fill_null(value=True))

    @rule(
        "balance_follows",
        columns=["payments", "outstanding", "claimid", "chargeid"],
        among=["claimid"],
        kind="derivation",
        dimension="accuracy",
        limitations=["6.1", "9.13"],
        severity="warn",
        message="What is left after the payment is not the charge minus all payments so far (nought if more was paid).",
        mend="Carry the balance of the line again; look for a payment that is missing or stands twice.",
    )
    def balance_follows(cls, frame: PolarsData) -> pl.LazyFrame:
        is_charge = pl.col("type") == "CHARGE"
        line = is_charge.cast(pl.Int64).cum_sum().over("claimid", order_by="chargeid").alias("_line")
        charged = pl.col("amount").filter(is_charge).first().over("claimid", "_line")
        paid = pl.col("payments").fill_null(0).cum_sum().over("claimid", "_line", order_by="chargeid")
        left = (charged - paid).clip(lower_bound=0)
        # Floating point carries a cent's difference as slightly more than a cent.
        follows = (left - pl.col("outstanding")).abs() < CENT + EXACT
        return frame.lazyframe.with_columns(line).select(follows)

    @rule(
        "payments_within_charges",
        columns=["payments", "claimid"],
        among=["claimid"],
        kind="business",
        dimension="accuracy",
        limitations=["1.4", "6.1"],
        severity="warn",
        message="More was paid for the claim than was charged, beyond the person's fixed share.",
        mend="Look for a payment that stands twice, or a charge that is missing.",
    )
    def payments_within_charges(cls, frame: PolarsData) -> pl.LazyFrame:
        # A fixed share (COPAY) is paid in full even where the medicine costs a cent.
        is_share = pl.col("method").fill_null("") == "COPAY"
        paid = pl.col("payments").filter(~is_share).sum().over("claimid")
        charged = pl.col("amount").filter(pl.col("type") == "CHARGE").sum().over("claimid")
        return frame.lazyframe.select(pl.when(~is_share).then(paid < charged + CENT + EXACT))

    @rule(
        "insured_is_patient",
        columns=["patientinsuranceid", "patientid"],
        kind="dependency",
        dimension="consistency",
        limitations=["6.1"],
        severity="quarantine",
        message="The insured is another person than the patient.",
        mend="Correct one of the two ids.",
    )
    def insured_is_patient(cls, frame: PolarsData) -> pl.LazyFrame:
        return frame.lazyframe.select(pl.col("patientinsuranceid") == pl.col("patientid"))
