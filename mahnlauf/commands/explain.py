"""Tell why a contract stands where it stands, what comes next, and what would change it."""

from pathlib import Path
from typing import Annotated

import typer

from mahnlauf import moments
from mahnlauf.connecting import connection
from mahnlauf.explain.coming import Coming, WhatIf, coming, what_if
from mahnlauf.explain.found import Found, in_files, on_cluster
from mahnlauf.explain.standing import Reason, reasons, turn_of
from mahnlauf.explain.words import day
from mahnlauf.failures import BadInput
from mahnlauf.policy_file import read_policy
from mahnlauf.progress import bars
from mahnlauf.replaying import Days
from mahnlauf.running import run
from mahnlauf.settings import load
from mahnlauf.telling import err, give_json, say

app = typer.Typer(add_completion=False)


@app.command("explain", epilog="Example: mahnlauf explain acme/C-1001")
def command(
    contract: Annotated[str, typer.Argument(help="The contract, as tenant/contract.", metavar="TENANT/CONTRACT", show_default=False)],
    events: Annotated[
        list[Path] | None,
        typer.Option("--events", help="Files of events (as replay reads them) instead of the cluster; may be repeated.", metavar="FILE"),
    ] = None,
    policy: Annotated[
        list[Path] | None, typer.Option(help="With --events: a policy file, for all tenants; may be repeated.", metavar="FILE")
    ] = None,
    until: Annotated[str | None, typer.Option(help="With --events: the last day, inclusive.", metavar="YYYY-MM-DD")] = None,
    tick: Annotated[str, typer.Option(help="With --events: time of day of the one tick a day (UTC).", metavar="HH:MMZ")] = "12:00Z",
    as_json: Annotated[bool, typer.Option("--json", help="For a script.")] = False,
) -> None:
    """Tell why a contract stands where it stands, rule by rule, what comes next, and what would change it.

    For people who answer the phone: the numbers in brackets are the sections of the rules. The contract is computed again from the
    inputs (in the order of the journal, as the audit does it), and then run on; nothing is written.
    """
    if not all(contract.partition("/")):
        raise BadInput(f"{contract}: a contract is written tenant/contract, such as acme/C-1001")
    found = _in_files(contract, events, policy or [], until, tick) if events else run(_on_cluster(contract))
    turn = turn_of(found)
    why, then, otherwise = reasons(turn), coming(found), what_if(found, turn)
    if as_json:
        give_json(
            {
                "contract": contract,
                "day": turn.day,
                "status": found.contract.status,
                "why": [reason._asdict() for reason in why],
                "coming": [one._asdict() for one in then],
                "what_if": [one._asdict() for one in otherwise],
                "dead_letters": found.dead_letters,
            }
        )
    else:
        _tell(found, day(turn.day), why, then, otherwise)


def _in_files(contract: str, events: list[Path], policies: list[Path], until: str | None, tick: str) -> Found:
    if until is None:
        raise BadInput("--until is missing: with --events it says up to which day, such as --until 2026-03-31")
    days = Days(moments.day("--until", until), moments.time_of_day("--tick", tick))
    with err.status("reading"):
        return in_files(events, [read_policy(path) for path in policies], days, contract)


async def _on_cluster(contract: str) -> Found:
    with bars(counted=False) as begin:
        return await on_cluster(connection(load().kafka), contract, begin("reading"))


def _tell(found: Found, today: str, why: list[Reason], then: list[Coming], otherwise: list[WhatIf]) -> None:
    say(f"{found.key} is {found.contract.status} as of {today}, cycle {found.contract.cycle}")
    say("\nWhy (section of the rules in brackets):")
    for reason in why:
        say(f"  [{reason.section}] {reason.words}")
    for letter in found.dead_letters:
        say(f"  [1] an event of it was not applied: {letter}")
    say("\nWhat comes next, if nothing else comes in:")
    for one in then:
        say(f"  {one.at:%a %Y-%m-%d %H:%M}  {one.words}")
    if not then:
        say("  nothing, by time alone")
    say("\nWhat would change it, today:")
    for one_if in otherwise:
        say(f"  {one_if.cause}: {one_if.effect}")
    if not otherwise:
        say("  nothing is due and nothing is in anybody's hands: only a new receivable")
