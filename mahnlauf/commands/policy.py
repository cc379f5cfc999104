"""Check, apply, show, compare and withdraw policies."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mahnlauf import moments
from mahnlauf.configuration import apply_policy, policies_in_force, withdraw_policy
from mahnlauf.connecting import connection
from mahnlauf.failures import FINDINGS, BadInput
from mahnlauf.policy_advice import advise
from mahnlauf.policy_file import read_policy, read_policy_with_lines
from mahnlauf.policy_places import OnCluster, is_file, of_file
from mahnlauf.policy_text import as_file, differences
from mahnlauf.running import run
from mahnlauf.settings import load
from mahnlauf.telling import give_json, say
from schemas.policy import Policy

AsJson = Annotated[bool, typer.Option("--json", help="For a script.")]

app = typer.Typer(add_completion=False, no_args_is_help=True, epilog="Example: mahnlauf policy apply standard.yaml --tenant acme")


@app.callback()
def policy() -> None:
    """Check, apply, show, compare and withdraw policies."""


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
