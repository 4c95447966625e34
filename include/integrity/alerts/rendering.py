"""An alert's words, for an owner who has never seen the product. Content holds counts and names, never values."""

from __future__ import annotations

import re
from typing import Any

_HARMLESS = str.maketrans("<>&`*", "‹›+'·")
_HEADS = {
    "opened": "{title}: {rule_words} failed for {when}",
    "noted": "{title}: {rule_words} noted for {when}",
    "recurred": "Again: {rule_words} failed for {when}",
    "resolved": "Resolved: {title}, {rule_words}",
    "acknowledged": "Acknowledged: {title}, {rule_words}",
    "investigated": "Being looked into: {title}, {rule_words}",
    "assigned": "Assigned: {title}, {rule_words}",
    "answered": "Answered: {title}, {rule_words}",
    "closed": "Closed: {title}, {rule_words}",
    "reopened": "Open again: {title}, {rule_words}",
    "merged": "Merged: {title}, {rule_words}",
}
_SIGNS = {
    "recurred": ":repeat:",
    "resolved": ":white_check_mark:",
    "acknowledged": ":eyes:",
    "investigated": ":mag:",
    "assigned": ":bust_in_silhouette:",
    "answered": ":speech_balloon:",
    "closed": ":lock:",
    "reopened": ":repeat:",
    "merged": ":link:",
}


_STATES = {
    "open": ":red_circle:",
    "acknowledged": ":eyes:",
    "investigating": ":mag:",
    "resolved": ":white_check_mark:",
    "closed": ":white_check_mark:",
}
"""Of an issue's first message, which shows how things stand now."""


def plain(text: str) -> str:
    """Text without control characters or markup of Slack's, so that a file's name cannot mention or link."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "", text).translate(_HARMLESS)


def headline(kind: str, content: dict[str, Any]) -> str:
    """One line that says what happened."""
    when = content["period"] or "a file that could not be placed"
    others = content.get("shown_by", 1) - 1
    if kind == "recurred" and others > 0:
        when += f" and {others} other period{'s' if others > 1 else ''}"
    words = plain(content["rule"]).replace("_", " ")
    head = "noted" if kind == "opened" and content["verdict"] == "WARN" else kind
    return _HEADS[head].format(title=plain(content["title"]), rule_words=f"'{words}'", when=when)


def body(kind: str, content: dict[str, Any]) -> list[str]:
    """The lines below it: what is wrong, what was done, what to do, who must answer by when."""
    if kind == "resolved":
        state = f"Issue {content['reference']} is {content.get('status', 'closed')}"
        state += "; its owner closes it with the root cause." if content.get("status") == "resolved" else "."
        return [plain(content["resolution"]), plain(content["outcome"]), state]
    if "said" in content:
        state = f"Issue {content['reference']} is {content['status']}, for {plain(content['owner'])}."
        return [plain(content["said"]), state]
    lines = [plain(content["message"])]
    if content["evaluated"] and content["failed"]:
        columns = f" in {', '.join(plain(c) for c in content['columns'][:5])}" if content["columns"] else ""
        share = content["failed"] / content["evaluated"]
        lines.append(f"Failed: {content['failed']:,} of {content['evaluated']:,}{columns} ({share:.1%}).")
    if content["supplier"]:
        lines.append(f"Supplier: {plain(content['supplier'])}.")
    lines += [plain(content["outcome"]), f"To mend it: {plain(content['mend'])}"]
    if content["downstream"]:
        lines.append(f"Depends on it: {plain('; '.join(content['downstream']))}.")
    lines.append(
        f"Issue {content['reference']}, impact {content['impact']}, "
        f"for {plain(content['owner'])}, due {content['due_on']}."
    )
    return lines


def blocks(kind: str, content: dict[str, Any]) -> list[dict[str, Any]]:
    """The same as Slack's Block Kit."""
    opened = ":red_circle:" if content.get("verdict") in ("FAIL", "ERROR") else ":large_yellow_circle:"
    sign = _SIGNS.get(kind, opened)
    return [
        {"type": "section", "text": {"type": "mrkdwn", "text": f"{sign} *{headline(kind, content)}*"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(body(kind, content))}},
    ]


def state_line(content: dict[str, Any]) -> str:
    """How an issue stands now, in a line."""
    words = plain(content["rule"]).replace("_", " ")
    return f"{plain(content['title'])}: '{words}' is {content['status']}"


def state_blocks(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The same as Slack's Block Kit, with who is to act; the story is in the thread."""
    is_over = content["status"] in ("resolved", "closed")
    until = "" if is_over else f", due {content['due_on']}"
    told = [f"{_STATES[content['status']]} *{state_line(content)}*"]
    if not is_over and content.get("shown_by", 1) > 1:
        told.append(f"{content['shown_by']} periods show it.")
    told.append(f"Issue {content['reference']}, impact {content['impact']}, for {plain(content['owner'])}{until}.")
    if content.get("supplier"):
        told.append(f"Supplier: {plain(content['supplier'])}.")
    return [{"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(told)}}]
