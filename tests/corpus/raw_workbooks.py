"""xlsx workbooks written part by part, so that any of them can be what no spreadsheet program would write."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def sheet_parts(rows: str, *, prolog: str = "", before: str = "", after: str = "", styles: str = "") -> dict[str, str]:
    """The parts of a workbook with one sheet, ``Data``; styles 1, 2 and 3 are a date, ``00000`` and per cent.

    Args:
        rows: What stands within ``sheetData``.
        prolog: What stands before the sheet's root element.
        before, after: What stands on either side of ``sheetData``.
        styles: What stands below the cell styles.
    """
    return {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r" '
        f'Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}">'
        '<sheets><sheet name="Data" sheetId="1" r:id="s"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="s" '
        f'Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="t" '
        f'Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><numFmts><numFmt numFmtId="200" formatCode="dd/mm/yyyy"/>'
        f'<numFmt numFmtId="201" formatCode="00000"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="200"/>'
        f'<xf numFmtId="201"/><xf numFmtId="9"/></cellXfs>{styles}</styleSheet>',
        "xl/worksheets/sheet1.xml": f'{prolog}<worksheet xmlns="{_MAIN}">{before}<sheetData>{rows}</sheetData>'
        f"{after}</worksheet>",
    }


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    """The parts as a zip file whose bytes are the same each time."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def cell(place: str, value: str, *, style: int = 0, kind: str = "n") -> str:
    """A cell of a sheet's XML."""
    if kind == "inlineStr":
        return f'<c r="{place}" s="{style}" t="inlineStr"><is><t>{value}</t></is></c>'
    return f'<c r="{place}" s="{style}" t="{kind}"><v>{value}</v></c>'


def rows_of(cells: list[list[str]]) -> str:
    """Text cells as a sheet's rows, from A1 on; up to 26 columns."""
    rows = []
    for number, row in enumerate(cells, start=1):
        inner = "".join(cell(f"{chr(65 + i)}{number}", value, kind="inlineStr") for i, value in enumerate(row) if value)
        rows.append(f'<row r="{number}">{inner}</row>')
    return "".join(rows)
