"""Command line: `python -m fastapi_tuning.load --url http://checkout.shop --profile 30s@40,4m@200`."""

import argparse
import asyncio
import json
import signal
import sys

from yarl import URL

from fastapi_tuning.load.brake import Brake
from fastapi_tuning.load.destination import DestinationError
from fastapi_tuning.load.profile import Profile, ProfileError, parse_profile
from fastapi_tuning.load.run import Plan, run
from fastapi_tuning.load.tally import Summary

USAGE_ERROR = 2
MAX_NUMBER, MAX_PORT = 3600, 65535


def main() -> int:
    """Runs the load; returns 0 when it was offered, 2 when it could not be."""
    plan = _plan(_arguments().parse_args())
    try:
        asyncio.run(_run_until_told_to_stop(plan))
    except (DestinationError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE_ERROR
    return 0


async def _run_until_told_to_stop(plan: Plan) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run(plan, stop, _print)


def _print(summary: Summary) -> None:
    print(json.dumps(summary.as_json()), flush=True)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fastapi_tuning.load", description="Open-loop load, Poisson arrivals"
    )
    parser.add_argument("--url", type=_url, required=True, help="scheme, host and port, such as http://checkout.shop")
    parser.add_argument("--path", type=_path, default="/sync-slow", help="path and query (default: %(default)s)")
    parser.add_argument(
        "--profile", type=_profile, required=True, help="phases such as 30s@40,60s@40..200,4m@200; one hour at most"
    )
    parser.add_argument("--timeout", type=_more_than_zero, default=5.0, metavar="SECONDS", help="default: %(default)s")
    parser.add_argument(
        "--objective-milliseconds",
        type=_more_than_zero,
        default=500.0,
        help="what counts as fast (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=1, help="same seed, same arrival times (default: %(default)s)")
    parser.add_argument(
        "--kept-connections",
        type=_connections,
        default=0,
        metavar="NUMBER",
        help="share so many connections and keep them, as a proxy does (default: each request opens its own)",
    )
    parser.add_argument("--metrics-port", type=_port, default=9100, help="default: %(default)s")
    parser.add_argument(
        "--linger-seconds",
        type=_zero_or_more,
        default=0.0,
        help="keep the metrics up after the end (default: %(default)s)",
    )
    parser.add_argument(
        "--stop-at-bad-share",
        type=_share,
        default=1.0,
        metavar="SHARE",
        help="end at once when more of the requests failed or were late (default: never)",
    )
    parser.add_argument(
        "--stop-at-bad", type=_count, default=sys.maxsize, metavar="REQUESTS", help="the same, as a number of them"
    )
    return parser


def _plan(arguments: argparse.Namespace) -> Plan:
    return Plan(
        url=arguments.url.join(arguments.path),
        profile=arguments.profile,
        timeout_seconds=arguments.timeout,
        objective_seconds=arguments.objective_milliseconds / 1000,
        seed=arguments.seed,
        metrics_port=arguments.metrics_port,
        linger_seconds=arguments.linger_seconds,
        brake=Brake(most_bad_share=arguments.stop_at_bad_share, most_bad=arguments.stop_at_bad),
        kept_connections=arguments.kept_connections,
    )


def _url(text: str) -> URL:
    url = _path(text)
    if url.scheme not in ("http", "https") or not url.host:
        raise argparse.ArgumentTypeError(f"{text!r} is no http URL")
    return url


def _path(text: str) -> URL:
    try:
        return URL(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def _profile(text: str) -> Profile:
    try:
        return parse_profile(text)
    except ProfileError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _more_than_zero(text: str) -> float:
    if not 0 < (number := _number(text)) <= MAX_NUMBER:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 (excluded) and {MAX_NUMBER}")
    return number


def _zero_or_more(text: str) -> float:
    if not 0 <= (number := _number(text)) <= MAX_NUMBER:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and {MAX_NUMBER}")
    return number


def _share(text: str) -> float:
    if not 0 <= (number := _number(text)) <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 1")
    return number


def _count(text: str) -> int:
    number = _number(text)
    if not (number.is_integer() and number >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of requests")
    return int(number)


def _port(text: str) -> int:
    number = _number(text)
    if not (number.is_integer() and 1 <= number <= MAX_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is no port between 1 and {MAX_PORT}")
    return int(number)


def _connections(text: str) -> int:
    number = _zero_or_more(text)
    if not number.is_integer():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number")
    return int(number)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


if __name__ == "__main__":
    sys.exit(main())
