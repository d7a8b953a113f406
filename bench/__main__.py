"""``python -m bench``: latencies; ``python -m bench simulate [LEADS]``, ``… route``, ``… deliver``, ``… invoice``: see
there.
"""

import sys

from bench import deliver, invoice, latency, route, simulate


def main(arguments: list[str]) -> int:
    """Measure; 1 when a limit is broken."""
    match arguments:
        case []:
            return latency.main()
        case ["simulate"]:
            return simulate.main()
        case ["simulate", leads]:
            return simulate.main(int(leads))
        case ["route"]:
            return route.main()
        case ["deliver"]:
            return deliver.main()
        case ["invoice"]:
            return invoice.main()
        case _:
            sys.exit(str(__doc__))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
