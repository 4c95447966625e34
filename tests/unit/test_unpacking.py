"""What a file is by its bytes, and taking it out of archives that may be built to do harm."""

from __future__ import annotations

import gzip
import io
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from integrity.errors import Rejected
from integrity.submissions.limits import Limits
from integrity.submissions.signatures import extension_note, kind_of, refusal_of
from integrity.submissions.unpacking import Unpacked, members

LIMITS = Limits()
CSV = b"a,b\n1,2\n"


def zipped(*files: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return made.getvalue()


@pytest.fixture
def taken(tmp_path: Path) -> Callable[..., list[Unpacked]]:
    def take(data: bytes, name: str = "april.zip", limits: Limits = LIMITS) -> list[Unpacked]:
        (tmp_path / "received").write_bytes(data)
        (tmp_path / "scratch").mkdir()
        return members(tmp_path / "received", name, limits, tmp_path / "scratch")

    return take


Taken = Callable[..., list[Unpacked]]


class TestKind:
    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            (b"", "text"),
            (CSV, "text"),
            (b"[id],name\n1,x\n", "text"),
            (b'["a"],["b"]\n1,2\n', "text"),
            (b"{not json}\n", "text"),
            (b'\xef\xbb\xbf [{"a": 1}]', "json"),
            ('{"a": 1}'.encode("utf-16"), "json"),
            (b'[\n{"a": 1}\n]', "json"),
            (b'{"data": [\n{"a": 1},\n{"a": 2}\n]}', "json"),
            (b'{"a": 1, }', "json"),
            (b"[" * 100_000, "json"),
            (b"[" + b'{"a": "xyz"},\n' * 20_000 + b'{"a": 1}]', "json"),
            (b'{"a": 1}\n{"a": 2}\n', "jsonl"),
            (b'{"a": 1, "b": }\n{"a": 2}\n', "jsonl"),
            (b'["a", "b"]\n[1, 2]\n', "jsonl"),
            (b"<!DOCTYPE html><html><body><table>", "html"),
            (b"<table border=1><tr><td>1", "html"),
            (b'MIME-Version: 1.0\nContent-Type: multipart/related; type="text/html"', "html"),
            (b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">', "spreadsheetml"),
            (b'<?xml version="1.0"?><data/>', "xml"),
            (b"<5,>6\n1,2\n", "text"),
            (b"%PDF-1.7", "pdf"),
            (b"{\\rtf1", "rtf"),
            (b"\x89PNG\r\n\x1a\n", "image"),
            (b"7z\xbc\xaf\x27\x1c", "7z"),
            (b"Rar!\x1a\x07\x01", "rar"),
            (b"BZh91AY", "bzip2"),
            (b"\xfd7zXZ\x00", "xz"),
            (b"x" * 257 + b"ustar\x00", "tar"),
            (zipped(("word/document.xml", b""), ("[Content_Types].xml", b"")), "docx"),
            (zipped(("xl/workbook.bin", b""), ("[Content_Types].xml", b"")), "xlsb"),
            (zipped(("visio/document.xml", b""), ("[Content_Types].xml", b"")), "office"),
            (zipped(("data.csv", CSV)), "zip"),
            (zipped(("data.csv", CSV))[:-10], "zip"),
        ],
    )
    def test_is_told_by_content(self, tmp_path: Path, data: bytes, kind: str) -> None:
        (tmp_path / "f").write_bytes(data)
        assert kind_of(tmp_path / "f", "f") == kind

    def test_a_protected_workbook_is_told_from_its_directory_and_not_from_its_cells(self, tmp_path: Path) -> None:
        def entry(name: str) -> bytes:
            encoded = name.encode("utf-16-le") + b"\0\0"
            return encoded.ljust(64, b"\0") + len(encoded).to_bytes(2, "little") + bytes(62)

        start = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0")
        path = tmp_path / "f"
        path.write_bytes(start + entry("Root Entry") + entry("EncryptedPackage"))
        assert kind_of(path, "f.xlsx") == "encrypted office"
        path.write_bytes(start + entry("Root Entry") + entry("Workbook") + "EncryptedPackage\0".encode("utf-16-le"))
        assert kind_of(path, "f.xlsx") == "xls"
        path.write_bytes(start + entry("WordDocument"))
        assert kind_of(path, "f.xls") == "doc"

    def test_every_kind_that_is_not_read_has_a_reason(self) -> None:
        for kind in ("html", "pdf", "7z", "docx", "encrypted office", "spreadsheetml", "image", "xml", "excel 5"):
            assert "Please" in str(refusal_of(kind))
        assert refusal_of("text") is refusal_of("xlsb") is None

    @pytest.mark.parametrize(
        ("kind", "name", "is_noted"),
        [("xlsx", "a.xls", True), ("text", "a.xlsx", True), ("text", "a.txt", False), ("xlsx", "a.xlsm", False)],
    )
    def test_a_wrong_extension_is_noted(self, kind: str, name: str, is_noted: bool) -> None:  # noqa: FBT001
        assert (extension_note(kind, name) is not None) == is_noted


