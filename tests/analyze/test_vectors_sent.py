"""What of a tenant goes to a model for vectors: no personal data, and nothing that the tenant does not send."""

from __future__ import annotations

from typing import Any

import pytest

from opsintel.access.audit import SYSTEM
from opsintel.context import Context
from opsintel.errors import MaskingError
from opsintel.llm.sending import Sending, set_sending
from opsintel.tenants import Tenant
from opsintel_pipeline.vectors import by_model
from tests.analyze.conftest import connect_model, write
from tests.analyze.embedded import TEXTS, current, day, sent
from tests.peers.model_server import ModelServer
from tests.peers.recorder import Recorder


class TestWhatIsSent:
    def test_holds_no_personal_data(
        self, context: Context, tenant: Tenant, model: ModelServer, recorder: Recorder
    ) -> None:
        connect_model(context, tenant, model, purpose="embed")
        values = ["mia.jensen@example.org", "+49 30 901820", "DE89 3704 0044 0532 0130 00"]
        beyond = "x" * 1_490 + " mia.jensen@example.org"
        write(context, tenant, [*(f"Please write to {value} about my parcel." for value in values), beyond])
        day(context, tenant)
        captured = b"\n".join(asked.body for asked in recorder.asked)
        assert len(sent(model)) == 4
        assert b"about my parcel" in captured
        assert [value for value in (*values, "mia.jen") if value.encode() in captured] == []

    def test_is_nothing_of_what_the_masker_fails_on(
        self, context: Context, tenant: Tenant, model: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(text: str, placeholders: Any) -> Any:
            raise MaskingError("broken")

        monkeypatch.setattr(by_model, "mask", fails)
        connect_model(context, tenant, model, purpose="embed")
        write(context, tenant, TEXTS)
        day(context, tenant)
        assert sent(model) == []

    @pytest.mark.parametrize("sends_notes", [False, True])
    def test_are_internal_notes_only_where_the_tenant_sends_them(
        self, sends_notes: bool, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model, purpose="embed")
        set_sending(context.database, tenant.id, Sending(sends_notes=sends_notes), SYSTEM)
        write(context, tenant, TEXTS)
        write(context, tenant, ["They pay late, do not tell them."], visibility="internal", direction="internal")
        write(context, tenant, ["Out of office."], automatic="auto_reply")
        day(context, tenant)
        assert ("They pay late, do not tell them." in sent(model)) is sends_notes
        assert "Out of office." not in sent(model)

    def test_is_nothing_to_a_server_that_is_not_local_where_the_tenant_is_local_only(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model, purpose="embed")
        write(context, tenant, TEXTS)
        set_sending(context.database, tenant.id, Sending(local_only=True), SYSTEM)
        held = context.settings.model_copy(update={"local_servers": ()})
        day(Context(context.database, context.objects, held), tenant)
        assert model.embedded == []
        assert current(context, tenant) == ("lexical", True)
