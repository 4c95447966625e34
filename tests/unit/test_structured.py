"""JSON, JSON lines and Parquet: digits as written, one bad record alone, and no depth that a parser falls into."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from integrity.errors import Rejected
from integrity.submissions.limits import Limits
from integrity.submissions.parquet import read_parquet
from integrity.submissions.structured import Records, read_json, read_json_lines

LIMITS = Limits()


def rows(records: Records) -> list[tuple[object, ...]]:
    return records.frame.rows()


def of(text: str, limits: Limits = LIMITS) -> Records:
    return read_json(text.encode(), limits)


class TestJson:
    def test_keeps_digits_as_written_and_unites_keys(self) -> None:
        read = of('[{"a": 1.10, "b": 12345678901234567890}, {"c": "x", "a": true}, {"a": null, "b": "", "c": " y "}]')
        assert read.headings == ("a", "b", "c")
        assert rows(read) == [
            (1, "1.10", "12345678901234567890", None),
            (2, "TRUE", None, "x"),
            (3, None, None, " y "),
        ]

    def test_writes_an_exponent_out_but_not_an_absurd_one(self) -> None:
        assert rows(of('[{"a": 2.5e4, "b": 1e-7, "c": 1e999999999}]')) == [(1, "25000", "0.0000001", "1e999999999")]

    def test_keeps_what_is_no_number_in_json_as_its_text(self) -> None:
        assert rows(of('[{"a": NaN, "b": -Infinity}]')) == [(1, "NaN", "-Infinity")]

    def test_keeps_nested_values_as_json_with_a_note(self) -> None:
        read = of('[{"a": {"x": [1.0, "é", null]}, "b": 1}]')
        assert rows(read) == [(1, '{"x":[1.0,"é",null]}', "1")]
        assert any("JSON text, in: 'a'" in note for note in read.notes)

    @pytest.mark.parametrize(
        "document",
        [
            '{"a": [1, 2], "b": ["x", "y"]}',
            '{"data": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], "count": 2}',
            '{"columns": ["a", "b"], "index": [0, 1], "data": [[1, "x"], [2, "y"]]}',
            '{"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": "y"}}',
        ],
        ids=["columns", "list within", "split", "keyed columns"],
    )
    def test_finds_the_table_within_an_object(self, document: str) -> None:
        assert rows(of(document)) == [(1, "1", "x"), (2, "2", "y")]

    def test_reads_lists_below_their_headings_and_reports_the_one_that_is_short(self) -> None:
        read = of('[["a", "b"], [1, 2], [3], [4, 5]]')
        assert (read.header_row, rows(read)) == (1, [(2, "1", "2"), (4, "4", "5")])
        assert read.bad_rows == ((3, "1 values where there are 2 headings"),)

    def test_a_record_that_says_a_thing_twice_fails_alone(self) -> None:
        read = of('[{"a": 1}, {"a": 2, "a": 3}, 4, {"a": 5}]')
        assert rows(read) == [(1, "1"), (4, "5")]
        assert [number for number, _ in read.bad_rows] == [2, 3]

    @pytest.mark.parametrize("escape", [r"\u0000", r"\ud800"])
    def test_a_character_that_no_text_has_fails_its_record_alone(self, escape: str) -> None:
        read = of('[{"a": "x' + escape + '"}, {"a": "y"}]')
        assert (rows(read), read.bad_rows[0][0]) == ([(2, "y")], 1)

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
    def test_reads_every_encoding_of_json(self, encoding: str) -> None:
        assert rows(read_json('[{"a": "é"}]'.encode(encoding), LIMITS)) == [(1, "é")]

    def test_depth_is_refused_before_anything_recurses(self) -> None:
        with pytest.raises(Rejected, match="limit 'depth'"):
            of("[" * 1_000_000)
        with pytest.raises(Rejected, match="limit 'depth'"):
            of('{"a":' * 33 + "1" + "}" * 33)

    def test_brackets_within_text_are_no_depth(self) -> None:
        assert len(of(json.dumps([{"a": '[[[{"\\' * 50}])).frame) == 1

    def test_unclosed_text_is_scanned_once(self) -> None:
        with pytest.raises(Rejected, match="stops being JSON"):
            of("[" * 40 + "]" * 40 + '"' + '\\"' * 200_000, Limits(depth=64))

    @pytest.mark.parametrize(
        ("document", "reason"),
        [
            ('[{"a": 1},\n {"a": }]', "Line 2, column 8"),
            ("[]", "no records"),
            ("", "empty"),
            ("3", "neither a list"),
            ('{"a": [{"x": 1}], "b": [{"y": 1}]}', "2 lists of records"),
            ('{"a": [1], "b": [1, 2]}', "differ in length"),
            ('[{"a": 1, "a ": 2}]', "heading of column 2"),
            ('[{"_row": 1}]', "our own name"),
            ('[{"": 1}]', "heading of column 1"),
        ],
    )
    def test_refuses_with_the_reason(self, document: str, reason: str) -> None:
        with pytest.raises(Rejected, match=reason):
            of(document)

    def test_refuses_bytes_that_are_no_text(self) -> None:
        with pytest.raises(Rejected, match="Line 2 is not UTF-8"):
            read_json(b'[{"a":\n"\xff"}]', LIMITS)

    @pytest.mark.parametrize(
        ("limits", "named"),
        [(Limits(rows=1), "rows"), (Limits(columns=1), "columns"), (Limits(cell_characters=2), "cell_characters")],
    )
    def test_a_refusal_names_the_limit(self, limits: Limits, named: str) -> None:
        with pytest.raises(Rejected, match=f"limit '{named}'"):
            of('[{"a": "xyz", "b": 1}, {"a": 2}]', limits)


class TestJsonLines:
    def test_a_broken_line_fails_alone_and_numbers_are_those_of_lines(self) -> None:
        read = read_json_lines(b'{"a": 1}\r\n\r\n{"a": \r\n{"a": "x\xe2\x80\xa8y"}\n[[[[1]]]]\n', Limits(depth=3))
        assert rows(read) == [(1, "1"), (4, "x\u2028y")]
        assert [number for number, _ in read.bad_rows] == [3, 5]

    def test_refuses_where_no_line_can_be_read(self) -> None:
        with pytest.raises(Rejected, match="line 1"):
            read_json_lines(b"{a\n{b\n", LIMITS)


class TestParquet:
    def test_brings_every_type_to_one_notation(self, tmp_path: Path) -> None:
        frame = pl.DataFrame(
            {
                "text": ["00123", " ", None],
                "number": [25000.0, 1e20, 0.1],
                "whole": [1, None, 3],
                "money": [Decimal("1.10"), None, Decimal("2.00")],
                "day": [date(2020, 4, 1), None, date(1899, 12, 31)],
                "midnight": [datetime.fromisoformat("2020-04-01"), None, datetime.fromisoformat("2020-04-02")],
                "moment": [datetime.fromisoformat("2020-04-01T10:30:00"), datetime.fromisoformat("2020-04-01"), None],
                "clock": [time(10, 30), None, time(0, 0)],
                "truth": [True, False, None],
                "list": [[1, 2], [], None],
                "object": [{"x": date(2020, 4, 1)}, {"x": None}, {"x": None}],
                "bytes": [b"x", None, b"y"],
            }
        )
        frame.write_parquet(tmp_path / "f")
        read = read_parquet(tmp_path / "f", LIMITS)
        assert read.headings == tuple(frame.columns)
        assert rows(read) == [
            (1, "00123", "25000", "1", "1.10", "2020-04-01", "2020-04-01", "2020-04-01T10:30:00", "10:30:00", "TRUE",
             "[1,2]", '{"x":"2020-04-01"}', "x"),
            (2, None, "100000000000000000000", None, None, None, None, "2020-04-01T00:00:00", None, "FALSE",
             "[]", '{"x":null}', None),
            (3, None, "0.1", "3", "2.00", "1899-12-31", "2020-04-02", None, "00:00:00", None,
             None, '{"x":null}', "y"),
        ]  # fmt: skip

    @pytest.mark.parametrize("keep", [8, 0.5, -20])
    def test_refuses_a_damaged_file(self, tmp_path: Path, keep: float) -> None:
        pl.DataFrame({"a": list(range(1000))}).write_parquet(tmp_path / "whole")
        data = (tmp_path / "whole").read_bytes()
        (tmp_path / "cut").write_bytes(data[: int(keep * len(data)) if 0 < keep < 1 else int(keep)])
        with pytest.raises(Rejected, match="damaged"):
            read_parquet(tmp_path / "cut", LIMITS)

    def test_refuses_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        pl.DataFrame({"a": [b"\xff\xfe"]}).write_parquet(tmp_path / "f")
        with pytest.raises(Rejected, match="bytes that are no text"):
            read_parquet(tmp_path / "f", LIMITS)

    @pytest.mark.parametrize(
        ("limits", "named"),
        [(Limits(rows=1), "rows"), (Limits(columns=1), "columns"), (Limits(cell_characters=2), "cell_characters")],
    )
    def test_a_refusal_names_the_limit(self, tmp_path: Path, limits: Limits, named: str) -> None:
        pl.DataFrame({"a": ["xyz", "x"], "b": [1, 2]}).write_parquet(tmp_path / "f")
        with pytest.raises(Rejected, match=f"limit '{named}'"):
            read_parquet(tmp_path / "f", limits)
