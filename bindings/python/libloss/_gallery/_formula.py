"""The registry's formula text as MathML, which browsers draw by themselves.

The text is the grammar that the tests evaluate (``tests/oracle/formula.py``) and, where a loss is no formula of numbers, the same
with words: ``sum over j of x[j]``, ``softmax(prediction)[target]``, ``target_i``, and notes after a comma or semicolon. What can't
be read becomes text, so no formula is too odd to be shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import NamedTuple

CASES, SUM, PRODUCT, POWER, ATOM = range(5)  # how tightly a piece holds together

LETTERS = {name: chr(code) for name, code in [
    ("alpha", 0x3B1), ("beta", 0x3B2), ("gamma", 0x3B3), ("delta", 0x3B4), ("epsilon", 0x3B5), ("kappa", 0x3BA), ("lambda", 0x3BB),
    ("mu", 0x3BC), ("inf", 0x221E), ("pi", 0x3C0), ("rho", 0x3C1), ("sigma", 0x3C3), ("tau", 0x3C4)]}
SHORT = {"prediction": "p", "target": "t"}
RELATIONS = {"==": "=", "!=": "≠", "<=": "≤", ">=": "≥", "<": "&lt;", ">": "&gt;", "=": "="}
BIG = {"sum": "∑", "product": "∏", "max": "max", "min": "min", "mean": "mean", "logsumexp": "logsumexp"}
WORDS = {"if", "else", "where", "and", "or", "of", "over"}
THIN = '<mspace width="0.17em"/>'
TOKEN = re.compile(r"\s*(\d+\.?\d*(?:e[-+]?\d+)?|[A-Za-z]\w*|[=!<>]=|[-+*/^()\[\]|,;:<>=])")

LEGEND = {  # of names in the formulas of all losses; parameters and inputs explain themselves
    "r": "<i>r</i> = <i>p</i> − <i>t</i>, the residual",
    "m": "<i>m</i> = <i>y</i> <i>p</i>, the margin",
    "y": "<i>y</i>, the label: −1 or +1",
    "w": "<i>w</i>, the weight",
}
FUNCTIONS = {
    "softplus": "softplus(<i>x</i>) = log(1 + e<sup><i>x</i></sup>)",
    "sigmoid": "σ(<i>x</i>) = 1/(1 + e<sup>−<i>x</i></sup>)",
    "xlogy": "0 log 0 = 0",
    "logsumexp": "logsumexp(<i>x</i>) = log ∑ e<sup><i>x</i></sup>",
    "lgamma": "Γ, the gamma function",
}


class UnreadableError(ValueError):
    """The text is not in the grammar."""


class Piece(NamedTuple):
    ml: str
    level: int = ATOM
    tall: bool = False  # a fraction is in it
    names: frozenset[str] = frozenset()

    def at(self, level: int) -> str:
        """In parentheses, if it holds together less than that."""
        return self.ml if self.level >= level else fenced(self.ml, tall=self.tall)


def fenced(ml: str, left: str = "(", right: str = ")", *, tall: bool = False) -> str:
    """In parentheses, which grow only where something tall is inside: fonts make them grow for less."""
    stretchy = "" if tall else ' stretchy="false"'
    return f'<mrow><mo fence="true"{stretchy}>{left}</mo>{ml}<mo fence="true"{stretchy}>{right}</mo></mrow>'


def row(*parts: str) -> str:
    return f"<mrow>{''.join(parts)}</mrow>"


def words(text: str) -> str:
    """Text inside a formula; MathML drops spaces at its ends."""
    return f"<mtext>{escape(text).replace(' ', '&#xA0;')}</mtext>"


def symbol(name: str) -> str:
    """A name: a letter, a Greek letter, a word, or one of these with an index."""
    name = SHORT.get(name, name)
    if name in LETTERS:
        return f"<mi>{LETTERS[name]}</mi>"
    stem, _, index = name.rpartition("_")
    if stem and len(index) == 1:
        return f"<msub>{symbol(stem)}<mi>{index}</mi></msub>"
    return f"<mi>{name}</mi>"  # of several letters it is upright


def is_word(ml: str) -> bool:
    """Whether it is a name of several letters, or such a name with an index."""
    return re.match(r"(<msub>)?<mi>\w\w+</mi>", ml) is not None


def is_function(ml: str) -> bool:
    return re.match(r"<mrow>(<munder>)?<mi>\w\w+</mi>(<mo>&#x2061;|<mspace|<mrow>)", ml) is not None


class Reader:
    """A recursive descent over the tokens."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        self.spaced: list[bool] = []  # whether a blank stands before it
        at = 0
        text = text.strip()
        while at < len(text):
            found = TOKEN.match(text, at)
            if not found:
                raise UnreadableError(text[at:])
            self.tokens.append(found[1])
            self.spaced.append(found[0] != found[1])
            at = found.end()
        self.at = 0
        self.wordy = False  # whether words had to be taken as they are

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        if not token or (expected and token != expected):
            raise UnreadableError(f"{expected or 'more'} at {self.at} of {self.tokens}")
        self.at += 1
        return token

    def whole(self) -> Piece:
        piece = self.listed()
        if self.peek():
            raise UnreadableError(f"{self.tokens[self.at:]} is left")
        return piece

    def listed(self) -> Piece:
        """One formula, or several with commas and "or" between."""
        piece = self.equation()
        while self.peek() in (",", "or"):
            between = "<mo>,</mo>" if self.take() == "," else words(" or ")
            piece = Piece(row(piece.ml, between, self.equation().ml), CASES)
        return piece

    def equation(self) -> Piece:
        left = self.cases()
        if self.peek() != "=":
            return left
        self.take()
        return Piece(row(left.ml, "<mo>=</mo>", self.cases().ml), CASES)

    def cases(self) -> Piece:
        rows, first = [], self.sum()
        if self.peek() != "if":
            return first
        piece = first
        while self.peek() == "if":
            self.take()
            rows.append((piece.ml, row(words("if "), self.condition().ml)))
            self.take("else")
            piece = self.sum()
        rows.append((piece.ml, words("otherwise")))
        body = "".join(f"<mtr><mtd>{value}</mtd><mtd>{when}</mtd></mtr>" for value, when in rows)
        return Piece(f'<mtable class="cases" displaystyle="true">{body}</mtable>', CASES, True)  # its brace is the style sheet's: few fonts have one

    def condition(self, *, tight: bool = False) -> Piece:
        """Comparisons; tight ones end where a ratio with blanks goes on."""
        side = self.product if tight else self.sum
        piece = self.comparison(side)
        while self.peek() == "and":
            self.take()
            piece = Piece(row(piece.ml, words(" and "), self.comparison(side).ml), CASES)
        return piece

    def comparison(self, side: Callable[[], Piece]) -> Piece:
        left, name = side(), self.peek(-1)
        if self.peek() not in RELATIONS:
            return left
        relation = self.take()
        word = self.peek()
        if relation == "==" and len(word) > 1 and word.isalpha() and word not in {*SHORT, *LETTERS}:
            self.take()
            value = {"true": name, "false": f"not {name}"}.get(word)
            return Piece(words(value) if value else row(left.ml, words(f" is {word}")), CASES)
        return Piece(row(left.ml, f"<mo>{RELATIONS[relation]}</mo>", side().ml), CASES)

    def sum(self) -> Piece:
        if self.peek() == "-":
            self.take()
            first = self.ratio()
            piece = Piece(row("<mo>−</mo>", first.at(PRODUCT)), SUM, first.tall, first.names)
        else:
            piece = self.ratio()
        while self.peek() in ("+", "-"):
            sign = {"+": "+", "-": "−"}[self.take()]
            right = self.ratio()
            piece = Piece(row(piece.at(SUM), f"<mo>{sign}</mo>", right.at(PRODUCT)), SUM, piece.tall or right.tall, piece.names | right.names)
        return piece

    def ratio(self) -> Piece:
        """``a / b``: with blanks it binds less than what is summed over."""
        piece = self.product()
        while self.peek() == "/" and self.spaced[self.at]:
            self.take()
            piece = Piece(f"<mfrac>{piece.ml}{self.product().ml}</mfrac>", PRODUCT, True)
        return piece

    def product(self) -> Piece:
        piece = self.factor()
        ends = piece.at(PRODUCT)
        while self.peek() in ("*", "/") and not (self.peek() == "/" and self.spaced[self.at]):
            if self.take() == "/":
                right = self.factor()
                piece, ends = Piece(f"<mfrac>{piece.ml}{right.ml}</mfrac>", PRODUCT, True, piece.names | right.names), ""
                continue
            right = self.factor()
            a, b = piece.at(PRODUCT), right.at(PRODUCT)
            times = THIN if is_function(b) else "<mo>·</mo>" if b.startswith("<mn") or is_word(b) or (ends and is_word(ends)) else "<mo>&#x2062;</mo>"
            ends = b
            piece = Piece(row(a, times, b), PRODUCT, piece.tall or right.tall, piece.names | right.names)
        return piece

    def factor(self) -> Piece:
        if self.peek() == "-":
            self.take()
            return Piece(row("<mo>−</mo>", self.factor().at(PRODUCT)), SUM)
        base = self.indexed()
        if self.peek() != "^":
            return base
        self.take()
        power = self.indexed()
        if base.ml.startswith("<msub>") and base.level == ATOM:  # both beside the name, one above the other
            return Piece(f"<msubsup>{base.ml[len('<msub>') : -len('</msub>')]}{power.ml}</msubsup>", POWER, base.tall, base.names)
        return Piece(f"<msup>{base.at(ATOM)}{power.ml}</msup>", POWER, base.tall, base.names)

    def indexed(self) -> Piece:
        piece, indices = self.primary(), []
        while self.peek() == "[":
            self.take()
            indices.append(self.index())
            self.take("]")
        if not indices:
            return piece
        below = row("<mo>,</mo>".join(i.ml for i in indices))
        return Piece(f"<msub>{piece.at(ATOM)}{below}</msub>", ATOM, piece.tall, piece.names.union(*(i.names for i in indices)))

    def index(self) -> Piece:
        start = self.at
        try:
            piece = self.sum()
            if self.peek() == "]":
                return piece
        except UnreadableError:
            pass
        self.at = start
        return Piece(words(" ".join(self.until("]"))))

    def until(self, end: str) -> list[str]:
        taken = []
        while self.peek() != end:
            taken.append(self.take())
        return taken

    def arguments(self) -> list[Piece]:
        self.take("(")
        pieces = [self.cases()]
        while self.peek() == ",":
            self.take()
            pieces.append(self.cases())
        self.take(")")
        return pieces

    def primary(self) -> Piece:
        token = self.peek()
        if token == "(":
            self.take()
            inner = self.condition()
            if self.peek() in (",", "or"):
                raise UnreadableError("a list")
            self.take(")")
            return inner if inner.level > CASES else Piece(fenced(inner.ml, tall=inner.tall), tall=inner.tall)
        if token == "|":
            self.take()
            start = self.at
            try:
                size = self.sum()
                self.take("|")
            except UnreadableError:
                self.at = start
                size = Piece(words(" ".join(self.until("|"))))
                self.take("|")
            return Piece(fenced(size.ml, "|", "|", tall=size.tall), ATOM, size.tall, size.names)
        if token[:1].isdigit():
            return Piece(f"<mn>{self.take()}</mn>")
        if not token[:1].isalpha() or token in WORDS:
            raise UnreadableError(f"{token!r} in {self.tokens}")
        name = self.take()
        if name == "the" and self.peek() in BIG:
            name = self.take()
        if name in BIG and self.peek() in ("over", "of"):
            return self.big(name)
        if self.peek() == "(" and not self.spaced[self.at]:
            return self.call(name)
        if self.peek()[:1].isalpha() and self.peek() not in WORDS:
            return self.run(name)
        return Piece(symbol(name), ATOM, False, frozenset([name]))

    def run(self, name: str) -> Piece:
        """Words without anything between."""
        taken = [name]
        while self.peek()[:1].isalpha() and self.peek() not in ("if", "else", "where"):
            taken.append(self.take())
        self.wordy = True
        return Piece(words(" ".join(taken)))

    def call(self, name: str) -> Piece:
        given = self.arguments()
        first, tall, names = given[0], any(g.tall for g in given), frozenset().union(*(g.names for g in given))
        listed = row("<mo>,</mo>".join(g.ml for g in given))
        if name == "sqrt":
            return Piece(f"<msqrt>{first.ml}</msqrt>", ATOM, tall, names)
        if name == "exp" and not tall:
            return Piece(f'<msup><mi mathvariant="normal">e</mi>{first.ml}</msup>', POWER, False, names)
        if name == "log1p":
            return Piece(row("<mi>log</mi>", "<mo>&#x2061;</mo>", fenced(row("<mn>1</mn><mo>+</mo>", first.at(SUM)), tall=tall)), ATOM, tall, names)
        if name == "xlogy":
            one = given[1].ml.startswith("<mi")
            log = row("<mi>log</mi>", THIN if one else "<mo>&#x2061;</mo>", given[1].ml if one else fenced(given[1].ml, tall=given[1].tall))
            return Piece(row(first.at(PRODUCT), THIN, log), PRODUCT, tall, names)
        if name == "lgamma":
            inner = row('<mi mathvariant="normal">Γ</mi>', "<mo>&#x2061;</mo>", fenced(first.ml, tall=tall))
            return Piece(row("<mi>log</mi>", THIN, inner), ATOM, tall, names)
        if name == "sum":
            return Piece(row("<mo>∑</mo>", first.at(POWER)), PRODUCT, tall, names)
        title = {"sigmoid": "σ", "floored": "max"}.get(name, name)
        return Piece(row(f"<mi>{title}</mi>", "<mo>&#x2061;</mo>", fenced(listed, tall=tall)), ATOM, tall, names)

    def big(self, name: str) -> Piece:
        """``sum over j of x[j]``, ``sum of x where y``, ``max over j != target of x[j]``."""
        head: str | None = None
        start = self.at
        if self.take() == "over":
            ends = [k for k in range(self.at, len(self.tokens)) if self.tokens[k] == "of"]
            body = None
            for end in ends:
                begin, wordy = self.at, self.wordy
                self.at, self.wordy = end + 1, False
                try:
                    body = self.product()
                    if self.wordy and end != ends[-1]:
                        raise UnreadableError("words")
                except UnreadableError:
                    self.at, self.wordy, body = begin, wordy, None
                    continue
                self.wordy |= wordy
                head = self.head(begin, end)
                indices = frozenset(self.tokens[begin:end])
                body = self.same_index(body, indices) if name == "sum" else body
                break
            if body is None:
                raise UnreadableError(f"{name} over, at {start} of {self.tokens}")
        else:
            body = self.product()
            if self.peek() in ("over", "where"):
                self.take()
                head = self.condition(tight=True).ml
        sign = BIG[name]
        operator = f"<mo>{sign}</mo>" if len(sign) == 1 else f"<mi>{sign}</mi>"
        if head is not None:
            operator = f"<munder>{operator}{head}</munder>"
        gap = "" if len(sign) == 1 else THIN
        return Piece(row(operator, gap, body.at(PRODUCT)), PRODUCT, body.tall, body.names)

    def same_index(self, body: Piece, indices: frozenset[str]) -> Piece:
        """The terms after the first one that are summed too: those that have the index."""
        while self.peek() in ("+", "-") and indices & body.names:
            start = self.at
            sign = {"+": "+", "-": "−"}[self.take()]
            try:
                right = self.ratio()
            except UnreadableError:
                self.at = start
                return body
            if not indices & right.names:
                self.at = start
                return body
            body = Piece(row(body.at(SUM), f"<mo>{sign}</mo>", right.at(PRODUCT)), SUM, body.tall or right.tall, body.names)
        return body

    def head(self, begin: int, end: int) -> str:
        """What stands below a big operator: symbols, relations and words."""
        parts: list[str] = []
        run: list[str] = []
        for token in self.tokens[begin:end]:
            if token.isalpha() and len(token) > 1 and token not in SHORT and token not in LETTERS:
                run.append(token)
                continue
            if run:
                parts.append(words((" " if parts else "") + " ".join(run) + " "))
                run = []
            if token in RELATIONS:
                parts.append(f"<mo>{RELATIONS[token]}</mo>")
            elif token[0].isalpha():
                parts.append(symbol(token))
            elif token.isdigit():
                parts.append(f"<mn>{token}</mn>")
            else:
                parts.append(f"<mo>{escape(token)}</mo>")
        if run:
            parts.append(words((" " if parts else "") + " ".join(run)))
        return row(*parts)


