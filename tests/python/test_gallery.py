"""The gallery: its pages hold together, its curves are what formulas say, its examples run."""

from __future__ import annotations

import contextlib
import html
import html.parser
import importlib.util
import io
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import libloss
import numpy as np
import pytest
from libloss import _cli, _core, _gallery
from libloss._gallery import _coming, _examples, _formula, _guide, _howto, _pages, _scenes, _tasks

ROOT = pathlib.Path(__file__).resolve().parents[2]
INFOS = [libloss.info(name) for name in libloss.losses()] + [libloss.metrics.info(name) for name in libloss.metrics.metrics()]
LOSSES = [i for i in INFOS if not i.is_metric]
VOID = {"meta", "link", "input", "wbr"}


class Page(html.parser.HTMLParser):
    """Links, anchors and text of a page; elements must be closed in order."""

    def __init__(self, text: str):
        super().__init__()
        self.links, self.loads, self.ids, self.open = [], [], set(), []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if "id" in values:
            assert values["id"] not in self.ids
            self.ids.add(values["id"])
        if tag == "a":
            self.links.append(values["href"])
        for name in ("src", "href", "poster", "data"):
            if tag != "a" and name in values:
                self.loads.append(values[name])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def files():
    return _gallery.pages()


@pytest.fixture(scope="module")
def pages(files):
    return {name: Page(text) for name, text in files.items() if name.endswith(".html")}


def test_every_loss_and_metric_has_a_page_and_a_card(files):
    for i in INFOS:
        page = files[f"{'metrics' if i.is_metric else 'losses'}/{i.name}.html"]
        read = html.unescape(re.sub(r"<[^>]*>", "", page))
        assert i.citation in read and i.title in read
        assert all(f"<code>{word}</code>" in page for word in (*i.aliases, *(x.name for x in (*i.inputs, *i.parameters))))
        assert f"<code>{i.name}</code>" in files["index.html"].replace("<wbr>", "")


def test_links_lead_somewhere_and_nothing_is_fetched(files, pages):
    for name, page in pages.items():
        for link in page.links:
            if link.startswith("https://"):
                assert re.match(r"https://(doi\.org/10\.|arxiv\.org/abs/)", link), (name, link)
                continue
            path, _, anchor = link.partition("#")
            target = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
            assert target in files, (name, link)
            if anchor and "=" not in anchor:
                assert anchor in pages[target].ids, (name, link)
            elif anchor:
                group, value = anchor.split("=")
                assert f'data-group="{group}" data-value="{value}"' in files["index.html"], (name, link)
        for load in page.loads:
            assert load == "data:," or os.path.normpath(os.path.join(os.path.dirname(name), load)) in files, (name, load)
    assert not re.search(r"url\(|@import|https?:", files["style.css"])
    assert not re.search(r"fetch\(|import\(|XMLHttp|https?:(?!//www\.w3\.org/2000/svg)", files["script.js"])


def test_svg_and_mathml_are_well_formed(files):
    for text in files.values():
        for part in re.findall(r"<math .*?</math>", text, re.S):
            ET.fromstring(part)
        for part in re.findall(r'<svg class="(?:chart|spark)".*?</svg>(?:</svg>)?', text, re.S):
            root = ET.fromstring(part.replace("<svg ", '<svg xmlns="x" ', 1))
            assert "nan" not in part and "inf" not in "".join(root.itertext())
    for text in ("r^2", "a if", "x[", "((", "sum over of", "|a", "'"):
        assert _formula.render(text).math or _formula.render(text).text == text


def words(mathml: str) -> str:
    """A formula's symbols in a row, for reading."""
    return re.sub(r"\s", " ", "".join(ET.fromstring(mathml).itertext()).replace("\u2061", "").replace("\u2062", "").replace("\xa0", " "))


