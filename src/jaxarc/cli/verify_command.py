"""The arguments of ``jaxarc verify``."""

from __future__ import annotations

from typing import Annotated

import typer

from jaxarc.cli.arguments import Episodes, Json, Limit, Root, Run, Where

__all__ = ["verify"]


def verify(
    run: Run,
    episodes: Episodes = None,
    where: Where = None,
    limit: Limit = None,
    env: Annotated[
        str | None,
        typer.Option(metavar="MODULE:FACTORY", help="The environment; made of the run's tasks without."),
    ] = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Simulate episodes again and compare every step with the recording.

    Needs a journal (capture.journal=selected or all) or capture.level=full.
    A run of ARC tasks brings its environment with it. For any other, --env
    names one: a module of the current directory or an installed one, and in
    it an environment, a step function, or a function that returns one. It is
    called without arguments, or with the run where it takes one.

    The exit code is 0 where every episode that can be simulated is
    confirmed, 1 where one is not, or there is none, and 2 for a mistake.
    It runs on the CPU unless JAX_PLATFORMS says otherwise.

    Examples:

    jaxarc verify latest

    jaxarc verify latest 3 7-9

    jaxarc verify latest --where success --env my_envs:make_env
    """
    from jaxarc.cli.verify import verify_episodes

    verify_episodes(run, episodes or [], where=where, limit=limit, env_name=env, as_json=as_json, root=root)
