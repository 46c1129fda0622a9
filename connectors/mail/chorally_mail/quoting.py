"""Tells what is new in an answer from what it quotes, line by line and in linear time.

Mail clients mark quotations in three ways: lines behind ``>``, a line that introduces them (``On …, Ada wrote:``), and
a block of headers (``From: … Sent: … Subject: …``) above the earlier mail as it was. A forwarded mail is no
quotation: it is what the person wants to show. Where nothing new would remain, everything counts as new.
"""

import re
from typing import NamedTuple

LINES = 20_000  # lines that are looked at; what follows is kept as it is
INTRO_LINES = 3  # lines that an introduction may be wrapped over
INTRO_LENGTH = 400  # characters
HEADERS_WITHIN = 12  # lines that a block of headers may take

_WROTE = re.compile(
    r"\b(wrote|writes|ha scritto|scrive|scritto|schrieb|a écrit|escribió|escribio|escreveu|schreef|geschreven|skrev|"
    r"napisał|napisała|napsal|napsala|kirjoitti|írta|yazdı|έγραψε|a scris|написал|написала|пишет|escrigué)\b"
    r"|写道|寫道|のメール|書きました|작성",
    re.IGNORECASE,
)
_BEGINS = re.compile(
    r"(on|il|in data|am|le|el|em|op|den|dnia|w dniu|dne|dňa|kl|van|from|da|von)\b|\d|\w{2,10}[.,]? \d", re.IGNORECASE
)
_DATED = re.compile(r"@|\d{1,2}[:.h]\d{2}|\b(?:19|20)\d{2}\b|\d{1,2}[/.-]\d{1,2}")
_ROLES = {
    "from": ("from", "da", "von", "de", "van", "från", "fra", "od", "lähettäjä", "от", "发件人", "差出人"),
    "date": (
        *("sent", "date", "inviato", "data", "gesendet", "datum", "envoyé", "enviado", "enviado el", "fecha"),
        *("verzonden", "skickat", "sendt", "dato", "wysłano", "odesláno", "дата", "发送时间", "日時", "送信日時"),
    ),
    "to": ("to", "a", "an", "à", "para", "aan", "till", "til", "do", "komu", "кому", "收件人", "宛先"),
    "cc": ("cc", "kopie", "copia", "kopia", "копия", "抄送"),
    "subject": (
        *("subject", "oggetto", "betreff", "objet", "asunto", "assunto", "onderwerp", "ämne", "emne", "temat"),
        *("předmět", "тема", "主题", "件名"),
    ),
}
_ROLE = {label: role for role, labels in _ROLES.items() for label in labels}
_LABEL = re.compile(r"^[*_ ]{0,3}([^\W\d_][^\d:*_：]{0,20}?)[*_ ]{0,3}[:：]")
_SEPARATOR = re.compile(
    r"^[-_ ]{2,}\s*(original message|messaggio originale|ursprüngliche nachricht|message d'origine|mensaje original|"
    r"mensagem original|oorspronkelijk bericht|originalmeddelande|oprindelig meddelelse|wiadomość oryginalna|"
    r"исходное сообщение)\s*[-_ ]{2,}$",
    re.IGNORECASE,
)
_FORWARD = re.compile(
    r"(forwarded message|messaggio inoltrato|weitergeleitete nachricht|message transféré|message réexpédié|"
    r"mensaje reenviado|mensagem encaminhada|doorgestuurd bericht|vidarebefordrat|пересылаемое сообщение)",
    re.IGNORECASE,
)
_FORWARDED_SUBJECT = re.compile(r"^\s*(fwd?|i|inoltra|wg|tr|rv|enc|doorst|vs|vb)\s*:", re.IGNORECASE)
_RULE = re.compile(r"^[_-]{10,}$")


class Split(NamedTuple):
    """A text in two."""

    new: str
    quoted: str