def test_formulas_read_right():
    def shape(text):
        return re.sub(r' (?:xmlns|display|aria-label)="[^"]*"', "", _formula.render(text).math)

    assert shape("r^2/2") == "<math><mfrac><msup><mi>r</mi><mn>2</mn></msup><mn>2</mn></mfrac></math>"
    assert words(_formula.render("a - (b - c)").math) == "a−(b−c)"
    assert words(_formula.render("(a - b)*c").math) == "(a−b)c"
    assert words(_formula.render("-(a + b)^2").math) == "−(a+b)2"
    assert words(_formula.render("(1 - q)^gamma*(-log(q))").math) == "(1−q)γ(−log(q))"
    assert words(_formula.render("|r|/max(|t|, eps)").math) == "|r|max(|t|,eps)"
    assert words(_formula.render("a if alpha == inf else b").math) == "aif α=∞botherwise"
    cases = ET.fromstring(_formula.render("r^2 if |r| <= delta else 0").math)
    rows = [["".join(d.itertext()) for d in row] for row in cases.iter() if row.tag.endswith("mtr")]
    assert rows == [["r2", "if\xa0|r|≤δ"], ["0", "otherwise"]]
    over = _formula.render("sum over j of a[j]*log(a[j]) + b[j] + c").math
    assert words(over) == "∑j(ajlog(aj)+bj)+c"  # c has no index, so it is summed no more
    # every number and every name of a formula is in what is shown
    for i in INFOS:
        shown = _formula.render(i.formula)
        seen = words(shown.math) + " ".join(shown.notes) if shown.math else shown.text
        assert shown.math or i.is_metric, i.name
        for name in re.findall(r"[A-Za-z]{3,}", i.formula):
            known = name in _formula.LETTERS or name in _formula.SHORT or name in {
                "sum", "product", "over", "sqrt", "exp", "xlogy", "lgamma", "sigmoid", "floored", "else", "true", "the", "log", "where"}
            assert known or name in seen, (i.name, name, seen)


def test_no_text_is_too_odd():
    random = np.random.default_rng(1)
    tokens = ["a", "r_i", "2", "sum", "over", "of", "if", "else", "where", "x = ", "max(", "log(", *"()[]|+-*/^,; ", " / "]
    for _ in range(2000):
        text = "".join(random.choice(tokens, random.integers(1, 9)))
        shown = _formula.render(text)
        assert shown.text == text or ET.fromstring(shown.math).tag.endswith("math")


# ---- the curves ----


