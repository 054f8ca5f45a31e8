"""PlanLike: protocol of objects that give a plan as a JSON object."""

from typing import Any, Protocol


class PlanLike(Protocol):
    """Protocol of plans: a `Plan`, or any object whose `to_dict` gives the documented keys of plan.json.

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
