"""Every generated page of ``docs/reference/``; a page that is not listed here is written by hand."""

from __future__ import annotations

from answerfiles.inventory.schema import inventory_schema_text
from answerfiles.json_schema import schema_text
from reference_pages import answers, commands, ports, qa_api, qa_scenarios, refusals, xenserver_answers
from reference_pages.page import Page
from reference_pages.time_limits import page as time_limits

PAGES = (
    Page("answers.md", answers.page),
    Page("answers.schema.json", lambda _: schema_text()),
    Page("inventory.schema.json", lambda _: inventory_schema_text()),
    Page("xenserver-answers.md", xenserver_answers.page),
    Page("cli.md", lambda _: commands.page()),
    Page("refusals.md", lambda _: refusals.page()),
    Page("ports.md", lambda _: ports.page()),
    Page("time-limits.md", lambda _: time_limits.page()),
    Page("qa-api.md", lambda _: qa_api.page()),
    Page("qa-scenarios.md", lambda _: qa_scenarios.page()),
)