def curves(page: str, panel: str, block: int = 0) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The numbers of a chart, read from its paths."""
    figure = re.findall(r'<figure class="block">.*?</figure>', page, re.S)[block]
    svg = re.search(rf'<h4>{panel}</h4>(<svg class="chart".*?</svg></svg>)', figure, re.S)[1]
    left, top, width, height = (float(v) for v in re.search(r'data-box="([^"]*)"', svg)[1].split(","))
    low, high, bottom, ceiling = (float(v) for v in re.search(r'data-domain="([^"]*)"', svg)[1].split(","))
    found = {}
    for label, d in re.findall(r'<path class="line [^"]*" data-label="([^"]*)" d="([^"]*)"', svg):
        xy = np.array([[float(v) for v in p.split(",")] for p in re.split("[ML]", d) if p])
        found[label] = low + (xy[:, 0] - left) / width * (high - low), ceiling - (xy[:, 1] - top) / height * (ceiling - bottom)
    return found


def same(page, panel, label, formula, *, within, block=0, away=()):
    """The curve is the formula, up to the resolution of the picture; away from places where it jumps."""
    drawn_x, drawn_y = curves(page, panel, block)[label]
    x = np.linspace(drawn_x[0], drawn_x[-1], 101)
    for place in away:
        x = x[abs(x - place) > 0.02]
    np.testing.assert_allclose(np.interp(x, drawn_x, drawn_y), formula(x), atol=within)


def test_curves_are_the_formulas(files):
    huber = files["losses/huber.html"]
    for delta in (0.5, 1, 2):
        label = f"delta = {delta:g}"
        same(huber, "Value", label, lambda r, d=delta: np.where(abs(r) <= d, r * r / 2, d * (abs(r) - d / 2)), within=0.005)
        same(huber, "Gradient", label, lambda r, d=delta: np.clip(r, -d, d), within=0.005)
        same(huber, "Curvature", label, lambda r, d=delta: np.where(abs(r) <= d, 1, 0), within=0.005, away=(-delta, delta))
    bce = files["losses/binary_cross_entropy_with_logits.html"]
    same(bce, "Value", "target 1", lambda z: np.log1p(np.exp(-z)), within=0.01)
    same(bce, "Gradient", "target 0", lambda z: 1 / (1 + np.exp(-z)), within=0.003)
    same(bce, "Curvature", "target 0", lambda z: 1 / (2 + 2 * np.cosh(z)), within=0.001)
    same(files["losses/cross_entropy.html"], "Value", "label_smoothing = 0", lambda z: np.log(np.exp(z) + 2) - z, within=0.02)
    same(files["losses/cross_entropy.html"], "Gradient", "label_smoothing = 0", lambda z: np.exp(z) / (np.exp(z) + 2) - 1, within=0.003)
    same(files["losses/hinge.html"], "Value", "", lambda m: np.maximum(0, 1 - m), within=0.01)
    same(files["losses/cosine_distance.html"], "Gradient", "", np.sin, within=0.005)
    same(files["losses/dice.html"], "Value", "background at 0", lambda p: 1 - 2 * p * 2 / (2 * p + 2), within=0.003)
    same(files["losses/triplet_margin.html"], "Value", "positive at distance 2", lambda d: np.maximum(0, 2 - d + 1), within=0.01)
    same(files["losses/cox.html"], "Gradient", "of the first to fail", lambda z: np.exp(z) / (np.exp(z) + 3) - 1, within=0.005)
    same(files["losses/info_nce.html"], "Value", "temperature = 0.7", lambda s: np.log(np.exp(s / 0.7) + 3) - s / 0.7, within=0.06)
    same(files["losses/list_net.html"], "Curvature", "an irrelevant one",
         lambda z: (q := np.exp(z) / (np.exp(z) + np.exp(1.5) + np.e + 1)) * (1 - q), within=0.002)


def test_jumps_are_gaps(files):
    x, y = curves(files["losses/absolute_error.html"], "Gradient")[""]  # a slope of -1, a gap, a slope of 1
    assert set(np.round(y, 2)) == {-1.0, 1.0} and np.sum(abs(x) < 0.02) == 2
    assert re.search(r'data-label="" d="M[^M]*M[^M]*"', files["losses/absolute_error.html"])


def test_every_loss_is_drawn():
    drawn = {i.name for i in LOSSES if _scenes.scene(i)}
    assert len(drawn) >= len(LOSSES) - 2  # a new kind of loss may have no picture; the gallery takes it all the same
    assert not _scenes.blocks(libloss.info("huber")._replace(inputs=()))


@pytest.mark.parametrize("name", ["squared_error", "cross_entropy", "ctc", "gaussian_nll"])
def test_values_of_parameters_are_allowed_and_hold_the_default(name):
    for p in libloss.info(name).parameters:
        tried = _scenes.values(p)
        assert p.default in tried or not tried
        for value in tried:
            libloss.Loss(name).replace(**{p.name: value})


# ---- words ----


def test_words_cover_the_registry():
    assert set(_pages.CLAIM_WORDS) == set(_core.CLAIMS)
    assert set(_pages.KIND_WORDS) == {*_core.KINDS, "nonnegative"}
    assert all(_tasks.tasks(i) for i in LOSSES)
    assert set(_tasks.ALSO) <= set(libloss.losses())
    from libloss._texts import INSIGHTS

    assert set(INSIGHTS) == {i.name for i in INFOS} and all(text[0].isupper() and text[-1] in ".?" for text in INSIGHTS.values())
    assert INSIGHTS["huber"] in libloss.huber.__doc__
    source = (ROOT / "src/losses/distance/huber.c").read_text()
    assert " ".join(re.sub(r"[/*]", " ", source.partition("*/")[0]).split()) == INSIGHTS["huber"]


def test_the_guide_names_what_there_is(files):
    text = repr(_guide.QUESTIONS) + repr(_guide.FIRST)
    named = set(re.findall(r"\[\[(.*?)\]\]", text))
    assert len(named) > 50 and named <= {i.name for i in INFOS}
    assert "[[" not in files["guide.html"]
    for spec in re.findall(r'<code>\\"(.*?)\\"</code>', text):
        libloss.Loss(spec)
    for name in re.findall(r"<code>(\w+)</code>", text):
        assert any(p.name == name for i in LOSSES for p in i.parameters), name


def test_names_elsewhere_are_on_the_pages(files):
    assert "MSELoss" in files["losses/squared_error.html"] and "PyTorch" in files["losses/squared_error.html"]
    assert "BCELoss" not in files["losses/squared_error.html"]
    assert 'data-search="squared_error' in files["index.html"] and "mseloss" in files["index.html"]


# ---- how-tos, and other libraries ----


def read(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", page))


def test_every_howto_has_a_page_with_all_that_it_says(files, pages):
    scripts = list(_howto.FOLDER.glob("*.py"))
    assert scripts
    for path in scripts:
        text, name = path.read_text(), path.stem.removeprefix("with_")
        page = files[f"howto/{name}.html"]
        assert f"howto/{name}.html" in pages["howto.html"].links
        assert f"<h1>{html.escape(text.splitlines()[0].strip(chr(34)))}</h1>" in page
        code = [line for line in text.partition('"""\n')[2].splitlines() if line and not line.startswith("#")]
        blocks = re.findall(r'<div class="code"><pre tabindex="0"><code>(.*?)</code>', page, re.S)
        assert [line for block in blocks for line in read(block).splitlines() if line] == code
        promised = [block.replace("\n# ", "\n").removeprefix("# ").rstrip("\n") for block in re.findall(r"^# prints:\n((?:#.*\n)+)", text, re.M)]
        shown = [html.unescape(block) for block in re.findall(r"<samp>(.*?)</samp>", page, re.S)]
        assert shown == promised and promised
        for words in re.findall(r"`([^`]+)`", "\n".join(line for line in text.splitlines() if line.startswith("# "))):
            assert words in read(page), (name, words)


