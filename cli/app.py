"""The commands and their options. Each hands over to the module that does it and exits with its status."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cli.chat import chat as ask_chat
from cli.checks import run_checks
from cli.doctor import doctor as examine
from cli.folders import ROOT, DataFolder
from cli.profile_vlm import profile_vlm as measure_vlm
from cli.state import State
from cli.status import status as print_status
from cli.stop import stop
from cli.top import top as show_top
from cli.up import up as bring_up

app = typer.Typer(
    name="diptych",
    no_args_is_help=True,
    add_completion=False,
    help="One chat window: a model that sees, workers that paint and read.",
)
Data = Annotated[Path, typer.Option("--data", envvar="DIPTYCH_DATA", help="Folder of everything that lasts.")]
DEFAULT_DATA = ROOT / "data"


@app.command()
def up(
    data: Data = DEFAULT_DATA,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Leave it running and return.")] = False,
    host: Annotated[str, typer.Option(envvar="DIPTYCH_HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="DIPTYCH_PORT", min=1, max=65535, help="Port to listen on.")] = 8000,
    within: Annotated[float, typer.Option(min=1, help="Seconds after which to give up.")] = 600,
) -> None:
    """Start everything on this machine and print the address once all is ready."""
    folder = DataFolder(data.resolve())
    raise typer.Exit(bring_up(Console(), folder, host=host, port=port, detach=detach, within_s=within))


@app.command()
def down(data: Data = DEFAULT_DATA) -> None:
    """Stop it; no process stays behind."""
    try:
        ended = stop(DataFolder(data.resolve()))
    except TimeoutError as error:
        Console(stderr=True).print(f"[red]Error:[/red] {escape(str(error))}")
        raise typer.Exit(1) from error
    said = f"Diptych has stopped: {ended} processes ended, none is left." if ended else "Diptych was not running."
    Console().print(said, highlight=False)


@app.command()
def status(data: Data = DEFAULT_DATA) -> None:
    """Show each part: state, uptime, restarts, memory. Exits with 0 if all is ready, else with 3."""
    raise typer.Exit(print_status(Console(), DataFolder(data.resolve())))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Check style, imports and types, then run the tests. Further arguments go to pytest."""
    raise typer.Exit(run_checks(Console(), context.args))


@app.command()
def chat(
    question: Annotated[str, typer.Argument(help="What to say.")],
    *,
    image: Annotated[list[Path] | None, typer.Option("--image", help="A picture to send; may be repeated.")] = None,
    save: Annotated[Path | None, typer.Option("--save", help="Folder for the pictures of the answer.")] = None,
    data: Data = DEFAULT_DATA,
    url: Annotated[str, typer.Option(envvar="DIPTYCH_URL", help="Another server than the one started here.")] = "",
    api_key: Annotated[str, typer.Option(envvar="DIPTYCH_API_KEY", help="Where the server asks for one.")] = "",
) -> None:
    """Ask the running system one thing and print the answer as it comes."""
    state = State.read(DataFolder(data.resolve()))
    address = url or (state.address if state else "http://127.0.0.1:8000")
    raise typer.Exit(ask_chat(Console(), question, images=image or [], save_to=save, address=address, api_key=api_key))


@app.command()
def top(
    *,
    once: Annotated[bool, typer.Option("--once", help="Show it once and end.")] = False,
    data: Data = DEFAULT_DATA,
    url: Annotated[str, typer.Option(envvar="DIPTYCH_URL", help="Another server than the one started here.")] = "",
    api_key: Annotated[str, typer.Option(envvar="DIPTYCH_API_KEY", help="Where the server asks for one.")] = "",
) -> None:
    """Watch queues, workers and jobs, live. Ctrl-C ends it."""
    state = State.read(DataFolder(data.resolve()))
    address = url or (state.address if state else "http://127.0.0.1:8000")
    raise typer.Exit(show_top(Console(), address, api_key.partition(",")[0].strip(), once=once))


@app.command()
def doctor(data: Data = DEFAULT_DATA) -> None:
    """Say what is installed, which device, which models. Exits with 1 if something is missing."""
    raise typer.Exit(examine(Console(), DataFolder(data.resolve())))


@app.command()
def profile_vlm(
    data: Data = DEFAULT_DATA,
    pages: Annotated[int, typer.Option(min=1, help="Pages at each of 13 heights of letters.")] = 16,
    out: Annotated[Path | None, typer.Option("--out", help="Write the profile here, not into the data folder.")] = None,
) -> None:
    """Measure how small a text the VLM reads by itself, next to OCR, and write its profile."""
    raise typer.Exit(measure_vlm(Console(stderr=True), DataFolder(data.resolve()), pages=pages, out=out))
