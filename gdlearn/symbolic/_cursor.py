"""A place among the tokens of a text, from which rules read on and errors point."""

from __future__ import annotations

from typing import NoReturn

from ._hints import token_hint
from ._limits import Nodes
from ._tokens import Token, tokens
from ._tree import Node


class Cursor(Nodes):
    """The tokens of one text, the next of them, and the nodes made of those before."""

    def __init__(self, text: str, variables: tuple[str, ...]) -> None:
        super().__init__(text, variables)
        self.tokens, self.next = tokens(text), 0

    def typed(self, token: Token) -> str:
        return self.text[token.start : token.stop][:50]

    def peek(self) -> str:
        """The next token's text; a number's is not a sign's, nor is the end's."""
        token = self.tokens[self.next]
        return "raised" if token.kind == "raised" else token.text

    def take(self) -> Token:
        self.next += 1
        return self.tokens[self.next - 1]

    def expect(self, sign: str) -> None:
        if self.peek() != sign:
            self.unexpected(f'an operator or "{sign}"')
        self.next += 1

    def unexpected(self, wanted: str) -> NoReturn:
        token, before = self.tokens[self.next], self.tokens[max(self.next - 1, 0)]
        after = self.tokens[min(self.next + 1, len(self.tokens) - 1)]
        hint = token_hint(self.typed(before), self.typed(token), self.typed(after))
        instead = "at the end" if token.kind == "end" else f'instead of "{self.typed(token)}"'
        self.fail(f"Expected {wanted} {instead}{hint}", token.start)

    def at(self, kind: str, head: str, children: list[Node], start: int) -> Node:
        """A node that starts at a token."""
        return self.node(kind, head, children, self.tokens[start].start)
