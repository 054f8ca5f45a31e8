"""PlanLike: anything that gives a plan as its JSON object."""

from typing import Any, Protocol


class PlanLike(Protocol):
    """A `Plan`, or an object of the caller's that gives the documented keys of plan.json.

    >>> class Shares:
    ...     def to_dict(self):
    ...         return {"mixture": {"web": 0.7, "code": 0.3}}
    >>> plan: PlanLike = Shares()
    >>> plan.to_dict()["mixture"]["web"]
    0.7
    """

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON types."""
        ...