class TestUnpacking:
    def test_a_plain_file_stays_where_it_is(self, taken: Taken, tmp_path: Path) -> None:
        assert taken(CSV, "april.csv") == [Unpacked(tmp_path / "received", "april.csv")]

    @pytest.mark.parametrize(
        ("data", "name", "containers"),
        [
            # Without the time, by which runs of the tests at the same time would know it under different names.
            (gzip.compress(CSV, mtime=0), "april.csv.gz", ("gzip: april.csv",)),
            (gzip.compress(CSV[:4]) + gzip.compress(CSV[4:]) + bytes(512), "april.csv.gz", ("gzip: april.csv",)),
            (zstandard.compress(CSV), "april.csv.zst", ("zstd: april.csv",)),
            (zstandard.compress(CSV[:4]) + zstandard.compress(CSV[4:]), "april.csv.zst", ("zstd: april.csv",)),
            (zipped(("in/april.csv", CSV)), "april.zip", ("zip: in/april.csv",)),
            (
                zipped(("april.csv.gz", gzip.compress(CSV))),
                "april.zip",
                ("zip: april.csv.gz", "gzip: april.csv"),
            ),
        ],
    )
    def test_takes_the_file_out(self, taken: Taken, data: bytes, name: str, containers: tuple[str, ...]) -> None:
        (found,) = taken(data, name)
        assert (found.path.read_bytes(), found.name, found.containers) == (CSV, "april.csv", containers)

    @pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, lambda data: zipped(("x.csv", data))])
    def test_large_content_comes_out_whole(self, taken: Taken, pack: Callable[[bytes], bytes]) -> None:
        data = b"".join(b"%d,%d\n" % (number, number * 7919 % 10007) for number in range(400_000))
        (found,) = taken(pack(data), "f")
        assert found.path.read_bytes() == data

    def test_passes_over_litter_and_leaves_documents(self, taken: Taken) -> None:
        data = zipped(
            ("data/", b""),
            ("data/april.csv", CSV),
            ("__MACOSX/data/._april.csv", b"x"),
            (".DS_Store", b"x"),
            ("Thumbs.db", b"x"),
            ("april.csv", b"%PDF-1.4"),
        )
        (found,) = taken(data)
        assert (found.path.read_bytes(), len(found.notes)) == (CSV, 1)

    def test_gives_several_files_by_name(self, taken: Taken) -> None:
        found = taken(zipped(("b.csv", CSV), ("a.csv", CSV + CSV)))
        assert [member.name for member in found] == ["a.csv", "b.csv"]
        assert found[0].path != found[1].path

    def test_nothing_is_written_under_a_name_of_the_suppliers(self, taken: Taken, tmp_path: Path) -> None:
        taken(zipped(("evil\u202ename\n.csv", CSV)))
        assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["unpacked-1"]

    def test_a_member_without_a_name_goes_by_the_archives(self, taken: Taken) -> None:
        packed = zipped(("x", CSV)).replace(b"x", b"", 2)
        # Both headers say that the name has no characters, and what lies behind has moved up by one.
        local, central = packed.index(b"PK\x03\x04"), packed.index(b"PK\x01\x02")
        raw = bytearray(packed)
        raw[local + 26], raw[central + 28] = 0, 0
        end = packed.index(b"PK\x05\x06")
        raw[end + 12 : end + 16] = (end - central).to_bytes(4, "little")
        raw[end + 16 : end + 20] = central.to_bytes(4, "little")
        (found,) = taken(bytes(raw))
        assert (found.name, found.path.read_bytes()) == ("april", CSV)

    def test_names_are_fit_to_be_shown(self, taken: Taken) -> None:
        (found,) = taken(zipped(("a\x1b[31m\u202e\n" + "b" * 400 + ".csv", CSV)))
        assert found.name.isprintable()
        assert len(found.name) <= 80


