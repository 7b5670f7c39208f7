"""The pages: one layout, and what stands in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape

from .. import _texts
from .._core import CLAIMS, Info, Input, ParameterInfo, create, describe, names
from . import _examples, _formula, _howto, _plot
from ._coming import LIBRARIES, Library
from ._guide import FIRST, QUESTIONS
from ._scenes import Block
from ._tasks import TASKS, tasks

MARK = "made by libloss gallery"  # stands in every file that the gallery writes, so that it never overwrites another

CLAIM_WORDS = {
    "convex": "every chord lies above it, so a linear model has no false minima",
    "nonnegative": "never below 0",
    "even": "too high and too low by the same amount cost the same",
    "differentiable": "a slope everywhere, without a kink",
    "twice_differentiable": "a curvature everywhere, without a jump",
    "lipschitz": "the gradient is bounded: no example pulls without limit",
    "bounded": "the value is bounded: no example costs without limit",
    "calibrated": "where it is least, the score has the sign of the more probable class",
    "proper": "least on average for the true probabilities",
}
KIND_WORDS = {
    "real": "real", "probability": "in [0, 1]", "positive": "above 0", "nonnegative": "0 or above", "sign": "−1 or +1", "class": "class index",
    "offsets": "offsets", "length": "length", "label": "label", "binary": "0 or 1",
}


def spaced(name: str) -> str:
    return name.replace("_", " ")


class Site:
    """All losses and metrics, and how pages link to each other."""

    def __init__(self, infos: list[Info], blocks: Callable[[], dict[str, list[Block]]], version: str) -> None:
        self.infos = {i.name: i for i in infos}
        self.losses = [i for i in infos if not i.is_metric]
        self.metrics = [i for i in infos if i.is_metric]
        self.blocks, self.version, self.howtos = blocks, version, _howto.howtos()
        self.foreign: dict[str, list[tuple[tuple[str, ...], str, str]]] = {name: [] for name in self.infos}
        for entry in _texts.ELSEWHERE:
            for name in self.named(entry[2]):
                self.foreign[name].append(entry)

    def named(self, text: str) -> list[str]:
        """Names of losses and metrics in a text."""
        return list(dict.fromkeys(w for w in re.findall(r"\w+", text) if w in self.infos))

    def file(self, name: str) -> str:
        return f"{'metrics' if self.infos[name].is_metric else 'losses'}/{name}.html"

    def link(self, name: str, root: str) -> str:
        return f'<a href="{root}{self.file(name)}"><code>{name}</code></a>'

    def prose(self, text: str, root: str, but: str, *, every: bool = False) -> str:
        """Text in which our names are links; those without an underscore only with ``every``: they are words as well."""
        def one(found: re.Match[str]) -> str:
            word = found[0]
            if word not in self.infos or not (every or "_" in word):
                return word
            return f"<code>{word}</code>" if word == but else self.link(word, root)

        return re.sub(r"\w+", one, escape(text, quote=False))

    def marked(self, text: str, root: str) -> str:
        """``[[name]]`` becomes a link."""
        return re.sub(r"\[\[(\w+)\]\]", lambda found: self.link(found[1], root), text)

    # ---- the layout of every page ----

    def page(self, title: str, body: str, root: str, here: str, description: str) -> str:
        def item(file: str, text: str) -> str:
            return f'<a href="{root}{file}"{" aria-current=page" if here == file else ""}>{text}</a>'

        return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="{MARK}">
<meta name="description" content="{escape(description)}">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{root}style.css">
<script src="{root}script.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="bar"><nav aria-label="Site">
<a class="brand" href="{root}index.html">libloss</a>
<span>{item("index.html", "Losses")}{item("index.html#metrics", "Metrics")}{item("guide.html", "Which one?")}{item("howto.html", "How to")}</span>
</nav></header>
<main id="main">
{body}
</main>
<footer><p>libloss {escape(self.version)}. Every number and curve on these pages was computed by the library itself.</p></footer>
</body>
</html>
"""

    # ---- index and guide ----

    def card(self, i: Info) -> str:
        also = [*i.aliases, *(name for foreign, _, _ in self.foreign[i.name] for name in foreign)]
        search = " ".join([i.name, spaced(i.name), i.title, *also]).lower()
        blocks, tags = self.blocks().get(i.name), "" if i.is_metric else "".join(f"<span>{t}</span>" for t in tasks(i))
        picture = _plot.sparkline(blocks[0]) if blocks else "" if i.is_metric else '<span class="spark"></span>'
        return (f'<li class="card" data-search="{escape(search)}" data-family="{i.family}" data-task="{" ".join(tasks(i))}" '
                f'data-claim="{" ".join(sorted(i.claims))}"><a href="{self.file(i.name)}">{picture}<h3>{escape(i.title)}</h3>'
                f'<code>{i.name.replace("_", "_<wbr>")}</code></a><p>{escape(_texts.INSIGHTS.get(i.name, ""))}</p><p class="tags">{tags}</p></li>')

    def index(self) -> str:
        there = {t for i in self.losses for t in tasks(i)}
        groups = {"task": [t for t in TASKS if t in there], "family": list(dict.fromkeys(i.family for i in self.losses)),
                  "claim": [c for c in CLAIMS if any(c in i.claims for i in self.losses)]}
        filters = ""
        for group, values in groups.items():
            buttons = "".join(f'<button type="button" aria-pressed="false" data-group="{group}" data-value="{v}">{spaced(v)}</button>' for v in values)
            filters += f'<div class="filter" role="group" aria-label="{group}"><span>{group.title()}</span><div>{buttons}</div></div>'
        body = f"""<div class="hero">
<h1>Loss functions, drawn</h1>
<p class="lead">{len(self.losses)} losses and {len(self.metrics)} metrics: what each is for, its formula, its value, gradient and curvature,
and how exact it is. Not sure? <a href="guide.html">Which loss should I use?</a></p>
</div>
<form class="tools" role="search" hidden>
<label class="search"><span class="unseen">Search by name, ours or another library's</span>
<input type="search" placeholder="Search: huber, mse, BCELoss …" autocomplete="off" spellcheck="false"></label>
<details><summary>Filter</summary>{filters}</details>
<p class="count" role="status" aria-live="polite"></p>
</form>
<section aria-labelledby="losses"><h2 id="losses" class="unseen">Losses</h2>
<ul class="cards">{"".join(map(self.card, self.losses))}</ul></section>
<section aria-labelledby="metrics"><h2 id="metrics">Metrics</h2>
<p>What counts, and has no gradient.</p>
<ul class="cards compact">{"".join(map(self.card, self.metrics))}</ul></section>
<p class="none" hidden>Nothing of that kind here. <button type="button" class="reset">Show everything</button></p>"""
        return self.page("libloss: the gallery of losses", body, "", "index.html", "All losses and metrics of libloss, drawn.")

    def guide(self) -> str:
        first = "".join(f"<li><strong>{title}</strong> {self.marked(text, '')}</li>" for title, text in FIRST)
        jumps = "".join(f'<a href="#{q.anchor}">{q.title}</a>' for q in QUESTIONS)
        sections = ""
        for q in QUESTIONS:
            answers = "".join(f"<div><dt>{so}</dt><dd>{self.marked(text, '')}</dd></div>" for so, text in q.answers)
            sections += f'<section class="question" aria-labelledby="{q.anchor}"><h2 id="{q.anchor}">{q.title}</h2><dl>{answers}</dl></section>'
        body = f"""<div class="hero"><h1>Which loss should I use?</h1>
<p class="lead">Say what you predict and what you know of the data. The first line of each table is the usual start.</p></div>
<ol class="first">{first}</ol>
<nav class="jumps" aria-label="Questions"><span>What do you predict?</span>{jumps}</nav>
{sections}"""
        return self.page("Which loss should I use? – libloss", body, "", "guide.html", "A short guide from what you predict to the loss that fits.")

    # ---- how to use it elsewhere, and where people come from ----

    def coded(self, text: str, root: str) -> str:
        """Code in a sentence; a name of ours is a link."""
        return self.link(text, root) if text in self.infos else f"<code>{escape(text, quote=False)}</code>"

    def howto_index(self) -> str:
        pages = [(f"howto/{h.name}.html", h.tool, h.title) for h in self.howtos]
        origins = [(f"from/{o.file}.html", o.name, f"{sum(map(len, self.answers(o).values()))} names, and {len(o.habits)} habits") for o in LIBRARIES]

        def cards(each: list[tuple[str, str, str]]) -> str:
            return "".join(f'<li class="card"><a href="{file}"><h3>{escape(tool)}</h3></a><p>{escape(title)}</p></li>' for file, tool, title in each)

        body = f"""<div class="hero"><h1>How to use it</h1>
<p class="lead">Each page is a script that runs as it stands, on real data; the tests run it and compare what it prints.</p></div>
<section aria-labelledby="with"><h2 id="with">With other tools</h2><ul class="cards compact">{cards(pages)}</ul></section>
<section aria-labelledby="from"><h2 id="from">Coming from another library</h2>
<p>What its losses are called here, and which habits differ.</p><ul class="cards compact">{cards(origins)}</ul></section>"""
        return self.page("How to use it – libloss", body, "", "howto.html", "How to use libloss with other tools, and what differs from other libraries.")

    def howto(self, h: _howto.HowTo) -> str:
        def link(text: str) -> str:
            return self.coded(text, "../")

        body = _howto.shown(h, link, highlighted)
        losses = "".join(f"<li>{self.link(i.name, '../')}</li>" for i in self.losses if _howto.fits(h, i)) if h.name in _howto.FITS else ""
        which = section("Losses that go with it", f'<ul class="names">{losses}</ul>') if losses else ""
        return self.page(f"{h.title} – libloss", f'<article class="howto"><p class="where"><a href="../howto.html">How to</a></p><h1>{escape(h.title)}</h1>'
                         f'<p class="lead">{_howto.spans(h.lead, link)}</p>{body}{which}</article>', "../", "", h.lead)

    def answers(self, library: Library) -> dict[str, list[str]]:
        """What names are here, and the names."""
        found: dict[str, list[str]] = {}
        for foreign, whose, here in _texts.ELSEWHERE:
            if whose == library.name:
                found.setdefault(here, []).extend(foreign)
        for name, here in library.also.items():
            found.setdefault(here, []).append(name)
        return found

    def coming(self, library: Library) -> str:
        def told(text: str) -> str:
            return _howto.spans(text, lambda words: self.coded(words, "../"))

        rows = [(", ".join(f"<code>{n}</code>" for n in foreign), self.prose(here, "../", "", every=True)) for here, foreign in self.answers(library).items()]
        habits = table(("", library.name, "libloss"), [(told(h.what), told(h.there), told(h.here)) for h in library.habits], "habits")
        title = f"Coming from {library.name}"
        body = (f'<article><p class="where"><a href="../howto.html#from">How to</a></p><h1>{title}</h1><p class="lead">{escape(library.lead)}</p>'
                + section("Habits", habits) + section("Names", table(("there", "here"), rows)) + "</article>")
        return self.page(f"{title} – libloss", body, "../", "", library.lead)

    def uses(self, i: Info, root: str) -> str:
        links = "".join(f'<a href="{root}howto/{h.name}.html">{escape(h.tool)}</a>' for h in self.howtos if _howto.fits(h, i))
        return f'<p class="where uses">{links}</p>' if links else ""

    # ---- one loss or metric ----

    def entry(self, name: str) -> str:
        i, root, told = self.infos[name], "../", _texts.INSIGHTS.get(name, "")
        kinds = [("family", i.family), *(("task", t) for t in tasks(i) if t != i.family)]
        where = "metric" if i.is_metric else "".join(f'<a href="{root}index.html#{group}={value}">{value}</a>' for group, value in kinds)
        body = "".join([
            f'<p class="where">{where}</p><h1>{escape(i.title)}</h1><p class="name"><code>{name}</code></p>',
            f'<p class="lead">{self.prose(told, root, name)}</p>',
            section("Formula", formula(i)),
            section("Pictures", "".join(_plot.figure(b, i.title) for b in self.blocks().get(name, []))),
            section("Inputs", inputs(i)),
            section("Parameters", parameters(i)),
            section("What it promises", claims(i, root)),
            section("How exact", accuracy(i)),
            section("Other names", self.names(i, root)),
            section("In code", code(i)),
            section("Use it in", self.uses(i, root)),
            section("Source", f"<p>{cited(i.citation)}</p>" if i.citation else ""),
            self.neighbours(i, root),
        ])
        kind = "metric" if i.is_metric else "loss"
        return self.page(f"{i.title} – libloss", f"<article>{body}</article>", root, "", f"{i.title} ({name}), a {kind} of libloss. {told}")

    def names(self, i: Info, root: str) -> str:
        own = f"<p>In libloss also {', '.join(f'<code>{a}</code>' for a in i.aliases)}.</p>" if i.aliases else ""
        origins = {o.name: f'<a href="{root}from/{o.file}.html">{o.name}</a>' for o in LIBRARIES}
        rows = [(", ".join(f"<code>{n}</code>" for n in foreign), origins.get(whose, escape(whose)), self.prose(here, root, i.name, every=True))
                for foreign, whose, here in self.foreign[i.name]]
        return own + (table(("name", "of", "is here"), rows) if rows else "")

    def neighbours(self, i: Info, root: str) -> str:
        order = self.metrics if i.is_metric else self.losses
        at = order.index(i)
        before, after = order[at - 1] if at else None, order[at + 1] if at + 1 < len(order) else None
        links = "".join(f'<a href="{root}{self.file(o.name)}">{escape(o.title)}</a>' for o in order if o.family == i.family and o is not i)
        title = "Other metrics" if i.is_metric else f"More of the family “{i.family}”"
        kin = f'<section class="kin"><h2>{title}</h2><p>{links}</p></section>' if links else ""
        back = f'<a rel="prev" href="{root}{self.file(before.name)}">← {escape(before.title)}</a>' if before else "<span></span>"
        on = f'<a rel="next" href="{root}{self.file(after.name)}">{escape(after.title)} →</a>' if after else "<span></span>"
        return f'{kin}<nav class="turn" aria-label="Neighbours">{back}{on}</nav>'


