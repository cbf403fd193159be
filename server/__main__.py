"""`python -m server` is the command `thera`."""

from server.cli import main

main()
