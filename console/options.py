"""Options that more than one group of commands has."""

from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print the results as JSON.")]