def prose(text: str) -> str:
    """A note, as HTML."""
    text = escape(text.strip())
    return re.sub(r"\^(\w)", r"<sup>\1</sup>", text)


def segments(text: str) -> list[str]:
    """The parts between commas that stand in no bracket and in no list of indices."""
    parts, depth, start, bar = [], 0, 0, False
    for k, c in enumerate(text):
        if c in "([":
            depth += 1
        elif c in ")]":
            depth -= 1
        elif c == "|":
            bar = not bar
        elif c == "," and depth == 0 and not bar and not re.search(r"\bover (?:(?!\bof\b)[^,])*$", text[start:k]):
            parts.append(text[start:k])
            start = k + 1
    return [p.strip() for p in [*parts, text[start:]]]


BINDING = re.compile(r"(\w+(?:\[\w+\])*) = (.+)")


class Rendered(NamedTuple):
    math: str  # MathML; "" where the text could not be read
    notes: tuple[str, ...]  # HTML
    text: str  # what could not be read


def _block(rows: list[str], label: str) -> str:
    lines = "".join(f"<mtr><mtd>{r}</mtd></mtr>" for r in rows)
    inner = rows[0] if len(rows) == 1 else f'<mtable class="lines" displaystyle="true">{lines}</mtable>'
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML" display="block" aria-label="{escape(label)}">{inner}</math>'


