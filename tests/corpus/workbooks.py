"""Workbooks: as offices keep them, as programs write them, and as attackers do."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

import openpyxl
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P
from openpyxl.comments import Comment
from openpyxl.worksheet.worksheet import Worksheet

from tests.corpus.cases import Case
from tests.corpus.raw_workbooks import cell, packed, rows_of, sheet_parts

_ROWS: list[list[Any]] = [
    ["Paid", "Payee", "Sum"],
    [date(2020, 4, 1), "Acme", 1.5],
    [date(2020, 4, 2), "Beta", 25_000.0],
]
_TABLE = "Paid,Payee,Sum\n2020-04-01,Acme,1.5\n2020-04-02,Beta,25000\n"
_TEXTS = [["Paid", "Payee"], ["1 April", "Acme"], ["2 April", "Beta"]]
_TEXT_TABLE = "Paid,Payee\n1 April,Acme\n2 April,Beta\n"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def book(
    change: Callable[[openpyxl.Workbook, Worksheet], None] | None = None, *, at: tuple[int, int] = (1, 1)
) -> bytes:
    """A workbook of the usual table, which begins at a row and column, after some change."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert isinstance(sheet, Worksheet)
    sheet.title = "Data"
    for row, values in enumerate(_ROWS, start=at[0]):
        for column, value in enumerate(values, start=at[1]):
            sheet.cell(row, column, value)
    if change:
        change(workbook, sheet)
    target = io.BytesIO()
    workbook.save(target)
    return target.getvalue()


def _preamble(_: openpyxl.Workbook, sheet: Worksheet) -> None:
    sheet["A1"] = "Payments over 25k"
    sheet.merge_cells("A1:C1")
    sheet["A2"] = "April 2020"
    sheet["A7"] = "Total"
    sheet["C7"] = 25_001.5


def _hidden(workbook: openpyxl.Workbook, sheet: Worksheet) -> None:
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["B"].hidden = True
    other = workbook.create_sheet("Workings")
    other["A1"] = "secret"
    other.sheet_state = "hidden"


def _several(workbook: openpyxl.Workbook, _: Worksheet) -> None:
    workbook.create_sheet("Cover", 0)["A1"] = "Read me"
    workbook.create_sheet("Lookup").append(["A", "accepted"])


def _two_headers(_: openpyxl.Workbook, sheet: Worksheet) -> None:
    sheet.delete_rows(1, 10)
    for row in (
        ["Paid", "Claims", None, "Refunds", None],
        [None, "number", "sum", "number", "sum"],
        [date(2020, 4, 1), 1, 10.5, 2, 20.5],
        [date(2020, 4, 2), 3, 30.5, 4, 40.5],
    ):
        sheet.append(row)
    sheet.merge_cells("B1:C1")
    sheet.merge_cells("D1:E1")
    sheet.merge_cells("A1:A2")


def _typed(_: openpyxl.Workbook, sheet: Worksheet) -> None:
    sheet.delete_rows(1, 10)
    for row in (
        ["moment", "time", "code", "shown", "flag", "error", "text"],
        [datetime.fromisoformat("2020-04-01T10:30:00"), time(10, 30), "00123", 123, True, "#N/A", "=x"],
        [datetime.fromisoformat("2020-04-02T11:45:30"), time(23, 59, 59), "00124", 7, False, "#DIV/0!", "+1"],
    ):
        sheet.append(row)
    for place in ("D2", "D3"):
        sheet[place].number_format = "00000"
    sheet["G2"].data_type = "s"
    sheet["B2"].comment = Comment("who typed this?", "a colleague")


def _epoch_1904(workbook: openpyxl.Workbook, _: Worksheet) -> None:
    workbook.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904


def _formulas() -> bytes:
    rows = [
        '<row r="1">' + cell("A1", "id", kind="inlineStr") + cell("B1", "double", kind="inlineStr") + "</row>",
        '<row r="2">' + cell("A2", "1") + '<c r="B2"><f>A2*2</f><v>2</v></c></row>',
        '<row r="3">' + cell("A3", "3") + '<c r="B3"><f>A3*2</f></c></row>',
        '<row r="4">' + cell("A4", "5") + '<c r="B4"><f>A4*2</f><v>10</v></c></row>',
    ]
    return packed(sheet_parts("".join(rows)))