def test_no_howto_hides_a_module():
    """A script's folder comes first among the places of modules: dask.py or scipy.py there would be imported in place of the real one."""
    for path in _howto.FOLDER.glob("*.py"):
        assert importlib.util.find_spec(path.stem) is None, f"{path.name}: call it with_{path.name}"


def test_a_howto_is_read_as_it_is_written(tmp_path):
    path = tmp_path / "with_a_tool.py"
    path.write_text('''"""A title

An introduction of `huber`
in two lines.
"""

# Prose about ``delta``,
# on two lines.
#
# - one
# - two
#
#     not.run(1 < 2)
x = """
# no prose
"""
for k in range(2):  # a comment of the code
    # and another one
    print(k)
# prints:
# 0
# 1
# More prose.
''')
    howto = _howto.read(path)
    assert (howto.name, howto.title, howto.lead) == ("a_tool", "A title", "An introduction of `huber` in two lines.")
    assert [b.kind for b in howto.blocks] == ["prose", "code", "output"]  # what follows an output without a line between is output too, as the tests take it
    assert howto.blocks[1].text.splitlines()[1] == "# no prose" and howto.blocks[2].text == "0\n1\nMore prose."
    shown = _howto.prose(howto.blocks[0].text, lambda words: f"<b>{words}</b>")
    assert shown == ("<p>Prose about <b>delta</b>, on two lines.</p><ul><li>one</li><li>two</li></ul>"
                     '<div class="code aside"><pre tabindex="0"><code>not.run(1 &lt; 2)</code></pre></div>')


def test_losses_lead_to_the_tools_that_suit_them():
    def suited(name):
        return {tool for tool in _howto.TOOLS if _howto.fits(_howto.HowTo(tool, "", "", ()), libloss.info(name))}

    assert suited("huber") == set(_howto.TOOLS)
    assert {"xgboost", "lightgbm", "catboost", "sklearn"} <= suited("cross_entropy")
    assert suited("binary_cross_entropy") == set(_howto.TOOLS) - {"xgboost", "lightgbm", "catboost", "sklearn"}  # a booster's scores leave [0, 1]
    assert suited("dice") == {"scipy", "torch", "jax", "keras", "tables", "files"}  # a value of the batch
    assert suited("triplet_margin") == {"torch", "torch_distributed", "jax", "tables", "files", "mpi", "dask"}
    assert not any(_howto.fits(_howto.HowTo("mpi", "", "", ()), i) for i in INFOS if i.is_metric)


