"""What becomes of each path of the old overlay on the new image (pure)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from upgrade.state import merges
from upgrade.state.nodes import Entry, Facts, Kind, Node, Texts
from upgrade.state.rules import Verdict, rule

ASIDE = ".dom0kit-new"
"""Ending of the new image's file next to the host's, when both changed it."""
CHANGED_ALIKE = "the new image has the same"
KEPT = frozenset({Verdict.CARRIED, Verdict.OWN})
"""Verdicts on what the host keeps."""


class Change(StrEnum):
    """What the host did to the path, compared with the old image."""

    ADDED = "added"
    CHANGED = "changed"
    OWNER = "owner or mode"
    REMOVED = "removed"
    NONE = "none"


class Act(StrEnum):
    """How a path of the new overlay is made."""

    NOTHING = "nothing"
    COPY = "copy"
    """Content, owner and mode of the old overlay."""
    OWNER = "owner"
    """Content of the new image, owner and mode of the old overlay."""
    TEXT = "text"
    """A merged text with owner and mode of the old overlay."""
    WHITEOUT = "whiteout"
    FOLDER = "folder"
    """A folder of the host, or one that holds something of the host."""


@dataclass(frozen=True)
class Decision:
    """The verdict on one path.

    :param reason: in a few words, for users.
    :param text: for :attr:`Act.TEXT`.
    :param owner: for a folder: owner and mode.
    :param opaque: for a folder: whether it hides the new image's.
    :param aside: whether the new image's file is put next to it, see :data:`ASIDE`.
    """

    path: str
    verdict: Verdict
    reason: str
    change: Change
    act: Act = Act.NOTHING
    text: str = ""
    owner: Node | None = None
    opaque: bool = False
    aside: bool = False
    size: int = 0


@dataclass(frozen=True)
class Plan:
    """All decisions in the order of the facts, and what keeps the host from changing to the new image."""

    decisions: tuple[Decision, ...]
    problems: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Return the bytes of the files that are copied."""
        return sum(decision.size for decision in self.decisions if decision.act is not Act.NOTHING)


def make_plan(facts: Facts) -> Plan:
    """Decide about each path of the old overlay."""
    drafts = [_decide(entry, facts) for entry in facts.entries]
    decisions = _with_folders(facts.entries, drafts)
    asides = {decision.path + ASIDE for decision in decisions if decision.aside}
    decisions = [
        replace(decision, verdict=Verdict.DROPPED, reason="of an earlier change of the image", act=Act.NOTHING)
        if decision.path in asides
        else decision
        for decision in decisions
    ]
    return Plan(tuple(decisions), tuple(_account_problems(facts, decisions)))


def change_of(entry: Entry) -> Change:
    """Return what the host did to a path."""
    host, old = entry.host, entry.old
    if host.kind is Kind.WHITEOUT:
        return Change.REMOVED
    if old is None:
        return Change.ADDED
    if host.kind is Kind.FOLDER and old.kind is Kind.FOLDER:
        if entry.opaque:
            return Change.CHANGED
        return Change.NONE if host.same_owner(old) else Change.OWNER
    if not host.same_content(old):
        return Change.CHANGED
    return Change.NONE if host.same_owner(old) else Change.OWNER


def _decide(entry: Entry, facts: Facts) -> Decision:
    """Return the decision on one path; folders are completed by :func:`_with_folders`."""
    change = change_of(entry)

    def decision(verdict: Verdict, reason: str, act: Act = Act.NOTHING, *, aside: bool = False, text: str = "") -> Decision:
        size = entry.host.size if act is Act.COPY else (entry.new.size if act is Act.OWNER and entry.new else 0)
        return Decision(entry.path, verdict, reason, change, act, text, aside=aside, size=size)

    verdict, reason = rule(entry.path, facts.shared) or (Verdict.OWN, "")
    texts = facts.texts.get(entry.path)
    if entry.path in facts.edited:
        made = decision(Verdict.CONFLICT, "first boot makes it from host.json again: what was changed in it by hand is lost")
    elif verdict not in KEPT:
        package = facts.reinstalled.get(entry.path) if verdict is Verdict.DROPPED else None
        made = decision(Verdict.RECREATED, f"the package {package} is installed again") if package else decision(verdict, reason)
    elif entry.host.kind is Kind.SOCKET:
        made = decision(Verdict.DROPPED, "a running program makes it")
    elif entry.host.kind is Kind.FOLDER:
        made = decision(verdict, reason)
    elif entry.host.kind is Kind.WHITEOUT:
        made = _removed(entry, verdict, decision)
    elif entry.host.kind is Kind.FILE and texts is not None and (merged := merges.MERGES[entry.path](texts)) is not None:
        made = _merged(entry, texts, merged, decision)
    else:
        made = _unchanged(entry, change, verdict, reason, decision) or _three_way(entry, verdict, reason, decision)
    return made


Deciding = Callable[..., Decision]


