"""Encodings and line ends: right ones, wrong ones, mixed ones, and bytes that are no text."""

from __future__ import annotations

from tests.corpus.cases import Case

_ROWS = "Paid,Payee,Town\n2020-04-01,Müller,Zürich\n2020-04-02,Café René,Besançon\n2020-04-03,Plain,Málaga\n"
_TABLE = {"table": _ROWS}
_POLISH = (
    "Data,Miasto,Kwota\n2020-04-01,Łódź,1\n2020-04-02,Kraków część,2\n2020-04-03,Świętochłowice,3\n"
    "2020-04-04,Żółkiewka źródło,4\n"
)
_SPANISH = "Fecha,Nombre,Suma\n2020-04-01,Café Señor,1\n2020-04-02,Núñez España,2\n2020-04-03,El Niño Ñandú,3\n"
_GARBLED = "Müller".encode().decode("cp1252")
_TWICE = "Müller".encode().decode("cp1252").encode().decode("cp1252")

CASES = [
    Case(name="utf_8.csv", data=_ROWS.encode(), about="UTF-8", said={"encoding": "utf-8"}, **_TABLE),
    Case(
        name="utf_8_mark.csv",
        data=_ROWS.encode("utf-8-sig"),
        about="UTF-8 with a mark",
        said={"encoding": "utf-8-sig"},
        **_TABLE,
    ),
    Case(name="latin_1.csv", data=_ROWS.encode("latin-1"), about="Latin-1", said={"encoding": "cp1252"}, **_TABLE),
    Case(
        name="windows_1252.csv",
        data="Paid,Payee,Sum\n2020-04-01,“De Ånd” – zoon,€7\n2020-04-02,Café,£5\n".encode("cp1252"),
        about="Windows-1252 with curly quotes, a dash and the euro sign",
        table="Paid,Payee,Sum\n2020-04-01,“De Ånd” – zoon,€7\n2020-04-02,Café,£5\n",
        said={"encoding": "cp1252"},
    ),
    Case(
        name="spanish.csv",
        data=_SPANISH.encode("cp1252"),
        about="Windows-1252 in which other letters than the usual ones prevail: no Polish",
        table=_SPANISH,
        said={"encoding": "cp1252"},
    ),
    Case(
        name="windows_1250.csv",
        data=_POLISH.encode("cp1250"),
        about="Windows-1250",
        table=_POLISH,
        said={"encoding": "cp1250"},
    ),
    Case(
        name="utf_16_le_mark.csv",
        data=b"\xff\xfe" + _ROWS.encode("utf-16-le"),
        about="UTF-16 LE with a mark",
        said={"encoding": "utf-16"},
        **_TABLE,
    ),
    Case(
        name="utf_16_be_mark.csv",
        data=b"\xfe\xff" + _ROWS.encode("utf-16-be"),
        about="UTF-16 BE with a mark",
        said={"encoding": "utf-16"},
        **_TABLE,
    ),
    Case(
        name="utf_16_le.csv",
        data=_ROWS.encode("utf-16-le"),
        about="UTF-16 LE without a mark",
        said={"encoding": "utf-16-le"},
        **_TABLE,
    ),
    Case(
        name="utf_16_be.csv",
        data=_ROWS.encode("utf-16-be"),
        about="UTF-16 BE without a mark",
        said={"encoding": "utf-16-be"},
        **_TABLE,
    ),
    Case(
        name="utf_32.csv",
        data=_ROWS.encode("utf-32"),
        about="UTF-32 with a mark",
        said={"encoding": "utf-32"},
        **_TABLE,
    ),
    Case(
        name="excel_unicode_text.txt",
        data=b"\xff\xfe" + _ROWS.replace(",", "\t").replace("\n", "\r\n").encode("utf-16-le"),
        about="Excel's 'Unicode text'",
        said={"delimiter": "\t", "line_ends": "CRLF"},
        **_TABLE,
    ),
    Case(
        name="garbled.csv",
        data=_ROWS.replace("Müller", _GARBLED).encode(),
        about="one row was garbled before: it is noticed and not passed on",
        table=_ROWS.replace("2020-04-01,Müller,Zürich\n", ""),
        bad_rows=(2,),
    ),
    Case(
        name="garbled_twice.csv",
        data=_ROWS.replace("Müller", _TWICE).encode(),
        about="the same, twice over",
        table=_ROWS.replace("2020-04-01,Müller,Zürich\n", ""),
        bad_rows=(2,),
    ),
    Case(
        name="mixed_encodings.csv",
        data=_ROWS.encode().replace("Besançon".encode(), "Besançon".encode("cp1252")),
        about="most rows are UTF-8 and one is Windows-1252, as when two exports were pasted together",
        table=_ROWS.replace("2020-04-02,Café René,Besançon\n", ""),
        bad_rows=(3,),
    ),
    Case(
        name="replacement_characters.csv",
        data=_ROWS.replace("ü", "\ufffd").encode(),
        about="somebody has lost the accents already",
        table=_ROWS.replace("2020-04-01,Müller,Zürich\n", ""),
        bad_rows=(2,),
    ),
    Case(
        name="ebcdic.csv",
        data=_ROWS.encode("cp500"),
        about="EBCDIC, as a mainframe writes it",
        refused="EBCDIC",
    ),
    Case(
        name="null_byte.csv",
        data=b"a,b\n1,x\x00y\n3,4\n",
        about="a null byte within a cell",
        refused="Line 2 holds a null",
    ),
    Case(
        name="null_bytes_at_end.csv",
        data=b"a,b\n1,2\n" + b"\0" * 512,
        about="a file filled up with null bytes, as after a power cut",
        refused="null byte",
    ),
    Case(
        name="random.csv",
        data=bytes((i * 73 + i * i * 31) % 255 + 1 for i in range(2_000)),
        about="bytes that mean nothing",
        refused="control characters",
    ),
    Case(
        name="cr_only.csv",
        data=_ROWS.replace("\n", "\r").encode(),
        about="old Mac line ends",
        said={"line_ends": "CR"},
        **_TABLE,
    ),
    Case(
        name="mixed_ends.csv",
        data=_ROWS.replace("\n", "\r\n", 2).encode(),
        about="CRLF and LF mixed",
        said={"line_ends": "LF and CRLF mixed"},
        **_TABLE,
    ),
    Case(
        name="cr_in_a_cell.csv",
        data=b'a,b,c\n1,"x\ry",2\n3,z,4\n5,z,6\n7,z,8\n9,z,10\n11,z,12\n13,z,14\n15,z,16\n17,z,18\n19,z,20\n21,z,22\n',
        about="a lone CR within a quoted cell is no line end",
        table='a,b,c\n1,"x\ry",2\n3,z,4\n5,z,6\n7,z,8\n9,z,10\n11,z,12\n13,z,14\n15,z,16\n17,z,18\n19,z,20\n21,z,22\n',
    ),
    Case(
        name="doubled_cr.csv",
        data=_ROWS.replace("\n", "\r\r\n").encode(),
        about="CR CR LF, as a text-mode copy on Windows gives it",
        **_TABLE,
    ),
    Case(
        name="line_separator.csv",
        data="a,b,c\n1,x\u2028y,2\n3,v\u0085w,4\n".encode(),
        about="other characters that Python takes for line ends stand within cells",
        table="a,b,c\n1,x\u2028y,2\n3,v\u0085w,4\n",
    ),
    Case(
        name="cut_off_in_a_letter.csv",
        data=(_ROWS + "2020-04-04,X,Zü").encode()[:-1],
        about="cut off in the middle of a letter: the row is not passed on as if it were whole",
        table=_ROWS,
        bad_rows=(5,),
    ),
    Case(
        name="cut_off_utf_16.csv",
        data=_ROWS.encode("utf-16")[:-1],
        about="cut off within a character",
        refused="cut off",
    ),
    Case(
        name="right_to_left.csv",
        data="Paid,\u202ePayee\u202c,\u200fSum\n2020-04-01,\u202eemca,1\n2020-04-02,شركة,2\n".encode(),
        about="marks that turn the direction: of no meaning in headings, kept in cells",
        table="Paid,Payee,Sum\n2020-04-01,\u202eemca,1\n2020-04-02,شركة,2\n",
    ),
    Case(
        name="zero_width.csv",
        data="Paid,\u200bPayee,Sum\u200b\n2020-04-01,Acme,1\n2020-04-02,Beta,2\n".encode(),
        about="zero-width spaces copied from a web page",
        table="Paid,Payee,Sum\n2020-04-01,Acme,1\n2020-04-02,Beta,2\n",
    ),
    Case(
        name="told_encoding.csv",
        data=_POLISH.encode("iso8859-2"),
        about="an encoding that the layout names",
        table=_POLISH,
        hints={"encoding": "iso8859-2"},
        said={"encoding": "iso8859-2"},
    ),
    Case(
        name="told_wrong_encoding.csv",
        data=_POLISH.encode("cp1250"),
        about="not in the encoding that the layout names",
        refused="should be UTF-8",
        hints={"encoding": "utf-8"},
    ),
]
