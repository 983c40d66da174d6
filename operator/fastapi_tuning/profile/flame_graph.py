"""A profile as one HTML file that loads nothing: a flame graph of what ran, and one of what waited."""

from collections.abc import Iterator
from html import escape

from fastapi_tuning.api.profile import State
from fastapi_tuning.profile.samples import Samples
from fastapi_tuning.profile.top import summary
from fastapi_tuning.profile.tree import Node, tree_of

LEAST_SHARE = 0.0005
"""Of the whole graph; narrower than that nothing can be seen, and a long profile would be a large file."""

_GRAPHS = (
    (State.RUNNING, "On CPU"),
    (State.WAITING, "Waiting: for the network, a lock, the interpreter, or a processor"),
    (State.UNCLEAR, "Running or waiting: this platform does not tell"),
)
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; color: #1c1c1c; }
pre { overflow-x: auto; }
.graph { font: 12px/1.4 ui-monospace, monospace; }
.node { flex: none; min-width: 0; overflow: hidden; }
.row { display: flex; min-width: 0; }
.label { display: block; overflow: hidden; white-space: nowrap; cursor: pointer; padding: 0 .2rem; border: solid #fff;
  border-width: 0 1px 1px 0; text-align: left; width: 100%; font: inherit; color: #1c1c1c; border-radius: 0; }
.Running .label { background: #f6c9a8; } .Running .own { background: #ef8a4a; }
.Waiting .label { background: #c3d9ee; } .Waiting .own { background: #7fb2e0; }
.Unclear .label { background: #ddd; } .Unclear .own { background: #bbb; }
.narrow { display: none; }
.wide { width: 100% !important; }
"""
_SCRIPT = """
document.querySelectorAll('.label').forEach(label => label.addEventListener('click', () => {
  const graph = label.closest('.graph');
  graph.querySelectorAll('.node').forEach(node => node.classList.remove('wide', 'narrow'));
  for (let node = label.parentElement; node.classList.contains('node'); node = node.parentElement.parentElement) {
    node.classList.add('wide');
    for (const other of node.parentElement.children) if (other !== node) other.classList.add('narrow');
  }
}));
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def flame_graph(samples: Samples, title: str) -> str:
    """Callers above what they call, width in proportion to time; a click widens a function, the root all again.

    The app's own code is darker. Idle threads of pools are left out.
    """
    graphs = "\n".join(_graph(samples, state, name) for state, name in _GRAPHS if samples.of(state))
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n<pre>{escape(summary(samples))}</pre>\n"
        f"{graphs}\n<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )


def _graph(samples: Samples, state: State, name: str) -> str:
    root = tree_of(samples.of(state))
    nodes = "".join(_node(root, root.seconds, root.seconds))
    return f'<h2>{escape(name)}</h2>\n<div class="graph {state}"><div class="row">{nodes}</div></div>'


def _node(node: Node, of_parent: float, of_all: float) -> Iterator[str]:
    if node.seconds <= of_all * LEAST_SHARE:
        return
    told = f"{node.name} {node.where}: {node.seconds:.2f} s, {node.seconds / of_all:.1%}"
    own = " own" if node.own_code else ""
    yield f'<div class="node" style="width:{node.seconds / of_parent:.3%}">'
    yield f'<button class="label{own}" title="{escape(told)}">{escape(node.name)}</button><div class="row">'
    for child in node.children:
        yield from _node(child, node.seconds, of_all)
    yield "</div></div>"
