"""Workbooks of four kinds: the right sheet, cells as stored and as shown, and files built to do harm."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
import xlwt
from integrity.errors import Rejected
from integrity.inventory.dependency import ReadingHints
from integrity.settings import PROJECT_ROOT
from integrity.submissions.cell_texts import text_of, width_of_noughts, with_leading_noughts
from integrity.submissions.grids import Grid
from integrity.submissions.limits import Limits
from integrity.submissions.signatures import kind_of
from integrity.submissions.workbooks import read_workbook
from odf.number import Number, NumberStyle
from odf.opendocument import OpenDocumentSpreadsheet
from odf.style import Style, TableProperties
from odf.table import CoveredTableCell, Table, TableCell, TableColumn, TableRow
from odf.text import P
from openpyxl.styles import Font

REAL = PROJECT_ROOT.parent / "shared" / "data" / "nhs_spend" / "submissions"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def read(path: Path, sheet: str | None = None, limits: Limits | None = None) -> Grid:
    return read_workbook(path, kind_of(path, path.name), ReadingHints(sheet=sheet), limits or Limits())


def noted(grid: Grid, text: str) -> bool:
    return any(text in note for note in grid.notes)


def raw(rows: str, *, before: str = "", properties: str = "", after: str = "", styles: str = "") -> dict[str, str]:
    """The parts of an xlsx workbook of one sheet, to be spoiled by a test."""
    sheet = f'<worksheet xmlns="{_MAIN}">{before}<sheetData>{rows}</sheetData>{after}</worksheet>'
    return {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r" '
        f'Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}">{properties}'
        '<sheets><sheet name="Data" sheetId="1" r:id="s"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="s" '
        f'Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="t" '
        f'Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><numFmts><numFmt numFmtId="200" formatCode="dd/mm/yyyy"/>'
        f'<numFmt numFmtId="201" formatCode="00000"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="200"/>'
        f'<xf numFmtId="201"/><xf numFmtId="9"/></cellXfs>{styles}</styleSheet>',
        "xl/worksheets/sheet1.xml": sheet,
    }


@pytest.fixture
def written(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    def write(parts: dict[str, str]) -> Path:
        path = tmp_path / "book.xlsx"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in parts.items():
                archive.writestr(name, text)
        return path

    return write


Written = Callable[[dict[str, str]], Path]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (25000.0, "25000"),
        (1234.5, "1234.5"),
        (0.1 + 0.2, "0.3"),
        (30250.070000000003, "30250.07"),
        (1e20, "100000000000000000000"),
        (1e-7, "0.0000001"),
        (-0.0, "0"),
        (float("inf"), "inf"),
        (True, "TRUE"),
        (7, "7"),
        (date(2020, 4, 1), "2020-04-01"),
        (datetime.fromisoformat("2020-04-01"), "2020-04-01"),
        (datetime.fromisoformat("9999-12-31T23:59:59.999999"), "9999-12-31T23:59:59.999999"),
        (datetime.fromisoformat("2020-04-01T10:29:59.999500"), "2020-04-01T10:30:00"),
        (datetime.fromisoformat("2020-04-01T10:30:00.250000"), "2020-04-01T10:30:00.25"),
        (datetime.fromisoformat("2020-04-01T10:30:00"), "2020-04-01T10:30:00"),
        (time(10, 30), "10:30:00"),
        (time(0, 0), "00:00:00"),
        (timedelta(hours=26, minutes=30), "26:30:00"),
        (timedelta(hours=-1), "-01:00:00"),
        (Decimal("1E+3"), "1000"),
    ],
)
def test_text_of_typed_cells(value: object, text: str) -> None:
    assert text_of(value) == text


def test_leading_noughts_come_of_the_format() -> None:
    codes = ("00000", "[Red]00000_);-00000", "0", "0.00", "General", "#,000", '"A"000', "00\\-00")
    assert [width_of_noughts(code) for code in codes] == [5, 5, 0, 0, 0, 0, 0, 0]
    given = {"123": "00123", "-7": "-00007", "1234567": "1234567", "1.5": "1.5"}
    assert {text: with_leading_noughts(text, 5) for text in given} == given


class TestXlsx:
    def test_gives_cells_as_stored_and_as_shown(self, tmp_path: Path) -> None:
        book = openpyxl.Workbook()
        sheet = book.active
        cells = [
            (123, "00000", "00123"),
            ("00123", "@", "00123"),
            (date(2020, 4, 1), "dd/mm/yyyy", "2020-04-01"),
            (datetime.fromisoformat("2020-04-01T10:30:05"), "dd/mm/yyyy hh:mm", "2020-04-01T10:30:05"),
            (time(10, 30), "hh:mm", "10:30:00"),
            (timedelta(hours=26, minutes=30), "[h]:mm", "26:30:00"),
            (43922, "[$-809]dd mmmm yyyy", "2020-04-01"),
            (43922, "General", "43922"),
            (43922, '"Day "0', "43922"),
            (-1234.5, "[$£-809]#,##0.00;[Red]-[$£-809]#,##0.00", "-1234.5"),
            (0.05, "0%", "0.05"),
            (True, "General", "TRUE"),
            ("#N/A", "General", "#N/A"),
            ("#DIV/0!", "General", "#DIV/0!"),
            ("two\nlines", "General", "two\nlines"),
        ]
        for row, (value, code, _) in enumerate(cells, start=3):
            sheet.cell(row, 2, value).number_format = code
        book.save(tmp_path / "b.xlsx")
        grid = read(tmp_path / "b.xlsx")
        assert grid.rows[:2] == [["", ""], ["", ""]]
        assert grid.rows[2:] == [["", text] for _, _, text in cells]
        assert grid.numbers == list(range(1, len(cells) + 3))
        assert noted(grid, "per cent and taken as stored (5% is 0.05), in columns: B")

    def test_the_1904_calendar_and_references_that_are_left_out(self, written: Written) -> None:
        cells = '<row><c s="1"><v>42460</v></c><c t="inlineStr"><is><t>x</t></is></c><c s="2"><v>7</v></c></row>'
        grid = read(written(raw(cells + cells, properties='<workbookPr date1904="1"/>')))
        assert grid.rows == [["2020-04-01", "x", "00007"]] * 2

    def test_prefixed_elements_are_the_same_elements(self, written: Written) -> None:
        parts = raw("")
        parts["xl/worksheets/sheet1.xml"] = (
            f'<x:worksheet xmlns:x="{_MAIN}"><x:sheetData><x:row r="2" hidden="1"><x:c r="B2" s="2"><x:v>5</x:v></x:c>'
            '<x:c r="C2" t="e"><x:v>#REF!</x:v></x:c></x:row></x:sheetData></x:worksheet>'
        )
        grid = read(written(parts))
        assert grid.rows == [[], ["", "00005", "#REF!"]] or grid.rows[1] == ["", "00005", "#REF!"]
        assert noted(grid, "hidden rows were taken in: 2")

    def test_formulas_give_their_stored_results(self, written: Written) -> None:
        grid = read(
            written(
                raw(
                    '<row r="1"><c r="A1"><f>1+1</f><v>2</v></c><c r="B1" t="str"><f>A</f><v>text</v></c>'
                    '<c r="C1" t="str"><f>IF(1,"")</f><v></v></c><c r="D1" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
                    '<row r="2"><c r="A2"><f>1+1</f></c><c r="B2"><f>2</f><v></v></c><c r="C2"><v>1</v></c></row>'
                )
            )
        )
        assert grid.rows == [["2", "text", "", "#DIV/0!"], ["", "", "1", ""]]
        assert noted(grid, "without a stored result are blank, in rows: 2")

    def test_what_is_hidden_is_taken_in_and_told(self, tmp_path: Path) -> None:
        book = openpyxl.Workbook()
        sheet = book.active
        for row in range(1, 8):
            sheet.append([row, row, row])
        for row in (2, 4, 5, 6):
            sheet.row_dimensions[row].hidden = True
        sheet.column_dimensions["B"].hidden = True
        sheet["F20"].font = Font(bold=True)
        book.save(tmp_path / "b.xlsx")
        grid = read(tmp_path / "b.xlsx")
        assert [row[0] for row in grid.rows] == list("1234567")
        assert noted(grid, "hidden rows were taken in: 2, 4-6")
        assert noted(grid, "hidden columns were taken in: B")

    def test_merged_headings_stand_in_each_column_and_titles_and_data_do_not(self, tmp_path: Path) -> None:
        book = openpyxl.Workbook()
        sheet = book.active
        sheet.append(["Title"])
        sheet.append(["Trust", "Paid", None, "Due", None])
        sheet.append(["", "GBP", "EUR", "GBP", "EUR"])
        for row in range(4, 40):
            sheet.append([row, 1, 2, 3, 4])
        for merged in ("A1:E1", "B2:C2", "D2:E2", "A2:A3", "B30:C30"):
            sheet.merge_cells(merged)
        book.save(tmp_path / "b.xlsx")
        grid = read(tmp_path / "b.xlsx")
        assert grid.rows[0] == ["Title", "", "", "", ""]
        assert grid.rows[1] == ["Trust", "Paid", "Paid", "Due", "Due"]
        assert grid.rows[29] == ["30", "1", "", "3", "4"]
        assert noted(grid, "merged over several columns stand in each of them, in rows: 2")

    def test_numbers_that_excel_cuts_are_told(self, written: Written) -> None:
        grid = read(written(raw('<row r="3"><c r="A3"><v>1234567890123456789</v></c></row>')))
        assert noted(grid, "more than 15 digits lose the others in Excel; codes should be sent as text, in rows: 3")

    def test_a_wide_dimension_and_formatted_blanks_cost_nothing(self, written: Written) -> None:
        rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576" s="1"/></row>'
        assert read(written(raw(rows, before='<dimension ref="A1:XFD1048576"/>'))).rows == [["1"]]

    def test_macros_are_told_and_not_run(self, written: Written) -> None:
        parts = raw('<row r="1"><c r="A1"><v>1</v></c></row>') | {"xl/vbaProject.bin": "x"}
        assert noted(read(written(parts)), "macros; they were not run")

    @pytest.mark.parametrize("path", sorted(REAL.glob("*/*.xlsx")), ids=lambda path: path.stem)
    def test_real_files_agree_with_openpyxl_cell_by_cell(self, path: Path) -> None:
        grid = read(path)
        sheet = openpyxl.load_workbook(path, data_only=True)[str(grid.sheet)]
        expected = [[text_of(float(v) if type(v) is int else v) for v in row] for row in sheet.values]
        for number, (ours, theirs) in enumerate(zip(grid.rows, expected, strict=False), start=1):
            assert [text.strip() for text in ours] == [text.strip() for text in theirs[: len(ours)]], number
            assert not any(theirs[len(ours) :])
        assert not any(any(row) for row in expected[len(grid.rows) :])


class TestSheets:
    @pytest.fixture
    def book(self, tmp_path: Path) -> Path:
        book = openpyxl.Workbook()
        book.active.title = "Cover"
        book.active.append(["See", "Data"])
        for name, rows, state in (
            ("Data", 5, "visible"),
            ("Old", 50, "hidden"),
            ("Older", 50, "veryHidden"),
            ("Blank", 0, "visible"),
        ):
            sheet = book.create_sheet(name)
            sheet.sheet_state = state
            for row in range(rows):
                sheet.append([name, row])
        book.create_chartsheet("Chart")
        book.save(tmp_path / "b.xlsx")
        return tmp_path / "b.xlsx"

    def test_the_fullest_that_can_be_seen_is_taken(self, book: Path) -> None:
        grid = read(book)
        assert (grid.sheet, len(grid.rows)) == ("Data", 5)
        assert noted(grid, "5 sheets: 'Data' was taken; left, with cells: 'Cover'")
        assert noted(grid, "hidden sheets were not taken: 'Old', 'Older'")

    @pytest.mark.parametrize(("wanted", "sheet"), [("Cover", "Cover"), (" cover ", "Cover"), ("Older", "Older")])
    def test_a_layout_can_tell_which(self, book: Path, wanted: str, sheet: str) -> None:
        grid = read(book, wanted)
        assert grid.sheet == sheet
        assert noted(grid, "is hidden") == (sheet == "Older")

    def test_a_sheet_that_is_missing_is_refused_with_those_there_are(self, book: Path) -> None:
        with pytest.raises(Rejected, match="no sheet 'April'; it has 5: 'Cover', 'Data'"):
            read(book, "April")

    def test_an_empty_sheet_or_workbook_is_refused(self, book: Path, tmp_path: Path) -> None:
        with pytest.raises(Rejected, match="'Blank' is empty"):
            read(book, "Blank")
        openpyxl.Workbook().save(tmp_path / "e.xlsx")
        with pytest.raises(Rejected, match="no cells"):
            read(tmp_path / "e.xlsx")


class TestHostileXlsx:
    @pytest.mark.parametrize("reference", ["XFE1", "A1048577", "A0", "ZZZZZZZZZ99999999999", "1", "A"])
    def test_a_cell_outside_of_any_sheet_is_refused(self, written: Written, reference: str) -> None:
        with pytest.raises(Rejected, match="lies outside"):
            read(written(raw(f'<row r="1"><c r="{reference}"><v>1</v></c></row>')))

    def test_two_cells_far_apart_are_refused_before_the_room_between_them_is_made(self, written: Written) -> None:
        rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
        with pytest.raises(Rejected, match="limit 'cells'"):
            read(written(raw(rows)))

    @pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/sharedStrings.xml"])
    @pytest.mark.parametrize(
        "declared", ['<!DOCTYPE x [<!ENTITY a "aaaa">]>', '<!DOCTYPE x SYSTEM "file:///etc/passwd">']
    )
    def test_declarations_in_the_xml_are_refused(self, written: Written, part: str, declared: str) -> None:
        parts = {"xl/sharedStrings.xml": "<sst/>"} | raw('<row r="1"><c r="A1"><v>1</v></c></row>')
        parts[part] = f'<?xml version="1.0"?>{declared}{parts[part]}'
        with pytest.raises(Rejected, match="declares a document type"):
            read(written(parts))

    @pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"])
    def test_a_bomb_is_refused(self, written: Written, part: str) -> None:
        parts = raw('<row r="1"><c r="A1"><v>1</v></c></row>')
        with pytest.raises(Rejected, match="limit 'unpacked_ratio'"):
            read(written(parts | {part: parts.get(part, "") + " " * (110 << 20)}))

    def test_the_unpacked_size_is_limited(self, written: Written) -> None:
        with pytest.raises(Rejected, match="limit 'unpacked_bytes'"):
            read(written(raw('<row r="1"/>' * 1000)), limits=Limits(unpacked_bytes=5000))

    @pytest.mark.parametrize("cut", [1, 100, 1500])
    def test_a_truncated_workbook_is_refused(self, tmp_path: Path, cut: int) -> None:
        book = openpyxl.Workbook()
        book.active.append([1, 2, 3])
        data = io.BytesIO()
        book.save(data)
        (tmp_path / "b.xlsx").write_bytes(data.getvalue()[:-cut])
        with pytest.raises(Rejected, match="damaged"):
            read_workbook(tmp_path / "b.xlsx", "xlsx", ReadingHints(), Limits())

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda parts: parts | {"xl/worksheets/sheet1.xml": parts["xl/worksheets/sheet1.xml"][:-30]},
            lambda parts: {name: text for name, text in parts.items() if name != "xl/worksheets/sheet1.xml"},
            lambda parts: {name: text for name, text in parts.items() if name != "xl/_rels/workbook.xml.rels"},
            lambda parts: parts | {"xl/workbook.xml": "no xml"},
            lambda parts: parts | {"xl/worksheets/sheet1.xml": parts["xl/worksheets/sheet1.xml"].replace("A1", "A1:B")},
        ],
        ids=["cut sheet", "no sheet", "no relations", "no workbook", "broken reference"],
    )
    def test_a_damaged_workbook_is_refused(
        self, written: Written, spoil: Callable[[dict[str, str]], dict[str, str]]
    ) -> None:
        with pytest.raises(Rejected, match="damaged"):
            read(written(spoil(raw('<row r="1"><c r="A1" t="s"><v>0</v></c></row>'))))

    def test_a_panic_of_the_parser_is_a_refusal(self, monkeypatch: pytest.MonkeyPatch, written: Written) -> None:
        panic = type("PanicException", (BaseException,), {})

        def break_down(*_: object) -> None:
            raise panic("index out of bounds")

        monkeypatch.setattr("integrity.submissions.workbook_sheets.calamine.CalamineWorkbook.from_filelike", break_down)
        with pytest.raises(Rejected, match="make no sense"):
            read(written(raw('<row r="1"><c r="A1"><v>1</v></c></row>')))

    @pytest.mark.parametrize(
        ("limits", "named"),
        [
            (Limits(rows=1), "rows"),
            (Limits(columns=1), "columns"),
            (Limits(cells=3), "cells"),
            (Limits(cell_characters=2), "cell_characters"),
        ],
    )
    def test_a_refusal_names_the_limit(self, tmp_path: Path, limits: Limits, named: str) -> None:
        book = openpyxl.Workbook()
        book.active.append(["xyz", 1])
        book.active.append(["x", 2])
        book.save(tmp_path / "b.xlsx")
        with pytest.raises(Rejected, match=f"limit '{named}'"):
            read(tmp_path / "b.xlsx", limits=limits)


class TestXls:
    @pytest.fixture
    def book(self, tmp_path: Path) -> Path:
        book = xlwt.Workbook()
        sheet = book.add_sheet("Data")
        for row, (value, code) in enumerate(
            [
                (123, "00000"),
                (date(2020, 4, 1), "dd/mm/yyyy"),
                (datetime.fromisoformat("2020-04-01T10:30:05"), "dd/mm/yyyy hh:mm"),
                (time(10, 30), "hh:mm"),
                (0.05, "0%"),
                (43922, "General"),
                (30250.070000000003, "#,##0.00"),
                (True, "General"),
                ("00123", "@"),
            ],
            start=2,
        ):
            sheet.write(row, 1, value, xlwt.easyxf(num_format_str=code))
        sheet.row(12).set_cell_error(1, 42)
        sheet.write_merge(2, 2, 3, 4, "Paid")
        sheet.write(3, 4, "GBP")
        sheet.row(5).hidden = True
        sheet.col(4).hidden = True
        hidden = book.add_sheet("Old")
        hidden.visibility = 1
        hidden.write(0, 0, 1)
        book.save(str(tmp_path / "b.xls"))
        return tmp_path / "b.xls"

    def test_gives_cells_as_stored_and_as_shown(self, book: Path) -> None:
        assert kind_of(book, "b.xls") == "xls"
        grid = read(book)
        assert [row[1] for row in grid.rows] == [
            "", "", "00123", "2020-04-01", "2020-04-01T10:30:05", "10:30:00", "0.05", "43922", "30250.07", "TRUE",
            "00123", "", "#N/A",
        ]  # fmt: skip
        assert grid.rows[2][3:] == ["Paid", "Paid"]

    def test_tells_what_is_hidden(self, book: Path) -> None:
        grid = read(book)
        assert noted(grid, "hidden rows were taken in: 6")
        assert noted(grid, "hidden columns were taken in: E")
        assert noted(grid, "hidden sheets were not taken: 'Old'")

    @pytest.mark.parametrize("way", [0, 1], ids=["XOR", "RC4"])
    def test_a_password_is_refused(self, tmp_path: Path, book: Path, way: int) -> None:
        data = bytearray(book.read_bytes())
        first_record = data.index(b"\x09\x08\x10\x00") + 20
        data[first_record : first_record + 2] = (0x2F).to_bytes(2, "little")
        data[first_record + 4 : first_record + 6] = way.to_bytes(2, "little")
        (tmp_path / "p.xls").write_bytes(data)
        with pytest.raises(Rejected, match="password"):
            read(tmp_path / "p.xls")

    def test_a_cell_far_out_is_refused_before_room_is_made_for_it(self, tmp_path: Path, book: Path) -> None:
        data = bytearray(book.read_bytes())
        number = struct.pack("<d", 30250.070000000003)
        column = data.index(number) - 4
        data[column : column + 2] = (60_000).to_bytes(2, "little")
        (tmp_path / "far.xls").write_bytes(data)
        with pytest.raises(Rejected, match="damaged"):
            read(tmp_path / "far.xls")
        with pytest.raises(Rejected, match="limit 'cells'"):
            read(book, limits=Limits(cells=20))

    @pytest.mark.parametrize("place", [6, 10], ids=["rows", "columns"])
    def test_a_size_that_no_sheet_has_is_refused(self, tmp_path: Path, book: Path, place: int) -> None:
        data = bytearray(book.read_bytes())
        stated = data.index(b"\x00\x02\x0e\x00") + 4 + place
        data[stated : stated + 2] = b"\xff\xff"
        (tmp_path / "wide.xls").write_bytes(data)
        with pytest.raises(Rejected, match="damaged"):
            read(tmp_path / "wide.xls")

    @pytest.mark.parametrize("keep", [600, 3000])
    def test_a_truncated_workbook_is_refused(self, tmp_path: Path, book: Path, keep: int) -> None:
        (tmp_path / "cut.xls").write_bytes(book.read_bytes()[:keep])
        with pytest.raises(Rejected, match="damaged"):
            read_workbook(tmp_path / "cut.xls", "xls", ReadingHints(), Limits())


class TestOds:
    @pytest.fixture
    def book(self, tmp_path: Path) -> Path:
        book = OpenDocumentSpreadsheet()
        noughts = NumberStyle(name="N5")
        noughts.addElement(Number(minintegerdigits=5))
        hidden = Style(name="hidden", family="table")
        hidden.addElement(TableProperties(display="false"))
        for style in (noughts, hidden):
            book.automaticstyles.addElement(style)
        sheet = Table(name="Data")
        sheet.addElement(TableColumn(numbercolumnsrepeated=2))
        sheet.addElement(TableColumn(visibility="collapse"))
        sheet.addElement(TableRow(numberrowsrepeated=2))
        row = TableRow(visibility="collapse")
        for attributes, shown in (
            ({}, ""),
            ({"valuetype": "float", "value": "123"}, "00123"),
            ({"valuetype": "float", "value": "30250.070000000003"}, "30,250.07"),
            ({"valuetype": "date", "datevalue": "2020-04-01"}, "1 Apr"),
            ({"valuetype": "date", "datevalue": "2020-04-01T00:00:00"}, "1 Apr"),
            ({"valuetype": "date", "datevalue": "2020-04-01T10:30:00.000"}, "1 Apr"),
            ({"valuetype": "time", "timevalue": "PT26H30M00S"}, "26:30"),
            ({"valuetype": "percentage", "value": "0.05"}, "5%"),
            ({"valuetype": "currency", "value": "1E5"}, "£100,000"),
            ({"valuetype": "boolean", "booleanvalue": "true"}, "TRUE"),
            ({"valuetype": "string", "stringvalue": ""}, "#N/A"),
            ({"valuetype": "string", "numbercolumnsrepeated": 2}, "twice"),
            ({"valuetype": "string", "numbercolumnsspanned": 2, "numberrowsspanned": 1}, "wide"),
        ):
            cell = TableCell(**attributes)
            cell.addElement(P(text=shown))
            row.addElement(cell)
        row.addElement(CoveredTableCell())
        sheet.addElement(row)
        last = TableRow(numberrowsrepeated=1_048_000)
        last.addElement(TableCell(numbercolumnsrepeated=16_384))
        sheet.addElement(last)
        book.spreadsheet.addElement(sheet)
        old = Table(name="Old", stylename=hidden)
        row = TableRow()
        row.addElement(TableCell(valuetype="float", value="1"))
        old.addElement(row)
        book.spreadsheet.addElement(old)
        book.save(str(tmp_path / "b.ods"))
        return tmp_path / "b.ods"

    def test_gives_cells_as_stored_and_as_shown(self, book: Path) -> None:
        assert kind_of(book, "b.ods") == "ods"
        grid = read(book)
        assert grid.rows[2] == [
            "", "00123", "30250.07", "2020-04-01", "2020-04-01", "2020-04-01T10:30:00", "26:30:00", "0.05", "100000",
            "TRUE", "#N/A", "twice", "twice", "wide", "wide",
        ][: len(grid.rows[2])]  # fmt: skip
        assert len(grid.rows) == 3

    def test_tells_what_is_hidden(self, book: Path) -> None:
        grid = read(book)
        assert noted(grid, "hidden rows were taken in: 3")
        assert noted(grid, "hidden columns were taken in: C")
        assert noted(grid, "hidden sheets were not taken: 'Old'")

    def spoil(self, book: Path, tmp_path: Path, change: Callable[[str, str], str]) -> Path:
        with zipfile.ZipFile(book) as source, zipfile.ZipFile(tmp_path / "s.ods", "w", zipfile.ZIP_DEFLATED) as target:
            for info in source.infolist():
                target.writestr(info.filename, change(info.filename, source.read(info).decode()))
        return tmp_path / "s.ods"

    def test_a_sheet_full_of_repeats_is_refused_before_it_is_made(self, book: Path, tmp_path: Path) -> None:
        blank = 'table:number-columns-repeated="16384"'
        filled = blank + ' office:value-type="float" office:value="1"'
        path = self.spoil(book, tmp_path, lambda _, text: text.replace(blank, filled))
        with pytest.raises(Rejected, match="limit 'cells'"):
            read(path)

    def test_entities_and_passwords_are_refused(self, book: Path, tmp_path: Path) -> None:
        def declare(name: str, text: str) -> str:
            begins = text.index("<office:document-content") if name == "content.xml" else 0
            return text[:begins] + '<!DOCTYPE a [<!ENTITY a "aa">]>' + text[begins:] if begins else text

        with pytest.raises(Rejected, match="declares a document type"):
            read(self.spoil(book, tmp_path, declare))

        def protect(name: str, text: str) -> str:
            inner = "<manifest:encryption-data/></manifest:manifest>"
            return text.replace("</manifest:manifest>", inner) if name.startswith("META-INF") else text

        with pytest.raises(Rejected, match="password"):
            read(self.spoil(book, tmp_path, protect))


def record(kind: int, content: bytes = b"") -> bytes:
    """A record of an xlsb part."""
    header = bytes([kind]) if kind < 128 else bytes([kind & 0x7F | 0x80, kind >> 7])
    length = len(content)
    sizes = bytearray()
    while length > 127:
        sizes.append(length & 0x7F | 0x80)
        length >>= 7
    return header + bytes(sizes) + bytes([length]) + content


def wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


class TestXlsb:
    """Excel alone writes this format, so the records are put together here by its specification (MS-XLSB)."""

    @pytest.fixture
    def write(self, tmp_path: Path) -> Callable[[bytes], Path]:
        def write(cells: bytes) -> Path:
            sheet = record(129) + record(148, bytes(16)) + record(145) + cells + record(146)
            sheet += record(176, struct.pack("<IIII", 2, 2, 3, 4)) + record(130)
            formats = record(44, struct.pack("<H", 200) + wide("dd/mm/yyyy"))
            formats += record(44, struct.pack("<H", 201) + wide("00000"))
            styles = [record(47, struct.pack("<HH", 0xFFFF, number) + bytes(12)) for number in (0, 200, 201, 9)]
            relation = f'<Relationship Id="%s" Type="{_RELATIONS}/%s" Target="%s"/>'
            parts = {
                "[Content_Types].xml": b"<Types/>",
                "xl/_rels/workbook.bin.rels": (
                    f'<Relationships xmlns="{_PACKAGE}/relationships">'
                    + relation % ("s", "worksheet", "worksheets/sheet1.bin")
                    + relation % ("t", "styles", "styles.bin")
                    + "</Relationships>"
                ).encode(),
                "xl/workbook.bin": record(131)
                + record(143)
                + record(156, struct.pack("<II", 0, 1) + wide("s") + wide("Data"))
                + record(144)
                + record(132),
                "xl/styles.bin": record(278)
                + record(615, struct.pack("<I", 2))
                + formats
                + record(616)
                + record(617, struct.pack("<I", 4))
                + b"".join(styles)
                + record(618)
                + record(279),
                "xl/worksheets/sheet1.bin": sheet,
            }
            with zipfile.ZipFile(tmp_path / "b.xlsb", "w") as archive:
                for name, data in parts.items():
                    archive.writestr(name, data)
            return tmp_path / "b.xlsb"

        return write

    def row(self, number: int, *, hidden: bool = False) -> bytes:
        return record(0, struct.pack("<IIHBBB", number, 0, 300, 0, 0x10 if hidden else 0, 0) + bytes(4))

    def real(self, column: int, style: int, value: float) -> bytes:
        return record(5, struct.pack("<IId", column, style, value))

    def test_gives_cells_as_stored_and_as_shown(self, write: Callable[[bytes], Path]) -> None:
        path = write(
            self.row(2, hidden=True)
            + self.real(1, 1, 43922.0)
            + self.real(2, 2, 123.0)
            + record(6, struct.pack("<II", 3, 0) + wide("Paid"))
            + self.row(3)
            + self.real(1, 3, 0.05)
            + record(3, struct.pack("<IIB", 2, 0, 0x2A))
            + record(4, struct.pack("<IIB", 4, 0, 1))
        )
        assert kind_of(path, "b.xlsb") == "xlsb"
        grid = read(path)
        assert grid.rows[2:] == [["", "2020-04-01", "00123", "Paid", "Paid"], ["", "0.05", "#N/A", "", "TRUE"]]
        assert noted(grid, "hidden rows were taken in: 3")
        assert noted(grid, "per cent and taken as stored (5% is 0.05), in columns: B")

    def test_cells_outside_and_far_apart_are_refused(self, write: Callable[[bytes], Path]) -> None:
        with pytest.raises(Rejected, match="lies outside"):
            read(write(self.row(5_000_000) + self.real(0, 0, 1.0)))
        with pytest.raises(Rejected, match="limit 'cells'"):
            read(write(self.row(0) + self.real(0, 0, 1.0) + self.row(1_048_575) + self.real(16_383, 0, 1.0)))

    def test_records_that_break_off_are_refused(self, write: Callable[[bytes], Path]) -> None:
        with pytest.raises(Rejected, match="damaged"):
            read(write(self.row(0) + record(5, bytes(40))[:1] + b"\xff\xff\xff\x7f"))
