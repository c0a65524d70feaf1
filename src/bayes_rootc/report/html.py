"""A report as one HTML file: figures inside, no network, everything from data escaped."""

from __future__ import annotations

import base64
from html import escape

from bayes_rootc.report.parts import WARNING, Banner, Picture, Report, Table
from bayes_rootc.report.sources import in_words

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  margin: 0 auto; padding: 1rem; max-width: 66rem; }
h1 { font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid #ccc; }
p { max-width: 46rem; overflow-wrap: anywhere; }
.banner { border: .4rem double #a33c00; background: #fff3e8; padding: .6rem .9rem;
  margin: .6rem 0; overflow-wrap: anywhere; }
.banner strong { color: #a33c00; display: block; font-size: 1.3rem; letter-spacing: .04em; }
.gate { border-left: 6px solid #00664b; background: #eef8f4; padding: .5rem .9rem;
  overflow-wrap: anywhere; }
.gate.failed { border-color: #a33c00; border-left-style: double; background: #fff3e8; }
.facts { display: flex; flex-wrap: wrap; gap: .5rem 2rem; padding: 0; margin: 1rem 0; }
.facts div { min-width: 6rem; }
.facts dt { font-size: .85rem; color: #555; }
.facts dd { margin: 0; font-size: 1.25rem; }
.wide { overflow-x: auto; }
.wide:focus-visible { outline: 2px solid #0072b2; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem .25rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid #e3e3e3; }
th { border-bottom: 2px solid #888; }
td, th { max-width: 22rem; overflow-wrap: break-word; }
.short td { max-width: none; overflow-wrap: anywhere; }
caption, figcaption, .note { font-size: .9rem; color: #444; text-align: left; }
.caption { font-size: .9rem; color: #444; }
.source { font-size: .75rem; color: #595959; }
figure { margin: 1rem 0; }
figure img { max-width: 100%; height: auto; }
nav { margin-top: 1.5rem; }
nav a { margin-right: 1rem; display: inline-block; }
li, dd, figcaption, .caption, nav a { overflow-wrap: anywhere; }
@media (max-width: 40rem) { figure img { max-width: none; width: 44rem; } }
@media print {
  @page { margin: 12mm; }
  :root { font-size: 10pt; }
  body { max-width: none; font-size: 1rem; padding: 0; }
  nav { display: none; }
  .wide { overflow: visible; }
  table { font-size: 6.5pt; width: 100%; }
  td, th { overflow-wrap: anywhere; padding-right: .3rem; }
  thead { display: table-header-group; }
  figure, tr, .banner, .gate { break-inside: avoid; }
  figure img { max-width: 100%; max-height: 220mm; width: auto; height: auto; }
  h2, .caption { break-after: avoid; }
  .banner, .gate, .gate.failed { background: none; border-color: #000; }
  .banner strong { color: #000; }
}
"""


class Markup(str):
    """Text that is HTML already; every other string is escaped by :func:`tag`."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: str) -> Markup:
    """Make an element; children and attributes are escaped unless they are :class:`Markup`.

    A trailing underscore of an attribute's name is dropped (``class_``), others become hyphens.

    Examples
    --------
    >>> tag("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    names = {key: key.rstrip("_").replace("_", "-") for key in attributes}
    opened = "".join(f' {names[key]}="{escape(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{opened}>{join(*children)}</{name}>")


def join(*children: str) -> Markup:
    """Concatenate, escaping whatever is not markup yet."""
    return Markup("".join(c if isinstance(c, Markup) else escape(c) for c in children))


def render_html(report: Report) -> str:
    """Return the whole page as text; the same report gives the same text."""
    sections = [_table(table) for table in report.tables]
    figures = [_figure(picture) for picture in report.pictures]
    body = tag(
        "body",
        tag("header", *_first_screen(report)),
        _contents(report),
        tag("main", *_interleave(figures[:1], sections[:1], figures[1:], sections[1:])),
        tag("h2", "Birth certificate", id="certificate"),
        _pairs(report.certificate),
    )
    head = tag(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        # An empty icon keeps browsers from asking the network for one.
        Markup('<link rel="icon" href="data:,">'),
        tag("title", ": ".join([*(banner.word for banner in report.banners), report.title])),
        tag("style", Markup(STYLE)),
    )
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _interleave(*groups: list[Markup]) -> list[Markup]:
    return [part for parts in groups for part in parts]


def _first_screen(report: Report) -> list[Markup]:
    gate = "gate" if report.passed else "gate failed"
    facts = [tag("div", tag("dt", name), tag("dd", value)) for name, value in report.facts]
    return [
        tag("h1", report.title),
        *(_banner(banner) for banner in report.banners),
        tag("p", report.lead),
        tag("p", report.verdict, class_=gate),
        tag("dl", *facts, class_="facts"),
        *([tag("ul", *(tag("li", note) for note in report.notes))] if report.notes else []),
        _table(report.key_table),
    ]


def _banner(banner: Banner) -> Markup:
    """A warning in words and with a frame, so that it needs neither colour nor eyes."""
    sign = tag("span", f"{WARNING} ", aria_hidden="true")
    return tag(
        "div", tag("strong", sign, banner.word), banner.sentence, class_="banner", role="alert"
    )


def _contents(report: Report) -> Markup:
    parts: list[Picture | Table] = [*report.pictures, *report.tables]
    links = [tag("a", part.title, href=f"#{part.name}") for part in parts]
    spaced = [piece for link in links for piece in (link, Markup(" "))]
    return tag("nav", *spaced, tag("a", "Birth certificate", href="#certificate"))


def _table(table: Table) -> Markup:
    head = tag("tr", *(tag("th", title, scope="col") for title in table.header))
    rows = [tag("tr", *(tag("td", cell) for cell in row)) for row in table.cells]
    if not rows:
        rows = [tag("tr", tag("td", "none", colspan=str(max(1, len(table.header)))))]
    below = (("note", table.note), ("source", in_words(table.source)))
    notes = [tag("p", text, class_=kind) for kind, text in below if text]
    return tag(
        "section",
        tag("h2", table.title),
        tag("p", table.caption, class_="caption"),
        _scrolling(tag("table", tag("thead", head), tag("tbody", *rows)), table.title),
        *notes,
        id=table.name,
    )


def _scrolling(content: Markup, title: str) -> Markup:
    """A box that scrolls by itself where the screen is narrow, by keyboard too."""
    return tag("div", content, class_="wide", tabindex="0", role="region", aria_label=title)


def _figure(picture: Picture) -> Markup:
    source = f"data:image/png;base64,{base64.b64encode(picture.png).decode('ascii')}"
    image = Markup(f'<img src="{source}" alt="{escape(f"{picture.title}. {picture.caption}")}">')
    return tag(
        "section",
        tag("h2", picture.title),
        tag("figure", _scrolling(image, picture.title), tag("figcaption", picture.caption)),
        id=picture.name,
    )


def _pairs(pairs: tuple[tuple[str, str], ...]) -> Markup:
    rows = [tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in pairs]
    return tag("table", tag("tbody", *rows), class_="short")