def test_tools_are_linked_from_losses(pages):
    for howto in _howto.howtos():
        for i in INFOS:
            page = pages[f"{'metrics' if i.is_metric else 'losses'}/{i.name}.html"]
            assert (f"../howto/{howto.name}.html" in page.links) == _howto.fits(howto, i)


def test_names_and_habits_of_other_libraries_are_told(files):
    from libloss._texts import ELSEWHERE

    assert [library.name for library in _coming.LIBRARIES] == ["PyTorch", "Keras", "optax", "scikit-learn"]
    for library in _coming.LIBRARIES:
        page = files[f"from/{library.file}.html"]
        names = [*(name for names, whose, _ in ELSEWHERE if whose == library.name for name in names), *library.also]
        assert len(names) > 15 and all(f"<code>{name}</code>" in page for name in names)
        for habit in library.habits:
            assert all(" ".join(text.replace("`", "").split()) in read(page) for text in habit)


# ---- examples ----


@pytest.mark.parametrize("info", INFOS, ids=lambda i: i.name)
def test_python_examples_print_what_they_say(info):
    code = _examples.python(info)
    assert code or info.is_metric
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, {})
    assert printed.getvalue().splitlines() == [line[2:] for line in code.splitlines() if line.startswith("# ")]


def test_c_examples_print_what_they_say(tmp_path):
    compiler = shutil.which("cc")
    library = next((p for p in [*pathlib.Path(libloss.__file__).parent.glob("libloss.so*"), os.environ.get("LIBLOSS_SO")] if p), None)
    if not compiler or not library:
        pytest.skip("no compiler, or no library by itself")
    codes = {i.name: code for i in INFOS if (code := _examples.c(i))}
    assert set(codes) >= set(libloss.losses())
    source = "\n".join(code.replace("int main(void)", f"static int {name}_example(void)") for name, code in codes.items())
    calls = "\n".join(f"    if ({name}_example()) return 1;" for name in codes)
    (tmp_path / "all.c").write_text(f"{source}\nint main(void)\n{{\n{calls}\n    return 0;\n}}\n")
    subprocess.run([compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", "-I", ROOT / "include", "all.c", "-o", "all", library,
                    f"-Wl,-rpath,{pathlib.Path(library).parent}"], check=True, cwd=tmp_path)
    printed = subprocess.run([tmp_path / "all"], capture_output=True, text=True, check=True).stdout.split()
    said = [float(re.search(r"value\); /\* (\S+) \*/", code)[1]) for code in codes.values()]
    assert [float(v) for v in printed] == said and all(map(math.isfinite, said))


# ---- the command ----


def test_the_command(tmp_path, capsys, files):
    folder = tmp_path / "new" / "gallery"
    (folder / "losses").mkdir(parents=True)
    old, other = folder / "losses" / "huber.html", folder / "notes.txt"
    old.write_text(f"a page of before, {_pages.MARK}")
    other.write_text("mine")
    assert _cli.main(["gallery", str(folder)]) == 0
    assert str(folder / "index.html") in capsys.readouterr().out
    written = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p != other}
    assert written == {name: text.encode() for name, text in files.items()}  # made twice, the same bytes
    assert other.read_text() == "mine" and sum(map(len, written.values())) < 5e6

    (folder / "guide.html").write_text("mine too")
    (folder / "index.html").unlink()
    assert _cli.main(["gallery", str(folder)]) == 1
    assert "guide.html is there and no page of a gallery" in capsys.readouterr().err
    assert (folder / "guide.html").read_text() == "mine too" and not (folder / "index.html").exists()
    assert _cli.main(["gallery", str(other)]) == 1
    assert str(other) in capsys.readouterr().err
    with pytest.raises(SystemExit) as usage:
        _cli.main(["gallery"])
    assert usage.value.code == 2


def test_nothing_of_it_is_imported_with_the_package():
    code = "import sys, libloss; assert not any('_gallery' in m for m in sys.modules), sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
