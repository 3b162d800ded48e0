"""`opsintel key`: a tenant's own keys to model providers."""

from __future__ import annotations

import sys
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsintel.cli.main import print_json
from opsintel.cli.tenant_context import opened
from opsintel.errors import InputError

if TYPE_CHECKING:
    from opsintel.crypto.secrets import Secret
    from opsintel.llm.probe import Probed

app = typer.Typer(add_completion=False, no_args_is_help=True)

Slug = Annotated[str, typer.Option("--tenant", metavar="TENANT", help="Short name of the tenant")]
Named = Annotated[str, typer.Argument(metavar="KEY", help="Name or id of the key")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines")]
KeyFile = Annotated[
    str | None,
    typer.Option("--key", metavar="FILE", help="File with the key; - for standard input; default: asked for"),
]


@app.command("add")
def add(
    provider: Annotated[str, typer.Argument(metavar="PROVIDER", help="openai, anthropic, gemini, ollama or vllm")],
    tenant: Slug,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name shown to people; default: the provider's")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="Model, as the provider calls it")] = None,
    purpose: Annotated[str, typer.Option(metavar="PURPOSE", help="analyse, name_issue or embed")] = "analyse",
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="Address of the interface")] = None,
    key: KeyFile = None,
    of_platform: Annotated[bool, typer.Option("--platform", help="Use the installation's key to the provider")] = False,
    untested: Annotated[bool, typer.Option("--untested", help="Store it without a call")] = False,
    as_json: AsJson = False,
) -> None:
    """Store a key, put its model at the end of the chain, and try both. Keys are never arguments: others see those."""
    from opsintel.access.audit import SYSTEM
    from opsintel.llm.chain import append_to_chain, checked_purpose, require_vectors
    from opsintel.llm.keys import add_key, address_of, model_servers
    from opsintel.llm.platform import require_offered
    from opsintel.llm.probe import probe_key
    from opsintel.llm.provider import provider_of
    from opsintel.llm.sending import require_permitted, sending_of

    row = provider_of(provider)
    require_vectors(checked_purpose(purpose), provider)
    used = model or (row.embedding_model if purpose == "embed" else row.model)
    if not used:
        raise InputError(f"{row.title} has no model of its own choice", remedy="Name one: --model")
    if of_platform and (key or base_url):
        raise InputError(
            "The installation's key has its own value and address", remedy="Leave out --key and --base-url"
        )
    secret = None if of_platform else _secret(key, needed=row.needs_key)
    with opened(tenant) as (context, found):
        if of_platform:
            require_offered(context.settings, row, used)
        address = address_of(row, base_url, context.settings)
        with context.database.tenant_tx(found.id) as connection:
            require_permitted(address, sending_of(connection), model_servers(context.settings))
            wanted = (name or row.name, row.name, address)
            key_id = add_key(connection, context.keyring, found.id, wanted, secret, SYSTEM, of_platform=of_platform)
            append_to_chain(connection, found.id, checked_purpose(purpose), key_id, used)
        probed = [] if untested else probe_key(context, found.id, key_id)
    _show(str(key_id), name or row.name, probed, as_json)


@app.command("test")
def try_(named: Named, tenant: Slug, as_json: AsJson = False) -> None:
    """Try a key with each of its models, in the form that they are used in; ends with 1 where one fails."""
    from opsintel.llm.keys import key_named
    from opsintel.llm.probe import probe_key

    with opened(tenant) as (context, found):
        with context.database.tenant_tx(found.id) as connection:
            key = key_named(connection, named)
        probed = probe_key(context, found.id, key.id)
    if not probed:
        raise InputError(f"No chain uses {key.name}", remedy="opsintel key add, or put a model of it into a chain")
    _show(str(key.id), key.name, probed, as_json)


@app.command("rotate")
def rotate(named: Named, tenant: Slug, key: KeyFile = None, as_json: AsJson = False) -> None:
    """Give a key another value and try it; for a day the one before is taken as well. No budget begins anew."""
    from opsintel.access.audit import SYSTEM
    from opsintel.llm.keys import key_named, rotate_key
    from opsintel.llm.probe import probe_key

    secret = _secret(key, needed=True)
    assert secret is not None
    with opened(tenant) as (context, found):
        with context.database.tenant_tx(found.id) as connection:
            held = key_named(connection, named)
            rotate_key(connection, context.keyring, found.id, held, secret, SYSTEM)
        probed = probe_key(context, found.id, held.id)
    _show(str(held.id), held.name, probed, as_json)


@app.command("list")
def list_(tenant: Slug, as_json: AsJson = False) -> None:
    """List the keys of a tenant with their health."""
    from opsintel.llm.keys import keys_of

    with opened(tenant) as (context, found), context.database.tenant_tx(found.id) as connection:
        keys = keys_of(connection)
    shown = (
        "id", "name", "provider", "base_url", "health", "detail", "checked_at", "valid_at", "retry_at", "of_platform",
    )  # fmt: skip
    if as_json:
        print_json([{name: getattr(key, name) for name in shown} for key in keys])
        return
    for each in keys:
        typer.echo(f"{each.health:13} {each.provider:10} {each.name}{f': {each.detail}' if each.detail else ''}")


