"""Read what people and agencies have written about a contract: sealed on Kafka, opened here alone."""

from dataclasses import asdict
from typing import Annotated

import typer

from mahnlauf.connecting import connection, needed_keys
from mahnlauf.contract_texts import Told, of_contract
from mahnlauf.failures import BadInput
from mahnlauf.running import run
from mahnlauf.settings import load
from mahnlauf.telling import give_json, note, say

app = typer.Typer(add_completion=False)


@app.command("texts", epilog="Example: mahnlauf texts acme/C-1001")
def command(
    contract: Annotated[str, typer.Argument(help="The contract, as tenant/contract.", metavar="TENANT/CONTRACT", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> None:
    """Read what people and agencies have written about a contract: messages, questions and answers, oldest first.

    They are opened with encryption.key, as connectors open them, and are written to standard output and nowhere else. What was erased
    with its debtor can't be read any more.
    """
    if not all(contract.partition("/")):
        raise BadInput(f"{contract}: a contract is written tenant/contract, such as acme/C-1001")
    settings = load()
    found = run(of_contract(connection(settings.kafka), contract, needed_keys(settings.encryption)))
    if as_json:
        give_json([asdict(one) for one in found])
        return
    for one in found:
        _say(one)
    if not found:
        note(f"nothing was written about {contract}")


def _say(one: Told) -> None:
    by = f" by {one.by}" if one.by else ""
    say(_shown(f"{one.at:%Y-%m-%d %H:%M}Z  {one.what} {one.id}{by}"))
    words = f"(can't be read: {one.closed})" if one.text is None else one.text
    for line in [*words.splitlines(), *(f"- {option}" for option in one.options or ())]:
        say(_shown(f"    {line}"))


def _shown(text: str) -> str:
    """What a terminal can be shown: a stranger's words must not steer it."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)
