"""A mailbox in which one person wrote, was answered, quoted, named and copied; others must stay as they are."""

from __future__ import annotations

import quopri
from datetime import UTC, datetime, time, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from opsintel.clock import today

ADDRESS = "ana.silva@victim.example"
NAME = "Ana Silva"
ESCAPED = "ana.silva%40victim.example"
CANARIES = (ADDRESS, NAME, ESCAPED, "zebracanary", "flutters", "quaggaphone", "170 1234567",
            "1701234567", "QUAGGA-7781")  # fmt: skip
"""What must be nowhere afterwards: who she is, and words that she alone wrote."""

NAMESAKES = ("joana.silva@victim.example", "ana.silva@other.example")
"""What looks like her and is somebody else."""

OWN_TEXT = (
    "Since the last update my zebracanary thermostat flutters all night long and the app forgets the schedule that I"
    " set for the bedroom. Please repair the zebracanary thermostat or refund the order QUAGGA-7781."
)
SIGNATURE = "-- \nAna Silva\nquaggaphone office\nPhone: +49 170 1234567\nana.silva@victim.example"


def mail(
    number: int,
    sender: str,
    to: str,
    subject: str,
    text: str,
    *,
    answers: str = "",
    headers: dict[str, str] | None = None,
) -> EmailMessage:
    """Return a mail of one of the last days."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, to, subject
    sent = datetime.combine(today() - timedelta(days=1 + number % 3), time(9, number % 60), UTC)
    made["Date"] = format_datetime(sent)
    made["Message-ID"] = f"<m{number}@mail.example>"
    if answers:
        made["References"] = made["In-Reply-To"] = answers
    for name, value in (headers or {}).items():
        made[name] = value
    made.set_content(text)
    return made


def quoted(text: str) -> str:
    """Return a text as answers quote it, wrapped anew."""
    words = text.split()
    return "\n".join("> " + " ".join(words[start : start + 9]) for start in range(0, len(words), 9))


def mails() -> list[EmailMessage]:
    """Return the mails: hers, answers and mentions, and what has nothing to do with her."""
    ana, support = f"{NAME} <{ADDRESS}>", "Support <support@acme.example>"
    bob, carol = "Bob Stone <bob@acme.example>", "Carol Reed <carol@client.example>"
    own = [
        mail(1, ana, support, "Thermostat flutters at night", f"{OWN_TEXT}\n\n{SIGNATURE}"),
        mail(2, ana, support, "Re: Thermostat flutters at night", f"Any news? {OWN_TEXT}\n\n{SIGNATURE}",
             answers="<m1@mail.example>"),
        mail(3, ana, support, "Charged twice", f"I was charged twice for QUAGGA-7781, refund please.\n\n{SIGNATURE}"),
    ]  # fmt: skip
    answers = [
        mail(4, bob, ana, "Re: Thermostat flutters at night",
             f"Dear Ana,\n\nwe will call you at +49 (170) 123-4567.\n\nBob\n\n"
             f"On Monday {NAME} <{ADDRESS}> wrote:\n{quoted(OWN_TEXT)}", answers="<m1@mail.example>"),
        mail(5, carol, support, "Invoice question",
             f"My colleague {NAME} ({ADDRESS}) said: 'the app forgets the schedule that I set for the bedroom'. Grüße"),
        mail(6, carol, support, "Sync fails", "The hub of our office is offline since Monday, please help us.",
             headers={"X-Forwarded-For-Person": ADDRESS}),
        mail(7, carol, f"{support}, {ana}", "Login fails", "I cannot log in with my password, it is urgent."),
        mail(8, carol, support, "Unsubscribe", f"See https://shop.example/u?mail={ESCAPED} please."),
        mail(9, f"Joana Silva <{NAMESAKES[0]}>", support, "Hub offline",
             f"Write to {NAMESAKES[0]} or {NAMESAKES[1]}. The hub is offline since I changed the router."),
    ]  # fmt: skip
    answers[1].set_content(answers[1].get_content(), cte="base64")
    answers[4].set_content(answers[4].get_content(), cte="quoted-printable")
    assert quopri.decodestring(b"=41") == b"A"
    others = [
        mail(10 + n, f"Customer {n} <customer{n}@example.org>", support, subject, text)
        for n, (subject, text) in enumerate(
            [
                ("The hub is offline", "Since I changed my router the hub stays offline and the light blinks red."),
                ("Hub lost its wifi", "After the router was replaced our hub does not find the wifi any more."),
                ("Charged twice", "My card was charged twice this month for the subscription. Please refund it."),
                ("Double payment", "I see two payments for one subscription on my card statement, kindly refund one."),
            ]
            * 3
        )
    ]
    return [*own, *answers, *others]


def write(path: Path, chosen: list[EmailMessage]) -> None:
    """Write an mbox."""
    with path.open("wb") as file:
        for one in chosen:
            file.write(b"From - Thu Jan  1 00:00:00 1970\n" + one.as_bytes() + b"\n")