# ---- parts of a page ----


def section(title: str, body: str) -> str:
    """A part with a heading; nothing where there is nothing to say."""
    anchor = title.lower().replace(" ", "-")
    return f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{title}</h2>{body}</section>' if body else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], style: str = "") -> str:
    """HTML cells; the first of a row is its heading."""
    top = "".join(f'<th scope="col">{h}</th>' for h in head)
    body = ""
    for first, *cells in rows:
        rest = "".join(f'<td data-head="{h}">{cell}</td>' for h, cell in zip(head[1:], cells, strict=True))
        body += f'<tr><th scope="row">{first}</th>{rest}</tr>'
    return f'<div class="wide"><table class="{style}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def noted(text: str, notes: Mapping[str, bool]) -> str:
    return escape(text) + "".join(f" <em>{note}</em>" for note, so in notes.items() if so)


def formula(i: Info) -> str:
    shown = _formula.render(i.formula)
    body = shown.math or f'<p class="words">{escape(shown.text)}</p>'
    notes = "".join(f"<p>{n}</p>" for n in shown.notes)
    legend = "".join(f"<li>{x}</li>" for x in _formula.legend(i.formula, tuple(p.name for p in i.parameters), tuple(x.name for x in i.inputs)))
    text = f"<details><summary>As text</summary><pre><code>{escape(i.formula)}</code></pre></details>" if shown.math else ""
    return f'<div class="formula">{body}{notes}</div>{f"""<ul class="symbols">{legend}</ul>""" if legend else ""}{text}'