def _ods() -> bytes:
    document = OpenDocumentSpreadsheet()
    table = Table(name="Data")
    for values in _TEXTS:
        row = TableRow()
        for value in values:
            one = TableCell(valuetype="string")
            one.addElement(P(text=value))
            row.addElement(one)
        table.addElement(row)
    document.spreadsheet.addElement(table)
    target = io.BytesIO()
    document.write(target)
    return target.getvalue()


def _xls() -> bytes:
    import xlwt

    workbook = xlwt.Workbook()
    sheet = workbook.add_sheet("Data")
    dates = xlwt.easyxf(num_format_str="dd/mm/yyyy")
    for row, values in enumerate(_ROWS):
        for column, value in enumerate(values):
            sheet.write(row, column, value, dates if isinstance(value, date) else xlwt.Style.default_style)
    target = io.BytesIO()
    workbook.save(target)
    return target.getvalue()


def _password() -> bytes:
    """The directory of a compound file with the stream in which Office keeps an encrypted workbook."""
    entry = "EncryptedPackage".encode("utf-16-le") + b"\0\0"
    directory = entry.ljust(64, b"\0") + len(entry).to_bytes(2, "little") + b"\2\1"
    return _OLE.ljust(1024, b"\0") + directory.ljust(512, b"\0")


_LAUGHS = '<!DOCTYPE worksheet [<!ENTITY a "ha"><!ENTITY b "' + "&a;" * 50 + '"><!ENTITY c "' + "&b;" * 50 + '">]>'
_OUTSIDE = '<!DOCTYPE worksheet [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
_PARTS = sheet_parts(rows_of(_TEXTS))