def read(text: str, label: str = "") -> str:
    """MathML of one line, with words before it."""
    reader = Reader(text)
    line = reader.whole().ml
    if reader.wordy and line.startswith("<mtext"):
        raise UnreadableError("nothing but words")
    return row(words(f"{label} "), line) if label else line


def bound(parts: list[str]) -> tuple[list[str], list[str]]:
    """The lines "where name = ..." among what follows a formula, and the rest as it is. A name may be a list: "v = a, b or c"."""
    lines: list[str] = []
    source = ""
    for k, part in enumerate(parts):
        try:
            if BINDING.fullmatch(part):
                lines.append(read(part, "where"))
                source = part
                continue
            if source and " or " in part:
                lines[-1] = read(f"{source}, {part}", "where")
                continue
        except UnreadableError:
            pass
        return lines, parts[k:]
    return lines, []


def render(text: str) -> Rendered:
    """The formula; its bindings ("where q = ...") below it; notes."""
    notes: list[str] = []
    lines: list[str] = []
    for k, clause in enumerate(text.split(";")):
        clause = clause.strip()
        prefix = re.match(r"(?:(?:per|for) [\w ]+|\w+):(?= )", clause) or (k > 0 and re.match(r"(?:[a-z]+ )+(?=-)", clause)) or None
        label = prefix[0].strip() if prefix else ""
        body, _, after = clause[len(prefix[0]) if prefix else 0 :].partition(" where ")
        if not BINDING.match(after):
            body, after = clause[len(prefix[0]) if prefix else 0 :], ""
        first, *rest = segments(body)
        try:
            if k and re.fullmatch(r"[\w' ]+", first):
                raise UnreadableError("a note")
            line = read(first, label)
        except UnreadableError:
            if not k:
                return Rendered("", (), text)
            notes.append(prose(clause))
            continue
        where, told = bound(rest + (segments(after) if after else []))
        lines += [line, *where]
        if told:
            notes.append(prose(", ".join(told)))
    return Rendered(_block(lines, text), tuple(notes), "")


def names_in(text: str) -> set[str]:
    """The names and functions that a formula uses; without an index of one letter."""
    return {re.sub(r"_[a-z]$", "", name) for name in re.findall(r"[A-Za-z]\w*", text)}


def legend(text: str, parameters: tuple[str, ...], inputs: tuple[str, ...]) -> list[str]:
    """What the letters stand for, as HTML; only those that the formula has."""
    used = names_in(text)
    told = []
    if used & {"p", "r", "m", "prediction"} and "prediction" in inputs:
        told.append("<i>p</i>, the prediction")
    if used & {"t", "target", "r"} and "target" in inputs:
        told.append("<i>t</i>, the target")
    own = set(re.findall(r"(\w+) = ", text))  # said in the formula itself
    used |= {"y"} if "m" in used - own else set()
    told += [html for name, html in LEGEND.items() if name in used - own]
    told += [f"<i>{LETTERS[p]}</i>, {p}" for p in parameters if p in used and p in LETTERS]
    told += [html for name, html in FUNCTIONS.items() if name in used]
    return told
