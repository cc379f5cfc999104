"""Check, try, apply, show, compare and withdraw policies."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date, time, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from mahnlauf import moments, policy_backtest, policy_preview, policy_report
from mahnlauf.configuration import apply_policy, policies_in_force, withdraw_policy
from mahnlauf.connecting import connection
from mahnlauf.failures import FINDINGS, BadInput
from mahnlauf.policy_advice import advise
from mahnlauf.policy_backtest import Measures, Span
from mahnlauf.policy_file import read_policy, read_policy_with_lines
from mahnlauf.policy_places import OnCluster, is_file, of_file
from mahnlauf.policy_preview import Group, Plan
from mahnlauf.policy_telling import as_data, tell_preview
from mahnlauf.policy_text import as_file, differences
from mahnlauf.progress import Advance, bars
from mahnlauf.running import run
from mahnlauf.settings import load
from mahnlauf.telling import give_json, note, out, say
from schemas.policy import Policy

AsJson = Annotated[bool, typer.Option("--json", help="For a script.")]

app = typer.Typer(add_completion=False, no_args_is_help=True, epilog="Example: mahnlauf policy apply standard.yaml --tenant acme")


@app.callback()
def policy() -> None:
    """Check, try, apply, show, compare and withdraw policies."""


@app.command(epilog="Example: mahnlauf policy check standard.yaml")
def check(
    files: Annotated[list[Path], typer.Argument(help="Policy files (YAML).", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Read policy files as strictly as `apply` does, and tell what is legal but unwise.

    Needs no cluster. Exit code 0: nothing to say; 1: there is advice; 2: a file cannot be used.
    """
    found = {path: advise(*read_policy_with_lines(path)) for path in files}
    count = sum(map(len, found.values()))
    if as_json:
        give_json([{"file": str(path), **asdict(advice)} for path, advised in found.items() for advice in advised])
    else:
        for path, advised in found.items():
            for advice in advised:
                say(f"{path}:{advice.line}: {advice.field}: {advice.words} [{advice.code}]")
        say(f"{len(files)} read, {count} to think about" if count else f"{len(files)} read, nothing to say")
    if count:
        raise typer.Exit(FINDINGS)