class TestHostileArchives:
    @pytest.mark.parametrize(
        "name", ["../x.csv", "a/../../x.csv", "/etc/x.csv", "C:/x.csv", "..\\x.csv", "\\\\host\\x.csv"]
    )
    def test_a_name_that_leads_out_is_refused(self, taken: Taken, name: str) -> None:
        with pytest.raises(Rejected, match="leads out"):
            taken(zipped((name, CSV)))

    def test_a_link_is_refused(self, taken: Taken) -> None:
        link = zipfile.ZipInfo("x.csv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        with pytest.raises(Rejected, match="a link"):
            taken(zipped((link, b"/etc/passwd")))

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_a_name_twice_is_refused(self, taken: Taken) -> None:
        with pytest.raises(Rejected, match="two files named"):
            taken(zipped(("x.csv", CSV), ("x.csv", b"other")))

    def test_a_password_is_refused(self, taken: Taken) -> None:
        data = bytearray(zipped(("x.csv", CSV)))
        data[6] |= 1
        data[data.index(b"PK\x01\x02") + 8] |= 1
        with pytest.raises(Rejected, match="password"):
            taken(bytes(data))

    def test_overlapping_members_are_refused(self, taken: Taken) -> None:
        data = bytearray(zipped(("a.csv", CSV), ("b.csv", CSV), compression=zipfile.ZIP_STORED))
        second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
        data[second + 42 : second + 46] = (10).to_bytes(4, "little")
        with pytest.raises(Rejected, match="overlap"):
            taken(bytes(data))

    def test_too_many_members_are_refused(self, taken: Taken) -> None:
        with pytest.raises(Rejected, match="limit 'members'"):
            taken(zipped(*((f"{number}.csv", CSV) for number in range(5))), limits=Limits(members=4))

    def test_archives_in_archives_are_refused(self, taken: Taken) -> None:
        with pytest.raises(Rejected, match="limit 'nesting'"):
            taken(zipped(("x.zip", zipped(("x.csv.gz", gzip.compress(CSV))))))

    @pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, lambda data: zipped(("x.csv", data))])
    def test_a_bomb_is_refused_while_it_unpacks(
        self, taken: Taken, pack: Callable[[bytes], bytes], tmp_path: Path
    ) -> None:
        with pytest.raises(Rejected, match="limit 'unpacked_ratio'"):
            taken(pack(bytes(64 << 20)))
        written = sum(path.stat().st_size for path in (tmp_path / "scratch").iterdir())
        assert written < 40 << 20

    def test_the_size_of_all_members_is_limited(self, taken: Taken) -> None:
        with pytest.raises(Rejected, match="limit 'unpacked_bytes'"):
            taken(zipped(("a.csv", CSV * 10), ("b.csv", CSV * 10)), limits=Limits(unpacked_bytes=100))

    def test_a_size_in_a_header_is_not_believed(self, taken: Taken) -> None:
        data = bytearray(zipped(("x.csv", CSV * 10_000)))
        directory = data.index(b"PK\x01\x02")
        data[22:26] = data[directory + 24 : directory + 28] = (8).to_bytes(4, "little")
        with pytest.raises(Rejected, match="limit 'unpacked_bytes'"):
            taken(bytes(data), limits=Limits(unpacked_bytes=1000))

    @pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, lambda data: zipped(("x.csv", data))])
    @pytest.mark.parametrize("cut", [1, 40, 2000])
    def test_a_truncated_archive_is_refused(self, taken: Taken, pack: Callable[[bytes], bytes], cut: int) -> None:
        data = pack(b"".join(b"%d\n" % (number * 7919 % 10007) for number in range(5000)))
        with pytest.raises(Rejected, match="damaged"):
            taken(data[:-cut])

    def test_a_changed_byte_is_noticed(self, taken: Taken) -> None:
        data = bytearray(zipped(("x.csv", CSV), compression=zipfile.ZIP_STORED))
        data[data.index(b"1,2")] ^= 1
        with pytest.raises(Rejected, match="damaged"):
            taken(bytes(data))

    def test_what_follows_a_gzip_is_noticed(self, taken: Taken) -> None:
        with pytest.raises(Rejected, match="damaged"):
            taken(gzip.compress(CSV) + b"garbage", "f.gz")

    def test_an_empty_archive_is_refused(self, taken: Taken) -> None:
        with pytest.raises(Rejected, match="no file"):
            taken(zipped(("folder/", b"")))

    def test_uncommon_packing_is_refused(self, taken: Taken) -> None:
        with pytest.raises(Rejected, match="uncommon"):
            taken(zipped(("x.csv", CSV), compression=zipfile.ZIP_LZMA))
