"""The options that several commands share: where the configuration is, and what flags put over it."""
import argparse


def configuration(parser: argparse.ArgumentParser) -> None:
    """--config, and a provider without any file."""
    group = parser.add_argument_group("configuration")
    group.add_argument("--config", metavar="FILE", help="the configuration (JSON; comments are allowed)")
    group.add_argument("--provider", metavar="URL|NAME",
                       help="the default provider: a base URL (no file is needed) or a known name")
    group.add_argument("--model", metavar="NAME", help="the model that answers every name, with --provider")
    group.add_argument("--api-key-env", metavar="NAME", help="the variable that holds the provider's key")


def listening(parser: argparse.ArgumentParser) -> None:
    """Where to listen."""
    group = parser.add_argument_group("listening")
    group.add_argument("--host", metavar="ADDRESS", help="the address to listen on (127.0.0.1)")
    group.add_argument("--port", metavar="N", type=port_number, help="the port to listen on (8000); 0 takes a free one")
    group.add_argument("--insecure-no-key", action="store_true",
                       help="serve other machines without a client key: whoever reaches the port spends your money")


def processes(parser: argparse.ArgumentParser) -> None:
    """How many processes answer."""
    parser.add_argument("--processes", metavar="N", type=process_count, default=1,
                        help="so many processes share the port, for more than one core (1; POSIX)")


def as_json(parser: argparse.ArgumentParser) -> None:
    """--json, for machines."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def process_count(text: str) -> int:
    """1..256, or argparse's own complaint."""
    if not text.isdigit() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError("%r is no number of processes (1 to 256)" % text)
    return int(text)


def port_number(text: str) -> int:
    """0..65535, or argparse's own complaint."""
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError("%r is no port (0 to 65535)" % text)
    return int(text)