@app.command("remove")
def remove(named: Named, tenant: Slug) -> None:
    """Destroy a key; chains go on without it."""
    from opsintel.access.audit import SYSTEM
    from opsintel.llm.keys import key_named, remove_key

    with opened(tenant) as (context, found), context.database.tenant_tx(found.id) as connection:
        key = key_named(connection, named)
        remove_key(connection, found.id, key, SYSTEM)
    typer.echo(f"{key.name} is removed")


@app.command("chain")
def chain(
    tenant: Slug,
    links: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=MODEL", help="The models, in the order they are tried")
    ] = None,
    purpose: Annotated[str, typer.Option(metavar="PURPOSE", help="analyse, name_issue or embed")] = "analyse",
    override: Annotated[str, typer.Option(metavar="TEXT", help="Why it is set though the gate holds it")] = "",
    as_json: AsJson = False,
) -> None:
    """Show which models serve a purpose, and in which order; with models given, set it. The first is asked first.

    Other models of `analyse` are held, where there is a gold set, until `opsintel analyse shadow` tried them.
    """
    from opsintel.access.audit import SYSTEM
    from opsintel.learning.chains import set_chain
    from opsintel.llm.chain import chain_of, checked_purpose
    from opsintel.llm.keys import key_named, keys_of

    wanted = [each.partition("=") for each in links or []]
    if any(not equals or not model for _, equals, model in wanted):
        raise InputError("A model of a chain is given as KEY=MODEL", remedy="opsintel key list names the keys")
    notice = ""
    with opened(tenant) as (context, found), context.database.tenant_tx(found.id) as connection:
        if wanted:
            given = [(key_named(connection, name).id, model) for name, _, model in wanted]
            notice = set_chain(connection, found.id, checked_purpose(purpose), given, SYSTEM, override)
        names = {key.id: key.name for key in keys_of(connection)}
        held = [(names[link.key_id], link) for link in chain_of(connection, checked_purpose(purpose))]
    if notice:
        typer.echo(notice, err=True)
    if as_json:
        print_json([{"key": name, "provider": link.provider, "model": link.model} for name, link in held])
        return
    for name, link in held:
        typer.echo(f"{name}={link.model}{'' if link.price else ' (price unknown)'}")


@app.command("price")
def price(
    named: Named,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Model, as the provider calls it")],
    sent: Annotated[str, typer.Argument(metavar="IN", help="USD a million tokens sent")],
    received: Annotated[str, typer.Argument(metavar="OUT", help="USD a million tokens received")],
    tenant: Slug,
) -> None:
    """Say what a model costs, where the list does not know or knows it wrongly; ceilings hold by it from now on."""
    from opsintel.llm.chain import set_price
    from opsintel.llm.keys import key_named

    prices = _amount(sent), _amount(received)
    with opened(tenant) as (context, found), context.database.tenant_tx(found.id) as connection:
        key = key_named(connection, named)
        if not set_price(connection, key.id, model, *prices):
            raise InputError(f"No chain has {model} of {key.name}", remedy="opsintel key chain")
    typer.echo(f"{model} of {key.name} costs {prices[0]} USD a million tokens in, {prices[1]} out")


@app.command("ceiling")
def ceiling(
    usd: Annotated[str, typer.Argument(metavar="USD", help="Ceiling of a calendar month (UTC)")],
    tenant: Slug,
    source: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Name or id: what the messages of this source may cost")
    ] = None,
    degrade: Annotated[
        str, typer.Option(metavar="WHAT", help="What is done before it is reached: park, cheaper or sample")
    ] = "park",
    degrade_from: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the ceiling from which that is done")
    ] = 0.8,
    sample_share: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of messages that are analysed then, for sample")
    ] = 0.2,
) -> None:
    """Set what calls of models may cost in a month; at the ceiling work is parked, and goes on in the next month."""
    from opsintel.llm.ceilings import set_budget
    from opsintel.sources.source import source_named

    limit = _amount(usd)
    with opened(tenant) as (context, found):
        subject = None if source is None else source_named(context.database, found.id, source).id
        scope = "month" if subject is None else "source"
        with context.database.tenant_tx(found.id) as connection:
            set_budget(
                connection, found.id, scope, subject, limit, degrade,
                degrade_from=degrade_from, sample_share=sample_share,
            )  # fmt: skip
    of = f" about messages of {source}" if source else ""
    typer.echo(f"Calls of models{of} cost {limit} USD a month at most")


def _amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InputError(f"{text!r} is no amount", remedy="Give USD, such as 25 or 25.50") from None


def _show(key_id: str, name: str, probed: list[Probed], as_json: bool) -> None:
    if as_json:
        print_json({"id": key_id, "name": name, "models": [asdict(each) for each in probed]})
    else:
        typer.echo(f"{name} ({key_id})")
        for each in probed:
            typer.echo(f"  {each.health:13} {each.model}{f': {each.detail}' if each.detail else ''}")
    if any(each.health != "valid" for each in probed):
        raise typer.Exit(1)


def _secret(file: str | None, *, needed: bool) -> Secret | None:
    """Return a key out of a file, standard input, or what a person types in; None where none is needed or given."""
    from opsintel.crypto.secrets import Secret

    if file is None and not needed:
        return None
    if file is None and not sys.stdin.isatty():
        raise InputError("There is nobody to ask for the key", remedy="Give a file: --key FILE, or -")
    if file is None:
        return Secret(typer.prompt("Key", hide_input=True).encode())
    return Secret((sys.stdin.read() if file == "-" else Path(file).read_text()).strip().encode())
