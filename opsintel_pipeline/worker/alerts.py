"""Tells members of the alerts that they may mend; without a mail server the log and the dashboard have them."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from uuid import UUID

from opsintel.alerts import telling
from opsintel.alerts.store import end_overdue
from opsintel.alerts.telling import Opened, Recipient
from opsintel.context import Context
from opsintel.errors import InputError, UnavailableError
from opsintel.mail.smtp import SmtpServer
from opsintel.tenants import tenant_by_id
from opsintel_pipeline.worker.errands import Errands

logger = logging.getLogger(__name__)

ATTEMPTS = 12
"""How often letters are tried, ever more seldom: for about six hours."""

MOST_FAULTS = 3
"""Letters that the server does not take before the others wait; they come in another order each time."""


def perform(context: Context, tenant_id: UUID, _: UUID) -> None:
    """Send the letters of a tenant that are due; raises `UnavailableError` where some could not be sent."""
    with context.database.tenant_tx(tenant_id) as connection:
        end_overdue(connection)
        taken = telling.take(connection)
    if not taken:
        return
    for alert in taken:
        logger.warning("tenant %s: alert %s of %s", tenant_id, alert.kind, alert.subject_id)
    server = SmtpServer.of(context.settings)
    if server is not None:
        _send(context, tenant_id, server, taken)
    with context.database.tenant_tx(tenant_id) as connection:
        telling.are_told(connection, taken)


def _send(context: Context, tenant_id: UUID, server: SmtpServer, taken: Sequence[Opened]) -> None:
    organization = tenant_by_id(context.database, tenant_id).name
    link = f"{context.settings.dashboard_url}/alerts/"
    faults = 0
    members = telling.recipients(context.database, tenant_id)
    for member in random.sample(members, len(members)):
        theirs = [alert for alert in taken if member.may_mend(alert) and member.user_id not in alert.told_ids]
        if not theirs:
            continue
        try:
            server.send(telling.letter_about(theirs, member.address, link, organization))
        except InputError:
            logger.warning("tenant %s: no mail can go to the address of member %s", tenant_id, member.user_id)
        except UnavailableError:
            faults += 1
            if faults == MOST_FAULTS:
                break
            continue
        _note(context, tenant_id, theirs, member)
    if faults:
        raise UnavailableError(f"{faults} letters about alerts were not taken")


def _note(context: Context, tenant_id: UUID, theirs: Sequence[Opened], member: Recipient) -> None:
    with context.database.tenant_tx(tenant_id) as connection:
        telling.has_letter(connection, theirs, member.user_id)


ALERTS = Errands("alert", telling.waiting, perform, telling.put_off, ATTEMPTS)