def inputs(i: Info) -> str:
    def holds(x: Input) -> str:
        kind = "class indices, or scores" if i.is_metric and x.description.startswith("class indices; ") else KIND_WORDS[x.kind]
        return kind + (", or rows of probabilities" if x.or_rows else "")

    def what(x: Input) -> str:
        shape = {"value": "one per value", "class": "one per class"}.get(x.per, "") if not i.is_metric and "shape" not in x.description else ""
        return noted(f"{x.description}; {shape}" if shape else x.description, {"optional": x.optional, "has a gradient": x.differentiable})

    return table(("input", "holds", "what it is"), [(f"<code>{x.name}</code>", holds(x), what(x)) for x in i.inputs])


def parameters(i: Info) -> str:
    def reach(p: ParameterInfo) -> str:
        if p.choices:
            return " · ".join(f"<code>{c}</code>" for c in p.choices)
        text = escape(p.range.replace("9.0072e+15]", "2⁵³]").replace("inf", "∞").replace("-", "−"))
        return f'<span class="range">{text}</span>'

    def default(p: ParameterInfo) -> str:
        return f"{p.default:g}" if isinstance(p.default, float) else str(p.default).lower()

    rows = [(f"<code>{p.name}</code>", f"<code>{default(p)}</code>", reach(p), noted(p.doc, {"learnable": p.learnable})) for p in i.parameters]
    return table(("parameter", "default", "range", "what it is"), rows) if rows else ""


