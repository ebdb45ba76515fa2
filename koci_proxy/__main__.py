"""`python -m koci_proxy`."""

from .cli import main

main(prog_name="koci-proxy")
