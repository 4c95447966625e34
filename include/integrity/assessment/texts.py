"""A delimited file as sent, changed cell by cell; whatever is not changed keeps its very bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from integrity.inventory.dependency import Numbers
from integrity.submissions.dialects import Dialect

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_DIGITS = re.compile(r"\d(?:[\d.,'’\s]*\d)?")


class Unwritable(ValueError):
    """The file's text cannot be written back byte for byte."""


@dataclass(frozen=True)
class SentText:
    """Lines of a text file, with what stands between and around its cells.

    Attributes:
        lines: Every line with its end, the first being line 1 of the file.
        encoding: As the reader found it.
    """

    lines: tuple[str, ...]
    encoding: str
    dialect: Dialect

    @classmethod
    def of(cls, content: bytes, encoding: str, dialect: Dialect) -> SentText:
        """The text of a file.

        Raises:
            Unwritable: Decoding and encoding it again does not give the same bytes.
        """
        try:
            text = content.decode(encoding)
            if text.encode(encoding) != content:
                raise Unwritable
        except (UnicodeError, LookupError) as error:
            raise Unwritable from error
        return cls(tuple(_LINE.findall(text)), encoding, dialect)

    def to_bytes(self) -> bytes:
        return "".join(self.lines).encode(self.encoding)

    @property
    def line_end(self) -> str:
        """What the first line ends with."""
        return end_of(self.lines[0]) or "\n" if self.lines else "\n"

    def cells(self, number: int) -> list[str]:
        """The cells of a line, without the quotes around them."""
        return [self._bare(fragment) for fragment in self.fragments(number)]

    def fragments(self, number: int) -> list[str]:
        """The cells of a line just as they stand in it."""
        line = self.lines[number - 1]
        body = line.removesuffix(end_of(line))
        delimiter, quote, escape = self.dialect.delimiter, self.dialect.quote, self.dialect.escape
        if not delimiter:
            return [body]
        found, start, quoted, i = [], 0, False, 0
        while i < len(body):
            if quoted and escape and body[i] == escape:
                i += 1
            elif quote and body[i] == quote:
                quoted = not quoted
            elif body[i] == delimiter and not quoted:
                found.append(body[start:i])
                start = i + 1
            i += 1
        return [*found, body[start:]]

    def with_fragments(self, changed: Mapping[int, Sequence[str]]) -> SentText:
        """Lines put together anew from these fragments, by number of the line."""
        lines = list(self.lines)
        for number, fragments in changed.items():
            lines[number - 1] = self.dialect.delimiter.join(fragments) + end_of(lines[number - 1])
        return replace(self, lines=tuple(lines))

    def with_cells(self, changed: Mapping[tuple[int, int], str]) -> SentText:
        """Other cells, by number of the line and position of the cell, from 0; a cell in quotes stays in quotes."""
        fragments = {number: self.fragments(number) for number, _ in changed}
        for (number, position), value in changed.items():
            fragments[number][position] = self.written(value, like=fragments[number][position])
        return self.with_fragments(fragments)

    def without(self, numbers: Sequence[int]) -> SentText:
        """All lines but these."""
        left_out = set(numbers)
        return replace(self, lines=tuple(line for n, line in enumerate(self.lines, 1) if n not in left_out))

    def in_order(self, numbers: Sequence[int]) -> SentText:
        """These lines in this order; each ends as lines of this file do."""
        return replace(self, lines=tuple(self._ended(self.lines[number - 1]) for number in numbers))

    def with_added(self, after: int, lines: Sequence[str]) -> SentText:
        """More lines, without their ends, after the line of this number."""
        before, behind = self.lines[:after], self.lines[after:]
        added = [line + self.line_end for line in lines]
        return replace(self, lines=(*(self._ended(line) for line in before), *added, *behind))

    def written(self, value: str, like: str = "") -> str:
        """A cell as this file writes it: in quotes if it needs them, or if the cell it stands for has them."""
        quote = self.dialect.quote
        needs = any(sign and sign in value for sign in (self.dialect.delimiter, quote, "\n", "\r"))
        if not quote or not (needs or like.strip().startswith(quote)):
            return value
        return f"{quote}{value.replace(quote, (self.dialect.escape or quote) + quote)}{quote}"

    def _ended(self, line: str) -> str:
        return line if end_of(line) else line + self.line_end

    def _bare(self, fragment: str) -> str:
        quote, text = self.dialect.quote, fragment.strip()
        if not quote or len(text) < 2 or not (text.startswith(quote) and text.endswith(quote)):
            return fragment
        return text[1:-1].replace((self.dialect.escape or quote) + quote, quote)


def end_of(line: str) -> str:
    """What a line ends with; '' where it is the last and has no end."""
    return line[len(line.rstrip("\r\n")) :]


def rewritten(cell: str, value: float, numbers: Numbers, *, was: float, places: int | None = None) -> str:
    """A number's cell with another value in the same notation: decimals, thousands sign, currency and all.

    Args:
        was: The cell's present value, which tells how its sign is written.
        places: Decimals; as many as the cell has where it is None.
    """
    found = _DIGITS.search(cell)
    if found is None:
        return cell
    digits = found.group()
    fraction = digits.rsplit(numbers.decimal, 1)[1] if numbers.decimal in digits else ""
    whole, _, decimals = f"{abs(value):.{len(fraction) if places is None else places}f}".partition(".")
    thousands = next((sign for sign in numbers.thousands if sign in digits), "")
    if thousands:
        whole = f"{int(whole):,}".replace(",", thousands)
    text = cell[: found.start()] + whole + (numbers.decimal + decimals if decimals else "") + cell[found.end() :]
    if (value < 0) == (was < 0):
        return text
    return f"-{text.strip()}" if value < 0 else re.sub(r"[-()]|(?i:CR)", "", text)
