"""The pages as HTML that loads nothing: no script, no font, no style sheet but the one inside. Pure."""

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from urllib.parse import quote

from fastapi_tuning.web.views import Summaries, Summary

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem .3rem 0; }
th, td { border-bottom: 1px solid #8886; vertical-align: top; }
pre { background: #f4f4f4; padding: .75rem; white-space: pre-wrap; overflow-wrap: anywhere; }
code { background: #f4f4f4; } textarea { width: 100%; box-sizing: border-box; font: .85rem monospace; }
@media (prefers-color-scheme: dark) {
  body { background: #161616; color: #e8e8e8; } pre, code { background: #262626; } a { color: #8ab4f8; }
}
"""

STYLE_SOURCE = f"'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
"""The one style that the Content-Security-Policy allows."""

_COLUMNS = (
    "Namespace",
    "Name",
    "Deployment",
    "Mode",
    "Ready",
    "Objective",
    "Latency",
    "Replicas",
    "Limited by",
    "Last",
)


def page_of_list(found: Summaries, user: str | None) -> str:
    """All objects that the user may list."""
    head = "".join(f"<th>{each}</th>" for each in _COLUMNS)
    rows = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in _cells(each))}</tr>" for each in found.items)
    more = "" if found.following is None else f'<p><a href="/?after={quote(found.following)}">More</a></p>'
    table = f"<table>\n<tr>{head}</tr>\n{rows}\n</table>\n{more}" if found.items else "<p>None that you may list.</p>"
    return _page("FastAPITunings", table, user)


def page_of_one(namespace: str, name: str, story: str, user: str | None) -> str:
    """One object, in the words of `fastapi-tuning explain`."""
    return _page(f"{namespace}/{name}", f'<p><a href="/">All</a></p>\n<pre>{escape(story)}</pre>', user)


def page_of_refusal(title: str, message: str) -> str:
    """Why there is nothing to see."""
    return _page(title, f"<p>{escape(message)}</p>", None)


def page_of_sign_in(message: str) -> str:
    """The form; the message says what was wrong with the last try, or is empty."""
    said = f"<p><strong>{escape(message)}</strong></p>\n" if message else ""
    return _page(
        "Sign in",
        f"{said}<p>You see what your Kubernetes token may read. For a service account that has the role "
        "<code>view</code> in a namespace:</p>\n<pre>kubectl -n NAMESPACE create token ACCOUNT --duration 1h</pre>\n"
        '<form method="post" action="/login">\n'
        '<p><label>Token<br><textarea name="token" rows="6" required autofocus autocomplete="off" '
        'spellcheck="false"></textarea></label></p>\n<p><button>Sign in</button></p>\n</form>',
        None,
    )


def _cells(item: Summary) -> Iterable[str]:
    link = f"/namespaces/{quote(item.namespace)}/fastapitunings/{quote(item.name)}"
    replicas = "" if item.current.replicas is None else str(item.current.replicas)
    yield escape(item.namespace)
    yield f'<a href="{link}">{escape(item.name)}</a>'
    for text in (item.target or "", item.mode or "cannot be read", item.ready, item.objective, item.latency):
        yield escape(text)
    for text in (replicas, item.limiting_factor, item.decision):
        yield escape(text)


def _page(title: str, content: str, user: str | None) -> str:
    shown = escape(title)
    who = "" if user is None else _signed_in(user)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{shown}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{who}<h1>{shown}</h1>\n{content}\n</body>\n</html>\n"
    )


def _signed_in(user: str) -> str:
    return f'<form method="post" action="/logout"><p>{escape(user)} <button>Sign out</button></p></form>\n'