@app.command(epilog="Example: mahnlauf policy apply standard.yaml --tenant acme")
def apply(
    file: Annotated[Path, typer.Argument(help="The policy file (YAML).", show_default=False)],
    tenant: Annotated[str, typer.Option(help="Whose policy it is.", show_default=False)],
    at: Annotated[
        str | None,
        typer.Option(
            "--time", help="From when it counts. Default: the first version from the beginning, a later one from now.", metavar="MOMENT"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read a policy file strictly and broadcast it to every partition as the tenant's next version of that policy.

    Nothing is written if the latest version already says the same.
    """
    if not tenant or "/" in tenant:
        raise BadInput(f"--tenant {tenant}: a tenant's name is not empty and contains no slash")
    content = read_policy(file)
    moment = moments.past_moment("--time", at) if at else None
    applied = run(apply_policy(connection(load().kafka), tenant, content, moment))
    if as_json:
        give_json({"tenant": tenant, "policy": content.policy, "version": applied.version, "changed": applied.changed})
    elif applied.changed:
        say(f"{tenant}/{content.policy}: version {applied.version} counts from {moments.told(applied.since)}")
    else:
        say(f"{tenant}/{content.policy}: version {applied.version} already says the same; nothing was written")


@app.command(epilog="Example: mahnlauf policy show acme/standard")
def show(
    name: Annotated[
        str | None, typer.Argument(help="tenant/policy, or tenant/policy@2 for one of its versions. Absent: a list of all in force.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the policies in force, or one of them as the file that would say the same."""
    if name is None:
        _list(as_json)
        return
    place = OnCluster.parse(name)
    found, version = run(place.find(connection(load().kafka)))
    if as_json:
        give_json({"tenant": place.tenant, "version": version, "content": found.model_dump(mode="json", by_alias=True)})
    else:
        say(f"# {place.tenant}/{place.policy}, version {version}\n{as_file(found)}".rstrip())


def _list(as_json: bool) -> None:
    policies = run(policies_in_force(connection(load().kafka)))
    if as_json:
        give_json([{"key": key, "version": version, "applies": found.applies} for key, (found, version) in policies.items()])
        return
    for key, (found, version) in policies.items():
        ladder = ", ".join(f"{step.kind} {step.day}" for step in found.steps)
        say(f"{key}: version {version}: {ladder or 'no steps: only watched'}")
    if not policies:
        say("no policy is in force")


@app.command(epilog="Example: mahnlauf policy diff acme/standard standard.yaml")
def diff(
    old: Annotated[str, typer.Argument(help="A file, or tenant/policy (in force), or tenant/policy@2.", show_default=False)],
    new: Annotated[str, typer.Argument(help="The same.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Tell what differs between two files, two versions, or a file and what is in force. Exit code 1 if anything does."""
    found = differences(_policy_at(old), _policy_at(new))
    if as_json:
        give_json([difference._asdict() for difference in found])
    else:
        for difference in found:
            say(difference.told)
        if not found:
            say("no difference")
    if found:
        raise typer.Exit(FINDINGS)


def _policy_at(place: str) -> Policy:
    return of_file(place) if is_file(place) else run(OnCluster.parse(place).find(connection(load().kafka)))[0]


@app.command(epilog="Example: mahnlauf policy withdraw acme/standard")
def withdraw(
    name: Annotated[str, typer.Argument(help="tenant/policy.", show_default=False)],
    at: Annotated[str | None, typer.Option("--time", help="From when on. Default: now.", metavar="MOMENT")] = None,
    as_json: AsJson = False,
) -> None:
    """Let no new cycle begin with a policy; open cycles keep theirs. Applied again later, its versions count on."""
    place = OnCluster.parse(name)
    if place.version is not None:
        raise BadInput(f"{name}: a policy is withdrawn with all its versions: write {place.tenant}/{place.policy}")
    moment = moments.past_moment("--time", at) if at else None
    if not run(withdraw_policy(connection(load().kafka), place.tenant, place.policy, moment)):
        raise BadInput(f"{name}: no such policy is in force (mahnlauf policy show lists them)")
    if as_json:
        give_json({"tenant": place.tenant, "policy": place.policy, "withdrawn": True})
    else:
        say(f"{name}: withdrawn; no new cycle begins with it")


@app.command(epilog="Example: mahnlauf policy preview standard.yaml --days 90")
def preview(
    file: Annotated[Path, typer.Argument(help="The policy to try (YAML).", show_default=False)],
    days: Annotated[int, typer.Option(min=1, max=3_650, help="How many days to look ahead.", show_default=False)],
    tenant: Annotated[str | None, typer.Option(help="For whom. Default: every tenant that has contracts.")] = None,
    events: Annotated[
        list[Path] | None, typer.Option("--events", help="Files of events instead of the cluster; may be repeated.", metavar="FILE")
    ] = None,
    policy: Annotated[
        list[Path] | None, typer.Option(help="With --events: a policy in force until then; may be repeated.", metavar="FILE")
    ] = None,
    first: Annotated[
        str | None,
        typer.Option(
            "--from", help="The first day. Default: the day after the last tick; with --events it is needed.", metavar="YYYY-MM-DD"
        ),
    ] = None,
    tick: Annotated[str, typer.Option(help="Time of day of the one tick a day (UTC).", metavar="HH:MMZ")] = "12:00Z",
    as_json: AsJson = False,
) -> None:
    """Tell what a policy would send in the coming days, to how many, over how much money, before it is switched on.

    The contracts as they stand, the policy as their tenant's next version, and nothing else coming in. Nothing is emitted or written.
    A contract whose cycle has begun keeps its version, unless the policy says `applies: at_once`.
    """
    tried, at = read_policy(file), moments.time_of_day("--tick", tick)
    begin = moments.day("--from", first) if first else None
    with bars(counted=False) as bar:
        groups = _contracts(events or [], policy or [], begin, at, bar)
        begin = begin or _after_last_tick(groups)
        found = policy_preview.preview(groups, Plan(tried, begin, days, at, tenant), bar("looking ahead"))
    if as_json:
        give_json(as_data(found))
    else:
        tell_preview(found, tried.policy, begin, days)


def _contracts(events: list[Path], policies: list[Path], begin: date | None, at: time, bar: Callable[[str], Advance]) -> list[Group]:
    if not events:
        return run(policy_preview.of_cluster(connection(load().kafka), bar("reading the contracts")))
    if begin is None:
        raise BadInput("--from is missing: with --events it says from which day on nothing is known, such as --from 2026-04-01")
    bar("replaying the events")
    return policy_preview.of_files(events, [read_policy(path) for path in policies], begin - timedelta(days=1), at)


def _after_last_tick(groups: list[Group]) -> date:
    last = policy_preview.last_tick(groups)
    if last is None:
        raise BadInput("--from is missing: no tick was ever applied on this cluster that would say which day it is")
    return last + timedelta(days=1)


@app.command(epilog="Example: mahnlauf policy backtest today.yaml tomorrow.yaml --events last-year.jsonl.gz --html report.html")
def backtest(
    one: Annotated[Path, typer.Argument(help="A policy (YAML).", show_default=False)],
    other: Annotated[Path, typer.Argument(help="The policy to compare it with.", show_default=False)],
    events: Annotated[
        list[Path], typer.Option("--events", help="Files of past events; may be repeated.", metavar="FILE", show_default=False)
    ],
    until: Annotated[
        str | None, typer.Option(help="The last day, inclusive. Default: that of the last event.", metavar="YYYY-MM-DD")
    ] = None,
    tick: Annotated[str, typer.Option(help="Time of day of the one tick a day (UTC).", metavar="HH:MMZ")] = "12:00Z",
    html: Annotated[Path | None, typer.Option("--html", help="Write a report with plots, one self-contained file.", metavar="FILE")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two policies on past events: letters, fees, handovers, days to payment as they then happened, side by side.

    The policies in the events are left out; each of the two counts for all tenants from the beginning. A backtest cannot know how
    debtors would have reacted: it says so where it matters.
    """
    policies = [(str(path), read_policy(path)) for path in (one, other)]
    with bars() as bar:
        advance = bar("replaying")
        past, span = policy_backtest.read(events, moments.day("--until", until) if until else None, moments.time_of_day("--tick", tick))
        found: list[Measures] = []
        for name, content in policies:
            advance(len(found), len(policies))
            found.append(policy_backtest.measure(name, past, content, span))
    if html is not None:
        _write(html, policy_report.html(found, span))
    if as_json:
        give_json(policy_report.as_data(found, span))
    else:
        _tell_backtest(found, span, html)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"--html {path}: cannot be written: {error.strerror or error}") from None


def _tell_backtest(found: list[Measures], span: Span, html: Path | None) -> None:
    table = Table(f"{span.first} to {span.until}", *(measures.name for measures in found), box=None)
    for row in policy_report.rows(found):
        table.add_row(*row)
    out.print(table)
    note("A backtest cannot know:")
    for words in policy_backtest.CANNOT_KNOW:
        note(f"- {words}")
    if html is not None:
        say(f"wrote {html}")
