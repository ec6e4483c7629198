"""Start programs that hear Ctrl-C even where the tests do not (nohup and `&` in a script turn it off)."""

import signal


def heard() -> None:
    """Run in the child before the program: Ctrl-C means what it means on a terminal."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