def _removed(entry: Entry, verdict: Verdict, decision: Deciding) -> Decision:
    if entry.new is None:
        return decision(Verdict.DROPPED, "the new image does not have it either")
    if entry.old is None:
        return decision(Verdict.DROPPED, "nothing was removed")
    return decision(verdict, "stays removed", Act.WHITEOUT)


def _merged(entry: Entry, texts: Texts, merged: str, decision: Deciding) -> Decision:
    if merged == texts.new and entry.host.same_owner(entry.new):
        return decision(Verdict.MERGED, "as in the new image")
    return decision(Verdict.MERGED, "the host's changes in the new image's file", Act.TEXT, text=merged)


def _unchanged(entry: Entry, change: Change, verdict: Verdict, reason: str, decision: Deciding) -> Decision | None:
    """Decide about what has the content of one of the images; None for what is the host's alone."""
    host, new = entry.host, entry.new
    made = None
    if change is Change.NONE:
        made = decision(Verdict.DROPPED, "as the image has it")
    elif change is Change.OWNER and new is None:
        made = decision(Verdict.DROPPED, "the new image does not have it; only owner or mode were changed")
    elif change is Change.OWNER and new is not None and new.kind is host.kind:
        made = decision(verdict, reason or "content of the new image, the host's owner and mode", Act.OWNER)
    elif host.same_content(new) and host.same_owner(new):
        made = decision(Verdict.DROPPED, CHANGED_ALIKE)
    elif host.same_content(new):
        made = decision(verdict, reason or CHANGED_ALIKE, Act.COPY)
    return made


def _three_way(entry: Entry, verdict: Verdict, reason: str, decision: Deciding) -> Decision:
    """Decide about what is the host's alone: its content is in neither image."""
    old, new = entry.old, entry.new
    if new is None:
        return decision(verdict, reason or ("the new image does not have it" if old else "added by hand"), Act.COPY)
    if old is not None and old.same_content(new):
        return decision(verdict, reason or "the image's file is the same in both images", Act.COPY)
    if verdict is Verdict.CARRIED:
        return decision(verdict, reason, Act.COPY)
    aside = new.kind in (Kind.FILE, Kind.LINK)
    text = "both changed it: the host's stays" if old else "both added it: the host's stays"
    return decision(Verdict.CONFLICT, text + (f", the new image's is {ASIDE}" if aside else ""), Act.COPY, aside=aside)


def _with_folders(entries: tuple[Entry, ...], drafts: list[Decision]) -> list[Decision]:
    """Complete the decisions on folders: one is made when it holds something, or is itself the host's."""
    wanted: set[str] = set()
    holds: set[str] = set()
    result: list[Decision] = []
    for entry, draft in zip(reversed(entries), reversed(drafts), strict=True):
        made = draft
        if entry.host.kind is Kind.FOLDER:
            made = _folder(entry, draft, needed=entry.path in wanted, empty=entry.path not in holds)
        parent = entry.path.rpartition("/")[0]
        holds.add(parent)
        if made.act is not Act.NOTHING:
            wanted.add(parent)
        result.append(made)
    return result[::-1]


def _folder(entry: Entry, draft: Decision, *, needed: bool, empty: bool) -> Decision:
    """Return the decision on a folder.

    A folder that the host added is opaque to overlayfs, which means nothing: the new image's files in it are seen. One that
    takes the place of a folder of the old image hides the new image's as well.

    :param needed: whether something in it is made.
    :param empty: whether the host has nothing in it.
    """
    host, old, new = entry.host, entry.old, entry.new
    own = draft.verdict in KEPT
    was_folder, is_folder = old is not None and old.kind is Kind.FOLDER, new is not None and new.kind is Kind.FOLDER
    opaque = entry.opaque and was_folder and is_folder and own
    changed = draft.change in (Change.OWNER, Change.CHANGED) and (is_folder or not was_folder)
    itself = own and (opaque or changed or (draft.change is Change.ADDED and empty and not is_folder))
    if not itself and not needed:
        why = draft.reason if not own else "nothing in it is carried"
        return replace(draft, verdict=draft.verdict if not own else Verdict.DROPPED, reason=why)
    image = new if is_folder and (draft.change is Change.NONE or not own) else None
    made = replace(draft, act=Act.FOLDER, owner=image or host, opaque=opaque)
    if new is not None and not is_folder:
        return replace(made, verdict=Verdict.CONFLICT, reason=f"hides a {new.kind} of the new image")
    if opaque:
        return replace(made, reason="hides the image's folder")
    return replace(made, reason=draft.reason or ("a folder of the host" if itself else "holds what is carried"))


def _account_problems(facts: Facts, decisions: list[Decision]) -> list[str]:
    """Return why files would belong to other users or groups; without a merge the new image's file holds."""
    texts = {decision.path: decision.text for decision in decisions if decision.act is Act.TEXT}
    found = []
    for what, path in (("user", merges.PASSWD), ("group", merges.GROUP)):
        if (three := facts.texts.get(path)) is not None:
            found += merges.Numbers(what, three).problems(texts.get(path, three.new))
    return found
