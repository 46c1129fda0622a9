"""What is new in an answer, and what it quotes."""

import time

import pytest
from chorally_mail import htmltext, quoting

INTRODUCTIONS = [
    "On Mon, Nov 16, 2026 at 10:12 AM Shop <help@shop.example> wrote:",
    "On 16 Nov 2026, at 10:12, Shop <help@shop.example>\nwrote:",
    "Il giorno lun 16 nov 2026 alle 10:12 Shop <help@shop.example> ha scritto:",
    "Il 16/11/2026 10:12, Shop ha scritto:",
    "In data 16 novembre 2026 10:12:00 Shop ha scritto:",
    "Am 16.11.26 um 10:12 schrieb Shop:",
    "Am Mo., 16. Nov. 2026 um 10:12 Uhr schrieb Shop <\nhelp@shop.example>:",
    "Le lun. 16 nov. 2026 à 10:12, Shop <help@shop.example> a écrit :",
    "El lun, 16 nov 2026 a las 10:12, Shop (<help@shop.example>) escribió:",
    "Em seg., 16 de nov. de 2026 às 10:12, Shop <help@shop.example> escreveu:",
    "Op ma 16 nov 2026 om 10:12 schreef Shop <help@shop.example>:",
    "Den mån 16 nov. 2026 kl 10:12 skrev Shop <help@shop.example>:",
    "W dniu 16.11.2026 o 10:12, Shop napisał:",
    "пн, 16 нояб. 2026 г. в 10:12, Shop <help@shop.example> написал:",
    "2026年11月16日(月) 10:12 Shop <help@shop.example>:",
    "在 2026年11月16日，10:12，Shop <help@shop.example> 写道：",
]

HEADERS = [
    "From: Shop <help@shop.example>\nSent: Monday, November 16, 2026\nTo: Ada\nSubject: Lamp",
    "*Da:* Shop\n*Inviato:* lunedì 16 novembre 2026\n*A:* Ada\n*Oggetto:* Lampada",
    "________________________________\nDa: Shop\nData: 16 novembre 2026\nOggetto: Lampada",
    "-----Messaggio originale-----\nDa: Shop",
    "-----Original Message-----\nFrom: Shop",
    "Von: Shop\nGesendet: Montag, 16. November 2026\nAn: Ada\nBetreff: Lampe",
    "De : Shop\nEnvoyé : lundi 16 novembre 2026\nÀ : Ada\nObjet : Lampe",
    "De: Shop\nEnviado: lunes, 16 de noviembre\nPara: Ada\nAsunto: Lámpara",
]


@pytest.mark.parametrize("introduction", INTRODUCTIONS)
@pytest.mark.parametrize("mark", ["> ", ""], ids=["marked", "unmarked"])
def test_an_introduced_quotation_is_told_apart(introduction: str, mark: str) -> None:
    """In the languages and layouts of the usual clients, with and without marks before the lines."""
    quotation = f"{introduction}\n\n{mark}Shall we send a new one?"

    split = quoting.split(f"Yes please.\nIt broke on 3 May.\n\n{quotation}")

    assert split.new == "Yes please.\nIt broke on 3 May."
    assert introduction in split.quoted
    assert "new one" in split.quoted


@pytest.mark.parametrize("headers", HEADERS)
def test_an_earlier_mail_below_its_headers_is_told_apart(headers: str) -> None:
    """As Outlook and its like write them."""
    split = quoting.split(f"Yes please.\n\n{headers}\n\nShall we send a new one?")

    assert split == ("Yes please.", f"{headers}\n\nShall we send a new one?")


@pytest.mark.parametrize("headers", HEADERS[:2])
@pytest.mark.parametrize("subject", ["Fwd: Lamp", "I: Lampada", "WG: Lampe"])
def test_a_forwarded_mail_is_no_quotation(headers: str, subject: str) -> None:
    """It is what the person wants to show."""
    text = f"See below.\n\n{headers}\n\nThe text."

    assert quoting.split(text, subject) == (text, "")


def test_answers_between_the_lines_are_kept() -> None:
    """Each quoted line goes, each answer stays, in order."""
    split = quoting.split("Hi\n\nOn 16 Nov 2026, 10:12, Shop wrote:\n> Colour?\nred\n> Size?\nlarge\n")

    assert split.new.split() == ["Hi", "red", "large"]
    assert split.quoted.count(">") == 2


@pytest.mark.parametrize(
    "text",
    [
        "As I wrote on 3 May 2026 in my letter, two things:\n- this\n- that",
        "Note: please call.\nFrom: 10 to 12",
        "To: the team\nSubject to change: all",
        ">From the shop I bought a lamp",
        "a\n----------\nb",
        "",
    ],
)
def test_what_only_looks_like_a_quotation_is_kept(text: str) -> None:
    """Losing what a person wrote is worse than showing a quotation."""
    assert quoting.split(text) == (text, "")


def test_where_nothing_new_would_remain_all_is_kept() -> None:
    """An answer written into the quotation marks is still an answer."""
    assert quoting.split("> all of it\n> is here") == ("> all of it\n> is here", "")


@pytest.mark.parametrize(
    "piece", ["\n", " \n", "On a ", "On 1:00 a\n", "From: a\n", "> ", "_", "wrote ", "Il 1:00 \n", "a:\n"]
)
def test_the_time_grows_with_the_text_and_no_faster(piece: str) -> None:
    """Eight times the text takes far less than the 64 times that a trap for patterns would take."""

    def seconds(size: int) -> float:
        text = piece * (size // len(piece))
        began = time.process_time()
        quoting.split(text)
        return time.process_time() - began

    seconds(1000)
    assert seconds(200_000) < 30 * max(seconds(25_000), 0.005)


def test_flowed_text_is_joined_again() -> None:
    """Within its depth of quotation; a signature's mark stays a line."""
    text = "a long \nline\n> quoted \n> on\nnext\n-- \nAda \nRossi"

    assert quoting.unfolded(text, "flowed") == "a long line\n> quoted on\nnext\n-- \nAda Rossi"
    assert quoting.unfolded("trans \nlation", "delsp") == "translation"
    assert quoting.unfolded(text, "") == text


def test_html_without_end_is_cut_where_people_see_it() -> None:
    """The beginning is there, and a mark that it is not all."""
    text = htmltext.to_text("<p>news</p>" * 100_000)

    assert text.startswith("news\n\nnews")
    assert text.endswith("[…]")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("a<br>b<br><br>c", "a\nb\n\nc"),
        ("<div>a</div><div>b <b>c</b>d</div>", "a\nb cd"),
        ("<div><br></div>a", "a"),
        ("a<blockquote type=cite>q<blockquote type=cite>r</blockquote></blockquote>b", "a\n\n> q\n>\n> > r\n\nb"),
        ("<blockquote style='margin-left:1em'>mine</blockquote>", "mine"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("a &lt; b &amp; c&nbsp;d", "a < b & c d"),
        ("<a href='javascript:x()'>a</a><a href='https://b.example/x'>b</a>", "ab <https://b.example/x>"),
        ("<td>a<td>b", "ab"),
        ("<table><tr><td>a<td>b<tr><td>c", "a b\nc"),
        ("<style>x</style><script>y</script><p hidden style='display: none'>z</p>a", "a"),
        ("<p>a", "a"),
        ("", ""),
    ],
)
def test_html_reads_like_a_plain_mail(html: str, text: str) -> None:
    """Paragraphs, breaks, lists, tables, links, quotations."""
    assert htmltext.to_text(html) == text
