"""Things to be searched, made up: a shop's mail in Italian and English, and what is asked of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from chorally_core.ports.search import Asked, Entry
from chorally_core.ports.stems import language_of
from chorally_core.ports.words import read_words

START = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)


def a_message(name: str, body: str = "", *, tenant: str = "acme", minutes: float = 0, **more: Any) -> Entry:
    """Return a message in a ticket of its own unless told otherwise."""
    given: dict[str, Any] = {
        "version": 1, "at": START + timedelta(minutes=minutes), "ticket_id": f"t-{name}",
        "language": language_of("", body), "direction": "inbound", "channel": "wall_note",
        "account_id": "account-wall", "platform": "wall", "status": "open",
    }  # fmt: skip
    return Entry(kind="message", id=name, tenant=tenant, body=body, **{**given, **more})


def a_ticket(name: str, title: str = "", *, tenant: str = "acme", minutes: float = 0, **more: Any) -> Entry:
    """Return a ticket."""
    given: dict[str, Any] = {
        "version": 1, "at": START + timedelta(minutes=minutes), "language": language_of("", title),
        "status": "open", "priority": "normal", "channel": "wall_note",
    }  # fmt: skip
    return Entry(kind="ticket", id=name, ticket_id=name, tenant=tenant, title=title, **{**given, **more})


def asked(text: str = "", **more: Any) -> Asked:
    """Return a question in words."""
    return Asked(read_words(text), **more)


async def found(search: Any, text: str = "", tenant: str = "acme", **more: Any) -> list[str]:
    """Return the ids of what is found, in order."""
    return [hit.id for hit in (await search.find(tenant, asked(text, **more))).hits]


_ITALIAN = """
it-01|Il mio ordine non è ancora arrivato, sono passati dieci giorni
it-02|Gli ordini che ho fatto la settimana scorsa sono in ritardo
it-03|Vorrei un rimborso per la giacca che avete spedito rotta
it-04|I rimborsi non arrivano mai: quando li pagate?
it-05|La spedizione costa troppo per un solo libro
it-06|Le spedizioni verso la Sardegna sono gratuite?
it-07|Buongiorno, dov'è il mio pacco?
it-08|Il pacco è arrivato aperto e mancava una scarpa
it-09|Perché l’ordine risulta annullato? Non l'ho annullato io
it-10|Che qualità! Tessuto morbido e colori bellissimi
it-11|Il negozio di via Roma è chiuso di lunedì?
it-12|Avete le scarpe rosse numero 38?
it-13|La taglia è sbagliata, vorrei cambiarla con una più grande
it-14|Il corriere ha lasciato il pacco dal vicino
it-15|Non riesco a pagare con la carta di credito
it-16|Il pagamento è stato rifiutato due volte
it-17|Grazie mille, siete stati gentilissimi
it-18|La commessa è stata molto scortese con mia madre
it-19|Dell'acquisto di ieri non ho ricevuto la fattura
it-20|Posso avere la fattura elettronica dell'ordine 4711?
it-21|Ho cambiato indirizzo: potete consegnare a Torino?
it-22|La consegna era prevista per martedì
it-23|Le consegne di sabato sono possibili?
it-24|Il codice sconto non funziona
it-25|Gli sconti del venerdì nero valgono anche in negozio?
it-26|Il sito è lentissimo e il carrello si svuota da solo
it-27|Cercavo un regalo per mio padre, avete dei buoni?
it-28|La garanzia copre la cerniera rotta della borsa?
it-29|Ho perso lo scontrino, posso fare un reso lo stesso?
it-30|I resi sono gratuiti oppure pago io la spedizione?
"""
_ENGLISH = """
en-01|My order has not arrived yet, it has been ten days
en-02|I ordered two shirts and got only one of them
en-03|When will you pay the refund for the broken jacket?
en-04|Refunds take far too long with this shop
en-05|Delivery to Ireland is too expensive for one book
en-06|Do you have same day deliveries in the city?
en-07|Where is my parcel? The tracking has not changed for a week
en-08|The parcel was open and a shoe was missing
en-09|Why was the order cancelled? I did not cancel it
en-10|What a quality! Soft cloth and wonderful colours
en-11|Is the shop in Park Street closed on Mondays?
en-12|Do you have the red shoes in size 38?
en-13|The size is wrong and I would like to exchange it
en-14|The courier left my parcel with the neighbours
en-15|I cannot pay with my credit card
en-16|The payment was refused twice
en-17|Thank you so much, you were very kind
en-18|The assistant was very rude to my mother
en-19|I have not received the invoice for yesterday's purchase
en-20|Could I have an invoice with our VAT number for order 4711?
en-21|I have moved: could you deliver to Dublin instead?
en-22|It should have been delivered on Tuesday
en-23|The discount code does not work
en-24|Are the Black Friday discounts valid in the shop too?
en-25|The website is very slow and the basket empties itself
en-26|I am looking for a present for my father, are there vouchers?
en-27|Does the warranty cover the broken zip of the bag?
en-28|I lost the receipt, is it possible to return the coat?
en-29|Are returns free, or is it me who pays the postage?
en-30|The café in your store was lovely, and so was the naïve art
"""


def corpus() -> list[Entry]:
    """Return sixty messages of the shop, half of them in Italian; the language of none is told."""
    lines = [line.partition("|") for line in (_ITALIAN + _ENGLISH).split("\n") if line]
    return [a_message(name, body, minutes=number) for number, (name, _, body) in enumerate(lines)]


RELEVANCE = [
    ("ordine", {"it-01", "it-02", "it-09", "it-20"}, ()),
    ("ordini", {"it-01", "it-02", "it-09", "it-20"}, ("it-02",)),
    ("l'ordine", {"it-01", "it-02", "it-09", "it-20"}, ()),
    ("rimborso", {"it-03", "it-04"}, ("it-03",)),
    ("rimborsi", {"it-03", "it-04"}, ("it-04",)),
    ("spedizione", {"it-05", "it-06", "it-30"}, ()),
    ("perche annullato", {"it-09"}, ()),
    ("consegne", {"it-21", "it-22", "it-23"}, ("it-23",)),
    ("acquisto", {"it-19"}, ()),
    ("qualita", {"it-10"}, ()),
    ("QUALITÀ", {"it-10"}, ()),
    ("sconto", {"it-24", "it-25"}, ("it-24",)),
    ('"codice sconto"', {"it-24"}, ()),
    ('"ordini"', {"it-02"}, ()),
    ("pacco -vicino", {"it-07", "it-08"}, ()),
    ("order", {"en-01", "en-02", "en-09", "en-20"}, ()),
    ("ordered", {"en-01", "en-02", "en-09", "en-20"}, ("en-02",)),
    ("delivery", {"en-05", "en-06"}, ("en-05",)),
    ("deliver*", {"en-05", "en-06", "en-21", "en-22"}, ()),
    ("delivered", {"en-21", "en-22"}, ("en-22",)),
    ("refund", {"en-03", "en-04"}, ("en-03",)),
    ("discounts", {"en-23", "en-24"}, ("en-24",)),
    ("parcel missing", {"en-08"}, ()),
    ("cafe", {"en-30"}, ()),
    ("naïve", {"en-30"}, ()),
    ("4711", {"it-20", "en-20"}, ()),
    ("invoice OR fattura", {"it-19", "it-20", "en-19", "en-20"}, ()),
    ('invoice OR fattura -"order 4711" -ordine', {"it-19", "en-19"}, ()),
    ('"the parcel was open"', {"en-08"}, ()),
    ("nothing like this", set(), ()),
]
"""What is asked, all that is to be found, and what comes first."""
