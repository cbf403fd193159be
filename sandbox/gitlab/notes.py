"""GitLab's REST routes: notes, their emoji, and discussions.

Shapes: docs.gitlab.com/api/notes, /api/emoji_reactions and /api/discussions. Refusals: `lib/api/notes.rb`,
`lib/api/helpers/notes_helpers.rb` and `lib/api/award_emoji.rb` of GitLab; the limit is `Note::MAX_NOTE_LENGTH`.
"""

from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from sandbox.gitlab.access import me, need, readable, the_pull
from sandbox.gitlab.answers import Json, Refused, absent, bad, created, flag, forbidden, invalid, needed, paged
from sandbox.gitlab.people import person
from sandbox.gitlab.state import DEVELOPER, GUEST, MAINTAINER, Discussion, GitLab, Links, thread_id
from sandbox.gitlab.times import moment
from sandbox.model import Comment, Pull, Repo, now

NOTE_LIMIT = 1_000_000
_MR = "/projects/<part:project>/merge_requests/<int:number>"
_EMOJI = {"eyes": "eyes", "+1": "thumbsup", "-1": "thumbsdown", "laugh": "laughing", "hooray": "tada"}


def note_json(hub: GitLab, links: Links, repo: Repo, pull: Pull, comment: Comment, thread: Discussion | None) -> Json:
    """A note; `thread` is the discussion it is in, and None for what GitLab itself noted."""
    resolvable = thread is not None and not thread.individual
    found: Json = {
        "id": comment.id,
        "type": "DiscussionNote" if resolvable else None,
        "body": comment.body,
        "author": person(hub, links, comment.author),
        "created_at": moment(comment.created_at),
        "updated_at": moment(comment.updated_at),
        "system": thread is None,
        "noteable_id": pull.id,
        "noteable_type": "MergeRequest",
        "project_id": repo.id,
        "resolvable": resolvable,
        "confidential": False,
        "internal": False,
        "imported": False,
        "imported_from": "none",
        "noteable_iid": pull.number,
        "commands_changes": {},
        "attachment": None,
    }
    if thread is not None and resolvable:
        by = person(hub, links, thread.resolved_by) if thread.resolved_by else None
        found |= {"resolved": by is not None, "resolved_by": by, "resolved_at": moment(thread.resolved_at)}
    return found


class Conversation:
    """One merge request's notes, for one request."""

    def __init__(self, hub: GitLab, project: str, number: int) -> None:
        self.hub = hub
        self.repo = readable(hub, project)
        self.pull = the_pull(self.repo, number)
        self.talk = hub.talk(self.repo, self.pull)

    def thread_of(self, comment: Comment) -> Discussion | None:
        """Find the discussion that a note is in."""
        return self.talk.thread_of(comment.id)

    def all(self) -> list[Comment]:
        """List every note, GitLab's own too, oldest first."""
        found = [*self.pull.comments, *self.talk.system_notes]
        return sorted(found, key=lambda one: (one.created_at, one.id))

    def find(self, note_id: int) -> Comment:
        """Find a note."""
        found = next((one for one in self.all() if one.id == note_id), None)
        if found is None:
            raise absent()
        return found

    def owned(self, note_id: int) -> Comment:
        """Find a note that the one who asks may change: their own, or anybody's for a maintainer."""
        found, login = self.find(note_id), me()
        if self.thread_of(found) is None:
            raise forbidden()
        if found.author != login:
            need(self.hub, self.repo, MAINTAINER)
        return found

    def thread(self, discussion_id: str) -> Discussion:
        """Find a discussion."""
        found = next((one for one in self.talk.discussions if one.id == discussion_id), None)
        if found is None:
            raise absent("Discussion")
        return found

    def say(self, body: str, thread: Discussion | None = None) -> Comment:
        """Write a note, alone or in a thread."""
        login = need(self.hub, self.repo, GUEST)
        with self.hub.forge.lock:
            self.talk.joining = thread
            try:
                comment = self.hub.forge.comment(self.repo.full_name, self.pull.number, login, body)
                self.hub.talk(self.repo, self.pull)
            finally:
                self.talk.joining = None
        return comment

    def note(self, comment: Comment) -> Json:
        """Put a note in JSON."""
        return note_json(self.hub, g.links, self.repo, self.pull, comment, self.thread_of(comment))

    def discussion(self, thread: Discussion) -> Json:
        """Put a discussion in JSON."""
        notes = [self.note(one) for one in self.pull.comments if one.id in thread.note_ids]
        return {"id": thread.id, "individual_note": thread.individual, "notes": notes}


def _body() -> str:
    body = str(needed("body"))
    if not body.strip():
        raise bad('Note {:note=>["can\'t be blank"]}')
    if len(body) > NOTE_LIMIT:
        raise bad(f'Note {{:note=>["is too long (maximum is {NOTE_LIMIT} characters)"]}}')
    return body


