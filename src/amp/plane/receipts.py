"""A request that carries a key is answered once: the commit that does its work also holds the answer.

Given what is about to be committed, `with_answer` adds the answer to it, made from the model as it will be. So there is
no moment at which the work is done and the answer is not known: whoever leads next finds both, or neither. How many
answers are kept, and for how long, is decided here as well; what a client is told is written by whoever gives the
`Receipt`. Pure: `plane.door` commits, `plane.forgetting` counts the hours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from amp.kit.ids import EntityId
from amp.model import changes as c
from amp.model.model import AnswerKey, Model, answer_size

#: Of an answer's body, so many bytes are kept; of one that is longer, none.
LONGEST = 16 * 1024
#: So many answers are kept, and so many bytes of them in all; the oldest are forgotten first.
MOST, MOST_BYTES = 100_000, 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Said:
    """What a client is told. `location`: a path, or nothing."""

    status: int
    body: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The request that a commit is made for. `digest`: of what was sent, so that other words with its key are noticed.

    `said` makes the answer from the model as it will be and what the request's method is going to return; it is called
    once, right before the commit, and must decide by nothing else.
    """

    user: str
    method: str
    path: str
    key: str
    digest: str
    said: Callable[[Model, Any], Said]

    @property
    def identity(self) -> AnswerKey:
        """By what a repetition is known."""
        return (self.user, self.method, self.path, self.key)


def with_answer(
    receipt: Receipt | None, model: Model, about: EntityId | None, changes: Sequence[c.AnyChange], done: Any
) -> list[c.AnyChange]:
    """Answer what to commit: the Changes of the work and, where a receipt is wanted, the answer to its client.

    `about`: the entity that the work is for; `done`: what the request's method returns.
    """
    if receipt is None:
        return list(changes)
    said = receipt.said(_preview(model, about, changes), done)
    kept = said.body if len(said.body.encode()) <= LONGEST else ""
    answered = c.RequestAnswered(
        receipt.user, receipt.method, receipt.path, receipt.key, receipt.digest, said.status, said.location, kept
    )
    too_many = surplus(model, answered)
    return [*changes, *([c.AnswersForgotten(too_many)] if too_many else ()), answered]


def surplus(model: Model, coming: c.RequestAnswered) -> int:
    """Answer how many of the oldest answers must go, so that another one is not too much."""
    count, room = max(0, len(model.answers) + 1 - MOST), MOST_BYTES - answer_size(coming) - model.answers_size
    for number, each in enumerate(model.answers.values()):
        if room >= 0 and number >= count:
            return number
        room += answer_size(each)
    return len(model.answers)


def _preview(model: Model, about: EntityId | None, changes: Sequence[c.AnyChange]) -> Model:
    """Make a small model of what an answer may tell of: an entity, what is above it, and what is about to change."""
    line = []
    entity = model.entities.get(about) if about is not None else None
    while entity is not None:
        line.append(entity)
        entity = model.entities.get(entity.parent) if entity.parent is not None else None
    small = Model()
    small.entities.update((each.id, each) for each in reversed(line))
    for change in changes:
        small.apply(change)
    return small
