"""A report as one HTML file that loads nothing: no script, no style sheet, no font from elsewhere. Pure."""

from html import escape

from fastapi_tuning.audit.finding import Finding, Report
from fastapi_tuning.audit.formats.summary import heading, summary

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c; }
article { border-left: .4rem solid; padding: .1rem 1rem; margin: 1.5rem 0; }
.error { border-color: #b3261e; } .warning { border-color: #c77700; }
.info { border-color: #1769aa; } .unknown { border-color: #7b3fa0; }
h2 { font-size: 1.1rem; } h2 small { font-weight: normal; }
pre { background: #f4f4f4; padding: .75rem; overflow-x: auto; }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #e8e8e8; } pre { background: #262626; } }
"""


def html(report: Report) -> str:
    """An article a finding; the colour at its edge is said in words too."""
    title = escape(f"Audit: {heading(report)}")
    articles = "\n".join(_article(finding) for finding in report.findings)
    passed = ", ".join(f"<code>{escape(each)}</code>" for each in report.passed)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{escape(summary(report))}.</p>\n"
        f"{articles}\n<p>Passed: {passed or 'none'}.</p>\n</body>\n</html>\n"
    )


def _article(finding: Finding) -> str:
    left_open = "".join(f" <code>{escape(each)}</code>" for each in finding.leaves_open)
    more = f"<p>Leaves open:{left_open}</p>\n" if left_open else ""
    return (
        f'<article class="{finding.severity}" id="{escape(finding.id)}">\n'
        f"<h2>{finding.severity}: {escape(finding.title)} <small><code>{escape(finding.id)}</code></small></h2>\n"
        f"<p>{escape(finding.evidence)}</p>\n{more}<pre>{escape(finding.fix)}</pre>\n</article>"
    )
