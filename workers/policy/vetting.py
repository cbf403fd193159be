"""What the embedded engine may be trusted with; anything else is refused before it runs.

The engine (regopy 1.5) was held against OPA's documented behaviour, built-in by built-in. Where it differs it does
so silently, and a `deny` that silently has no message lets a plan pass. So this is a list of what it gets right, and
of the shapes in which it gets it right. `tests/unit/workers/test_policy_builtins.py` is the comparison.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from workers.policy.alphabet import is_exact
from workers.policy.binding import Bindings
from workers.policy.findings import Unjudged
from workers.policy.rego import KEYWORDS, Module, Token, head_of

ALLOWED = frozenset(
    """
    abs array.concat array.reverse array.slice ceil contains count endswith floor indexof intersection is_array
    is_boolean is_null is_number is_object is_set is_string lower numbers.range object.filter object.get object.keys
    object.remove object.subset replace round split sprintf startswith strings.any_prefix_match
    strings.any_suffix_match strings.count strings.reverse substring trim trim_left trim_prefix trim_right
    trim_suffix type_name union upper walk
    """.split()  # noqa: SIM905  (read and changed as words)
)
# Of these the engine knows only ASCII: what it is asked about must have no other letters of two cases.
CASED = frozenset(["lower", "upper"])
_NUMERIC = frozenset(["abs", "ceil", "count", "floor", "indexof", "round", "strings.count"])
_VERBS = re.compile(r"%(.?)")
_INSTEAD = "This worker judges with its embedded engine. Install conftest or opa on it for policies that need this"


def insist_on_known(modules: Sequence[Module]) -> frozenset[str]:
    """Let only modules through that the engine evaluates as OPA does; gives the built-ins that they use.

    Raises:
        Unjudged: with the place, and what to do.
    """
    packages: dict[str, frozenset[str]] = {}
    for module in modules:
        packages[module.package] = packages.get(module.package, frozenset()) | module.names
    used: set[str] = set()
    for module in modules:
        _check_imports(module, packages)
        for rule in module.rules:
            words = tuple(token for token in rule if token.kind != "newline")
            _Rule(module, words, packages).check(used)
    return frozenset(used)


def _check_imports(module: Module, packages: Mapping[str, frozenset[str]]) -> None:
    for path in module.aliases.values():
        first, _, rest = path.partition(".")
        if first in {"rego", "future", "input"}:
            continue
        if first != "data" or not _exists(rest, packages):
            raise Unjudged(f"{module.file}: `import {path}`: there is no such package among the policies of this set")


def _exists(path: str, packages: Mapping[str, frozenset[str]]) -> bool:
    return any(
        path == package
        or package.startswith(f"{path}.")
        or (path.startswith(f"{package}.") and _has(path, package, names))
        for package, names in packages.items()
    )


def _has(path: str, package: str, names: frozenset[str]) -> bool:
    return path.removeprefix(f"{package}.").split(".")[0] in names


@dataclass(frozen=True)
class _Rule:
    """One rule of a module under examination."""

    module: Module
    words: tuple[Token, ...]
    packages: Mapping[str, frozenset[str]]

    def check(self, used: set[str]) -> None:
        """Go through everything that is known to go wrong.

        Raises:
            Unjudged: something would.
        """
        if not head_of(self.words):
            raise self._refusal(self.words[0], f"`{self.words[0].text}` begins no rule")
        self._insist_on_v1()
        for place, token in enumerate(self.words):
            if token.kind == "number" and not is_exact(_number(token.text)):
                raise self._refusal(token, f"the engine would change the number {token.text}")
            if token.text in {"<", ">", "<=", ">="}:
                self._insist_on_numbers(place)
            if token.text == "with":
                self._insist_on_document(place)
        for place, name in self._references():
            self._check_reference(place, name, used)
        self._insist_on_bound()

    def _refusal(self, token: Token, words: str, instead: str = _INSTEAD) -> Unjudged:
        return Unjudged(f"{self.module.at(token)}: {words}. {instead}")

    def _at(self, place: int) -> str:
        return self.words[place].text if 0 <= place < len(self.words) else ""

    def _insist_on_v1(self) -> None:
        """Refuse a body without `if`: the engine reads `deny[msg] { … }` as an object, which is no verdict."""
        said_if = False
        for place, token in enumerate(self.words):
            if token.depth > 0:
                continue
            said_if = (said_if or token.text == "if") and token.text != "else"
            before = self.words[place - 1] if place else token
            if token.text == "{" and not said_if and (before.is_operand_end or before.text == "else"):
                raise self._refusal(
                    token,
                    f"the rule `{head_of(self.words)}` is written as before Rego v1",
                    f"Write it as `{head_of(self.words)} contains message if {{ … }}` (`opa fmt --rego-v1` does)",
                )

    def _insist_on_numbers(self, place: int) -> None:
        """Refuse an order of what may not be numbers: of two kinds of value the engine has another than OPA."""
        left, right = place - 1, place + 1
        is_left = self.words[left].kind == "number" or self._called_before(left) in _NUMERIC
        if self._at(right) == "-":
            right += 1
        is_right = right < len(self.words) and (
            self.words[right].kind == "number" or self._called_at(right) in _NUMERIC
        )
        if not (is_left and is_right):
            raise self._refusal(
                self.words[place],
                f"what `{self._at(place)}` compares may be other than numbers",
                "Only numbers, count() and the like are surely such; of `x` write `x + 0`, which fails if it is none",
            )

    def _called_before(self, place: int) -> str:
        """Name the function whose call ends at a place."""
        if self._at(place) != ")":
            return ""
        depth = self.words[place].depth
        while place >= 0 and not (self._at(place) == "(" and self.words[place].depth == depth):
            place -= 1
        start = place - 1
        while start > 1 and self._at(start - 1) == ".":
            start -= 2
        return "".join(token.text for token in self.words[max(start, 0) : place])

    def _called_at(self, place: int) -> str:
        return next((name for start, name in self._references() if start == place and self._is_call(place, name)), "")

    def _insist_on_document(self, place: int) -> None:
        if self._at(place + 1) not in {"input", "data"}:
            raise self._refusal(self.words[place], "`with` may replace `input` and `data` here, not functions")

    def _references(self) -> Iterator[tuple[int, str]]:
        """List names that are not fields of something else, as (place, dotted name)."""
        place = 0
        while place < len(self.words):
            token = self.words[place]
            if token.kind != "name" or token.text in KEYWORDS - {"contains", "set"}:
                place += 1
                continue
            if token.text in {"contains", "set"} and self._at(place + 1) != "(":
                place += 1
                continue
            start, parts = place, [token.text]
            while self._at(place + 1) == "." and place + 2 < len(self.words) and self.words[place + 2].kind == "name":
                place += 2
                parts.append(self._at(place))
            place += 1
            if self._at(start - 1) != "." or start == 0:
                yield start, ".".join(parts)

    def _is_call(self, place: int, name: str) -> bool:
        return self._at(place + 2 * name.count(".") + 1) == "("

    def _check_reference(self, place: int, name: str, used: set[str]) -> None:
        token, first = self.words[place], name.partition(".")[0]
        if first == "data":
            if not _exists(name.removeprefix("data."), self.packages):
                raise self._refusal(token, f"`{name}` is in no policy of this set")
            return
        if not self._is_call(place, name) or first in self.packages[self.module.package]:
            return
        if first in self.module.aliases:
            path = f"{self.module.aliases[first]}{name.removeprefix(first)}"
            if not _exists(path.removeprefix("data."), self.packages):
                raise self._refusal(token, f"`{name}` is in no policy of this set")
            return
        if name == "set" and self._at(place + 2) == ")":
            return
        if name not in ALLOWED:
            raise self._refusal(token, f"`{name}` is not a function that the embedded engine is known to get right")
        used.add(name)
        if name == "sprintf":
            self._insist_on_format(place)

    def _insist_on_format(self, place: int) -> None:
        form = self.words[place + 2] if place + 3 < len(self.words) else self.words[place]
        if form.kind not in {"text", "raw"} or self._at(place + 3) != ",":
            raise self._refusal(form, "the format of `sprintf` has to be written out, so that it can be checked")
        for verb in _VERBS.findall(form.text[1:-1]):
            if verb not in {"s", "d", "v", "%"}:
                raise self._refusal(form, f"`sprintf` knows %s, %d and %v here, and not `%{verb}`")

    def _insist_on_bound(self) -> None:
        """Refuse a variable that nothing gives a value: OPA calls it unsafe, the engine lets the rule pass over."""
        globals_ = {"input", "data", *self.module.aliases, *self.packages[self.module.package]}
        bound = Bindings.of(self.words)
        for place, name in self._references():
            first = name.partition(".")[0]
            if first in globals_ or self._is_call(place, name) or bound.cover(place, first):
                continue
            if self._at(place - 1) == "[" and self._at(place + 1) == "]":
                raise self._refusal(
                    self.words[place],
                    f"`[{first}]` goes through all values in a place where the embedded engine would go through none",
                    "Write `some x in …` before it, and use `x`",
                )
            raise self._refusal(
                self.words[place], f"`{first}` has no value anywhere in its rule", "Is it a slip of the pen?"
            )


def _number(text: str) -> float:
    return int(text) if text.isdecimal() else float(text)
