"""An operator's templates: read, proved with samples when a server starts, and filled in where they can do no harm.

A template sees plain values and prints text. What strangers chose is written literally, whatever the template does
with it, and the marks that our comments are found by are out of its reach.
"""

import difflib
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2 import Template as JinjaTemplate
from jinja2.exceptions import SecurityError
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

from server.comments import format as forms
from server.comments.facts import PARTS
from server.comments.format import Markdown
from server.comments.samples import rehearse
from server.comments.templating import codes, fold
from server.comments.words import Template, TemplateFailed, Words
from server.domain.errors import UserMistake

SUFFIX = ".md.j2"
LARGEST_TEMPLATE = 100_000  # bytes
LONGEST_TEXT = 500_000  # characters; a forge takes a million at most
_FILTERS = frozenset(
    {
        *("default", "first", "groupby", "int", "join", "last", "length", "list", "lower", "map", "reject"),
        *("rejectattr", "replace", "select", "selectattr", "sort", "sum", "trim", "truncate", "unique", "upper"),
    }
)
_LARGEST_FACTOR = 1_000_000
_ALONE = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


class TemplatesMistaken(UserMistake):
    """Templates cannot be used; `mistakes` has a line for each."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class _Offered:
    """A function that templates may call; they can call no other."""

    def __init__(self, function: Callable[..., Markdown]) -> None:
        self._function = function

    def __call__(self, *arguments: Any, **named: Any) -> Markdown:
        return self._function(*arguments, **named)


def _markdown(value: object) -> Markdown:
    return value if isinstance(value, Markdown) else forms.md(str(value))


def _link(label: object, url: object) -> Markdown:
    return forms.link(_markdown(label), str(url))


def _codes(texts: Iterable[object], at_most: int = 20) -> Markdown:
    return codes(tuple(str(text) for text in texts), at_most)


def _fold(summary: object, body: object, *, can_fold: bool) -> Markdown:
    return fold(_markdown(summary), _markdown(body), can_fold=can_fold)


FUNCTIONS: Mapping[str, _Offered] = {"link": _Offered(_link), "codes": _Offered(_codes)}
FOLD = "fold"  # what a forge can fold is known only when a comment is made


class _Sandbox(ImmutableSandboxedEnvironment):
    """No functions but ours, no methods, no powers, and nothing beside what is handed in."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not all(isinstance(one, int) and abs(one) < _LARGEST_FACTOR for one in (left, right)):
            raise SecurityError(f"`{operator}` is for small whole numbers only")
        return super().call_binop(context, operator, left, right)

    def is_safe_callable(self, obj: Any) -> bool:
        return isinstance(obj, (_Offered, Macro))


def _environment() -> _Sandbox:
    environment = _Sandbox(
        autoescape=False,  # this is Markdown; `_harmless` sees everything that is printed
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.clear()
    environment.globals.update(FUNCTIONS)
    known = {name: environment.filters[name] for name in _FILTERS}
    environment.filters.clear()
    environment.filters.update(
        known,
        amount=forms.amount,
        code=_as_text(forms.code),
        cell_code=_as_text(forms.cell_code),
        cell_prose=_as_text(forms.cell_prose),
        fence=_as_text(forms.fence),
        paragraphs=_as_text(forms.paragraphs),
        prose=_as_text(forms.prose),
    )
    return environment


def _as_text(write: Callable[..., Markdown]) -> Callable[..., Markdown]:
    return lambda value, *arguments: write(str(value), *arguments)


def _harmless(value: object) -> object:
    """Write what a template prints: our Markdown as it is, anything else literally, in one line."""
    if isinstance(value, Markdown):
        return value
    if isinstance(value, Undefined):
        return str(value)  # which is an error that says what is missing
    if value is None:
        return ""
    if not isinstance(value, (str, int, float)):
        raise TypeError("a list or a group of values cannot be printed; take one of them, or use codes(…)")
    said = forms.md(str(value))
    # At the start of a line these would be a command to the forge, a list or a heading's underline.
    return Markdown(f"\\{said}" if said[:1] in {"/", "-", "+", "="} else said)


class Override:
    """One template of an operator's, compiled."""

    def __init__(self, path: Path, template: JinjaTemplate) -> None:
        self._path, self._template = path, template

    def render(self, facts: Mapping[str, Any]) -> Markdown:
        """Fill it in.

        Raises:
            TemplateFailed: it cannot be, or says far too much.
        """
        folding = _Offered(partial(_fold, can_fold=bool(facts.get("can_fold", True))))
        values = {name: value for name, value in facts.items() if name != "can_fold"}
        try:
            said = _bounded(self._template.generate({**values, FOLD: folding}))
        except Exception as error:  # a template of somebody else's may fail in any way
            raise TemplateFailed(self._place(error), _words(error)) from error
        return Markdown(forms.without_marks(forms.tidy(said)))

    def _place(self, error: Exception) -> str:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(self._path)), None)
        return f"{self._path}:{line}" if line else str(self._path)


