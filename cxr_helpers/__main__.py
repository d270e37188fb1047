"""`cxr` and `python -m cxr_helpers`: the command line, which Ctrl-C ends with one line, also while it is being imported."""

import sys
import traceback

from cxr_helpers.base import lazy

cli = lazy.module("cxr_helpers.cli")

INTERRUPTED = 130  # exit status of a command that Ctrl-C ended; Typer's too


def main() -> None:
    """Run the command line of `cxr_helpers.cli`."""
    try:
        return cli.main()
    except KeyboardInterrupt:
        pass
    except SystemExit as ending:
        if ending.code != INTERRUPTED:
            raise
    except Exception:  # also while it is imported: a module or helper that somebody changed
        traceback.print_exc()
        remedy = "if it was changed, restore it (`git status` lists such files), else report these lines"
        print(f"cxr: The program is at fault, in the file named last above; {remedy}.", file=sys.stderr)
        raise SystemExit(1) from None
    print("\ncxr: Stopped. The same command goes on from what was finished.", file=sys.stderr)
    raise SystemExit(INTERRUPTED)


if __name__ == "__main__":
    main()