def claims(i: Info, root: str) -> str:
    told = "".join(f'<li><a href="{root}index.html#claim={c}">{spaced(c)}</a> {CLAIM_WORDS[c]}</li>' for c in CLAIMS if c in i.claims)
    return f'<ul class="claims">{told}</ul><p class="small">As a function of its prediction; the tests attack each claim.</p>' if told else ""


def accuracy(i: Info) -> str:
    if not any(any(bound) for bound in i.bound_ulp.values()):
        return ""
    rows = [(dtype, *(f"{b:g}" for b in bound)) for dtype, bound in i.bound_ulp.items()]
    return (table(("", "value", "gradient", "curvature"), rows, "numbers")
            + '<p class="small">At most so many units in the last place from the exact result, which the tests compute with 100 digits, at the extremes '
              "too. Sums and means over the data are exact, rounded once.</p>")


def code(i: Info) -> str:
    parts = [f'<div class="code"><h3>{language}</h3><pre tabindex="0"><code>{highlighted(text, language)}</code></pre></div>'
             for language, text in (("Python", _examples.python(i)), ("C", _examples.c(i))) if text]
    return f'<div class="codes">{"".join(parts)}</div>' if parts else ""


def cited(text: str) -> str:
    """A citation with links for its identifiers."""
    html = escape(text)
    html = re.sub(r"doi:(10\.\S+?)(?=[,;]?(?:\s|$))", r'<a href="https://doi.org/\1">doi:\1</a>', html)
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r'<a href="https://arxiv.org/abs/\1">arXiv:\1</a>', html)


def highlighted(text: str, language: str) -> str:
    """Code as HTML: comments and strings are marked, no more."""
    comment = r"#(?!include).*" if language == "Python" else r"/\*.*?\*/"
    pattern = re.compile(rf'({comment})|("(?:[^"\\]|\\.)*")')
    parts, at = [], 0
    for found in pattern.finditer(text):
        parts += [escape(text[at : found.start()]), f'<span class="{"c" if found[1] else "s"}">{escape(found[0])}</span>']
        at = found.end()
    return "".join(parts) + escape(text[at:])


def infos() -> list[Info]:
    """All losses, then all metrics."""
    return [describe(create(name)) for name in (*names(), *names(metrics=True))]