def _bounded(pieces: Iterable[str]) -> str:
    said: list[str] = []
    room = LONGEST_TEXT
    for piece in pieces:
        said.append(piece)
        room -= len(piece)
        if room < 0:
            raise SecurityError(f"it says more than {LONGEST_TEXT} characters")
    return "".join(said)


def _words(error: Exception) -> str:
    text = str(error.message if isinstance(error, TemplateError) and error.message else error)
    return " ".join(text.split())[:300] or type(error).__name__


def load_words(folder: Path | None, report: Callable[[TemplateFailed], None] = lambda _: None) -> Words:
    """Read an operator's templates and fill each in with samples; without a folder, the words are built in.

    Raises:
        TemplatesMistaken: with every template that cannot be used, its line where one is to blame, and why.
    """
    if folder is None:
        return Words(report=report)
    found: dict[str, Template] = {}
    mistakes: list[str] = []
    for path in _files(folder):
        try:
            found[path.name.removesuffix(SUFFIX)] = _proved(path)
        except TemplateFailed as failed:
            mistakes.append(str(failed))
    if mistakes:
        raise TemplatesMistaken(mistakes)
    return Words(found, report)


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file() and _is_meant_for_us(path.name))
    except OSError as error:
        raise TemplatesMistaken([f"THERA_TEMPLATE_DIR: {folder} cannot be read: {error.strerror}"]) from error


def _is_meant_for_us(name: str) -> bool:
    """Tell templates, also misnamed ones, from a folder's read-me and what editors leave behind."""
    if name.startswith("."):
        return False
    return name.endswith((".j2", ".jinja", ".tmpl")) or name.partition(".")[0] in PARTS


def _proved(path: Path) -> Template:
    part = path.name.removesuffix(SUFFIX)
    if part not in PARTS or not path.name.endswith(SUFFIX):
        wanted = ", ".join(f"{name}{SUFFIX}" for name in PARTS)
        raise TemplateFailed(str(path), f"there is no such part of a comment{_meant(part, PARTS)}; expected {wanted}")
    template = Override(path, _compiled(path, part))
    rehearse(part, Words({part: template}, _fail))
    return template


def _fail(failed: TemplateFailed) -> None:
    raise failed


def _compiled(path: Path, part: str) -> JinjaTemplate:
    environment = _environment()
    try:
        source = path.read_bytes()
        if len(source) > LARGEST_TEMPLATE:
            raise TemplateFailed(str(path), f"larger than {LARGEST_TEMPLATE} bytes")
        text = source.decode("utf-8")
        for name, line, why in _strangers(environment.parse(text), (*PARTS[part], FOLD, *FUNCTIONS)):
            raise TemplateFailed(f"{path}:{line}", f"`{name}`: {why}")
        code: CodeType = environment.compile(text, name=path.name, filename=str(path))
    except TemplateSyntaxError as error:
        raise TemplateFailed(f"{path}:{error.lineno}", error.message or "not a template") from error
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateFailed(str(path), f"cannot be read: {error}") from error
    return JinjaTemplate.from_code(environment, code, environment.make_globals(None))


def _strangers(tree: nodes.Template, known: Iterable[str]) -> Iterator[tuple[str, int, str]]:
    """Find what a template uses and is not offered, also where no sample leads."""
    for node in tree.find_all(_ALONE):
        yield type(node).__name__.lower(), node.lineno, "a template stands alone here and cannot use another one"
    unknown = find_undeclared_variables(tree) - set(known)
    for name in tree.find_all(nodes.Name):
        if name.name in unknown and name.ctx == "load":
            why = f"there is nothing of that name here{_meant(name.name, known)}; there are {', '.join(sorted(known))}"
            yield name.name, name.lineno, why


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