CASES = [
    Case(
        name="plain.xlsx",
        data=book,
        about="a table that begins in A1",
        table=_TABLE,
        said={"format": "xlsx", "sheet": "Data"},
        numbers=(2, 3),
    ),
    Case(
        name="macros.xlsm",
        data=packed({**_PARTS, "xl/vbaProject.bin": _OLE + b"x" * 100}),
        about="a workbook with macros: read, never run, and told",
        table=_TEXT_TABLE,
        told=("macros",),
    ),
    Case(
        name="preamble.xlsx",
        data=lambda: book(_preamble, at=(4, 1)),
        about="titles above, a total below",
        table=_TABLE,
        skipped=(1, 2, 7),
        numbers=(5, 6),
    ),
    Case(
        name="begins_in_c5.xlsx",
        data=lambda: book(at=(5, 3)),
        about="leading blank rows and columns",
        table=_TABLE,
        numbers=(6, 7),
        said={"header_rows": (5,), "columns": (3, 4, 5)},
    ),
    Case(
        name="hidden.xlsx",
        data=lambda: book(_hidden),
        about="a hidden row, column and sheet: nothing is dropped, all is told",
        table=_TABLE,
        told=("hidden rows", "hidden columns", "hidden sheets were not taken: 'Workings'"),
    ),
    Case(
        name="several_sheets.xlsx",
        data=lambda: book(_several),
        about="a cover and a lookup beside the data",
        table=_TABLE,
        said={"sheet": "Data"},
        told=("3 sheets: 'Data' was taken",),
    ),
    Case(
        name="named_sheet.xlsx",
        data=lambda: book(_several),
        about="the layout names the sheet",
        table=None,
        hints={"sheet": "lookup"},
        said={"sheet": "Lookup"},
    ),
    Case(
        name="missing_sheet.xlsx",
        data=lambda: book(_several),
        about="the layout names a sheet that is not there",
        hints={"sheet": "April"},
        refused="no sheet 'April'",
    ),
    Case(
        name="two_headers.xlsx",
        data=lambda: book(_two_headers),
        about="merged headings over two rows",
        table="Paid,Claims number,Claims sum,Refunds number,Refunds sum\n"
        "2020-04-01,1,10.5,2,20.5\n2020-04-02,3,30.5,4,40.5\n",
        said={"header_rows": (1, 2)},
    ),
    Case(
        name="typed.xlsx",
        data=lambda: book(_typed),
        about="moments, times, noughts as text and by format, truth values, errors, a comment",
        table="moment,time,code,shown,flag,error,text\n2020-04-01T10:30:00,10:30:00,00123,00123,TRUE,#N/A,=x\n"
        "2020-04-02T11:45:30,23:59:59,00124,00007,FALSE,#DIV/0!,+1\n",
    ),
    Case(
        name="since_1904.xlsx",
        data=lambda: book(_epoch_1904),
        about="a Mac's workbook, which counts days from 1904",
        table=_TABLE,
    ),
    Case(
        name="formulas.xlsx",
        data=_formulas,
        about="formulas with and without a result",
        table="id,double\n1,2\n3,\n5,10\n",
        told=("3",),
    ),
    Case(
        name="leading_noughts.xlsx",
        data=packed(
            sheet_parts(
                rows_of([["code", "name"]])
                + '<row r="2">'
                + cell("A2", "123", style=2)
                + cell("B2", "Acme", kind="inlineStr")
                + '</row><row r="3">'
                + cell("A3", "9", style=2)
                + cell("B3", "Beta", kind="inlineStr")
                + "</row>"
            )
        ),
        about="a number format of 00000",
        table="code,name\n00123,Acme\n00009,Beta\n",
    ),
    Case(
        name="vast_dimension.xlsx",
        data=packed(sheet_parts(rows_of(_TEXTS), before='<dimension ref="A1:XFD1048576"/>')),
        about="a declared dimension of 17 thousand million cells",
        table=_TEXT_TABLE,
    ),
    Case(
        name="far_cell.xlsx",
        data=packed(sheet_parts(rows_of(_TEXTS) + '<row r="1048576">' + cell("XFD1048576", "1") + "</row>")),
        about="a cell in the last corner of a sheet",
        refused="limit '",
    ),
    Case(
        name="entities.xlsx",
        data=packed(sheet_parts(rows_of(_TEXTS), prolog=_LAUGHS)),
        about="a thousand million laughs",
        refused="known way to attack",
    ),
    Case(
        name="outside_entity.xlsx",
        data=packed(sheet_parts(rows_of([["Paid", "Payee"], ["&x;", "Acme"]]), prolog=_OUTSIDE)),
        about="an entity that fetches a file of this machine's",
        refused="known way to attack",
    ),
    Case(
        name="bomb.xlsx",
        data=lambda: packed(sheet_parts(rows_of(_TEXTS) + " " * (150 << 20))),
        about="150 MB of blanks in a sheet's XML",
        refused="limit 'unpacked_ratio'",
    ),
    Case(name="truncated.xlsx", data=lambda: book()[:-200], about="cut off", refused="cut off"),
    Case(
        name="broken_xml.xlsx",
        data=packed({**_PARTS, "xl/worksheets/sheet1.xml": "<worksheet><sheetData><row>"}),
        about="XML that breaks off",
        refused="damaged",
    ),
    Case(
        name="no_sheet_part.xlsx",
        data=packed({n: p for n, p in _PARTS.items() if "sheet1" not in n}),
        about="a part is missing",
        refused="damaged",
    ),
    Case(name="no_cells.xlsx", data=packed(sheet_parts("")), about="a sheet without cells", refused="no cells"),
    Case(name="password.xlsx", data=_password, about="a password", refused="protected by a password"),
    Case(
        name="word.xlsx",
        data=packed({"[Content_Types].xml": "<Types/>", "word/document.xml": "<document/>"}),
        about="a Word document renamed",
        refused="Word document",
    ),
    Case(
        name="csv_named.xlsx",
        data=b"Paid,Payee\n1 April,Acme\n2 April,Beta\n",
        about="a CSV file renamed",
        table=_TEXT_TABLE,
        told=("although its name ends in '.xlsx'",),
    ),
    Case(
        name="xlsx_named.csv",
        data=packed(_PARTS),
        about="a workbook renamed",
        table=_TEXT_TABLE,
        told=("although its name ends in '.csv'",),
    ),
    Case(
        name="xlsx_in_gzip.xlsx.gz",
        data=lambda: __import__("gzip").compress(packed(_PARTS), mtime=0),
        about="a workbook within gzip",
        table=_TEXT_TABLE,
    ),
    Case(name="old.xls", data=_xls, about="Excel 97", table=_TABLE, said={"format": "xls"}),
    Case(
        name="truncated.xls",
        data=lambda: _xls()[:1_500],
        about="cut off before the directory that says what it is",
        refused="no table that can be read",
    ),
    Case(name="open.ods", data=_ods, about="OpenDocument", table=_TEXT_TABLE, said={"format": "ods"}),
    Case(name="truncated.ods", data=lambda: _ods()[:-100], about="cut off", refused="damaged"),
]