def add_notes(api: Blueprint, hub: GitLab) -> None:
    """Add the routes of notes."""

    @api.get(f"{_MR}/notes")
    def _notes(project: str, number: int) -> Response:
        talk, words = Conversation(hub, project, number), request.args
        found = talk.all()
        if words.get("activity_filter") == "only_comments":
            found = [one for one in found if talk.thread_of(one)]
        if words.get("activity_filter") == "only_activity":
            found = [one for one in found if not talk.thread_of(one)]
        if words.get("order_by") == "updated_at":
            found.sort(key=lambda one: (one.updated_at, one.id))
        if words.get("sort", "desc") != "asc":
            found.reverse()
        return paged([talk.note(one) for one in found])

    @api.post(f"{_MR}/notes")
    def _new_note(project: str, number: int) -> Response:
        talk = Conversation(hub, project, number)
        return created(talk.note(talk.say(_body())))

    @api.get(f"{_MR}/notes/<int:note_id>")
    def _note(project: str, number: int, note_id: int) -> Response:
        talk = Conversation(hub, project, number)
        return jsonify(talk.note(talk.find(note_id)))

    @api.put(f"{_MR}/notes/<int:note_id>")
    def _edit_note(project: str, number: int, note_id: int) -> Response:
        talk = Conversation(hub, project, number)
        comment = talk.owned(note_id)
        hub.forge.edit_comment(talk.repo.full_name, comment.id, _body(), me())
        return jsonify(talk.note(comment))

    @api.delete(f"{_MR}/notes/<int:note_id>")
    def _delete_note(project: str, number: int, note_id: int) -> tuple[str, int]:
        talk = Conversation(hub, project, number)
        comment = talk.owned(note_id)
        hub.forge.delete_comment(talk.repo.full_name, comment.id, me())
        return "", 204


def add_emoji(api: Blueprint, hub: GitLab) -> None:
    """Add the routes of emoji on notes."""

    def award(comment: Comment, login: str, content: str, number: int) -> Json:
        return {
            "id": comment.id * 100 + number,
            "name": _EMOJI.get(content, content),
            "user": person(hub, g.links, login),
            "created_at": moment(comment.updated_at),
            "updated_at": moment(comment.updated_at),
            "awardable_id": comment.id,
            "awardable_type": "Note",
            "url": None,
        }

    def awards(comment: Comment) -> list[Json]:
        return [award(comment, login, content, n) for n, (login, content) in enumerate(comment.reactions)]

    @api.get(f"{_MR}/notes/<int:note_id>/award_emoji")
    def _awards(project: str, number: int, note_id: int) -> Response:
        return paged(awards(Conversation(hub, project, number).find(note_id)))

    @api.post(f"{_MR}/notes/<int:note_id>/award_emoji")
    def _award(project: str, number: int, note_id: int) -> Response:
        talk, name = Conversation(hub, project, number), str(needed("name")).strip(":")
        login = need(hub, talk.repo, GUEST)
        comment = talk.find(note_id)
        content = next((ours for ours, theirs in _EMOJI.items() if theirs == name), name)
        if not name.replace("_", "").replace("-", "").replace("+", "").isalnum():
            raise absent("Award Emoji Name is not a valid emoji name")
        if not hub.forge.react(talk.repo.full_name, comment.id, login, content):
            raise absent("Award Emoji Name has already been taken")
        return created(award(comment, login, content, len(comment.reactions) - 1))

    @api.delete(f"{_MR}/notes/<int:note_id>/award_emoji/<int:award_id>")
    def _no_award(project: str, number: int, note_id: int, award_id: int) -> tuple[str, int]:
        comment = Conversation(hub, project, number).find(note_id)
        found = next((n for n, one in enumerate(awards(comment)) if one["id"] == award_id), None)
        if found is None:
            raise absent("Award Emoji")
        if comment.reactions[found][0] != me():
            raise Refused(401, "401 Unauthorized")
        comment.reactions.pop(found)
        return "", 204


def add_discussions(api: Blueprint, hub: GitLab) -> None:
    """Add the routes of discussions."""

    @api.get(f"{_MR}/discussions")
    def _discussions(project: str, number: int) -> Response:
        talk = Conversation(hub, project, number)
        return paged([talk.discussion(one) for one in talk.talk.discussions] + _noted(talk))

    @api.post(f"{_MR}/discussions")
    def _new_discussion(project: str, number: int) -> Response:
        talk, body = Conversation(hub, project, number), _body()
        thread = Discussion(thread_id(f"thread {hub.forge.ids.next()}"), [], individual=False)
        talk.say(body, thread)
        return created(talk.discussion(thread))

    @api.get(f"{_MR}/discussions/<discussion>")
    def _discussion(project: str, number: int, discussion: str) -> Response:
        talk = Conversation(hub, project, number)
        return jsonify(talk.discussion(talk.thread(discussion)))

    @api.put(f"{_MR}/discussions/<discussion>")
    def _resolve_discussion(project: str, number: int, discussion: str) -> Response:
        talk = Conversation(hub, project, number)
        thread = talk.thread(discussion)
        login = _may_resolve(talk, thread)
        resolved = flag("resolved")
        if resolved is None:
            raise invalid("resolved is missing")
        thread.resolved_by, thread.resolved_at = (login, now()) if resolved else (None, None)
        return jsonify(talk.discussion(thread))

    @api.post(f"{_MR}/discussions/<discussion>/notes")
    def _reply(project: str, number: int, discussion: str) -> Response:
        talk, body = Conversation(hub, project, number), _body()
        thread = talk.thread(discussion)
        thread.individual = False
        return created(talk.note(talk.say(body, thread)))


def _may_resolve(talk: Conversation, thread: Discussion) -> str:
    login = me()
    if thread.individual:
        raise forbidden()
    first = talk.find(thread.note_ids[0])
    if login not in {talk.pull.author, first.author}:
        need(talk.hub, talk.repo, DEVELOPER)
    return login


def _noted(talk: Conversation) -> list[dict[str, Any]]:
    """Give GitLab's own notes, each a discussion by itself."""
    return [
        {"id": thread_id(one.id), "individual_note": True, "notes": [talk.note(one)]} for one in talk.talk.system_notes
    ]
