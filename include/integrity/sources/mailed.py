"""Feedback by e-mail: one mail for each pack, to the supplier and nobody else."""

from __future__ import annotations

import mimetypes
from hashlib import sha256
from pathlib import Path

from integrity.connections import Credentials
from integrity.inventory.sources import MailOutbox
from integrity.mailing import compose, send

_PAGE = ".html"
_MOST_BYTES = 7 * 1024 * 1024
"""Of what is attached: many a server takes 10 MB, and base64 makes a third more of it."""


class MailPlace:
    """A supplier's mailbox, to which packs go."""

    def __init__(self, place: MailOutbox, credentials: Credentials) -> None:
        self._place, self._credentials = place, credentials

    def put(self, path: Path) -> None:
        """Send a pack, once its page is there; its other files go with it and make no mail of their own."""
        if path.suffix != _PAGE:
            return
        content = path.read_bytes()
        pack = self._attached(path)
        place = self._place
        lines = [f"What you sent has been judged: {path.stem}."]
        if place.link:
            lines.append(f"What was found, row by row, and how to mend it: {place.link.rstrip('/')}/{path.name}")
        if pack:
            lines.append("What was found, row by row, and how to mend it, is attached.")
        elif place.attach:
            lines.append("What was found is too large for a mail; ask us for it.")
        lines.append("Answer by sending the file again under the same name. Nobody reads answers to this mail.")
        key = f"feedback/{place.supplier}/{sha256(path.name.encode() + content).hexdigest()[:24]}"
        subject = f"Feedback on {path.stem}"
        mail = compose(self._credentials, to=place.to, subject=subject, lines=lines, key=key)
        for file in pack:
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            main, _, sub = kind.partition("/")
            mail.add_attachment(file.read_bytes(), maintype=main, subtype=sub, filename=file.name)
        send(self._credentials, mail)

    def close(self) -> None:
        """Nothing is kept open between mails."""

    def _attached(self, page: Path) -> list[Path]:
        if not self._place.attach:
            return []
        pack = sorted(file for file in page.parent.glob(f"{page.stem}.*") if file.is_file())
        return pack if sum(file.stat().st_size for file in pack) <= _MOST_BYTES else []
