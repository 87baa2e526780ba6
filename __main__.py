"""``python -m datrnet`` is the same as the ``datrnet`` command."""

from datrnet.cli import main

main()