def split(text: str, subject: str = "") -> Split:
    """Return what is new in a text, and what it quotes.

    Args:
        text: The text of a mail.
        subject: Its subject, which may say that the mail forwards another.
    """
    lines = text.split("\n")
    forwards = bool(_FORWARDED_SUBJECT.match(subject))
    new: list[str] = []
    quoted: list[str] = []
    at = 0
    while at < min(len(lines), LINES):
        line = lines[at].strip()
        if _FORWARD.search(line) and line.startswith(("-", "=", ">", "Begin", "Inizio", "Anfang", "Début", "Inicio")):
            break  # all that follows is shown on purpose
        if _is_cited(line):
            quoted.append(lines[at])
            at += 1
        elif not forwards and (_SEPARATOR.match(line) or _headers_begin(lines, at)):
            quoted += lines[at:]
            at = len(lines)
        elif length := _introduction(lines, at):
            after = next((n for n in range(at + length, min(at + length + 4, len(lines))) if lines[n].strip()), None)
            if after is not None and not _is_cited(lines[after].strip()):
                quoted += lines[at:]
                at = len(lines)
            else:
                quoted += lines[at : at + length]
                at += length
        else:
            new.append(lines[at])
            at += 1
    new += lines[at:]
    kept = "\n".join(new).strip("\n").rstrip()
    return Split(kept, "\n".join(quoted).strip("\n")) if kept.strip() else Split(text.strip("\n").rstrip(), "")


def _is_cited(line: str) -> bool:
    return line.startswith(">") and not line.startswith(">From ")  # mbox's way of writing a line


def _introduction(lines: list[str], at: int) -> int:
    """Return over how many lines a quotation is introduced here; 0 where none is."""
    if not lines[at].strip():
        return 0
    joined = ""
    for length, line in enumerate(lines[at : at + INTRO_LINES], 1):
        line = line.strip()
        if not line or len(joined) + len(line) > INTRO_LENGTH or _is_cited(line):
            return 0
        if joined and (_BEGINS.match(line) or not _BEGINS.match(joined)):
            return 0  # if one begins, then further down
        joined = f"{joined} {line}".strip()
        if line.endswith((":", "：")):
            return length if _introduces(joined) else 0
    return 0


def _introduces(line: str) -> bool:
    """Whether a line says who wrote and when; an address says as much as the word."""
    return bool(_DATED.search(line) and (_WROTE.search(line) or re.search(r"\d.*<[^<>\s]+@[^<>\s]+>\s*[:：]$", line)))


def _headers_begin(lines: list[str], at: int) -> bool:
    """Whether the headers of an earlier mail begin here, a rule above them or not."""
    first = lines[at].strip()
    if _RULE.match(first):
        at += 1
    elif _role(first) != "from":
        return False
    roles: set[str] = set()
    for line in lines[at : at + HEADERS_WITHIN]:
        role = _role(line.strip())
        if not roles and line.strip() and role != "from":
            return False
        if role:
            roles.add(role)
        if "from" in roles and "date" in roles and roles & {"to", "subject"}:
            return True
    return False


def _role(line: str) -> str:
    found = _LABEL.match(line)
    return _ROLE.get(found.group(1).strip().lower(), "") if found else ""


def unfolded(text: str, layout: str) -> str:
    """Return a plain text with its broken lines joined again.

    Args:
        text: The text as it came.
        layout: ``flowed`` or ``delsp`` as RFC 3676 has them; anything else leaves the text as it is.
    """
    if layout not in ("flowed", "delsp"):
        return text
    lines: list[str] = []
    open_depth: int | None = None
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:].removeprefix(" ")
        flows = content.endswith(" ") and content != "-- "
        if content == "-- ":
            open_depth = None
        piece = content[:-1] if flows and layout == "delsp" else content
        if open_depth == depth:
            lines[-1] += piece
        else:
            lines.append(f"{'>' * depth} {piece}" if depth else piece)
        open_depth = depth if flows else None
    return "\n".join(line if line == "-- " else line.rstrip() for line in lines)
